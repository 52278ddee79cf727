/* Calls through a plugin process: what goes there and back, and what the plugin asks meanwhile. */
#include "hosting.h"

/* --- There and back ----------------------------------------------------------------------------------------------- */

static void every_option_reaches_the_plugin(void)
{
	struct certctl_connector *good = zoo_issuer("good",
		"{'text': 'hi', 'number': 7, 'flag': false, 'patience': '1h', 'limit': '1MiB', 'colour': 'red', 'password': 'secret',"
		" 'words': ['a', 'b'], 'places': [{'name': 'x', 'floor': 2}], 'place': {'name': 'y'}, 'url': 'https://x.example.com/',"
		" 'email': 'a@example.com', 'since': '2026-01-02T03:04:05Z', 'owner': 'o-1', 'host': 'h.example.com'}");
	struct certctl_info info = { 0 };
	struct certctl_error err = { 0 };

	ASSERT_OK(certctl_connector_info(good, NULL, test_mem(), &info, &err), err);
	ASSERT_TEXT(info.endpoint, "https://x.example.com/");
	ASSERT_TEXT(info.facts[0]->value, "hi");
	ASSERT_TEXT(info.facts[1]->value, "6 bytes");
	CU_ASSERT_PTR_NULL(info.facts[2]);
	talloc_free(good);
}

static void a_bad_configuration_is_known_before_anything_starts(void)
{
	const struct certctl_description *description = NULL;
	struct certctl_connector *connector = NULL;
	struct certctl_error err = { 0 };
	json_t *config = json_pack("{s:i}", "number", 0);

	ASSERT_OK(certctl_plugin_describe(zoo_pool(), CERTCTL_ISSUER, "good", &description, &err), err);
	struct certctl_connector_options options = {
		.name = "issuers/corp", .description = description, .config = config
	};

	ASSERT_FAILS(certctl_connector_new(NULL, zoo_pool(), &options, &connector, &err), CERTCTL_E_INVALID,
		"number: 1..600 expected, got 0", err);
	CU_ASSERT_PTR_NULL(connector);
	json_decref(config);
}

static void issuers_answer_in_their_own_terms(void)
{
	struct certctl_connector *good = zoo_issuer("good", NULL);
	struct certctl_order order = { .id = "job-1" };
	struct certctl_renewal_window window = { 0 };
	struct certctl_issued issued = { 0 };
	struct certctl_error err = { 0 };
	const char *chain = NULL;

	ASSERT_OK(issue_deed(good, "issue", 0, NULL, &issued, &err), err);
	CU_ASSERT_EQUAL(issued.outcome, CERTCTL_ISSUED);
	ASSERT_TEXT(issued.leaf_pem, "leaf of job-1 by hello");
	ASSERT_TEXT(issued.serial, "0a");
	ASSERT_OK(issue_deed(good, "pending", 0, NULL, &issued, &err), err);
	CU_ASSERT_EQUAL(issued.outcome, CERTCTL_PENDING);
	CU_ASSERT_EQUAL(issued.retry_after_s, 7);
	ASSERT_TEXT(issued.state, "asked");
	ASSERT_FAILS(issue_deed(good, "refuse", 0, NULL, &issued, &err), CERTCTL_E_DENIED, "the CA says no", err);
	ASSERT_FAILS(certctl_issuer_find(good, &order, NULL, NULL, test_mem(), &issued, &err), CERTCTL_E_NOT_FOUND,
		"never issued", err);
	ASSERT_OK(certctl_issuer_abandon(good, &order, NULL, NULL, &err), err);
	ASSERT_OK(certctl_issuer_revoke(good, "mine", 1, NULL, &err), err);
	ASSERT_FAILS(certctl_issuer_revoke(good, "yours", 1, NULL, &err), CERTCTL_E_NOT_FOUND, "not mine", err);
	ASSERT_OK(certctl_issuer_chain(good, NULL, test_mem(), &chain, &err), err);
	ASSERT_TEXT(chain, "the chain");
	ASSERT_OK(certctl_issuer_renewal_window(good, "mine", NULL, test_mem(), &window, &err), err);
	CU_ASSERT(window.has_answer && window.start_unix_s == 1000 && window.end_unix_s == 2000 &&
		  window.retry_after_s == 60);
	ASSERT_TEXT(window.explanation_url, "https://ca.example.com/why");
	talloc_free(good);
}

static void targets_answer_in_their_own_terms(void)
{
	struct certctl_connector *good = zoo_open_in(zoo_pool(), CERTCTL_TARGET, "good", NULL, NULL);
	struct certctl_secret key = { .data = (unsigned char *)"KEY", .len = 3 };
	struct certctl_bundle bundle = { .certificate_id = "mc-web", .fingerprint_sha256 = "ab", .key_pem = &key };
	const struct certctl_inventory_item *const *items = NULL;
	struct certctl_plan plan = { 0 };
	struct certctl_error err = { 0 };
	const char *served = NULL;

	ASSERT_OK(certctl_target_plan(good, &bundle, NULL, NULL, test_mem(), &plan, &err), err);
	ASSERT_TEXT(plan.files[0]->path, "/srv/tls/mc-web.pem");
	CU_ASSERT_EQUAL(plan.files[0]->mode, 0640);
	CU_ASSERT_EQUAL(plan.files[0]->encoding, CERTCTL_FILE_PEM);
	CU_ASSERT_EQUAL(plan.files[0]->parts[0]->kind, CERTCTL_PART_TEXT);
	ASSERT_TEXT(plan.files[0]->parts[0]->text, "# made by certctl\n");
	CU_ASSERT_EQUAL(plan.files[0]->parts[2]->kind, CERTCTL_PART_KEY);
	CU_ASSERT_PTR_NULL(plan.files[0]->parts[3]);
	ASSERT_TEXT(plan.probes[0]->server_name, "www.example.com");
	CU_ASSERT_EQUAL(plan.probes[0]->port, 443);
	CU_ASSERT_EQUAL(plan.probes[0]->starttls, CERTCTL_STARTTLS_SMTP);
	ASSERT_TEXT(plan.validate[0], "/usr/bin/true");
	CU_ASSERT_PTR_NULL(plan.activate);
	CU_ASSERT_EQUAL(plan.activate_timeout_s, 5);
	ASSERT_OK(certctl_target_served(good, &bundle, NULL, NULL, test_mem(), &served, &err), err);
	ASSERT_TEXT(served, "ab");
	ASSERT_OK(certctl_target_inventory(good, NULL, test_mem(), &items, &err), err);
	ASSERT_TEXT(items[0]->server_names[1], "example.com");
	CU_ASSERT_PTR_NULL(items[1]);
	talloc_free(good);
}

static void notifiers_answer_in_their_own_terms(void)
{
	static const struct certctl_message_item item = { .title = "one" };
	static const struct certctl_message_item *const items[] = { &item, &item, NULL };
	struct certctl_connector *good = zoo_open_in(zoo_pool(), CERTCTL_NOTIFIER, "good", NULL, NULL);
	struct certctl_message message = { .id = "d-1",
		.kind = CERTCTL_MESSAGE_ALERT,
		.severity = CERTCTL_SEVERITY_WARNING,
		.subject = "it ends",
		.items = items };
	json_t *route = json_pack("{s:s}", "recipient", "ops@example.com");
	struct certctl_receipt receipt = { 0 };
	struct certctl_error err = { 0 };

	ASSERT_OK(certctl_notifier_send(good, &message, route, NULL, test_mem(), &receipt, &err), err);
	ASSERT_TEXT(receipt.reference, "d-1: certctl@example.com to ops@example.com: it ends (2 items)");
	ASSERT_FAILS(certctl_notifier_send(good, &message, NULL, NULL, test_mem(), &receipt, &err), CERTCTL_E_INVALID,
		"item.recipient", err);
	json_decref(route);
	talloc_free(good);
}

static void an_operation_that_is_not_there_is_unsupported(void)
{
	struct certctl_connector *animal = zoo_issuer("open-fails", NULL);
	struct certctl_error err = { 0 };

	ASSERT_FAILS(certctl_issuer_revoke(animal, "x", 0, NULL, &err), CERTCTL_E_UNSUPPORTED,
		"has no operation revoke", err);
	CU_ASSERT_EQUAL(certctl_connector_pid(animal), 0);
	talloc_free(animal);
}

/* --- Questions of the plugin -------------------------------------------------------------------------------------- */

struct asked {
	pthread_t thread;
	char trace[200];
	int64_t version;
	int fail_checkpoint;
};

static void note(struct asked *asked, const char *what)
{
	CU_ASSERT(pthread_equal(asked->thread, pthread_self()));
	snprintf(asked->trace + strlen(asked->trace), sizeof(asked->trace) - strlen(asked->trace), "%s;", what);
}

static int checkpoint(void *arg, const char *state, struct certctl_error *err)
{
	struct asked *asked = arg;

	note(asked, state);
	return asked->fail_checkpoint ? certctl_fail(err, asked->fail_checkpoint, "the fence is down") : 0;
}

static int state_get(void *arg, const char *name, TALLOC_CTX *mem, char **ret_value, int64_t *ret_version,
	struct certctl_error *err)
{
	struct asked *asked = arg;

	note(asked, name);
	if (asked->version == 0)
		return certctl_fail(err, CERTCTL_E_NOT_FOUND, "none");
	*ret_value = talloc_strdup(mem, "old");
	*ret_version = asked->version;
	return 0;
}

static int state_put(void *arg, const char *name, const char *value, int64_t expected_version, int64_t *ret_version,
	struct certctl_error *err)
{
	struct asked *asked = arg;

	(void)name;
	note(asked, value);
	if (expected_version != asked->version)
		return certctl_fail(err, CERTCTL_E_CONFLICT, "somebody was first");
	*ret_version = ++asked->version;
	return 0;
}

static int publish(void *arg, const struct certctl_challenge *challenge, struct certctl_error *err)
{
	(void)err;
	note(arg, challenge->identifier);
	return 0;
}

static int withdraw(void *arg, const struct certctl_challenge *challenge, struct certctl_error *err)
{
	(void)err;
	note(arg, challenge->type);
	return 0;
}

static void questions_are_answered_on_the_thread_that_called(void)
{
	struct asked asked = { .thread = pthread_self() };
	struct certctl_call call = { .checkpoint = checkpoint,
		.state_get = state_get,
		.state_put = state_put,
		.publish_challenge = publish,
		.withdraw_challenge = withdraw,
		.arg = &asked };
	struct certctl_connector *good = zoo_issuer("good", NULL);
	struct certctl_issued issued = { 0 };
	struct certctl_error err = { 0 };

	ASSERT_OK(issue_deed(good, "host", 0, &call, &issued, &err), err);
	ASSERT_TEXT(asked.trace, "account;the account;order placed;a.example.com;http-01;");
	ASSERT_OK(issue_deed(good, "host", 0, &call, &issued, &err), err);
	CU_ASSERT_EQUAL(asked.version, 2);
	asked.fail_checkpoint = CERTCTL_E_CONFLICT;
	ASSERT_FAILS(issue_deed(good, "host", 0, &call, &issued, &err), CERTCTL_E_CONFLICT, "the fence is down", err);
	ASSERT_FAILS(issue_deed(good, "host", 0, NULL, &issued, &err), CERTCTL_E_UNSUPPORTED,
		"state_get: not available", err);
	talloc_free(good);
}

static void an_instance_keeps_its_state_whoever_calls(void)
{
	struct asked asked = { .thread = pthread_self() }, mine = { .thread = pthread_self() };
	struct certctl_connector_options options = { .name = "zoo/good",
		.state = { .get = state_get, .put = state_put, .arg = &asked } };
	struct certctl_call none = { .checkpoint = checkpoint, .arg = &mine }, own = none;
	struct certctl_connector *good = NULL;
	struct certctl_issued issued = { 0 };
	struct certctl_error err = { 0 };

	ASSERT_OK(certctl_plugin_describe(zoo_pool(), CERTCTL_ISSUER, "good", &options.description, &err), err);
	ASSERT_OK(certctl_connector_new(NULL, zoo_pool(), &options, &good, &err), err);
	ASSERT_FAILS(issue_deed(good, "host", 0, &none, &issued, &err), CERTCTL_E_UNSUPPORTED, "publish_challenge",
		err);
	ASSERT_TEXT(asked.trace, "account;the account;");
	ASSERT_TEXT(mine.trace, "order placed;");
	/* A call without any callbacks has it, too. */
	ASSERT_FAILS(issue_deed(good, "host", 0, NULL, &issued, &err), CERTCTL_E_UNSUPPORTED, "checkpoint", err);
	CU_ASSERT_EQUAL(asked.version, 2);
	own.state_get = state_get;
	own.state_put = state_put;
	ASSERT_FAILS(issue_deed(good, "host", 0, &own, &issued, &err), CERTCTL_E_UNSUPPORTED, "publish_challenge", err);
	CU_ASSERT_EQUAL(asked.version, 2);
	CU_ASSERT_EQUAL(mine.version, 1);
	talloc_free(good);
}

static void drop_record(void *arg, enum certctl_log_level level, const char *event, const char *const *pairs,
	size_t count)
{
	(void)arg, (void)level, (void)event, (void)pairs, (void)count;
}

struct crowd {
	struct certctl_connector *connector;
	unsigned failed;
};

/* Every call asks five questions of its own thread, over a lane that others use next. */
static void *ask_often(void *arg)
{
	struct crowd *crowd = arg;

	for (int i = 0; i < 100; i++) {
		struct asked asked = { .thread = pthread_self() };
		struct job job = { .connector = crowd->connector, .deed = "host" };

		job.call = (struct certctl_call){ .timeout_ms = 60000,
			.checkpoint = checkpoint,
			.state_get = state_get,
			.state_put = state_put,
			.publish_challenge = publish,
			.withdraw_challenge = withdraw,
			.arg = &asked };
		do_job(&job);
		if (job.rc != 0 || strcmp(asked.trace, "account;the account;order placed;a.example.com;http-01;") != 0)
			__atomic_add_fetch(&crowd->failed, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void questions_of_many_calls_at_once_find_their_callers(void)
{
	struct certctl_pool *pool = zoo_pool_with((struct certctl_pool_options){ .log = drop_record });
	struct crowd crowd = { .connector = zoo_open_in(pool, CERTCTL_ISSUER, "good", NULL, NULL) };
	pthread_t threads[6];

	for (size_t i = 0; i < CERTCTL_COUNT(threads); i++)
		CU_ASSERT_EQUAL(pthread_create(&threads[i], NULL, ask_often, &crowd), 0);
	for (size_t i = 0; i < CERTCTL_COUNT(threads); i++)
		pthread_join(threads[i], NULL);
	CU_ASSERT_EQUAL(crowd.failed, 0);
	talloc_free(crowd.connector);
	end_pool(pool);
}

static void the_pool_ends_all_it_started(void)
{
	end_pool(zoo_pool());
}

const struct test tests[] = {
	TEST(every_option_reaches_the_plugin),
	TEST(a_bad_configuration_is_known_before_anything_starts),
	TEST(issuers_answer_in_their_own_terms),
	TEST(targets_answer_in_their_own_terms),
	TEST(notifiers_answer_in_their_own_terms),
	TEST(an_operation_that_is_not_there_is_unsupported),
	TEST(questions_are_answered_on_the_thread_that_called),
	TEST(an_instance_keeps_its_state_whoever_calls),
	TEST(questions_of_many_calls_at_once_find_their_callers),
	TEST(the_pool_ends_all_it_started),
	{ 0 },
};
