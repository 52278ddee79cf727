/* The outer structure of certificates (RFC 5280, section 4.1): where each part is.  Judges nothing. */
#include "x509_parts.h"

/* version, serial, algorithm, issuer, validity, subject, key, unique ids (passed over), extensions */
static int split_tbs(struct certctl_certificate_parts *parts, struct certctl_error *err)
{
	struct certctl_der_in in = certctl_der_in_of(&parts->tbs);
	struct certctl_der_element tagged, key;
	int rc;

	if (certctl_der_peek(&in) == CERTCTL_DER_CONTEXT(0)) {
		struct certctl_der_element version;

		if ((rc = certctl_der_next(&in, "version", &tagged, err)) < 0 ||
			(rc = certctl_der_whole(tagged.content, tagged.len, CERTCTL_DER_INTEGER, "version", &version,
				 err)) < 0 ||
			(rc = certctl_der_small(&version, "version", &parts->version, err)) < 0)
			return rc;
	}
	if ((rc = certctl_der_take(&in, CERTCTL_DER_INTEGER, "serial", &parts->serial, err)) < 0 ||
		(rc = certctl_der_take(&in, CERTCTL_DER_SEQUENCE, "signature algorithm", &parts->inner_algorithm,
			 err)) < 0 ||
		(rc = certctl_der_take(&in, CERTCTL_DER_SEQUENCE, "issuer", &parts->issuer, err)) < 0 ||
		(rc = certctl_der_take(&in, CERTCTL_DER_SEQUENCE, "validity", &parts->validity, err)) < 0 ||
		(rc = certctl_der_take(&in, CERTCTL_DER_SEQUENCE, "subject", &parts->subject, err)) < 0 ||
		(rc = certctl_der_take(&in, CERTCTL_DER_SEQUENCE, "public key", &key, err)) < 0 ||
		(rc = certctl_public_key_read(&key, &parts->key, err)) < 0)
		return rc;
	if (parts->serial.len == 0)
		return certctl_fail(err, CERTCTL_E_INVALID, "serial: empty");
	for (unsigned id = 1; id <= 2; id++)
		if (certctl_der_peek(&in) == CERTCTL_DER_CONTEXT_PRIMITIVE(id) &&
			(rc = certctl_der_next(&in, "unique id", &tagged, err)) < 0)
			return rc;
	if (certctl_der_peek(&in) == CERTCTL_DER_CONTEXT(3) &&
		((rc = certctl_der_next(&in, "extensions", &tagged, err)) < 0 ||
			(rc = certctl_der_whole(tagged.content, tagged.len, CERTCTL_DER_SEQUENCE, "extensions",
				 &parts->extensions, err)) < 0))
		return rc;
	return certctl_der_done(&in, "certificate", err);
}

int certctl_certificate_split(const struct certctl_bytes *der, struct certctl_certificate_parts *ret,
	struct certctl_error *err)
{
	struct certctl_certificate_parts parts = { 0 };
	struct certctl_der_element outer, bits;
	struct certctl_der_in in;
	int rc = certctl_der_whole(der->data, der->len, CERTCTL_DER_SEQUENCE, "certificate", &outer, err);

	if (rc < 0)
		return rc;
	in = certctl_der_in_of(&outer);
	/* A Certificate starts with the SEQUENCE it signs, a TBSCertificate with its version or serial. */
	parts.is_signed = certctl_der_peek(&in) == CERTCTL_DER_SEQUENCE;
	if (!parts.is_signed)
		parts.tbs = outer;
	else if ((rc = certctl_der_next(&in, "certificate", &parts.tbs, err)) < 0 ||
		 (rc = certctl_der_take(&in, CERTCTL_DER_SEQUENCE, "signature algorithm", &parts.algorithm, err)) < 0 ||
		 (rc = certctl_der_take(&in, CERTCTL_DER_BIT_STRING, "signature", &bits, err)) < 0 ||
		 (rc = certctl_der_done(&in, "certificate", err)) < 0 ||
		 (rc = certctl_der_octets(&bits, "signature", &parts.signature, err)) < 0)
		return rc;
	if ((rc = split_tbs(&parts, err)) < 0)
		return rc;
	*ret = parts;
	return 0;
}

int certctl_validity_read(const struct certctl_der_element *validity, int64_t *ret_not_before, int64_t *ret_not_after,
	struct certctl_error *err)
{
	struct certctl_der_in in = certctl_der_in_of(validity);
	struct certctl_der_element time;
	int64_t not_before, not_after;
	int rc;

	if ((rc = certctl_der_next(&in, "not before", &time, err)) < 0 ||
		(rc = certctl_der_read_time(&time, "not before", &not_before, err)) < 0 ||
		(rc = certctl_der_next(&in, "not after", &time, err)) < 0 ||
		(rc = certctl_der_read_time(&time, "not after", &not_after, err)) < 0 ||
		(rc = certctl_der_done(&in, "validity", err)) < 0)
		return rc;
	*ret_not_before = not_before;
	*ret_not_after = not_after;
	return 0;
}
