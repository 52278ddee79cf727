/* Keys that were looked up a moment ago. */
#include "core/features/access/cache.h"
#include "test.h"

#include <certctl/x509.h>
#include <stdio.h>

static struct access_cache *cache(void)
{
	struct certctl_error err = { 0 };
	struct access_cache *made = NULL;

	ASSERT_OK(access_cache_new(test_mem(), &made, &err), err);
	return made;
}

static const char *hash_of(int number)
{
	char text[16], hex[65];

	certctl_sha256_hex(text, (size_t)snprintf(text, sizeof(text), "%d", number), hex);
	return talloc_strdup(test_mem(), hex);
}

static struct access_caller caller(int64_t until_ms)
{
	return (struct access_caller){ "key-1", "ci", "viewer", "{\"teams\":[\"t-a\"]}", until_ms };
}

static bool finds(struct access_cache *in, const char *sha256, int64_t now_ms, bool *ret_was_known)
{
	struct access_caller found = { 0 };
	bool holds = access_cache_find(in, sha256, now_ms, test_mem(), &found, ret_was_known);

	if (holds) {
		ASSERT_TEXT(found.id, "key-1");
		ASSERT_TEXT(found.scope, "{\"teams\":[\"t-a\"]}");
	}
	return holds;
}

static void what_was_put_holds_until_its_time_and_is_known_after_it(void)
{
	struct access_cache *made = cache();
	struct access_caller given = caller(1000);
	bool was_known = true;

	CU_ASSERT_FALSE(finds(made, hash_of(1), 0, &was_known));
	CU_ASSERT_FALSE(was_known);
	access_cache_put(made, hash_of(1), &given, access_cache_generation(made));
	CU_ASSERT_TRUE(finds(made, hash_of(1), 999, &was_known));
	CU_ASSERT_FALSE(finds(made, hash_of(1), 1000, &was_known));
	CU_ASSERT_TRUE(was_known);
	CU_ASSERT_FALSE(finds(made, hash_of(2), 0, &was_known));
	CU_ASSERT_FALSE(was_known);
}

static void a_change_ends_everything_at_once_and_what_was_read_before_it_is_not_put(void)
{
	struct access_cache *made = cache();
	struct access_caller given = caller(1000);
	uint64_t before = access_cache_generation(made);
	bool was_known = false;

	access_cache_put(made, hash_of(1), &given, before);
	access_cache_clear(made);
	CU_ASSERT_FALSE(finds(made, hash_of(1), 0, &was_known));
	CU_ASSERT_TRUE(was_known);
	access_cache_put(made, hash_of(1), &given, before);
	CU_ASSERT_FALSE(finds(made, hash_of(1), 0, &was_known));
	access_cache_put(made, hash_of(1), &given, access_cache_generation(made));
	CU_ASSERT_TRUE(finds(made, hash_of(1), 0, &was_known));
	access_cache_drop(made, hash_of(1));
	CU_ASSERT_FALSE(finds(made, hash_of(1), 0, &was_known));
	CU_ASSERT_FALSE(was_known);
}

static void more_keys_than_there_is_room_for_cost_room_and_no_truth(void)
{
	struct access_cache *made = cache();
	int held = 0;
	bool was_known = false;

	for (int i = 0; i < 10000; i++) {
		struct access_caller given = caller(1000 + i);

		access_cache_put(made, hash_of(i), &given, access_cache_generation(made));
	}
	for (int i = 0; i < 10000; i++)
		held += finds(made, hash_of(i), 0, &was_known);
	CU_ASSERT_TRUE(held > 1000 && held <= 2048);
	CU_ASSERT_TRUE(finds(made, hash_of(9999), 0, &was_known));
}

const struct test tests[] = {
	TEST(what_was_put_holds_until_its_time_and_is_known_after_it),
	TEST(a_change_ends_everything_at_once_and_what_was_read_before_it_is_not_put),
	TEST(more_keys_than_there_is_room_for_cost_room_and_no_truth),
	{ 0 },
};
