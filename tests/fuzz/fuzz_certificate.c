/* Certificates: describing, linting, chains and name constraints of whatever can be read. */
#include "fuzz.h"

#include <certctl/certificate.h>
#include <string.h>

static void check_texts(const struct certctl_certificate *certificate)
{
	const char *const texts[] = { certificate->subject, certificate->issuer, certificate->serial };

	for (size_t i = 0; i < CERTCTL_COUNT(texts); i++)
		for (const char *at = texts[i]; *at; at++)
			certctl_assert((unsigned char)*at >= 0x20 && *at != 0x7f);
	certctl_assert(certctl_utf8_is_valid(certificate->subject, strlen(certificate->subject)));
	certctl_assert(certctl_utf8_is_valid(certificate->issuer, strlen(certificate->issuer)));
	for (size_t i = 0; i < certificate->name_count; i++) {
		certctl_assert(i == 0 || certctl_name_compare(certificate->names[i - 1], certificate->names[i]) < 0);
		for (const char *at = certificate->names[i]->text; *at; at++)
			certctl_assert(*at > 0x20 && *at < 0x7f);
	}
}

static void check(TALLOC_CTX *mem, struct certctl_certificate *certificate)
{
	const struct certctl_name *const *names = (const struct certctl_name *const *)certificate->names;
	struct certctl_certificate *again = NULL, **chain;
	struct certctl_error err = { 0 };
	char *pem = certctl_certificate_pem(mem, certificate);
	size_t count;

	check_texts(certificate);
	certctl_assert(certctl_certificate_read(mem, pem, strlen(pem), &again, &err) == 0);
	certctl_assert(strcmp(again->fingerprint_sha256, certificate->fingerprint_sha256) == 0);
	certctl_assert(certctl_certificate_has_names(again, names));
	certctl_assert(certctl_certificate_lint(&certificate->der, NULL, NULL, &err) == 0 || err.what[0]);
	certctl_assert(certctl_certificate_permits(certificate, names, true, &err) == 0 || err.what[0]);
	certctl_assert(certctl_chain_order(mem, certificate, &again, 1, &chain, &count, &err) == 0 && count == 1);
	(void)certctl_certificate_is_issued_by(certificate, certificate);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	char *text = talloc_memdup(mem, size ? (const char *)data : "", size + !size);
	struct certctl_certificate *certificate = NULL, **list = NULL;
	struct certctl_error err = { 0 };
	size_t count = 0;

	if (certctl_certificate_read(mem, text, size, &certificate, &err) == 0)
		check(mem, certificate);
	else
		certctl_assert(err.what[0] && !certificate);
	if (certctl_certificates_read(mem, text, size, 20, &list, &count, &err) == 0)
		certctl_assert(count > 0 && count <= 20 && list[count - 1] && !list[count]);
	talloc_free(mem);
	return 0;
}
