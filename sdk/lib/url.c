/* URIs and URLs (RFC 3986): one way to take them apart, for names in certificates and for where we connect to. */
#include "names.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* The pieces of a URI on one context; a URI without "//" has no authority. */
struct pieces {
	char *scheme, *authority, *rest; /* rest: path and query */
};

/* `user:password@`: looked for before anything else, because every other message shows the text. */
static bool has_user_information(const char *text)
{
	const char *authority = strstr(text, "://");

	return authority && memchr(authority + 3, '@', strcspn(authority + 3, "/?#"));
}

static int check_characters(const char *text, struct certctl_error *err)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/?[]@!$&'()*+,;=%";

	if (has_user_information(text))
		return certctl_name_fail(err, "...", "user information (user:password@) is not allowed in a URL");
	if (strlen(text) > CERTCTL_URI_MAX)
		return certctl_name_fail(err, text, "longer than %d bytes", CERTCTL_URI_MAX);
	for (const char *c = text; *c; c++) {
		if (*c == '#')
			return certctl_name_fail(err, text, "a fragment (#...) is not allowed");
		if (!strchr(allowed, *c))
			return certctl_name_fail(err, text, "a character that must be percent-encoded");
		if (*c == '%' && (!isxdigit((unsigned char)c[1]) || !isxdigit((unsigned char)c[2])))
			return certctl_name_fail(err, text, "two hexadecimal digits expected behind %%");
		if (strncmp(c, "%00", 3) == 0)
			return certctl_name_fail(err, text, "%%00 is not allowed");
	}
	return 0;
}

/* Split into scheme, authority and rest; the scheme in lower case. */
static int split(TALLOC_CTX *mem, const char *text, struct pieces *ret, struct certctl_error *err)
{
	static const char scheme_rest[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.";
	size_t len = strspn(text, scheme_rest);
	int rc = check_characters(text, err);

	if (rc < 0)
		return rc;
	if (len == 0 || text[len] != ':' || !isalpha((unsigned char)text[0]) || !text[len + 1])
		return certctl_name_fail(err, text, "an absolute URI such as https://ca.example.com/ expected");
	const char *rest = text + len + 1;

	*ret = (struct pieces){ .scheme = talloc_strndup(mem, text, len) };
	for (char *c = ret->scheme; c && *c; c++)
		*c = (char)tolower((unsigned char)*c);
	if (strncmp(rest, "//", 2) == 0) {
		len = strcspn(rest + 2, "/?");
		ret->authority = talloc_strndup(mem, rest + 2, len);
		rest += 2 + len;
		if (!ret->authority)
			return certctl_name_no_memory(err);
	}
	ret->rest = talloc_strdup(mem, rest);
	return ret->scheme && ret->rest ? 0 : certctl_name_no_memory(err);
}

bool certctl_port_read(const char *text, uint16_t *ret)
{
	unsigned long port = 0;
	size_t len = strspn(text, "0123456789");

	if (len == 0 || len > 5 || text[len])
		return false;
	port = strtoul(text, NULL, 10);
	if (port < 1 || port > 65535)
		return false;
	*ret = (uint16_t)port;
	return true;
}

/* `[v6]` or `[v6]:port` on a copy that may be written to; *port_text is NULL or what stands behind the colon. */
static int split_brackets(char *text, char **ret_host, char **ret_port_text, struct certctl_error *err)
{
	char *end = strchr(text, ']');

	if (!end || (end[1] && end[1] != ':') || !strchr(text, ':') || strchr(text, ':') > end)
		return certctl_name_fail(err, text, "[IPv6 address] or [IPv6 address]:port expected");
	*ret_port_text = end[1] ? end + 2 : NULL;
	*ret_host = text + 1;
	*end = 0;
	return 0;
}

int certctl_host_parse(TALLOC_CTX *mem, const char *text, char **ret_host, uint16_t *ret_port,
	struct certctl_error *err)
{
	char *copy = talloc_strdup(mem, text), *host = copy, *port_text = NULL, *canonical = NULL;
	uint16_t port = 0;
	int rc = 0;

	if (!copy)
		return certctl_name_no_memory(err);
	char *colon = strchr(copy, ':');

	if (copy[0] == '[')
		rc = split_brackets(copy, &host, &port_text, err);
	else if (colon && !strchr(colon + 1, ':')) { /* two colons: a bare IPv6 address */
		*colon = 0;
		port_text = colon + 1;
	}
	if (rc == 0 && port_text && !certctl_port_read(port_text, &port))
		rc = certctl_name_fail(err, text, "a port from 1 to 65535 expected behind the colon");
	if (rc == 0)
		rc = certctl_name_host(mem, host, &canonical, err);
	if (rc == 0 && copy[0] == '[' && !strchr(canonical, ':')) {
		rc = certctl_name_fail(err, text, "an IPv6 address expected in brackets");
		talloc_free(canonical);
	}
	talloc_free(copy);
	if (rc < 0)
		return rc;
	*ret_host = canonical;
	*ret_port = port;
	return 0;
}

static int read_authority(TALLOC_CTX *mem, const char *text, const char *authority, char **ret_host, uint16_t *ret_port,
	struct certctl_error *err)
{
	if (!authority[0])
		return certctl_name_fail(err, text, "without a host");
	if (authority[0] != '[' && strchr(authority, ':') != strrchr(authority, ':'))
		return certctl_name_fail(err, text, "an IPv6 address in a URL stands in brackets");
	return certctl_host_parse(mem, authority, ret_host, ret_port, err);
}

/* What a URL means that names no port (IANA service names). */
static uint16_t port_of_scheme(const char *scheme)
{
	static const struct {
		const char *scheme;
		uint16_t port;
	} rows[] = {
		{ "http", 80 },
		{ "https", 443 },
		{ "ldap", 389 },
		{ "ldaps", 636 },
		{ "smtp", 25 },
		{ "smtps", 465 },
		{ "ws", 80 },
		{ "wss", 443 },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++)
		if (strcmp(rows[i].scheme, scheme) == 0)
			return rows[i].port;
	return 0;
}

/* "/" before what has no path: "https://host?x" asks for "/?x". */
static char *path_of(TALLOC_CTX *mem, const char *rest)
{
	return rest[0] == '/' ? talloc_strdup(mem, rest) : talloc_asprintf(mem, "/%s", rest);
}

int certctl_url_parse(TALLOC_CTX *mem, const char *text, struct certctl_url *ret, struct certctl_error *err)
{
	TALLOC_CTX *scratch = talloc_new(mem);
	struct certctl_url url = { 0 };
	struct pieces pieces;
	int rc = scratch ? split(scratch, text, &pieces, err) : certctl_name_no_memory(err);

	if (rc == 0 && !pieces.authority)
		rc = certctl_name_fail(err, text, "a URL such as https://ca.example.com/ expected");
	if (rc == 0)
		rc = read_authority(scratch, text, pieces.authority, &url.host, &url.port, err);
	if (rc == 0) {
		url.scheme = talloc_steal(mem, pieces.scheme);
		url.host = talloc_steal(mem, url.host);
		url.path_and_query = path_of(mem, pieces.rest);
		url.port = url.port ? url.port : port_of_scheme(url.scheme);
		if (!url.path_and_query)
			rc = certctl_name_no_memory(err);
	}
	talloc_free(scratch);
	if (rc == 0)
		*ret = url;
	return rc;
}

/* "host" or "host:port" as it stands in a URI: an IPv6 address in brackets. */
static char *authority_text(TALLOC_CTX *mem, const char *host, uint16_t port)
{
	const char *open = strchr(host, ':') ? "[" : "", *close = open[0] ? "]" : "";

	return port ? talloc_asprintf(mem, "%s%s%s:%u", open, host, close, port)
		    : talloc_asprintf(mem, "%s%s%s", open, host, close);
}

int certctl_name_uri(TALLOC_CTX *mem, const char *text, char **ret, struct certctl_error *err)
{
	TALLOC_CTX *scratch = talloc_new(mem);
	struct pieces pieces;
	char *uri = NULL;
	int rc = scratch ? split(scratch, text, &pieces, err) : certctl_name_no_memory(err);

	if (rc == 0 && !pieces.authority)
		uri = talloc_asprintf(mem, "%s:%s", pieces.scheme, pieces.rest);
	else if (rc == 0) {
		char *host = NULL;
		uint16_t port = 0;

		rc = read_authority(scratch, text, pieces.authority, &host, &port, err);
		char *authority = rc == 0 ? authority_text(scratch, host, port) : NULL;

		if (authority)
			uri = talloc_asprintf(mem, "%s://%s%s", pieces.scheme, authority, pieces.rest);
	}
	talloc_free(scratch);
	if (rc == 0 && !uri)
		rc = certctl_name_no_memory(err);
	if (rc == 0)
		*ret = uri;
	return rc;
}
