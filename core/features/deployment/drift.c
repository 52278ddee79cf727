/* Targets that serve something else than what was deployed.  Knows nothing of how that was found out. */
#include "core/features/audit/audit.h"
#include "core/features/deployment/deployment.sql.h"
#include "deployment.h"

#include <certctl/json.h>
#include <certctl/log.h>
#include <string.h>

/* What one transaction needs, and what it found out. */
struct observing {
	TALLOC_CTX *mem;
	const char *agent_id, *bindings, *fingerprints; /* the two lists as text[] */
	size_t count;
	struct db_result *drifted;
};

static int record(struct db *db, const struct observing *work, size_t row, struct certctl_error *err)
{
	struct audit_actor agent = { .name = work->agent_id, .type = "agent" };
	CERTCTL_AUTO(json_decref)
	json_t *details = json_pack("{s:s, s:s, s:s, s:s}", "target_id", db_get_text(work->drifted, row, "target_id"),
		"version_id", db_get_text(work->drifted, row, "version_id"), "expected",
		db_get_text(work->drifted, row, "expected"), "served", db_get_text(work->drifted, row, "served"));
	struct audit_event event = { .action = "certificate_drift_detected",
		.resource_type = "certificate",
		.resource_id = db_get_text(work->drifted, row, "certificate_id"),
		.details = details ? certctl_json_text(work->mem, details, NULL) : NULL };

	return audit_record(db, &agent, &event, err);
}

static int observe(struct db *db, void *arg, struct certctl_error *err)
{
	struct observing *work = arg;
	struct db_result *seen = NULL;
	int rc = db_run(db, work->mem, &query_bindings_observed,
		DB_VALUES(db_text(work->agent_id), db_text(work->bindings), db_text(work->fingerprints)), &seen, err);

	if (rc == 0 && db_rows(seen) < work->count)
		rc = certctl_fail(err, CERTCTL_E_NOT_FOUND,
			"observations: one of the bindings is not there, or is named twice");
	if (rc == 0)
		rc = db_run(db, work->mem, &query_drift_redeploy,
			DB_VALUES(db_text(work->agent_id), db_text(work->bindings)), &work->drifted, err);
	for (size_t row = 0; rc == 0 && row < db_rows(work->drifted); row++)
		rc = record(db, work, row, err);
	return rc;
}

static bool is_fingerprint(const char *text)
{
	return strlen(text) == 64 && text[strspn(text, "0123456789abcdef")] == '\0';
}

int drift_take(struct core *core, TALLOC_CTX *mem, const char *agent_id, const struct drift_observation *observations,
	size_t count, struct certctl_error *err)
{
	struct observing work = { .mem = mem, .agent_id = agent_id, .count = count };
	const char **bindings = talloc_array(mem, const char *, (unsigned)count);
	const char **fingerprints = talloc_array(mem, const char *, (unsigned)count);

	if (!bindings || !fingerprints)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < count; i++) {
		const char *served = observations[i].served_fingerprint;

		if (served && !is_fingerprint(served))
			return certctl_fail(err, CERTCTL_E_INVALID,
				"observations[%zu].served_fingerprint: 64 hexadecimal digits expected", i);
		bindings[i] = observations[i].binding_id;
		fingerprints[i] = served ? served : "";
	}
	work.bindings = db_array(mem, bindings, count);
	work.fingerprints = db_array(mem, fingerprints, count);
	int rc = db_transaction(core->db, observe, &work, err);

	if (rc < 0 || db_rows(work.drifted) == 0)
		return rc;
	for (size_t row = 0; row < db_rows(work.drifted); row++)
		certctl_log(CERTCTL_LOG_WARNING, "target.drifted", "target",
			db_get_text(work.drifted, row, "target_id"), "certificate",
			db_get_text(work.drifted, row, "certificate_id"), "served",
			db_get_text(work.drifted, row, "served"), NULL);
	jobs_wake(core->jobs);
	return 0;
}
