/*
 * The guard in front of the router: what RFC 9110 and 9112 forbid and libmicrohttpd 0.9.75 accepts.  Pure functions; knows
 * nothing of connections, routes or the library.
 */
#include "guard.h"

#include <certctl/name.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* RFC 9110, section 5.6.2 */
static bool is_token(const char *text)
{
	if (!*text)
		return false;
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && !strchr("!#$%&'*+-.^_`|~", *text))
			return false;
	return true;
}

/* RFC 9110, section 5.5: visible characters, space, tab and obs-text; nothing that could end a line */
static bool is_field_value(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' ? *text != '\t' : *text == 0x7f)
			return false;
	return true;
}

static size_t count_headers(const struct guard_request *request, const char *name, const char **ret_value)
{
	size_t count = 0;

	for (size_t i = 0; i < request->header_count; i++)
		if (strcasecmp(request->headers[i].name, name) == 0) {
			*ret_value = request->headers[i].value;
			count++;
		}
	return count;
}

static bool is_number(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	return digits > 0 && digits < 16 && text[digits] == '\0';
}

/* RFC 9112, section 6: one way to say how long the body is, and nothing that two readers could read differently. */
static int check_framing(const struct guard_request *request, struct certctl_error *err)
{
	const char *length = NULL, *coding = NULL;
	size_t lengths = count_headers(request, "Content-Length", &length);
	size_t codings = count_headers(request, "Transfer-Encoding", &coding);

	if (lengths + codings > 1)
		return certctl_fail(err, CERTCTL_E_INVALID, "more than one of Content-Length and Transfer-Encoding");
	if (length && !is_number(length))
		return certctl_fail(err, CERTCTL_E_INVALID, "Content-Length: a number expected");
	if (coding && (strcasecmp(coding, "chunked") != 0 || strcmp(request->version, "HTTP/1.1") != 0))
		return certctl_fail(err, CERTCTL_E_INVALID,
			"Transfer-Encoding: only 'chunked', with HTTP/1.1, is understood");
	return 0;
}

static int check_host(const struct guard_request *request, struct certctl_error *err)
{
	const char *host = NULL;
	size_t hosts = count_headers(request, "Host", &host);

	if (hosts > 1 || (hosts == 0 && strcmp(request->version, "HTTP/1.1") == 0))
		return certctl_fail(err, CERTCTL_E_INVALID, "Host: exactly one expected");
	if (host && (!*host || host[strcspn(host, " \t/@?#,")] != '\0'))
		return certctl_fail(err, CERTCTL_E_INVALID, "Host: not a host");
	return 0;
}

static int check_headers(const struct guard_request *request, struct certctl_error *err)
{
	if (request->header_count > GUARD_HEADERS_MAX)
		return certctl_fail(err, CERTCTL_E_LIMIT, "more than %d headers", GUARD_HEADERS_MAX);
	for (size_t i = 0; i < request->header_count; i++) {
		if (!is_token(request->headers[i].name))
			return certctl_fail(err, CERTCTL_E_INVALID, "header %zu: its name is not a token", i + 1);
		if (!is_field_value(request->headers[i].value))
			return certctl_fail(err, CERTCTL_E_INVALID, "header %s: control character",
				request->headers[i].name);
	}
	return 0;
}

/*
 * NUL, a bare LF, folded lines, names without value, space before a colon: the parser hides them, but the size shows them.
 * It must be that of the same request written the one usual way.
 */
static int check_size(const struct guard_request *request, struct certctl_error *err)
{
	size_t size = strlen(request->method) + 1 + strlen(request->target) + 1 + strlen(request->version) + 2 + 2;

	for (size_t i = 0; i < request->header_count; i++)
		size += strlen(request->headers[i].name) + 2 + strlen(request->headers[i].value) + 2;
	if (request->header_size > GUARD_SIZE_MAX)
		return certctl_fail(err, CERTCTL_E_LIMIT, "headers: more than %d octets", GUARD_SIZE_MAX);
	if (size != request->header_size)
		return certctl_fail(err, CERTCTL_E_INVALID, "headers: unusual spacing, line ends or hidden octets");
	return 0;
}

/* Origin form only (RFC 9112, section 3.2.1), in the characters of RFC 3986. */
static int check_target(const struct guard_request *request, struct certctl_error *err)
{
	size_t len = strlen(request->target);

	if (len > GUARD_TARGET_MAX)
		return certctl_fail(err, CERTCTL_E_LIMIT, "target: more than %d octets", GUARD_TARGET_MAX);
	if (request->target[0] != '/')
		return certctl_fail(err, CERTCTL_E_INVALID, "target: a path expected");
	for (size_t i = 0; i < len; i++) {
		char c = request->target[i];

		if (!isalnum((unsigned char)c) && !strchr("-._~!$&'()*+,;=:@/?%", c))
			return certctl_fail(err, CERTCTL_E_INVALID, "target: octet 0x%02x is not allowed",
				(unsigned char)c);
		if (c == '%' && (!isxdigit((unsigned char)request->target[i + 1]) ||
					!isxdigit((unsigned char)request->target[i + 2])))
			return certctl_fail(err, CERTCTL_E_INVALID, "target: %% without two hexadecimal digits");
	}
	return 0;
}

int guard_check(const struct guard_request *request, struct certctl_error *err)
{
	static int (*const rules[])(const struct guard_request *, struct certctl_error *) = { check_target,
		check_headers, check_framing, check_host, check_size };
	int rc = 0;

	if (strcmp(request->version, "HTTP/1.1") != 0 && strcmp(request->version, "HTTP/1.0") != 0)
		return certctl_fail(err, CERTCTL_E_INVALID, "HTTP/1.1 expected");
	if (!is_token(request->method))
		return certctl_fail(err, CERTCTL_E_INVALID, "method: not a token");
	for (size_t i = 0; rc == 0 && i < CERTCTL_COUNT(rules); i++)
		rc = rules[i](request, err);
	return rc;
}

static int hex_value(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/* Decode `len` octets; `forbidden` may not come out of an escape. */
static int decode(TALLOC_CTX *mem, const char *text, size_t len, const char *forbidden, bool plus_is_space, char **ret,
	struct certctl_error *err)
{
	char *out = talloc_size(mem, len + 1);
	size_t n = 0;

	if (!out)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c == '%') {
			c = (char)(hex_value(text[i + 1]) << 4 | hex_value(text[i + 2]));
			i += 2;
			if ((unsigned char)c < ' ' || c == 0x7f || strchr(forbidden, c))
				return certctl_fail(err, CERTCTL_E_INVALID, "target: %%%02x is not allowed",
					(unsigned char)c);
		} else if (c == '+' && plus_is_space) {
			c = ' ';
		}
		out[n++] = c;
	}
	out[n] = '\0';
	if (!certctl_utf8_is_valid(out, n))
		return certctl_fail(err, CERTCTL_E_INVALID, "target: not UTF-8");
	*ret = out;
	return 0;
}

int guard_path(TALLOC_CTX *mem, const char *target, char **ret, struct certctl_error *err)
{
	char *path = NULL;
	int rc = decode(mem, target, strcspn(target, "?"), "/.\\%", false, &path, err);

	if (rc < 0)
		return rc;
	for (const char *part = path; *part; part += strcspn(part, "/")) {
		part++;
		size_t len = strcspn(part, "/");

		if ((len == 0 && part[0] == '/') || (len == 1 && part[0] == '.') ||
			(len == 2 && strncmp(part, "..", 2) == 0))
			return certctl_fail(err, CERTCTL_E_INVALID,
				"target: empty, '.' and '..' parts are not allowed");
	}
	*ret = path;
	return 0;
}

static int decode_pair(struct http_pair *pairs, size_t count, const char *text, size_t len, struct certctl_error *err)
{
	const char *equals = memchr(text, '=', len);
	size_t name_len = equals ? (size_t)(equals - text) : len;
	char *name = NULL, *value = NULL;
	int rc = decode(pairs, text, name_len, "", true, &name, err);

	if (rc == 0)
		rc = decode(pairs, equals ? equals + 1 : text + len, equals ? len - name_len - 1 : 0, "", true, &value,
			err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < count; i++)
		if (strcmp(pairs[i].name, name) == 0)
			return certctl_fail(err, CERTCTL_E_INVALID, "%s: given twice", name);
	pairs[count] = (struct http_pair){ name, value };
	return 0;
}

int guard_query(TALLOC_CTX *mem, const char *target, struct http_pair **ret, size_t *ret_count,
	struct certctl_error *err)
{
	const char *text = strchr(target, '?');
	struct http_pair *pairs = talloc_array(mem, struct http_pair, 64);
	size_t count = 0;
	int rc = pairs ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	for (text = text ? text + 1 : ""; rc == 0 && *text; count++) {
		size_t len = strcspn(text, "&");

		if (count == 64)
			return certctl_fail(err, CERTCTL_E_LIMIT, "more than 64 query parameters");
		rc = decode_pair(pairs, count, text, len, err);
		text += len + (text[len] == '&');
	}
	if (rc < 0)
		return rc;
	*ret = pairs;
	*ret_count = count;
	return 0;
}
