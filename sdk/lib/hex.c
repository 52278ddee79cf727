/* Digests, random bytes, hexadecimal: the small change of X.509.  Knows no structures. */
#include <certctl/x509.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>

static const char digits[] = "0123456789abcdef";

static void put_hex(char *out, const unsigned char *octets, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		*out++ = digits[octets[i] >> 4];
		*out++ = digits[octets[i] & 15];
	}
	*out = 0;
}

char *certctl_hex(TALLOC_CTX *mem, const void *data, size_t len)
{
	char *text = len < SIZE_MAX / 2 ? talloc_size(mem, 2 * len + 1) : NULL;

	if (text)
		put_hex(text, data, len);
	return text;
}

static int digit_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

int certctl_unhex(TALLOC_CTX *mem, const char *hex, struct certctl_bytes *ret, struct certctl_error *err)
{
	size_t len = strlen(hex);

	if (len % 2)
		return certctl_fail(err, CERTCTL_E_INVALID, "hexadecimal: two digits an octet expected");
	unsigned char *data = talloc_size(mem, len / 2 + 1);

	if (!data)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < len / 2; i++) {
		int high = digit_value(hex[2 * i]), low = digit_value(hex[2 * i + 1]);

		if (high < 0 || low < 0) {
			talloc_free(data);
			return certctl_fail(err, CERTCTL_E_INVALID, "hexadecimal: digits 0-9 and a-f expected");
		}
		data[i] = (unsigned char)(high << 4 | low);
	}
	data[len / 2] = 0;
	*ret = (struct certctl_bytes){ data, len / 2 };
	return 0;
}

void certctl_sha256_hex(const void *data, size_t len, char ret_hex[65])
{
	unsigned char digest[32];

	int rc = gnutls_hash_fast(GNUTLS_DIG_SHA256, data, len, digest);

	/* Fails only when the library itself is broken; nothing may go on with a wrong fingerprint. */
	certctl_assert(rc >= 0);
	put_hex(ret_hex, digest, sizeof(digest));
}

int certctl_random(void *data, size_t len, struct certctl_error *err)
{
	int rc = gnutls_rnd(GNUTLS_RND_KEY, data, len);

	if (rc < 0)
		return certctl_fail(err, CERTCTL_E_IO, "random numbers: %s", gnutls_strerror(rc));
	return 0;
}
