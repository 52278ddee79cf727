/* The dialogues before TLS, spoken to a socket pair whose other end answers as the protocols say. */
#include "test.h"

#include <agent/probe/starttls.h>
#include <certctl/target.h>
#include <certctl/time.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct certctl_error err;

/* What the server says, each after it has read `reads` bytes. */
struct line {
	size_t reads;
	const char *says;
	size_t len; /* 0: strlen */
};
struct script {
	int fd;
	const struct line *lines;
	char heard[512];
	size_t heard_len;
};

static void *serve(void *arg)
{
	struct script *script = arg;

	for (const struct line *line = script->lines; line->says; line++) {
		for (size_t got = 0; got < line->reads;) {
			ssize_t n = recv(script->fd, script->heard + script->heard_len, line->reads - got, 0);

			if (n <= 0)
				return NULL;
			got += (size_t)n;
			script->heard_len += (size_t)n;
		}
		size_t len = line->len ? line->len : strlen(line->says);

		if (send(script->fd, line->says, len, MSG_NOSIGNAL) < 0)
			return NULL;
	}
	shutdown(script->fd, SHUT_WR);
	return NULL;
}

/* The result of the dialogue; `ret_rest` is the first byte behind it. */
static int talk(uint32_t kind, const struct line *lines, char *ret_rest)
{
	struct script script = { .lines = lines };
	struct probe_socket sock = { .deadline_ms = certctl_monotonic_ms() + 20000 };
	pthread_t thread;
	int ends[2], rc;

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	sock.fd = ends[0];
	script.fd = ends[1];
	fcntl(sock.fd, F_SETFL, O_NONBLOCK);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, serve, &script), 0);
	rc = probe_starttls(&sock, kind, &err);
	*ret_rest = 0;
	if (rc == 0 && probe_socket_wait(&sock, POLLIN, NULL) == 0 && recv(sock.fd, ret_rest, 1, 0) < 0)
		*ret_rest = 0;
	close(sock.fd);
	pthread_join(thread, NULL);
	close(script.fd);
	return rc;
}

#define EHLO      21 /* "EHLO certctl.invalid\r\n" is one more */
#define STARTTLS  10
#define LDAP_OK   "\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"
#define LDAP_LONG "\x30\x84\x00\x00\x00\x10\x02\x01\x01\x78\x84\x00\x00\x00\x07\x0a\x01\x00\x04\x00\x04\x00"
#define LDAP_NO   "\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x02\x04\x00\x04\x00"
#define MYSQL(caps)                                                                                                    \
	"\x17\x00\x00\x00\x0a"                                                                                         \
	"8.0\0"                                                                                                        \
	"\1\0\0\0"                                                                                                     \
	"12345678"                                                                                                     \
	"\0" caps "\x21\0\0"

static const struct {
	const char *what;
	uint32_t kind;
	struct line lines[4];
	const char *refusal; /* NULL: TLS may begin, and the byte T is next */
} rows[] = {
	{ "none", CERTCTL_STARTTLS_NONE, { { 0, "T", 0 } }, NULL },
	{ "SMTP", CERTCTL_STARTTLS_SMTP,
		{ { 0, "220-a\r\n220 b\r\n", 0 }, { EHLO + 1, "250-c\r\n250 STARTTLS\r\n", 0 },
			{ STARTTLS, "220 go\r\nT", 0 } },
		NULL },
	{ "SMTP without", CERTCTL_STARTTLS_SMTP,
		{ { 0, "220 b\r\n", 0 }, { EHLO + 1, "250 c\r\n", 0 }, { STARTTLS, "502 what?\r\n", 0 } },
		"502 what?" },
	{ "SMTP that is full", CERTCTL_STARTTLS_SMTP, { { 0, "421 later\r\n", 0 } }, "421 later" },
	{ "IMAP", CERTCTL_STARTTLS_IMAP,
		{ { 0, "* OK [CAPABILITY IMAP4rev1] hi\r\n", 0 }, { 13, "* news\r\na1 OK go\r\nT", 0 } }, NULL },
	{ "IMAP without", CERTCTL_STARTTLS_IMAP, { { 0, "* OK hi\r\n", 0 }, { 13, "a1 BAD\r\n", 0 } }, "a1 BAD" },
	{ "POP3", CERTCTL_STARTTLS_POP3, { { 0, "+OK hi\r\n", 0 }, { 6, "+OK go\r\nT", 0 } }, NULL },
	{ "POP3 without", CERTCTL_STARTTLS_POP3, { { 0, "+OK hi\r\n", 0 }, { 6, "-ERR\r\n", 0 } }, "-ERR" },
	{ "LDAP", CERTCTL_STARTTLS_LDAP, { { 31, LDAP_OK "T", sizeof(LDAP_OK) } }, NULL },
	{ "LDAP with long lengths", CERTCTL_STARTTLS_LDAP, { { 31, LDAP_LONG "T", sizeof(LDAP_LONG) } }, NULL },
	{ "LDAP that refuses", CERTCTL_STARTTLS_LDAP, { { 31, LDAP_NO, sizeof(LDAP_NO) - 1 } }, "result code 2" },
	{ "no LDAP", CERTCTL_STARTTLS_LDAP, { { 31, "HTTP/1.1 400", 0 } }, "not an LDAP message" },
	{ "LDAP cut short", CERTCTL_STARTTLS_LDAP, { { 31, "\x30\x07\x02\x01\x01\x78\xff\x0a\x01", 9 } },
		"unexpected answer" },
	{ "PostgreSQL", CERTCTL_STARTTLS_POSTGRES, { { 8, "ST", 0 } }, NULL },
	{ "PostgreSQL without", CERTCTL_STARTTLS_POSTGRES, { { 8, "N", 0 } }, "it is off" },
	{ "no PostgreSQL", CERTCTL_STARTTLS_POSTGRES, { { 8, "E", 0 } }, "unexpected answer" },
	{ "MySQL", CERTCTL_STARTTLS_MYSQL, { { 0, MYSQL("\x00\x08"), sizeof(MYSQL("\x00\x08")) - 1 }, { 36, "T", 0 } },
		NULL },
	{ "MySQL without", CERTCTL_STARTTLS_MYSQL, { { 0, MYSQL("\x00\x00"), sizeof(MYSQL("\x00\x00")) - 1 } },
		"it is off" },
	{ "no MySQL", CERTCTL_STARTTLS_MYSQL, { { 0, "SSH-2.0-x\r\n", 0 } }, "not a MySQL greeting" },
	{ "silence that ends", CERTCTL_STARTTLS_SMTP, { { 0, "220", 0 } }, "ended the connection" },
};

static void every_dialogue_ends_where_tls_begins(void)
{
	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		char rest = 0;
		int rc = talk(rows[i].kind, rows[i].lines, &rest);

		if (rows[i].refusal) {
			ASSERT_FAILS(rc, CERTCTL_E_PROTOCOL, rows[i].refusal, err);
		} else {
			ASSERT_OK(rc, err);
			CU_ASSERT_EQUAL(rest, 'T');
		}
	}
}

static void a_line_without_an_end_is_cut(void)
{
	char endless[5000], rest;
	const struct line lines[] = { { 0, endless, sizeof(endless) }, { 0 } };

	memset(endless, 'x', sizeof(endless));
	ASSERT_FAILS(talk(CERTCTL_STARTTLS_SMTP, lines, &rest), CERTCTL_E_PROTOCOL, "a line of more than", err);
}

static void an_unknown_protocol_is_refused(void)
{
	const struct line none[] = { { 0 } };
	char rest;

	ASSERT_FAILS(talk(99, none, &rest), CERTCTL_E_INVALID, "99", err);
}

const struct test tests[] = {
	TEST(every_dialogue_ends_where_tls_begins),
	TEST(a_line_without_an_end_is_cut),
	TEST(an_unknown_protocol_is_refused),
	{ 0 },
};
