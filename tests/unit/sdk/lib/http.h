/** The HTTPS servers of http_server.py on this host, started once, and clients of them. */
#ifndef CERTCTL_TEST_HTTP_H
#define CERTCTL_TEST_HTTP_H

#include "test.h"

#include <certctl/http.h>
#include <certctl/json.h>
#include <certctl/time.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char server_dir[256], server_ports[256];

/* Started once; it ends when our end of its standard input closes. */
static inline void start_server(void)
{
	int input[2], output[2];

	snprintf(server_dir, sizeof(server_dir), "%s", test_temporary_dir());
	if (pipe(input) < 0 || pipe(output) < 0)
		abort();
	if (fork() == 0) {
		char *script = talloc_asprintf(NULL, "%s/tests/unit/sdk/lib/http_server.py", test_source_dir());

		dup2(input[0], 0);
		dup2(output[1], 1);
		for (int fd = 3; fd < 64; fd++)
			close(fd);
		execlp("python3", "python3", "-Wignore", script, server_dir, (char *)NULL);
		_exit(127);
	}
	close(input[0]);
	close(output[1]);
	ssize_t len = 0, got;

	while (!strchr(server_ports, '\n') &&
		(got = read(output[0], server_ports + len, sizeof(server_ports) - 1 - (size_t)len)) > 0)
		len += got;
	close(output[0]);
}

static inline int port_of(const char *name)
{
	if (!server_ports[0])
		start_server();
	char *found = strstr(server_ports, talloc_asprintf(test_mem(), "%s=", name));

	CU_ASSERT_PTR_NOT_NULL_FATAL(found);
	return (int)strtol(found + strlen(name) + 1, NULL, 10);
}

static inline const char *file_of(const char *name)
{
	port_of("https");
	return talloc_asprintf(test_mem(), "%s/%s", server_dir, name);
}

static inline const char *url_of(const char *server, const char *path)
{
	return talloc_asprintf(test_mem(), "https://localhost:%d%s", port_of(server), path);
}

/* Trusts the test's CA and may reach this host, unless the options say otherwise. */
static inline struct certctl_http_client *new_client(const struct certctl_http_options *options)
{
	struct certctl_http_options defaults = { .ca_bundle_file = file_of("ca.crt"), .egress.allow_private = true };
	struct certctl_http_client *client = NULL;
	struct certctl_error err;

	ASSERT_OK(certctl_http_client_new(test_mem(), options ? options : &defaults, &client, &err), err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(client);
	return client;
}

static inline int get(struct certctl_http_client *client, const char *url, struct certctl_http_response *ret,
	struct certctl_error *err)
{
	*ret = (struct certctl_http_response){ 0 };
	return certctl_http_send(client, test_mem(), &(struct certctl_http_request){ .url = url }, ret, err);
}

static inline json_t *echo(struct certctl_http_client *client, const struct certctl_http_request *wanted)
{
	struct certctl_http_request request = *wanted;
	struct certctl_http_response response = { 0 };
	struct certctl_error err;
	json_t *document = NULL;

	request.url = url_of("https", "/echo");
	ASSERT_OK(certctl_http_send(client, test_mem(), &request, &response, &err), err);
	CU_ASSERT_EQUAL(response.status, 200);
	ASSERT_OK(certctl_json_parse(response.body, response.body_len, NULL, &document, &err), err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(document);
	return document;
}

static inline const char *sent_header(const json_t *document, const char *name)
{
	size_t i;
	json_t *pair;

	json_array_foreach(json_object_get(document, "headers"), i, pair)
	{
		if (strcmp(json_string_value(json_array_get(pair, 0)), name) == 0)
			return json_string_value(json_array_get(pair, 1));
	}
	return NULL;
}

#endif
