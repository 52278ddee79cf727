/* Signatures of the Standard Webhooks specification: HMAC-SHA256 over "id.timestamp.body".  Knows nothing of requests. */
#include "webhook.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <string.h>

#define PREFIX      "whsec_"
#define DIGEST_LEN  32
#define KEY_LEN_MIN 24 /* the specification's bounds */
#define KEY_LEN_MAX 64
#define DECODED_MAX 128

static int refuse(size_t index, struct certctl_error *err)
{
	certctl_fail(err, CERTCTL_E_INVALID, "secrets[%zu]: %s and base64 of %d to %d bytes expected", index, PREFIX,
		KEY_LEN_MIN, KEY_LEN_MAX);
	return certctl_hint(err, "Make one with: echo whsec_$(openssl rand -base64 32)");
}

static int decode_key(TALLOC_CTX *mem, const struct certctl_secret *secret, size_t index, struct certctl_secret *ret,
	struct certctl_error *err)
{
	size_t prefix = strlen(PREFIX);
	gnutls_datum_t text, bytes = { 0 };
	int rc;

	if (secret->len <= prefix || secret->len > DECODED_MAX || memcmp(secret->data, PREFIX, prefix) != 0)
		return refuse(index, err);
	text = (gnutls_datum_t){ .data = secret->data + prefix, .size = (unsigned)(secret->len - prefix) };
	if (gnutls_base64_decode2(&text, &bytes) < 0)
		return refuse(index, err);
	rc = bytes.size < KEY_LEN_MIN || bytes.size > KEY_LEN_MAX
		     ? refuse(index, err)
		     : certctl_secret_set(mem, ret, bytes.data, bytes.size);
	if (rc == CERTCTL_E_NO_MEMORY)
		certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	certctl_wipe(bytes.data, bytes.size);
	gnutls_free(bytes.data);
	return rc;
}

int webhook_keys(TALLOC_CTX *mem, const struct certctl_list *secrets, struct certctl_secret **ret,
	struct certctl_error *err)
{
	const struct certctl_secret *rows = secrets->items;
	struct certctl_secret *keys = talloc_zero_array(mem, struct certctl_secret, (unsigned)secrets->count);
	int rc = keys ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	for (size_t i = 0; rc == 0 && i < secrets->count; i++)
		rc = decode_key(keys, &rows[i], i, &keys[i], err);
	if (rc < 0) {
		talloc_free(keys);
		return rc;
	}
	*ret = keys;
	return 0;
}

static int digest(const struct certctl_secret *key, const char *head, const char *body, size_t body_len,
	unsigned char ret[DIGEST_LEN])
{
	gnutls_hmac_hd_t hmac;
	int rc = gnutls_hmac_init(&hmac, GNUTLS_MAC_SHA256, key->data, key->len);

	if (rc < 0)
		return rc;
	rc = gnutls_hmac(hmac, head, strlen(head));
	if (rc == 0)
		rc = gnutls_hmac(hmac, body, body_len);
	gnutls_hmac_deinit(hmac, ret);
	return rc;
}

static int append_signature(struct certctl_buffer *out, const unsigned char bytes[DIGEST_LEN])
{
	gnutls_datum_t raw = { .data = (unsigned char *)bytes, .size = DIGEST_LEN }, text;
	int rc = gnutls_base64_encode2(&raw, &text);

	if (rc < 0)
		return rc;
	certctl_buffer_printf(out, "%sv1,%.*s", out->len ? " " : "", (int)text.size, (const char *)text.data);
	gnutls_free(text.data);
	return 0;
}

int webhook_sign(TALLOC_CTX *mem, const struct certctl_secret *keys, size_t count, const char *id, int64_t timestamp_s,
	const char *body, size_t body_len, char **ret, struct certctl_error *err)
{
	char *head = talloc_asprintf(mem, "%s.%lld.", id, (long long)timestamp_s);
	struct certctl_buffer out;
	int rc = 0;

	if (!head)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	certctl_buffer_init(&out, mem, 1024);
	for (size_t i = 0; rc == 0 && i < count; i++) {
		unsigned char bytes[DIGEST_LEN];

		rc = digest(&keys[i], head, body, body_len, bytes);
		if (rc == 0)
			rc = append_signature(&out, bytes);
	}
	if (rc < 0)
		return certctl_fail(err, CERTCTL_E_INTERNAL, "signing the message: %s", gnutls_strerror(rc));
	rc = certctl_buffer_finish(&out, err);
	if (rc == 0)
		*ret = out.data;
	return rc;
}
