/* What is refused before anything is built: a CSR that is not the order's, and what profile and CA do not allow. */
#include "local_ca.h"

#include <certctl/time.h>
#include <string.h>
#include <strings.h>

/* --- The request --------------------------------------------------------------------------------------------------- */

static bool has_name(const struct certctl_name *const *names, const struct certctl_name *name)
{
	for (; names && *names; names++)
		if (certctl_name_compare(*names, name) == 0)
			return true;
	return false;
}

static bool has_text(const struct certctl_name *const *names, const char *text)
{
	for (; names && *names; names++)
		if (strcmp((*names)->text, text) == 0)
			return true;
	return false;
}

/* Exactly the names of the order, no more and no fewer. */
static int check_request(const struct certctl_order *order, const struct certctl_csr *csr, struct certctl_error *err)
{
	const struct certctl_name *const *asked = (const struct certctl_name *const *)csr->names;

	for (size_t i = 0; i < csr->name_count; i++)
		if (!has_name(order->names, asked[i]))
			return certctl_fail(err, CERTCTL_E_DENIED, "CSR: %.100s is not in the order", asked[i]->text);
	for (const struct certctl_name *const *name = order->names; name && *name; name++)
		if (!has_name(asked, *name))
			return certctl_fail(err, CERTCTL_E_DENIED,
				"CSR: does not ask for %.100s, which the order names", (*name)->text);
	if (csr->common_name && !has_text(order->names, csr->common_name) &&
		(!order->common_name || strcmp(csr->common_name, order->common_name) != 0))
		return certctl_fail(err, CERTCTL_E_DENIED, "CSR: common name %.100s is not in the order",
			csr->common_name);
	if (!csr->key_type)
		return certctl_fail(err, CERTCTL_E_DENIED,
			"CSR: RSA 2048, 3072 or 4096, P-256, P-384 or Ed25519 key expected");
	if (order->key_type && csr->key_type != order->key_type)
		return certctl_fail(err, CERTCTL_E_DENIED, "CSR: key of type %s, ordered is %s",
			certctl_key_type_name(csr->key_type), certctl_key_type_name(order->key_type));
	return 0;
}

/* --- The profile ----------------------------------------------------------------------------------------------------- */

/* An empty list allows everything. */
static bool allows(const struct certctl_list *list, int value)
{
	for (size_t i = 0; i < list->count; i++)
		if (((const int *)list->items)[i] == value)
			return true;
	return list->count == 0;
}

static bool allows_usage(const struct certctl_list *list, const char *oid)
{
	for (const struct local_ca_usage *usage = local_ca_usages; usage->oid; usage++)
		if (strcmp(usage->oid, oid) == 0)
			return allows(list, usage->value);
	return list->count == 0;
}

/* Is the host of this name one of the domains or below one?  Names without a host are not the domains' matter. */
static bool allows_host(const struct certctl_list *domains, const struct certctl_name *name)
{
	const char *host = name->text, *at;
	size_t len;

	if (domains->count == 0 || name->type == CERTCTL_NAME_IP)
		return true;
	if (name->type == CERTCTL_NAME_URI && (at = strstr(host, "://")))
		host = at + 3;
	len = name->type == CERTCTL_NAME_URI ? strcspn(host, "/?#") : strlen(host);
	if ((at = memrchr(host, '@', len))) {
		len -= (size_t)(at + 1 - host);
		host = at + 1;
	}
	if (name->type == CERTCTL_NAME_URI && (at = memchr(host, ':', len)))
		len = (size_t)(at - host);
	for (size_t i = 0; i < domains->count; i++) {
		const char *domain = ((const char *const *)domains->items)[i];
		size_t size = strlen(domain);

		if (len >= size && strncasecmp(host + len - size, domain, size) == 0 &&
			(len == size || host[len - size - 1] == '.'))
			return true;
	}
	return false;
}

static int check_profile_name(const struct local_ca_profile *profile, const struct certctl_name *name,
	struct certctl_error *err)
{
	if (!allows(&profile->allowed_name_types, (int)name->type))
		return certctl_fail(err, CERTCTL_E_DENIED, "profile: allowed_name_types does not allow %.80s",
			name->text);
	if (name->type == CERTCTL_NAME_DNS && name->text[0] == '*' && !profile->allow_wildcards)
		return certctl_fail(err, CERTCTL_E_DENIED, "profile: allow_wildcards does not allow %.80s", name->text);
	if (!allows_host(&profile->permitted_dns, name))
		return certctl_fail(err, CERTCTL_E_DENIED, "profile: %.80s is outside permitted_dns", name->text);
	return 0;
}

static int check_lifetime(const char *rule, int64_t max_s, const struct certctl_certificate_template *template_,
	struct certctl_error *err)
{
	int64_t lifetime_s = template_->not_after_unix_s - template_->not_before_unix_s + 1;
	char is[CERTCTL_TIME_TEXT], most[CERTCTL_TIME_TEXT];

	if (max_s && lifetime_s > max_s)
		return certctl_fail(err, CERTCTL_E_DENIED, "%s: lifetime of %s is longer than %s", rule,
			certctl_duration_format(lifetime_s, is), certctl_duration_format(max_s, most));
	return 0;
}

static int check_profile(const struct local_ca_profile *profile, const struct certctl_csr *csr,
	const struct certctl_certificate_template *template_, struct certctl_error *err)
{
	if (!allows(&profile->allowed_key_types, (int)csr->key_type))
		return certctl_fail(err, CERTCTL_E_DENIED, "profile: allowed_key_types does not allow %s",
			certctl_key_type_name(csr->key_type));
	for (const char *const *oid = template_->extended_key_usage; oid && *oid; oid++)
		if (!allows_usage(&profile->allowed_usages, *oid))
			return certctl_fail(err, CERTCTL_E_DENIED, "profile: allowed_usages does not allow %.60s",
				*oid);
	for (const struct certctl_name *const *name = template_->names; name && *name; name++) {
		int rc = check_profile_name(profile, *name, err);

		if (rc < 0)
			return rc;
	}
	return check_lifetime("profile: max_lifetime", profile->max_lifetime.seconds, template_, err);
}

/* --- The CA ---------------------------------------------------------------------------------------------------------- */

static int check_ca(const struct certctl_issuer *self, const struct certctl_certificate_template *template_,
	struct certctl_error *err)
{
	bool has_subject = template_->common_name || template_->organization;
	char when[CERTCTL_TIME_TEXT];
	int rc = check_lifetime("CA: max_leaf_lifetime", self->config->max_leaf_lifetime.seconds, template_, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < self->chain_count; i++) {
		const struct certctl_certificate *ca = self->chain[i];

		if (template_->not_before_unix_s < ca->not_before_unix_s)
			return certctl_fail(err, CERTCTL_E_DENIED, "CA: not valid before %s, the order begins earlier",
				certctl_time_format(ca->not_before_unix_s, when));
		if (template_->not_after_unix_s > ca->not_after_unix_s) {
			certctl_fail(err, CERTCTL_E_DENIED, "CA: ends at %s, the order ends later",
				certctl_time_format(ca->not_after_unix_s, when));
			certctl_hint(err, "Renew the CA, or order a shorter lifetime.");
			return CERTCTL_E_DENIED;
		}
		if ((rc = certctl_certificate_permits(ca, template_->names, has_subject, err)) < 0)
			return rc;
	}
	return 0;
}

int local_ca_rules_check(const struct certctl_issuer *self, const struct certctl_order *order,
	const struct certctl_csr *csr, const struct certctl_certificate_template *template_, struct certctl_error *err)
{
	int rc = check_request(order, csr, err);

	if (rc >= 0 && order->item)
		rc = check_profile(order->item, csr, template_, err);
	return rc < 0 ? rc : check_ca(self, template_, err);
}
