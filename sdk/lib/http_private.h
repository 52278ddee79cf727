/* What the files behind http.h share with each other and with nobody else. */
#ifndef CERTCTL_HTTP_PRIVATE_H
#define CERTCTL_HTTP_PRIVATE_H

#include <arpa/inet.h>
#include <certctl/buffer.h>
#include <certctl/http.h>
#include <curl/curl.h>
#include <pthread.h>

/** INVALID when a row of allow_nets is no network. */
int certctl_egress_check(const struct certctl_egress *egress, struct certctl_error *err) CERTCTL_CHECKED;

/* --- A request, checked and in curl's terms ---------------------------------------------------------------------------- */

struct certctl_http_call {
	CURLU *url;
	struct curl_slist *headers; /* may hold a token: wiped, not just freed */
	const char *method;
	char peer[160]; /* "https://ca.example:8443" for messages: paths and queries may hold secrets */
};

/** INVALID or DENIED before anything is sent.  certctl_http_call_done() in any case. */
int certctl_http_call_init(struct certctl_http_call *call, const struct certctl_http_request *request,
	const struct certctl_egress *egress, struct certctl_error *err) CERTCTL_CHECKED;
void certctl_http_call_done(struct certctl_http_call *call);
/** Fit for a message: what is not printable ASCII becomes "?". */
void certctl_http_make_plain(char *text);

/* --- A response as it arrives ------------------------------------------------------------------------------------------- */

struct certctl_http_arrival {
	TALLOC_CTX *mem; /* of this response alone */
	struct certctl_buffer body;
	char **headers;
	size_t header_count, header_bytes;
	bool headers_done, is_success; /* by its status line */
	certctl_http_sink_fn *sink;    /* where the body of a success goes; NULL: it is collected */
	void *sink_arg;
	enum certctl_code failure; /* why a callback refused to go on; 0: none did */
};

int certctl_http_arrival_init(struct certctl_http_arrival *arrival, TALLOC_CTX *mem, size_t body_max,
	struct certctl_error *err) CERTCTL_CHECKED;
/** CURLOPT_HEADERFUNCTION and CURLOPT_WRITEFUNCTION; `arg` is the arrival. */
size_t certctl_http_on_header(char *data, size_t size, size_t count, void *arg);
size_t certctl_http_on_body(char *data, size_t size, size_t count, void *arg);

/* --- A client, and one request of it under way ------------------------------------------------------------------------ */

#define CERTCTL_HTTP_IDLE_MAX 8

struct certctl_http_client {
	char *ca_bundle_file, *client_certificate_file, *client_key_file, *user_agent;
	struct certctl_egress egress;
	long connect_timeout_s;
	pthread_mutex_t lock; /* of the following */
	CURL *idle[CERTCTL_HTTP_IDLE_MAX];
	unsigned idle_count, busy_count;
};

struct certctl_http_exchange {
	const struct certctl_http_client *client;
	const struct certctl_http_request *request;
	struct certctl_http_call call;
	struct certctl_http_arrival arrival;
	char refused[INET6_ADDRSTRLEN]; /* the last address that the egress rules refused */
	char detail[CURL_ERROR_SIZE];
};

/** Send `exchange` on a handle that has no options set yet. */
int certctl_http_perform(CURL *curl, struct certctl_http_exchange *exchange, TALLOC_CTX *mem,
	struct certctl_http_response *ret, struct certctl_error *err) CERTCTL_CHECKED;

#endif
