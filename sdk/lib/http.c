/*
 * HTTP clients: their settings, and the handles with open connections that are lent to one request at a time.
 * What happens on a connection is http_exchange.c's.
 */
#include "http_private.h"

#include <errno.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_DEFAULT_S 10
#define RESPONSE_DEFAULT_MAX      ((size_t)1024 * 1024)

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_once_result;

static void init_curl(void)
{
	curl_once_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static int free_client(struct certctl_http_client *client)
{
	certctl_assert(client->busy_count == 0);
	while (client->idle_count > 0)
		curl_easy_cleanup(client->idle[--client->idle_count]);
	pthread_mutex_destroy(&client->lock);
	return 0;
}

static int check_readable(const char *path, struct certctl_error *err)
{
	if (!path || access(path, R_OK) == 0)
		return 0;
	return certctl_fail_errno(err, errno, "%s", path);
}

static int copy_text(struct certctl_http_client *client, const char *text, char **ret, struct certctl_error *err)
{
	*ret = talloc_strdup(client, text);
	return *ret || !text ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory for an HTTP client");
}

static int copy_egress(struct certctl_http_client *client, const struct certctl_egress *egress,
	struct certctl_error *err)
{
	unsigned count = 0;

	client->egress = *egress;
	while (egress->allow_nets && egress->allow_nets[count])
		count++;
	char **nets = talloc_zero_array(client, char *, count + 1);
	int rc = nets ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory for an HTTP client");

	for (unsigned i = 0; rc == 0 && i < count; i++)
		rc = copy_text(client, egress->allow_nets[i], &nets[i], err);
	client->egress.allow_nets = (const char *const *)nets;
	return rc == 0 ? certctl_egress_check(&client->egress, err) : rc;
}

static int fill_client(struct certctl_http_client *client, const struct certctl_http_options *options,
	struct certctl_error *err)
{
	const char *agent = options->user_agent ? options->user_agent : "certctl/" CERTCTL_VERSION;
	const struct {
		const char *from;
		char **to;
		bool is_file;
	} texts[] = {
		{ options->ca_bundle_file, &client->ca_bundle_file, true },
		{ options->client_certificate_file, &client->client_certificate_file, true },
		{ options->client_key_file, &client->client_key_file, true },
		{ agent, &client->user_agent, false },
	};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < CERTCTL_COUNT(texts); i++) {
		if (texts[i].is_file)
			rc = check_readable(texts[i].from, err);
		if (rc == 0)
			rc = copy_text(client, texts[i].from, texts[i].to, err);
	}
	client->connect_timeout_s =
		options->connect_timeout_s > 0 ? options->connect_timeout_s : CONNECT_TIMEOUT_DEFAULT_S;
	return rc == 0 ? copy_egress(client, &options->egress, err) : rc;
}

int certctl_http_client_new(TALLOC_CTX *mem, const struct certctl_http_options *options,
	struct certctl_http_client **ret, struct certctl_error *err)
{
	struct certctl_http_client *client;
	int rc;

	pthread_once(&curl_once, init_curl);
	if (curl_once_result != CURLE_OK)
		return certctl_fail(err, CERTCTL_E_INTERNAL, "libcurl: %s", curl_easy_strerror(curl_once_result));
	client = talloc_zero(mem, struct certctl_http_client);
	if (!client)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory for an HTTP client");
	pthread_mutex_init(&client->lock, NULL);
	talloc_set_destructor(client, free_client);
	rc = fill_client(client, options, err);
	if (rc < 0) {
		talloc_free(client);
		return rc;
	}
	*ret = client;
	return 0;
}

/* The one used last: its connection is the least likely to have been closed meanwhile. */
static CURL *borrow_handle(struct certctl_http_client *client)
{
	CURL *curl = NULL;

	pthread_mutex_lock(&client->lock);
	client->busy_count++;
	if (client->idle_count > 0)
		curl = client->idle[--client->idle_count];
	pthread_mutex_unlock(&client->lock);
	return curl ? curl : curl_easy_init();
}

static void return_handle(struct certctl_http_client *client, CURL *curl)
{
	if (curl)
		curl_easy_reset(curl); /* options go, connections stay */
	pthread_mutex_lock(&client->lock);
	client->busy_count--;
	if (curl && client->idle_count < CERTCTL_HTTP_IDLE_MAX)
		client->idle[client->idle_count++] = CERTCTL_TAKE(curl);
	pthread_mutex_unlock(&client->lock);
	curl_easy_cleanup(curl);
}

int certctl_http_receive(struct certctl_http_client *client, TALLOC_CTX *mem,
	const struct certctl_http_request *request, certctl_http_sink_fn *sink, void *arg,
	struct certctl_http_response *ret, struct certctl_error *err)
{
	struct certctl_http_exchange exchange = { .client = client, .request = request };
	size_t response_max = request->response_max ? request->response_max : RESPONSE_DEFAULT_MAX;
	int rc = certctl_http_call_init(&exchange.call, request, &client->egress, err);

	if (rc == 0)
		rc = certctl_http_arrival_init(&exchange.arrival, mem, response_max, err);
	exchange.arrival.sink = sink;
	exchange.arrival.sink_arg = arg;
	if (rc == 0) {
		CURL *curl = borrow_handle(client);

		rc = curl ? certctl_http_perform(curl, &exchange, mem, ret, err)
			  : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory for an HTTP request");
		return_handle(client, curl);
		talloc_free(exchange.arrival.mem);
	}
	certctl_http_call_done(&exchange.call);
	return rc;
}

int certctl_http_send(struct certctl_http_client *client, TALLOC_CTX *mem, const struct certctl_http_request *request,
	struct certctl_http_response *ret, struct certctl_error *err)
{
	return certctl_http_receive(client, mem, request, NULL, NULL, ret, err);
}
