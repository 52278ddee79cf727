/* The text of keys and tokens: made, taken apart, compared.  Knows no table. */
#include "access.h"

#include <certctl/x509.h>
#include <stdio.h>
#include <string.h>

int access_secret_make(TALLOC_CTX *mem, const char *prefix, struct access_secret *ret, struct certctl_error *err)
{
	unsigned char random[8 + 32];
	struct access_secret made = { 0 };
	size_t len = strlen(prefix) + 1 + 16 + 1 + 64;
	char *text = certctl_secret_alloc(mem, len + 1);
	TALLOC_CTX *scratch = talloc_new(NULL);
	int rc = text ? certctl_random(random, sizeof(random), err)
		      : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	char *hex = rc == 0 ? certctl_hex(scratch, random, sizeof(random)) : NULL;

	if (hex) {
		snprintf(made.lookup, sizeof(made.lookup), "%.16s", hex);
		snprintf(text, len + 1, "%s-%s-%s", prefix, made.lookup, hex + 16);
		certctl_sha256_hex(text, len, made.sha256);
		certctl_wipe(hex, strlen(hex));
		made.text = text;
		*ret = made;
	} else if (rc == 0) {
		rc = certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	}
	certctl_wipe(random, sizeof(random));
	talloc_free(scratch);
	return rc;
}

bool access_secret_lookup(const char *text, const char *prefix, char ret_lookup[17])
{
	static const char *const hex = "0123456789abcdef";
	size_t len = strlen(prefix);

	if (strncmp(text, prefix, len) != 0 || text[len] != '-' || strlen(text) != len + 1 + 16 + 1 + 64)
		return false;
	text += len + 1;
	if (strspn(text, hex) != 16 || text[16] != '-' || strspn(text + 17, hex) != 64)
		return false;
	memcpy(ret_lookup, text, 16);
	ret_lookup[16] = '\0';
	return true;
}

bool access_key_lookup(const char *key, char ret_lookup[17])
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
	size_t len = strlen(key);
	char sha256[65];

	if (access_secret_lookup(key, "sk", ret_lookup))
		return true;
	if (len < 32 || len > 128 || strspn(key, letters) != len)
		return false;
	certctl_sha256_hex(key, len, sha256);
	snprintf(ret_lookup, 17, "%.16s", sha256);
	return true;
}

bool access_secret_matches(const char *text, const char *sha256)
{
	char hash[65];
	struct certctl_secret given = { (unsigned char *)hash, 64 };
	struct certctl_secret stored = { (unsigned char *)(uintptr_t)sha256, strlen(sha256) };

	certctl_sha256_hex(text, strlen(text), hash);
	return certctl_secret_equal(&given, &stored);
}
