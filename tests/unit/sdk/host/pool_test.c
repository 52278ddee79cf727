/* Several calls, instances and processes at once: slots, room, and when a process stops. */
#include "hosting.h"

static void calls_of_one_instance_run_side_by_side(void)
{
	struct certctl_connector *good = zoo_issuer("good", NULL);
	struct job jobs[4];
	pthread_t threads[CERTCTL_COUNT(jobs)];
	int64_t start_ms = certctl_monotonic_ms();

	for (size_t i = 0; i < CERTCTL_COUNT(jobs); i++) {
		jobs[i] = (struct job){ .connector = good, .deed = "wait", .wait_ms = 3000, .call.timeout_ms = 60000 };
		CU_ASSERT_EQUAL(pthread_create(&threads[i], NULL, do_job, &jobs[i]), 0);
	}
	for (size_t i = 0; i < CERTCTL_COUNT(jobs); i++) {
		pthread_join(threads[i], NULL);
		CU_ASSERT_EQUAL(jobs[i].rc, 0);
	}
	/* Three seconds each, all at a time; one after the other they would take twelve. */
	CU_ASSERT(certctl_monotonic_ms() - start_ms < 11500);
	talloc_free(good);
}

static void two_instances_have_two_processes_and_two_configurations(void)
{
	struct certctl_connector *one = zoo_issuer("good", "{'text': 'one'}"),
				 *two = zoo_issuer("good", "{'text': 'two'}");
	struct certctl_issued issued = { 0 };
	struct certctl_error err = { 0 };

	ASSERT_OK(issue_deed(one, "issue", 0, NULL, &issued, &err), err);
	ASSERT_TEXT(issued.leaf_pem, "leaf of job-1 by one");
	ASSERT_OK(issue_deed(two, "issue", 0, NULL, &issued, &err), err);
	ASSERT_TEXT(issued.leaf_pem, "leaf of job-1 by two");
	CU_ASSERT(certctl_connector_pid(one) != certctl_connector_pid(two));
	talloc_free(one);
	talloc_free(two);
}

static void the_longest_idle_makes_room(void)
{
	struct certctl_pool *pool = zoo_pool_with((struct certctl_pool_options){ .hosts_max = 2 });
	struct certctl_connector *connectors[3];

	for (size_t i = 0; i < CERTCTL_COUNT(connectors); i++) {
		connectors[i] = zoo_open_in(pool, CERTCTL_ISSUER, "good", NULL, NULL);
		good_still_answers(connectors[i]);
		sleep_ms(5);
	}
	CU_ASSERT_EQUAL(certctl_connector_pid(connectors[0]), 0);
	CU_ASSERT(certctl_connector_pid(connectors[1]) != 0 && certctl_connector_pid(connectors[2]) != 0);
	good_still_answers(connectors[0]);
	CU_ASSERT_EQUAL(certctl_connector_pid(connectors[1]), 0);
	for (size_t i = 0; i < CERTCTL_COUNT(connectors); i++)
		talloc_free(connectors[i]);
	end_pool(pool);
}

static void nobody_busy_is_stopped_for_room(void)
{
	struct certctl_pool *pool = zoo_pool_with((struct certctl_pool_options){ .hosts_max = 1 });
	struct job job = { .connector = zoo_open_in(pool, CERTCTL_ISSUER, "good", NULL, NULL),
		.deed = "wait",
		.wait_ms = 2000,
		.call.timeout_ms = 60000 };
	struct certctl_connector *other = zoo_open_in(pool, CERTCTL_ISSUER, "good", NULL, NULL);
	struct certctl_call call = { .timeout_ms = 300 };
	struct certctl_error err = { 0 };
	pthread_t thread;

	CU_ASSERT_EQUAL(pthread_create(&thread, NULL, do_job, &job), 0);
	while (certctl_connector_free_slots(job.connector) == 4 || certctl_connector_pid(job.connector) == 0)
		sleep_ms(2);
	ASSERT_FAILS(certctl_connector_test(other, &call, &err), CERTCTL_E_UNAVAILABLE, "1 plugin processes run", err);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(job.rc, 0);
	good_still_answers(other);
	talloc_free(other);
	talloc_free(job.connector);
	end_pool(pool);
}

static void an_idle_process_stops_by_itself(void)
{
	struct certctl_pool *pool = zoo_pool_with((struct certctl_pool_options){ .idle_s = 1 });
	struct certctl_connector *good = zoo_open_in(pool, CERTCTL_ISSUER, "good", NULL, NULL);

	good_still_answers(good);
	int pid = certctl_connector_pid(good);

	CU_ASSERT(becomes(has_gone, &pid));
	good_still_answers(good);
	talloc_free(good);
	end_pool(pool);
}

static void a_process_ends_with_its_connector_and_with_its_pool(void)
{
	struct certctl_pool *pool = zoo_pool_with((struct certctl_pool_options){ 0 });
	struct certctl_connector *one = zoo_open_in(pool, CERTCTL_ISSUER, "good", NULL, NULL);
	struct certctl_connector *two = zoo_open_in(pool, CERTCTL_ISSUER, "good", NULL, NULL);
	struct certctl_error err = { 0 };

	good_still_answers(one);
	good_still_answers(two);
	int pids[] = { certctl_connector_pid(one), certctl_connector_pid(two) };

	talloc_free(one);
	CU_ASSERT(becomes(has_gone, &pids[0]));
	end_pool(pool);
	CU_ASSERT(becomes(has_gone, &pids[1]));
	ASSERT_FAILS(certctl_connector_test(two, NULL, &err), CERTCTL_E_UNAVAILABLE, "its pool has gone", err);
	talloc_free(two);
}

static void the_pool_ends_all_it_started(void)
{
	end_pool(zoo_pool());
}

const struct test tests[] = {
	TEST(calls_of_one_instance_run_side_by_side),
	TEST(two_instances_have_two_processes_and_two_configurations),
	TEST(the_longest_idle_makes_room),
	TEST(nobody_busy_is_stopped_for_room),
	TEST(an_idle_process_stops_by_itself),
	TEST(a_process_ends_with_its_connector_and_with_its_pool),
	TEST(the_pool_ends_all_it_started),
	{ 0 },
};
