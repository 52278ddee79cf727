/* What an agent is to keep, shown without handing out work: for its --dry-run and its looks at what is served. */
#include "core/features/deployment/deployment.h"
#include "core/features/fleet/fleet.sql.h"
#include "work.h"

#include <certctl/log.h>
#include <certctl/name.h>

/* With leaf and chain a row has some 5 KB. */
#define ROWS_MAX 100

static const struct certctl_field plan_fields[] = {
	RESOURCE_SHOWN("data", CERTCTL_LIST),
	RESOURCE_SHOWN("next", CERTCTL_TEXT), /* `after` of the next page; null: that was all */
	{ 0 },
};
const struct http_body fleet_plan_body = { "Plan", plan_fields };
const char *const fleet_plan_filters[] = { "after", "target_id", NULL };

/* What the agent could not do anything with is left out: it would look at a server with a wrong password. */
static void put_rows(struct http_request *request, const struct db_result *rows, size_t count,
	struct certctl_buffer *out)
{
	const char *separator = "";

	for (size_t i = 0; i < count; i++) {
		struct certctl_error why = { 0 };
		const char *item = NULL;

		if (deployment_reveal(core_of(request), request, rows, i, "item", &item, &why) < 0) {
			certctl_log_error(CERTCTL_LOG_WARNING, "target.secret_unreadable", &why, NULL);
			continue;
		}
		certctl_buffer_printf(out, "%s%s", separator, item);
		separator = ",";
	}
}

int fleet_plan(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	const char *after = http_query(request, "after"), *target_id = http_query(request, "target_id");
	struct db_result *rows = NULL;

	if (after && !certctl_id_is_valid(after))
		return certctl_fail(err, CERTCTL_E_INVALID, "after: the value of `next` expected");
	if (target_id && !certctl_id_is_valid(target_id))
		return certctl_fail(err, CERTCTL_E_INVALID, "target_id: not an id");
	int rc = db_once(core_of(request)->db, request, &query_agent_plan,
		DB_VALUES(db_text(request->actor), db_text(after), db_integer(ROWS_MAX + 1), db_text(target_id)), &rows,
		err);

	if (rc < 0)
		return rc;
	size_t count = db_rows(rows) > ROWS_MAX ? ROWS_MAX : db_rows(rows);

	certctl_buffer_puts(&reply->body, "{\"data\":[");
	put_rows(request, rows, count, &reply->body);
	if (db_rows(rows) > count)
		certctl_buffer_printf(&reply->body, "],\"next\":\"%s\"}", db_get_text(rows, count - 1, "id"));
	else
		certctl_buffer_puts(&reply->body, "],\"next\":null}");
	return http_reply_json(reply, 200);
}
