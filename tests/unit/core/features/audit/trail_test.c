/* Hashes of the trail: known trees, and values that try to look like others. */
#include "core/features/audit/trail.h"
#include "test.h"

#include <certctl/x509.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>

/* Inputs and roots of the reference implementation of RFC 6962. */
static const struct {
	const char *data;
	size_t len;
	const char *root; /* of the tree up to here; NULL: not among the published ones */
} tree[] = {
	{ "", 0, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d" },
	{ "\x00", 1, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125" },
	{ "\x10", 1, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77" },
	{ "\x20\x21", 2, NULL },
	{ "\x30\x31", 2, "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4" },
	{ "\x40\x41\x42\x43", 4, NULL },
	{ "\x50\x51\x52\x53\x54\x55\x56\x57", 8, NULL },
	{ "\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f", 16,
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328" },
};

static void roots_are_those_of_rfc_6962(void)
{
	unsigned char leaves[CERTCTL_COUNT(tree) * AUDIT_HASH], root[AUDIT_HASH];

	for (size_t i = 0; i < CERTCTL_COUNT(tree); i++) {
		unsigned char input[32] = { 0 };

		memcpy(input + 1, tree[i].data, tree[i].len);
		gnutls_hash_fast(GNUTLS_DIG_SHA256, input, tree[i].len + 1, leaves + i * AUDIT_HASH);
		audit_root(leaves, i + 1, root);
		if (tree[i].root)
			ASSERT_TEXT(audit_hex(test_mem(), root), tree[i].root);
	}
	audit_root(leaves, 0, root);
	ASSERT_TEXT(audit_hex(test_mem(), root), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static const char *const plain[AUDIT_COLUMNS] = { "731", "1", "ae-1", "2026-11-23T14:00:00.000001Z", "job_created",
	"admin", "api_key", "127.0.0.1", "req-1", "job", "job-1", "{}" };

static void a_leaf_is_the_hash_of_lengths_and_values(void)
{
	/* 0x00, then for every column its length in four octets, the most significant first, and its octets */
	unsigned char bytes[1024] = { 0 }, expected[AUDIT_HASH], leaf[AUDIT_HASH];
	size_t at = 1;

	for (size_t i = 0; i < AUDIT_COLUMNS; i++) {
		size_t len = strlen(plain[i]);

		bytes[at + 3] = (unsigned char)len;
		memcpy(bytes + at + 4, plain[i], len);
		at += 4 + len;
	}
	gnutls_hash_fast(GNUTLS_DIG_SHA256, bytes, at, expected);
	audit_leaf(plain, leaf);
	CU_ASSERT_EQUAL(memcmp(leaf, expected, AUDIT_HASH), 0);
}

/* Two columns beside each other, each pair unlike every other. */
static const char *const pairs[][2] = {
	{ "ab", "c" },
	{ "a", "bc" },
	{ "abc", "" },
	{ "", "abc" },
	{ "abc", NULL },
	{ NULL, "abc" },
	{ NULL, NULL },
	{ "", "" },
	{ "", NULL },
	{ "a\",\"b", "c" },
	{ "a", "\",\"bc" },
	{ "a\n", "bc" },
	{ "a", "\nbc" },
	{ "\xff\xff\xff\xff", "" },
	{ "\xff\xff\xff", "\xff" },
	{ "\xe2\x80\xae", "evil" },
	{ "", "\xe2\x80\xae"
	      "evil" },
};

static void values_cannot_look_like_other_values(void)
{
	unsigned char leaves[CERTCTL_COUNT(pairs)][AUDIT_HASH];

	for (size_t i = 0; i < CERTCTL_COUNT(pairs); i++) {
		const char *values[AUDIT_COLUMNS];

		memcpy(values, plain, sizeof(values));
		values[7] = pairs[i][0];
		values[8] = pairs[i][1];
		audit_leaf(values, leaves[i]);
		for (size_t j = 0; j < i; j++)
			CU_ASSERT_NOT_EQUAL(memcmp(leaves[i], leaves[j], AUDIT_HASH), 0);
	}
}

static void every_column_is_in_the_leaf(void)
{
	unsigned char leaf[AUDIT_HASH], other[AUDIT_HASH];

	audit_leaf(plain, leaf);
	for (size_t i = 0; i < AUDIT_COLUMNS; i++) {
		const char *values[AUDIT_COLUMNS];

		memcpy(values, plain, sizeof(values));
		values[i] = "x";
		audit_leaf(values, other);
		CU_ASSERT_NOT_EQUAL(memcmp(leaf, other, AUDIT_HASH), 0);
	}
}

static void a_hash_reads_back_and_nothing_else_does(void)
{
	static const char *const bad[] = { "", "00", "zz", NULL };
	unsigned char hash[AUDIT_HASH], back[AUDIT_HASH];

	audit_text_hash("x", hash);
	CU_ASSERT(audit_unhex(audit_hex(test_mem(), hash), back));
	CU_ASSERT_EQUAL(memcmp(hash, back, AUDIT_HASH), 0);
	for (size_t i = 0; bad[i]; i++)
		CU_ASSERT_FALSE(audit_unhex(bad[i], back));
	CU_ASSERT_FALSE(audit_unhex("5DC9DA79A70659A9AD559CB701DED9A2AB9D823AAD2F4960CFE370EFF4604328", back));
	CU_ASSERT_FALSE(audit_unhex(NULL, back));
}

const struct test tests[] = {
	TEST(roots_are_those_of_rfc_6962),
	TEST(a_leaf_is_the_hash_of_lengths_and_values),
	TEST(values_cannot_look_like_other_values),
	TEST(every_column_is_in_the_leaf),
	TEST(a_hash_reads_back_and_nothing_else_does),
	{ 0 },
};
