/* A plugin's checkpoint is committed under the job's token, or refused before the plugin does anything more outside. */
#include "core/database.h"
#include "core/features/issuance/order.h"
#include "core/platform/jobs/jobs.sql.h"

static void new_job(void)
{
	test_database();
	test_sql("DELETE FROM jobs");
	test_sql(
		"INSERT INTO issuers (id, name, type, source) VALUES ('iss-a', 'a', 'good', 'file') ON CONFLICT DO NOTHING");
	test_sql("INSERT INTO agents (id, name) VALUES ('agent-1', 'agent-1') ON CONFLICT DO NOTHING");
	test_sql("INSERT INTO managed_certificates (id, name, names, key_type, issuer_id, lifetime_seconds) "
		 "VALUES ('mc-a', 'a', '[]', 'ECDSA_P256', 'iss-a', 86400) ON CONFLICT DO NOTHING");
	test_sql("INSERT INTO placements (certificate_id, agent_id) VALUES ('mc-a', 'agent-1') ON CONFLICT DO NOTHING");
	test_sql(
		"INSERT INTO jobs (type, state, step, certificate_id, placement_id, agent_id, issuer_id, created_by) "
		"SELECT 'Issuance', 'Pending', 'issue', certificate_id, id, agent_id, 'iss-a', 'test' FROM placements");
}

static struct job claim(const char *worker)
{
	struct certctl_error err = { 0 };
	struct db_result *rows = NULL;

	ASSERT_OK(db_once(test_database(), test_mem(), &query_job_claim,
			  DB_VALUES(db_text(worker), db_integer(60), db_text("{issuer/iss-a}"), db_text("{1}"),
				  db_integer(1)),
			  &rows, &err),
		err);
	CU_ASSERT_EQUAL_FATAL(db_rows(rows), 1);
	return (struct job){ .id = db_get_text(rows, 0, "id"), .token = db_get_integer(rows, 0, "token") };
}

static struct connectors *new_connectors(struct certctl_connector **ret_good)
{
	static const char *dirs[2];
	struct connectors_options options = { .db = test_database(), .plugin_dirs = dirs, .directory = "/nonexistent" };
	struct sealing_options keys = { .state_dir = test_temporary_dir() };
	CERTCTL_AUTO(json_decref) json_t *none = json_object();
	struct certctl_error err = { 0 };
	struct connectors *connectors = NULL;
	struct sealing *sealing = NULL;

	ASSERT_OK(sealing_open(test_mem(), &keys, &sealing, &err), err);
	options.sealing = sealing;
	dirs[0] = talloc_asprintf(test_mem(), "%s/zoo", test_build_dir());
	options.host_program = talloc_asprintf(test_mem(), "%s/bin/certctl-plugin-host", test_build_dir());
	ASSERT_OK(connectors_new(NULL, &options, &connectors, &err), err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(connectors);
	ASSERT_OK(connectors_open(connectors, CERTCTL_ISSUER, "good", "good", none, ret_good, &err), err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(*ret_good);
	return connectors;
}

/* What the good issuer does outside, right after its checkpoint. */
static int deeds_outside;

static int act_outside(void *arg, const struct certctl_challenge *challenge, struct certctl_error *err)
{
	(void)arg, (void)challenge, (void)err;
	deeds_outside++;
	return 0;
}

static int issue(struct certctl_connector *good, struct order *order, struct certctl_error *err)
{
	struct certctl_order ordered = { .id = order->job->id, .kind = CERTCTL_ORDER_ISSUE, .serial = "0a" };
	struct certctl_call call = { .checkpoint = order_checkpoint,
		.publish_challenge = act_outside,
		.withdraw_challenge = act_outside,
		.arg = order };
	CERTCTL_AUTO(json_decref) json_t *item = json_pack("{s:s}", "deed", "host");
	struct certctl_issued issued = { 0 };

	return certctl_issuer_issue(good, &ordered, item, &call, test_mem(), &issued, err);
}

static void a_checkpoint_is_written_under_the_token_of_the_job_and_no_other(void)
{
	struct certctl_error err = { 0 };
	struct certctl_connector *good = NULL;
	struct connectors *connectors = new_connectors(&good);

	new_job();
	struct core core = { .db = test_database(), .connectors = connectors };
	struct job first = claim("w1");
	struct order order = { .core = &core, .mem = test_mem(), .job = &first, .plugin_version = "1.2.3" };

	deeds_outside = 0;
	ASSERT_OK(issue(good, &order, &err), err);
	ASSERT_TEXT(test_value("SELECT saved_state || ' by ' || saved_state_version FROM jobs"),
		"order placed by 1.2.3");
	CU_ASSERT_EQUAL(deeds_outside, 2);

	/* The lease runs out in the middle of a call, and another worker takes the job up. */
	test_sql("UPDATE jobs SET lease_until = now() - interval '1 second'");
	struct job second = claim("w2");

	CU_ASSERT_TRUE(second.token > first.token);
	test_sql("UPDATE jobs SET saved_state = 'of w2', saved_state_version = '9'");
	const char *before = test_value("SELECT jobs::text FROM jobs");

	ASSERT_FAILS(issue(good, &order, &err), CERTCTL_E_CONFLICT, "fenced", err);
	CU_ASSERT_TRUE(job_is_fenced(&err));
	ASSERT_TEXT(test_value("SELECT jobs::text FROM jobs"), before);
	CU_ASSERT_EQUAL(deeds_outside, 2);

	order.job = &second;
	ASSERT_OK(issue(good, &order, &err), err);
	ASSERT_TEXT(test_value("SELECT saved_state FROM jobs"), "order placed");
	CU_ASSERT_EQUAL(deeds_outside, 4);
	talloc_free(connectors);
}

static void a_checkpoint_of_a_job_that_has_ended_is_refused(void)
{
	struct certctl_error err = { 0 };

	new_job();
	struct core core = { .db = test_database() };
	struct job job = claim("w1");
	struct order order = { .core = &core, .mem = test_mem(), .job = &job, .plugin_version = "1.2.3" };

	ASSERT_OK(order_checkpoint(&order, "one", &err), err);
	test_sql("DELETE FROM jobs");
	ASSERT_FAILS(order_checkpoint(&order, "two", &err), CERTCTL_E_CONFLICT, "fenced", err);
}

const struct test tests[] = {
	TEST(a_checkpoint_is_written_under_the_token_of_the_job_and_no_other),
	TEST(a_checkpoint_of_a_job_that_has_ended_is_refused),
	{ 0 },
};
