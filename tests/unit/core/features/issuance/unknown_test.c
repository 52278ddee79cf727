/* What follows when a CA was asked and nobody knows what it did; and orders that are pending at the CA. */
#include "core/database.h"
#include "core/features/issuance/order.h"
#include "core/platform/jobs/jobs.sql.h"

#include <certctl/x509.h>

#define CANNOT_TELL 0

/* A job of iss-a that waits for its CA, with a request for one name; hold: of the issuer. */
static void new_job(int hold_s)
{
	struct certctl_name name = { .type = CERTCTL_NAME_DNS, .text = "a.example.com" };
	const struct certctl_name *const names[] = { &name, NULL };
	struct certctl_csr_request request = { .names = names };
	struct certctl_error err = { 0 };
	struct certctl_key *key = NULL;
	char *pem = NULL;

	ASSERT_OK(certctl_key_generate(test_mem(), CERTCTL_ECDSA_P256, &key, &err), err);
	ASSERT_OK(certctl_csr_make(test_mem(), key, &request, &pem, &err), err);
	test_database();
	test_sql("DELETE FROM jobs");
	test_sql("DELETE FROM jobs_ended");
	test_sql("DELETE FROM issuance_intents");
	test_sql("DELETE FROM alarms");
	test_sql(
		"INSERT INTO issuers (id, name, type, source) VALUES ('iss-a', 'a', 'x', 'file') ON CONFLICT DO NOTHING");
	test_sql(talloc_asprintf(test_mem(), "UPDATE issuers SET unknown_hold_seconds = %d", hold_s));
	test_sql("INSERT INTO agents (id, name) VALUES ('agent-1', 'agent-1') ON CONFLICT DO NOTHING");
	test_sql(
		"INSERT INTO managed_certificates (id, name, names, key_type, issuer_id, lifetime_seconds) VALUES "
		"('mc-u', 'u', '[{\"type\":\"dns\",\"value\":\"a.example.com\"}]', 'ECDSA_P256', 'iss-a', 86400) ON CONFLICT DO NOTHING");
	test_sql("INSERT INTO placements (certificate_id, agent_id) VALUES ('mc-u', 'agent-1') ON CONFLICT DO NOTHING");
	test_sql(talloc_asprintf(test_mem(),
		"INSERT INTO jobs (type, state, step, certificate_id, placement_id, agent_id, issuer_id, created_by, csr, csr_sha256) "
		"SELECT 'Issuance', 'Pending', 'issue', certificate_id, id, agent_id, 'iss-a', 'test', '%s', repeat('a', 64) "
		"FROM placements WHERE certificate_id = 'mc-u'",
		pem));
}

static struct core core;

/* Take the job up, as a worker would, and open its order. */
static struct order *take_up(uint32_t caps)
{
	struct certctl_error err = { 0 };
	struct db_result *rows = NULL;
	struct order *order = talloc_zero(test_mem(), struct order);
	struct job *job = talloc_zero(order, struct job);

	core.db = test_database();
	ASSERT_OK(db_once(core.db, test_mem(), &query_job_claim,
			  DB_VALUES(db_text("w"), db_integer(60), db_text("{issuer/iss-a}"), db_text("{1}"),
				  db_integer(1)),
			  &rows, &err),
		err);
	CU_ASSERT_EQUAL_FATAL(db_rows(rows), 1);
	*job = (struct job){ .id = db_get_text(rows, 0, "id"),
		.type = "Issuance",
		.token = db_get_integer(rows, 0, "token"),
		.attempts = db_get_integer(rows, 0, "attempts") };
	*order = (struct order){ .core = &core, .mem = test_mem(), .job = job, .caps = caps };
	ASSERT_OK(order_open(order, &err), err);
	return order;
}

/* The worker is no more, and its lease has ended. */
static void lose_worker(void)
{
	test_sql("UPDATE jobs SET lease_until = now() - interval '1 second'");
}

static const char *intents(void)
{
	return test_value(
		"SELECT coalesce(string_agg(coalesce(outcome, 'open'), ' ' ORDER BY attempt), '') FROM issuance_intents");
}

static const char *ended(void)
{
	return test_value("SELECT state || ': ' || hold_reason FROM jobs_ended");
}

static void a_ca_that_cannot_tell_is_given_time_and_asked_once_more_for_another_serial(void)
{
	struct order *order;
	const char *first;

	new_job(3600);
	order = take_up(CANNOT_TELL);
	CU_ASSERT_FALSE(order->is_over || order->is_repeat);
	first = order->order.serial;
	lose_worker();
	order = take_up(CANNOT_TELL);
	CU_ASSERT_TRUE(order->is_over);
	ASSERT_TEXT(intents(), "open");
	ASSERT_TEXT(
		test_value(
			"SELECT concat_ws(' ', state, hold_reason, attempts, run_at BETWEEN now() + interval '3590 seconds' "
			"AND now() + interval '3601 seconds') FROM jobs"),
		"Pending outcome unknown 1 t");

	test_sql("UPDATE issuance_intents SET opened_at = now() - interval '3601 seconds'");
	test_sql("UPDATE jobs SET run_at = now()");
	order = take_up(CANNOT_TELL);
	CU_ASSERT_FALSE(order->is_over || order->is_repeat);
	CU_ASSERT_STRING_NOT_EQUAL(order->order.serial, first);
	ASSERT_TEXT(intents(), "orphaned open");
	ASSERT_TEXT(test_value("SELECT kind || ' ' || certificate_id FROM alarms"), "outcome_unknown mc-u");
	ASSERT_TEXT(test_value("SELECT count(*) FROM audit_events WHERE action = 'issuance_orphaned'"), "1");

	/* Lost again: never a third time by this job, and by another one only after as long again. */
	lose_worker();
	order = take_up(CANNOT_TELL);
	CU_ASSERT_TRUE(order->is_over);
	ASSERT_TEXT(ended(), "Failed: outcome unknown");
	ASSERT_TEXT(
		test_value(
			"SELECT renew_at > now() + interval '3590 seconds' FROM placements WHERE certificate_id = 'mc-u'"),
		"t");
	ASSERT_TEXT(test_value("SELECT count(*) FROM alarms WHERE kind = 'outcome_unknown'"), "2");
}

static void a_ca_that_can_be_asked_again_is_asked_for_the_same_and_not_for_ever(void)
{
	static const uint32_t caps[] = { CERTCTL_ISSUER_REPEATABLE, CERTCTL_ISSUER_CAN_FIND };

	for (size_t i = 0; i < CERTCTL_COUNT(caps); i++) {
		new_job(3600);
		const char *serial = take_up(caps[i])->order.serial;

		lose_worker();
		struct order *order = take_up(caps[i]);

		CU_ASSERT_TRUE(order->is_repeat && !order->is_over);
		ASSERT_TEXT(order->order.serial, serial);
		ASSERT_TEXT(intents(), "open open");
		lose_worker();
		CU_ASSERT_TRUE(take_up(caps[i])->is_over);
		ASSERT_TEXT(ended(), "Failed: quarantined");
	}
}

static void an_order_that_is_pending_at_the_ca_goes_on_as_one_attempt(void)
{
	new_job(3600);
	const char *serial = take_up(CANNOT_TELL)->order.serial;

	for (int poll = 0; poll < 20; poll++) {
		test_sql("UPDATE issuance_intents SET closed_at = now(), outcome = 'pending'");
		test_sql("UPDATE jobs SET state = 'Pending', worker = NULL, lease_until = NULL, run_at = now()");
		struct order *order = take_up(CANNOT_TELL);

		CU_ASSERT_FALSE(order->is_over || order->is_repeat);
		ASSERT_TEXT(order->order.serial, serial);
		CU_ASSERT_EQUAL(order->attempts_left, 4);
	}
	ASSERT_TEXT(intents(), "open");
	ASSERT_TEXT(test_value("SELECT attempts FROM jobs"), "1");
}

static void an_issuer_that_waits_for_nothing_is_asked_again_at_once(void)
{
	new_job(0);
	take_up(CANNOT_TELL);
	lose_worker();
	CU_ASSERT_FALSE(take_up(CANNOT_TELL)->is_over);
	ASSERT_TEXT(intents(), "orphaned open");
}

const struct test tests[] = {
	TEST(a_ca_that_cannot_tell_is_given_time_and_asked_once_more_for_another_serial),
	TEST(a_ca_that_can_be_asked_again_is_asked_for_the_same_and_not_for_ever),
	TEST(an_order_that_is_pending_at_the_ca_goes_on_as_one_attempt),
	TEST(an_issuer_that_waits_for_nothing_is_asked_again_at_once),
	{ 0 },
};
