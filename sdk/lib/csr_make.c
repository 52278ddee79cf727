/* Making certificate signing requests (RFC 2986). */
#include "x509_write.h"

/* attributes [0] IMPLICIT SET OF: one extension request, or nothing. */
static int write_attributes(struct certctl_der *der, const struct certctl_csr_request *request,
	struct certctl_error *err)
{
	bool has_names = request->names && request->names[0];
	size_t mark = certctl_der_mark(der), names;

	if (request->must_staple) {
		certctl_must_staple_write(der);
		certctl_extension_wrap(der, CERTCTL_EXT_TLS_FEATURE, false, mark);
	}
	names = certctl_der_mark(der);
	if (has_names) {
		int rc = certctl_alt_names_write(der, request->names, err);

		if (rc < 0)
			return rc;
		certctl_extension_wrap(der, CERTCTL_EXT_SUBJECT_ALT_NAME, !request->common_name, names);
	}
	if (has_names || request->must_staple) {
		certctl_der_wrap(der, CERTCTL_DER_SEQUENCE, mark);
		certctl_der_wrap(der, CERTCTL_DER_SET, mark);
		certctl_der_put(der, CERTCTL_DER_OID, certctl_oid_extension_request, CERTCTL_OID_EXTENSION_REQUEST_LEN);
		certctl_der_wrap(der, CERTCTL_DER_SEQUENCE, mark);
	}
	certctl_der_wrap(der, CERTCTL_DER_CONTEXT(0), mark);
	return 0;
}

int certctl_csr_make(TALLOC_CTX *mem, const struct certctl_key *key, const struct certctl_csr_request *request,
	char **ret_pem, struct certctl_error *err)
{
	struct certctl_bytes info, csr;
	struct certctl_der der;
	int rc;

	certctl_der_init(&der, mem, CERTCTL_X509_MAX);
	if ((rc = write_attributes(&der, request, err)) < 0)
		goto out;
	certctl_der_raw(&der, key->public_der.data, key->public_der.len);
	if ((rc = certctl_subject_write(&der, request->common_name, NULL, err)) < 0)
		goto out;
	certctl_der_integer(&der, 0);
	certctl_der_wrap(&der, CERTCTL_DER_SEQUENCE, 0);
	if ((rc = certctl_der_finish(&der, &info, err)) < 0)
		goto out;
	rc = certctl_signed_make(mem, &info, key, &csr, err);
	talloc_free(info.data);
	if (rc < 0)
		return rc;
	char *pem = certctl_pem_encode(mem, "CERTIFICATE REQUEST", csr.data, csr.len);

	talloc_free(csr.data);
	if (!pem)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	*ret_pem = pem;
	return 0;
out:
	talloc_free(der.data);
	return rc;
}
