/* Conditions of groups: what is one, and what they hold for. */
#include "../../database.h"
#include "core/features/policy/rules.h"

static void networks_have_nothing_behind_their_prefix(void)
{
	static const char *const good[] = { "10.0.0.0/8", "0.0.0.0/0", "192.0.2.7/32", "fd00::/8", "::/0", "::1/128",
		"128.0.0.0/1" };
	static const char *const bad[] = { "", "/", "10.0.0.0", "10.0.0.0/", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/08",
		"10.0.0.0/-1", "10.0.0.0/8 ", "fd00::1/64", "fd00::/129", "example.com/8", "10.0.0.0/1000", "1/1" };

	for (size_t i = 0; i < CERTCTL_COUNT(good); i++)
		CU_ASSERT(policy_is_network(good[i]));
	for (size_t i = 0; i < CERTCTL_COUNT(bad); i++)
		CU_ASSERT(!policy_is_network(bad[i]));
}

static void versions_are_beginnings_or_comparisons(void)
{
	static const char *const good[] = { "1", "1.4", "1.4.2.7", ">=1.4", "<=1", ">0", "<2.0", "=1.4", "123456789" };
	static const char *const bad[] = { "", ">", "1.", ".1", "1..2", "=>1", "==1", "v1", "1.4-rc1", "1 ",
		"1234567890", ">= 1", "!1" };

	for (size_t i = 0; i < CERTCTL_COUNT(good); i++)
		CU_ASSERT(policy_is_version_condition(good[i]));
	for (size_t i = 0; i < CERTCTL_COUNT(bad); i++)
		CU_ASSERT(!policy_is_version_condition(bad[i]));
}

static void versions_match_number_by_number(void)
{
	static const struct {
		const char *version, *condition;
		bool matches;
	} rows[] = {
		{ "1.4.2", "1.4", true },
		{ "1.40", "1.4", false },
		{ "1.4", "1.4", true },
		{ "1", "1.4", false },
		{ "1.4.2-3+b1", "1.4.2", true },
		{ "1.10.0", ">=1.9", true },
		{ "1.9", ">=1.9.0", true },
		{ "1.9", ">1.9.0", false },
		{ "1.9", "=1.9.0", true },
		{ "1.9.1", "=1.9", false },
		{ "1.8.9", "<1.9", true },
		{ "2", "<=1.9", false },
		{ "", ">=0", false },
		{ "unknown", "<9", false },
	};

	test_database();
	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		const char *sql = talloc_asprintf(test_mem(), "SELECT version_matches('%s', '%s')", rows[i].version,
			rows[i].condition);

		if (strcmp(test_value(sql), rows[i].matches ? "t" : "f") != 0)
			fprintf(stderr, "%s %s\n", rows[i].version, rows[i].condition);
		ASSERT_TEXT(test_value(sql), rows[i].matches ? "t" : "f");
	}
	ASSERT_TEXT(test_value("SELECT version_matches(NULL, '1')"), "f");
}

const struct test tests[] = { TEST(networks_have_nothing_behind_their_prefix),
	TEST(versions_are_beginnings_or_comparisons), TEST(versions_match_number_by_number), { 0 } };
