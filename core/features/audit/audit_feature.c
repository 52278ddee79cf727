/* The feature: its threads and its routes. */
#include "audit.h"
#include "audit_routes.h"
#include "calls.h"
#include "core/features/audit/audit.sql.h"
#include "core/features/audit/seal.sql.h"
#include "sealer.h"

#include <certctl/buffer.h>
#include <string.h>

struct audit {
	struct audit_sealer *sealer;
	struct audit_calls *calls;
	bool is_protected;
};

bool audit_is_protected(const struct audit *audit)
{
	return audit->is_protected;
}

/* What is left out of the trail stands in the trail. */
static int record_excluded(struct db_pool *db, TALLOC_CTX *mem, const struct certctl_list *exclude,
	struct certctl_error *err)
{
	struct certctl_buffer details;

	certctl_buffer_init(&details, mem, 65536);
	certctl_buffer_puts(&details, "{\"paths\":[");
	for (size_t i = 0; i < exclude->count; i++) {
		const char *path = ((const char *const *)exclude->items)[i];

		certctl_buffer_puts(&details, i ? "," : "");
		certctl_buffer_json_string(&details, path, strlen(path));
	}
	certctl_buffer_puts(&details, "]}");
	int rc = certctl_buffer_finish(&details, err);

	return rc < 0 ? rc
		      : db_once(db, NULL, &query_audit_record,
				DB_VALUES(db_text("audit_paths_excluded"), db_text("certctld"), db_text("server"),
					db_text(NULL), db_text(NULL), db_text("api"), db_text("api"),
					db_text(details.data)),
				NULL, err);
}

void audit_tell_witness(struct http_request *request, struct http_reply *reply)
{
	const char *checkpoint = audit_sealer_checkpoint(core_of(request)->audit->sealer, request);

	if (checkpoint)
		http_reply_header(reply, "Certctl-Audit-Checkpoint", checkpoint);
}

static int check_protection(struct audit *audit, struct db_pool *db, struct certctl_error *err)
{
	struct db_result *rows = NULL;
	int rc = db_once(db, audit, &query_audit_is_protected, DB_NO_VALUES, &rows, err);

	if (rc == 0)
		audit->is_protected = db_get_boolean(rows, 0, "is_protected");
	return rc;
}

static int start(struct core *core, TALLOC_CTX *mem, struct certctl_error *err)
{
	const struct certctl_list *exclude = &core->settings->audit.exclude_paths;
	struct audit *audit = talloc_zero(mem, struct audit);
	int rc = audit ? audit_exclude_check(exclude, err) : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	if (rc == 0)
		rc = audit_sealer_start(audit, core->db, core->settings->state_dir, &audit->sealer, err);
	if (rc == 0)
		rc = check_protection(audit, core->db, err);
	if (rc == 0 && exclude->count > 0)
		rc = record_excluded(core->db, audit, exclude, err);
	if (rc == 0)
		rc = audit_calls_start(audit, core->db, exclude, &audit->calls, err);
	if (rc < 0) {
		talloc_free(audit);
		return rc;
	}
	core->audit = audit;
	return 0;
}

/* The last calls are written, then sealed. */
static void stop(struct core *core)
{
	if (core->audit) {
		TALLOC_FREE(core->audit->calls);
		TALLOC_FREE(core->audit->sealer);
	}
	TALLOC_FREE(core->audit);
}

static bool finished(struct http_request *request, const struct http_reply *reply, bool can_hold)
{
	return audit_calls_take(core_of(request)->audit->calls, request, reply, can_hold);
}

static void read_dropped(void *context, const struct metric *metric, struct certctl_buffer *out)
{
	const struct core *core = context;

	metric_sample(out, metric, NULL, (double)audit_calls_dropped(core->audit->calls));
}

static const struct metric metrics[] = {
	{ "certctl_audit_seal_lag_seconds", "How old the first event is that is not sealed.", METRIC_GAUGE, { 0 },
		.query = &query_metric_audit_lag, .every_s = 5 },
	{ "certctl_audit_sealed_events_total", "Events that are sealed.", METRIC_COUNTER, { 0 },
		.query = &query_metric_audit_sealed, .every_s = 5 },
	{ "certctl_audit_checkpoint_age_seconds", "How old the latest signature over the trail is.", METRIC_GAUGE,
		{ 0 }, .query = &query_metric_audit_checkpoint_age, .every_s = 5 },
	{ "certctl_audit_calls_dropped_total",
		"Calls that were refused and are missing in the trail, because too many came at once.", METRIC_COUNTER,
		{ 0 }, read_dropped },
	{ 0 },
};

const struct feature audit_feature = { .name = "audit",
	.about = "What happened.",
	.routes = audit_routes,
	.metrics = metrics,
	.start = start,
	.stop = stop,
	.finished = finished };
