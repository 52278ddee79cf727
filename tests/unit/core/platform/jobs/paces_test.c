/* How many jobs one thread takes at once: as many as start in time, by what they took lately. */
#include "core/platform/jobs/paces.h"
#include "test.h"

static void what_nobody_knows_is_tried_one_by_one(void)
{
	struct paces *paces = paces_new(test_mem());

	CU_ASSERT_EQUAL(paces_room(paces, "issuer/a", 1000), 1);
	paces_note(paces, "issuer/a", 1, 10);
	CU_ASSERT_EQUAL(paces_room(paces, "issuer/b", 1000), 1);
}

static void slow_ones_get_few_and_fast_ones_a_bounded_many(void)
{
	static const struct {
		int64_t job_ms, within_ms;
		unsigned want;
	} rows[] = {
		{ 0, 1000, PACES_MOST },
		{ 1, 1000, PACES_MOST },
		{ 100, 1000, 10 },
		{ 1000, 1000, 1 },
		{ 60000, 1000, 1 },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct paces *paces = paces_new(test_mem());

		paces_note(paces, "issuer/a", 4, 4 * rows[i].job_ms);
		CU_ASSERT_EQUAL(paces_room(paces, "issuer/a", rows[i].within_ms), rows[i].want);
	}
}

static void slower_counts_at_once_and_faster_in_time(void)
{
	struct paces *paces = paces_new(test_mem());
	int rounds = 0;

	paces_note(paces, "issuer/a", 32, 32);
	paces_note(paces, "issuer/a", 1, 1000);
	CU_ASSERT_EQUAL(paces_room(paces, "issuer/a", 1000), 1);
	for (; rounds < 100 && paces_room(paces, "issuer/a", 1000) < PACES_MOST; rounds++)
		paces_note(paces, "issuer/a", 1, 1);
	CU_ASSERT_TRUE(rounds > 3 && rounds < 100);
}

const struct test tests[] = {
	TEST(what_nobody_knows_is_tried_one_by_one),
	TEST(slow_ones_get_few_and_fast_ones_a_bounded_many),
	TEST(slower_counts_at_once_and_faster_in_time),
	{ 0 },
};
