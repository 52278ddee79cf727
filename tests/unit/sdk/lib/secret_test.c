#include "test.h"

#include <certctl/secret.h>
#include <string.h>

static void a_secret_is_copied_and_ends_in_nul(void)
{
	struct certctl_secret secret;

	CU_ASSERT_EQUAL(certctl_secret_set(test_mem(), &secret, "hunter2!", 7), 0);
	CU_ASSERT_EQUAL(secret.len, 7);
	ASSERT_TEXT((const char *)secret.data, "hunter2");
	certctl_secret_clear(&secret);
	CU_ASSERT_PTR_NULL(secret.data);
	CU_ASSERT_EQUAL(secret.len, 0);
	certctl_secret_clear(&secret);
}

static void an_empty_secret_is_set(void)
{
	struct certctl_secret secret;

	CU_ASSERT_EQUAL(certctl_secret_set(test_mem(), &secret, NULL, 0), 0);
	CU_ASSERT_PTR_NOT_NULL(secret.data);
	CU_ASSERT_EQUAL(secret.len, 0);
}

/* Freed memory cannot be looked at, so the chunk is a child of a pool that outlives it. */
static void memory_is_wiped_when_it_goes(void)
{
	TALLOC_CTX *pool = talloc_pool(test_mem(), 4096);
	unsigned char *bytes = certctl_secret_alloc(pool, 64);
	char *base = talloc_parent(bytes);
	size_t size = 4096;

	CU_ASSERT_PTR_EQUAL_FATAL(base, pool);
	memset(bytes, 'S', 64);
#ifndef CERTCTL_SANITIZERS
	CU_ASSERT_PTR_NOT_NULL(memmem(base, size, "SSSSSSSS", 8));
	talloc_free(bytes);
	CU_ASSERT_PTR_NULL(memmem(base, size, "SSSSSSSS", 8));
#else
	(void)size;
	talloc_free(bytes);
#endif
}

static void too_long_is_out_of_memory_not_a_wrap(void)
{
	struct certctl_secret secret = { 0 };

	CU_ASSERT_EQUAL(certctl_secret_set(test_mem(), &secret, "x", SIZE_MAX), CERTCTL_E_NO_MEMORY);
	CU_ASSERT_PTR_NULL(secret.data);
}

static void secrets_compare_by_content(void)
{
	static const struct {
		const char *a, *b;
		bool equal;
	} rows[] = {
		{ "one", "one", true },
		{ "one", "two", false },
		{ "one", "ones", false },
		{ "", "", true },
		{ NULL, NULL, true },
		{ NULL, "", false },
		{ "", NULL, false },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_secret a = { 0 }, b = { 0 };

		CU_ASSERT_EQUAL(rows[i].a ? certctl_secret_set(test_mem(), &a, rows[i].a, strlen(rows[i].a)) : 0, 0);
		CU_ASSERT_EQUAL(rows[i].b ? certctl_secret_set(test_mem(), &b, rows[i].b, strlen(rows[i].b)) : 0, 0);
		CU_ASSERT_EQUAL(certctl_secret_equal(&a, &b), rows[i].equal);
	}
}

const struct test tests[] = {
	TEST(a_secret_is_copied_and_ends_in_nul),
	TEST(an_empty_secret_is_set),
	TEST(memory_is_wiped_when_it_goes),
	TEST(too_long_is_out_of_memory_not_a_wrap),
	TEST(secrets_compare_by_content),
	{ 0 },
};
