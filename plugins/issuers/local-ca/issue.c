/*
 * From an order to a certificate.  The to-be-signed bytes are a pure function of the order and the CA: serial and dates come
 * from the order, and signatures are reproducible, so an order that is repeated gives the same certificate.
 */
#include "local_ca.h"

#include <string.h>

#define SERIAL_LEN 20

static const char *const server_auth[] = { "1.3.6.1.5.5.7.3.1", NULL };
static const char *const client_auth[] = { "1.3.6.1.5.5.7.3.2", NULL };

/* An order without a serial (from a command line) gets one that depends on it alone: 158 bits of a SHA-256. */
static int derive_serial(const struct certctl_issuer *self, const struct certctl_order *order,
	const struct certctl_csr *csr, TALLOC_CTX *mem, struct certctl_bytes *ret, struct certctl_error *err)
{
	char *text = talloc_asprintf(mem, "certctl local-ca serial\n%s\n%s\n%s\n%lld\n%lld",
		self->ca->public_key_sha256, order->id ? order->id : "", csr->sha256,
		(long long)order->not_before_unix_s, (long long)order->not_after_unix_s);
	char hex[65];

	if (!text)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	certctl_sha256_hex(text, strlen(text), hex);
	hex[2 * SERIAL_LEN] = 0;
	int rc = certctl_unhex(mem, hex, ret, err);

	if (rc == 0)
		ret->data[0] = (unsigned char)((ret->data[0] & 0x7f) | 0x40);
	return rc;
}

static int take_serial(const struct certctl_issuer *self, const struct certctl_order *order,
	const struct certctl_csr *csr, TALLOC_CTX *mem, struct certctl_bytes *ret, struct certctl_error *err)
{
	if (!order->serial)
		return derive_serial(self, order, csr, mem, ret, err);
	int rc = certctl_unhex(mem, order->serial, ret, err);

	if (rc < 0)
		return certctl_error_prefix(err, "order: serial");
	while (ret->len > 0 && ret->data[0] == 0) {
		ret->data++;
		ret->len--;
	}
	return 0;
}

static bool has_host(const struct certctl_name *const *names)
{
	for (; names && *names; names++)
		if ((*names)->type == CERTCTL_NAME_DNS || (*names)->type == CERTCTL_NAME_IP)
			return true;
	return false;
}

/* RSA keys may still be asked to decrypt a key of TLS 1.2; no other can. */
static uint32_t default_key_usage(enum certctl_key_type type)
{
	bool is_rsa = type == CERTCTL_RSA_2048 || type == CERTCTL_RSA_3072 || type == CERTCTL_RSA_4096;

	return CERTCTL_KU_DIGITAL_SIGNATURE | (is_rsa ? CERTCTL_KU_KEY_ENCIPHERMENT : 0);
}

static int fill_template(const struct certctl_issuer *self, const struct certctl_order *order,
	const struct certctl_csr *csr, TALLOC_CTX *mem, struct certctl_certificate_template *ret,
	struct certctl_error *err)
{
	const struct local_ca_profile *profile = order->item;
	bool has_usages = order->extended_key_usage && order->extended_key_usage[0];
	struct certctl_bytes serial;
	int rc = take_serial(self, order, csr, mem, &serial, err);

	if (rc < 0)
		return rc;
	*ret = (struct certctl_certificate_template){
		.serial = serial.data,
		.serial_len = serial.len,
		.common_name = order->common_name,
		.organization = order->organization,
		.names = order->names,
		.not_before_unix_s = order->not_before_unix_s,
		.not_after_unix_s = order->not_after_unix_s,
		.public_key = csr->public_key,
		.key_usage = order->key_usage ? order->key_usage : default_key_usage(csr->key_type),
		.extended_key_usage = has_usages               ? order->extended_key_usage
				      : has_host(order->names) ? server_auth
							       : client_auth,
		.must_staple = order->must_staple,
		.path_length = -1,
		.no_revocation = order->short_lived,
		.crl_url = order->short_lived ? NULL : self->config->crl_url,
		.ocsp_url = order->short_lived ? NULL : self->config->ocsp_url,
		.ca_issuers_url = self->config->ca_issuers_url,
		.policy_oids = profile ? local_ca_texts(mem, &profile->policy_oids) : NULL,
	};
	if (profile && !ret->policy_oids)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	return 0;
}

/* Lint before and after: what breaks a rule is never signed, and what was signed is what was meant. */
static int sign(struct certctl_issuer *self, const struct certctl_certificate_template *template_, TALLOC_CTX *mem,
	struct certctl_bytes *ret, struct certctl_error *err)
{
	struct certctl_key *key = local_ca_signer_take(self);
	const struct certctl_certificate_issuer issuer = { .certificate = self->ca, .key = key };
	struct certctl_bytes tbs;
	int rc;

	if ((rc = certctl_certificate_tbs(mem, template_, &issuer, &tbs, err)) == 0 &&
		(rc = certctl_certificate_lint(&tbs, template_, &issuer, err)) == 0 &&
		(rc = certctl_certificate_sign(mem, &tbs, &issuer, ret, err)) == 0)
		rc = certctl_certificate_lint(ret, template_, &issuer, err);
	local_ca_signer_give(self, key);
	return rc;
}

int local_ca_issue(struct certctl_issuer *self, const struct certctl_host *host, const struct certctl_order *order,
	TALLOC_CTX *mem, struct certctl_issued *ret, struct certctl_error *err)
{
	struct certctl_certificate_template template_;
	struct certctl_csr *csr = NULL;
	struct certctl_bytes der;
	int rc;

	if (!order->csr_pem)
		return certctl_fail(err, CERTCTL_E_INVALID, "order: csr_pem is missing");
	if ((rc = local_ca_record_check(self, host, err)) < 0 ||
		(rc = certctl_csr_read(mem, order->csr_pem, strlen(order->csr_pem), &csr, err)) < 0 ||
		(rc = fill_template(self, order, csr, mem, &template_, err)) < 0 ||
		(rc = local_ca_rules_check(self, order, csr, &template_, err)) < 0 ||
		(rc = sign(self, &template_, mem, &der, err)) < 0)
		return rc;
	ret->leaf_pem = certctl_pem_encode(mem, "CERTIFICATE", der.data, der.len);
	ret->serial = certctl_hex(mem, template_.serial, template_.serial_len);
	ret->chain_pem = self->served_chain_pem;
	ret->outcome = CERTCTL_ISSUED;
	if (!ret->leaf_pem || !ret->serial)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	return 0;
}
