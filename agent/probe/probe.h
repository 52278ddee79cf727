/**
 * Ask a TLS server, as a client would, which certificate it serves.  Nothing is trusted and nothing is verified: the answer
 * is compared with what should be there.  Plain TLS or, behind a STARTTLS dialogue, SMTP, IMAP, POP3, LDAP, PostgreSQL, MySQL.
 */
#ifndef CERTCTL_PROBE_H
#define CERTCTL_PROBE_H

#include <certctl/target.h>

struct certctl_served {
	char fingerprint_sha256[65]; /* of the leaf, lower-case hex */
	uint32_t chain_length;       /* certificates sent, leaf included */
};

/**
 * One attempt, over before `deadline_ms` of certctl_monotonic_ms() but for the name lookup, which has the resolver's own limits.
 * A server that asks for a client certificate and then turns us away has still shown what it serves: that is success.
 * @return 0; UNAVAILABLE (no connection, or no TLS there), TIMEOUT, PROTOCOL (not the protocol of `starttls`), INVALID
 */
int certctl_probe_once(const struct certctl_probe *probe, int64_t deadline_ms, struct certctl_served *ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/**
 * Try until the server serves one of `fingerprints` (NULL-terminated), and nothing else for a third of a second, or the deadline
 * passes.  A server that reloads may refuse connections or show old and new certificates by turns for a moment, so every other
 * outcome is tried again.
 * @param ret  what was seen last, also on failure; fingerprint_sha256 is "" when nothing was
 * @param err  never NULL
 * @return 0; the last reason: UNAVAILABLE when another certificate is served or nothing answers, or as certctl_probe_once()
 */
int certctl_probe_until(const struct certctl_probe *probe, const char *const *fingerprints, int64_t deadline_ms,
	struct certctl_served *ret, struct certctl_error *err) CERTCTL_CHECKED;

/** "mail.example.com 127.0.0.1:25 smtp" for messages; on `mem`. */
char *certctl_probe_text(TALLOC_CTX *mem, const struct certctl_probe *probe);

#endif
