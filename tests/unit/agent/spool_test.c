/* The spool: nothing is forgotten, nothing is sent out of order, a damaged file stops nobody. */
#include "agent/spool.h"

#include "test.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char sent[256];
static unsigned accept_count;

static enum certctl_spool_verdict take(void *arg, const char *job_id, json_t *body, struct certctl_error *err)
{
	size_t len = strlen(sent);

	(void)arg;
	if (accept_count == 0) {
		certctl_fail(err, CERTCTL_E_UNAVAILABLE, "control plane: away");
		return CERTCTL_SPOOL_LATER;
	}
	accept_count--;
	snprintf(sent + len, sizeof(sent) - len, "%s=%s ", job_id, certctl_json_text_or(body, "state", "?"));
	return CERTCTL_SPOOL_TAKEN;
}

static struct certctl_spool *open_spool(const char *dir)
{
	struct certctl_spool *spool = NULL;
	struct certctl_error err = { 0 };

	sent[0] = '\0';
	ASSERT_OK(certctl_spool_open(test_mem(), dir, &spool, &err), err);
	return spool;
}

static void add(struct certctl_spool *spool, const char *job_id, const char *state)
{
	CERTCTL_AUTO(json_decref) json_t *body = json_pack("{s:s}", "state", state);
	struct certctl_error err = { 0 };

	ASSERT_OK(certctl_spool_add(spool, job_id, body, &err), err);
}

static size_t count(struct certctl_spool *spool)
{
	struct certctl_error err = { 0 };
	size_t number = 0;

	ASSERT_OK(certctl_spool_count(spool, &number, &err), err);
	return number;
}

static void reports_survive_a_restart_and_leave_in_order(void)
{
	const char *dir = test_temporary_dir();
	struct certctl_spool *spool = open_spool(dir);
	struct certctl_error err = { 0 };

	add(spool, "job-2", "Failed");
	add(spool, "job-1", "Completed");
	talloc_free(spool);
	spool = open_spool(dir);
	accept_count = 10;
	ASSERT_OK(certctl_spool_flush(spool, take, NULL, &err), err);
	ASSERT_TEXT(sent, "job-1=Completed job-2=Failed ");
	CU_ASSERT_EQUAL(count(spool), 0);
}

static void what_is_not_taken_stays(void)
{
	struct certctl_spool *spool = open_spool(test_temporary_dir());
	struct certctl_error err = { 0 };

	add(spool, "job-1", "Completed");
	add(spool, "job-2", "Completed");
	accept_count = 1;
	ASSERT_FAILS(certctl_spool_flush(spool, take, NULL, &err), CERTCTL_E_UNAVAILABLE, "away", err);
	ASSERT_TEXT(sent, "job-1=Completed ");
	CU_ASSERT_EQUAL(count(spool), 1);
}

static void a_newer_report_of_a_job_replaces_the_older(void)
{
	struct certctl_spool *spool = open_spool(test_temporary_dir());
	struct certctl_error err = { 0 };

	add(spool, "job-1", "Failed");
	add(spool, "job-1", "Completed");
	accept_count = 10;
	ASSERT_OK(certctl_spool_flush(spool, take, NULL, &err), err);
	ASSERT_TEXT(sent, "job-1=Completed ");
}

static void a_damaged_report_is_put_aside(void)
{
	const char *dir = test_temporary_dir();
	struct certctl_spool *spool = open_spool(dir);
	struct certctl_error err = { 0 };
	char path[512];

	add(spool, "job-1", "Completed");
	add(spool, "job-2", "Completed");
	snprintf(path, sizeof(path), "%s/job-1.json", dir);
	CU_ASSERT_EQUAL(truncate(path, 5), 0);
	accept_count = 10;
	ASSERT_OK(certctl_spool_flush(spool, take, NULL, &err), err);
	ASSERT_TEXT(sent, "job-2=Completed ");
	CU_ASSERT_EQUAL(count(spool), 0);
	snprintf(path, sizeof(path), "%s/.job-1.json.corrupt", dir);
	CU_ASSERT_EQUAL(access(path, F_OK), 0);
}

static void a_job_that_is_a_path_is_refused(void)
{
	struct certctl_spool *spool = open_spool(test_temporary_dir());
	CERTCTL_AUTO(json_decref) json_t *body = json_object();
	struct certctl_error err = { 0 };

	ASSERT_FAILS(certctl_spool_add(spool, "../job", body, &err), CERTCTL_E_INVALID, "not an id", err);
	CU_ASSERT_EQUAL(count(spool), 0);
}

const struct test tests[] = {
	TEST(reports_survive_a_restart_and_leave_in_order),
	TEST(what_is_not_taken_stays),
	TEST(a_newer_report_of_a_job_replaces_the_older),
	TEST(a_damaged_report_is_put_aside),
	TEST(a_job_that_is_a_path_is_refused),
	{ 0 },
};
