#include "test.h"

#include <certctl/x509.h>
#include <string.h>

static void hexadecimal_reads_back(void)
{
	struct certctl_bytes bytes;
	struct certctl_error err;

	ASSERT_TEXT(certctl_hex(test_mem(), "\x00\x0f\xa5\xff", 4), "000fa5ff");
	ASSERT_TEXT(certctl_hex(test_mem(), "", 0), "");
	ASSERT_OK(certctl_unhex(test_mem(), "000FA5ff", &bytes, &err), err);
	CU_ASSERT_EQUAL(bytes.len, 4);
	CU_ASSERT_EQUAL(memcmp(bytes.data, "\x00\x0f\xa5\xff", 4), 0);
	ASSERT_OK(certctl_unhex(test_mem(), "", &bytes, &err), err);
	CU_ASSERT_EQUAL(bytes.len, 0);
}

static void what_is_no_hexadecimal_is_refused(void)
{
	static const char *const rows[] = { "0", "0g", "abc", "0x", " 0", "00 0" };

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_bytes bytes;
		struct certctl_error err;

		ASSERT_FAILS(certctl_unhex(test_mem(), rows[i], &bytes, &err), CERTCTL_E_INVALID, "hexadecimal", err);
	}
}

static void sha256_is_the_one_of_fips_180(void)
{
	char hex[65];

	certctl_sha256_hex("abc", 3, hex);
	ASSERT_TEXT(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	certctl_sha256_hex("", 0, hex);
	ASSERT_TEXT(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void random_bytes_differ(void)
{
	unsigned char a[32] = { 0 }, b[32] = { 0 };
	struct certctl_error err;

	ASSERT_OK(certctl_random(a, sizeof(a), &err), err);
	ASSERT_OK(certctl_random(b, sizeof(b), &err), err);
	CU_ASSERT_NOT_EQUAL(memcmp(a, b, sizeof(a)), 0);
}

const struct test tests[] = {
	TEST(hexadecimal_reads_back),
	TEST(what_is_no_hexadecimal_is_refused),
	TEST(sha256_is_the_one_of_fips_180),
	TEST(random_bytes_differ),
	{ 0 },
};
