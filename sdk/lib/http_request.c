/* Requests: what may be asked for, turned into curl's lists.  Sends nothing. */
#include "http_private.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define HEADERS_MAX 64
#define TOKEN       "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" /* RFC 9110, 5.6.2 */

/* What frames the message is ours alone: a second opinion on it is request smuggling. */
static const char *const reserved_headers[] = { "Host", "Content-Length", "Transfer-Encoding", "Connection", "Expect",
	"Upgrade", "TE", "Trailer" };

static int out_of_memory(struct certctl_error *err)
{
	return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory for a request");
}

static bool is_field_text(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static bool is_reserved(const char *name, size_t len)
{
	for (size_t i = 0; i < CERTCTL_COUNT(reserved_headers); i++)
		if (strlen(reserved_headers[i]) == len && strncasecmp(reserved_headers[i], name, len) == 0)
			return true;
	return false;
}

static int append(struct curl_slist **list, const char *text, struct certctl_error *err)
{
	struct curl_slist *longer = curl_slist_append(*list, text);

	if (!longer)
		return out_of_memory(err);
	*list = longer;
	return 0;
}

/* The value is never shown: it may be a secret. */
static int append_header(struct curl_slist **list, const char *header, struct certctl_error *err)
{
	size_t name = strspn(header, TOKEN);
	const char *value = header + name + 1;

	if (name == 0 || name > 100 || header[name] != ':')
		return certctl_fail(err, CERTCTL_E_INVALID, "header: 'Name: value' expected");
	value += strspn(value, " \t");
	if (!is_field_text(value, strlen(value)))
		return certctl_fail(err, CERTCTL_E_INVALID, "header %.*s: control characters in its value", (int)name,
			header);
	if (is_reserved(header, name))
		return certctl_fail(err, CERTCTL_E_INVALID, "header %.*s: set by the HTTP client itself", (int)name,
			header);
	if (*value)
		return append(list, header, err);
	char empty[102];

	/* curl takes "Name:" as "send none" and "Name;" as "send it empty". */
	snprintf(empty, sizeof(empty), "%.*s;", (int)name, header);
	return append(list, empty, err);
}

static int append_bearer(struct curl_slist **list, const struct certctl_secret *bearer, struct certctl_error *err)
{
	static const char prefix[] = "Authorization: Bearer ";
	const char *token = (const char *)bearer->data;
	char *header;
	int rc;

	if (!token || bearer->len == 0 || memchr(token, ' ', bearer->len) || memchr(token, '\t', bearer->len) ||
		!is_field_text(token, bearer->len))
		return certctl_fail(err, CERTCTL_E_INVALID,
			"bearer token: empty, or with characters that no header can carry");
	header = certctl_secret_alloc(NULL, sizeof(prefix) + bearer->len);
	if (!header)
		return out_of_memory(err);
	memcpy(header, prefix, sizeof(prefix) - 1);
	memcpy(header + sizeof(prefix) - 1, token, bearer->len);
	header[sizeof(prefix) - 1 + bearer->len] = 0;
	rc = append(list, header, err);
	talloc_free(header);
	return rc;
}

static bool names_header(const char *const *headers, const char *name)
{
	size_t len = strlen(name);

	for (; headers && *headers; headers++)
		if (strncasecmp(*headers, name, len) == 0 && (*headers)[len] == ':')
			return true;
	return false;
}

static int set_headers(struct certctl_http_call *call, const struct certctl_http_request *request,
	struct certctl_error *err)
{
	size_t count = 0;
	/* No round trip for leave to send a body. */
	int rc = append(&call->headers, "Expect:", err);

	/* curl would call any body a web form. */
	if (rc == 0 && request->body && !names_header(request->headers, "Content-Type"))
		rc = append(&call->headers, "Content-Type: application/octet-stream", err);
	for (const char *const *header = request->headers; rc == 0 && header && *header; header++) {
		if (++count > HEADERS_MAX)
			return certctl_fail(err, CERTCTL_E_LIMIT, "more than %d headers", HEADERS_MAX);
		rc = append_header(&call->headers, *header, err);
	}
	if (rc == 0 && request->bearer)
		rc = append_bearer(&call->headers, request->bearer, err);
	return rc;
}

static int set_method(struct certctl_http_call *call, const struct certctl_http_request *request,
	struct certctl_error *err)
{
	static const char *const methods[] = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE" };
	const char *wanted = request->method ? request->method : request->body ? "POST" : "GET";

	for (size_t i = 0; i < CERTCTL_COUNT(methods); i++)
		if (strcmp(methods[i], wanted) == 0)
			call->method = methods[i];
	if (!call->method)
		return certctl_fail(err, CERTCTL_E_INVALID, "method: GET, HEAD, POST, PUT, PATCH or DELETE expected");
	if (request->body && (strcmp(wanted, "GET") == 0 || strcmp(wanted, "HEAD") == 0))
		return certctl_fail(err, CERTCTL_E_INVALID, "a %s request has no body", wanted);
	return 0;
}

void certctl_http_make_plain(char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

static void name_peer(struct certctl_http_call *call, const char *scheme)
{
	char *host = NULL, *port = NULL;

	curl_url_get(call->url, CURLUPART_HOST, &host, 0);
	curl_url_get(call->url, CURLUPART_PORT, &port, 0);
	snprintf(call->peer, sizeof(call->peer), "%s://%.100s%s%s", scheme, host ? host : "", port ? ":" : "",
		port ? port : "");
	certctl_http_make_plain(call->peer);
	curl_free(host);
	curl_free(port);
}

static int set_url(struct certctl_http_call *call, const char *url, const struct certctl_egress *egress,
	struct certctl_error *err)
{
	char *scheme = NULL;
	bool is_https, is_http;

	call->url = curl_url();
	if (!call->url)
		return out_of_memory(err);
	/* Credentials in a URL end up in logs; here they have a place of their own. */
	if (curl_url_set(call->url, CURLUPART_URL, url, CURLU_DISALLOW_USER) != CURLUE_OK ||
		curl_url_get(call->url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
		return certctl_fail(err, CERTCTL_E_INVALID,
			"url: https://host/path without user and password expected");
	is_https = strcmp(scheme, "https") == 0;
	is_http = strcmp(scheme, "http") == 0;
	name_peer(call, is_https ? "https" : "http");
	curl_free(scheme);
	if (!is_https && !is_http)
		return certctl_fail(err, CERTCTL_E_INVALID, "url: https expected");
	if (is_http && !egress->allow_plain_http)
		return certctl_fail(err, CERTCTL_E_DENIED, "%s: not allowed without TLS", call->peer);
	return 0;
}

int certctl_http_call_init(struct certctl_http_call *call, const struct certctl_http_request *request,
	const struct certctl_egress *egress, struct certctl_error *err)
{
	int rc;

	*call = (struct certctl_http_call){ 0 };
	rc = set_url(call, request->url, egress, err);
	if (rc == 0)
		rc = set_method(call, request, err);
	if (rc == 0)
		rc = set_headers(call, request, err);
	return rc;
}

void certctl_http_call_done(struct certctl_http_call *call)
{
	for (struct curl_slist *item = call->headers; item; item = item->next)
		certctl_wipe(item->data, strlen(item->data));
	curl_slist_free_all(call->headers);
	curl_url_cleanup(call->url);
	*call = (struct certctl_http_call){ 0 };
}
