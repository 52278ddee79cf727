/** The key that signs checkpoints: Ed25519, in the state directory, never in the database. */
#ifndef CORE_AUDIT_SIGNING_H
#define CORE_AUDIT_SIGNING_H

#include <certctl/error.h>
#include <talloc.h>

#define AUDIT_KEY_FILE    "audit.key" /* 0600 */
#define AUDIT_PUBLIC_FILE "audit.pub" /* what an auditor needs */

struct audit_signer;
/** Read the key of a state directory; made at first use. */
int audit_signer_open(TALLOC_CTX *mem, const char *state_dir, struct audit_signer **ret,
	struct certctl_error *err) CERTCTL_CHECKED;
/** SHA-256 of its public key (DER), hexadecimal; borrowed. */
const char *audit_signer_id(const struct audit_signer *signer);
/** Hexadecimal, on `mem`. */
int audit_sign(const struct audit_signer *signer, const char *text, TALLOC_CTX *mem, const char **ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/** Public keys that an auditor trusts. */
struct audit_keys;
int audit_keys_new(TALLOC_CTX *mem, struct audit_keys **ret, struct certctl_error *err) CERTCTL_CHECKED;
/** Add one in PEM ("PUBLIC KEY"). */
int audit_keys_add(struct audit_keys *keys, const char *pem, size_t len, struct certctl_error *err) CERTCTL_CHECKED;
/** Did the key with this id, one of them, sign the text? */
bool audit_keys_verify(const struct audit_keys *keys, const char *id, const char *text, const char *signature);

#endif
