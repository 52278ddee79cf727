/**
 * Keys, requests and certificates, on GnuTLS.  Reading and describing; building to-be-signed certificates is in
 * certificate.h.  PEM and DER go in as bytes with their length; what comes out is on the context given.
 */
#ifndef CERTCTL_X509_H
#define CERTCTL_X509_H

#include <certctl/error.h>
#include <certctl/name.h>
#include <certctl/secret.h>
#include <talloc.h>

#ifdef __cplusplus
extern "C" {
#endif

enum certctl_key_type {
	CERTCTL_RSA_2048 = 1,
	CERTCTL_RSA_3072,
	CERTCTL_RSA_4096,
	CERTCTL_ECDSA_P256,
	CERTCTL_ECDSA_P384,
	CERTCTL_ED25519,
	CERTCTL_KEY_TYPE_COUNT,
};
CERTCTL_API const char *certctl_key_type_name(uint32_t type);                   /* "ECDSA_P256"; "unknown" */
CERTCTL_API enum certctl_key_type certctl_key_type_from_name(const char *name); /* 0: none */

struct certctl_bytes {
	unsigned char *data;
	size_t len;
};

/* --- Private keys ------------------------------------------------------------------------------------------------- */

/** A private key; its memory is wiped when it is freed with talloc_free. One thread at a time. */
struct certctl_key;
CERTCTL_API int certctl_key_generate(TALLOC_CTX *mem, enum certctl_key_type type, struct certctl_key **ret,
	struct certctl_error *err) CERTCTL_CHECKED;
/** PKCS#8, PKCS#1 or SEC1 in PEM or DER; `password` for encrypted PKCS#8, may be NULL.  DENIED: wrong password. */
CERTCTL_API int certctl_key_read(TALLOC_CTX *mem, const struct certctl_secret *text,
	const struct certctl_secret *password, struct certctl_key **ret, struct certctl_error *err) CERTCTL_CHECKED;

enum certctl_key_encoding {
	CERTCTL_KEY_PKCS8_PEM = 1,
	CERTCTL_KEY_PKCS8_DER,
	CERTCTL_KEY_TRADITIONAL_PEM, /* PKCS#1 for RSA, SEC1 for EC; Ed25519 has only PKCS#8 */
};
CERTCTL_API int certctl_key_write(TALLOC_CTX *mem, const struct certctl_key *key, enum certctl_key_encoding encoding,
	struct certctl_secret *ret, struct certctl_error *err) CERTCTL_CHECKED;
/** 0 when the key is of none of our types (RSA 1024, P-521, ...). */
CERTCTL_API enum certctl_key_type certctl_key_type_of(const struct certctl_key *key);
/** DER of the SubjectPublicKeyInfo. */
CERTCTL_API int certctl_key_public(TALLOC_CTX *mem, const struct certctl_key *key, struct certctl_bytes *ret,
	struct certctl_error *err) CERTCTL_CHECKED;
/** GnuTLS's handle, for TLS credentials; borrowed. */
struct gnutls_privkey_st;
CERTCTL_API struct gnutls_privkey_st *certctl_key_handle(const struct certctl_key *key);

/* --- Certificate signing requests (RFC 2986) ---------------------------------------------------------------------- */

struct certctl_csr_request {
	const char *common_name;                 /* NULL: none */
	const struct certctl_name *const *names; /* canonical, NULL-terminated */
	bool must_staple;                        /* TLS feature status_request, RFC 7633 */
};
/** A PEM request ("CERTIFICATE REQUEST") with the names as subjectAltName, signed by `key`. */
CERTCTL_API int certctl_csr_make(TALLOC_CTX *mem, const struct certctl_key *key,
	const struct certctl_csr_request *request, char **ret_pem, struct certctl_error *err) CERTCTL_CHECKED;

struct certctl_csr {
	struct certctl_bytes der, public_key; /* SubjectPublicKeyInfo */
	char *common_name;                    /* NULL: none */
	char *subject;                        /* RFC 4514 */
	struct certctl_name **names;          /* canonical, sorted, unique, NULL-terminated */
	size_t name_count;
	enum certctl_key_type key_type; /* 0: none of ours */
	uint32_t key_bits;
	bool must_staple;
	char sha256[65], public_key_sha256[65]; /* lower-case hex */
	char **extended_key_usage;              /* OIDs that it asks for, NULL-terminated; may be empty */
};
/**
 * Read a request, PEM (either label) or DER, one object and nothing behind it, and verify its signature.
 * Refused: names of other types, several common names, unknown critical extensions, weak digests.
 */
CERTCTL_API int certctl_csr_read(TALLOC_CTX *mem, const char *data, size_t len, struct certctl_csr **ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/* --- Certificates (RFC 5280) ----------------------------------------------------------------------------------------- */

struct certctl_certificate {
	struct certctl_bytes der, public_key;
	char *subject, *issuer;      /* RFC 4514 */
	char *common_name;           /* NULL: none */
	char *serial;                /* lower-case hex, two digits an octet, no leading "00" sign octet */
	struct certctl_name **names; /* canonical where possible, sorted, NULL-terminated */
	size_t name_count;
	enum certctl_key_type key_type; /* 0: none of ours */
	uint32_t key_bits;
	int64_t not_before_unix_s, not_after_unix_s;
	uint32_t key_usage;        /* enum certctl_key_usage bits; 0: extension absent */
	char **extended_key_usage; /* OIDs, NULL-terminated */
	bool is_ca, is_self_issued, must_staple;
	int path_length;                         /* -1: none */
	char *subject_key_id, *authority_key_id; /* hex; NULL: absent */
	char *signature_algorithm;
	char fingerprint_sha256[65], public_key_sha256[65];
	bool no_revocation; /* noRevAvail, RFC 9608 */
};
/** RFC 5280, section 4.2.1.3, with the bit numbers of the ASN.1 as bit positions. */
enum certctl_key_usage {
	CERTCTL_KU_DIGITAL_SIGNATURE = 1 << 0,
	CERTCTL_KU_NON_REPUDIATION = 1 << 1,
	CERTCTL_KU_KEY_ENCIPHERMENT = 1 << 2,
	CERTCTL_KU_DATA_ENCIPHERMENT = 1 << 3,
	CERTCTL_KU_KEY_AGREEMENT = 1 << 4,
	CERTCTL_KU_KEY_CERT_SIGN = 1 << 5,
	CERTCTL_KU_CRL_SIGN = 1 << 6,
};

/** One certificate, PEM or DER, and nothing behind it. */
CERTCTL_API int certctl_certificate_read(TALLOC_CTX *mem, const char *data, size_t len,
	struct certctl_certificate **ret, struct certctl_error *err) CERTCTL_CHECKED;
/** All certificates of a PEM text, in its order, at most `max`; text between them is passed over. */
CERTCTL_API int certctl_certificates_read(TALLOC_CTX *mem, const char *pem, size_t len, size_t max,
	struct certctl_certificate ***ret, size_t *ret_count, struct certctl_error *err) CERTCTL_CHECKED;
CERTCTL_API char *certctl_certificate_pem(TALLOC_CTX *mem, const struct certctl_certificate *certificate);

/**
 * Leaf first, each signed by the next (signatures verified); duplicates dropped.  The root stays out unless it is all there is.
 * INVALID: no chain from the leaf, or certificates that belong to none.
 */
CERTCTL_API int certctl_chain_order(TALLOC_CTX *mem, const struct certctl_certificate *leaf,
	struct certctl_certificate *const *others, size_t count, struct certctl_certificate ***ret, size_t *ret_count,
	struct certctl_error *err) CERTCTL_CHECKED;

/** Was `certificate` signed by `issuer`?  Name, key id, CA bit and signature. */
CERTCTL_API bool certctl_certificate_is_issued_by(const struct certctl_certificate *certificate,
	const struct certctl_certificate *issuer);
/** Does the private key belong to this public key (DER SubjectPublicKeyInfo)? */
CERTCTL_API bool certctl_key_matches(const struct certctl_key *key, const struct certctl_bytes *public_key);
/** Do the names of the certificate include every one given (wildcards match as text, not as pattern)? */
CERTCTL_API bool certctl_certificate_has_names(const struct certctl_certificate *certificate,
	const struct certctl_name *const *names);

/**
 * Do key, leaf, chain and names belong together and is the leaf within its dates?  The message says which part does not.  A
 * certificate that begins within a day is retryable, after the seconds until then: clocks differ.
 */
CERTCTL_API int certctl_bundle_check(const struct certctl_key *key, const struct certctl_certificate *leaf,
	struct certctl_certificate *const *chain, size_t chain_count, const struct certctl_name *const *names,
	int64_t now_unix_s, struct certctl_error *err) CERTCTL_CHECKED;

/** PKCS#12 (RFC 7292) with PBES2 AES-256 and SHA-256 MAC.  `key` may be NULL: certificates only. */
CERTCTL_API int certctl_pkcs12_write(TALLOC_CTX *mem, const struct certctl_key *key,
	const struct certctl_certificate *leaf, struct certctl_certificate *const *chain, size_t chain_count,
	const char *alias, const struct certctl_secret *password, struct certctl_secret *ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/* --- Small things ------------------------------------------------------------------------------------------------------ */

CERTCTL_API int certctl_pem_decode(TALLOC_CTX *mem, const char *label, const char *pem, size_t len,
	struct certctl_bytes *ret, struct certctl_error *err) CERTCTL_CHECKED;
CERTCTL_API char *certctl_pem_encode(TALLOC_CTX *mem, const char *label, const void *der, size_t len);
CERTCTL_API void certctl_sha256_hex(const void *data, size_t len, char ret_hex[65]);
CERTCTL_API int certctl_random(void *data, size_t len, struct certctl_error *err) CERTCTL_CHECKED;
/** Lower-case hex; NULL when out of memory. */
CERTCTL_API char *certctl_hex(TALLOC_CTX *mem, const void *data, size_t len);
CERTCTL_API int certctl_unhex(TALLOC_CTX *mem, const char *hex, struct certctl_bytes *ret,
	struct certctl_error *err) CERTCTL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
