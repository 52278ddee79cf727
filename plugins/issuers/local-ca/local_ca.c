/*
 * The plugin: open, close, test, revoke, chain.  Its key never leaves this process; the control plane, which publishes
 * revocation, knows it only through what it signs.
 */
#include "local_ca.h"

#include <certctl/time.h>
#include <string.h>

static int check_config(const struct local_ca_config *config, struct certctl_error *err)
{
	bool is_given = config->ca_cert_path || config->ca_key_path;

	if (is_given ? config->directory || !config->ca_cert_path || !config->ca_key_path : !config->directory) {
		certctl_fail(err, CERTCTL_E_INVALID, "either directory, or ca_cert_path and ca_key_path expected");
		certctl_hint(err,
			"Give directory for a CA that is made at first start, the two paths for one that you have.");
		return CERTCTL_E_INVALID;
	}
	if (!is_given && (config->ca_chain_path || config->ca_key_password.data))
		return certctl_fail(err, CERTCTL_E_INVALID,
			"ca_chain_path and ca_key_password go with ca_cert_path and ca_key_path");
	if (is_given && (config->permitted_dns.count || config->excluded_dns.count))
		return certctl_fail(err, CERTCTL_E_INVALID,
			"permitted_dns and excluded_dns are for a CA that is made: the one given has its own");
	return 0;
}

static void local_ca_close(struct certctl_issuer *self)
{
	if (!self)
		return;
	local_ca_signers_done(self);
	talloc_free(self);
}

static int read_ca(struct certctl_issuer *self, const struct certctl_host *host, struct certctl_error *err)
{
	struct local_ca_material material = { 0 };
	TALLOC_CTX *mem = talloc_new(self);
	int rc;

	if (!mem)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	rc = self->config->directory ? local_ca_store_open(self->config, host, mem, &material, err)
				     : local_ca_load(self->config, mem, &material, err);
	if (rc >= 0)
		rc = local_ca_adopt(self, &material, err);
	talloc_free(mem);
	return rc < 0 ? rc : local_ca_record_put(host, self->ca->public_key_sha256, err);
}

static int local_ca_open(const struct certctl_host *host, const void *options, struct certctl_issuer **ret,
	struct certctl_error *err)
{
	struct certctl_issuer *self;
	int rc = check_config(options, err);

	if (rc < 0)
		return rc;
	self = talloc_zero(NULL, struct certctl_issuer);
	if (!self)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	self->config = options;
	pthread_mutex_init(&self->signers.lock, NULL);
	pthread_cond_init(&self->signers.given_back, NULL);
	rc = read_ca(self, host, err);
	if (rc < 0) {
		local_ca_close(self);
		return rc;
	}
	*ret = self;
	return 0;
}

/* Everything is at hand since open; what can go wrong without anybody's doing is time. */
static int local_ca_test(struct certctl_issuer *self, const struct certctl_host *host, struct certctl_error *err)
{
	int64_t now_unix_s = host->now_s(host);
	char when[CERTCTL_TIME_TEXT];

	for (size_t i = 0; i < self->chain_count; i++) {
		const struct certctl_certificate *ca = self->chain[i];

		if (now_unix_s < ca->not_before_unix_s)
			return certctl_fail(err, CERTCTL_E_DENIED, "%.80s: not valid before %s", ca->subject,
				certctl_time_format(ca->not_before_unix_s, when));
		if (now_unix_s > ca->not_after_unix_s)
			return certctl_fail(err, CERTCTL_E_DENIED, "%.80s: expired at %s", ca->subject,
				certctl_time_format(ca->not_after_unix_s, when));
	}
	return local_ca_record_check(self, host, err);
}

/* There is nobody to tell: the control plane publishes this CA's revocations itself.  What is checked is that it is ours. */
static int local_ca_revoke(struct certctl_issuer *self, const struct certctl_host *host, const char *certificate_pem,
	int reason, struct certctl_error *err)
{
	struct certctl_certificate *certificate;
	TALLOC_CTX *mem = talloc_new(NULL);
	int rc;

	(void)host;
	if (!mem)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	rc = certctl_certificate_read(mem, certificate_pem, strlen(certificate_pem), &certificate, err);
	if (rc == 0 && !certctl_certificate_is_issued_by(certificate, self->ca))
		rc = certctl_fail(err, CERTCTL_E_NOT_FOUND, "certificate %.40s: not issued by this CA",
			certificate->serial);
	else if (rc == 0 && (reason < 0 || reason > 10 || reason == 7))
		rc = certctl_fail(err, CERTCTL_E_INVALID, "reason: a CRLReason of RFC 5280 expected, got %d", reason);
	talloc_free(mem);
	return rc;
}

static int local_ca_chain(struct certctl_issuer *self, const struct certctl_host *host, TALLOC_CTX *mem,
	const char **ret_pem, struct certctl_error *err)
{
	char *pem = talloc_strdup(mem, "");

	(void)host;
	for (size_t i = 0; pem && i < self->chain_count; i++) {
		char *one = certctl_certificate_pem(mem, self->chain[i]);

		pem = one ? talloc_strdup_append_buffer(pem, one) : NULL;
	}
	if (!pem)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	*ret_pem = pem;
	return 0;
}

static const struct certctl_issuer_ops local_ca_ops = {
	.size = sizeof(struct certctl_issuer_ops),
	.caps = CERTCTL_ISSUER_CAN_REVOKE | CERTCTL_ISSUER_CAN_CHAIN | CERTCTL_ISSUER_REPEATABLE |
		CERTCTL_ISSUER_TAKES_SERIAL,
	.open = local_ca_open,
	.close = local_ca_close,
	.test = local_ca_test,
	.info = local_ca_info,
	.issue = local_ca_issue,
	.revoke = local_ca_revoke,
	.chain = local_ca_chain,
};

CERTCTL_PLUGIN(CERTCTL_ISSUER, "local-ca", .version = "1.0.0",
	.summary = "A CA of your own: made at first start, or given with its key, as root or below another",
	.options = local_ca_options, .config_size = sizeof(struct local_ca_config),
	.item_options = local_ca_item_options, .item_size = sizeof(struct local_ca_profile),
	.needs = CERTCTL_NEEDS_FILES, .concurrency = LOCAL_CA_CONCURRENCY, .ops = &local_ca_ops);
