/* What handlers ask a request and put into a reply.  Knows nothing of connections. */
#include "exchange.h"

#include <certctl/json.h>
#include <string.h>
#include <strings.h>

struct exchange *exchange_of(struct http_request *request)
{
	return CERTCTL_CAST((struct exchange *)(void *)request, struct exchange, EXCHANGE_MAGIC);
}

const char *http_path(const struct http_request *request, const char *name)
{
	for (size_t i = 0; i < request->path_value_count; i++)
		if (strcmp(request->path_values[i].name, name) == 0)
			return request->path_values[i].value;
	certctl_assert_failed("the route has a part of this name", __FILE__, __LINE__, __func__);
}

const char *http_query(const struct http_request *request, const char *name)
{
	for (size_t i = 0; i < request->query_count; i++)
		if (strcmp(request->query[i].name, name) == 0)
			return request->query[i].value;
	return NULL;
}

const char *http_header(const struct http_request *request, const char *name)
{
	for (size_t i = 0; i < request->header_count; i++)
		if (strcasecmp(request->headers[i].name, name) == 0)
			return request->headers[i].value;
	return NULL;
}

void http_reply_header(struct http_reply *reply, const char *name, const char *value)
{
	certctl_assert(reply->header_count < CERTCTL_COUNT(reply->headers));
	reply->headers[reply->header_count++] = (struct http_pair){ name, value };
}

int http_reply_json(struct http_reply *reply, unsigned status)
{
	reply->status = status;
	reply->content_type = "application/json";
	return HTTP_DONE;
}

int http_reply_text(struct http_reply *reply, unsigned status, const char *content_type, const char *text)
{
	reply->status = status;
	reply->content_type = content_type;
	certctl_buffer_puts(&reply->body, text);
	return HTTP_DONE;
}

int http_reply_too_many(struct http_request *request, struct http_reply *reply, int64_t retry_after_s,
	struct certctl_error *err)
{
	char *seconds = talloc_asprintf(request, "%lld", (long long)(retry_after_s > 0 ? retry_after_s : 1));

	reply->status = 429;
	reply->code = "too_many_requests";
	if (seconds)
		http_reply_header(reply, "Retry-After", seconds);
	return certctl_fail(err, CERTCTL_E_UNAVAILABLE, "too many requests");
}

int http_reply_empty(struct http_reply *reply, unsigned status)
{
	reply->status = status;
	return HTTP_DONE;
}

int http_reply_stream(struct http_reply *reply, const char *content_type, http_stream_fn *more, void *arg)
{
	reply->status = 200;
	reply->content_type = content_type;
	reply->more = more;
	reply->more_arg = arg;
	return HTTP_DONE;
}

/* One row an error code: what HTTP calls it, and the title of the problem. */
static const struct {
	int code;
	unsigned status;
	const char *title;
} problems[] = {
	{ CERTCTL_E_INVALID, 400, "The request is not valid" },
	{ CERTCTL_E_NOT_FOUND, 404, "Not found" },
	{ CERTCTL_E_CONFLICT, 409, "In conflict with what is there" },
	{ CERTCTL_E_DENIED, 403, "Not permitted" },
	{ CERTCTL_E_UNSUPPORTED, 422, "Not supported" },
	{ CERTCTL_E_UNAVAILABLE, 503, "Not available now" },
	{ CERTCTL_E_TIMEOUT, 503, "Not done in time" },
	{ CERTCTL_E_INTERRUPTED, 503, "Not available now" },
	{ CERTCTL_E_CRASHED, 503, "Not available now" },
	{ CERTCTL_E_LIMIT, 413, "Too large" },
	{ CERTCTL_E_INTERNAL, 500, "Internal error" },
};

static size_t problem_of(int code)
{
	for (size_t i = 0; i < CERTCTL_COUNT(problems); i++)
		if (problems[i].code == code)
			return i;
	return CERTCTL_COUNT(problems) - 1;
}

static void put_member(struct certctl_buffer *out, const char *name, const char *value)
{
	certctl_buffer_printf(out, ",\"%s\":", name);
	certctl_buffer_json_string(out, value, strlen(value));
}

void reply_problem(struct exchange *exchange, int code, const struct certctl_error *err)
{
	struct http_reply *reply = &exchange->reply;
	struct certctl_buffer *out = &reply->body;
	size_t row = problem_of(code);
	unsigned status = reply->status >= 400 ? reply->status : problems[row].status;

	/* A reply of success was made, and then what it tells could not be committed: nothing of it may leave. */
	if (reply->status && reply->status < 400)
		reply->header_count = 0;
	certctl_buffer_init(out, &exchange->request, 65536);
	certctl_buffer_printf(out, "{\"type\":\"about:blank\",\"status\":%u", status);
	put_member(out, "title", problems[row].title);
	put_member(out, "error", problems[row].title);
	put_member(out, "code", reply->code ? reply->code : certctl_code_name(code));
	/* What went wrong inside is in the log, under the request's id; it is nobody else's business. */
	if (status < 500 || status == 503)
		put_member(out, "detail",
			status == 503 && code != CERTCTL_E_UNAVAILABLE ? problems[row].title : err->what);
	if (err->hint[0] && status < 500)
		put_member(out, "hint", err->hint);
	if (exchange->request.id)
		put_member(out, "request_id", exchange->request.id);
	if (reply->problems) {
		const char *text = certctl_json_text(&exchange->request, reply->problems, NULL);

		certctl_buffer_printf(out, ",\"errors\":%s", text ? text : "[]");
	}
	certctl_buffer_puts(out, "}");
	reply->status = status;
	reply->content_type = "application/problem+json";
	if (status == 503)
		http_reply_header(reply, "Retry-After", "2");
}
