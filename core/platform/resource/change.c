/*
 * Changes: one transaction each, with the event in it.  A row is locked before it is compared with what the caller has seen
 * (If-Match), and what does not change anything writes nothing.  Knows no resource's rules: those are hooks.
 */
#include "engine.h"

#include <certctl/json.h>
#include <stdarg.h>
#include <string.h>

/* What one request changes; `change` is what hooks see of it. */
struct changing {
	struct resource_change change;
	const struct resource_bound *bound;
	json_t *body; /* NULL: DELETE */
	struct db_result *rows;
};

int resource_problem(struct resource_change *change, struct certctl_error *err, const char *field, const char *format,
	...)
{
	struct certctl_error why = { 0 };
	va_list args;

	va_start(args, format);
	certctl_failv(&why, CERTCTL_E_INVALID, format, args);
	va_end(args);
	if (!change->reply->problems)
		change->reply->problems = json_array();
	json_array_append_new(change->reply->problems, json_pack("{s:s, s:s}", "field", field, "detail", why.what));
	if (json_array_size(change->reply->problems) == 1)
		certctl_fail(err, CERTCTL_E_INVALID, "%s: %s", field, why.what);
	return CERTCTL_E_INVALID;
}

static int call(resource_hook_fn *hook, struct resource_change *change, struct certctl_error *err)
{
	return hook ? hook(change, err) : 0;
}

/* --- Rows as documents ----------------------------------------------------------------------------------------------- */

static int document_of(const struct changing *changing, json_t **ret, struct certctl_error *err)
{
	struct certctl_buffer text;

	certctl_buffer_init(&text, changing->change.mem, 4 << 20);
	resource_write_one(&text, changing->bound, changing->rows, 0);
	int rc = certctl_buffer_finish(&text, err);
	const struct certctl_json_limits limits = { .max_bytes = 4 << 20, .max_nodes = 200000 };

	if (*ret)
		json_decref(*ret);
	*ret = NULL;
	return rc < 0 ? rc : certctl_json_parse(text.data, text.len, &limits, ret, err);
}

static int read_row(struct changing *changing, struct certctl_error *err)
{
	struct resource_change *change = &changing->change;

	return resource_read_one(change->request, changing->bound, change->db, change->id, &changing->rows, err);
}

/* Nobody changes it until we are done.  What is read may be a view over it. */
static int lock_row(struct changing *changing, struct certctl_error *err)
{
	struct resource_change *change = &changing->change;
	struct db_result *rows = NULL;
	struct statement statement;

	statement_init(&statement, change->mem);
	certctl_buffer_printf(&statement.text, "SELECT id FROM %s WHERE id = $%zu FOR UPDATE", change->resource->table,
		statement_value(&statement, change->id));
	int rc = statement_run(&statement, change->services, change->db, change->mem, &rows, err);

	if (rc == 0)
		rc = read_row(changing, err);
	return rc < 0 ? rc : document_of(changing, &change->before, err);
}

static int check_match(struct changing *changing, struct certctl_error *err)
{
	struct resource_change *change = &changing->change;
	struct certctl_buffer text;

	certctl_buffer_init(&text, change->mem, 4 << 20);
	resource_write_one(&text, changing->bound, changing->rows, 0);
	int rc = certctl_buffer_finish(&text, err);

	if (rc < 0 || http_if_match(change->request, resource_row_tag(change->request, changing->bound, &text)))
		return rc;
	change->reply->status = 412;
	change->reply->code = "precondition_failed";
	certctl_fail(err, CERTCTL_E_CONFLICT, "%s '%s' was changed since it was read", changing->bound->title,
		change->id);
	certctl_hint(err, "Get it again, and repeat the change with the new ETag in If-Match.");
	return CERTCTL_E_CONFLICT;
}

/* What no member can say alone; a problem that was told is one even when the hook says 0. */
static int check_wanted(struct changing *changing, struct certctl_error *err)
{
	int rc = call(changing->change.resource->check, &changing->change, err);

	return rc == 0 && changing->change.reply->problems ? CERTCTL_E_INVALID : rc;
}

/* --- Around the write ------------------------------------------------------------------------------------------------ */

static int record(struct changing *changing, const char *verb, struct certctl_error *err)
{
	struct resource_change *change = &changing->change;
	const struct resource_event event = { talloc_asprintf(change->mem, "%s_%s", change->resource->kind, verb),
		change->resource->kind, change->id,
		resource_difference(change->mem, changing->bound, change->before, change->after) };

	if (!event.action || !event.details)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	return change->services->record(change->db, change->request, &event, err);
}

/* What it is now, which the caller must be allowed to see: nobody puts anything where it is out of reach. */
static int read_after(struct changing *changing, struct certctl_error *err)
{
	struct resource_change *change = &changing->change;
	int rc = read_row(changing, err);

	if (rc == CERTCTL_E_NOT_FOUND && change->request->scope)
		return certctl_fail(err, CERTCTL_E_DENIED, "%s '%s' would be outside of what this key is limited to",
			changing->bound->title, change->id);
	return rc < 0 ? rc : document_of(changing, &change->after, err);
}

static void begin(struct changing *changing, struct db *db)
{
	struct resource_change *change = &changing->change;

	change->db = db;
	change->is_changed = false;
	if (change->reply->problems)
		json_decref(change->reply->problems);
	change->reply->problems = NULL;
}

static int create(struct db *db, void *arg, struct certctl_error *err)
{
	struct changing *changing = arg;
	struct resource_change *change = &changing->change;
	int rc;

	begin(changing, db);
	change->is_changed = true;
	rc = resource_wanted_read(change, changing->body, err);
	if (rc == 0)
		rc = resource_row_make_id(change, err);
	if (rc == 0)
		rc = check_wanted(changing, err);
	if (rc == 0)
		rc = resource_row_insert(change, err);
	if (rc == 0)
		rc = call(change->resource->written, change, err);
	if (rc == 0)
		rc = read_after(changing, err);
	return rc < 0 ? rc : record(changing, "created", err);
}

static int update(struct db *db, void *arg, struct certctl_error *err)
{
	struct changing *changing = arg;
	struct resource_change *change = &changing->change;
	int rc;

	begin(changing, db);
	rc = lock_row(changing, err);
	if (rc == 0)
		rc = check_match(changing, err);
	if (rc == 0)
		rc = resource_wanted_read(change, changing->body, err);
	if (rc == 0)
		rc = check_wanted(changing, err);
	if (rc == 0)
		rc = resource_row_update(change, err);
	if (rc == 0)
		rc = call(change->resource->written, change, err);
	if (rc < 0 || !change->is_changed)
		return rc;
	rc = read_after(changing, err);
	return rc < 0 ? rc : record(changing, "updated", err);
}

static int delete_row(struct changing *changing, struct certctl_error *err)
{
	struct resource_change *change = &changing->change;
	struct statement statement;

	if (change->resource->remove)
		return change->resource->remove(change, err);
	statement_init(&statement, change->mem);
	certctl_buffer_printf(&statement.text, "DELETE FROM %s WHERE id = $%zu", change->resource->table,
		statement_value(&statement, change->id));
	return statement_run(&statement, change->services, change->db, change->mem, NULL, err);
}

static int delete (struct db *db, void *arg, struct certctl_error *err)
{
	struct changing *changing = arg;
	struct resource_change *change = &changing->change;
	int rc;

	begin(changing, db);
	change->is_changed = true;
	rc = lock_row(changing, err);
	if (rc == 0)
		rc = check_match(changing, err);
	if (rc == 0)
		rc = call(change->resource->check, change, err);
	if (rc == 0)
		rc = resource_check_uses(change, changing->bound, err);
	if (rc == 0)
		rc = delete_row(changing, err);
	return rc < 0 ? rc : record(changing, "deleted", err);
}

/* --- Handlers -------------------------------------------------------------------------------------------------------- */

/* "owner_id: there is no 'o-x'" of a constraint is a bad member like any other. */
static void name_member(struct changing *changing, const struct certctl_error *err)
{
	struct http_reply *reply = changing->change.reply;
	size_t len = strcspn(err->what, ":");

	if (reply->problems || err->what[len] != ':' || err->what[len + 1] != ' ')
		return;
	for (const struct certctl_field *field = changing->change.resource->fields; field->name; field++)
		if (strlen(field->name) == len && strncmp(field->name, err->what, len) == 0)
			reply->problems =
				json_pack("[{s:s, s:s}]", "field", field->name, "detail", err->what + len + 2);
}

static void done(void *arg)
{
	struct changing *changing = arg;

	changing->change.resource->done(&changing->change);
}

static int run(struct changing *changing, db_work_fn *work, struct certctl_error *err)
{
	struct resource_change *change = &changing->change;
	struct certctl_error why = { 0 };
	int rc = db_transaction(change->services->db(change->request), work, changing, &why);

	change->db = NULL;
	if (rc == CERTCTL_E_INVALID)
		name_member(changing, &why);
	if (rc == 0 && change->is_changed && change->resource->done)
		db_when_committed(change->services->db(change->request), done, changing);
	if (rc < 0 && err)
		*err = why;
	return rc;
}

static int release(struct changing *changing)
{
	json_decref(changing->body);
	json_decref(changing->change.document);
	json_decref(changing->change.before);
	json_decref(changing->change.after);
	return 0;
}

/* Lives as long as the request: what is to be done after the commit may come after the handler. */
static struct changing *start(struct http_request *request, struct http_reply *reply, enum resource_verb verb,
	struct certctl_error *err)
{
	struct changing *changing = talloc_zero(request, struct changing);

	if (!changing) {
		certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
		return NULL;
	}
	changing->bound = resource_bound_of(request);
	changing->change = (struct resource_change){ .verb = verb,
		.resource = changing->bound->resource,
		.services = changing->bound->services,
		.request = request,
		.reply = reply,
		.mem = request,
		.id = verb == RESOURCE_CREATE ? NULL : http_path(request, "id") };
	talloc_set_destructor(changing, release);
	return changing;
}

int resource_handle_create(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	struct changing *changing = start(request, reply, RESOURCE_CREATE, err);
	int rc = changing ? resource_read_document(request, reply, false, &changing->body, err) : CERTCTL_E_NO_MEMORY;

	if (rc == 0)
		rc = run(changing, create, err);
	if (rc < 0)
		return rc;
	http_reply_header(reply, "Location",
		talloc_asprintf(request, "%s/%s", changing->bound->resource->path, changing->change.id));
	return resource_show_one(request, reply, changing->bound, 201, changing->rows);
}

static int handle_update(struct http_request *request, struct http_reply *reply, enum resource_verb verb,
	struct certctl_error *err)
{
	struct changing *changing = start(request, reply, verb, err);
	int rc = changing ? resource_read_document(request, reply, verb == RESOURCE_PATCH, &changing->body, err)
			  : CERTCTL_E_NO_MEMORY;

	if (rc == 0)
		rc = run(changing, update, err);
	return rc < 0 ? rc : resource_show_one(request, reply, changing->bound, 200, changing->rows);
}

int resource_handle_replace(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	return handle_update(request, reply, RESOURCE_REPLACE, err);
}

int resource_handle_patch(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	return handle_update(request, reply, RESOURCE_PATCH, err);
}

int resource_handle_delete(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	struct changing *changing = start(request, reply, RESOURCE_DELETE, err);
	int rc = changing ? run(changing, delete, err) : CERTCTL_E_NO_MEMORY;

	return rc < 0 ? rc : http_reply_empty(reply, 204);
}
