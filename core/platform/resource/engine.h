/* Inside platform/resource: resources as the handlers want them, statements as they are made. */
#ifndef CORE_RESOURCE_ENGINE_H
#define CORE_RESOURCE_ENGINE_H

#include "declare.h"

/* --- A resource with everything looked up --------------------------------------------------------------------------- */

struct bound_column {
	const struct certctl_field *field;
	const char *output, *sort;
	const char *key; /* "\"name\":" */
	size_t key_len;
	bool is_never_null;
};

struct bound_filter {
	const char *name, *condition, *join, *key, *help;
	const struct certctl_field *field; /* type and choices of its value */
	const struct resource_filter_value *values;
	bool is_indexed;
};

struct resource_bound {
	const struct resource *resource;
	const struct resource_services *services;
	struct bound_column *shown; /* in the order of the table */
	size_t shown_count;
	struct bound_filter *filters;
	size_t filter_count;
	const char *title, *titles; /* "agent group", "agent groups" */
	const char *from, *key;
	const char *search; /* "(r.name ILIKE $v OR ...)"; NULL: no text is searched */
	struct http_body body;
	const struct certctl_field *parameters; /* of its list */
};

/* Is it a member that only the hook `extend` shows? */
bool resource_is_extension(const struct certctl_field *field);
int resource_bind(TALLOC_CTX *mem, const struct resource *resource, const struct resource_services *services,
	struct resource_bound **ret, struct certctl_error *err) CERTCTL_CHECKED;
const struct resource_bound *resource_bound_of(const struct http_request *request);

http_handler_fn resource_handle_list, resource_handle_get, resource_handle_create, resource_handle_replace,
	resource_handle_patch, resource_handle_delete;

/* --- Statements ----------------------------------------------------------------------------------------------------- */

#define RESOURCE_VALUES_MAX 60

/* SQL that grows, and its values.  Allocated on `mem`; what does not fit latches in `text`. */
struct statement {
	struct certctl_buffer text;
	struct db_value values[RESOURCE_VALUES_MAX];
	size_t count;
};

void statement_init(struct statement *statement, TALLOC_CTX *mem);
/* Remember a value; its number. */
size_t statement_value(struct statement *statement, const char *value);
/* Append text in which each $v is the value of that number. */
void statement_put(struct statement *statement, const char *text, size_t number);
/* " AND in_scope(...)" when the caller is limited and the resource has expressions to ask with. */
void statement_put_scope(struct statement *statement, const struct resource *resource,
	const struct http_request *request);
/* Run it, prepared and kept under its text while there is room for more. */
int statement_run(struct statement *statement, const struct resource_services *services, struct db *db, TALLOC_CTX *mem,
	struct db_result **ret, struct certctl_error *err) CERTCTL_CHECKED;
/* The same on any connection of the request's. */
int statement_once(struct statement *statement, const struct resource_services *services, struct http_request *request,
	struct db_result **ret, struct certctl_error *err) CERTCTL_CHECKED;

/* --- Rows and values ------------------------------------------------------------------------------------------------ */

/* What is shown: "r.id AS id, r.name AS name" in its order, or the one text that has it, with the id behind it. */
void resource_put_outputs(struct certctl_buffer *out, const struct resource_bound *bound);
/* The whole object of what resource_put_outputs() asked for. */
void resource_write_one(struct certctl_buffer *out, const struct resource_bound *bound, const struct db_result *rows,
	size_t row);
/* The whole object of a text that has its members. */
void resource_write_members_text(struct certctl_buffer *out, const char *members);
/* The whole object; column i of the result, from `first` on, is column i of `columns`. */
void resource_write_row(struct certctl_buffer *out, const struct bound_column *const *columns, size_t count,
	const struct db_result *rows, size_t row, int first);
void resource_write_value(struct certctl_buffer *out, const struct certctl_field *field, const char *text);
/* Is it one of the field's choices, when it is of those?  INVALID names them. */
int resource_check_choice(const struct certctl_field *fields, const char *name, const char *text,
	struct certctl_error *err) CERTCTL_CHECKED;
/* Is `word` this name, as we write it or in camelCase? */
bool resource_is_name(const char *name, const char *word, size_t len);

/* A member of the struct in PostgreSQL's text form; NULL: null. */
const char *resource_value_text(TALLOC_CTX *mem, const struct certctl_field *field, const void *base);

/* Read one, with its ETag.  NOT_FOUND when it is not there, or outside of the caller's scope. */
int resource_read_one(struct http_request *request, const struct resource_bound *bound, struct db *db, const char *id,
	struct db_result **ret, struct certctl_error *err) CERTCTL_CHECKED;
/* What If-Match must have: the whole tag of a row, or how it begins. */
const char *resource_row_tag(struct http_request *request, const struct resource_bound *bound,
	const struct certctl_buffer *row);
/* Reply with row 0. */
int resource_show_one(struct http_request *request, struct http_reply *reply, const struct resource_bound *bound,
	unsigned status, const struct db_result *rows);

/* --- Changes -------------------------------------------------------------------------------------------------------- */

/* The body as JSON, by its Content-Type.  415, 400. */
int resource_read_document(struct http_request *request, struct http_reply *reply, bool is_patch, json_t **ret,
	struct certctl_error *err) CERTCTL_CHECKED;
/* RFC 7396, into `target`. */
int resource_merge(json_t *target, const json_t *patch) CERTCTL_CHECKED;
/* {"fields": [...], "before": {...}, "after": {...}} of what differs; either may be NULL.  On `mem`. */
const char *resource_difference(TALLOC_CTX *mem, const struct resource_bound *bound, const json_t *before,
	const json_t *after);
/* Fill change->wanted and change->document from the body.  Every bad member into the reply; those that may not be set included. */
int resource_wanted_read(struct resource_change *change, const json_t *body, struct certctl_error *err) CERTCTL_CHECKED;
/* The id that is given, or a new one. */
int resource_row_make_id(struct resource_change *change, struct certctl_error *err) CERTCTL_CHECKED;
int resource_row_insert(struct resource_change *change, struct certctl_error *err) CERTCTL_CHECKED;
/* change->is_changed: it was another row before. */
int resource_row_update(struct resource_change *change, struct certctl_error *err) CERTCTL_CHECKED;
/* CONFLICT names what still refers to it. */
int resource_check_uses(struct resource_change *change, const struct resource_bound *bound,
	struct certctl_error *err) CERTCTL_CHECKED;

#endif
