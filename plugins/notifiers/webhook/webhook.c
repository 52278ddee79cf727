/* The plugin: an instance, what it says of itself, its test.  How a message is sent is deliver.c's. */
#include "webhook.h"

#include <certctl/http.h>
#include <certctl/name.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>

#define TEST_ID_BYTES 12

static int out_of_memory(struct certctl_error *err)
{
	return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}

static int read_url(struct certctl_notifier *self, struct certctl_error *err)
{
	const struct webhook_config *config = self->config;
	struct certctl_url url;
	int rc = certctl_url_parse(self, config->url, &url, err);

	if (rc < 0)
		return rc;
	if (strcmp(url.scheme, "https") != 0 && !config->allow_plain_http)
		return certctl_fail(err, CERTCTL_E_INVALID, "url: https expected, or allow_plain_http");
	self->endpoint = talloc_asprintf(self, strchr(url.host, ':') ? "%s://[%s]:%u" : "%s://%s:%u", url.scheme,
		url.host, url.port);
	return self->endpoint ? 0 : out_of_memory(err);
}

static int make_client(struct certctl_notifier *self, struct certctl_error *err)
{
	const struct webhook_config *config = self->config;
	const char *const *rows = config->allow_networks.items;
	const char *networks[17] = { NULL };
	struct certctl_http_options options = {
		.ca_bundle_file = config->ca_file,
		.client_certificate_file = config->client_certificate_file,
		.client_key_file = config->client_key_file,
		.egress = { .allow_private = config->allow_private,
			.allow_plain_http = config->allow_plain_http,
			.allow_nets = networks },
	};

	certctl_assert(config->allow_networks.count < CERTCTL_COUNT(networks));
	for (size_t i = 0; i < config->allow_networks.count; i++)
		networks[i] = rows[i];
	return certctl_http_client_new(self, &options, &self->client, err);
}

static void webhook_close(struct certctl_notifier *self)
{
	talloc_free(self);
}

static int webhook_open(const struct certctl_host *host, const void *config, struct certctl_notifier **ret,
	struct certctl_error *err)
{
	struct certctl_notifier *self = talloc_zero(NULL, struct certctl_notifier);
	int rc;

	(void)host;
	if (!self)
		return out_of_memory(err);
	self->config = config;
	rc = read_url(self, err);
	if (rc == 0)
		rc = webhook_check_headers(&self->config->headers, err);
	if (rc == 0)
		rc = webhook_keys(self, &self->config->secrets, &self->keys, err);
	if (rc == 0)
		rc = make_client(self, err);
	if (rc < 0) {
		webhook_close(self);
		return rc;
	}
	*ret = self;
	return 0;
}

static int webhook_info(struct certctl_notifier *self, const struct certctl_host *host, TALLOC_CTX *mem,
	struct certctl_info *ret, struct certctl_error *err)
{
	char *authentication = talloc_asprintf(mem, "HMAC-SHA256 signature, %zu secret%s", self->config->secrets.count,
		self->config->secrets.count == 1 ? "" : "s");

	(void)host;
	if (!authentication)
		return out_of_memory(err);
	ret->endpoint = self->endpoint;
	ret->authentication = authentication;
	return 0;
}

/* A fresh id each time: a receiver that keeps ids would take the second test for a repeat of the first. */
static int webhook_test(struct certctl_notifier *self, const struct certctl_host *host, struct certctl_error *err)
{
	unsigned char nonce[TEST_ID_BYTES];
	char id[sizeof("test-") + 2 * TEST_ID_BYTES] = "test-";
	size_t id_size = sizeof(id) - strlen(id);
	struct certctl_message message = {
		.id = id,
		.kind = CERTCTL_MESSAGE_TEST,
		.severity = CERTCTL_SEVERITY_INFO,
		.event = "test",
		.subject = "Test message from certctl",
		.text = "This is a test. Nothing has happened and nothing needs to be done.",
		.created_unix_s = host->now_s(host),
	};
	struct certctl_receipt receipt = { 0 };
	TALLOC_CTX *mem;
	int rc;

	if (gnutls_rnd(GNUTLS_RND_NONCE, nonce, sizeof(nonce)) < 0 ||
		gnutls_hex_encode(&(gnutls_datum_t){ nonce, sizeof(nonce) }, id + strlen(id), &id_size) < 0)
		return certctl_fail(err, CERTCTL_E_INTERNAL, "test: no random numbers");
	mem = talloc_new(NULL);
	rc = webhook_send(self, host, &message, mem, &receipt, err);
	talloc_free(mem);
	return rc;
}

static const struct certctl_notifier_ops webhook_ops = {
	.size = sizeof(struct certctl_notifier_ops),
	.caps = CERTCTL_NOTIFIER_CAN_RESOLVE | CERTCTL_NOTIFIER_CAN_HTML,
	.open = webhook_open,
	.close = webhook_close,
	.test = webhook_test,
	.info = webhook_info,
	.send = webhook_send,
};

CERTCTL_PLUGIN(CERTCTL_NOTIFIER, "webhook", .version = "1.0.0",
	.summary = "Signed messages to an HTTPS receiver (Standard Webhooks)", .options = webhook_options,
	.config_size = sizeof(struct webhook_config), .item_options = webhook_item_options,
	.item_size = sizeof(struct webhook_item), .needs = CERTCTL_NEEDS_NETWORK | CERTCTL_NEEDS_FILES,
	.concurrency = 16, .ops = &webhook_ops);
