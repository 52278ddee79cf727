/* Every animal of tests/plugins is refused or contained with the words expected, while a good plugin beside it goes on answering. */
#include "hosting.h"

/* One row an animal that may not even be opened. */
static void plugins_that_are_wrong_are_refused_with_the_reason(void)
{
	static const struct {
		const char *id;
		int code;
		const char *words;
	} rows[] = {
		{ "no-symbol", CERTCTL_E_INVALID, "certctl-issuer-no-symbol.so: exports no function certctl_plugin" },
		{ "wrong-magic", CERTCTL_E_INVALID, "magic number 0x12345678, 0x43544c50 expected" },
		{ "old-major", CERTCTL_E_UNSUPPORTED,
			"certctl-issuer-old-major.so: built for plugin ABI 0.7, this certctl has 1.0" },
		{ "newer-minor", CERTCTL_E_UNSUPPORTED, "built for plugin ABI 1.1, this certctl has 1.0" },
		{ "oversized", CERTCTL_E_UNSUPPORTED, "descriptor of 152 bytes, this certctl knows 88" },
		{ "oversized-ops", CERTCTL_E_UNSUPPORTED, "table of operations of 168 bytes, this certctl knows 104" },
		{ "missing-operation", CERTCTL_E_INVALID, "required operation issue is missing" },
		{ "capability-without-operation", CERTCTL_E_INVALID, "capability without operation: revoke" },
		{ "operation-without-capability", CERTCTL_E_INVALID, "operation without capability: revoke" },
		{ "no-id", CERTCTL_E_INVALID, "certctl-issuer-no-id.so: it has no id" },
		{ "duplicate-id", CERTCTL_E_CONFLICT, "calls itself issuer good" },
		{ "undefined-symbol", CERTCTL_E_INVALID, "undefined symbol: certctl_function_of_next_year" },
		{ "bad-option", CERTCTL_E_INVALID, "options: " },
		{ "constructor-aborts", CERTCTL_E_INVALID, "its process ended by SIGABRT before it answered" },
		{ "constructor-exits", CERTCTL_E_INVALID, "its process exited with 0 before it answered" },
		{ "constructor-hangs", CERTCTL_E_INVALID, "its process did not answer in time" },
	};
	struct certctl_connector *good = zoo_issuer("good", NULL);

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		const struct certctl_description *description = NULL;
		struct certctl_error err = { 0 };

		ASSERT_FAILS(certctl_plugin_describe(zoo_pool(), CERTCTL_ISSUER, rows[i].id, &description, &err),
			rows[i].code, rows[i].words, err);
		CU_ASSERT_PTR_NULL(description);
		good_still_answers(good);
	}
	talloc_free(good);
}

/* One row an animal that looks right and behaves wrongly. */
static void plugins_that_misbehave_cost_their_own_call_alone(void)
{
	static const struct {
		const char *id, *operation;
		int code;
		const char *words, *hint;
		bool survives; /* the same process answers the next call */
	} rows[] = {
		{ "open-fails", "test", CERTCTL_E_INVALID, "name: this animal opens for nobody", "", true },
		{ "crashes", "test", CERTCTL_E_CRASHED, "zoo/crashes: plugin process ended by SIGABRT during test",
			"zoo.about_to_crash mood=bad", false },
		{ "hangs", "test", CERTCTL_E_TIMEOUT, "zoo/hangs: test did not end in time; its process was killed", "",
			false },
		{ "forks", "test", CERTCTL_E_DENIED, "fork: Operation not permitted", "", true },
		{ "garbage", "test", CERTCTL_E_PROTOCOL,
			"zoo/garbage: plugin process broke the protocol during test: frame", "", false },
		{ "forges", "test", CERTCTL_E_PROTOCOL, "frame: for a call that is not open", "", false },
		{ "announces-100-mb", "test", CERTCTL_E_LIMIT, "104857600 bytes announced, at most 8388608 are allowed",
			"", false },
		{ "replies-100-mb", "info", CERTCTL_E_LIMIT,
			"result of info: frame: more than the 8388608 bytes that are allowed", "", true },
		{ "lies", "test", CERTCTL_E_CONFLICT, "certctl-issuer-lies.so: not the plugin that was described", "",
			false },
		{ "says-nothing", "test", CERTCTL_E_DENIED, "test failed and gave no reason", "", true },
	};
	struct certctl_connector *good = zoo_issuer("good", NULL);

	good_still_answers(good);
	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_connector *animal = zoo_issuer(rows[i].id, NULL);
		bool hangs = strcmp(rows[i].id, "hangs") == 0;
		struct certctl_call call = { .timeout_ms = hangs ? 1000 : 60000 };
		struct certctl_error err = { 0 };
		int pid = certctl_connector_pid(good);

		/* Started before, so that the time is the operation's alone. */
		if (hangs)
			ASSERT_OK(certctl_connector_call(animal, "host.cycle", NULL, NULL, NULL, &err), err);

		ASSERT_FAILS(certctl_connector_call(animal, rows[i].operation, NULL, &call, NULL, &err), rows[i].code,
			rows[i].words, err);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, rows[i].hint));
		CU_ASSERT_EQUAL(certctl_connector_pid(animal) != 0, rows[i].survives);
		good_still_answers(good);
		CU_ASSERT_EQUAL(certctl_connector_pid(good), pid);
		talloc_free(animal);
	}
	talloc_free(good);
}

struct counted {
	pthread_mutex_t lock;
	unsigned records, dropped;
	size_t longest;
};

static void count(void *arg, enum certctl_log_level level, const char *event, const char *const *pairs, size_t count_)
{
	struct counted *counted = arg;

	(void)level;
	pthread_mutex_lock(&counted->lock);
	counted->records += strcmp(event, "zoo.flood") == 0;
	counted->dropped += strcmp(event, "plugin.log_dropped") == 0;
	for (size_t i = 0; i < count_; i++)
		if (pairs[i] && strlen(pairs[i]) > counted->longest)
			counted->longest = strlen(pairs[i]);
	pthread_mutex_unlock(&counted->lock);
}

static void a_flood_of_records_is_cut_and_counted(void)
{
	struct counted counted = { .lock = PTHREAD_MUTEX_INITIALIZER };
	struct certctl_pool *pool = zoo_pool_with((struct certctl_pool_options){ .log = count, .arg = &counted });
	struct certctl_connector *animal = zoo_open_in(pool, CERTCTL_ISSUER, "floods-log", NULL, NULL);
	struct certctl_error err = { 0 };

	ASSERT_OK(certctl_connector_test(animal, NULL, &err), err);
	CU_ASSERT(counted.records > 0 && counted.records <= 200);
	CU_ASSERT_EQUAL(counted.dropped, 1);
	CU_ASSERT(counted.longest < 4096);
	talloc_free(animal);
	end_pool(pool);
}

static void a_leak_shows_on_the_heap_and_its_absence_too(void)
{
	static const struct {
		const char *id;
		int64_t least, most;
	} rows[] = { { "leaks", 100 * 1024, 400 * 1024 }, { "good", -64, 64 } };

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_connector *animal = zoo_issuer(rows[i].id, NULL);
		json_t *argument = json_pack("{s:i, s:i}", "times", 100, "instances", 2), *value = NULL;
		struct certctl_error err = { 0 };

		ASSERT_OK(certctl_connector_call(animal, "host.cycle", argument, NULL, &value, &err), err);
		int64_t grown = certctl_json_integer_or(value, "heap_after", 0) -
				certctl_json_integer_or(value, "heap_before", 0);

		CU_ASSERT(grown >= rows[i].least && grown <= rows[i].most);
		json_decref(argument);
		json_decref(value);
		talloc_free(animal);
	}
}

static void a_result_that_makes_no_sense_is_the_plugins_fault(void)
{
	struct certctl_connector *animal = zoo_issuer("says-nothing", NULL);
	struct certctl_order order = { .id = "job-1" };
	struct certctl_issued issued = { 0 };
	struct certctl_error err = { 0 };

	ASSERT_FAILS(certctl_issuer_issue(animal, &order, NULL, NULL, test_mem(), &issued, &err), CERTCTL_E_PROTOCOL,
		"issued.serial: not UTF-8", err);
	CU_ASSERT_EQUAL(issued.outcome, 0);
	talloc_free(animal);
}

static void the_pool_ends_all_it_started(void)
{
	end_pool(zoo_pool());
}

const struct test tests[] = {
	TEST(plugins_that_are_wrong_are_refused_with_the_reason),
	TEST(plugins_that_misbehave_cost_their_own_call_alone),
	TEST(a_flood_of_records_is_cut_and_counted),
	TEST(a_leak_shows_on_the_heap_and_its_absence_too),
	TEST(a_result_that_makes_no_sense_is_the_plugins_fault),
	TEST(the_pool_ends_all_it_started),
	{ 0 },
};
