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

int pki_csr_check(const struct certctl_csr *csr, const struct pki_expectation *expected, struct certctl_error *err)
{
	if (csr->key_type != expected->key_type)
		return certctl_fail(err, CERTCTL_E_DENIED, "csr: key type %s expected, got %s",
			certctl_key_type_name(expected->key_type), certctl_key_type_name(csr->key_type));
	if (csr->common_name && (!expected->common_name || strcmp(csr->common_name, expected->common_name) != 0))
		return certctl_fail(err, CERTCTL_E_DENIED, "csr: common name '%s' was not ordered", csr->common_name);
	if (csr->must_staple != expected->must_staple)
		return certctl_fail(err, CERTCTL_E_DENIED, "csr: must-staple is not as ordered");
	return check_names((const struct certctl_name *const *)csr->names, expected->names, CERTCTL_E_DENIED, "csr",
		err);
}

int pki_issued_check(const struct certctl_certificate *leaf, const struct certctl_csr *csr,
	const struct certctl_order *order, bool takes_serial, struct certctl_error *err)
{
	if (strcmp(leaf->public_key_sha256, csr->public_key_sha256) != 0)
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
