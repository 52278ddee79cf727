/**
 * Secrets at rest.  What is sealed can be read with the server's key only, and only in the place that it was sealed for:
 * AES-256-GCM (NIST SP 800-38D) with a random nonce; table, row and column are authenticated with it.
 *
 *     struct sealing_place place = { "connector_state", "issuers/corp/account", "sealed" };
 *     rc = sealing_seal(sealing, mem, &place, &secret, &sealed, err);       // into columns `sealed` bytea and `key_id` text
 *     rc = sealing_unseal(sealing, mem, &place, &sealed, &secret, err);
 *
 * A server without a key does not start, so nothing is ever stored unsealed.
 */
#ifndef CORE_SEALING_H
#define CORE_SEALING_H

#include <certctl/secret.h>

/** What the file is called in the state directory. */
#define SEALING_KEY_FILE "sealing.key"
/** Bytes that sealing adds: format, nonce, tag.  For limits in the schema. */
#define SEALING_OVERHEAD 29

/** Immutable: any thread may use it. */
struct sealing;

struct sealing_options {
	const char *state_dir; /* holds SEALING_KEY_FILE, made (0600) when it is not there */
	const char
		*key_file; /* instead of it, and never made: an operator's file or a systemd credential; NULL: none */
};

/**
 * Read the keys: one a line, 64 hexadecimal digits; "#" begins a comment.  The first one seals, all of them open.
 * @return 0; NOT_FOUND (key_file); DENIED (the file is open to others); INVALID (with the line)
 */
int sealing_open(TALLOC_CTX *mem, const struct sealing_options *options, struct sealing **ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/** Id of the key that seals; borrowed.  Ids follow from the keys: 16 hexadecimal digits. */
const char *sealing_key_id(const struct sealing *sealing);

/** Where a value lives.  `row` is what no other row of the table has. */
struct sealing_place {
	const char *table, *row, *column;
};

/** Two columns of a row. */
struct sealed {
	const char *key_id;
	const char *bytes; /* bytea in PostgreSQL's text form: "\x..." */
};

/** @param ret  on `mem` */
int sealing_seal(const struct sealing *sealing, TALLOC_CTX *mem, const struct sealing_place *place,
	const struct certctl_secret *secret, struct sealed *ret, struct certctl_error *err) CERTCTL_CHECKED;

/**
 * @param ret  on `mem`, wiped with it
 * @return 0; DENIED (sealed with a key that is not in the file); INVALID (changed, or sealed for another place)
 */
int sealing_unseal(const struct sealing *sealing, TALLOC_CTX *mem, const struct sealing_place *place,
	const struct sealed *sealed, struct certctl_secret *ret, struct certctl_error *err) CERTCTL_CHECKED;

/**
 * A secret for something else that follows from the key which seals: the same on every server that has it, and another one for each
 * purpose (RFC 5869, section 2.3).
 */
int sealing_derive(const struct sealing *sealing, const char *purpose, unsigned char *ret, size_t len,
	struct certctl_error *err) CERTCTL_CHECKED;

#endif
