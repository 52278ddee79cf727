/* An issuer whose CA is two files: a certificate and its key.  It keeps nothing, so every order can be asked again. */
#include <certctl/certificate.h>
#include <certctl/files.h>
#include <certctl/issuer.h>
#include <string.h>

#define FILE_MAX ((size_t)64 * 1024)

struct file_ca_config {
	const char *certificate_file;
	const char *key_file;
	struct certctl_duration max_lifetime;
};

static const struct certctl_field file_ca_options[] = {
	CERTCTL_OPTION(struct file_ca_config, certificate_file, CERTCTL_PATH, .required = true,
		.path_access = CERTCTL_PATH_READ, .help = "Certificate of the CA, PEM."),
	CERTCTL_OPTION(struct file_ca_config, key_file, CERTCTL_PATH, .required = true,
		.path_access = CERTCTL_PATH_READ, .help = "Private key of the CA, PEM, not encrypted."),
	CERTCTL_OPTION(struct file_ca_config, max_lifetime, CERTCTL_DURATION, .fallback = "90d", .min = 60,
		.help = "The longest lifetime it gives."),
	{ 0 },
};

/* An instance.  Both parts stay as they are after open, so calls need no lock. */
struct certctl_issuer {
	const struct file_ca_config *config;
	struct certctl_certificate *certificate;
	struct certctl_key *key;
};

static int read_certificate(struct certctl_issuer *self, struct certctl_error *err)
{
	char *pem;
	size_t len;

	if (certctl_file_read_path(self, self->config->certificate_file, FILE_MAX, &pem, &len, err) < 0)
		return err->code;
	if (certctl_certificate_read(self, pem, len, &self->certificate, err) < 0)
		return certctl_error_prefix(err, "certificate_file");
	if (!self->certificate->is_ca)
		return certctl_fail(err, CERTCTL_E_INVALID, "certificate_file: not the certificate of a CA");
	return 0;
}

static int read_key(struct certctl_issuer *self, struct certctl_error *err)
{
	struct certctl_secret text;
	char *pem;
	size_t len;

	if (certctl_file_read_path(self, self->config->key_file, FILE_MAX, &pem, &len, err) < 0)
		return err->code;
	int rc = certctl_secret_set(self, &text, pem, len);

	certctl_wipe(pem, len);
	if (rc < 0)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "key_file: out of memory");
	rc = certctl_key_read(self, &text, NULL, &self->key, err);
	certctl_secret_clear(&text);
	if (rc < 0)
		return certctl_error_prefix(err, "key_file");
	if (!certctl_key_matches(self->key, &self->certificate->public_key))
		return certctl_fail(err, CERTCTL_E_INVALID, "key_file: does not belong to certificate_file");
	return 0;
}

static void file_ca_close(struct certctl_issuer *self)
{
	talloc_free(self);
}

static int file_ca_open(const struct certctl_host *host, const void *config, struct certctl_issuer **ret,
	struct certctl_error *err)
{
	struct certctl_issuer *self = talloc_zero(NULL, struct certctl_issuer);

	(void)host;
	if (!self)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	self->config = config;
	if (read_certificate(self, err) < 0 || read_key(self, err) < 0) {
		file_ca_close(self);
		return err->code;
	}
	*ret = self;
	return 0;
}

static int file_ca_test(struct certctl_issuer *self, const struct certctl_host *host, struct certctl_error *err)
{
	if (self->certificate->not_after_unix_s <= host->now_s(host))
		return certctl_fail(err, CERTCTL_E_DENIED, "the certificate of the CA has expired");
	return 0;
}

static int file_ca_info(struct certctl_issuer *self, const struct certctl_host *host, TALLOC_CTX *mem,
	struct certctl_info *ret, struct certctl_error *err)
{
	(void)host, (void)mem, (void)err;
	*ret = (struct certctl_info){ .endpoint = self->config->certificate_file,
		.authentication = "file permissions",
		.key_storage = self->config->key_file };
	return 0;
}

/* Serial and dates are the order's, so the same order gives the same certificate. */
static int file_ca_issue(struct certctl_issuer *self, const struct certctl_host *host,
	const struct certctl_order *order, TALLOC_CTX *mem, struct certctl_issued *ret, struct certctl_error *err)
{
	static const char *const server_auth[] = { "1.3.6.1.5.5.7.3.1", NULL };
	struct certctl_certificate_issuer issuer = { .certificate = self->certificate, .key = self->key };
	struct certctl_bytes serial, tbs, der;
	struct certctl_csr *csr;

	(void)host;
	if (!order->serial)
		return certctl_fail(err, CERTCTL_E_INVALID, "order: no serial was reserved");
	if (order->not_after_unix_s - order->not_before_unix_s > self->config->max_lifetime.seconds ||
		order->not_after_unix_s > self->certificate->not_after_unix_s)
		return certctl_fail(err, CERTCTL_E_DENIED,
			"order: longer than max_lifetime or the CA's own certificate allow");
	if (certctl_csr_read(mem, order->csr_pem, strlen(order->csr_pem), &csr, err) < 0 ||
		certctl_unhex(mem, order->serial, &serial, err) < 0)
		return err->code;

	struct certctl_certificate_template template_ = { .serial = serial.data,
		.serial_len = serial.len,
		.common_name = order->common_name,
		.organization = order->organization,
		.names = order->names,
		.not_before_unix_s = order->not_before_unix_s,
		.not_after_unix_s = order->not_after_unix_s,
		.public_key = csr->public_key,
		.key_usage = order->key_usage ? order->key_usage : CERTCTL_KU_DIGITAL_SIGNATURE,
		.extended_key_usage = order->extended_key_usage ? order->extended_key_usage : server_auth,
		.must_staple = order->must_staple,
		.no_revocation = order->short_lived,
		.path_length = -1 };

	if (certctl_certificate_tbs(mem, &template_, &issuer, &tbs, err) < 0 ||
		certctl_certificate_lint(&tbs, &template_, &issuer, err) < 0 ||
		certctl_certificate_sign(mem, &tbs, &issuer, &der, err) < 0)
		return err->code;
	ret->outcome = CERTCTL_ISSUED;
	ret->leaf_pem = certctl_pem_encode(mem, "CERTIFICATE", der.data, der.len);
	ret->chain_pem = certctl_certificate_pem(mem, self->certificate);
	ret->serial = order->serial;
	return 0;
}

static int file_ca_chain(struct certctl_issuer *self, const struct certctl_host *host, TALLOC_CTX *mem,
	const char **ret_pem, struct certctl_error *err)
{
	(void)host;
	*ret_pem = certctl_certificate_pem(mem, self->certificate);
	return *ret_pem ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}

static const struct certctl_issuer_ops file_ca_ops = {
	.size = sizeof(struct certctl_issuer_ops),
	.caps = CERTCTL_ISSUER_CAN_CHAIN | CERTCTL_ISSUER_REPEATABLE | CERTCTL_ISSUER_TAKES_SERIAL,
	.open = file_ca_open,
	.close = file_ca_close,
	.test = file_ca_test,
	.info = file_ca_info,
	.issue = file_ca_issue,
	.chain = file_ca_chain,
};

CERTCTL_PLUGIN(CERTCTL_ISSUER, "file-ca", .version = "1.0.0", .summary = "A CA whose certificate and key are two files",
	.options = file_ca_options, .config_size = sizeof(struct file_ca_config), .needs = CERTCTL_NEEDS_FILES,
	.concurrency = 1, .ops = &file_ca_ops);
