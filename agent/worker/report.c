/* Deployment reports as JSON. */
#include "agent/shared/link.h"
#include "worker.h"

const char *certctl_worker_outcome_name(enum certctl_deploy_outcome outcome)
{
	switch (outcome) {
	case CERTCTL_DEPLOY_COMPLETED:
		return "completed";
	case CERTCTL_DEPLOY_UNCHANGED:
		return "unchanged";
	case CERTCTL_DEPLOY_ROLLED_BACK:
		return "rolled_back";
	case CERTCTL_DEPLOY_BROKEN:
		return "broken";
	case CERTCTL_DEPLOY_REFUSED:
		return "refused";
	}
	return "unknown";
}

static json_t *step_json(const struct certctl_deploy_step *step)
{
	return json_pack("{s:s, s:b, s:s, s:I}", "name", step->name, "ok", step->ok, "detail",
		step->detail ? step->detail : "", "elapsed_ms", (json_int_t)step->elapsed_ms);
}

static json_t *steps_json(const struct certctl_deploy_step *const *steps)
{
	json_t *list = json_array();

	for (; steps && *steps; steps++)
		json_array_append_new(list, step_json(*steps));
	return list;
}

json_t *certctl_worker_report_json(const char *job_id, const struct certctl_deploy_report *report)
{
	bool is_good = report->outcome == CERTCTL_DEPLOY_COMPLETED || report->outcome == CERTCTL_DEPLOY_UNCHANGED;

	return json_pack("{s:s, s:s, s:b, s:s?, s:o, s:o}", "job_id", job_id, "outcome",
		certctl_worker_outcome_name(report->outcome), "verified", report->verified, "served_fingerprint",
		report->served_fingerprint, "steps", steps_json(report->steps), "error",
		is_good ? json_null() : certctl_link_error_json(&report->error));
}
