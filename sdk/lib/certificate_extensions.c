/* Writing the extensions of a certificate (RFC 5280, section 4.2), one function a kind.  Judging them is lint's matter. */
#include "certificate_build.h"

/* Content octets of id-ad-ocsp and id-ad-caIssuers, RFC 5280, section 4.2.2.1. */
static const unsigned char oid_ocsp[] = { 0x2b, 6, 1, 5, 5, 7, 0x30, 1 };
static const unsigned char oid_ca_issuers[] = { 0x2b, 6, 1, 5, 5, 7, 0x30, 2 };

#define TAG_URI CERTCTL_DER_CONTEXT_PRIMITIVE(6)
#define TAG_DNS CERTCTL_DER_CONTEXT_PRIMITIVE(2)

static int write_basic_constraints(struct certctl_der *der, const struct certctl_build *build,
	struct certctl_error *err)
{
	size_t mark = certctl_der_mark(der);

	(void)err;
	if (build->template_->is_ca && build->template_->path_length >= 0)
		certctl_der_integer(der, build->template_->path_length);
	if (build->template_->is_ca)
		certctl_der_boolean(der, true);
	certctl_der_wrap(der, CERTCTL_DER_SEQUENCE, mark);
	return 0;
}

static int write_key_usage(struct certctl_der *der, const struct certctl_build *build, struct certctl_error *err)
{
	(void)err;
	certctl_der_named_bits(der, build->template_->key_usage);
	return 0;
}

/* SEQUENCE OF OBJECT IDENTIFIER; policies wrap each in a SEQUENCE of its own. */
static int write_oids(struct certctl_der *der, const char *const *oids, bool is_wrapped, struct certctl_error *err)
{
	size_t mark = certctl_der_mark(der), count = 0;

	if (!oids || !oids[0])
		return 0;
	while (oids[count])
		count++;
	while (count-- > 0) {
		size_t one = certctl_der_mark(der);

		certctl_der_oid(der, oids[count]);
		if (der->failed == CERTCTL_E_INVALID)
			return certctl_fail(err, CERTCTL_E_INVALID, "\"%.60s\" is no OID", oids[count]);
		if (is_wrapped)
			certctl_der_wrap(der, CERTCTL_DER_SEQUENCE, one);
	}
	certctl_der_wrap(der, CERTCTL_DER_SEQUENCE, mark);
	return 0;
}

static int write_extended_key_usage(struct certctl_der *der, const struct certctl_build *build,
	struct certctl_error *err)
{
	return write_oids(der, build->template_->extended_key_usage, false, err);
}

static int write_policies(struct certctl_der *der, const struct certctl_build *build, struct certctl_error *err)
{
	return write_oids(der, build->template_->policy_oids, true, err);
}

static int write_subject_key_id(struct certctl_der *der, const struct certctl_build *build, struct certctl_error *err)
{
	unsigned char id[CERTCTL_KEY_ID_LEN];

	(void)err;
	certctl_public_key_id(&build->key, id);
	certctl_der_put(der, CERTCTL_DER_OCTET_STRING, id, sizeof(id));
	return 0;
}

static int write_authority_key_id(struct certctl_der *der, const struct certctl_build *build, struct certctl_error *err)
{
	size_t mark = certctl_der_mark(der);

	(void)err;
	certctl_der_put(der, CERTCTL_DER_CONTEXT_PRIMITIVE(0), build->authority_key_id.data,
		build->authority_key_id.len);
	certctl_der_wrap(der, CERTCTL_DER_SEQUENCE, mark);
	return 0;
}

static int write_uri(struct certctl_der *der, const char *uri, struct certctl_error *err)
{
	size_t len = strlen(uri);

	for (size_t i = 0; i < len; i++)
		if ((unsigned char)uri[i] <= 0x20 || (unsigned char)uri[i] >= 0x7f)
			return certctl_fail(err, CERTCTL_E_INVALID, "URL of the CA: not printable ASCII");
	certctl_der_put(der, TAG_URI, uri, len);
	return 0;
}

static int write_access(struct certctl_der *der, const unsigned char oid[static 8], const char *uri,
	struct certctl_error *err)
{
	size_t mark = certctl_der_mark(der);

	if (!uri)
		return 0;
	int rc = write_uri(der, uri, err);

	certctl_der_put(der, CERTCTL_DER_OID, oid, 8);
	certctl_der_wrap(der, CERTCTL_DER_SEQUENCE, mark);
	return rc;
}

static int write_authority_info(struct certctl_der *der, const struct certctl_build *build, struct certctl_error *err)
{
	size_t mark = certctl_der_mark(der);
	int rc = write_access(der, oid_ca_issuers, build->template_->ca_issuers_url, err);

	if (rc >= 0)
		rc = write_access(der, oid_ocsp, build->template_->ocsp_url, err);
	if (certctl_der_mark(der) != mark)
		certctl_der_wrap(der, CERTCTL_DER_SEQUENCE, mark);
	return rc;
}

/* SEQUENCE OF DistributionPoint { distributionPoint [0] { fullName [0] { URI } } } */
static int write_crl_points(struct certctl_der *der, const struct certctl_build *build, struct certctl_error *err)
{
	size_t mark = certctl_der_mark(der);

	if (!build->template_->crl_url)
		return 0;
	int rc = write_uri(der, build->template_->crl_url, err);

	certctl_der_wrap(der, CERTCTL_DER_CONTEXT(0), mark);
	certctl_der_wrap(der, CERTCTL_DER_CONTEXT(0), mark);
	certctl_der_wrap(der, CERTCTL_DER_SEQUENCE, mark);
	certctl_der_wrap(der, CERTCTL_DER_SEQUENCE, mark);
	return rc;
}

static int write_alt_names(struct certctl_der *der, const struct certctl_build *build, struct certctl_error *err)
{
	const struct certctl_name *const *names = build->template_->names;

	return names && names[0] ? certctl_alt_names_write(der, names, err) : 0;
}

static int write_must_staple(struct certctl_der *der, const struct certctl_build *build, struct certctl_error *err)
{
	(void)err;
	if (build->template_->must_staple)
		certctl_must_staple_write(der);
	return 0;
}

static int write_no_revocation(struct certctl_der *der, const struct certctl_build *build, struct certctl_error *err)
{
	(void)err;
	if (build->template_->no_revocation)
		certctl_der_put(der, CERTCTL_DER_NULL, NULL, 0);
	return 0;
}

/* GeneralSubtrees of DNS names, under the implicit tag [n]. */
static void write_subtrees(struct certctl_der *der, unsigned tag, const char *const *domains)
{
	size_t mark = certctl_der_mark(der), count = 0;

	if (!domains || !domains[0])
		return;
	while (domains[count])
		count++;
	while (count-- > 0) {
		size_t one = certctl_der_mark(der);

		certctl_der_put(der, TAG_DNS, domains[count], strlen(domains[count]));
		certctl_der_wrap(der, CERTCTL_DER_SEQUENCE, one);
	}
	certctl_der_wrap(der, tag, mark);
}

static int write_name_constraints(struct certctl_der *der, const struct certctl_build *build, struct certctl_error *err)
{
	size_t mark = certctl_der_mark(der);

	(void)err;
	write_subtrees(der, CERTCTL_DER_CONTEXT(1), build->template_->excluded_dns);
	write_subtrees(der, CERTCTL_DER_CONTEXT(0), build->template_->permitted_dns);
	if (certctl_der_mark(der) != mark)
		certctl_der_wrap(der, CERTCTL_DER_SEQUENCE, mark);
	return 0;
}

enum criticality {
	NEVER = 1,
	ALWAYS,
	WITHOUT_SUBJECT, /* RFC 5280, section 4.2.1.6 */
};

/* In the order of the certificate.  A function that writes nothing leaves its extension out. */
static const struct {
	enum certctl_extension_id id;
	enum criticality criticality;
	int (*write)(struct certctl_der *der, const struct certctl_build *build, struct certctl_error *err);
} rows[] = {
	{ CERTCTL_EXT_BASIC_CONSTRAINTS, ALWAYS, write_basic_constraints },
	{ CERTCTL_EXT_KEY_USAGE, ALWAYS, write_key_usage },
	{ CERTCTL_EXT_EXTENDED_KEY_USAGE, NEVER, write_extended_key_usage },
	{ CERTCTL_EXT_SUBJECT_KEY_ID, NEVER, write_subject_key_id },
	{ CERTCTL_EXT_AUTHORITY_KEY_ID, NEVER, write_authority_key_id },
	{ CERTCTL_EXT_AUTHORITY_INFO, NEVER, write_authority_info },
	{ CERTCTL_EXT_CRL_POINTS, NEVER, write_crl_points },
	{ CERTCTL_EXT_SUBJECT_ALT_NAME, WITHOUT_SUBJECT, write_alt_names },
	{ CERTCTL_EXT_POLICIES, NEVER, write_policies },
	{ CERTCTL_EXT_NAME_CONSTRAINTS, ALWAYS, write_name_constraints },
	{ CERTCTL_EXT_TLS_FEATURE, NEVER, write_must_staple },
	{ CERTCTL_EXT_NO_REVOCATION, NEVER, write_no_revocation },
};

int certctl_certificate_extensions_write(struct certctl_der *der, const struct certctl_build *build,
	struct certctl_error *err)
{
	size_t start = certctl_der_mark(der);

	for (size_t i = CERTCTL_COUNT(rows); i-- > 0;) {
		size_t mark = certctl_der_mark(der);
		int rc = rows[i].write(der, build, err);

		if (rc < 0)
			return certctl_error_prefix(err, "%s", certctl_extension_kinds[rows[i].id].name);
		if (certctl_der_mark(der) != mark)
			certctl_extension_wrap(der, rows[i].id,
				rows[i].criticality == ALWAYS ||
					(rows[i].criticality == WITHOUT_SUBJECT && !build->has_subject),
				mark);
	}
	certctl_der_wrap(der, CERTCTL_DER_SEQUENCE, start);
	certctl_der_wrap(der, CERTCTL_DER_CONTEXT(3), start);
	return 0;
}
