/* A CA from files: reading it, and making sure that its parts belong together. */
#include "local_ca.h"

#include <certctl/files.h>
#include <string.h>

#define FILE_MAX  65536
#define CHAIN_MAX 16

static int read_text(TALLOC_CTX *mem, const char *option, const char *path, const char **ret, struct certctl_error *err)
{
	char *text;
	size_t len;
	int rc = certctl_file_read_path(mem, path, FILE_MAX, &text, &len, err);

	if (rc < 0) {
		certctl_error_prefix(err, "%s", option);
		return rc;
	}
	if (memchr(text, 0, len))
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: PEM expected", option);
	*ret = text;
	return 0;
}

static int read_key(TALLOC_CTX *mem, const char *path, struct certctl_secret *ret, struct certctl_error *err)
{
	char *text;
	size_t len;
	int rc = certctl_file_read_path(mem, path, FILE_MAX, &text, &len, err);

	if (rc < 0) {
		certctl_error_prefix(err, "ca_key_path");
		return rc;
	}
	rc = certctl_secret_set(mem, ret, text, len);
	certctl_wipe(text, len);
	talloc_free(text);
	return rc < 0 ? certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory") : 0;
}

int local_ca_load(const struct local_ca_config *config, TALLOC_CTX *mem, struct local_ca_material *ret,
	struct certctl_error *err)
{
	const char *own, *above = "";
	int rc;

	if ((rc = read_text(mem, "ca_cert_path", config->ca_cert_path, &own, err)) < 0 ||
		(config->ca_chain_path &&
			(rc = read_text(mem, "ca_chain_path", config->ca_chain_path, &above, err)) < 0) ||
		(rc = read_key(mem, config->ca_key_path, &ret->key, err)) < 0)
		return rc;
	ret->certificates = talloc_asprintf(mem, "%s\n%s", own, above);
	return ret->certificates ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}

/* The certificate of the key, which is taken out of the list. */
static struct certctl_certificate *take_own(const struct certctl_key *key, struct certctl_certificate **list,
	size_t *count)
{
	for (size_t i = 0; i < *count; i++) {
		struct certctl_certificate *one = list[i];

		if (!certctl_key_matches(key, &one->public_key))
			continue;
		memmove(&list[i], &list[i + 1], (*count - i - 1) * sizeof(list[0]));
		(*count)--;
		return one;
	}
	return NULL;
}

static int check_ca(const struct certctl_certificate *ca, struct certctl_error *err)
{
	if (!ca->is_ca || !(ca->key_usage & CERTCTL_KU_KEY_CERT_SIGN))
		return certctl_fail(err, CERTCTL_E_INVALID, "%.80s: not the certificate of a CA", ca->subject);
	if (!ca->key_type)
		return certctl_fail(err, CERTCTL_E_UNSUPPORTED,
			"%.60s: RSA 2048, 3072 or 4096, P-256, P-384 or Ed25519 key expected", ca->subject);
	return 0;
}

/* The root of the chain, where it was given: certctl_chain_order() leaves it out. */
static struct certctl_certificate *find_root(const struct certctl_certificate *top, struct certctl_certificate **list,
	size_t count)
{
	for (size_t i = 0; i < count && !top->is_self_issued; i++)
		if (list[i]->is_self_issued && certctl_certificate_is_issued_by(top, list[i]))
			return list[i];
	return NULL;
}

static int order_chain(struct certctl_issuer *self, struct certctl_certificate **others, size_t count,
	struct certctl_error *err)
{
	struct certctl_certificate **ordered, *root;
	size_t length;
	int rc = certctl_chain_order(self, self->ca, others, count, &ordered, &length, err);

	if (rc < 0)
		return rc;
	self->chain = talloc_zero_array(self, struct certctl_certificate *, (unsigned)length + 2);
	if (!self->chain)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	memcpy(self->chain, ordered, length * sizeof(ordered[0]));
	root = find_root(self->chain[length - 1], others, count);
	if (root)
		self->chain[length++] = root;
	self->chain_count = length;
	return 0;
}

static int serve_chain(struct certctl_issuer *self, struct certctl_error *err)
{
	char *pem = talloc_strdup(self, "");

	for (size_t i = 0; pem && i < self->chain_count; i++) {
		char *one =
			i > 0 && self->chain[i]->is_self_issued ? NULL : certctl_certificate_pem(self, self->chain[i]);

		if (one)
			pem = talloc_strdup_append_buffer(pem, one);
		talloc_free(one);
	}
	self->served_chain_pem = pem;
	return pem ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}

int local_ca_adopt(struct certctl_issuer *self, const struct local_ca_material *material, struct certctl_error *err)
{
	const struct certctl_secret *password =
		self->config->ca_key_password.data ? &self->config->ca_key_password : NULL;
	struct certctl_certificate **list;
	size_t count;
	int rc;

	if ((rc = local_ca_signers_init(self, &material->key, password, err)) < 0 ||
		(rc = certctl_certificates_read(self, material->certificates, strlen(material->certificates), CHAIN_MAX,
			 &list, &count, err)) < 0)
		return rc;
	self->ca = take_own(self->signers.keys[0], list, &count);
	if (!self->ca) {
		certctl_fail(err, CERTCTL_E_INVALID, "CA: the private key belongs to none of the certificates");
		certctl_hint(err, "Check that ca_key_path and ca_cert_path are of the same CA.");
		return CERTCTL_E_INVALID;
	}
	if ((rc = check_ca(self->ca, err)) < 0 || (rc = order_chain(self, list, count, err)) < 0)
		return rc;
	return serve_chain(self, err);
}
