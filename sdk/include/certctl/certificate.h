/**
 * Building certificates: an issuing CA, a template, the to-be-signed bytes, the lint before and after, the signature.
 * The to-be-signed bytes are a pure function of the CA's certificate and the template.
 */
#ifndef CERTCTL_CERTIFICATE_H
#define CERTCTL_CERTIFICATE_H

#include <certctl/der.h>
#include <certctl/x509.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Everything a certificate says, decided before it is built (RFC 5280). */
struct certctl_certificate_template {
	const unsigned char *serial; /* unsigned big-endian, 1 to 20 octets, positive */
	size_t serial_len;
	const char *common_name;                 /* NULL: none */
	const char *organization;                /* NULL: none */
	const char *subject;                     /* RFC 4514, instead of the two above; NULL: from them */
	const struct certctl_name *const *names; /* subjectAltName; canonical, NULL-terminated; may be NULL for a CA */
	int64_t not_before_unix_s, not_after_unix_s;
	struct certctl_bytes public_key;       /* SubjectPublicKeyInfo */
	uint32_t key_usage;                    /* enum certctl_key_usage */
	const char *const *extended_key_usage; /* OIDs, NULL-terminated; may be NULL */
	bool must_staple;
	bool is_ca;
	int path_length;                                 /* of a CA; -1: none; ignored for others */
	const char *crl_url, *ocsp_url, *ca_issuers_url; /* NULL: extension left out */
	const char *const *policy_oids;                  /* NULL-terminated; may be NULL */
	const char *const *permitted_dns;                /* name constraints of a CA, NULL-terminated; may be NULL */
	const char *const *excluded_dns;
	bool no_revocation; /* noRevAvail (RFC 9608): of a leaf that has neither CRL nor OCSP */
};

/** Who signs: its certificate and its key.  NULL certificate: self-signed. */
struct certctl_certificate_issuer {
	const struct certctl_certificate *certificate;
	const struct certctl_key *key;
};

/** The DER of TBSCertificate.  INVALID when the template contradicts itself. */
CERTCTL_API int certctl_certificate_tbs(TALLOC_CTX *mem, const struct certctl_certificate_template *template_,
	const struct certctl_certificate_issuer *issuer, struct certctl_bytes *ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/** Sign a TBSCertificate and wrap it: the DER certificate. Deterministic where the key type allows (Ed25519, RSA, RFC 6979). */
CERTCTL_API int certctl_certificate_sign(TALLOC_CTX *mem, const struct certctl_bytes *tbs,
	const struct certctl_certificate_issuer *issuer, struct certctl_bytes *ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/**
 * What a certificate must obey before it is signed and after it was: RFC 5280 and the CA/Browser Forum's baseline where it is
 * about encoding.  Serial, dates, names, key usage against key type, extended key usage, basic constraints, key ids.
 * Works from the DER alone; the builder is not asked.
 * @param der       a TBSCertificate (before) or a Certificate (after): both are linted by the same rules
 * @param expected  what it must say; NULL: anything that obeys the rules
 * @param issuer    who signs it; NULL: not compared
 * @return 0, or INVALID with the first rule that is broken
 */
CERTCTL_API int certctl_certificate_lint(const struct certctl_bytes *der,
	const struct certctl_certificate_template *expected, const struct certctl_certificate_issuer *issuer,
	struct certctl_error *err) CERTCTL_CHECKED;

/**
 * Do the name constraints of a CA (RFC 5280, section 4.2.1.10) allow these names, and a subject where there is one?
 * Name constraints on directories are not evaluated: with them, a subject is refused.
 * @return 0; DENIED with the name and the constraint; INVALID when the constraints cannot be read
 */
CERTCTL_API int certctl_certificate_permits(const struct certctl_certificate *ca,
	const struct certctl_name *const *names, bool has_subject, struct certctl_error *err) CERTCTL_CHECKED;

/** 20 octets, positive, 158 random bits: the second highest bit is always set, so that none of the octets is dropped. */
CERTCTL_API int certctl_serial_make(unsigned char ret_serial[20], struct certctl_error *err) CERTCTL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
