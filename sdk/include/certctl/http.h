/**
 * HTTP client over libcurl (libcertctl-http): one request, a total deadline, a size limit, and the egress rules.
 * A client may be used by several threads at once; each request is synchronous.
 */
#ifndef CERTCTL_HTTP_H
#define CERTCTL_HTTP_H

#include <certctl/error.h>
#include <certctl/secret.h>
#include <talloc.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Which addresses may be reached.  Every resolved address is checked and the checked address is the one connected to. */
struct certctl_egress {
	bool allow_private;    /* RFC 1918, ULA, loopback, link-local: for connectors configured by file; still no
					  multicast and no cloud metadata service */
	bool allow_plain_http; /* otherwise https only */
	const char *const *allow_nets; /* CIDR exceptions of any kind ("10.1.0.0/16"), NULL-terminated; may be NULL */
};

struct certctl_http_options {
	const char *ca_bundle_file; /* PEM; NULL: the system's */
	const char *client_certificate_file, *client_key_file;
	struct certctl_egress egress;
	int32_t connect_timeout_s; /* 0: 10 */
	const char *user_agent;    /* NULL: "certctl/<version>" */
};

struct certctl_http_client;
/** curl_global_init is done once, here.  Freed with talloc_free; not while a request runs. */
CERTCTL_API int certctl_http_client_new(TALLOC_CTX *mem, const struct certctl_http_options *options,
	struct certctl_http_client **ret, struct certctl_error *err) CERTCTL_CHECKED;

struct certctl_http_request {
	const char *method; /* NULL: GET, or POST with a body */
	const char *url;
	const char *const
		*headers; /* "Name: value", NULL-terminated; control characters are refused, and what frames the
				       message: Host, Content-Length, Transfer-Encoding, Connection, Expect, Upgrade, TE, Trailer */
	const struct certctl_secret *bearer; /* sent as Authorization: Bearer */
	const void *body;
	size_t body_len;
	int32_t timeout_s;               /* whole exchange; 0: 30 */
	size_t response_max;             /* 0: 1 MiB; more is LIMIT */
	bool (*is_cancelled)(void *arg); /* asked at least once a second, on the caller's thread; may be NULL */
	void *arg;
};

struct certctl_http_response {
	int32_t status;
	char *body; /* NUL-terminated */
	size_t body_len;
	char **headers;        /* "name: value", names in lower case, NULL-terminated */
	int32_t retry_after_s; /* from Retry-After, seconds or date (RFC 9110, section 10.2.3); 0: none */
};

/**
 * Redirects are not followed.  A response is success of this call, whatever its status: see certctl_http_check.
 * @return 0; INVALID; DENIED (egress rules, certificate not trusted); TIMEOUT; UNAVAILABLE; LIMIT; PROTOCOL; CANCELLED
 */
CERTCTL_API int certctl_http_send(struct certctl_http_client *client, TALLOC_CTX *mem,
	const struct certctl_http_request *request, struct certctl_http_response *ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/** Takes a piece of a body as it comes, on the caller's thread.  A negative code ends the exchange, which fails with it. */
typedef int certctl_http_sink_fn(void *arg, const char *data, size_t len);

/**
 * The same for answers of any size: the body of a success (2xx) goes to `sink`, and `ret` has none; what else is answered is
 * collected as ever.  `timeout_s` is how long nothing may come, not how long it may take in all.
 */
CERTCTL_API int certctl_http_receive(struct certctl_http_client *client, TALLOC_CTX *mem,
	const struct certctl_http_request *request, certctl_http_sink_fn *sink, void *arg,
	struct certctl_http_response *ret, struct certctl_error *err) CERTCTL_CHECKED;

/** First header with that lower-case name, or NULL. */
CERTCTL_API const char *certctl_http_header(const struct certctl_http_response *response, const char *name);

/**
 * Turn a status into success or an error with its retry class: 2xx is 0; 408, 425, 429 and 5xx (but 501, 505) are UNAVAILABLE
 * with the Retry-After; 401 and 403 DENIED; 404 and 410 NOT_FOUND; 409 CONFLICT; other 4xx INVALID; 3xx PROTOCOL.
 */
CERTCTL_API int certctl_http_check(const struct certctl_http_response *response, const char *what,
	struct certctl_error *err);

/** Is this address (an AF_INET or AF_INET6 sockaddr) allowed?  IPv4-mapped and -translated forms are looked through. */
struct sockaddr;
CERTCTL_API bool certctl_egress_allows(const struct certctl_egress *egress, const struct sockaddr *address);

#ifdef __cplusplus
}
#endif
#endif
