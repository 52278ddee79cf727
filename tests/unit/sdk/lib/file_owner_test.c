#include "test.h"

#include <certctl/files.h>

static void names_and_numbers_are_found(void)
{
	static const struct {
		const char *user, *group;
		uid_t uid;
		gid_t gid;
	} rows[] = {
		{ "root", "root", 0, 0 },
		{ "daemon", NULL, 1, (gid_t)-1 },
		{ NULL, "daemon", (uid_t)-1, 1 },
		{ "", "", (uid_t)-1, (gid_t)-1 },
		{ "4000000000", "0", 4000000000, 0 },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_error err;
		uid_t uid = 7;
		gid_t gid = 7;

		ASSERT_OK(certctl_owner_lookup(rows[i].user, rows[i].group, &uid, &gid, &err), err);
		CU_ASSERT_EQUAL(uid, rows[i].uid);
		CU_ASSERT_EQUAL(gid, rows[i].gid);
	}
}

static void what_does_not_exist_is_named(void)
{
	struct certctl_error err;
	uid_t uid = 7;
	gid_t gid = 7;

	ASSERT_FAILS(certctl_owner_lookup("no-such-user", NULL, &uid, &gid, &err), CERTCTL_E_NOT_FOUND,
		"user 'no-such-user'", err);
	ASSERT_FAILS(certctl_owner_lookup("root", "no-such-group", &uid, &gid, &err), CERTCTL_E_NOT_FOUND,
		"group 'no-such-group'", err);
	/* 2^32 - 1 is -1, "unchanged": never by accident. */
	ASSERT_FAILS(certctl_owner_lookup("4294967295", NULL, &uid, &gid, &err), CERTCTL_E_NOT_FOUND, "4294967295",
		err);
	ASSERT_FAILS(certctl_owner_lookup("-1", NULL, &uid, &gid, &err), CERTCTL_E_NOT_FOUND, "-1", err);
	CU_ASSERT_EQUAL(uid, 7);
	CU_ASSERT_EQUAL(gid, 7);
}

const struct test tests[] = {
	TEST(names_and_numbers_are_found),
	TEST(what_does_not_exist_is_named),
	{ 0 },
};
