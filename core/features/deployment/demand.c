/* Deployments that an operator asks for: again, or of a version before.  Knows nothing of how one is made. */
#include "demand.h"
#include "core/features/audit/audit.h"
#include "core/features/certificates/certificates.h"
#include "core/features/deployment/deployment.sql.h"
#include "core/features/jobs/jobs.h"
#include "core/platform/jobs/jobs.sql.h"
#include "core/platform/resource/resource.h"
#include "deployment.h"

#include <certctl/json.h>

struct demand {
	const char *certificate_id; /* of a body, where the path names none */
	struct certctl_list target_ids;
	const char *version_id;
};

static const struct certctl_field demand_fields[] = {
	CERTCTL_OPTION(struct demand, target_ids, CERTCTL_LIST, .item_type = CERTCTL_REFERENCE, .min = 1, .max = 1000,
		.refers_to = "target", .help = "Some of the certificate's targets; all when not given."),
	CERTCTL_OPTION(struct demand, version_id, CERTCTL_REFERENCE, .refers_to = "version",
		.help = "An earlier version, whose key the agent still has; the one in force when not given."),
	{ 0 },
};

/* For POST /api/v1/deployments. */
static const struct certctl_field demand_any_fields[] = {
	CERTCTL_OPTION(struct demand, certificate_id, CERTCTL_REFERENCE, .required = true, .refers_to = "certificate"),
	CERTCTL_OPTION(struct demand, target_ids, CERTCTL_LIST, .required = true, .item_type = CERTCTL_REFERENCE,
		.min = 1, .max = 1000, .refers_to = "target", .help = "Some of the certificate's targets."),
	CERTCTL_OPTION(struct demand, version_id, CERTCTL_REFERENCE, .refers_to = "version",
		.help = "An earlier version, whose key the agent still has; the one in force when not given."),
	{ 0 },
};
const struct http_body deployment_demand_any_body = { "DeploymentRequest", demand_any_fields };

const struct http_body deployment_demand_body = { "DeploymentDemand", demand_fields };

/* What one transaction needs, and what it found out. */
struct asking {
	struct http_request *request;
	const char *certificate_id;
	const struct demand *demand;
	const char *target_ids; /* text[]; NULL: all */
	struct db_result *jobs;
};

/* From now on this version is the one that should be there. */
static int want(struct db *db, const struct asking *asking, const char **ret_targets, struct certctl_error *err)
{
	struct db_result *rows = NULL;
	int rc = db_run(db, asking->request, &query_bindings_want,
		DB_VALUES(db_text(asking->certificate_id), db_text(asking->target_ids),
			db_text(asking->demand->version_id)),
		&rows, err);

	if (rc < 0)
		return rc;
	size_t count = db_rows(rows);
	const char **targets = talloc_array(asking->request, const char *, (unsigned)count + 1);

	if (asking->target_ids && count != asking->demand->target_ids.count)
		return certctl_fail(err, CERTCTL_E_DENIED,
			"target_ids: one of them does not serve this certificate, is named twice, its agent is retired, or has no such "
			"version in force");
	if (count == 0)
		return certctl_fail(err, CERTCTL_E_DENIED,
			"no target of certificate '%s' can have it: no such version, its end has passed, no targets, or retired agents",
			asking->certificate_id);
	for (size_t i = 0; targets && i < count; i++)
		targets[i] = db_get_text(rows, i, "target_id");
	*ret_targets = targets ? db_array(asking->request, targets, count) : NULL;
	return *ret_targets ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}

static int record(struct db *db, const struct asking *asking, const struct audit_actor *actor,
	struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *details = json_pack("{s:s*}", "version_id", asking->demand->version_id);
	struct audit_event event = { .action = "certificate_deployment_requested",
		.resource_type = "certificate",
		.resource_id = asking->certificate_id,
		.details = details ? certctl_json_text(asking->request, details, NULL) : NULL };

	return audit_record(db, actor, &event, err);
}

/* What waits is replaced.  What runs is left: its report is followed by what is wanted by then. */
static int ask_for(struct db *db, void *arg, struct certctl_error *err)
{
	struct asking *asking = arg;
	struct audit_actor actor = audit_actor_of(asking->request);
	struct db_value certificate = db_text(asking->certificate_id);
	const char *targets = NULL;
	int rc = certificate_hold(db, asking->certificate_id, asking->request->scope, err);

	if (rc == 0)
		rc = want(db, asking, &targets, err);
	if (rc == 0)
		rc = db_run(db, NULL, &query_jobs_supersede,
			DB_VALUES(certificate, db_text("Deployment"), db_text(NULL), db_text(targets)), NULL, err);
	if (rc == 0)
		rc = db_run(db, NULL, &query_deployment_order,
			DB_VALUES(certificate, db_text(targets), db_text(actor.name)), NULL, err);
	if (rc == 0)
		rc = db_run(db, asking->request, &query_deployments_live, DB_VALUES(certificate, db_text(targets)),
			&asking->jobs, err);
	return rc < 0 ? rc : record(db, asking, &actor, err);
}

static int check_visible(const struct asking *asking, struct certctl_error *err)
{
	struct http_request *request = asking->request;
	struct db_result *rows = NULL;
	int rc = db_once(core_of(request)->db, request, &query_deployable,
		DB_VALUES(db_text(asking->certificate_id), db_text(request->scope)), &rows, err);

	return rc == 0 && db_rows(rows) == 0
		       ? certctl_fail(err, CERTCTL_E_NOT_FOUND, "certificate '%s' is not there", asking->certificate_id)
		       : rc;
}

static int answer(struct asking *asking, struct http_reply *reply, struct certctl_error *err)
{
	struct http_request *request = asking->request;
	const struct certctl_list *targets = &asking->demand->target_ids;
	int rc = check_visible(asking, err);

	if (rc < 0)
		return rc;
	if (targets->count > 0)
		asking->target_ids = db_array(request, targets->items, targets->count);
	rc = db_transaction(core_of(request)->db, ask_for, asking, err);
	if (rc < 0) {
		/* Well-formed, and not possible. */
		reply->status = rc == CERTCTL_E_DENIED ? 422 : 0;
		return rc;
	}
	jobs_wake(core_of(request)->jobs);
	return jobs_reply_accepted(reply, asking->jobs);
}

int deployment_demand(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	struct demand demand = { 0 };
	struct asking asking = { .request = request, .certificate_id = http_path(request, "id"), .demand = &demand };
	int rc = request->body_len > 0 ? resource_read(request, reply, demand_fields, &demand, err) : 0;

	return rc < 0 ? rc : answer(&asking, reply, err);
}

int deployment_demand_any(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	struct demand demand = { 0 };
	int rc = resource_read(request, reply, demand_any_fields, &demand, err);
	struct asking asking = { .request = request, .certificate_id = demand.certificate_id, .demand = &demand };

	return rc < 0 ? rc : answer(&asking, reply, err);
}
