/* The operation "test": is the server there, and would a deployment be allowed?  The plugin says; nothing changes. */
#include "agent/shared/link.h"
#include "prepared.h"

#include <certctl/log.h>
#include <certctl/time.h>

#define TEST_MS 60000

int certctl_worker_test(struct certctl_worker *worker, TALLOC_CTX *mem, const json_t *argument, json_t **ret,
	struct certctl_error *err)
{
	struct certctl_call call = { .timeout_ms = TEST_MS };
	struct certctl_request_target target = { 0 };
	struct certctl_connector *connector = NULL;
	struct certctl_error why = { 0 };
	int64_t began_ms = certctl_monotonic_ms();
	int rc = certctl_request_test(mem, argument, &target, err);

	if (rc < 0)
		return rc;
	/* Options that the plugin refuses are a result like any other. */
	rc = certctl_open_target(worker, mem, &target, &connector, &why);
	if (rc == 0)
		rc = certctl_connector_test(connector, &call, &why);
	if (rc < 0)
		certctl_log_error(CERTCTL_LOG_NOTICE, "target.test_failed", &why, "target", target.id, NULL);
	else
		certctl_log(CERTCTL_LOG_INFO, "target.tested", "target", target.id, NULL);
	*ret = json_pack("{s:I, s:o}", "elapsed_ms", (json_int_t)(certctl_monotonic_ms() - began_ms), "error",
		rc < 0 ? certctl_link_error_json(&why) : json_null());
	return *ret ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "test");
}
