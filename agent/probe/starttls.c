/*
 * STARTTLS: three protocols of lines, which are rows of a table, and three of bytes.  Adding a protocol of lines is a row.
 * Knows no TLS.
 */
#include "starttls.h"

#include <certctl/target.h>
#include <string.h>

#define LINE_MAX_BYTES 2048 /* RFC 5321, 4.5.3.1.5 allows 512; IMAP greetings with capabilities are longer */
#define LINES_MAX      100

/** Send a line, then read until one begins with `expect`; lines that begin with `more` are passed over. */
struct exchange {
	const char *send, *expect, *more;
};
struct dialogue {
	uint32_t kind;
	const char *name;
	struct exchange exchanges[3];
};
static const struct dialogue dialogues[] = {
	/* RFC 3207; multi-line replies have a hyphen after the code (RFC 5321, section 4.2.1). */
	{ CERTCTL_STARTTLS_SMTP, "SMTP",
		{ { NULL, "220 ", "220-" }, { "EHLO certctl.invalid\r\n", "250 ", "250-" },
			{ "STARTTLS\r\n", "220 ", NULL } } },
	/* RFC 9051, section 6.2.1: untagged responses may come at any time. */
	{ CERTCTL_STARTTLS_IMAP, "IMAP", { { NULL, "* OK", NULL }, { "a1 STARTTLS\r\n", "a1 OK", "* " } } },
	/* RFC 2595, section 4. */
	{ CERTCTL_STARTTLS_POP3, "POP3", { { NULL, "+OK", NULL }, { "STLS\r\n", "+OK", NULL } } },
};

static int exchange_lines(const struct probe_socket *sock, const char *protocol, const struct exchange *step,
	struct certctl_error *err)
{
	char line[LINE_MAX_BYTES];
	int rc = step->send ? probe_socket_write(sock, step->send, strlen(step->send), err) : 0;

	for (int i = 0; rc == 0 && i < LINES_MAX; i++) {
		rc = probe_socket_read_line(sock, line, sizeof(line), err);
		if (rc < 0)
			break;
		if (strncmp(line, step->expect, strlen(step->expect)) == 0)
			return 0;
		if (!step->more || strncmp(line, step->more, strlen(step->more)) != 0)
			return certctl_fail(err, CERTCTL_E_PROTOCOL, "no STARTTLS in %s: \"%.60s\"", protocol, line);
	}
	return rc < 0 ? rc : certctl_fail(err, CERTCTL_E_PROTOCOL, "no STARTTLS in %s: endless reply", protocol);
}

/* RFC 4511, section 4.14: an ExtendedRequest for 1.3.6.1.4.1.1466.20037; the answer's resultCode must be success. */
static int start_ldap(const struct probe_socket *sock, struct certctl_error *err)
{
	static const unsigned char request[] = "\x30\x1d\x02\x01\x01\x77\x18\x80\x16"
					       "1.3.6.1.4.1.1466.20037";
	unsigned char head[2], body[128];
	int rc = probe_socket_write(sock, request, sizeof(request) - 1, err);

	if (rc == 0)
		rc = probe_socket_read(sock, head, sizeof(head), err);
	/* OpenLDAP writes long-form lengths of four octets (0x84): read the real length then. */
	size_t len = head[1];
	if (rc == 0 && len > 0x80 && len <= 0x84) {
		unsigned char octets[4];
		size_t count = len - 0x80;

		rc = probe_socket_read(sock, octets, count, err);
		len = 0;
		for (size_t i = 0; rc == 0 && i < count; i++)
			len = len << 8 | octets[i];
	}
	if (rc == 0 && (head[0] != 0x30 || len < 7 || len > sizeof(body)))
		rc = certctl_fail(err, CERTCTL_E_PROTOCOL, "no STARTTLS in LDAP: not an LDAP message");
	if (rc == 0)
		rc = probe_socket_read(sock, body, len, err);
	if (rc < 0)
		return rc;
	/* messageID INTEGER 1, [APPLICATION 24], length in any form, then resultCode ENUMERATED. */
	size_t at = 4;
	if (body[at] > 0x80)
		at += body[at] - 0x80U;
	at++;
	if (memcmp(body, "\x02\x01\x01\x78", 4) != 0 || at + 3 > len || body[at] != 0x0a || body[at + 1] != 1)
		return certctl_fail(err, CERTCTL_E_PROTOCOL, "no STARTTLS in LDAP: unexpected answer");
	if (body[at + 2] != 0)
		return certctl_fail(err, CERTCTL_E_PROTOCOL, "no STARTTLS in LDAP: result code %d", body[at + 2]);
	return 0;
}

/* PostgreSQL, "Message Formats": SSLRequest is answered by one byte, S or N. */
static int start_postgres(const struct probe_socket *sock, struct certctl_error *err)
{
	static const unsigned char request[] = { 0, 0, 0, 8, 4, 210, 22, 47 };
	char answer = 0;
	int rc = probe_socket_write(sock, request, sizeof(request), err);

	if (rc == 0)
		rc = probe_socket_read(sock, &answer, 1, err);
	if (rc == 0 && answer != 'S')
		rc = certctl_fail(err, CERTCTL_E_PROTOCOL, "no TLS in PostgreSQL: %s",
			answer == 'N' ? "it is off" : "unexpected answer");
	return rc;
}

/* MySQL, "Protocol::HandshakeV10" and "Protocol::SSLRequest". */
static int start_mysql(const struct probe_socket *sock, struct certctl_error *err)
{
	enum { CLIENT_SSL = 0x0800, CLIENT_PROTOCOL_41 = 0x0200, CLIENT_SECURE_CONNECTION = 0x8000 };
	const uint32_t wanted = CLIENT_SSL | CLIENT_PROTOCOL_41 | CLIENT_SECURE_CONNECTION;
	unsigned char head[4], greeting[512], request[36] = { 32, 0, 0, 1 };
	int rc = probe_socket_read(sock, head, sizeof(head), err);
	size_t len = rc == 0 ? (size_t)head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 : 0;

	if (rc == 0 && (len < 20 || len > sizeof(greeting) || head[3] != 0))
		rc = certctl_fail(err, CERTCTL_E_PROTOCOL, "no TLS in MySQL: not a MySQL greeting");
	if (rc == 0)
		rc = probe_socket_read(sock, greeting, len, err);
	if (rc < 0)
		return rc;
	const unsigned char *version_end = memchr(greeting + 1, 0, len - 1);
	/* version, NUL, thread id (4), scramble (8), filler (1), capabilities (2) */
	if (greeting[0] != 10 || !version_end || version_end + 16 > greeting + len)
		return certctl_fail(err, CERTCTL_E_PROTOCOL, "no TLS in MySQL: not a greeting of protocol 10");
	if (!((version_end[14] | version_end[15] << 8) & CLIENT_SSL))
		return certctl_fail(err, CERTCTL_E_PROTOCOL, "no TLS in MySQL: it is off");
	for (int i = 0; i < 4; i++)
		request[4 + i] = (unsigned char)(wanted >> (8 * i));
	request[11] = 1;  /* packets of up to 16 MiB; little-endian */
	request[12] = 45; /* utf8mb4 */
	return probe_socket_write(sock, request, sizeof(request), err);
}

int probe_starttls(const struct probe_socket *sock, uint32_t kind, struct certctl_error *err)
{
	switch (kind) {
	case 0:
	case CERTCTL_STARTTLS_NONE:
		return 0;
	case CERTCTL_STARTTLS_LDAP:
		return start_ldap(sock, err);
	case CERTCTL_STARTTLS_POSTGRES:
		return start_postgres(sock, err);
	case CERTCTL_STARTTLS_MYSQL:
		return start_mysql(sock, err);
	default:
		break;
	}
	for (size_t i = 0; i < CERTCTL_COUNT(dialogues); i++) {
		const struct dialogue *dialogue = &dialogues[i];
		int rc = 0;

		if (dialogue->kind != kind)
			continue;
		for (size_t k = 0; rc == 0 && k < CERTCTL_COUNT(dialogue->exchanges) && dialogue->exchanges[k].expect;
			k++)
			rc = exchange_lines(sock, dialogue->name, &dialogue->exchanges[k], err);
		return rc;
	}
	return certctl_fail(err, CERTCTL_E_INVALID, "starttls: %u is no protocol", kind);
}
