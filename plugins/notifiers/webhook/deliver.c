/*
 * One delivery: a signed POST (www.standardwebhooks.com) and what the answer means.  A message keeps its id and its body on every
 * attempt; the timestamp, and so the signature, is the attempt's.
 */
#include "webhook.h"

#include <certctl/http.h>
#include <string.h>
#include <strings.h>

/* What a receiver has to say fits; nobody reads it. */
#define ANSWER_MAX ((size_t)64 * 1024)

static int out_of_memory(struct certctl_error *err)
{
	return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}

/* The HTTP client judges the form; here is what would change the meaning of the message. */
int webhook_check_headers(const struct certctl_list *headers, struct certctl_error *err)
{
	const struct webhook_header *rows = headers->items;

	for (size_t i = 0; i < headers->count; i++) {
		if (strncasecmp(rows[i].name, "webhook-", 8) == 0 || strcasecmp(rows[i].name, "Content-Type") == 0)
			return certctl_fail(err, CERTCTL_E_INVALID, "headers[%zu]: %s is the message's own", i,
				rows[i].name);
		if (memchr(rows[i].value.data, 0, rows[i].value.len))
			return certctl_fail(err, CERTCTL_E_INVALID, "headers[%zu]: its value holds a NUL", i);
	}
	return 0;
}

/* A route adds to the path; it can neither leave the host nor climb. */
static int make_url(const struct certctl_notifier *self, const struct webhook_item *item, TALLOC_CTX *mem,
	const char **ret, struct certctl_error *err)
{
	const char *base = self->config->url, *path = item ? item->path : NULL;
	size_t len = strlen(base);

	if (!path || !path[0]) {
		*ret = base;
		return 0;
	}
	if (path[0] != '/' || strstr(path, "/..") || strpbrk(path, "\\#"))
		return certctl_fail(err, CERTCTL_E_INVALID,
			"path: expected to begin with a slash and to hold no '/..' and no '#'");
	if (strpbrk(base, "?#"))
		return certctl_fail(err, CERTCTL_E_INVALID, "path: cannot follow a url that has a query");
	while (len > 0 && base[len - 1] == '/')
		len--;
	*ret = talloc_asprintf(mem, "%.*s%s", (int)len, base, path);
	return *ret ? 0 : out_of_memory(err);
}

static const char *header_line(TALLOC_CTX *mem, const struct webhook_header *header)
{
	size_t name = strlen(header->name);
	char *line = certctl_secret_alloc(mem, name + 2 + header->value.len + 1);

	if (!line)
		return NULL;
	memcpy(line, header->name, name);
	memcpy(line + name, ": ", 2);
	memcpy(line + name + 2, header->value.data, header->value.len);
	line[name + 2 + header->value.len] = 0;
	return line;
}

struct header_list {
	const char *lines[2 * WEBHOOK_HEADERS_MAX + 5];
	size_t count;
	bool failed;
};

static void add_line(struct header_list *list, const char *line)
{
	certctl_assert(list->count + 1 < CERTCTL_COUNT(list->lines));
	list->failed = list->failed || !line;
	list->lines[list->count++] = line;
}

static void add_lines(struct header_list *list, TALLOC_CTX *mem, const struct certctl_list *headers)
{
	const struct webhook_header *rows = headers->items;

	for (size_t i = 0; i < headers->count; i++)
		add_line(list, header_line(mem, &rows[i]));
}

static int make_headers(const struct certctl_notifier *self, const struct certctl_message *message, const char *body,
	size_t body_len, int64_t now_s, TALLOC_CTX *mem, struct header_list *ret, struct certctl_error *err)
{
	const struct webhook_item *item = message->item;
	char *signature;
	int rc = item ? webhook_check_headers(&item->headers, err) : 0;

	if (rc == 0)
		rc = webhook_sign(mem, self->keys, self->config->secrets.count, message->id, now_s, body, body_len,
			&signature, err);
	if (rc < 0)
		return rc;
	add_line(ret, "Content-Type: application/json");
	add_line(ret, talloc_asprintf(mem, "webhook-id: %s", message->id));
	add_line(ret, talloc_asprintf(mem, "webhook-timestamp: %lld", (long long)now_s));
	add_line(ret, talloc_asprintf(mem, "webhook-signature: %s", signature));
	add_lines(ret, mem, &self->config->headers);
	if (item)
		add_lines(ret, mem, &item->headers);
	return ret->failed ? out_of_memory(err) : 0;
}

struct delivery {
	const struct certctl_host *host;
};

static bool is_cancelled(void *arg)
{
	const struct delivery *delivery = arg;

	return delivery->host->cancelled(delivery->host);
}

/* Ours, or what is left of the call when that is less. */
static int32_t timeout_s(const struct certctl_notifier *self, const struct certctl_host *host)
{
	int64_t left_s = host->remaining_ms(host) / 1000;

	left_s = left_s < self->config->timeout_s ? left_s : self->config->timeout_s;
	return left_s > 1 ? (int32_t)left_s : 1;
}

static int judge(const struct certctl_notifier *self, const struct certctl_http_response *response,
	struct certctl_error *err)
{
	int rc = certctl_http_check(response, self->endpoint, err);

	if (rc < 0 && response->status == 410)
		certctl_hint(err,
			"The receiver wants no more messages at this address: remove the route or correct the url.");
	return rc;
}

int webhook_send(struct certctl_notifier *self, const struct certctl_host *host, const struct certctl_message *message,
	TALLOC_CTX *mem, struct certctl_receipt *ret, struct certctl_error *err)
{
	struct delivery delivery = { .host = host };
	struct certctl_http_request request = {
		.method = "POST",
		.timeout_s = timeout_s(self, host),
		.response_max = ANSWER_MAX,
		.is_cancelled = is_cancelled,
		.arg = &delivery,
	};
	struct certctl_http_response response = { 0 };
	struct header_list headers = { 0 };
	char *body = NULL;
	int rc = webhook_body(mem, message, message->item, &body, &request.body_len, err);

	if (rc == 0)
		rc = make_url(self, message->item, mem, &request.url, err);
	if (rc == 0)
		rc = make_headers(self, message, body, request.body_len, host->now_s(host), mem, &headers, err);
	if (rc < 0)
		return rc;
	request.body = body;
	request.headers = headers.lines;
	rc = certctl_http_send(self->client, mem, &request, &response, err);
	if (rc == 0)
		rc = judge(self, &response, err);
	if (rc == 0)
		ret->reference = message->id;
	return rc;
}
