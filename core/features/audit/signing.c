/* Ed25519 signatures and where their key lies.  Knows nothing of what is signed. */
#include "signing.h"

#include <certctl/files.h>
#include <certctl/secret.h>
#include <certctl/x509.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <string.h>

#define PEM_LABEL "PUBLIC KEY"
#define FILE_MAX  4096

struct audit_signer {
	struct certctl_key *key;
	char id[65];
};

struct public_key {
	struct public_key *next;
	gnutls_pubkey_t handle;
	char id[65];
};

struct audit_keys {
	struct public_key *first;
};

/* --- Signing --------------------------------------------------------------------------------------------------------- */

static int make_key(int dir_fd, TALLOC_CTX *mem, struct certctl_key **ret, struct certctl_error *err)
{
	static const struct certctl_file_attributes private = { .mode = 0600, .uid = (uid_t)-1, .gid = (gid_t)-1 };
	struct certctl_secret pem = { 0 };
	struct certctl_key *key = NULL;
	int rc = certctl_key_generate(mem, CERTCTL_ED25519, &key, err);

	if (rc == 0)
		rc = certctl_key_write(mem, key, CERTCTL_KEY_PKCS8_PEM, &pem, err);
	if (rc == 0)
		rc = certctl_file_create(dir_fd, AUDIT_KEY_FILE, pem.data, pem.len, &private, err);
	certctl_secret_clear(&pem);
	if (rc == 0)
		*ret = key;
	return rc;
}

static int read_key(int dir_fd, TALLOC_CTX *mem, struct certctl_key **ret, struct certctl_error *err)
{
	struct certctl_secret pem = { 0 };
	int rc = certctl_file_read_secret(mem, dir_fd, AUDIT_KEY_FILE, FILE_MAX, &pem, err);

	if (rc == CERTCTL_E_NOT_FOUND)
		return make_key(dir_fd, mem, ret, err);
	if (rc == 0)
		rc = certctl_key_read(mem, &pem, NULL, ret, err);
	certctl_secret_clear(&pem);
	if (rc == 0 && certctl_key_type_of(*ret) != CERTCTL_ED25519)
		rc = certctl_fail(err, CERTCTL_E_INVALID, "an Ed25519 key expected");
	return rc < 0 ? certctl_error_prefix(err, AUDIT_KEY_FILE) : 0;
}

static int write_public(int dir_fd, struct audit_signer *signer, struct certctl_error *err)
{
	static const struct certctl_file_attributes public = { .mode = 0644, .uid = (uid_t)-1, .gid = (gid_t)-1 };
	struct certctl_bytes der = { 0 };
	int rc = certctl_key_public(signer, signer->key, &der, err);

	if (rc < 0)
		return rc;
	certctl_sha256_hex(der.data, der.len, signer->id);
	char *pem = certctl_pem_encode(signer, PEM_LABEL, der.data, der.len);

	return pem ? certctl_file_replace(dir_fd, AUDIT_PUBLIC_FILE, pem, strlen(pem), &public, err)
		   : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}

int audit_signer_open(TALLOC_CTX *mem, const char *state_dir, struct audit_signer **ret, struct certctl_error *err)
{
	struct audit_signer *signer = talloc_zero(mem, struct audit_signer);
	CERTCTL_AUTO_CLOSE int dir_fd = -1;
	int rc = signer ? certctl_dir_open(state_dir, &dir_fd, err)
			: certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	if (rc == 0)
		rc = read_key(dir_fd, signer, &signer->key, err);
	if (rc == 0)
		rc = write_public(dir_fd, signer, err);
	if (rc < 0) {
		talloc_free(signer);
		return rc;
	}
	*ret = signer;
	return 0;
}

const char *audit_signer_id(const struct audit_signer *signer)
{
	return signer->id;
}

int audit_sign(const struct audit_signer *signer, const char *text, TALLOC_CTX *mem, const char **ret,
	struct certctl_error *err)
{
	gnutls_datum_t signature = { 0 }, data = { (unsigned char *)(uintptr_t)text, (unsigned)strlen(text) };
	int rc = gnutls_privkey_sign_data2(certctl_key_handle(signer->key), GNUTLS_SIGN_EDDSA_ED25519, 0, &data,
		&signature);

	if (rc < 0)
		return certctl_fail(err, CERTCTL_E_IO, "signing: %s", gnutls_strerror(rc));
	*ret = certctl_hex(mem, signature.data, signature.size);
	gnutls_free(signature.data);
	return *ret ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}

/* --- Verifying ------------------------------------------------------------------------------------------------------- */

static int close_keys(struct audit_keys *keys)
{
	for (struct public_key *key = keys->first; key; key = key->next)
		gnutls_pubkey_deinit(key->handle);
	return 0;
}

int audit_keys_new(TALLOC_CTX *mem, struct audit_keys **ret, struct certctl_error *err)
{
	struct audit_keys *keys = talloc_zero(mem, struct audit_keys);

	if (!keys)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	talloc_set_destructor(keys, close_keys);
	*ret = keys;
	return 0;
}

static int import_key(struct public_key *key, const struct certctl_bytes *der, struct certctl_error *err)
{
	gnutls_datum_t data = { der->data, (unsigned)der->len };

	if (gnutls_pubkey_init(&key->handle) < 0)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	if (gnutls_pubkey_import(key->handle, &data, GNUTLS_X509_FMT_DER) < 0 ||
		gnutls_pubkey_get_pk_algorithm(key->handle, NULL) != GNUTLS_PK_EDDSA_ED25519) {
		gnutls_pubkey_deinit(key->handle);
		return certctl_fail(err, CERTCTL_E_INVALID, "an Ed25519 public key expected");
	}
	return 0;
}

int audit_keys_add(struct audit_keys *keys, const char *pem, size_t len, struct certctl_error *err)
{
	struct public_key *key = talloc_zero(keys, struct public_key);
	struct certctl_bytes der = { 0 };
	int rc = key ? certctl_pem_decode(key, PEM_LABEL, pem, len, &der, err)
		     : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	if (rc == 0)
		rc = import_key(key, &der, err);
	if (rc < 0) {
		talloc_free(key);
		return rc;
	}
	certctl_sha256_hex(der.data, der.len, key->id);
	key->next = keys->first;
	keys->first = key;
	return 0;
}

bool audit_keys_verify(const struct audit_keys *keys, const char *id, const char *text, const char *signature)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	gnutls_datum_t data = { (unsigned char *)(uintptr_t)text, (unsigned)strlen(text) };
	struct certctl_bytes bytes = { 0 };
	bool is_good = false;

	if (certctl_unhex(mem, signature, &bytes, NULL) == 0)
		for (const struct public_key *key = keys->first; key && !is_good; key = key->next)
			is_good = strcmp(key->id, id) == 0 &&
				  gnutls_pubkey_verify_data2(key->handle, GNUTLS_SIGN_EDDSA_ED25519, 0, &data,
					  &(gnutls_datum_t){ bytes.data, (unsigned)bytes.len }) >= 0;
	talloc_free(mem);
	return is_good;
}
