/* Responses: collecting them with limits, reading headers, judging a status.  Knows nothing of requests. */
#include "http_private.h"

#include <ctype.h>
#include <string.h>

#define HEADERS_MAX      256
#define HEADER_BYTES_MAX 65536

int certctl_http_arrival_init(struct certctl_http_arrival *arrival, TALLOC_CTX *mem, size_t body_max,
	struct certctl_error *err)
{
	*arrival = (struct certctl_http_arrival){ .mem = talloc_new(mem) };
	if (arrival->mem)
		arrival->headers = talloc_zero_array(arrival->mem, char *, HEADERS_MAX + 1);
	if (!arrival->headers) {
		talloc_free(arrival->mem);
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory for a response");
	}
	certctl_buffer_init(&arrival->body, arrival->mem, body_max);
	certctl_buffer_puts(&arrival->body, "");
	return 0;
}

/* curl takes any count but the one it gave as the wish to stop. */
static size_t stop(struct certctl_http_arrival *arrival, enum certctl_code why)
{
	arrival->failure = why;
	return 0;
}

size_t certctl_http_on_body(char *data, size_t size, size_t count, void *arg)
{
	struct certctl_http_arrival *arrival = arg;
	size_t len = size * count;

	if (arrival->sink && arrival->is_success) {
		int rc = arrival->sink(arrival->sink_arg, data, len);

		return rc < 0 ? stop(arrival, rc) : len;
	}
	if (len > arrival->body.max - arrival->body.len)
		return stop(arrival, CERTCTL_E_LIMIT);
	certctl_buffer_append(&arrival->body, data, len);
	return arrival->body.failed ? stop(arrival, CERTCTL_E_NO_MEMORY) : len;
}

/* Informational responses (RFC 9110, section 15.2) come before the real one: what they said is forgotten. */
static void start_over(struct certctl_http_arrival *arrival)
{
	while (arrival->header_count > 0) {
		arrival->header_count--;
		TALLOC_FREE(arrival->headers[arrival->header_count]);
	}
	arrival->headers_done = false;
}

/* "Name:  value\r\n" as "name: value". */
static char *tidy_header(TALLOC_CTX *mem, const char *line, size_t len, size_t name)
{
	const char *value = line + name + 1;
	char *header;

	while (len > name + 1 && isspace((unsigned char)line[len - 1]))
		len--;
	while (value < line + len && (*value == ' ' || *value == '\t'))
		value++;
	header = talloc_asprintf(mem, "%.*s: %.*s", (int)name, line, (int)(line + len - value), value);
	for (size_t i = 0; header && i < name; i++)
		header[i] = (char)tolower((unsigned char)header[i]);
	return header;
}

size_t certctl_http_on_header(char *data, size_t size, size_t count, void *arg)
{
	struct certctl_http_arrival *arrival = arg;
	size_t len = size * count;
	const char *colon = memchr(data, ':', len);

	arrival->header_bytes += len;
	if (arrival->header_bytes > HEADER_BYTES_MAX || arrival->header_count == HEADERS_MAX)
		return stop(arrival, CERTCTL_E_LIMIT);
	if (len >= 5 && memcmp(data, "HTTP/", 5) == 0) {
		start_over(arrival);
		const char *status = memchr(data, ' ', len);

		arrival->is_success = status && status + 1 < data + len && status[1] == '2';
		return len;
	}
	if (data[0] == '\r' || data[0] == '\n') {
		arrival->headers_done = true;
		return len;
	}
	/* Trailers, folded lines and what is no header at all say nothing to us. */
	if (arrival->headers_done || !colon || colon == data || isspace((unsigned char)data[0]) || memchr(data, 0, len))
		return len;
	char *header = tidy_header(arrival->headers, data, len, (size_t)(colon - data));

	if (!header)
		return stop(arrival, CERTCTL_E_NO_MEMORY);
	arrival->headers[arrival->header_count++] = header;
	return len;
}

const char *certctl_http_header(const struct certctl_http_response *response, const char *name)
{
	size_t len = strlen(name);

	for (char **header = response->headers; header && *header; header++)
		if (strncmp(*header, name, len) == 0 && (*header)[len] == ':')
			return *header + len + 2;
	return NULL;
}

/* The first row that contains the status decides. */
static const struct {
	int first, last;
	enum certctl_code code;
} statuses[] = {
	{ 200, 299, CERTCTL_OK },
	{ 300, 399, CERTCTL_E_PROTOCOL },
	{ 401, 401, CERTCTL_E_DENIED },
	{ 403, 403, CERTCTL_E_DENIED },
	{ 404, 404, CERTCTL_E_NOT_FOUND },
	{ 408, 408, CERTCTL_E_UNAVAILABLE },
	{ 409, 409, CERTCTL_E_CONFLICT },
	{ 410, 410, CERTCTL_E_NOT_FOUND },
	{ 425, 425, CERTCTL_E_UNAVAILABLE },
	{ 429, 429, CERTCTL_E_UNAVAILABLE },
	{ 400, 499, CERTCTL_E_INVALID },
	{ 501, 501, CERTCTL_E_UNSUPPORTED },
	{ 505, 505, CERTCTL_E_UNSUPPORTED },
	{ 500, 599, CERTCTL_E_UNAVAILABLE },
};

int certctl_http_check(const struct certctl_http_response *response, const char *what, struct certctl_error *err)
{
	enum certctl_code code = CERTCTL_E_PROTOCOL;

	for (size_t i = CERTCTL_COUNT(statuses); i-- > 0;)
		if (response->status >= statuses[i].first && response->status <= statuses[i].last)
			code = statuses[i].code;
	if (code == CERTCTL_OK)
		return 0;
	certctl_fail(err, code, "%s: answered %d", what, (int)response->status);
	if (err && code == CERTCTL_E_UNAVAILABLE)
		err->retry_after_s = response->retry_after_s;
	if (code == CERTCTL_E_PROTOCOL && response->status >= 300 && response->status < 400)
		certctl_hint(err, "Redirects are not followed: configure the address it leads to.");
	return code;
}
