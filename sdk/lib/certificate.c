/* From a template to the to-be-signed bytes to the certificate.  The rules they must obey are in lint*.c. */
#include "certificate_build.h"

#define SERIAL_MAX 20 /* octets of the INTEGER, RFC 5280, section 4.1.2.2 */

static bool has_any(const char *const *list)
{
	return list && list[0];
}

/* What could not be encoded, or would contradict itself. */
static int check_template(const struct certctl_certificate_template *template_, struct certctl_error *err)
{
	size_t skip = 0;

	while (skip < template_->serial_len && template_->serial[skip] == 0)
		skip++;
	size_t octets = template_->serial_len - skip;

	if (octets < 1 || octets > SERIAL_MAX || (octets == SERIAL_MAX && template_->serial[skip] >= 0x80))
		return certctl_fail(err, CERTCTL_E_INVALID, "serial: 1 to 159 bits expected");
	if (template_->not_after_unix_s <= template_->not_before_unix_s)
		return certctl_fail(err, CERTCTL_E_INVALID, "validity: ends before it begins");
	if (!template_->key_usage)
		return certctl_fail(err, CERTCTL_E_INVALID, "key usage: empty");
	if (!template_->is_ca && (has_any(template_->permitted_dns) || has_any(template_->excluded_dns)))
		return certctl_fail(err, CERTCTL_E_INVALID, "name constraints: only for a CA");
	if (template_->no_revocation &&
		(template_->is_ca || template_->crl_url || template_->ocsp_url || template_->must_staple))
		return certctl_fail(err, CERTCTL_E_INVALID,
			"noRevAvail: not in a CA, not with a CRL, OCSP or must-staple");
	if (!template_->common_name && !template_->organization && !template_->subject &&
		!(template_->names && template_->names[0]))
		return certctl_fail(err, CERTCTL_E_INVALID, "subject: neither a subject nor a name");
	return 0;
}

int certctl_issuer_key_id(const struct certctl_certificate_parts *issuer, unsigned char computed[CERTCTL_KEY_ID_LEN],
	struct certctl_bytes *ret, struct certctl_error *err)
{
	struct certctl_der_element id = { 0 };
	struct certctl_extensions extensions;
	int rc = certctl_extensions_read(&issuer->extensions, &extensions, err);

	if (rc >= 0)
		rc = certctl_subject_key_id_read(&extensions.by_id[CERTCTL_EXT_SUBJECT_KEY_ID], &id, err);
	if (rc < 0)
		return rc;
	if (id.content) {
		*ret = (struct certctl_bytes){ (unsigned char *)id.content, id.len };
	} else {
		certctl_public_key_id(&issuer->key, computed);
		*ret = (struct certctl_bytes){ computed, CERTCTL_KEY_ID_LEN };
	}
	return 0;
}

static int prepare(const struct certctl_certificate_template *template_,
	const struct certctl_certificate_issuer *issuer, struct certctl_certificate_parts *ret_issuer,
	struct certctl_build *ret, struct certctl_error *err)
{
	struct certctl_der_element whole;
	int rc;

	ret->template_ = template_;
	ret->has_subject = template_->common_name || template_->organization || template_->subject;
	if ((rc = check_template(template_, err)) < 0 ||
		(rc = certctl_der_whole(template_->public_key.data, template_->public_key.len, CERTCTL_DER_SEQUENCE,
			 "public key", &whole, err)) < 0 ||
		(rc = certctl_public_key_read(&whole, &ret->key, err)) < 0)
		return rc;
	if (issuer->certificate) {
		rc = certctl_certificate_split(&issuer->certificate->der, ret_issuer, err);
		return rc < 0 ? rc
			      : certctl_issuer_key_id(ret_issuer, ret->computed_key_id, &ret->authority_key_id, err);
	}
	if (!certctl_key_matches(issuer->key, &template_->public_key))
		return certctl_fail(err, CERTCTL_E_INVALID, "public key: not that of the key that signs itself");
	certctl_public_key_id(&ret->key, ret->computed_key_id);
	ret->authority_key_id = (struct certctl_bytes){ ret->computed_key_id, CERTCTL_KEY_ID_LEN };
	return 0;
}

static int write_subject(struct certctl_der *der, const struct certctl_certificate_template *template_,
	struct certctl_error *err)
{
	if (template_->subject)
		return certctl_dn_write(der, template_->subject, err);
	return certctl_subject_write(der, template_->common_name, template_->organization, err);
}

/* From the extensions, which come last, to the version. */
static int write_tbs(struct certctl_der *der, const struct certctl_build *build,
	const struct certctl_certificate_parts *issuer, const struct certctl_signature_algorithm *algorithm,
	struct certctl_error *err)
{
	const struct certctl_certificate_template *template_ = build->template_;
	int rc = certctl_certificate_extensions_write(der, build, err);

	if (rc < 0)
		return rc;
	certctl_der_raw(der, template_->public_key.data, template_->public_key.len);
	if ((rc = write_subject(der, template_, err)) < 0)
		return rc;
	size_t mark = certctl_der_mark(der);

	certctl_der_time(der, template_->not_after_unix_s);
	certctl_der_time(der, template_->not_before_unix_s);
	certctl_der_wrap(der, CERTCTL_DER_SEQUENCE, mark);
	if (issuer->subject.whole)
		certctl_der_raw(der, issuer->subject.whole, issuer->subject.whole_len);
	else if ((rc = write_subject(der, template_, err)) < 0)
		return rc;
	certctl_der_raw(der, algorithm->der, algorithm->der_len);
	certctl_der_unsigned(der, template_->serial, template_->serial_len);
	mark = certctl_der_mark(der);
	certctl_der_integer(der, 2); /* v3 */
	certctl_der_wrap(der, CERTCTL_DER_CONTEXT(0), mark);
	certctl_der_wrap(der, CERTCTL_DER_SEQUENCE, 0);
	return 0;
}

int certctl_certificate_tbs(TALLOC_CTX *mem, const struct certctl_certificate_template *template_,
	const struct certctl_certificate_issuer *issuer, struct certctl_bytes *ret, struct certctl_error *err)
{
	const struct certctl_signature_algorithm *algorithm =
		certctl_signature_algorithm_of(certctl_key_type_of(issuer->key));
	struct certctl_certificate_parts parts = { 0 };
	struct certctl_build build = { 0 };
	struct certctl_der der;

	if (!algorithm)
		return certctl_fail(err, CERTCTL_E_UNSUPPORTED,
			"CA key: RSA 2048 to 4096, P-256, P-384 or Ed25519 expected");
	int rc = prepare(template_, issuer, &parts, &build, err);

	if (rc < 0)
		return rc;
	certctl_der_init(&der, mem, CERTCTL_X509_MAX);
	rc = write_tbs(&der, &build, &parts, algorithm, err);
	if (rc >= 0)
		rc = certctl_der_finish(&der, ret, err);
	if (rc < 0)
		talloc_free(der.data);
	return rc;
}

int certctl_certificate_sign(TALLOC_CTX *mem, const struct certctl_bytes *tbs,
	const struct certctl_certificate_issuer *issuer, struct certctl_bytes *ret, struct certctl_error *err)
{
	if (issuer->certificate && !certctl_key_matches(issuer->key, &issuer->certificate->public_key))
		return certctl_fail(err, CERTCTL_E_INVALID, "CA key: does not belong to the CA's certificate");
	return certctl_signed_make(mem, tbs, issuer->key, ret, err);
}

int certctl_serial_make(unsigned char ret_serial[20], struct certctl_error *err)
{
	int rc = certctl_random(ret_serial, SERIAL_MAX, err);

	/* 20 octets whatever the dice say: the sign bit is clear and the number has all its octets. */
	ret_serial[0] = (unsigned char)((ret_serial[0] & 0x7f) | 0x40);
	return rc;
}
