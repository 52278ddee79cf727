/* Many orders at once: what happens to one of them happens to no other. */
#include "core/database.h"
#include "core/features/issuance/order.h"
#include "core/platform/jobs/jobs.sql.h"

#include <certctl/x509.h>
#include <stdatomic.h>

#define MANY 4

static struct core core;
static atomic_int told;

static void count_ended(void *context, const char *job_id)
{
	(void)context, (void)job_id;
	atomic_fetch_add(&told, 1);
}

static int no_runners(void *context, TALLOC_CTX *mem, struct job_runner **ret, size_t *ret_count,
	struct certctl_error *err)
{
	(void)context, (void)err;
	*ret = talloc_zero(mem, struct job_runner);
	*ret_count = 0;
	return 0;
}

/* An engine that is told of ends, and claims nothing. */
static void start_engine(void)
{
	static const struct job_step *const no_steps[] = { NULL };
	struct jobs_options options = { .db = test_database(),
		.worker = "none",
		.threads = 1,
		.steps = no_steps,
		.runners = no_runners,
		.ended = count_ended };
	struct certctl_error err = { 0 };

	core.db = test_database();
	ASSERT_OK(jobs_start(NULL, &options, &core.jobs, &err), err);
}

static void stop_engine(void)
{
	TALLOC_FREE(core.jobs);
}

/* Jobs of iss-a that wait for their CA, one certificate each. */
static void new_jobs(void)
{
	struct certctl_name name = { .type = CERTCTL_NAME_DNS, .text = "a.example.com" };
	const struct certctl_name *const names[] = { &name, NULL };
	struct certctl_csr_request request = { .names = names };
	struct certctl_error err = { 0 };
	struct certctl_key *key = NULL;
	char *pem = NULL;

	ASSERT_OK(certctl_key_generate(test_mem(), CERTCTL_ECDSA_P256, &key, &err), err);
	ASSERT_OK(certctl_csr_make(test_mem(), key, &request, &pem, &err), err);
	start_engine();
	atomic_store(&told, 0);
	test_sql("DELETE FROM jobs");
	test_sql("DELETE FROM jobs_ended");
	test_sql("DELETE FROM issuance_intents");
	test_sql("UPDATE placements SET version_id = NULL");
	test_sql("DELETE FROM certificate_versions");
	test_sql(
		"INSERT INTO issuers (id, name, type, source) VALUES ('iss-a', 'a', 'x', 'file') ON CONFLICT DO NOTHING");
	test_sql("INSERT INTO agents (id, name) VALUES ('agent-1', 'agent-1') ON CONFLICT DO NOTHING");
	test_sql(
		"INSERT INTO managed_certificates (id, name, names, key_type, issuer_id, lifetime_seconds) "
		"SELECT 'mc-' || n, 'mc-' || n, '[{\"type\":\"dns\",\"value\":\"a.example.com\"}]', 'ECDSA_P256', 'iss-a', 86400 "
		"FROM generate_series(0, 3) AS n ON CONFLICT DO NOTHING");
	test_sql("INSERT INTO placements (id, certificate_id, agent_id) SELECT 'pl-' || n, 'mc-' || n, 'agent-1' "
		 "FROM generate_series(0, 3) AS n ON CONFLICT DO NOTHING");
	test_sql(talloc_asprintf(test_mem(),
		"INSERT INTO jobs (id, type, state, step, certificate_id, placement_id, agent_id, issuer_id, created_by, csr, csr_sha256, "
		"public_key_sha256) SELECT 'job-000000000000' || n, 'Issuance', 'Pending', 'issue', 'mc-' || n, 'pl-' || n, 'agent-1', "
		"'iss-a', 'test', '%s', repeat('a', 64), repeat('b', 64) FROM generate_series(0, 3) AS n",
		pem));
	/* Ended ones are kept by month, as their ids say. */
	test_sql("UPDATE jobs SET id = make_id('job-') || right(id, 1)");
}

/* All that are due, in the order of their certificates. */
static struct order *take_up(size_t count)
{
	struct order *orders = talloc_zero_array(test_mem(), struct order, (unsigned)count);
	struct job *jobs = talloc_zero_array(orders, struct job, (unsigned)count);
	struct certctl_error err = { 0 };
	struct db_result *rows = NULL;

	ASSERT_OK(db_once(core.db, test_mem(), &query_job_claim,
			  DB_VALUES(db_text("w"), db_integer(60), db_text("{issuer/iss-a}"), db_text("{9}"),
				  db_integer(9)),
			  &rows, &err),
		err);
	CU_ASSERT_EQUAL_FATAL(db_rows(rows), count);
	for (size_t row = 0; row < count; row++) {
		size_t at = count == MANY ? (size_t)(db_get_text(rows, row, "certificate_id")[3] - '0') : row;

		jobs[at] = (struct job){ .id = db_get_text(rows, row, "id"),
			.type = "Issuance",
			.step = "issue",
			.token = db_get_integer(rows, row, "token"),
			.attempts = db_get_integer(rows, row, "attempts") };
		orders[at] = (struct order){
			.core = &core, .mem = test_mem(), .job = &jobs[at], .caps = CERTCTL_ISSUER_REPEATABLE
		};
	}
	return orders;
}

/* What a CA gave for it; orders of one fingerprint cannot be stored both. */
static void issue(struct order *order, char fingerprint)
{
	struct certctl_certificate *leaf = talloc_zero(test_mem(), struct certctl_certificate);

	leaf->serial = talloc_strdup(leaf, order->order.serial);
	leaf->subject = talloc_strdup(leaf, "");
	leaf->issuer = talloc_strdup(leaf, "CN=a");
	leaf->key_type = CERTCTL_ECDSA_P256;
	leaf->not_before_unix_s = order->order.not_before_unix_s;
	leaf->not_after_unix_s = order->order.not_after_unix_s;
	memset(leaf->fingerprint_sha256, fingerprint, 64);
	memset(leaf->public_key_sha256, 'b', 64);
	order->issued = (struct certctl_issued){
		.outcome = CERTCTL_ISSUED, .leaf_pem = "a \"leaf\"\n", .chain_pem = "a chain"
	};
	order->leaf = leaf;
}

/* certificate:live state, or certificate=end, of all four. */
static const char *states(void)
{
	return test_value(
		"SELECT string_agg(what, ' ' ORDER BY what) FROM (SELECT certificate_id || ':' || state FROM jobs "
		"WHERE type = 'Issuance' UNION ALL SELECT certificate_id || '=' || state FROM jobs_ended) AS s (what)");
}

static const char *intents(void)
{
	return test_value(
		"SELECT string_agg(coalesce(outcome, 'open'), ' ' ORDER BY certificate_id) FROM issuance_intents i "
		"JOIN (SELECT id, certificate_id FROM jobs UNION ALL SELECT id, certificate_id FROM jobs_ended) AS j ON j.id = i.job_id");
}

static void all_of_a_batch_are_asked_for_and_stored(void)
{
	new_jobs();
	struct order *orders = take_up(MANY);

	orders_open(orders, MANY);
	ASSERT_TEXT(intents(), "open open open open");
	ASSERT_TEXT(test_value("SELECT string_agg(DISTINCT attempts::text, ' ') FROM jobs"), "1");
	ASSERT_TEXT(test_value("SELECT count(DISTINCT serial_number) FROM issuance_intents"), "4");
	ASSERT_TEXT(test_value("SELECT count(DISTINCT xmin::text) FROM issuance_intents"), "1");
	for (size_t i = 0; i < MANY; i++) {
		CU_ASSERT_FALSE_FATAL(orders[i].is_over || orders[i].is_repeat);
		issue(&orders[i], (char)('0' + i));
	}
	orders_complete(orders, MANY);
	ASSERT_TEXT(states(), "mc-0=Completed mc-1=Completed mc-2=Completed mc-3=Completed");
	ASSERT_TEXT(intents(), "issued issued issued issued");
	CU_ASSERT_EQUAL(atomic_load(&told), MANY);
	/* Everything that follows is of one transaction. */
	ASSERT_TEXT(
		test_value(
			"SELECT count(DISTINCT txid) || ' ' || count(*) FROM audit_events WHERE (action = 'certificate_issued' "
			"AND details ->> 'version_id' IN (SELECT id FROM certificate_versions)) "
			"OR (details ->> 'to' = 'Completed' AND resource_id IN (SELECT id FROM jobs_ended))"),
		"1 8");
	ASSERT_TEXT(test_value("SELECT count(*) FROM jobs j JOIN certificate_versions v ON v.id = j.version_id "
			       "WHERE type = 'Deployment' AND v.leaf = E'a \"leaf\"\\n'"),
		"4");
	ASSERT_TEXT(
		test_value("SELECT count(*) FROM managed_certificates c JOIN placements p ON p.certificate_id = c.id "
			   "AND p.version_id = c.version_id AND c.renew_at = p.renew_at"),
		"4");
	stop_engine();
}

static void one_that_is_fenced_and_one_that_cannot_be_stored_keep_no_other_from_it(void)
{
	new_jobs();
	struct order *orders = take_up(MANY);

	orders_open(orders, MANY);
	for (size_t i = 0; i < MANY; i++)
		issue(&orders[i], i < 2 ? '1' : (char)('0' + i)); /* the second is the certificate of the first again */
	test_sql("UPDATE jobs SET token = nextval('job_tokens') WHERE certificate_id = 'mc-2'");
	orders_complete(orders, MANY);
	ASSERT_TEXT(states(), "mc-0=Completed mc-1:Running mc-2:Running mc-3=Completed");
	ASSERT_TEXT(intents(), "issued open open issued");
	ASSERT_TEXT(
		test_value("SELECT string_agg(certificate_id, ' ' ORDER BY certificate_id) FROM certificate_versions"),
		"mc-0 mc-3");
	ASSERT_TEXT(test_value("SELECT count(*) FROM jobs WHERE type = 'Deployment'"), "2");
	CU_ASSERT_EQUAL(atomic_load(&told), 2);
	stop_engine();
}

static void one_that_the_ca_refuses_fails_alone(void)
{
	struct certctl_error why = { 0 }, err = { 0 };

	new_jobs();
	struct order *orders = take_up(MANY);

	orders_open(orders, MANY);
	certctl_fail(&why, CERTCTL_E_DENIED, "not by this CA");
	for (size_t i = 0; i < MANY; i++)
		if (i != 1)
			issue(&orders[i], (char)('0' + i));
	ASSERT_OK(order_fail(&orders[1], &why, true, &err), err);
	orders_complete(orders, MANY);
	ASSERT_TEXT(states(), "mc-0=Completed mc-1=Failed mc-2=Completed mc-3=Completed");
	ASSERT_TEXT(intents(), "issued failed issued issued");
	stop_engine();
}

static void what_a_killed_worker_left_is_asked_for_again_with_its_serials(void)
{
	new_jobs();
	struct order *orders = take_up(MANY);

	orders_open(orders, MANY);
	issue(&orders[0], '0');
	orders_complete(orders, MANY);
	/* The CA has issued for some of the three; nobody knows for which. */
	test_sql("UPDATE jobs SET lease_until = now() - interval '1 second' WHERE type = 'Issuance'");
	struct order *again = take_up(MANY - 1);

	orders_open(again, MANY - 1);
	for (size_t i = 0; i < MANY - 1; i++) {
		CU_ASSERT_TRUE(again[i].is_repeat && !again[i].is_over);
		ASSERT_TEXT(
			test_value(talloc_asprintf(test_mem(),
				"SELECT count(*) FROM issuance_intents WHERE job_id = '%s' AND serial_number = '%s'",
				again[i].job->id, again[i].order.serial)),
			"2");
		issue(&again[i], (char)('1' + i));
	}
	orders_complete(again, MANY - 1);
	ASSERT_TEXT(states(), "mc-0=Completed mc-1=Completed mc-2=Completed mc-3=Completed");
	/* Who was thought dead comes back, and is too late. */
	for (size_t i = 1; i < MANY; i++)
		issue(&orders[i], (char)('5' + i));
	orders_complete(orders + 1, MANY - 1);
	ASSERT_TEXT(test_value("SELECT count(*) FROM certificate_versions"), "4");
	stop_engine();
}

static void what_must_be_decided_is_decided_for_each_alone(void)
{
	new_jobs();
	test_sql("UPDATE jobs SET attempts = attempts_max WHERE certificate_id = 'mc-1'");
	struct order *orders = take_up(MANY);

	test_sql("UPDATE jobs SET token = nextval('job_tokens') WHERE certificate_id = 'mc-2'");
	orders_open(orders, MANY);
	CU_ASSERT_FALSE(orders[0].is_over || orders[3].is_over);
	CU_ASSERT_TRUE(orders[1].is_over && orders[2].is_over);
	ASSERT_TEXT(states(), "mc-0:Running mc-1=Failed mc-2:Running mc-3:Running");
	ASSERT_TEXT(test_value("SELECT hold_reason FROM jobs_ended"), "no attempts left");
	ASSERT_TEXT(test_value("SELECT count(*) FROM issuance_intents"), "2");
	stop_engine();
}

const struct test tests[] = {
	TEST(all_of_a_batch_are_asked_for_and_stored),
	TEST(one_that_is_fenced_and_one_that_cannot_be_stored_keep_no_other_from_it),
	TEST(one_that_the_ca_refuses_fails_alone),
	TEST(what_a_killed_worker_left_is_asked_for_again_with_its_serials),
	TEST(what_must_be_decided_is_decided_for_each_alone),
	{ 0 },
};
