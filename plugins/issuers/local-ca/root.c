/* A new root: key and self-signed certificate.  Nothing here touches a file. */
#include "local_ca.h"

#include <string.h>

/* The CA is made when its first order comes: that order began before, by the clock of another host. */
#define BACKDATED_S INT64_C(86400)

/* "example.com" or ".example.com", canonical. */
static int make_domain(TALLOC_CTX *mem, const char *option, const char **domain, struct certctl_error *err)
{
	const char *text = *domain;
	size_t dot = text[0] == '.';
	struct certctl_name name;
	int rc = certctl_name_make(mem, CERTCTL_NAME_DNS, text + dot, &name, err);

	if (rc < 0)
		return certctl_error_prefix(err, "%s: %.60s", option, text);
	*domain = dot ? talloc_asprintf(mem, ".%s", name.text) : name.text;
	return *domain ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}

static int make_domains(TALLOC_CTX *mem, const char *option, const struct certctl_list *list, const char ***ret,
	struct certctl_error *err)
{
	const char **domains = local_ca_texts(mem, list);

	if (!domains)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	for (size_t i = 0; domains[i]; i++) {
		int rc = make_domain(mem, option, &domains[i], err);

		if (rc < 0)
			return rc;
	}
	*ret = domains;
	return 0;
}

static int fill_template(const struct local_ca_config *config, int64_t now_unix_s, const struct certctl_key *key,
	TALLOC_CTX *mem, struct certctl_certificate_template *ret, struct certctl_error *err)
{
	const char **permitted, **excluded;
	int rc;

	if ((rc = make_domains(mem, "permitted_dns", &config->permitted_dns, &permitted, err)) < 0 ||
		(rc = make_domains(mem, "excluded_dns", &config->excluded_dns, &excluded, err)) < 0)
		return rc;
	*ret = (struct certctl_certificate_template){
		.subject = config->subject,
		.not_before_unix_s = now_unix_s - BACKDATED_S,
		.not_after_unix_s = now_unix_s - BACKDATED_S + config->lifetime.seconds - 1,
		.key_usage = CERTCTL_KU_DIGITAL_SIGNATURE | CERTCTL_KU_KEY_CERT_SIGN | CERTCTL_KU_CRL_SIGN,
		.is_ca = true,
		.path_length = (int)config->path_length,
		.permitted_dns = permitted,
		.excluded_dns = excluded,
	};
	return certctl_key_public(mem, key, &ret->public_key, err);
}

static int sign(const struct certctl_certificate_template *template_, const struct certctl_key *key, TALLOC_CTX *mem,
	struct certctl_bytes *ret, struct certctl_error *err)
{
	const struct certctl_certificate_issuer issuer = { .key = key };
	struct certctl_bytes tbs;
	int rc;

	if ((rc = certctl_certificate_tbs(mem, template_, &issuer, &tbs, err)) < 0 ||
		(rc = certctl_certificate_lint(&tbs, template_, &issuer, err)) < 0 ||
		(rc = certctl_certificate_sign(mem, &tbs, &issuer, ret, err)) < 0)
		return rc;
	return certctl_certificate_lint(ret, template_, &issuer, err);
}

int local_ca_root_make(const struct local_ca_config *config, int64_t now_unix_s, TALLOC_CTX *mem,
	struct local_ca_material *ret, char **ret_public_key_sha256, struct certctl_error *err)
{
	struct certctl_certificate_template template_;
	struct certctl_certificate *certificate;
	unsigned char serial[20];
	struct certctl_bytes der;
	struct certctl_key *key;
	int rc;

	if ((rc = certctl_key_generate(mem, (enum certctl_key_type)config->key_type, &key, err)) < 0 ||
		(rc = fill_template(config, now_unix_s, key, mem, &template_, err)) < 0 ||
		(rc = certctl_serial_make(serial, err)) < 0)
		return rc;
	template_.serial = serial;
	template_.serial_len = sizeof(serial);
	if ((rc = sign(&template_, key, mem, &der, err)) < 0 ||
		(rc = certctl_certificate_read(mem, (const char *)der.data, der.len, &certificate, err)) < 0 ||
		(rc = certctl_key_write(mem, key, CERTCTL_KEY_PKCS8_PEM, &ret->key, err)) < 0)
		return rc;
	ret->certificates = certctl_certificate_pem(mem, certificate);
	*ret_public_key_sha256 = certificate->public_key_sha256;
	talloc_free(key);
	return ret->certificates ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}
