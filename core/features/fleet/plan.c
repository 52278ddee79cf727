/* What an agent is to keep, shown without handing out work: for its --dry-run and its looks at what is served. */
#include "core/features/fleet/fleet.sql.h"
#include "work.h"

#include <certctl/name.h>

/* With leaf and chain a row has some 5 KB. */
#define ROWS_MAX 100

static const struct certctl_field plan_fields[] = {
	RESOURCE_SHOWN("data", CERTCTL_LIST),
	RESOURCE_SHOWN("next", CERTCTL_TEXT), /* `after` of the next page; null: that was all */
	{ 0 },
};
const struct http_body fleet_plan_body = { "Plan", plan_fields };
const char *const fleet_plan_filters[] = { "after", NULL };

int fleet_plan(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	const char *after = http_query(request, "after");
	struct db_result *rows = NULL;

	if (after && !certctl_id_is_valid(after))
		return certctl_fail(err, CERTCTL_E_INVALID, "after: the value of `next` expected");
	int rc = db_once(core_of(request)->db, request, &query_agent_plan,
		DB_VALUES(db_text(request->actor), db_text(after), db_integer(ROWS_MAX + 1)), &rows, err);

	if (rc < 0)
		return rc;
	size_t count = db_rows(rows) > ROWS_MAX ? ROWS_MAX : db_rows(rows);

	certctl_buffer_puts(&reply->body, "{\"data\":[");
	for (size_t i = 0; i < count; i++)
		certctl_buffer_printf(&reply->body, "%s%s", i ? "," : "", db_get_text(rows, i, "item"));
	if (db_rows(rows) > count)
		certctl_buffer_printf(&reply->body, "],\"next\":\"%s\"}", db_get_text(rows, count - 1, "id"));
	else
		certctl_buffer_puts(&reply->body, "],\"next\":null}");
	return http_reply_json(reply, 200);
}
