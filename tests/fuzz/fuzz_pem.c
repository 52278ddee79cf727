/* PEM and private keys: what is decoded encodes to something that decodes to the same. */
#include "fuzz.h"

#include <certctl/x509.h>
#include <string.h>

static void check_pem(TALLOC_CTX *mem, const char *text, size_t size)
{
	struct certctl_bytes first = { 0 }, second = { 0 };
	struct certctl_error err = { 0 };
	char *pem;

	if (certctl_pem_decode(mem, "X", text, size, &first, &err) < 0) {
		certctl_assert(err.what[0] && !first.data);
		return;
	}
	certctl_assert(first.len > 0 && first.len < size);
	pem = certctl_pem_encode(mem, "X", first.data, first.len);
	certctl_assert(certctl_pem_decode(mem, "X", pem, strlen(pem), &second, &err) == 0);
	certctl_assert(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
}

static void check_key(TALLOC_CTX *mem, const void *data, size_t size)
{
	struct certctl_secret text = { 0 }, password = { 0 }, out = { 0 };
	struct certctl_key *key = NULL, *again = NULL;
	struct certctl_bytes public_key;
	struct certctl_error err = { 0 };

	certctl_assert(certctl_secret_set(mem, &text, data, size) == 0);
	certctl_assert(certctl_secret_set(mem, &password, "password", 8) == 0);
	if (certctl_key_read(mem, &text, &password, &key, &err) < 0) {
		certctl_assert(err.what[0] && !key);
		return;
	}
	certctl_assert(certctl_key_write(mem, key, CERTCTL_KEY_PKCS8_PEM, &out, &err) == 0);
	certctl_assert(certctl_key_read(mem, &out, NULL, &again, &err) == 0);
	certctl_assert(certctl_key_public(mem, again, &public_key, &err) == 0);
	certctl_assert(certctl_key_matches(key, &public_key));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	/* A block of its own length: what is read behind it is seen. */
	char *text = talloc_memdup(mem, size ? (const char *)data : "", size + !size);

	check_pem(mem, text, size);
	check_key(mem, text, size);
	talloc_free(mem);
	return 0;
}
