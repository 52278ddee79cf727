/*
 * One exchange over libcurl, with everything switched off that was not asked for.
 *
 * Addresses are judged where the socket is opened, so the address that was checked is the one that is connected, whatever the
 * resolver says next time.
 */
#include "http_private.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define TIMEOUT_DEFAULT_S 30

static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct certctl_http_exchange *exchange = arg;
	const struct sockaddr *to = &address->addr;
	const void *number = to->sa_family == AF_INET6
				     ? (const void *)&((const struct sockaddr_in6 *)(const void *)to)->sin6_addr
				     : (const void *)&((const struct sockaddr_in *)(const void *)to)->sin_addr;

	if (purpose != CURLSOCKTYPE_IPCXN || !certctl_egress_allows(&exchange->client->egress, to)) {
		inet_ntop(to->sa_family, number, exchange->refused, sizeof(exchange->refused));
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static int on_progress(void *arg, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
	struct certctl_http_exchange *exchange = arg;

	(void)down_total, (void)down, (void)up_total, (void)up;
	return exchange->request->is_cancelled(exchange->request->arg);
}

static void set_transport(CURL *curl, struct certctl_http_exchange *exchange)
{
	const struct certctl_http_client *client = exchange->client;
	long timeout_s = exchange->request->timeout_s > 0 ? exchange->request->timeout_s : TIMEOUT_DEFAULT_S;

	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, client->egress.allow_plain_http ? "https,http" : "https");
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	/* A proxy would resolve and connect in our place, past the egress rules. */
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
	curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, exchange);
	curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, client->connect_timeout_s);
	if (exchange->arrival.sink) {
		curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
		curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, timeout_s);
	} else {
		curl_easy_setopt(curl, CURLOPT_TIMEOUT, timeout_s);
	}
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	/* Otherwise the end of the deadline waits for the end of getaddrinfo(). */
	curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
	if (exchange->request->is_cancelled) {
		curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
		curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
		curl_easy_setopt(curl, CURLOPT_XFERINFODATA, exchange);
	}
}

static void set_tls(CURL *curl, const struct certctl_http_client *client)
{
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
	/* The system's directory would be trusted beside the bundle. */
	curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	if (client->ca_bundle_file)
		curl_easy_setopt(curl, CURLOPT_CAINFO, client->ca_bundle_file);
	if (client->client_certificate_file) {
		curl_easy_setopt(curl, CURLOPT_SSLCERT, client->client_certificate_file);
		curl_easy_setopt(curl, CURLOPT_SSLKEY,
			client->client_key_file ? client->client_key_file : client->client_certificate_file);
	}
}

static CURLcode set_request(CURL *curl, struct certctl_http_exchange *exchange)
{
	const struct certctl_http_request *request = exchange->request;

	curl_easy_setopt(curl, CURLOPT_USERAGENT, exchange->client->user_agent);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, exchange->call.headers);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, exchange->detail);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, certctl_http_on_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, &exchange->arrival);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, certctl_http_on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &exchange->arrival);
	if (request->body) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body);
	} else if (strcmp(exchange->call.method, "HEAD") == 0) {
		curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	}
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, exchange->call.method);
	/* The last one tells whether there was memory for all of them. */
	return curl_easy_setopt(curl, CURLOPT_CURLU, exchange->call.url);
}

/* What curl says, in our words; what is not here is a peer that broke off: UNAVAILABLE. */
static const struct {
	CURLcode curl;
	enum certctl_code code;
} codes[] = {
	{ CURLE_OPERATION_TIMEDOUT, CERTCTL_E_TIMEOUT },
	{ CURLE_ABORTED_BY_CALLBACK, CERTCTL_E_CANCELLED },
	{ CURLE_PEER_FAILED_VERIFICATION, CERTCTL_E_DENIED },
	{ CURLE_SSL_CERTPROBLEM, CERTCTL_E_INVALID },
	{ CURLE_SSL_CACERT_BADFILE, CERTCTL_E_INVALID },
	{ CURLE_URL_MALFORMAT, CERTCTL_E_INVALID },
	{ CURLE_UNSUPPORTED_PROTOCOL, CERTCTL_E_PROTOCOL }, /* the URL was checked: the answer is no HTTP/1.1 */
	{ CURLE_WEIRD_SERVER_REPLY, CERTCTL_E_PROTOCOL },
	{ CURLE_BAD_CONTENT_ENCODING, CERTCTL_E_PROTOCOL },
	{ CURLE_OUT_OF_MEMORY, CERTCTL_E_NO_MEMORY },
	{ CURLE_FAILED_INIT, CERTCTL_E_INTERNAL },
};

static int fail_exchange(struct certctl_http_exchange *exchange, CURLcode result, struct certctl_error *err)
{
	const char *peer = exchange->call.peer;
	enum certctl_code code = CERTCTL_E_UNAVAILABLE;

	if (exchange->arrival.failure == CERTCTL_E_LIMIT)
		return certctl_fail(err, CERTCTL_E_LIMIT, "%s: answer longer than %zu bytes", peer,
			exchange->arrival.body.max);
	if (exchange->arrival.failure)
		return certctl_fail(err, exchange->arrival.failure, "%s: reading the answer", peer);
	if (result == CURLE_COULDNT_CONNECT && exchange->refused[0]) {
		certctl_fail(err, CERTCTL_E_DENIED, "%s: the address %s may not be reached", peer, exchange->refused);
		return certctl_hint(err, "If it is meant, allow private addresses or this network for the connector.");
	}
	for (size_t i = 0; i < CERTCTL_COUNT(codes); i++)
		if (codes[i].curl == result)
			code = codes[i].code;
	/* A server chooses parts of it, such as the name in its certificate. */
	certctl_http_make_plain(exchange->detail);
	return certctl_fail(err, code, "%s: %s", peer,
		exchange->detail[0] ? exchange->detail : curl_easy_strerror(result));
}

static int32_t retry_after(CURL *curl)
{
	curl_off_t seconds = 0;

	curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &seconds);
	return seconds < 0 ? 0 : seconds > INT32_MAX ? INT32_MAX : (int32_t)seconds;
}

int certctl_http_perform(CURL *curl, struct certctl_http_exchange *exchange, TALLOC_CTX *mem,
	struct certctl_http_response *ret, struct certctl_error *err)
{
	struct certctl_http_arrival *arrival = &exchange->arrival;
	CURLcode result;
	long status = 0;

	set_transport(curl, exchange);
	set_tls(curl, exchange->client);
	result = set_request(curl, exchange);
	if (result == CURLE_OK)
		result = curl_easy_perform(curl);
	if (result != CURLE_OK)
		return fail_exchange(exchange, result, err);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	*ret = (struct certctl_http_response){
		.status = (int32_t)status,
		.body = talloc_steal(mem, arrival->body.data),
		.body_len = arrival->body.len,
		.headers = talloc_steal(mem, arrival->headers),
		.retry_after_s = retry_after(curl),
	};
	return 0;
}
