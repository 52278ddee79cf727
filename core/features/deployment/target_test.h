/* Inside deployment: tests of targets, jobs of type Validation. */
#ifndef CORE_DEPLOYMENT_TARGET_TEST_H
#define CORE_DEPLOYMENT_TARGET_TEST_H

#include "deployment.h"

/* POST /api/v1/targets/{id}/test */
http_handler_fn target_test;

/* In the transaction of a report: the end of the test, its events.  `why` NULL: passed. */
int target_test_end(struct db *db, TALLOC_CTX *mem, const struct deployment_report *in, const char *target_id,
	const json_t *report, const struct certctl_error *why, struct certctl_error *err) CERTCTL_CHECKED;

/* In the transaction that deletes the target. */
int target_tests_cancel(struct db *db, TALLOC_CTX *mem, const char *target_id, const char *actor,
	struct certctl_error *err) CERTCTL_CHECKED;

#endif
