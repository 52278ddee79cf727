/* Do key, leaf, chain and names belong together?  The last question before a server is given them. */
#include <certctl/certificate.h>
#include <certctl/time.h>

#include <string.h>

/* A certificate that begins later than this is a mistake, not a clock. */
#define CLOCK_SKEW_MAX_S 86400

static int check_dates(const struct certctl_certificate *certificate, const char *what, int64_t now_unix_s,
	struct certctl_error *err)
{
	char when[CERTCTL_TIME_TEXT];

	if (now_unix_s < certificate->not_before_unix_s) {
		int64_t wait_s = certificate->not_before_unix_s - now_unix_s;

		certctl_fail(err, CERTCTL_E_INVALID, "%s: not valid before %s", what,
			certctl_time_format(certificate->not_before_unix_s, when));
		/* A clock a little behind the CA's must not cost the deployment: it becomes valid by waiting. */
		if (err && wait_s <= CLOCK_SKEW_MAX_S) {
			err->retryable = true;
			err->retry_after_s = (int32_t)wait_s;
		}
		return CERTCTL_E_INVALID;
	}
	if (now_unix_s > certificate->not_after_unix_s)
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: expired at %s", what,
			certctl_time_format(certificate->not_after_unix_s, when));
	return 0;
}

static int check_names(const struct certctl_certificate *leaf, const struct certctl_name *const *names,
	struct certctl_error *err)
{
	for (; names && *names; names++)
		if (!certctl_certificate_has_names(leaf, (const struct certctl_name *const[]){ *names, NULL }))
			return certctl_fail(err, CERTCTL_E_INVALID, "certificate: does not name %s", (*names)->text);
	return 0;
}

int certctl_bundle_check(const struct certctl_key *key, const struct certctl_certificate *leaf,
	struct certctl_certificate *const *chain, size_t chain_count, const struct certctl_name *const *names,
	int64_t now_unix_s, struct certctl_error *err)
{
	const struct certctl_certificate *child = leaf;
	int rc;

	if (key && !certctl_key_matches(key, &leaf->public_key))
		return certctl_fail(err, CERTCTL_E_INVALID, "private key: does not belong to the certificate");
	if ((rc = check_names(leaf, names, err)) < 0 || (rc = check_dates(leaf, "certificate", now_unix_s, err)) < 0)
		return rc;
	for (size_t i = 0; i < chain_count; child = chain[i++]) {
		if (!certctl_certificate_is_issued_by(child, chain[i]))
			return certctl_fail(err, CERTCTL_E_INVALID,
				"chain: certificate %zu (%.60s) did not issue the one before it", i + 1,
				chain[i]->subject);
		if ((rc = check_dates(chain[i], "chain", now_unix_s, err)) < 0)
			return rc;
	}
	return 0;
}
