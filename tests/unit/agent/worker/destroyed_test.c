/* Keys that are no more: told until somebody says that they were heard. */
#include "agent/worker/destroyed.h"

#include "test.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ONE "1111111111111111111111111111111111111111111111111111111111111111"
#define TWO "2222222222222222222222222222222222222222222222222222222222222222"

static struct certctl_destroyed *open_at(const char *dir)
{
	struct certctl_destroyed *destroyed = NULL;
	struct certctl_error err = { 0 };

	ASSERT_OK(certctl_destroyed_open(test_mem(), dir, &destroyed, &err), err);
	return destroyed;
}

static void add(struct certctl_destroyed *destroyed, const char *hash, int64_t at_s)
{
	struct certctl_error err = { 0 };

	ASSERT_OK(certctl_destroyed_add(destroyed, "mc-web", hash, at_s, &err), err);
}

static json_t *list(struct certctl_destroyed *destroyed)
{
	struct certctl_error err = { 0 };
	json_t *rows = NULL;

	ASSERT_OK(certctl_destroyed_list(destroyed, 10, &rows, &err), err);
	return rows;
}

static void what_was_told_once_stays_as_it_was_and_survives_a_restart(void)
{
	const char *dir = test_temporary_dir();
	struct certctl_destroyed *destroyed = open_at(dir);

	add(destroyed, ONE, 1000);
	add(destroyed, ONE, 2000);
	add(destroyed, TWO, 3000);
	talloc_free(destroyed);
	CERTCTL_AUTO(json_decref) json_t *rows = list(open_at(dir));

	CU_ASSERT_EQUAL_FATAL(json_array_size(rows), 2);
	ASSERT_TEXT(certctl_json_text_or(json_array_get(rows, 0), "public_key_sha256", ""), ONE);
	ASSERT_TEXT(certctl_json_text_or(json_array_get(rows, 0), "destroyed_at", ""), "1970-01-01T00:16:40Z");
}

static void what_was_heard_is_forgotten_and_nothing_else(void)
{
	struct certctl_destroyed *destroyed = open_at(test_temporary_dir());
	struct certctl_error err = { 0 };

	add(destroyed, ONE, 1000);
	add(destroyed, TWO, 1000);
	CERTCTL_AUTO(json_decref) json_t *heard = json_pack("[{s:s}]", "public_key_sha256", ONE);
	CERTCTL_AUTO(json_decref) json_t *hostile = json_pack("[{s:s}]", "public_key_sha256", "../../keys/mc-web");

	ASSERT_OK(certctl_destroyed_forget(destroyed, heard, &err), err);
	ASSERT_OK(certctl_destroyed_forget(destroyed, heard, &err), err);
	ASSERT_FAILS(certctl_destroyed_forget(destroyed, hostile, &err), CERTCTL_E_INVALID, "not a hash", err);
	ASSERT_FAILS(certctl_destroyed_forget(destroyed, NULL, &err), CERTCTL_E_INVALID, "list", err);
	CERTCTL_AUTO(json_decref) json_t *rows = list(destroyed);

	CU_ASSERT_EQUAL_FATAL(json_array_size(rows), 1);
	ASSERT_TEXT(certctl_json_text_or(json_array_get(rows, 0), "public_key_sha256", ""), TWO);
}

static void a_damaged_file_is_put_aside(void)
{
	const char *dir = test_temporary_dir();
	struct certctl_destroyed *destroyed = open_at(dir);
	char path[512];

	add(destroyed, ONE, 1000);
	add(destroyed, TWO, 1000);
	snprintf(path, sizeof(path), "%s/" ONE ".json", dir);
	CU_ASSERT_EQUAL(truncate(path, 7), 0);
	CERTCTL_AUTO(json_decref) json_t *rows = list(destroyed);

	CU_ASSERT_EQUAL(json_array_size(rows), 1);
	CU_ASSERT_EQUAL(access(path, F_OK), -1);
}

const struct test tests[] = {
	TEST(what_was_told_once_stays_as_it_was_and_survives_a_restart),
	TEST(what_was_heard_is_forgotten_and_nothing_else),
	TEST(a_damaged_file_is_put_aside),
	{ 0 },
};
