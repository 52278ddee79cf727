/* AES-256-GCM over one value.  Knows the keys by id, not where they come from. */
#include "keys.h"

#include <certctl/buffer.h>
#include <certctl/x509.h>
#include <gnutls/crypto.h>
#include <string.h>

/* The sealed bytes: format, nonce, ciphertext, tag. */
#define FORMAT      1
#define NONCE_BYTES 12
#define TAG_BYTES   16
/* Nothing secret of ours is larger; and gnutls's lengths stay far from their ends. */
#define VALUE_MAX ((size_t)16 << 20)

_Static_assert(SEALING_OVERHEAD == 1 + NONCE_BYTES + TAG_BYTES, "the header promises it");

/* Lengths go before the parts, so that no two places have the same bytes. */
static int write_place(const struct sealing_place *place, struct certctl_buffer *out, struct certctl_error *err)
{
	const char *parts[] = { place->table, place->row, place->column };

	certctl_buffer_printf(out, "certctl:%d", FORMAT);
	for (size_t i = 0; i < CERTCTL_COUNT(parts); i++)
		certctl_buffer_printf(out, ":%zu:%s", strlen(parts[i]), parts[i]);
	return certctl_buffer_finish(out, err);
}

static int open_cipher(const struct sealing_key *key, gnutls_aead_cipher_hd_t *ret, struct certctl_error *err)
{
	gnutls_datum_t datum = { key->secret.data, (unsigned)key->secret.len };

	return gnutls_aead_cipher_init(ret, GNUTLS_CIPHER_AES_256_GCM, &datum) < 0
		       ? certctl_fail(err, CERTCTL_E_INTERNAL, "AES-256-GCM is not there")
		       : 0;
}

/* --- Sealing --------------------------------------------------------------------------------------------------------- */

/* @param out  SEALING_OVERHEAD bytes more than the secret */
static int encrypt(const struct sealing_key *key, const struct certctl_buffer *place,
	const struct certctl_secret *secret, unsigned char *out, struct certctl_error *err)
{
	gnutls_aead_cipher_hd_t cipher;
	unsigned char *nonce = out + 1;
	size_t len = secret->len + TAG_BYTES;
	int rc = certctl_random(nonce, NONCE_BYTES, err);

	out[0] = FORMAT;
	if (rc == 0)
		rc = open_cipher(key, &cipher, err);
	if (rc < 0)
		return rc;
	rc = gnutls_aead_cipher_encrypt(cipher, nonce, NONCE_BYTES, place->data, place->len, TAG_BYTES, secret->data,
		secret->len, nonce + NONCE_BYTES, &len);
	gnutls_aead_cipher_deinit(cipher);
	return rc < 0 ? certctl_fail(err, CERTCTL_E_INTERNAL, "sealing: AES-256-GCM failed") : 0;
}

int sealing_seal(const struct sealing *sealing, TALLOC_CTX *mem, const struct sealing_place *place,
	const struct certctl_secret *secret, struct sealed *ret, struct certctl_error *err)
{
	const struct sealing_key *key = &sealing->keys[0];
	TALLOC_CTX *scratch = talloc_new(NULL);
	struct certctl_buffer where;
	unsigned char *bytes = NULL;
	char *hex;
	int rc;

	certctl_buffer_init(&where, scratch, 4096);
	rc = secret->len > VALUE_MAX ? certctl_fail(err, CERTCTL_E_LIMIT, "%s: too large to be sealed", place->table)
				     : write_place(place, &where, err);
	if (rc == 0 && !(bytes = talloc_size(scratch, SEALING_OVERHEAD + secret->len)))
		rc = certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	if (rc == 0)
		rc = encrypt(key, &where, secret, bytes, err);
	if (rc == 0) {
		hex = certctl_hex(scratch, bytes, SEALING_OVERHEAD + secret->len);
		ret->bytes = hex ? talloc_asprintf(mem, "\\x%s", hex) : NULL;
		ret->key_id = talloc_strdup(mem, key->id);
		if (!ret->bytes || !ret->key_id)
			rc = certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	}
	talloc_free(scratch);
	return rc;
}

/* --- Opening --------------------------------------------------------------------------------------------------------- */

/* @param secret  room for what the sealed bytes hold */
static int decrypt(const struct sealing_key *key, const struct certctl_buffer *place,
	const struct certctl_bytes *sealed, unsigned char *secret, struct certctl_error *err)
{
	gnutls_aead_cipher_hd_t cipher;
	const unsigned char *nonce = sealed->data + 1;
	size_t len = sealed->len - SEALING_OVERHEAD;
	int rc = open_cipher(key, &cipher, err);

	if (rc < 0)
		return rc;
	rc = gnutls_aead_cipher_decrypt(cipher, nonce, NONCE_BYTES, place->data, place->len, TAG_BYTES,
		nonce + NONCE_BYTES, sealed->len - 1 - NONCE_BYTES, secret, &len);
	gnutls_aead_cipher_deinit(cipher);
	return rc < 0 ? certctl_fail(err, CERTCTL_E_INVALID, "it was changed, or sealed for another place") : 0;
}

static int read_sealed(TALLOC_CTX *mem, const struct sealed *sealed, struct certctl_bytes *ret,
	struct certctl_error *err)
{
	if (strncmp(sealed->bytes, "\\x", 2) != 0 || certctl_unhex(mem, sealed->bytes + 2, ret, NULL) < 0)
		return certctl_fail(err, CERTCTL_E_INVALID, "not what bytea looks like");
	if (ret->len < SEALING_OVERHEAD || ret->data[0] != FORMAT)
		return certctl_fail(err, CERTCTL_E_INVALID, "not a sealed value of this version");
	return 0;
}

static int find_key(const struct sealing *sealing, const char *id, const struct sealing_key **ret,
	struct certctl_error *err)
{
	*ret = sealing_key_find(sealing, id);
	if (*ret)
		return 0;
	certctl_fail(err, CERTCTL_E_DENIED, "sealed with key %.16s, which is not in %s", id, sealing->file);
	certctl_hint(err,
		"Add that key to the file as its last line; it is in the backup of the server that sealed this.");
	return CERTCTL_E_DENIED;
}

static int unseal(const struct sealing *sealing, TALLOC_CTX *scratch, const struct sealing_place *place,
	const struct sealed *sealed, unsigned char **ret, size_t *ret_len, struct certctl_error *err)
{
	const struct sealing_key *key = NULL;
	struct certctl_bytes bytes = { 0 };
	struct certctl_buffer where;
	int rc = find_key(sealing, sealed->key_id, &key, err);

	certctl_buffer_init(&where, scratch, 4096);
	if (rc == 0)
		rc = read_sealed(scratch, sealed, &bytes, err);
	if (rc == 0)
		rc = write_place(place, &where, err);
	if (rc < 0)
		return rc;
	*ret_len = bytes.len - SEALING_OVERHEAD;
	*ret = certctl_secret_alloc(scratch, *ret_len + 1);
	return *ret ? decrypt(key, &where, &bytes, *ret, err) : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}

int sealing_unseal(const struct sealing *sealing, TALLOC_CTX *mem, const struct sealing_place *place,
	const struct sealed *sealed, struct certctl_secret *ret, struct certctl_error *err)
{
	TALLOC_CTX *scratch = talloc_new(NULL);
	unsigned char *data = NULL;
	size_t len = 0;
	int rc = unseal(sealing, scratch, place, sealed, &data, &len, err);

	if (rc < 0)
		certctl_error_prefix(err, "%s.%s of '%s'", place->table, place->column, place->row);
	else if (certctl_secret_set(mem, ret, data, len) < 0)
		rc = certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	talloc_free(scratch);
	return rc;
}

/* --- For other purposes ------------------------------------------------------------------------------------------------- */

int sealing_derive(const struct sealing *sealing, const char *purpose, unsigned char *ret, size_t len,
	struct certctl_error *err)
{
	const struct certctl_secret *secret = &sealing->keys[0].secret;
	gnutls_datum_t key = { secret->data, (unsigned)secret->len };
	gnutls_datum_t info = { (unsigned char *)(uintptr_t)purpose, (unsigned)strlen(purpose) };

	return gnutls_hkdf_expand(GNUTLS_MAC_SHA256, &key, &info, ret, len) < 0
		       ? certctl_fail(err, CERTCTL_E_INTERNAL, "HKDF-SHA256 failed")
		       : 0;
}
