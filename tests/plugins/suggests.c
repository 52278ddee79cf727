/*
 * A CA that makes itself anew each time, and beside issuing says when it wants certificates renewed and hears of orders that are
 * given up.  What it says it reads from a file, what it hears it writes to one, so that tests can steer and see it.
 */
#include <certctl/certificate.h>
#include <certctl/files.h>
#include <certctl/issuer.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct config {
	const char *folder; /* "window": begin, end, retry_after, in seconds from now; "heard" */
};
static const struct certctl_field options[] = {
	CERTCTL_OPTION(struct config, folder, CERTCTL_PATH, .required = true, .path_access = CERTCTL_PATH_WRITE,
		.help = "Where `window` is read and `heard` is written."),
	{ 0 },
};

struct certctl_issuer {
	const struct config *config;
	struct certctl_key *key;
	struct certctl_certificate *ca;
};

static int sign(TALLOC_CTX *mem, struct certctl_certificate_template *template_,
	const struct certctl_certificate_issuer *issuer, struct certctl_bytes *ret, struct certctl_error *err)
{
	struct certctl_bytes tbs;
	int rc = certctl_certificate_tbs(mem, template_, issuer, &tbs, err);

	return rc < 0 ? rc : certctl_certificate_sign(mem, &tbs, issuer, ret, err);
}

static int make_ca(struct certctl_issuer *self, int64_t now_unix_s, struct certctl_error *err)
{
	static const unsigned char serial[] = { 1 };
	struct certctl_certificate_template template_ = { .serial = serial,
		.serial_len = sizeof(serial),
		.subject = "CN=Suggesting CA",
		.not_before_unix_s = now_unix_s - 86400,
		.not_after_unix_s = now_unix_s + INT64_C(10) * 365 * 86400,
		.key_usage = CERTCTL_KU_KEY_CERT_SIGN | CERTCTL_KU_CRL_SIGN,
		.is_ca = true,
		.path_length = 0 };
	struct certctl_certificate_issuer itself = { 0 };
	struct certctl_bytes der;
	int rc = certctl_key_generate(self, CERTCTL_ECDSA_P256, &self->key, err);

	itself.key = self->key;
	if (rc == 0)
		rc = certctl_key_public(self, self->key, &template_.public_key, err);
	if (rc == 0)
		rc = sign(self, &template_, &itself, &der, err);
	return rc < 0 ? rc : certctl_certificate_read(self, (const char *)der.data, der.len, &self->ca, err);
}

static void close_issuer(struct certctl_issuer *self)
{
	talloc_free(self);
}

static int open_issuer(const struct certctl_host *host, const void *config, struct certctl_issuer **ret,
	struct certctl_error *err)
{
	struct certctl_issuer *self = talloc_zero(NULL, struct certctl_issuer);

	if (!self)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "no memory");
	self->config = config;
	int rc = make_ca(self, host->now_s(host), err);

	if (rc < 0) {
		close_issuer(self);
		return rc;
	}
	*ret = self;
	return 0;
}

static int test_issuer(struct certctl_issuer *self, const struct certctl_host *host, struct certctl_error *err)
{
	(void)self, (void)host, (void)err;
	return 0;
}

static int info(struct certctl_issuer *self, const struct certctl_host *host, TALLOC_CTX *mem, struct certctl_info *ret,
	struct certctl_error *err)
{
	(void)host, (void)mem, (void)err;
	*ret = (struct certctl_info){
		.endpoint = self->ca->subject, .authentication = "none", .key_storage = "memory"
	};
	return 0;
}

/* Says what the order says of the certificate it follows; names that begin with "slow." stay pending. */
static int issue(struct certctl_issuer *self, const struct certctl_host *host, const struct certctl_order *order,
	TALLOC_CTX *mem, struct certctl_issued *ret, struct certctl_error *err)
{
	static const char *const server_auth[] = { "1.3.6.1.5.5.7.3.1", NULL };
	struct certctl_certificate_issuer issuer = { .certificate = self->ca, .key = self->key };
	struct certctl_bytes serial, der;
	struct certctl_csr *csr = NULL;

	if (order->common_name && strncmp(order->common_name, "slow.", 5) == 0) {
		ret->outcome = CERTCTL_PENDING;
		ret->retry_after_s = 3600;
		ret->state = "order 17";
		return 0;
	}
	host->log(host, CERTCTL_LOG_INFO, "suggests.issuing", "order", order->id, "replaces",
		order->replaces_pem ? "a certificate" : "nothing", NULL);
	if (certctl_csr_read(mem, order->csr_pem, strlen(order->csr_pem), &csr, err) < 0 ||
		certctl_unhex(mem, order->serial, &serial, err) < 0)
		return err->code;
	struct certctl_certificate_template template_ = { .serial = serial.data,
		.serial_len = serial.len,
		.common_name = order->common_name,
		.names = order->names,
		.not_before_unix_s = order->not_before_unix_s,
		.not_after_unix_s = order->not_after_unix_s,
		.public_key = csr->public_key,
		.key_usage = CERTCTL_KU_DIGITAL_SIGNATURE,
		.extended_key_usage = order->extended_key_usage ? order->extended_key_usage : server_auth,
		.must_staple = order->must_staple,
		.no_revocation = order->short_lived,
		.path_length = -1 };
	int rc = sign(mem, &template_, &issuer, &der, err);

	if (rc < 0)
		return rc;
	ret->outcome = CERTCTL_ISSUED;
	ret->leaf_pem = certctl_pem_encode(mem, "CERTIFICATE", der.data, der.len);
	ret->chain_pem = certctl_certificate_pem(mem, self->ca);
	ret->serial = order->serial;
	return 0;
}

static int open_file(const struct certctl_issuer *self, const char *name, int flags)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", self->config->folder, name);
	return open(path, flags | O_CLOEXEC, 0600);
}

static int abandon(struct certctl_issuer *self, const struct certctl_host *host, const struct certctl_order *order,
	struct certctl_error *err)
{
	int fd = open_file(self, "heard", O_WRONLY | O_CREAT | O_APPEND);

	(void)host;
	if (fd < 0)
		return certctl_fail(err, CERTCTL_E_UNAVAILABLE, "heard: cannot be written");
	dprintf(fd, "%s %s\n", order->id, order->state ? order->state : "-");
	close(fd);
	return 0;
}

/* No file: no answer. */
static int renewal_window(struct certctl_issuer *self, const struct certctl_host *host, const char *certificate_pem,
	TALLOC_CTX *mem, struct certctl_renewal_window *ret, struct certctl_error *err)
{
	char text[100] = "", *at = text;
	int fd = open_file(self, "window", O_RDONLY);

	(void)mem, (void)err, (void)certificate_pem;
	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	ret->has_answer = true;
	ret->start_unix_s = host->now_s(host) + strtoll(at, &at, 10);
	ret->end_unix_s = host->now_s(host) + strtoll(at, &at, 10);
	ret->retry_after_s = (int32_t)strtol(at, &at, 10);
	ret->explanation_url = "https://ca.example.com/why";
	return 0;
}

static const struct certctl_issuer_ops ops = {
	.size = sizeof(ops),
	.caps = CERTCTL_ISSUER_CAN_RENEWAL_WINDOW | CERTCTL_ISSUER_CAN_ABANDON | CERTCTL_ISSUER_REPEATABLE |
		CERTCTL_ISSUER_TAKES_SERIAL,
	.open = open_issuer,
	.close = close_issuer,
	.test = test_issuer,
	.info = info,
	.issue = issue,
	.abandon = abandon,
	.renewal_window = renewal_window,
};

CERTCTL_PLUGIN(CERTCTL_ISSUER, "suggests", .version = "1.0.0",
	.summary = "A CA that says when it wants certificates renewed", .options = options,
	.config_size = sizeof(struct config), .needs = CERTCTL_NEEDS_FILES, .concurrency = 1, .ops = &ops);
