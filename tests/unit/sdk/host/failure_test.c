/* Calls that do not end well: cancelled, late, killed, crashed; and what becomes of those beside them. */
#include "hosting.h"

/* Asked before the call begins it is patient still. */
struct patience {
	unsigned asked;
};

static bool has_lost_patience(void *arg)
{
	return ((struct patience *)arg)->asked++ > 0;
}

static void a_cancelled_call_ends_as_the_plugin_says(void)
{
	struct patience patience = { 0 };
	struct certctl_call call = { .timeout_ms = 60000, .is_cancelled = has_lost_patience, .arg = &patience };
	struct certctl_connector *good = zoo_issuer("good", NULL);
	struct certctl_issued issued = { 0 };
	struct certctl_error err = { 0 };

	ASSERT_FAILS(issue_deed(good, "wait", 600000, &call, &issued, &err), CERTCTL_E_CANCELLED, "stopped as asked",
		err);
	CU_ASSERT(certctl_connector_pid(good) != 0);
	ASSERT_FAILS(issue_deed(good, "wait", 600000, &call, &issued, &err), CERTCTL_E_CANCELLED, "before it began",
		err);
	talloc_free(good);
}

static void a_plugin_that_does_not_hear_a_cancel_is_killed(void)
{
	struct patience patience = { 0 };
	struct certctl_call call = { .timeout_ms = 60000, .is_cancelled = has_lost_patience, .arg = &patience };
	struct certctl_connector *good = zoo_issuer("good", NULL);
	struct certctl_issued issued = { 0 };
	struct certctl_error err = { 0 };

	ASSERT_FAILS(issue_deed(good, "insist", 600000, &call, &issued, &err), CERTCTL_E_CANCELLED,
		"its process was killed", err);
	CU_ASSERT_EQUAL(certctl_connector_pid(good), 0);
	good_still_answers(good);
	talloc_free(good);
}

static void a_deadline_kills_the_process_and_the_next_call_gets_a_new_one(void)
{
	struct certctl_call call = { .timeout_ms = 500 };
	struct certctl_connector *good = zoo_issuer("good", NULL);
	struct certctl_issued issued = { 0 };
	struct certctl_error err = { 0 };

	good_still_answers(good);
	int pid = certctl_connector_pid(good);

	ASSERT_FAILS(issue_deed(good, "insist", 600000, &call, &issued, &err), CERTCTL_E_TIMEOUT, "did not end in time",
		err);
	CU_ASSERT(err.retryable);
	CU_ASSERT(becomes(has_gone, &pid));
	good_still_answers(good);
	CU_ASSERT(certctl_connector_pid(good) != pid);
	talloc_free(good);
}

/* A signal takes effect when the kernel gets to it, and with several threads not in all of them at once. */
static bool has_stopped(void *arg)
{
	char path[64], text[512] = "";

	snprintf(path, sizeof(path), "/proc/%d/stat", *(int *)arg);
	FILE *file = fopen(path, "re");
	size_t len = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
	const char *after_name = len > 0 ? strrchr(text, ')') : NULL;

	if (file)
		fclose(file);
	return after_name && strncmp(after_name, ") T", 3) == 0;
}

static void a_stopped_process_is_killed_at_the_deadline(void)
{
	struct certctl_call call = { .timeout_ms = 500 };
	struct certctl_connector *good = zoo_issuer("good", NULL);
	struct certctl_error err = { 0 };

	good_still_answers(good);
	int pid = certctl_connector_pid(good);

	kill(pid, SIGSTOP);
	CU_ASSERT(becomes(has_stopped, &pid));
	ASSERT_FAILS(certctl_connector_test(good, &call, &err), CERTCTL_E_TIMEOUT, "did not end in time", err);
	CU_ASSERT(becomes(has_gone, &pid));
	good_still_answers(good);
	talloc_free(good);
}

static void a_killed_process_is_a_crash_with_its_signal(void)
{
	struct job job = { .connector = zoo_issuer("good", NULL), .deed = "wait", .wait_ms = 600000 };
	pthread_t thread;

	good_still_answers(job.connector);
	int pid = certctl_connector_pid(job.connector);

	CU_ASSERT_EQUAL(pthread_create(&thread, NULL, do_job, &job), 0);
	while (certctl_connector_free_slots(job.connector) == 4)
		sleep_ms(2);
	sleep_ms(50);
	kill(pid, SIGKILL);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(job.rc, CERTCTL_E_CRASHED);
	CU_ASSERT(job.err.retryable);
	CU_ASSERT_PTR_NOT_NULL(strstr(job.err.what, "ended by SIGKILL during issue"));
	good_still_answers(job.connector);
	talloc_free(job.connector);
}

static void innocent_neighbours_of_a_deadline_are_tried_again_alone(void)
{
	struct certctl_connector *good = zoo_issuer("good", NULL);
	struct job jobs[] = {
		{ .connector = good, .deed = "insist", .wait_ms = 600000, .call.timeout_ms = 1500 },
		{ .connector = good, .deed = "wait", .wait_ms = 2500, .call.timeout_ms = 60000 },
		{ .connector = good, .deed = "wait", .wait_ms = 2500, .call.timeout_ms = 60000 },
	};
	pthread_t threads[CERTCTL_COUNT(jobs)];

	good_still_answers(good);
	for (size_t i = 0; i < CERTCTL_COUNT(jobs); i++)
		CU_ASSERT_EQUAL(pthread_create(&threads[i], NULL, do_job, &jobs[i]), 0);
	for (size_t i = 0; i < CERTCTL_COUNT(jobs); i++)
		pthread_join(threads[i], NULL);
	CU_ASSERT_EQUAL(jobs[0].rc, CERTCTL_E_TIMEOUT);
	for (size_t i = 1; i < CERTCTL_COUNT(jobs); i++) {
		CU_ASSERT_EQUAL(jobs[i].rc, 0);
		ASSERT_TEXT(jobs[i].leaf, "leaf of job-1 by hello");
	}
	CU_ASSERT_EQUAL(certctl_connector_free_slots(good), 4);
	talloc_free(good);
}

static void stopping_interrupts_calls_and_does_not_repeat_them(void)
{
	struct job job = { .connector = zoo_issuer("good", NULL), .deed = "wait", .wait_ms = 600000 };
	pthread_t thread;

	good_still_answers(job.connector);
	CU_ASSERT_EQUAL(pthread_create(&thread, NULL, do_job, &job), 0);
	while (certctl_connector_free_slots(job.connector) == 4)
		sleep_ms(2);
	sleep_ms(50);
	certctl_connector_stop(job.connector);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(job.rc, CERTCTL_E_INTERRUPTED);
	CU_ASSERT_PTR_NOT_NULL(strstr(job.err.what, "its process was stopped"));
	CU_ASSERT_EQUAL(certctl_connector_pid(job.connector), 0);
	talloc_free(job.connector);
}

static void crashes_in_a_row_are_answered_with_a_pause(void)
{
	struct certctl_connector *animal = zoo_issuer("crashes", NULL);
	struct certctl_error err = { 0 };
	int crashes = 0, rc;

	/* The second crash starts the pauses; on a slow machine the first ones may be over before we ask. */
	while ((rc = certctl_connector_test(animal, NULL, &err)) == CERTCTL_E_CRASHED && crashes < 8)
		crashes++;
	CU_ASSERT(crashes >= 2);
	ASSERT_FAILS(rc, CERTCTL_E_UNAVAILABLE, "times in a row; it is started again in ", err);
	CU_ASSERT(err.retryable && err.retry_after_s >= 1);
	sleep_ms(err.retry_after_s * 1000L + 100);
	ASSERT_FAILS(certctl_connector_test(animal, NULL, &err), CERTCTL_E_CRASHED, "SIGABRT", err);
	talloc_free(animal);
}

static void the_pool_ends_all_it_started(void)
{
	end_pool(zoo_pool());
}

const struct test tests[] = {
	TEST(a_cancelled_call_ends_as_the_plugin_says),
	TEST(a_plugin_that_does_not_hear_a_cancel_is_killed),
	TEST(a_deadline_kills_the_process_and_the_next_call_gets_a_new_one),
	TEST(a_stopped_process_is_killed_at_the_deadline),
	TEST(a_killed_process_is_a_crash_with_its_signal),
	TEST(innocent_neighbours_of_a_deadline_are_tried_again_alone),
	TEST(stopping_interrupts_calls_and_does_not_repeat_them),
	TEST(crashes_in_a_row_are_answered_with_a_pause),
	TEST(the_pool_ends_all_it_started),
	{ 0 },
};
