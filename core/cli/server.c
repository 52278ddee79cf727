/* The way to the server and back.  Knows no command. */
#include "server.h"
#include "context.h"
#include "text.h"
#include "values.h"

#include <certctl/http.h>
#include <certctl/json.h>
#include <ctype.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define REPLY_MAX ((size_t)1 << 30)
#define TRIES_MAX 3
#define RETRY_NS  300000000

struct server {
	struct context context;
	struct certctl_secret token;
	struct certctl_http_client *client;
};

static int open_server(struct cli *cli, struct certctl_error *err)
{
	/* The operator names the server: where it may be is not for us to say. */
	static const char *const everywhere[] = { "0.0.0.0/0", "::/0", NULL };
	struct server *server = talloc_zero(cli->mem, struct server);

	if (cli->server)
		return 0;
	if (!server)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory for a server");
	int rc = context_choose(server, &cli->options, &server->context, err);
	struct certctl_http_options options = { .ca_bundle_file = server->context.ca_file,
		.egress = { .allow_private = true, .allow_nets = everywhere } };

	if (rc == 0)
		rc = context_token(server, &server->context, &server->token, err);
	if (rc == 0 && certctl_http_client_new(server, &options, &server->client, err) < 0)
		rc = err->code = CERTCTL_E_INVALID; /* a CA file that cannot be read is a wrong setting */
	if (rc == 0)
		cli->server = server;
	return rc;
}

/* --- Paths --------------------------------------------------------------------------------------------------------------- */

/* RFC 3986, section 2.3: everything else is encoded. */
static char *encode(char *to, const char *text)
{
	for (; to && *text; text++) {
		bool is_plain = isalnum((unsigned char)*text) || strchr("-._~", *text);

		to = talloc_asprintf_append(to, is_plain ? "%c" : "%%%02X", (unsigned char)*text);
	}
	return to;
}

static int append_query(char **path, json_t *query, struct certctl_error *err)
{
	const char *name, *separator = "?";
	json_t *value;

	json_object_foreach(query, name, value)
	{
		*path = talloc_asprintf_append(*path, "%s%s=", separator, name);
		*path = encode(*path, json_string_value(value));
		separator = "&";
	}
	return *path ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory for a path");
}

int call_path(TALLOC_CTX *mem, const struct call *call, char **ret, struct certctl_error *err)
{
	char *path = talloc_strdup(mem, "");
	const char *at = call->operation->path;
	size_t count = 0;

	while (path && *at) {
		size_t len = strcspn(at, "{");
		const char *value;

		path = talloc_strndup_append(path, at, len);
		at += len;
		if (!*at)
			break;
		at += strcspn(at, "}") + 1;
		value = count < CERTCTL_COUNT(call->arguments) ? call->arguments[count++] : NULL;
		/* Dots alone would climb. */
		if (!value || !value[strspn(value, ".")])
			return certctl_fail(err, CERTCTL_E_INVALID, "'%.60s': an id expected", value ? value : "");
		path = encode(path, value);
	}
	int rc = append_query(&path, call->query, err);

	if (rc == 0)
		*ret = path;
	return rc;
}

/* --- Asking -------------------------------------------------------------------------------------------------------------- */

/* Parsed, and gone with `mem`. */
static int read_reply(TALLOC_CTX *mem, const struct certctl_http_response *response, struct reply *reply,
	struct certctl_error *err)
{
	static const struct certctl_json_limits limits = { REPLY_MAX, 64, 50000000 };
	const char *type = certctl_http_header(response, "content-type");
	int rc;

	*reply = (struct reply){ .status = response->status,
		.text = response->body,
		.len = response->body_len,
		.etag = certctl_http_header(response, "etag") };
	if (!type || !strstr(type, "json") || strstr(type, "ndjson") || response->body_len == 0)
		return 0;
	rc = certctl_json_parse(response->body, response->body_len, &limits, &reply->json, err);
	if (rc == 0)
		reply->json = value_keep(mem, reply->json);
	return rc < 0 ? certctl_error_prefix(err, "the server's reply") : 0;
}

static int check_reply(struct cli *cli, const struct certctl_http_response *response, const struct reply *reply,
	struct certctl_error *err)
{
	int rc = certctl_http_check(response, "the server", err);

	if (rc == 0)
		return 0;
	cli_forgive(cli);
	cli->status = response->status;
	if (json_is_object(reply->json))
		cli->problem = json_incref(reply->json);
	return rc;
}

static void note_exchange(const struct certctl_http_request *request, const struct certctl_http_response *response)
{
	const char *id = certctl_http_header(response, "x-request-id");

	cli_note("%s %s: %d, request %s", request->method, request->url, response->status, id ? id : "without id");
}

/* With it a server carries a POST out once, however often it comes. */
static char *make_key(TALLOC_CTX *mem)
{
	unsigned char random[16];
	char *key = talloc_strdup(mem, "Idempotency-Key: ");

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return NULL;
	for (size_t i = 0; i < sizeof(random); i++)
		key = talloc_asprintf_append(key, "%02x", random[i]);
	return key;
}

static const char **make_headers(TALLOC_CTX *mem, const struct call *call)
{
	const char **headers = talloc_zero_array(mem, const char *, 5);
	size_t count = 0;

	if (!headers)
		return NULL;
	headers[count++] = "Accept: application/json, */*";
	if (call->body)
		headers[count++] = talloc_asprintf(mem, "Content-Type: %s",
			call->operation->body_type ? call->operation->body_type : "application/json");
	if (call->if_match)
		headers[count++] = talloc_asprintf(mem, "If-Match: %s", call->if_match);
	if (strcmp(call->operation->method, "POST") == 0)
		headers[count++] = make_key(mem);
	return headers;
}

/* Where the body goes; without a function it is collected. */
struct sink {
	server_sink_fn *take;
	void *arg;
	struct certctl_error why; /* why it took no more */
	bool has_begun;
};

static int take_piece(void *arg, const char *data, size_t len)
{
	struct sink *sink = arg;

	sink->has_begun = true;
	return sink->take(sink->arg, data, len, &sink->why);
}

/* What cannot happen twice is asked again when the connection broke: the server may just be starting. */
static int send_request(struct cli *cli, TALLOC_CTX *mem, const struct certctl_http_request *request, struct sink *sink,
	struct certctl_http_response *ret, struct certctl_error *err)
{
	bool is_repeatable = strcmp(request->method, "GET") == 0 || strcmp(request->method, "POST") == 0;
	int rc = CERTCTL_E_UNAVAILABLE;

	for (int tries = 0; tries < TRIES_MAX && rc == CERTCTL_E_UNAVAILABLE; tries++) {
		if (tries > 0)
			nanosleep(&(struct timespec){ .tv_nsec = RETRY_NS }, NULL);
		rc = certctl_http_receive(cli->server->client, mem, request, sink->take ? take_piece : NULL, sink, ret,
			err);
		if (!is_repeatable || sink->has_begun)
			break;
	}
	if (rc < 0 && sink->why.code)
		*err = sink->why;
	return rc;
}

static int exchange(struct cli *cli, TALLOC_CTX *mem, const struct certctl_http_request *request, struct sink *sink,
	struct reply *ret, struct certctl_error *err)
{
	struct certctl_http_response response = { 0 };
	struct certctl_error unread = { 0 };
	struct reply reply = { 0 };
	int rc = send_request(cli, mem, request, sink, &response, err);

	if (rc == CERTCTL_E_DENIED && !sink->why.code)
		certctl_hint(err,
			"The server's certificate is not signed by a CA that is trusted here: see --ca-file.");
	if (rc < 0)
		return rc;
	if (cli->options.is_verbose)
		note_exchange(request, &response);
	int unreadable = read_reply(mem, &response, &reply, &unread);

	rc = check_reply(cli, &response, &reply, err);
	if (rc == 0 && unreadable < 0) {
		*err = unread;
		rc = err->code = CERTCTL_E_PROTOCOL;
	}
	if (rc == 0)
		*ret = reply;
	return rc;
}

static int ask(struct cli *cli, TALLOC_CTX *mem, const struct call *call, struct sink *sink, struct reply *ret,
	struct certctl_error *err)
{
	struct certctl_http_request request = {
		.method = call->operation->method, .response_max = REPLY_MAX, .timeout_s = cli->options.timeout_s
	};
	char *path = NULL;
	int rc = open_server(cli, err);

	if (rc == 0)
		rc = call_path(mem, call, &path, err);
	if (rc < 0)
		return rc;
	request.url = talloc_asprintf(mem, "%s%s", cli->server->context.url, path);
	request.headers = make_headers(mem, call);
	request.bearer = cli->server->token.data ? &cli->server->token : NULL;
	if (call->body)
		request.body = certctl_json_text(mem, call->body, &request.body_len);
	if (!request.url || !request.headers || (call->body && !request.body))
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory for a request");
	return exchange(cli, mem, &request, sink, ret, err);
}

int server_ask(struct cli *cli, TALLOC_CTX *mem, const struct call *call, struct reply *ret, struct certctl_error *err)
{
	return ask(cli, mem, call, &(struct sink){ 0 }, ret, err);
}

int server_receive(struct cli *cli, const struct call *call, server_sink_fn *take, void *arg, struct certctl_error *err)
{
	struct sink sink = { .take = take, .arg = arg };
	struct reply reply;

	return ask(cli, cli->mem, call, &sink, &reply, err);
}

int server_show(struct cli *cli, const struct call *call, struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	const char **headers = make_headers(mem, call);
	struct certctl_buffer out;
	char *path = NULL;
	int rc = open_server(cli, err);

	if (rc == 0)
		rc = call_path(mem, call, &path, err);
	certctl_buffer_init(&out, mem, REPLY_MAX);
	if (rc == 0) {
		certctl_buffer_printf(&out, "%s %s%s\n", call->operation->method, cli->server->context.url, path);
		if (cli->server->token.data)
			certctl_buffer_puts(&out, "Authorization: Bearer " CERTCTL_SECRET_MASK "\n");
		for (size_t i = 0; headers && headers[i]; i++)
			certctl_buffer_printf(&out, "%s\n", headers[i]);
		if (call->body) {
			certctl_buffer_puts(&out, "\n");
			text_json(&out,
				value_keep(mem, value_masked(cli->api, call->operation->body, call->body, NULL)), 0);
			certctl_buffer_puts(&out, "\n");
		}
		rc = certctl_buffer_finish(&out, err);
	}
	if (rc == 0)
		fputs(out.data, cli->output.to);
	talloc_free(mem);
	return rc;
}

int server_look(struct cli *cli, TALLOC_CTX *mem, const struct api_resource *resource, const char *id,
	bool *ret_is_there, struct reply *ret, struct certctl_error *err)
{
	struct call call = { .operation = api_verb(resource, "get"), .arguments = { id } };
	int rc = server_ask(cli, mem, &call, ret, err);

	*ret_is_there = rc == 0;
	if (rc < 0 && cli->status == 404) {
		cli_forgive(cli);
		return 0;
	}
	if (rc == 0 && !json_is_object(ret->json))
		rc = certctl_fail(err, CERTCTL_E_PROTOCOL, "%s %s: an object expected from the server", resource->kind,
			id);
	return rc;
}
