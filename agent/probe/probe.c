/*
 * The TLS probe: connect, STARTTLS, handshake, look at the certificates.  Verifies nothing: it reports what is served.
 * Must not know why somebody asks.
 */
#include "probe.h"

#include "socket.h"
#include "starttls.h"

#include <arpa/inet.h>
#include <certctl/time.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ATTEMPT_MS   5000 /* one attempt that hangs must not use up the time of all */
#define PAUSE_MIN_MS 10
#define PAUSE_MAX_MS 250
/* Servers that fork accept with old and new processes for a while: nginx lets 100 ms pass before it ends the old ones. */
#define SETTLE_MS      300
#define SETTLE_STEP_MS 30

#define RSA_SIGNATURES                                                                                                 \
	"+SIGN-RSA-SHA256:+SIGN-RSA-SHA384:+SIGN-RSA-SHA512:+SIGN-RSA-PSS-RSAE-SHA256:+SIGN-RSA-PSS-RSAE-SHA384:"      \
	"+SIGN-RSA-PSS-RSAE-SHA512"
#define ECDSA_SIGNATURES                                                                                               \
	"+SIGN-ECDSA-SHA256:+SIGN-ECDSA-SHA384:+SIGN-ECDSA-SHA512:+SIGN-ECDSA-SECP256R1-SHA256:"                       \
	"+SIGN-ECDSA-SECP384R1-SHA384"
#define ANY_RSA   "NORMAL:-ECDHE-ECDSA:-SIGN-ALL:" RSA_SIGNATURES
#define ANY_ECDSA "NORMAL:-RSA:-ECDHE-RSA:-DHE-RSA:-SIGN-ALL:" ECDSA_SIGNATURES

/* A server with an RSA and an ECDSA certificate chooses by what the client can verify. */
static const char *const priorities[CERTCTL_KEY_TYPE_COUNT] = {
	[0] = "NORMAL",
	[CERTCTL_RSA_2048] = ANY_RSA,
	[CERTCTL_RSA_3072] = ANY_RSA,
	[CERTCTL_RSA_4096] = ANY_RSA,
	[CERTCTL_ECDSA_P256] = ANY_ECDSA,
	[CERTCTL_ECDSA_P384] = ANY_ECDSA,
	[CERTCTL_ED25519] = "NORMAL:-RSA:-ECDHE-RSA:-DHE-RSA:-SIGN-ALL:+SIGN-EDDSA-ED25519",
};

/* Called with the server's certificates in hand; whatever they are, go on. */
static int take_certificates(gnutls_session_t session)
{
	struct certctl_served *served = gnutls_session_get_ptr(session);
	unsigned count = 0;
	const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &count);

	if (chain && count > 0) {
		certctl_sha256_hex(chain[0].data, chain[0].size, served->fingerprint_sha256);
		served->chain_length = count;
	}
	return 0;
}

static int set_up(gnutls_session_t session, gnutls_certificate_credentials_t credentials,
	const struct certctl_probe *probe, struct certctl_served *served)
{
	unsigned char address[sizeof(struct in6_addr)];
	const char *name = probe->server_name;
	int rc = gnutls_priority_set_direct(session, priorities[probe->key_type], NULL);

	if (rc == 0)
		rc = gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
	/* An IP address is no server name (RFC 6066, section 3). */
	if (rc == 0 && name && name[0] && inet_pton(AF_INET, name, address) != 1 &&
		inet_pton(AF_INET6, name, address) != 1)
		rc = gnutls_server_name_set(session, GNUTLS_NAME_DNS, name, strlen(name));
	gnutls_certificate_set_verify_function(credentials, take_certificates);
	gnutls_session_set_ptr(session, served);
	return rc;
}

static int shake_hands(gnutls_session_t session, const struct probe_socket *sock, const struct certctl_served *served,
	struct certctl_error *err)
{
	for (;;) {
		int rc = gnutls_handshake(session);

		if (rc == 0)
			break;
		if (rc == GNUTLS_E_AGAIN || rc == GNUTLS_E_INTERRUPTED) {
			rc = probe_socket_wait(sock, gnutls_record_get_direction(session) ? POLLOUT : POLLIN, err);
			if (rc < 0)
				return rc;
		} else if (gnutls_error_is_fatal(rc)) {
			if (served->chain_length > 0 && gnutls_certificate_client_get_request_status(session))
				return 0;
			return certctl_fail(err, CERTCTL_E_UNAVAILABLE, "TLS: %s",
				rc == GNUTLS_E_FATAL_ALERT_RECEIVED ? gnutls_alert_get_name(gnutls_alert_get(session))
								    : gnutls_strerror(rc));
		}
	}
	if (served->chain_length == 0)
		return certctl_fail(err, CERTCTL_E_PROTOCOL, "TLS without a certificate");
	return 0;
}

static int talk(const struct certctl_probe *probe, const struct probe_socket *sock, struct certctl_served *served,
	struct certctl_error *err)
{
	gnutls_session_t session = NULL;
	gnutls_certificate_credentials_t credentials = NULL;
	int rc = gnutls_certificate_allocate_credentials(&credentials);

	if (rc == 0)
		rc = gnutls_init(&session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);
	if (rc == 0)
		rc = set_up(session, credentials, probe, served);
	if (rc < 0) {
		rc = certctl_fail(err, CERTCTL_E_INTERNAL, "TLS: %s", gnutls_strerror(rc));
	} else {
		gnutls_transport_set_int(session, sock->fd);
		rc = shake_hands(session, sock, served, err);
		if (rc == 0)
			gnutls_bye(session, GNUTLS_SHUT_WR);
	}
	if (session)
		gnutls_deinit(session);
	if (credentials)
		gnutls_certificate_free_credentials(credentials);
	return rc;
}

int certctl_probe_once(const struct certctl_probe *probe, int64_t deadline_ms, struct certctl_served *ret,
	struct certctl_error *err)
{
	struct certctl_served served = { 0 };
	struct probe_socket sock;
	int rc;

	if (!probe->address || probe->port == 0 || probe->key_type >= CERTCTL_KEY_TYPE_COUNT)
		return certctl_fail(err, CERTCTL_E_INVALID,
			"probe: address, port or key type is missing or out of range");
	rc = probe_socket_connect(probe->address, probe->port, deadline_ms, &sock, err);
	if (rc < 0)
		return rc;
	rc = probe_starttls(&sock, probe->starttls, err);
	if (rc == 0)
		rc = talk(probe, &sock, &served, err);
	close(sock.fd);
	if (rc == 0)
		*ret = served;
	return rc;
}

static bool is_one_of(const char *fingerprint, const char *const *fingerprints)
{
	for (; *fingerprints; fingerprints++)
		if (strcmp(fingerprint, *fingerprints) == 0)
			return true;
	return false;
}

static void pause_ms(int64_t duration_ms)
{
	struct timespec time = { .tv_sec = duration_ms / 1000, .tv_nsec = duration_ms % 1000 * 1000000 };

	while (nanosleep(&time, &time) < 0 && errno == EINTR)
		;
}

/* One look: 0 when it is one of those, otherwise why not. */
static int look(const struct certctl_probe *probe, const char *const *fingerprints, int64_t deadline_ms,
	struct certctl_served *ret, struct certctl_error *err)
{
	int64_t attempt_end_ms = certctl_monotonic_ms() + ATTEMPT_MS;
	int rc = certctl_probe_once(probe, attempt_end_ms < deadline_ms ? attempt_end_ms : deadline_ms, ret, err);

	if (rc == 0 && is_one_of(ret->fingerprint_sha256, fingerprints))
		return 0;
	if (rc == 0)
		return certctl_fail(err, CERTCTL_E_UNAVAILABLE, "%s:%u serves %.16s..., not %.16s...", probe->address,
			probe->port, ret->fingerprint_sha256, fingerprints[0] ? fingerprints[0] : "-");
	return certctl_error_prefix(err, "%s:%u", probe->address, probe->port);
}

int certctl_probe_until(const struct certctl_probe *probe, const char *const *fingerprints, int64_t deadline_ms,
	struct certctl_served *ret, struct certctl_error *err)
{
	int64_t wait_ms = PAUSE_MIN_MS, agreed_since_ms = 0;
	struct certctl_error before = { 0 };

	*ret = (struct certctl_served){ 0 };
	for (;;) {
		int rc = look(probe, fingerprints, deadline_ms, ret, err);
		int64_t now_ms = certctl_monotonic_ms();

		if (rc == CERTCTL_E_INVALID || rc == CERTCTL_E_INTERNAL)
			return rc;
		if (rc == 0) {
			agreed_since_ms = agreed_since_ms ? agreed_since_ms : now_ms;
			/* When the time is up in the middle of it, the last look counts. */
			if (now_ms - agreed_since_ms >= SETTLE_MS || now_ms >= deadline_ms)
				return 0;
			pause_ms(SETTLE_STEP_MS);
			continue;
		}
		/* A last look that was cut off says less than the one before it. */
		if (rc == CERTCTL_E_TIMEOUT && now_ms >= deadline_ms && before.code) {
			*err = before;
			return err->code;
		}
		before = *err;
		agreed_since_ms = 0;
		if (now_ms >= deadline_ms)
			return rc;
		pause_ms(wait_ms < deadline_ms - now_ms ? wait_ms : deadline_ms - now_ms);
		wait_ms = wait_ms * 2 < PAUSE_MAX_MS ? wait_ms * 2 : PAUSE_MAX_MS;
	}
}

char *certctl_probe_text(TALLOC_CTX *mem, const struct certctl_probe *probe)
{
	static const char *const protocols[] = { [CERTCTL_STARTTLS_SMTP] = " smtp",
		[CERTCTL_STARTTLS_IMAP] = " imap",
		[CERTCTL_STARTTLS_POP3] = " pop3",
		[CERTCTL_STARTTLS_LDAP] = " ldap",
		[CERTCTL_STARTTLS_POSTGRES] = " postgres",
		[CERTCTL_STARTTLS_MYSQL] = " mysql" };
	const char *protocol = probe->starttls < CERTCTL_COUNT(protocols) ? protocols[probe->starttls] : NULL;

	return talloc_asprintf(mem, "%s%s%s:%u%s", probe->server_name ? probe->server_name : "",
		probe->server_name ? " " : "", probe->address, probe->port, protocol ? protocol : "");
}
