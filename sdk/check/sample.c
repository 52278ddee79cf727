/* Makes what plugins are tried with.  Nothing of it is ever used for more. */
#include "sample.h"

#include <certctl/certificate.h>
#include <certctl/time.h>
#include <string.h>

static const char *pick_common_name(const struct certctl_name *const *names)
{
	for (; *names; names++)
		if ((*names)->type == CERTCTL_NAME_DNS && strlen((*names)->text) <= 64)
			return (*names)->text;
	return NULL;
}

static int self_sign(struct sample *sample, const unsigned char serial[20], struct certctl_error *err)
{
	static const char *const server_auth[] = { "1.3.6.1.5.5.7.3.1", NULL };
	struct certctl_certificate_template template_ = { .serial = serial,
		.serial_len = 20,
		.common_name = sample->common_name,
		.names = sample->names,
		.not_before_unix_s = sample->not_before_unix_s,
		.not_after_unix_s = sample->not_after_unix_s,
		.key_usage = CERTCTL_KU_DIGITAL_SIGNATURE,
		.extended_key_usage = server_auth,
		.path_length = -1 };
	struct certctl_certificate_issuer issuer = { .key = sample->key };
	struct certctl_bytes tbs, der;

	if (certctl_key_public(sample, sample->key, &template_.public_key, err) < 0 ||
		certctl_certificate_tbs(sample, &template_, &issuer, &tbs, err) < 0 ||
		certctl_certificate_sign(sample, &tbs, &issuer, &der, err) < 0)
		return err->code;
	certctl_sha256_hex(der.data, der.len, sample->fingerprint_sha256);
	sample->leaf_pem = certctl_pem_encode(sample, "CERTIFICATE", der.data, der.len);
	return 0;
}

int sample_make(TALLOC_CTX *mem, const struct certctl_name *const *names, int64_t lifetime_s, struct sample **ret,
	struct certctl_error *err)
{
	struct sample *sample = talloc_zero(mem, struct sample);
	unsigned char serial[20];

	sample->names = names;
	sample->common_name = pick_common_name(names);
	sample->not_before_unix_s = certctl_clock_now_s(certctl_clock_system());
	sample->not_after_unix_s = sample->not_before_unix_s + lifetime_s - 1;
	if (certctl_serial_make(serial, err) < 0 ||
		certctl_key_generate(sample, CERTCTL_ECDSA_P256, &sample->key, err) < 0 ||
		certctl_csr_make(sample, sample->key,
			&(struct certctl_csr_request){ .common_name = sample->common_name, .names = names },
			&sample->csr_pem, err) < 0 ||
		self_sign(sample, serial, err) < 0)
		return err->code;
	sample->serial = certctl_hex(sample, serial, sizeof(serial));
	*ret = sample;
	return 0;
}
