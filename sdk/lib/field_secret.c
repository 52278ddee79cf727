/* Secrets on their way through JSON, which has no bytes.  The one place that turns a secret into a text. */
#include "fields.h"

#include <certctl/name.h>

#include <gnutls/gnutls.h>
#include <string.h>

static const char base64_prefix[] = "base64:";
#define PREFIX_LEN (sizeof(base64_prefix) - 1)

static json_t *to_base64(const struct certctl_secret *secret)
{
	gnutls_datum_t in = { .data = secret->data, .size = (unsigned)secret->len }, out = { 0 };

	if (gnutls_base64_encode2(&in, &out) < 0)
		return NULL;
	json_t *text = json_sprintf("%s%.*s", base64_prefix, (int)out.size, out.data);

	certctl_wipe(out.data, out.size);
	gnutls_free(out.data);
	return text;
}

json_t *certctl_secret_to_json(const struct certctl_secret *secret)
{
	const char *text = (const char *)secret->data;
	bool looks_encoded = secret->len >= PREFIX_LEN && memcmp(text, base64_prefix, PREFIX_LEN) == 0;

	/* "***" in clear would be refused as a mask on the other side. */
	bool looks_masked =
		secret->len == strlen(CERTCTL_SECRET_MASK) && memcmp(text, CERTCTL_SECRET_MASK, secret->len) == 0;

	if (looks_encoded || looks_masked || !certctl_utf8_is_valid(text, secret->len))
		return to_base64(secret);
	return json_stringn(text, secret->len);
}

static int from_base64(TALLOC_CTX *mem, const char *text, struct certctl_secret *ret, struct certctl_error *err)
{
	gnutls_datum_t in = { .data = (unsigned char *)(uintptr_t)text, .size = (unsigned)strlen(text) }, out = { 0 };

	if (in.size > 0 && gnutls_base64_decode2(&in, &out) < 0)
		return certctl_fail(err, CERTCTL_E_INVALID, "base64 expected behind \"%s\"", base64_prefix);
	int rc = certctl_secret_set(mem, ret, out.data, out.size);

	certctl_wipe(out.data, out.size);
	gnutls_free(out.data);
	return rc < 0 ? certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory for a secret") : 0;
}

int certctl_secret_from_text(TALLOC_CTX *mem, const char *text, struct certctl_secret *ret, struct certctl_error *err)
{
	/* A masked document that comes back would store the mask and lose the secret. */
	if (strcmp(text, CERTCTL_SECRET_MASK) == 0)
		return certctl_fail(err, CERTCTL_E_INVALID,
			"the mask %s is no value: leave the member out to keep what is stored", CERTCTL_SECRET_MASK);
	if (strncmp(text, base64_prefix, PREFIX_LEN) == 0)
		return from_base64(mem, text + PREFIX_LEN, ret, err);
	if (certctl_secret_set(mem, ret, text, strlen(text)) < 0)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory for a secret");
	return 0;
}
