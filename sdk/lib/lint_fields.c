/* Lint rules for the fields of a TBSCertificate (RFC 5280, section 4.1). */
#include "key_private.h"
#include "lint_private.h"

#define COMMON_NAME_MAX 64 /* characters, RFC 5280, appendix A.1 */

static int broken(struct certctl_error *err, const char *why)
{
	return certctl_fail(err, CERTCTL_E_INVALID, "%s", why);
}

static int check_version(const struct certctl_lint *lint, struct certctl_error *err)
{
	return lint->parts.version == 2 ? 0 : broken(err, "v3 expected");
}

static int check_serial(const struct certctl_lint *lint, struct certctl_error *err)
{
	const struct certctl_der_element *serial = &lint->parts.serial;
	const unsigned char *octets = serial->content;
	size_t sign = serial->len > 1 && octets[0] == 0, skip = 0;

	if (serial->len > 20 || octets[0] >= 0x80 || (serial->len == 1 && octets[0] == 0))
		return broken(err, "1 to 20 octets of a positive number expected");
	if (sign && octets[1] < 0x80)
		return broken(err, "not DER");
	if (!lint->expected)
		return 0;
	while (skip < lint->expected->serial_len && lint->expected->serial[skip] == 0)
		skip++;
	if (serial->len - sign != lint->expected->serial_len - skip ||
		memcmp(octets + sign, lint->expected->serial + skip, serial->len - sign) != 0)
		return broken(err, "not the one that was reserved");
	return 0;
}

static int check_algorithm(const struct certctl_lint *lint, struct certctl_error *err)
{
	const struct certctl_der_element *inner = &lint->parts.inner_algorithm, *outer = &lint->parts.algorithm;
	const struct certctl_signature_algorithm *algorithm = certctl_signature_algorithm_find(inner);

	if (!algorithm || algorithm->is_weak)
		return broken(err, "unknown or weak");
	if (lint->parts.is_signed && !certctl_der_same(inner, outer->content, outer->len))
		return broken(err, "inside and outside differ");
	if (lint->issuer && algorithm != certctl_signature_algorithm_of(certctl_key_type_of(lint->issuer->key)))
		return broken(err, "not the one of the CA's key");
	return 0;
}

static int check_issuer(const struct certctl_lint *lint, struct certctl_error *err)
{
	const struct certctl_der_element *wanted =
		lint->has_issuer_parts ? &lint->issuer_parts.subject : &lint->parts.subject;

	if (lint->parts.issuer.len == 0)
		return broken(err, "empty");
	if (lint->issuer && !certctl_der_same(&lint->parts.issuer, wanted->content, wanted->len))
		return broken(err, "not the subject of the CA");
	return 0;
}

/* UTCTime until 2049, GeneralizedTime from 2050, and never the other. */
static int check_time_types(const struct certctl_lint *lint, struct certctl_error *err)
{
	const int64_t year_2050_unix_s = INT64_C(2524608000);
	struct certctl_der_in in = certctl_der_in_of(&lint->parts.validity);
	const int64_t times[] = { lint->not_before_unix_s, lint->not_after_unix_s };

	for (size_t i = 0; i < CERTCTL_COUNT(times); i++) {
		unsigned tag = times[i] < year_2050_unix_s ? CERTCTL_DER_UTC_TIME : CERTCTL_DER_GENERALIZED_TIME;
		struct certctl_der_element time;

		if (certctl_der_take(&in, tag, "time", &time, err) < 0)
			return broken(err, "UTCTime until 2049, GeneralizedTime from 2050 expected");
	}
	return 0;
}

static int check_validity(const struct certctl_lint *lint, struct certctl_error *err)
{
	const struct certctl_certificate *ca = lint->issuer ? lint->issuer->certificate : NULL;

	if (lint->not_after_unix_s <= lint->not_before_unix_s)
		return broken(err, "ends before it begins");
	if (lint->expected && (lint->expected->not_before_unix_s != lint->not_before_unix_s ||
				      lint->expected->not_after_unix_s != lint->not_after_unix_s))
		return broken(err, "not the dates that were ordered");
	if (ca && (lint->not_before_unix_s < ca->not_before_unix_s || lint->not_after_unix_s > ca->not_after_unix_s))
		return broken(err, "outside the validity of the CA");
	return check_time_types(lint, err);
}

static int check_subject(const struct certctl_lint *lint, struct certctl_error *err)
{
	const char *wanted =
		lint->expected && !lint->expected->subject ? lint->expected->common_name : lint->common_name;
	size_t characters = 0;

	if (lint->is_ca && lint->parts.subject.len == 0)
		return broken(err, "empty in a CA");
	if (!lint->parts.subject.len && !lint->names.count)
		return broken(err, "empty, and no alternative name");
	for (const char *at = lint->common_name; at && *at; at++)
		characters += ((unsigned char)*at & 0xc0) != 0x80;
	if (lint->common_name && (characters == 0 || characters > COMMON_NAME_MAX))
		return broken(err, "common name of 1 to 64 characters expected");
	if (wanted ? !lint->common_name || strcmp(wanted, lint->common_name) != 0 : lint->common_name != NULL)
		return broken(err, "not the common name that was ordered");
	return 0;
}

static int check_rsa(const struct certctl_public_key *key, struct certctl_error *err)
{
	/* CA/Browser Forum baseline, 6.1.6: odd, and at least 2^16 + 1. */
	bool is_large = key->e.len > 3 || (key->e.len == 3 && (key->e.data[0] || key->e.data[1] || key->e.data[2]));

	if (!is_large || !(key->e.data[key->e.len - 1] & 1))
		return broken(err, "RSA exponent: odd and at least 65537 expected");
	if (!(key->n.data[key->n.len - 1] & 1))
		return broken(err, "RSA modulus: even");
	return 0;
}

static int check_public_key(const struct certctl_lint *lint, struct certctl_error *err)
{
	const struct certctl_public_key *key = &lint->parts.key;

	if (!key->type)
		return broken(err, "RSA 2048, 3072 or 4096, P-256, P-384 or Ed25519 expected");
	if (lint->expected &&
		(lint->expected->public_key.len != key->whole.whole_len ||
			memcmp(lint->expected->public_key.data, key->whole.whole, key->whole.whole_len) != 0))
		return broken(err, "not the one that was requested");
	if (lint->issuer && !lint->has_issuer_parts &&
		!certctl_key_matches(lint->issuer->key,
			&(struct certctl_bytes){ (unsigned char *)key->whole.whole, key->whole.whole_len }))
		return broken(err, "not that of the key that signs itself");
	return key->n.data ? check_rsa(key, err) : 0;
}

const struct certctl_lint_rule certctl_lint_field_rules[] = {
	{ "version", check_version },
	{ "serial", check_serial },
	{ "signature algorithm", check_algorithm },
	{ "issuer", check_issuer },
	{ "validity", check_validity },
	{ "subject", check_subject },
	{ "public key", check_public_key },
	{ 0 },
};
