/*
 * Pages of other origins in a browser (the Fetch standard, "CORS protocol").  Closed: only origins that are configured are told
 * that they may read replies.  No cookies are involved: a page needs a key as everybody else does.
 */
#include "cors.h"

#include <string.h>

static const struct http_pair of_replies[] = {
	{ "Access-Control-Expose-Headers", "ETag, Location, Retry-After, X-Request-ID, Idempotency-Replayed" },
};

static const struct http_pair of_preflights[] = {
	{ "Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE" },
	{ "Access-Control-Allow-Headers",
		"Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, Prefer, X-Request-ID" },
	{ "Access-Control-Max-Age", "600" },
};

bool cors_is_origin(const char *text)
{
	const char *host = strncmp(text, "https://", 8) == 0  ? text + 8
			   : strncmp(text, "http://", 7) == 0 ? text + 7
							      : "";

	/* As browsers write it: lower case, without path, query or user. */
	return *host && host[strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789.-:[]")] == '\0';
}

static const char *allowed_origin(const struct cors *cors, const struct http_request *request)
{
	const char *origin = cors->count ? http_header(request, "Origin") : NULL;

	for (size_t i = 0; origin && i < cors->count; i++)
		if (strcmp(origin, cors->origins[i]) == 0)
			return origin;
	return NULL;
}

static void add_all(struct MHD_Response *response, const struct http_pair *headers, size_t count)
{
	for (size_t i = 0; i < count; i++)
		MHD_add_response_header(response, headers[i].name, headers[i].value);
}

void cors_add_headers(const struct cors *cors, const struct http_request *request, struct MHD_Response *response)
{
	const char *origin = allowed_origin(cors, request);
	bool is_preflight = origin && strcmp(request->method, "OPTIONS") == 0 &&
			    http_header(request, "Access-Control-Request-Method");

	/* Caches must not give one origin what was said to another. */
	if (cors->count)
		MHD_add_response_header(response, "Vary", "Origin");
	if (!origin)
		return;
	MHD_add_response_header(response, "Access-Control-Allow-Origin", origin);
	if (is_preflight)
		add_all(response, of_preflights, CERTCTL_COUNT(of_preflights));
	else
		add_all(response, of_replies, CERTCTL_COUNT(of_replies));
}
