/* A client over one TLS connection that is kept.  Knows nothing of what is asked. */
#include "https.h"
#include "bench.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MAX (1 << 20)

struct https {
	int socket;
	gnutls_session_t session;
	gnutls_certificate_credentials_t credentials;
	char *answer;
};

static int connect_to(const char *address)
{
	char host[64];
	struct sockaddr_in to = { .sin_family = AF_INET };
	const char *colon = strrchr(address, ':');
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (!colon || (size_t)(colon - address) >= sizeof(host))
		bench_die("address", address);
	snprintf(host, sizeof(host), "%.*s", (int)(colon - address), address);
	to.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
	if (fd < 0 || inet_pton(AF_INET, host, &to.sin_addr) != 1 ||
		connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0)
		bench_die("connect", address);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

struct https *https_open(const char *address)
{
	return https_open_as(address, NULL, NULL);
}

static void show(struct https *https, const char *certificate_pem, const char *key_pem)
{
	gnutls_datum_t certificate = { (unsigned char *)(uintptr_t)certificate_pem, (unsigned)strlen(certificate_pem) };
	gnutls_datum_t key = { (unsigned char *)(uintptr_t)key_pem, (unsigned)strlen(key_pem) };

	if (gnutls_certificate_set_x509_key_mem(https->credentials, &certificate, &key, GNUTLS_X509_FMT_PEM) < 0)
		bench_die("https", "client certificate");
}

struct https *https_open_as(const char *address, const char *certificate_pem, const char *key_pem)
{
	struct https *https = calloc(1, sizeof(*https));
	int status;

	if (!https || !(https->answer = malloc(ANSWER_MAX + 1)))
		bench_die("https", "out of memory");
	https->socket = connect_to(address);
	if (gnutls_certificate_allocate_credentials(&https->credentials) < 0 ||
		gnutls_init(&https->session, GNUTLS_CLIENT) < 0 || gnutls_set_default_priority(https->session) < 0 ||
		gnutls_credentials_set(https->session, GNUTLS_CRD_CERTIFICATE, https->credentials) < 0)
		bench_die("https", "session");
	if (certificate_pem)
		show(https, certificate_pem, key_pem);
	gnutls_transport_set_int(https->session, https->socket);
	while ((status = gnutls_handshake(https->session)) < 0)
		if (gnutls_error_is_fatal(status))
			bench_die("handshake", gnutls_strerror(status));
	return https;
}

int https_socket(const struct https *https)
{
	return https->socket;
}

void https_close(struct https *https)
{
	close(https->socket);
	gnutls_deinit(https->session);
	gnutls_certificate_free_credentials(https->credentials);
	free(https->answer);
	free(https);
}

/* More of the answer behind what is there. */
static size_t receive(struct https *https, size_t len)
{
	ssize_t got;

	do
		got = gnutls_record_recv(https->session, https->answer + len, ANSWER_MAX - len);
	while (got == GNUTLS_E_AGAIN || got == GNUTLS_E_INTERRUPTED);
	if (got <= 0)
		bench_die("receive", got < 0 ? gnutls_strerror((int)got) : "the server closed the connection");
	https->answer[len + (size_t)got] = '\0';
	return len + (size_t)got;
}

const char *https_ask(struct https *https, const char *request, unsigned status, size_t *ret_len)
{
	size_t len = 0, body_len;
	const char *body, *length;

	if (gnutls_record_send(https->session, request, strlen(request)) < 0)
		bench_die("send", "failed");
	do
		len = receive(https, len);
	while (!(body = strstr(https->answer, "\r\n\r\n")));
	body += 4;
	length = strcasestr(https->answer, "\r\nContent-Length:");
	if (!length || length > body || strtoul(https->answer + strlen("HTTP/1.1 "), NULL, 10) != status)
		bench_die(request, https->answer);
	body_len = strtoul(length + strlen("\r\nContent-Length:"), NULL, 10);
	while (len < (size_t)(body - https->answer) + body_len)
		len = receive(https, len);
	if (ret_len)
		*ret_len = body_len;
	return body;
}
