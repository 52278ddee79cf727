/**
 * What requests and certificates are built from, on the backwards DER writer: the last part is written first.
 */
#ifndef CERTCTL_X509_WRITE_H
#define CERTCTL_X509_WRITE_H

#include "key_private.h"

/** Everything written since `mark` is the value of this extension. */
void certctl_extension_wrap(struct certctl_der *der, enum certctl_extension_id id, bool is_critical, size_t mark);
/** GeneralNames of a subjectAltName. */
int certctl_alt_names_write(struct certctl_der *der, const struct certctl_name *const *names,
	struct certctl_error *err) CERTCTL_CHECKED;
/** Features ::= SEQUENCE OF INTEGER with status_request (RFC 7633). */
void certctl_must_staple_write(struct certctl_der *der);
/** A Name of organization and common name; both may be NULL. */
int certctl_subject_write(struct certctl_der *der, const char *common_name, const char *organization,
	struct certctl_error *err) CERTCTL_CHECKED;
/** A Name from RFC 4514 text. */
int certctl_dn_write(struct certctl_der *der, const char *text, struct certctl_error *err) CERTCTL_CHECKED;

/** SEQUENCE { body, algorithm, signature }: sign `body` and wrap it. */
int certctl_signed_make(TALLOC_CTX *mem, const struct certctl_bytes *body, const struct certctl_key *key,
	struct certctl_bytes *ret, struct certctl_error *err) CERTCTL_CHECKED;

#endif
