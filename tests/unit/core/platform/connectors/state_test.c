/* What connectors keep: compare and swap on a real database, sealed, and through a real plugin. */
#include "core/database.h"
#include "core/platform/connectors/state.h"

#include <pthread.h>
#include <unistd.h>

#define KEY_A "0101010101010101010101010101010101010101010101010101010101010101\n"
#define KEY_B "0202020202020202020202020202020202020202020202020202020202020202\n"

static struct sealing *sealing_with(const char *keys)
{
	struct sealing_options options = { .key_file = talloc_asprintf(test_mem(), "%s/keys", test_temporary_dir()) };
	struct certctl_error err = { 0 };
	struct sealing *sealing = NULL;
	FILE *file = fopen(options.key_file, "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fputs(keys, file);
	fclose(file);
	CU_ASSERT_EQUAL(chmod(options.key_file, 0600), 0);
	ASSERT_OK(sealing_open(test_mem(), &options, &sealing, &err), err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(sealing);
	return sealing;
}

static struct certctl_connector_state state_of(const char *instance, const char *keys)
{
	struct connectors_options options = { .db = test_database(), .sealing = sealing_with(keys) };
	struct certctl_connector_state state = { 0 };
	struct certctl_error err = { 0 };

	ASSERT_OK(connector_state_init(test_mem(), &options, instance, &state, &err), err);
	return state;
}

static int put(const struct certctl_connector_state *state, const char *name, const char *value, int64_t expected,
	struct certctl_error *err)
{
	int64_t version = 0;
	int rc = state->put(state->arg, name, value, expected, &version, err);

	if (rc == 0)
		CU_ASSERT_EQUAL(version, expected + 1);
	return rc;
}

static void is_now(const struct certctl_connector_state *state, const char *name, const char *value, int64_t expected)
{
	struct certctl_error err = { 0 };
	int64_t version = 0;
	char *now = NULL;

	ASSERT_OK(state->get(state->arg, name, test_mem(), &now, &version, &err), err);
	ASSERT_TEXT(now, value);
	CU_ASSERT_EQUAL(version, expected);
}

static void empty(void)
{
	test_database();
	test_sql("DELETE FROM connector_state");
}

/* --- Compare and swap -------------------------------------------------------------------------------------------------- */

static void a_value_is_created_read_and_replaced(void)
{
	struct certctl_connector_state state = state_of("issuers/corp", KEY_A);
	struct certctl_error err = { 0 };
	int64_t version = 0;
	char *value = NULL;

	empty();
	ASSERT_FAILS(state.get(state.arg, "account", test_mem(), &value, &version, &err), CERTCTL_E_NOT_FOUND,
		"state 'account': none yet", err);
	ASSERT_OK(put(&state, "account", "first", 0, &err), err);
	is_now(&state, "account", "first", 1);
	ASSERT_OK(put(&state, "account", "zweite \xc3\xa4", 1, &err), err);
	is_now(&state, "account", "zweite \xc3\xa4", 2);
	ASSERT_OK(put(&state, "account", "", 2, &err), err);
	is_now(&state, "account", "", 3);
}

static void who_comes_second_is_told_and_changes_nothing(void)
{
	static const int64_t versions[] = { 0, 2, 7, -1, INT64_MAX };
	struct certctl_connector_state state = state_of("issuers/corp", KEY_A);

	empty();
	for (size_t i = 0; i < CERTCTL_COUNT(versions); i++) {
		struct certctl_error err = { 0 };

		if (i == 0)
			ASSERT_OK(put(&state, "account", "first", 0, &err), err);
		ASSERT_FAILS(put(&state, "account", "late", versions[i], &err), CERTCTL_E_CONFLICT, "somebody else",
			err);
		if (versions[i] != 0)
			ASSERT_FAILS(put(&state, "absent", "late", versions[i], &err), CERTCTL_E_CONFLICT, NULL, err);
	}
	is_now(&state, "account", "first", 1);
	ASSERT_TEXT(test_value("SELECT count(*) FROM connector_state"), "1");
}

static void instances_do_not_see_each_other(void)
{
	struct certctl_connector_state one = state_of("issuers/one", KEY_A), two = state_of("issuers/two", KEY_A);
	struct certctl_error err = { 0 };

	empty();
	ASSERT_OK(put(&one, "account", "of one", 0, &err), err);
	ASSERT_OK(put(&two, "account", "of two", 0, &err), err);
	is_now(&one, "account", "of one", 1);
	is_now(&two, "account", "of two", 1);
}

static void what_is_too_large_or_has_no_name_is_refused(void)
{
	struct certctl_connector_state state = state_of("issuers/corp", KEY_A);
	struct certctl_error err = { 0 };
	char *value = talloc_zero_size(test_mem(), CERTCTL_STATE_MAX + 2);

	empty();
	memset(value, 'x', CERTCTL_STATE_MAX + 1);
	ASSERT_FAILS(put(&state, "large", value, 0, &err), CERTCTL_E_LIMIT, "at most 65536 bytes", err);
	ASSERT_FAILS(put(&state, "", "value", 0, &err), CERTCTL_E_INVALID, "a name expected", err);
	ASSERT_TEXT(test_value("SELECT count(*) FROM connector_state"), "0");
	value[CERTCTL_STATE_MAX] = '\0';
	ASSERT_OK(put(&state, "large", value, 0, &err), err);
	is_now(&state, "large", value, 1);
}

#define WRITERS 6
#define ROUNDS  15

/* Adds one, as often as it takes: the counter is right only when no write is lost. */
static void *count_up(void *arg)
{
	const struct certctl_connector_state *state = arg;

	for (int done = 0; done < ROUNDS;) {
		TALLOC_CTX *mem = talloc_new(NULL);
		struct certctl_error err = { 0 };
		char *value = NULL, next[32];
		int64_t version = 0;
		int rc = state->get(state->arg, "counter", mem, &value, &version, &err);

		snprintf(next, sizeof(next), "%d", rc == 0 ? (int)strtol(value, NULL, 10) + 1 : 1);
		if (rc == CERTCTL_E_NOT_FOUND)
			rc = 0;
		if (rc == 0)
			rc = state->put(state->arg, "counter", next, version, &version, &err);
		done += rc == 0;
		talloc_free(mem);
		if (rc != 0 && rc != CERTCTL_E_CONFLICT)
			return arg;
	}
	return NULL;
}

static void no_write_is_lost_among_many_writers(void)
{
	struct certctl_connector_state state = state_of("issuers/corp", KEY_A);
	pthread_t threads[WRITERS];
	char *expected = talloc_asprintf(test_mem(), "%d", WRITERS * ROUNDS);

	empty();
	for (size_t i = 0; i < WRITERS; i++)
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, count_up, &state), 0);
	for (size_t i = 0; i < WRITERS; i++) {
		void *failed = NULL;

		pthread_join(threads[i], &failed);
		CU_ASSERT_PTR_NULL(failed);
	}
	is_now(&state, "counter", expected, WRITERS * ROUNDS);
}

/* --- At rest ---------------------------------------------------------------------------------------------------------- */

static void the_database_holds_nothing_readable_and_nothing_movable(void)
{
	struct certctl_connector_state state = state_of("issuers/corp", KEY_A);
	struct certctl_error err = { 0 };
	int64_t version = 0;
	char *value = NULL;

	empty();
	ASSERT_OK(put(&state, "account", "a very secret key", 0, &err), err);
	ASSERT_OK(put(&state, "other", "a harmless value", 0, &err), err);
	ASSERT_TEXT(
		test_value(
			"SELECT count(*) FROM connector_state WHERE position('secret' IN encode(sealed, 'escape')) > 0"),
		"0");
	/* Who can write to the table moves a value to where another one is read. */
	test_sql(
		"UPDATE connector_state SET sealed = (SELECT sealed FROM connector_state WHERE name = 'account') WHERE name = 'other'");
	ASSERT_FAILS(state.get(state.arg, "other", test_mem(), &value, &version, &err), CERTCTL_E_INVALID,
		"connector_state.sealed of 'issuers/corp/other'", err);
	CU_ASSERT_PTR_NULL(value);
	is_now(&state, "account", "a very secret key", 1);
	/* A value that does not open is never taken for one that is not there. */
	test_sql("UPDATE connector_state SET key_id = 'ffffffffffffffff'");
	ASSERT_FAILS(state.get(state.arg, "account", test_mem(), &value, &version, &err), CERTCTL_E_DENIED,
		"key ffffffffffffffff", err);
}

static void a_rotation_seals_everything_anew_as_the_same_version(void)
{
	struct certctl_connector_state before = state_of("issuers/corp", KEY_A), after;
	struct certctl_error err = { 0 };
	struct sealing *rotated;

	empty();
	ASSERT_OK(put(&before, "one", "first", 0, &err), err);
	ASSERT_OK(put(&before, "one", "second", 1, &err), err);
	ASSERT_OK(put(&before, "two", "third", 0, &err), err);
	ASSERT_OK(put(&before, "broken", "lost", 0, &err), err);
	test_sql("UPDATE connector_state SET key_id = 'ffffffffffffffff' WHERE name = 'broken'");
	rotated = sealing_with(KEY_B KEY_A);
	ASSERT_OK(connectors_state_reseal(test_database(), rotated, &err), err);
	ASSERT_TEXT(test_value(talloc_asprintf(test_mem(),
			    "SELECT string_agg(name, ' ' ORDER BY name) FROM connector_state WHERE key_id = '%s'",
			    sealing_key_id(rotated))),
		"one two");
	/* The old key is needed no more. */
	after = state_of("issuers/corp", KEY_B);
	is_now(&after, "one", "second", 2);
	is_now(&after, "two", "third", 1);
}

/* --- Through a plugin --------------------------------------------------------------------------------------------------- */

static struct connectors *open_server(const struct sealing *sealing)
{
	static const char *dirs[2];
	struct connectors_options options = { .db = test_database(), .sealing = sealing, .plugin_dirs = dirs };
	struct certctl_error err = { 0 };
	struct connectors *connectors = NULL;

	dirs[0] = talloc_asprintf(test_mem(), "%s/zoo", test_build_dir());
	options.host_program = talloc_asprintf(test_mem(), "%s/bin/certctl-plugin-host", test_build_dir());
	options.directory = "/nonexistent";
	ASSERT_OK(connectors_new(NULL, &options, &connectors, &err), err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(connectors);
	return connectors;
}

/* The good issuer reads and writes its account, and then asks for what this call does not bring. */
static void use_account(struct connectors *connectors)
{
	struct certctl_order order = { .id = "job-1", .kind = CERTCTL_ORDER_ISSUE, .serial = "0a" };
	CERTCTL_AUTO(json_decref) json_t *item = json_pack("{s:s}", "deed", "host");
	CERTCTL_AUTO(json_decref) json_t *none = json_object();
	struct certctl_connector *good = NULL;
	struct certctl_issued issued = { 0 };
	struct certctl_error err = { 0 };

	ASSERT_OK(connectors_open(connectors, CERTCTL_ISSUER, "good", "good", none, &good, &err), err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(good);
	ASSERT_FAILS(certctl_issuer_issue(good, &order, item, NULL, test_mem(), &issued, &err), CERTCTL_E_UNSUPPORTED,
		"checkpoint", err);
}

static void a_plugin_finds_what_it_kept_on_another_server(void)
{
	const struct sealing *sealing = sealing_with(KEY_A);
	struct connectors *first = open_server(sealing), *second = open_server(sealing);
	struct certctl_connector_state state = state_of("internal/good", KEY_A);

	empty();
	use_account(first);
	is_now(&state, "account", "the account", 1);
	use_account(second);
	is_now(&state, "account", "the account", 2);
	talloc_free(first);
	talloc_free(second);
}

static void what_is_in_no_file_is_offered_to_nobody(void)
{
	struct connectors *connectors = open_server(sealing_with(KEY_A));
	struct certctl_connector *connector = NULL;
	struct certctl_error err = { 0 };
	struct job_runner *runners = NULL;
	size_t count = 0;

	empty();
	use_account(connectors);
	ASSERT_FAILS(connectors_issuer(connectors, "good", &connector, &err), CERTCTL_E_NOT_FOUND, "good", err);
	ASSERT_OK(connectors_runners(connectors, test_mem(), &runners, &count, &err), err);
	CU_ASSERT_EQUAL(count, 0);
	talloc_free(connectors);
}

const struct test tests[] = {
	TEST(a_value_is_created_read_and_replaced),
	TEST(who_comes_second_is_told_and_changes_nothing),
	TEST(instances_do_not_see_each_other),
	TEST(what_is_too_large_or_has_no_name_is_refused),
	TEST(no_write_is_lost_among_many_writers),
	TEST(the_database_holds_nothing_readable_and_nothing_movable),
	TEST(a_rotation_seals_everything_anew_as_the_same_version),
	TEST(a_plugin_finds_what_it_kept_on_another_server),
	TEST(what_is_in_no_file_is_offered_to_nobody),
	{ 0 },
};
