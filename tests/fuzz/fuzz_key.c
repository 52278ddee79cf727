/* Private keys, PEM or DER: what is read has a type we know or none, and reads back as the same key in every encoding it can have. */
#include "fuzz.h"

#include <certctl/x509.h>
#include <string.h>

static void check_encoding(TALLOC_CTX *mem, const struct certctl_key *key, enum certctl_key_encoding encoding)
{
	struct certctl_secret text = { 0 };
	struct certctl_bytes first, second;
	struct certctl_key *again = NULL;
	struct certctl_error err = { 0 };

	if (certctl_key_write(mem, key, encoding, &text, &err) < 0) {
		certctl_assert(err.what[0]);
		return;
	}
	certctl_assert(certctl_key_read(mem, &text, NULL, &again, &err) == 0);
	certctl_assert(certctl_key_type_of(again) == certctl_key_type_of(key));
	if (certctl_key_public(mem, key, &first, &err) == 0) {
		certctl_assert(certctl_key_public(mem, again, &second, &err) == 0);
		certctl_assert(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct certctl_secret text = { 0 }, password = { .data = (unsigned char *)"secret", .len = 6 };
	struct certctl_error err = { 0 };
	struct certctl_key *key = NULL;

	certctl_assert(certctl_secret_set(mem, &text, data, size) == 0);
	/* Above this size arithmetic on numbers that nobody uses takes all of the time. */
	if (size <= 4096 && certctl_key_read(mem, &text, NULL, &key, &err) == 0)
		for (int encoding = CERTCTL_KEY_PKCS8_PEM; encoding <= CERTCTL_KEY_TRADITIONAL_PEM; encoding++)
			check_encoding(mem, key, (enum certctl_key_encoding)encoding);
	else if (size <= 4096)
		certctl_assert(!key && err.what[0]);
	(void)(size > 1024 || certctl_key_read(mem, &text, &password, &key, NULL) == 0);
	talloc_free(mem);
	return 0;
}
