/* Policies: when certificates are renewed, who is told, and whose agents may have them.  What follows from a change is planned
 * anew by the schema. */
#include "core/features/policy/policy.sql.h"
#include "rules.h"

#include <certctl/name.h>
#include <string.h>

struct policy {
	const char *id, *name, *description, *agent_group_id, *renewal_window_start, *renewal_window_end;
	struct certctl_list alert_thresholds_days, renewal_days, notifier_ids;
	int64_t renewal_threshold_days, retries_max;
	bool auto_renew;
	struct certctl_time created_at, updated_at;
};

static const struct certctl_choice days[] = {
	{ "monday", 1, NULL },
	{ "tuesday", 2, NULL },
	{ "wednesday", 3, NULL },
	{ "thursday", 4, NULL },
	{ "friday", 5, NULL },
	{ "saturday", 6, NULL },
	{ "sunday", 7, NULL },
	{ 0 },
};

static const struct certctl_field fields[] = {
	CERTCTL_OPTION(struct policy, id, CERTCTL_REFERENCE, .refers_to = "policy",
		.help = "Chosen by you, or made for you."),
	CERTCTL_OPTION(struct policy, name, CERTCTL_TEXT, .required = true, .min = 1, .max = 200, .flags = POLICY_NAMED,
		.help = "For people; no two policies have the same."),
	CERTCTL_OPTION(struct policy, description, CERTCTL_TEXT, .max = 2000, .flags = RESOURCE_SEARCHED,
		.help = "For people."),
	CERTCTL_OPTION(struct policy, renewal_threshold_days, CERTCTL_INTEGER, .min = 0, .max = 400,
		.flags = RESOURCE_FILTERED | RESOURCE_SORTED,
		.help = "Renew this many days before the end; unset: after two thirds of the life."),
	CERTCTL_OPTION(struct policy, alert_thresholds_days, CERTCTL_LIST, .item_type = CERTCTL_INTEGER,
		.fallback = "30,14,7,0", .max = 20, .help = "An alert when this many days are left; empty: none."),
	CERTCTL_OPTION(struct policy, auto_renew, CERTCTL_BOOLEAN, .fallback = "true", .flags = RESOURCE_FILTERED,
		.help = "Renew without being asked."),
	CERTCTL_OPTION(struct policy, retries_max, CERTCTL_INTEGER, .fallback = "5", .min = 0, .max = 100,
		.help = "After a failure, before its job ends as failed."),
	CERTCTL_OPTION(struct policy, agent_group_id, CERTCTL_REFERENCE, .refers_to = "agent_group",
		.flags = RESOURCE_FILTERED, .help = "Agents of this group alone may hold the key; unset: any."),
	CERTCTL_OPTION(struct policy, renewal_days, CERTCTL_LIST, .item_type = CERTCTL_ENUM, .choices = days, .max = 7,
		.help = "Days on which it is renewed by itself; empty: every day."),
	CERTCTL_OPTION(struct policy, renewal_window_start, CERTCTL_TEXT, .min = 5, .max = 5,
		.help = "From this time of the day on, UTC: 22:00.  With renewal_window_end or not at all."),
	CERTCTL_OPTION(struct policy, renewal_window_end, CERTCTL_TEXT, .min = 5, .max = 5,
		.help = "Until this time; before the start: on the day after."),
	CERTCTL_OPTION(struct policy, notifier_ids, CERTCTL_LIST, .item_type = CERTCTL_REFERENCE, .max = 50,
		.refers_to = "notifier", .flags = RESOURCE_FILTERED,
		.help = "Who is told beside the owner; empty: the notifiers that are for everything."),
	CERTCTL_OPTION(struct policy, created_at, CERTCTL_TIME, .flags = POLICY_SHOWN),
	CERTCTL_OPTION(struct policy, updated_at, CERTCTL_TIME, .flags = POLICY_SHOWN),
	{ 0 },
};

static const struct resource_column columns[] = {
	{ "renewal_window_start", "to_char(r.renewal_window_start, 'HH24:MI')", NULL, false },
	{ "renewal_window_end", "to_char(r.renewal_window_end, 'HH24:MI')", NULL, false },
	{ 0 },
};

static bool is_time_of_day(const char *text)
{
	return text[0] >= '0' && text[0] <= '2' && text[1] >= '0' && text[1] <= (text[0] == '2' ? '3' : '9') &&
	       text[2] == ':' && text[3] >= '0' && text[3] <= '5' && text[4] >= '0' && text[4] <= '9' && !text[5];
}

static int check_window(struct resource_change *change, struct certctl_error *err)
{
	const struct policy *wanted = change->wanted;
	const char *const names[] = { "renewal_window_start", "renewal_window_end" };
	const char *const times[] = { wanted->renewal_window_start, wanted->renewal_window_end };
	int rc = 0;

	for (size_t i = 0; i < CERTCTL_COUNT(times); i++) {
		if (times[i] && !is_time_of_day(times[i]))
			rc = resource_problem(change, err, names[i], "a time such as 22:00 expected");
		if (!times[i] && times[1 - i])
			rc = resource_problem(change, err, names[i], "both ends of the window are needed, or none");
	}
	return rc;
}

static int check_thresholds(struct resource_change *change, struct certctl_error *err)
{
	const struct policy *wanted = change->wanted;
	const int64_t *thresholds = wanted->alert_thresholds_days.items;
	int rc = 0;

	for (size_t i = 0; i < wanted->alert_thresholds_days.count; i++)
		if (thresholds[i] < 0 || thresholds[i] > 400)
			rc = resource_problem(change, err, "alert_thresholds_days", "0..400 expected, got %lld",
				(long long)thresholds[i]);
	return rc;
}

static int check_notifiers(struct resource_change *change, struct certctl_error *err)
{
	const struct policy *wanted = change->wanted;
	const char *ids = db_array(change->mem, wanted->notifier_ids.items, wanted->notifier_ids.count);
	struct db_result *rows = NULL;
	int rc = wanted->notifier_ids.count > 0 ? db_run(change->db, change->mem, &query_policy_missing_notifiers,
							  DB_VALUES(db_text(ids)), &rows, err)
						: 0;

	for (size_t i = 0; rc == 0 && rows && i < db_rows(rows); i++)
		resource_problem(change, err, "notifier_ids", "there is no '%s'", db_get_text(rows, i, "id"));
	return rows && db_rows(rows) > 0 ? CERTCTL_E_INVALID : rc;
}

static int check(struct resource_change *change, struct certctl_error *err)
{
	if (!change->wanted)
		return 0;
	int window = check_window(change, err), thresholds = check_thresholds(change, err);
	int notifiers = check_notifiers(change, err);

	return window < 0 ? window : thresholds < 0 ? thresholds : notifiers;
}

static const struct resource_use uses[] = {
	{ "certificate", "certificates", "managed_certificates", "policy_id", NULL },
	{ 0 },
};

const struct resource policy_policies = { .kind = "policy",
	.body = "Policy",
	.path = "/api/v1/policies",
	.id_prefix = "rp-",
	.table = "policies",
	.fields = fields,
	.size = sizeof(struct policy),
	.verbs = RESOURCE_ALL,
	.read = PERMISSION_POLICIES_READ,
	.write = PERMISSION_POLICIES_WRITE,
	.is_stamped = true,
	.columns = columns,
	.uses = uses,
	.check = check };
