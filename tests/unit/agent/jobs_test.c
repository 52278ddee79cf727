/* What the agent tells the worker and the control plane about a job. */
#include "agent/agent.h"

#include "test.h"

#include <string.h>

static json_t *parse(const char *text)
{
	json_t *value = NULL;
	struct certctl_error err = { 0 };

	ASSERT_OK(certctl_json_parse(text, strlen(text), NULL, &value, &err), err);
	return value;
}

static const char *text_of(const json_t *value)
{
	return certctl_json_text(test_mem(), value, NULL);
}

static void the_worker_is_told_what_the_protocol_has_and_nothing_else(void)
{
	CERTCTL_AUTO(json_decref)
	json_t *job = parse(
		"{\"id\":\"job-1\",\"type\":\"Deployment\",\"step\":\"deploy\",\"token\":7,\"lease_s\":300,\"new\":1,"
		"\"certificate\":{\"id\":\"mc-1\",\"new\":1},\"version\":{\"id\":\"ver-1\",\"new\":1},"
		"\"target\":{\"id\":\"tgt-1\",\"plugin\":\"nginx\",\"options\":{\"kept\":1},\"new\":1},"
		"\"binding\":{\"id\":\"bnd-1\",\"new\":1},\"is_rollback\":true}");
	CERTCTL_AUTO(json_decref) json_t *told = certctl_jobs_deployment(job);

	ASSERT_TEXT(text_of(told),
		"{\"job_id\":\"job-1\",\"certificate\":{\"id\":\"mc-1\"},\"version\":{\"id\":\"ver-1\"},"
		"\"target\":{\"id\":\"tgt-1\",\"plugin\":\"nginx\",\"options\":{\"kept\":1}},\"binding\":{\"id\":\"bnd-1\"},"
		"\"is_rollback\":true}");
}

static void a_job_without_a_target_says_so(void)
{
	CERTCTL_AUTO(json_decref)
	json_t *job = parse("{\"id\":\"job-1\",\"certificate\":{},\"version\":{},\"target\":null}");
	CERTCTL_AUTO(json_decref) json_t *told = certctl_jobs_deployment(job);

	CU_ASSERT_TRUE(json_is_null(json_object_get(told, "target")));
	CU_ASSERT_TRUE(json_is_null(json_object_get(told, "binding")));
}

static void the_outcome_decides_the_state(void)
{
	static const struct {
		const char *outcome, *state;
	} rows[] = { { "completed", "Completed" }, { "unchanged", "Completed" }, { "passed", "Completed" },
		{ "failed", "Failed" }, { "rolled_back", "Failed" }, { "broken", "Failed" }, { "refused", "Failed" },
		{ "", "Failed" } };
	CERTCTL_AUTO(json_decref) json_t *job = parse("{\"id\":\"job-1\",\"token\":9007199254740993}");

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		CERTCTL_AUTO(json_decref)
		json_t *report =
			json_pack("{s:s, s:s, s:b}", "job_id", "job-1", "outcome", rows[i].outcome, "verified", 1);
		CERTCTL_AUTO(json_decref) json_t *status = certctl_jobs_status(job, report);

		ASSERT_TEXT(certctl_json_text_or(status, "state", ""), rows[i].state);
		CU_ASSERT_EQUAL(certctl_json_integer_or(status, "token", 0), INT64_C(9007199254740993));
		CU_ASSERT_PTR_NULL(json_object_get(json_object_get(status, "report"), "job_id"));
		CU_ASSERT_TRUE(json_is_true(json_object_get(json_object_get(status, "report"), "verified")));
	}
}

const struct test tests[] = {
	TEST(the_worker_is_told_what_the_protocol_has_and_nothing_else),
	TEST(a_job_without_a_target_says_so),
	TEST(the_outcome_decides_the_state),
	{ 0 },
};
