/* The lint: reads a certificate, or what is to become one, and walks the rules.  Knows nothing of how it was built. */
#include "lint_private.h"

/* Everything that several rules look at is read once. */
static int read_all(struct certctl_lint *lint, const struct certctl_bytes *der, struct certctl_error *err)
{
	const struct certctl_extension *by_id = lint->extensions.by_id;
	const struct certctl_certificate *ca = lint->issuer ? lint->issuer->certificate : NULL;
	int rc;

	lint->path_length = -1;
	if ((rc = certctl_certificate_split(der, &lint->parts, err)) < 0 ||
		(rc = certctl_extensions_read(&lint->parts.extensions, &lint->extensions, err)) < 0 ||
		(rc = certctl_validity_read(&lint->parts.validity, &lint->not_before_unix_s, &lint->not_after_unix_s,
			 err)) < 0 ||
		(rc = certctl_key_usage_read(&by_id[CERTCTL_EXT_KEY_USAGE], &lint->key_usage, err)) < 0 ||
		(rc = certctl_extended_key_usage_read(lint->mem, &by_id[CERTCTL_EXT_EXTENDED_KEY_USAGE],
			 &lint->extended_key_usage, err)) < 0 ||
		(rc = certctl_basic_constraints_read(&by_id[CERTCTL_EXT_BASIC_CONSTRAINTS], &lint->is_ca,
			 &lint->path_length, err)) < 0 ||
		(rc = certctl_must_staple_read(&by_id[CERTCTL_EXT_TLS_FEATURE], &lint->must_staple, err)) < 0 ||
		(rc = certctl_no_revocation_read(&by_id[CERTCTL_EXT_NO_REVOCATION], &lint->no_revocation, err)) < 0 ||
		(rc = certctl_alt_names_read(lint->mem, &by_id[CERTCTL_EXT_SUBJECT_ALT_NAME], true, &lint->names,
			 err)) < 0 ||
		(rc = certctl_dn_common_name(lint->mem, &lint->parts.subject, true, &lint->common_name, err)) < 0)
		return rc;
	lint->has_issuer_parts = ca != NULL;
	return ca ? certctl_certificate_split(&ca->der, &lint->issuer_parts, err) : 0;
}

static int walk(const struct certctl_lint *lint, const struct certctl_lint_rule *rules, struct certctl_error *err)
{
	for (; rules->name; rules++) {
		int rc = rules->check(lint, err);

		if (rc < 0) {
			certctl_error_prefix(err, "%s", rules->name);
			return rc;
		}
	}
	return 0;
}

int certctl_certificate_lint(const struct certctl_bytes *der, const struct certctl_certificate_template *expected,
	const struct certctl_certificate_issuer *issuer, struct certctl_error *err)
{
	struct certctl_lint lint = { .mem = talloc_new(NULL), .expected = expected, .issuer = issuer };

	if (!lint.mem)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	int rc = read_all(&lint, der, err);

	if (rc >= 0)
		rc = walk(&lint, certctl_lint_field_rules, err);
	if (rc >= 0)
		rc = walk(&lint, certctl_lint_extension_rules, err);
	talloc_free(lint.mem);
	if (rc < 0)
		certctl_error_prefix(err, "lint");
	return rc;
}

bool certctl_lint_has_usage(const struct certctl_lint *lint, const char *oid)
{
	for (char **one = lint->extended_key_usage; one && *one; one++)
		if (strcmp(*one, oid) == 0)
			return true;
	return false;
}
