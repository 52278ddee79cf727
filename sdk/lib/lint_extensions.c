/* Lint rules for extensions (RFC 5280, section 4.2, and the CA/Browser Forum's baseline where it is about encoding). */
#include "certificate_build.h"
#include "lint_private.h"

#include <strings.h>

static int broken(struct certctl_error *err, const char *why)
{
	return certctl_fail(err, CERTCTL_E_INVALID, "%s", why);
}

static const struct certctl_extension *get(const struct certctl_lint *lint, enum certctl_extension_id id)
{
	return &lint->extensions.by_id[id];
}

/* Which may be there, in which certificates, and whether they are critical. */
static int check_presence(const struct certctl_lint *lint, struct certctl_error *err)
{
	enum { NO = 1, YES, WITHOUT_SUBJECT };
	static const struct {
		int critical;
		bool in_ca, in_leaf; /* must be there */
		bool only_ca;
	} rows[CERTCTL_EXT_COUNT] = {
		[CERTCTL_EXT_SUBJECT_KEY_ID] = { NO, true, true, false },
		[CERTCTL_EXT_KEY_USAGE] = { YES, true, true, false },
		[CERTCTL_EXT_SUBJECT_ALT_NAME] = { WITHOUT_SUBJECT, false, false, false },
		[CERTCTL_EXT_BASIC_CONSTRAINTS] = { YES, true, true, false },
		[CERTCTL_EXT_NAME_CONSTRAINTS] = { YES, false, false, true },
		[CERTCTL_EXT_CRL_POINTS] = { NO, false, false, false },
		[CERTCTL_EXT_POLICIES] = { NO, false, false, false },
		[CERTCTL_EXT_AUTHORITY_KEY_ID] = { NO, true, true, false },
		[CERTCTL_EXT_EXTENDED_KEY_USAGE] = { NO, false, false, false },
		[CERTCTL_EXT_AUTHORITY_INFO] = { NO, false, false, false },
		[CERTCTL_EXT_TLS_FEATURE] = { NO, false, false, false },
		[CERTCTL_EXT_NO_REVOCATION] = { NO, false, false, false },
	};

	if (get(lint, CERTCTL_EXT_UNKNOWN)->is_present)
		return broken(err, "an unknown one is critical");
	for (int id = 1; id < CERTCTL_EXT_COUNT; id++) {
		const struct certctl_extension *extension = get(lint, (enum certctl_extension_id)id);
		bool is_critical = rows[id].critical == YES ||
				   (rows[id].critical == WITHOUT_SUBJECT && lint->parts.subject.len == 0);
		const char *name = certctl_extension_kinds[id].name;

		if (!extension->is_present && (lint->is_ca ? rows[id].in_ca : rows[id].in_leaf))
			return certctl_fail(err, CERTCTL_E_INVALID, "%s: missing", name);
		if (extension->is_present && rows[id].only_ca && !lint->is_ca)
			return certctl_fail(err, CERTCTL_E_INVALID, "%s: only for a CA", name);
		if (extension->is_present && extension->is_critical != is_critical)
			return certctl_fail(err, CERTCTL_E_INVALID, "%s: must %sbe critical", name,
				is_critical ? "" : "not ");
	}
	return 0;
}

static int check_basic_constraints(const struct certctl_lint *lint, struct certctl_error *err)
{
	const struct certctl_certificate *ca = lint->issuer ? lint->issuer->certificate : NULL;

	if (lint->path_length >= 0 && !lint->is_ca)
		return broken(err, "path length without CA");
	if (lint->expected && (lint->expected->is_ca != lint->is_ca ||
				      (lint->is_ca && lint->expected->path_length != lint->path_length)))
		return broken(err, "not what was ordered");
	if (ca && !ca->is_ca)
		return broken(err, "the issuer is no CA");
	if (ca && lint->is_ca && ca->path_length >= 0 &&
		(lint->path_length < 0 || lint->path_length >= ca->path_length))
		return broken(err, "longer than the path length of the CA allows");
	return 0;
}

static int check_key_usage(const struct certctl_lint *lint, struct certctl_error *err)
{
	const uint32_t encipherment = CERTCTL_KU_KEY_ENCIPHERMENT | CERTCTL_KU_DATA_ENCIPHERMENT;
	const uint32_t of_ca = CERTCTL_KU_KEY_CERT_SIGN | CERTCTL_KU_CRL_SIGN;
	bool is_rsa = lint->parts.key.n.data, is_ec = lint->parts.key.curve && lint->parts.key.type != CERTCTL_ED25519;

	if (!lint->key_usage)
		return broken(err, "empty");
	if (lint->is_ca ? !(lint->key_usage & CERTCTL_KU_KEY_CERT_SIGN) : lint->key_usage & of_ca)
		return broken(err, "keyCertSign for CAs and for nobody else");
	if (lint->key_usage & encipherment && !is_rsa)
		return broken(err, "encipherment needs an RSA key");
	if (lint->key_usage & CERTCTL_KU_KEY_AGREEMENT && !is_ec)
		return broken(err, "key agreement needs an EC key");
	if (lint->expected && lint->expected->key_usage != lint->key_usage)
		return broken(err, "not what was ordered");
	return 0;
}

static int check_extended_key_usage(const struct certctl_lint *lint, struct certctl_error *err)
{
	static char *const nothing[] = { NULL };
	char *const *has = lint->extended_key_usage ? lint->extended_key_usage : (char **)nothing;
	const char *const *wanted = lint->expected ? lint->expected->extended_key_usage : NULL;

	if (!lint->is_ca && certctl_lint_has_usage(lint, "2.5.29.37.0"))
		return broken(err, "any purpose is none");
	if (!lint->expected)
		return 0;
	for (; wanted && *wanted; wanted++, has++)
		if (!*has || strcmp(*has, *wanted) != 0)
			return broken(err, "not what was ordered");
	return *has ? broken(err, "more than was ordered") : 0;
}

/* RFC 5280, sections 4.2.1.1 and 4.2.1.2: validators build paths by them. */
static int check_key_ids(const struct certctl_lint *lint, struct certctl_error *err)
{
	struct certctl_der_element subject = { 0 }, authority = { 0 };
	unsigned char computed[CERTCTL_KEY_ID_LEN];
	struct certctl_bytes wanted;
	int rc;

	if ((rc = certctl_subject_key_id_read(get(lint, CERTCTL_EXT_SUBJECT_KEY_ID), &subject, err)) < 0 ||
		(rc = certctl_authority_key_id_read(get(lint, CERTCTL_EXT_AUTHORITY_KEY_ID), &authority, err)) < 0)
		return rc;
	if (!subject.len || !authority.len)
		return broken(err, "empty");
	if (!lint->issuer)
		return 0;
	wanted = (struct certctl_bytes){ (unsigned char *)subject.content, subject.len };
	if (lint->has_issuer_parts && (rc = certctl_issuer_key_id(&lint->issuer_parts, computed, &wanted, err)) < 0)
		return rc;
	return certctl_der_same(&authority, wanted.data, wanted.len) ? 0
								     : broken(err, "authority key id is not the CA's");
}

static int check_expected_names(const struct certctl_lint *lint, struct certctl_error *err)
{
	const struct certctl_name *const *wanted = lint->expected->names;
	size_t count = 0;

	for (; wanted && wanted[count]; count++) {
		bool is_there = false;

		for (size_t i = 0; i < lint->names.count && !is_there; i++)
			is_there = certctl_name_compare(lint->names.items[i], wanted[count]) == 0;
		if (!is_there)
			return certctl_fail(err, CERTCTL_E_INVALID, "%.100s is missing", wanted[count]->text);
	}
	return count == lint->names.count ? 0 : broken(err, "more than was ordered, or one twice");
}

/* Baseline, 7.1.4.2: a server is named in the alternative names; a common name only repeats one of them. */
static int check_server_names(const struct certctl_lint *lint, struct certctl_error *err)
{
	bool has_host = false, repeats = lint->common_name == NULL;

	for (size_t i = 0; i < lint->names.count; i++) {
		const struct certctl_name *name = lint->names.items[i];

		has_host |= name->type == CERTCTL_NAME_DNS || name->type == CERTCTL_NAME_IP;
		repeats |= lint->common_name && strcasecmp(lint->common_name, name->text) == 0;
	}
	if (!has_host)
		return broken(err, "a server certificate needs a DNS name or an IP address");
	return repeats ? 0 : broken(err, "the common name of a server must be one of them");
}

static int check_names(const struct certctl_lint *lint, struct certctl_error *err)
{
	const struct certctl_certificate *ca = lint->issuer ? lint->issuer->certificate : NULL;
	int rc = lint->expected ? check_expected_names(lint, err) : 0;

	if (rc >= 0 && !lint->is_ca && certctl_lint_has_usage(lint, CERTCTL_OID_SERVER_AUTH))
		rc = check_server_names(lint, err);
	if (rc >= 0 && ca)
		rc = certctl_certificate_permits(ca, (const struct certctl_name *const *)lint->names.items,
			lint->parts.subject.len > 0, err);
	return rc;
}

static int check_must_staple(const struct certctl_lint *lint, struct certctl_error *err)
{
	if (lint->expected && lint->expected->must_staple != lint->must_staple)
		return broken(err, "must-staple is not what was ordered");
	return 0;
}

static bool has_ocsp(const struct certctl_lint *lint)
{
	static const unsigned char id_ad_ocsp[] = { CERTCTL_DER_OID, 8, 0x2b, 6, 1, 5, 5, 7, 0x30, 1 };
	const struct certctl_extension *info = get(lint, CERTCTL_EXT_AUTHORITY_INFO);

	return info->is_present && memmem(info->value.content, info->value.len, id_ad_ocsp, sizeof(id_ad_ocsp));
}

/* RFC 9608, section 2: who says that there is nothing to look up does not say where. */
static int check_no_revocation(const struct certctl_lint *lint, struct certctl_error *err)
{
	if (lint->expected && lint->expected->no_revocation != lint->no_revocation)
		return broken(err, "not what was ordered");
	if (lint->no_revocation &&
		(lint->is_ca || lint->must_staple || has_ocsp(lint) || get(lint, CERTCTL_EXT_CRL_POINTS)->is_present))
		return broken(err, "not in a CA, not with must-staple, OCSP or a CRL distribution point");
	return 0;
}

#define NAME_DEPTH 8 /* a distribution point's URI lies four SEQUENCEs and tags deep */

/* Is this URI among the GeneralNames, however deep they lie? */
static bool holds_uri(struct certctl_der_in in, const char *uri, int depth)
{
	struct certctl_der_element element;

	while (in.at && in.at != in.end && certctl_der_next(&in, "uri", &element, NULL) == 0) {
		if (element.tag == CERTCTL_DER_CONTEXT_PRIMITIVE(6) && certctl_der_same(&element, uri, strlen(uri)))
			return true;
		if (element.tag & 0x20 && depth > 0 && holds_uri(certctl_der_in_of(&element), uri, depth - 1))
			return true;
	}
	return false;
}

static bool has_uri(const struct certctl_extension *extension, const char *uri)
{
	return holds_uri(certctl_der_in_of(&extension->value), uri, NAME_DEPTH);
}

static int check_urls(const struct certctl_lint *lint, struct certctl_error *err)
{
	const struct certctl_certificate_template *expected = lint->expected;
	const struct certctl_extension *crl = get(lint, CERTCTL_EXT_CRL_POINTS),
				       *info = get(lint, CERTCTL_EXT_AUTHORITY_INFO);

	if (!expected)
		return 0;
	if (crl->is_present != !!expected->crl_url || (expected->crl_url && !has_uri(crl, expected->crl_url)))
		return broken(err, "CRL distribution point is not what was ordered");
	if (info->is_present != (expected->ocsp_url || expected->ca_issuers_url) ||
		(expected->ocsp_url && !has_uri(info, expected->ocsp_url)) ||
		(expected->ca_issuers_url && !has_uri(info, expected->ca_issuers_url)))
		return broken(err, "authority information is not what was ordered");
	return 0;
}

const struct certctl_lint_rule certctl_lint_extension_rules[] = {
	{ "extensions", check_presence },
	{ "basicConstraints", check_basic_constraints },
	{ "keyUsage", check_key_usage },
	{ "extKeyUsage", check_extended_key_usage },
	{ "key ids", check_key_ids },
	{ "subjectAltName", check_names },
	{ "tlsFeature", check_must_staple },
	{ "noRevAvail", check_no_revocation },
	{ "urls", check_urls },
	{ 0 },
};
