/**
 * The parts of requests and certificates: where they are, what they say.  Shared by reading, building and linting.
 * Elements point into the DER they were read from.
 */
#ifndef CERTCTL_X509_PARTS_H
#define CERTCTL_X509_PARTS_H

#include "der_in.h"

#include <gnutls/abstract.h>

/** Larger than any certificate, request or key that is meant seriously. */
#define CERTCTL_X509_MAX 65536

/* --- Algorithms (x509_algorithms.c) ------------------------------------------------------------------------------- */

struct certctl_signature_algorithm {
	gnutls_sign_algorithm_t id;
	const char *name;
	unsigned char der[16]; /* whole AlgorithmIdentifier */
	size_t der_len;
	bool is_weak; /* MD5, SHA-1 */
};
/** NULL: none that we know. `element` is the AlgorithmIdentifier. */
const struct certctl_signature_algorithm *certctl_signature_algorithm_find(const struct certctl_der_element *element);
/** What a key of this type signs certificates with. */
const struct certctl_signature_algorithm *certctl_signature_algorithm_of(enum certctl_key_type type);

/** A SubjectPublicKeyInfo (RFC 3279, RFC 5480, RFC 8410). */
struct certctl_public_key {
	struct certctl_der_element whole;
	struct certctl_bytes bits;  /* content of the BIT STRING */
	enum certctl_key_type type; /* 0: none of ours */
	uint32_t key_bits;          /* 0: unknown */
	struct certctl_bytes n, e;  /* of RSA */
	gnutls_ecc_curve_t curve;   /* of EC and Ed25519 */
};
int certctl_public_key_read(const struct certctl_der_element *whole, struct certctl_public_key *ret,
	struct certctl_error *err) CERTCTL_CHECKED;
/** Did this key sign `data`?  INVALID: no, or the algorithm is not its own. */
int certctl_public_key_verify(const struct certctl_public_key *key, const struct certctl_signature_algorithm *algorithm,
	const struct certctl_der_element *data, const struct certctl_bytes *signature,
	struct certctl_error *err) CERTCTL_CHECKED;
/** RFC 7093, section 2, method 1: the first 160 bits of the SHA-256 of the key's bits. */
#define CERTCTL_KEY_ID_LEN 20
void certctl_public_key_id(const struct certctl_public_key *key, unsigned char ret_id[CERTCTL_KEY_ID_LEN]);

/* --- Structure (x509_split.c) ---------------------------------------------------------------------------------------- */

/** Where the parts of a TBSCertificate and of the certificate around it are. */
struct certctl_certificate_parts {
	struct certctl_der_element tbs, serial, inner_algorithm, issuer, validity, subject;
	struct certctl_der_element extensions; /* the SEQUENCE; content NULL: none */
	struct certctl_public_key key;
	int32_t version; /* 2 is X.509 v3 */
	bool is_signed;  /* a Certificate; false: a TBSCertificate alone */
	struct certctl_der_element algorithm;
	struct certctl_bytes signature;
};
/** A Certificate or a TBSCertificate, one object and nothing behind it. */
int certctl_certificate_split(const struct certctl_bytes *der, struct certctl_certificate_parts *ret,
	struct certctl_error *err) CERTCTL_CHECKED;
int certctl_validity_read(const struct certctl_der_element *validity, int64_t *ret_not_before, int64_t *ret_not_after,
	struct certctl_error *err) CERTCTL_CHECKED;

/* --- Extensions (x509_extensions.c) ------------------------------------------------------------------------------------ */

enum certctl_extension_id {
	CERTCTL_EXT_UNKNOWN = 0,
	CERTCTL_EXT_SUBJECT_KEY_ID,
	CERTCTL_EXT_KEY_USAGE,
	CERTCTL_EXT_SUBJECT_ALT_NAME,
	CERTCTL_EXT_BASIC_CONSTRAINTS,
	CERTCTL_EXT_NAME_CONSTRAINTS,
	CERTCTL_EXT_CRL_POINTS,
	CERTCTL_EXT_POLICIES,
	CERTCTL_EXT_AUTHORITY_KEY_ID,
	CERTCTL_EXT_EXTENDED_KEY_USAGE,
	CERTCTL_EXT_AUTHORITY_INFO,
	CERTCTL_EXT_TLS_FEATURE,
	CERTCTL_EXT_NO_REVOCATION,
	CERTCTL_EXT_COUNT,
};
struct certctl_extension_kind {
	const char *name;
	unsigned char oid[9]; /* content octets */
	size_t oid_len;
};
extern const struct certctl_extension_kind certctl_extension_kinds[CERTCTL_EXT_COUNT];
/** The attribute of a request that carries extensions (RFC 2985, section 5.4.2), content octets. */
#define CERTCTL_OID_EXTENSION_REQUEST_LEN 9
extern const unsigned char certctl_oid_extension_request[CERTCTL_OID_EXTENSION_REQUEST_LEN];

struct certctl_extension {
	bool is_present, is_critical;
	struct certctl_der_element oid, value; /* value: the OCTET STRING, its content is the extension's DER */
};
/** Every extension by its id; [CERTCTL_EXT_UNKNOWN] is the first critical one that we do not know. */
struct certctl_extensions {
	struct certctl_extension by_id[CERTCTL_EXT_COUNT];
};
/** `sequence` with content NULL: none.  INVALID: malformed, or one of ours twice. */
int certctl_extensions_read(const struct certctl_der_element *sequence, struct certctl_extensions *ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/* Values; each reads the extension when it is there and leaves the output alone when it is not. */
int certctl_key_usage_read(const struct certctl_extension *extension, uint32_t *ret,
	struct certctl_error *err) CERTCTL_CHECKED;
int certctl_basic_constraints_read(const struct certctl_extension *extension, bool *ret_is_ca, int *ret_path_length,
	struct certctl_error *err) CERTCTL_CHECKED;
int certctl_extended_key_usage_read(TALLOC_CTX *mem, const struct certctl_extension *extension, char ***ret,
	struct certctl_error *err) CERTCTL_CHECKED;
int certctl_subject_key_id_read(const struct certctl_extension *extension, struct certctl_der_element *ret,
	struct certctl_error *err) CERTCTL_CHECKED;
/** `ret->content` stays NULL when the extension names no key id. */
int certctl_authority_key_id_read(const struct certctl_extension *extension, struct certctl_der_element *ret,
	struct certctl_error *err) CERTCTL_CHECKED;
int certctl_must_staple_read(const struct certctl_extension *extension, bool *ret,
	struct certctl_error *err) CERTCTL_CHECKED;
/** noRevAvail (RFC 9608, section 2): its value is NULL. */
int certctl_no_revocation_read(const struct certctl_extension *extension, bool *ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/* --- Names (x509_dn.c, x509_names.c) ------------------------------------------------------------------------------------------------ */

/** A distinguished name as RFC 4514 writes it, the last RDN first. */
int certctl_dn_text(TALLOC_CTX *mem, const struct certctl_der_element *name, char **ret,
	struct certctl_error *err) CERTCTL_CHECKED;
/** The only common name; NULL in *ret when there is none; INVALID when there are several and `only_one`: else the last. */
int certctl_dn_common_name(TALLOC_CTX *mem, const struct certctl_der_element *name, bool only_one, char **ret,
	struct certctl_error *err) CERTCTL_CHECKED;

struct certctl_name_list {
	struct certctl_name **items; /* sorted, unique, NULL-terminated */
	size_t count;
};
/**
 * subjectAltName.  Strict: a name that certctl_name_make() refuses, or of another type than ours, is INVALID; otherwise such
 * names are kept as they are written, and other types are passed over.  NUL, blanks and non-ASCII octets: always INVALID.
 */
int certctl_alt_names_read(TALLOC_CTX *mem, const struct certctl_extension *extension, bool is_strict,
	struct certctl_name_list *ret, struct certctl_error *err) CERTCTL_CHECKED;

#endif
