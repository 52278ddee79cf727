/* Buckets of tokens, by a clock of the test's own. */
#include "core/platform/http/cors.h"
#include "core/platform/http/rates.h"
#include "test.h"

#include <stdio.h>

static struct http_rates *rates(int64_t per_second, int64_t burst)
{
	struct certctl_error err = { 0 };
	struct http_rates *made = NULL;

	ASSERT_OK(http_rates_new(test_mem(), per_second, burst, &made, &err), err);
	return made;
}

static int allowed(struct http_rates *of, const char *name, int64_t now_ms, int calls)
{
	int count = 0;

	while (calls--)
		count += http_rates_take(of, name, now_ms) == 0;
	return count;
}

static void a_burst_is_allowed_and_then_what_comes_back(void)
{
	struct http_rates *made = rates(10, 50);

	CU_ASSERT_EQUAL(allowed(made, "a", 1000000, 100), 50);
	CU_ASSERT_EQUAL(allowed(made, "a", 1000100, 100), 1);
	CU_ASSERT_EQUAL(allowed(made, "a", 1001100, 100), 10);
	/* A bucket holds no more than a burst, however long it rested. */
	CU_ASSERT_EQUAL(allowed(made, "a", 99999999, 100), 50);
}

static void names_do_not_share(void)
{
	struct http_rates *made = rates(1, 2);

	CU_ASSERT_EQUAL(allowed(made, "a", 5000, 10), 2);
	CU_ASSERT_EQUAL(allowed(made, "b", 5000, 10), 2);
	CU_ASSERT_EQUAL(allowed(made, "a", 5000, 10), 0);
}

static void who_is_refused_learns_when_to_come_back(void)
{
	struct http_rates *made = rates(2, 2);

	CU_ASSERT_EQUAL(http_rates_ask(made, "a", 1000), 0);
	CU_ASSERT_EQUAL(allowed(made, "a", 1000, 2), 2);
	CU_ASSERT_EQUAL(http_rates_ask(made, "a", 1000), 1);
	CU_ASSERT_EQUAL(http_rates_take(made, "a", 1000), 1);
	CU_ASSERT_EQUAL(http_rates_take(made, "a", 1500), 0);
}

static void zero_is_any_number(void)
{
	CU_ASSERT_EQUAL(allowed(rates(0, 0), "a", 1, 100000), 100000);
}

static void any_number_of_names_fits(void)
{
	struct http_rates *made = rates(1, 1);
	char name[24];

	for (int i = 0; i < 50000; i++) {
		snprintf(name, sizeof(name), "10.0.%d.%d", i >> 8, i & 255);
		CU_ASSERT_EQUAL(http_rates_take(made, name, 1000), 0);
	}
}

static void the_addresses_of_one_house_count_together(void)
{
	static const struct {
		const char *address, *counted;
	} rows[] = {
		{ "192.0.2.7", "192.0.2.7" },
		{ "::ffff:192.0.2.7", "192.0.2.7" },
		{ "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::" },
		{ "2001:db8:1:2:ffff::1", "2001:db8:1:2::" },
		{ "::1", "::" },
		{ "", "" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++)
		ASSERT_TEXT(http_rates_address(test_mem(), rows[i].address), rows[i].counted);
}

static void an_origin_is_written_as_browsers_write_it(void)
{
	static const struct {
		const char *text;
		bool is_origin;
	} rows[] = {
		{ "https://dashboard.example.com", true },
		{ "https://dashboard.example.com:8443", true },
		{ "http://localhost:5173", true },
		{ "https://[2001:db8::1]:8443", true },
		{ "https://", false },
		{ "*", false },
		{ "null", false },
		{ "dashboard.example.com", false },
		{ "https://dashboard.example.com/", false },
		{ "https://Dashboard.example.com", false },
		{ "https://user@example.com", false },
		{ "https://example.com\r\nX: y", false },
		{ "", false },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++)
		CU_ASSERT_EQUAL(cors_is_origin(rows[i].text), rows[i].is_origin);
}

const struct test tests[] = {
	TEST(a_burst_is_allowed_and_then_what_comes_back),
	TEST(names_do_not_share),
	TEST(who_is_refused_learns_when_to_come_back),
	TEST(zero_is_any_number),
	TEST(any_number_of_names_fits),
	TEST(the_addresses_of_one_house_count_together),
	TEST(an_origin_is_written_as_browsers_write_it),
	{ 0 },
};
