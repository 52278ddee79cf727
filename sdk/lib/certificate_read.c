/* Reading certificates (RFC 5280) as they are found: describing, not judging.  Linting is in lint.c. */
#include "pem.h"
#include "x509_parts.h"

static char *take_hex(struct certctl_certificate *certificate, const struct certctl_der_element *element)
{
	return element->content ? certctl_hex(certificate, element->content, element->len) : NULL;
}

/* The octets of a positive serial without its sign octet; a negative one as it stands. */
static char *take_serial(struct certctl_certificate *certificate, const struct certctl_der_element *serial)
{
	size_t sign = serial->len > 1 && serial->content[0] == 0;

	return certctl_hex(certificate, serial->content + sign, serial->len - sign);
}

static char *take_algorithm(struct certctl_certificate *certificate, const struct certctl_der_element *element)
{
	const struct certctl_signature_algorithm *algorithm = certctl_signature_algorithm_find(element);
	struct certctl_der_in in = certctl_der_in_of(element);
	struct certctl_der_element oid;

	if (algorithm)
		return talloc_strdup(certificate, algorithm->name);
	if (certctl_der_take(&in, CERTCTL_DER_OID, "signature algorithm", &oid, NULL) < 0)
		return NULL;
	return certctl_der_dotted(certificate, &oid);
}

static int fill_names(struct certctl_certificate *certificate, const struct certctl_certificate_parts *parts,
	const struct certctl_extensions *extensions, struct certctl_error *err)
{
	struct certctl_name_list list;
	int rc;

	if ((rc = certctl_dn_text(certificate, &parts->subject, &certificate->subject, err)) < 0 ||
		(rc = certctl_dn_text(certificate, &parts->issuer, &certificate->issuer, err)) < 0 ||
		(rc = certctl_dn_common_name(certificate, &parts->subject, false, &certificate->common_name, err)) <
			0 ||
		(rc = certctl_alt_names_read(certificate, &extensions->by_id[CERTCTL_EXT_SUBJECT_ALT_NAME], false,
			 &list, err)) < 0)
		return rc;
	certificate->names = list.items;
	certificate->name_count = list.count;
	certificate->is_self_issued = certctl_der_same(&parts->issuer, parts->subject.content, parts->subject.len);
	return 0;
}

static int fill_extensions(struct certctl_certificate *certificate, const struct certctl_extensions *extensions,
	struct certctl_error *err)
{
	struct certctl_der_element subject_key = { 0 }, authority_key = { 0 };
	const struct certctl_extension *by_id = extensions->by_id;
	int rc;

	certificate->path_length = -1;
	if ((rc = certctl_key_usage_read(&by_id[CERTCTL_EXT_KEY_USAGE], &certificate->key_usage, err)) < 0 ||
		(rc = certctl_extended_key_usage_read(certificate, &by_id[CERTCTL_EXT_EXTENDED_KEY_USAGE],
			 &certificate->extended_key_usage, err)) < 0 ||
		(rc = certctl_basic_constraints_read(&by_id[CERTCTL_EXT_BASIC_CONSTRAINTS], &certificate->is_ca,
			 &certificate->path_length, err)) < 0 ||
		(rc = certctl_subject_key_id_read(&by_id[CERTCTL_EXT_SUBJECT_KEY_ID], &subject_key, err)) < 0 ||
		(rc = certctl_authority_key_id_read(&by_id[CERTCTL_EXT_AUTHORITY_KEY_ID], &authority_key, err)) < 0 ||
		(rc = certctl_must_staple_read(&by_id[CERTCTL_EXT_TLS_FEATURE], &certificate->must_staple, err)) < 0 ||
		(rc = certctl_no_revocation_read(&by_id[CERTCTL_EXT_NO_REVOCATION], &certificate->no_revocation, err)) <
			0)
		return rc;
	if (!certificate->extended_key_usage)
		certificate->extended_key_usage = talloc_zero_array(certificate, char *, 1);
	certificate->subject_key_id = take_hex(certificate, &subject_key);
	certificate->authority_key_id = take_hex(certificate, &authority_key);
	if (!certificate->extended_key_usage || (subject_key.content && !certificate->subject_key_id) ||
		(authority_key.content && !certificate->authority_key_id))
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	return 0;
}

/* certificate->der is set; everything else comes from it. */
static int fill(struct certctl_certificate *certificate, struct certctl_error *err)
{
	struct certctl_certificate_parts parts;
	struct certctl_extensions extensions;
	int rc;

	if ((rc = certctl_certificate_split(&certificate->der, &parts, err)) < 0)
		return rc;
	if (!parts.is_signed)
		return certctl_fail(err, CERTCTL_E_INVALID, "not signed");
	if ((rc = certctl_extensions_read(&parts.extensions, &extensions, err)) < 0 ||
		(rc = fill_names(certificate, &parts, &extensions, err)) < 0 ||
		(rc = fill_extensions(certificate, &extensions, err)) < 0 ||
		(rc = certctl_validity_read(&parts.validity, &certificate->not_before_unix_s,
			 &certificate->not_after_unix_s, err)) < 0)
		return rc;
	certificate->serial = take_serial(certificate, &parts.serial);
	certificate->signature_algorithm = take_algorithm(certificate, &parts.algorithm);
	if (!certificate->serial || !certificate->signature_algorithm)
		return certctl_fail(err, CERTCTL_E_INVALID, "serial or signature algorithm is malformed");
	certificate->public_key =
		(struct certctl_bytes){ (unsigned char *)parts.key.whole.whole, parts.key.whole.whole_len };
	certificate->key_type = parts.key.type;
	certificate->key_bits = parts.key.key_bits;
	certctl_sha256_hex(certificate->der.data, certificate->der.len, certificate->fingerprint_sha256);
	certctl_sha256_hex(certificate->public_key.data, certificate->public_key.len, certificate->public_key_sha256);
	return 0;
}

static int read_one(TALLOC_CTX *mem, const char *data, size_t len, struct certctl_certificate **ret,
	struct certctl_error *err)
{
	static const char *const labels[] = { "CERTIFICATE", "X509 CERTIFICATE", NULL };
	struct certctl_certificate *certificate = talloc_zero(mem, struct certctl_certificate);

	if (!certificate)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	int rc = certctl_pem_or_der(certificate, labels, data, len, CERTCTL_X509_MAX, &certificate->der, err);

	if (rc >= 0)
		rc = fill(certificate, err);
	if (rc < 0) {
		talloc_free(certificate);
		return rc;
	}
	*ret = certificate;
	return 0;
}

int certctl_certificate_read(TALLOC_CTX *mem, const char *data, size_t len, struct certctl_certificate **ret,
	struct certctl_error *err)
{
	int rc = read_one(mem, data, len, ret, err);

	if (rc < 0)
		certctl_error_prefix(err, "certificate");
	return rc;
}

static int read_all(const char *pem, size_t len, size_t max, struct certctl_certificate **list, size_t *ret_count,
	struct certctl_error *err)
{
	const char *at = pem, *end = pem + len;
	struct certctl_pem_block block;
	size_t count = 0;
	int rc;

	while ((rc = certctl_pem_next(&at, end, &block, err)) >= 0) {
		if (!certctl_pem_is(&block, "CERTIFICATE") && !certctl_pem_is(&block, "X509 CERTIFICATE"))
			continue;
		if (count == max)
			return certctl_fail(err, CERTCTL_E_LIMIT, "more than %zu certificates", max);
		rc = read_one(list, block.begin, (size_t)(block.end - block.begin), &list[count], err);
		if (rc < 0) {
			certctl_error_prefix(err, "certificate %zu", count + 1);
			return rc;
		}
		count++;
	}
	if (rc != CERTCTL_E_NOT_FOUND)
		return rc;
	if (!count)
		return certctl_fail(err, CERTCTL_E_INVALID, "no certificate in PEM");
	*ret_count = count;
	return 0;
}

int certctl_certificates_read(TALLOC_CTX *mem, const char *pem, size_t len, size_t max,
	struct certctl_certificate ***ret, size_t *ret_count, struct certctl_error *err)
{
	/* "-----BEGIN X-----" and its END take more than 32 bytes, so this bounds the list by the input too. */
	size_t room = len / 32 < max ? len / 32 : max;
	struct certctl_certificate **list = talloc_zero_array(mem, struct certctl_certificate *, (unsigned)room + 1);

	if (!list)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	int rc = read_all(pem, len, room, list, ret_count, err);

	if (rc < 0) {
		talloc_free(list);
		return rc;
	}
	*ret = list;
	return 0;
}

char *certctl_certificate_pem(TALLOC_CTX *mem, const struct certctl_certificate *certificate)
{
	return certctl_pem_encode(mem, "CERTIFICATE", certificate->der.data, certificate->der.len);
}

bool certctl_certificate_has_names(const struct certctl_certificate *certificate,
	const struct certctl_name *const *names)
{
	for (; *names; names++) {
		bool is_there = false;

		for (size_t i = 0; i < certificate->name_count && !is_there; i++)
			is_there = certctl_name_compare(certificate->names[i], *names) == 0;
		if (!is_there)
			return false;
	}
	return true;
}
