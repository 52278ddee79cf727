/** Rules about names, requests and certificates.  Pure functions: no database, no network, no clock. */
#ifndef CORE_PKI_H
#define CORE_PKI_H

#include <certctl/field.h>
#include <certctl/issuer.h>
#include <jansson.h>

/** Names as the database keeps them, `[{"type":"dns","value":"..."}]`, and back.  NULL-terminated, on `mem`. */
int pki_names_read(TALLOC_CTX *mem, const char *json, struct certctl_name ***ret,
	struct certctl_error *err) CERTCTL_CHECKED;
char *pki_names_write(TALLOC_CTX *mem, const struct certctl_name *const *names);

/**
 * From what an operator wrote to a set: canonical, sorted, each once, the common name among them.
 * INVALID names the bad one.  @param common_name  NULL: none is added
 */
int pki_names_make(TALLOC_CTX *mem, const char *const *texts, size_t count, const char *common_name,
	struct certctl_name ***ret, struct certctl_error *err) CERTCTL_CHECKED;

/** What a request must be: exactly these names, this key type, nothing more and nothing less. */
struct pki_expectation {
	const struct certctl_name *const *names; /* canonical, sorted */
	const char *common_name;                 /* NULL: none */
	uint32_t key_type;
	bool must_staple;
	const char *const *extended_key_usage; /* OIDs that it may ask for; NULL: left to the CA */
};
/** DENIED with the difference. */
int pki_csr_check(const struct certctl_csr *csr, const struct pki_expectation *expected,
	struct certctl_error *err) CERTCTL_CHECKED;

/**
 * Is this the certificate that the order asked for: key of the request, names, no extended key usage beyond the order's; and, when
 * the CA takes the order as it is, serial, dates, exactly its usages, noRevAvail?  PROTOCOL with the difference: such a certificate
 * is never released.
 */
int pki_issued_check(const struct certctl_certificate *leaf, const char *public_key_sha256,
	const struct certctl_order *order, bool takes_serial, struct certctl_error *err) CERTCTL_CHECKED;

/** When a lifetime begins and ends for a certificate asked for now: a little back, so that slow clocks accept it. */
void pki_validity(int64_t now_unix_s, int64_t lifetime_s, int64_t *ret_not_before, int64_t *ret_not_after);

/** 20 octets with at least 120 random bits, as lower-case hex. */
int pki_serial_make(char ret_hex[41], struct certctl_error *err) CERTCTL_CHECKED;

/** Extended key usages that have a name here: serverAuth to OCSPSigning. */
extern const struct certctl_choice pki_usages[];
/** OIDs of names with commas between them; NULL-terminated, on `mem`.  @param names  NULL: *ret is NULL, left to the CA */
int pki_usages_read(TALLOC_CTX *mem, const char *names, const char *const **ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/** Key types that are asked for by name: RSA_2048 to ED25519. */
extern const struct certctl_choice pki_key_types[];

#endif
