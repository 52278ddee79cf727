/* Reading certificate signing requests (RFC 2986): strict, because what they say ends in certificates. */
#include "pem.h"
#include "x509_parts.h"

struct request_parts {
	struct certctl_der_element info, subject, attributes, algorithm;
	struct certctl_public_key key;
	struct certctl_bytes signature;
};

static int split_info(struct request_parts *parts, struct certctl_error *err)
{
	struct certctl_der_in in = certctl_der_in_of(&parts->info);
	struct certctl_der_element version, key;
	int32_t number;
	int rc;

	if ((rc = certctl_der_take(&in, CERTCTL_DER_INTEGER, "version", &version, err)) < 0 ||
		(rc = certctl_der_small(&version, "version", &number, err)) < 0 ||
		(rc = certctl_der_take(&in, CERTCTL_DER_SEQUENCE, "subject", &parts->subject, err)) < 0 ||
		(rc = certctl_der_take(&in, CERTCTL_DER_SEQUENCE, "public key", &key, err)) < 0 ||
		(rc = certctl_public_key_read(&key, &parts->key, err)) < 0)
		return rc;
	if (number != 0)
		return certctl_fail(err, CERTCTL_E_INVALID, "version: 0 expected, got %d", number);
	/* OpenSSL reads requests without attributes, and some devices write them. */
	if (certctl_der_peek(&in) == CERTCTL_DER_CONTEXT(0) &&
		(rc = certctl_der_next(&in, "attributes", &parts->attributes, err)) < 0)
		return rc;
	return certctl_der_done(&in, "request", err);
}

static int split(const struct certctl_bytes *der, struct request_parts *ret, struct certctl_error *err)
{
	struct request_parts parts = { 0 };
	struct certctl_der_element outer, bits;
	struct certctl_der_in in;
	int rc = certctl_der_whole(der->data, der->len, CERTCTL_DER_SEQUENCE, "request", &outer, err);

	if (rc < 0)
		return rc;
	in = certctl_der_in_of(&outer);
	if ((rc = certctl_der_take(&in, CERTCTL_DER_SEQUENCE, "request", &parts.info, err)) < 0 ||
		(rc = certctl_der_take(&in, CERTCTL_DER_SEQUENCE, "signature algorithm", &parts.algorithm, err)) < 0 ||
		(rc = certctl_der_take(&in, CERTCTL_DER_BIT_STRING, "signature", &bits, err)) < 0 ||
		(rc = certctl_der_done(&in, "request", err)) < 0 ||
		(rc = certctl_der_octets(&bits, "signature", &parts.signature, err)) < 0 ||
		(rc = split_info(&parts, err)) < 0)
		return rc;
	*ret = parts;
	return 0;
}

/* The Extensions of the one extension request; content stays NULL when there is none. */
static int find_extensions(const struct certctl_der_element *attributes, struct certctl_der_element *ret,
	struct certctl_error *err)
{
	struct certctl_der_in in = certctl_der_in_of(attributes), inner;
	struct certctl_der_element attribute, oid, values;
	int rc;

	while (in.at && in.at != in.end) {
		if ((rc = certctl_der_take(&in, CERTCTL_DER_SEQUENCE, "attribute", &attribute, err)) < 0)
			return rc;
		inner = certctl_der_in_of(&attribute);
		if ((rc = certctl_der_take(&inner, CERTCTL_DER_OID, "attribute", &oid, err)) < 0 ||
			(rc = certctl_der_take(&inner, CERTCTL_DER_SET, "attribute", &values, err)) < 0 ||
			(rc = certctl_der_done(&inner, "attribute", err)) < 0)
			return rc;
		if (!certctl_der_same(&oid, certctl_oid_extension_request, CERTCTL_OID_EXTENSION_REQUEST_LEN))
			continue;
		if (ret->content)
			return certctl_fail(err, CERTCTL_E_INVALID, "extension request: twice");
		rc = certctl_der_whole(values.content, values.len, CERTCTL_DER_SEQUENCE, "extension request", ret, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* What is asked for and would not be granted silently is refused. */
static int check_extensions(TALLOC_CTX *mem, const struct certctl_extensions *extensions, struct certctl_error *err)
{
	const struct certctl_extension *unknown = &extensions->by_id[CERTCTL_EXT_UNKNOWN];
	bool is_ca = false;
	int path_length;

	if (unknown->is_present) {
		char *dotted = certctl_der_dotted(mem, &unknown->oid);

		certctl_fail(err, CERTCTL_E_INVALID, "extension %s: critical and not known", dotted ? dotted : "?");
		talloc_free(dotted);
		return CERTCTL_E_INVALID;
	}
	int rc = certctl_basic_constraints_read(&extensions->by_id[CERTCTL_EXT_BASIC_CONSTRAINTS], &is_ca, &path_length,
		err);

	if (rc >= 0 && is_ca)
		return certctl_fail(err, CERTCTL_E_INVALID, "basicConstraints: a request cannot ask for a CA");
	return rc;
}

static int verify(const struct request_parts *parts, struct certctl_error *err)
{
	const struct certctl_signature_algorithm *algorithm = certctl_signature_algorithm_find(&parts->algorithm);

	if (!algorithm)
		return certctl_fail(err, CERTCTL_E_INVALID, "signature algorithm: not one that is accepted");
	if (algorithm->is_weak)
		return certctl_fail(err, CERTCTL_E_INVALID, "signature algorithm: %s is too weak", algorithm->name);
	return certctl_public_key_verify(&parts->key, algorithm, &parts->info, &parts->signature, err);
}

static int fill_names(struct certctl_csr *csr, const struct certctl_extensions *extensions, struct certctl_error *err)
{
	struct certctl_name_list list;
	int rc = certctl_alt_names_read(csr, &extensions->by_id[CERTCTL_EXT_SUBJECT_ALT_NAME], true, &list, err);

	if (rc < 0)
		return rc;
	csr->names = list.items;
	csr->name_count = list.count;
	return 0;
}

/* csr->der is set; everything else comes from it. */
static int fill(struct certctl_csr *csr, struct certctl_error *err)
{
	struct certctl_der_element sequence = { 0 };
	struct certctl_extensions extensions;
	struct request_parts parts;
	int rc;

	if ((rc = split(&csr->der, &parts, err)) < 0 || (rc = find_extensions(&parts.attributes, &sequence, err)) < 0 ||
		(rc = certctl_extensions_read(&sequence, &extensions, err)) < 0 ||
		(rc = check_extensions(csr, &extensions, err)) < 0 || (rc = fill_names(csr, &extensions, err)) < 0 ||
		(rc = certctl_must_staple_read(&extensions.by_id[CERTCTL_EXT_TLS_FEATURE], &csr->must_staple, err)) <
			0 ||
		(rc = certctl_extended_key_usage_read(csr, &extensions.by_id[CERTCTL_EXT_EXTENDED_KEY_USAGE],
			 &csr->extended_key_usage, err)) < 0 ||
		(rc = certctl_dn_common_name(csr, &parts.subject, true, &csr->common_name, err)) < 0 ||
		(rc = certctl_dn_text(csr, &parts.subject, &csr->subject, err)) < 0 || (rc = verify(&parts, err)) < 0)
		return rc;
	if (!csr->extended_key_usage)
		csr->extended_key_usage = talloc_zero_array(csr, char *, 1);
	if (!csr->extended_key_usage)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	csr->public_key = (struct certctl_bytes){ csr->der.data + (parts.key.whole.whole - csr->der.data),
		parts.key.whole.whole_len };
	csr->key_type = parts.key.type;
	csr->key_bits = parts.key.key_bits;
	certctl_sha256_hex(csr->der.data, csr->der.len, csr->sha256);
	certctl_sha256_hex(csr->public_key.data, csr->public_key.len, csr->public_key_sha256);
	return 0;
}

int certctl_csr_read(TALLOC_CTX *mem, const char *data, size_t len, struct certctl_csr **ret, struct certctl_error *err)
{
	static const char *const labels[] = { "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST", NULL };
	struct certctl_csr *csr = talloc_zero(mem, struct certctl_csr);

	if (!csr)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	int rc = certctl_pem_or_der(csr, labels, data, len, CERTCTL_X509_MAX, &csr->der, err);

	if (rc >= 0)
		rc = fill(csr, err);
	if (rc < 0) {
		talloc_free(csr);
		certctl_error_prefix(err, "CSR");
		return rc;
	}
	*ret = csr;
	return 0;
}
