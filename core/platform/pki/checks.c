/* Is a request, is a certificate what was asked for?  And the numbers an order is made of. */
#include "pki.h"

#include <certctl/certificate.h>
#include <stdio.h>
#include <string.h>

/* Both sorted: the first name that only one of them has, NULL when they are equal. */
static const struct certctl_name *first_difference(const struct certctl_name *const *a,
	const struct certctl_name *const *b, bool *ret_is_missing)
{
	for (; *a || *b; a++, b++) {
		int order = !*a ? 1 : !*b ? -1 : certctl_name_compare(*a, *b);

		if (order == 0)
			continue;
		*ret_is_missing = order > 0;
		return order < 0 ? *a : *b;
	}
	return NULL;
}

static int check_names(const struct certctl_name *const *got, const struct certctl_name *const *expected,
	enum certctl_code code, const char *what, struct certctl_error *err)
{
	bool is_missing = false;
	const struct certctl_name *name = first_difference(got, expected, &is_missing);

	if (!name)
		return 0;
	return certctl_fail(err, code, "%s: name %s %s", what, name->text,
		is_missing ? "is missing" : "was not ordered");
}

static bool has_usage(const char *const *usages, const char *oid)
{
	for (; *usages; usages++)
		if (strcmp(*usages, oid) == 0)
			return true;
	return false;
}

/* The first that is not among those ordered; NULL: none. */
static const char *foreign_usage(char *const *usages, const char *const *ordered)
{
	for (; ordered && *usages; usages++)
		if (!has_usage(ordered, *usages))
			return *usages;
	return NULL;
}

int pki_csr_check(const struct certctl_csr *csr, const struct pki_expectation *expected, struct certctl_error *err)
{
	if (csr->key_type != expected->key_type)
		return certctl_fail(err, CERTCTL_E_DENIED, "csr: key type %s expected, got %s",
			certctl_key_type_name(expected->key_type), certctl_key_type_name(csr->key_type));
	if (csr->common_name && (!expected->common_name || strcmp(csr->common_name, expected->common_name) != 0))
		return certctl_fail(err, CERTCTL_E_DENIED, "csr: common name '%s' was not ordered", csr->common_name);
	if (csr->must_staple != expected->must_staple)
		return certctl_fail(err, CERTCTL_E_DENIED, "csr: must-staple is not as ordered");
	const char *usage = foreign_usage(csr->extended_key_usage, expected->extended_key_usage);

	if (usage)
		return certctl_fail(err, CERTCTL_E_DENIED,
			"csr: extended key usage %s is not in its profile's allowed_ekus", usage);
	return check_names((const struct certctl_name *const *)csr->names, expected->names, CERTCTL_E_DENIED, "csr",
		err);
}

/* Nothing beyond what was ordered: without any usage a certificate would be good for all.  All of it from a CA that takes orders as
 * they are; another leaves out what it does not grant. */
static int check_usages(const struct certctl_certificate *leaf, const struct certctl_order *order, bool takes_order,
	struct certctl_error *err)
{
	const char *const *ordered = order->extended_key_usage;
	const char *const *has = (const char *const *)leaf->extended_key_usage;
	const char *usage = foreign_usage(leaf->extended_key_usage, ordered);

	if (usage)
		return certctl_fail(err, CERTCTL_E_PROTOCOL, "issuer: extended key usage %s was not ordered", usage);
	if (ordered && !*has)
		return certctl_fail(err, CERTCTL_E_PROTOCOL,
			"issuer: the certificate is for any purpose, ordered were extended key usages");
	for (; takes_order && ordered && *ordered; ordered++)
		if (!has_usage(has, *ordered))
			return certctl_fail(err, CERTCTL_E_PROTOCOL, "issuer: extended key usage %s is missing",
				*ordered);
	return 0;
}

int pki_issued_check(const struct certctl_certificate *leaf, const char *public_key_sha256,
	const struct certctl_order *order, bool takes_serial, struct certctl_error *err)
{
	if (!public_key_sha256 || strcmp(leaf->public_key_sha256, public_key_sha256) != 0)
		return certctl_fail(err, CERTCTL_E_PROTOCOL, "issuer: the certificate is for another key");
	if (leaf->is_ca)
		return certctl_fail(err, CERTCTL_E_PROTOCOL, "issuer: the certificate is a CA");
	if (takes_serial && strcmp(leaf->serial, order->serial) != 0)
		return certctl_fail(err, CERTCTL_E_PROTOCOL, "issuer: serial %s expected, got %s", order->serial,
			leaf->serial);
	if (takes_serial && (leaf->not_before_unix_s != order->not_before_unix_s ||
				    leaf->not_after_unix_s != order->not_after_unix_s))
		return certctl_fail(err, CERTCTL_E_PROTOCOL,
			"issuer: the certificate's dates are not those of the order");
	if (takes_serial && leaf->no_revocation != order->short_lived)
		return certctl_fail(err, CERTCTL_E_PROTOCOL, "issuer: noRevAvail is %s",
			order->short_lived ? "missing" : "there, and was not ordered");
	int rc = check_usages(leaf, order, takes_serial, err);

	if (rc < 0)
		return rc;
	return check_names((const struct certctl_name *const *)leaf->names, order->names, CERTCTL_E_PROTOCOL, "issuer",
		err);
}

void pki_validity(int64_t now_unix_s, int64_t lifetime_s, int64_t *ret_not_before, int64_t *ret_not_after)
{
	/* Five minutes; of a certificate that lives minutes a twentieth, or little would be left of it. */
	int64_t back_s = lifetime_s / 20 < 300 ? lifetime_s / 20 : 300;

	*ret_not_before = now_unix_s - back_s;
	*ret_not_after = *ret_not_before + lifetime_s - 1;
}

int pki_serial_make(char ret_hex[41], struct certctl_error *err)
{
	unsigned char serial[20];
	int rc = certctl_serial_make(serial, err);

	for (size_t i = 0; rc == 0 && i < sizeof(serial); i++)
		snprintf(ret_hex + 2 * i, 3, "%02x", serial[i]);
	return rc;
}
