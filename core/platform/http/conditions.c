/* What a route takes and a client knows already: declared query parameters, ETag.  Knows nothing of connections. */
#include "exchange.h"

#include <certctl/field.h>
#include <certctl/x509.h>
#include <string.h>

bool http_route_is_single(const struct http_route *route)
{
	return route->gives && !route->is_list && strcmp(route->method, "GET") == 0 &&
	       !(route->permission & (HTTP_PERMISSION_PUBLIC | HTTP_PERMISSION_AGENT));
}

/* --- Query ----------------------------------------------------------------------------------------------------------- */

static bool is_declared(const struct http_route *route, const char *name)
{
	static const char *const of_lists[] = { "limit", "cursor", "fields" };

	for (size_t i = 0; route->is_list && i < CERTCTL_COUNT(of_lists); i++)
		if (strcmp(of_lists[i], name) == 0)
			return true;
	for (size_t i = 0; route->filters && route->filters[i]; i++)
		if (strcmp(route->filters[i], name) == 0)
			return true;
	for (const struct certctl_field *row = route->parameters; row && row->name; row++)
		if (strcmp(row->name, name) == 0)
			return true;
	return false;
}

int request_check_query(const struct http_request *request, struct certctl_error *err)
{
	for (size_t i = 0; i < request->query_count; i++)
		if (!is_declared(request->route, request->query[i].name))
			return certctl_fail(err, CERTCTL_E_INVALID, "%s: unknown query parameter",
				request->query[i].name);
	return 0;
}

/* --- ETag ------------------------------------------------------------------------------------------------------------ */

/* Is the tag among those of an If-None-Match?  Compared weakly, as reads are. */
static bool is_among(const char *given, const char *tag)
{
	size_t len = strlen(tag);

	while (*given) {
		given += strspn(given, " \t,");
		if (*given == '*')
			return true;
		if (strncmp(given, "W/", 2) == 0)
			given += 2;
		if (strncmp(given, tag, len) == 0)
			return true;
		given += strcspn(given, ",");
	}
	return false;
}

const char *http_tag(struct http_request *request, const void *body, size_t len)
{
	char sha256[65];

	certctl_sha256_hex(body, len, sha256);
	const char *tag = talloc_asprintf(request, "\"%.32s\"", sha256);

	return tag ? tag : "\"\"";
}

/* Compared strongly: a weak tag is never the same. */
bool http_if_match(const struct http_request *request, const char *tag)
{
	const char *given = http_header(request, "If-Match");
	size_t len = strlen(tag);

	while (given && *given) {
		given += strspn(given, " \t,");
		if (*given == '*' || strncmp(given, tag, len) == 0)
			return true;
		given += strcspn(given, ",");
	}
	return !given;
}

/* A handler may have said what the tag is. */
static const char *tag_of(struct exchange *exchange)
{
	struct http_reply *reply = &exchange->reply;

	for (size_t i = 0; i < reply->header_count; i++)
		if (strcmp(reply->headers[i].name, "ETag") == 0)
			return reply->headers[i].value;
	const char *tag = http_tag(&exchange->request, reply->body.data, reply->body.len);

	http_reply_header(reply, "ETag", tag);
	return tag;
}

void reply_tag(struct exchange *exchange)
{
	struct http_reply *reply = &exchange->reply;
	const char *given = http_header(&exchange->request, "If-None-Match");

	if (reply->status != 200 || reply->more)
		return;
	const char *tag = tag_of(exchange);

	if (!given || !is_among(given, tag))
		return;
	certctl_buffer_init(&reply->body, &exchange->request, 1);
	reply->content_type = NULL;
	reply->status = 304;
}
