/*
 * A POST with an Idempotency-Key is done once: its reply is kept in the transaction of what it did, and given again to who
 * asks again.  Stands between a request and its handler, and knows nothing of what the handler does.
 */
#include "access_internal.h"
#include "core/features/access/idempotency.sql.h"

#include <certctl/buffer.h>
#include <certctl/field.h>
#include <certctl/json.h>
#include <certctl/log.h>
#include <certctl/secret.h>
#include <certctl/x509.h>
#include <string.h>

#define KEY_MAX  255
#define BODY_MAX 16384

struct once {
	struct http_request *request;
	struct http_reply *reply;
	const char *key;
	char sha256[65];
	bool is_second; /* a twin was first */
};

/* --- The request ----------------------------------------------------------------------------------------------------- */

static bool is_key(const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	return len >= 1 && len <= KEY_MAX;
}

/*
 * What makes two requests the same.  Not even the hash of a body with a secret is written down: with the caller's own key in
 * front, which nobody else has, nothing can be guessed from it.
 */
static int hash_request(struct once *once, struct certctl_error *err)
{
	const struct http_request *request = once->request;
	struct certctl_buffer text;

	certctl_buffer_init(&text, once->request, request->body_len + strlen(request->target) + 65536);
	if (request->route->flags & HTTP_SECRET_BODY)
		certctl_buffer_printf(&text, "%s\n", http_header(request, "Authorization"));
	certctl_buffer_printf(&text, "%s %s\n", request->method, request->target);
	if (request->body)
		certctl_buffer_append(&text, request->body, request->body_len);
	int rc = certctl_buffer_finish(&text, err);

	if (rc < 0)
		return rc;
	certctl_sha256_hex(text.data, text.len, once->sha256);
	certctl_wipe(text.data, text.len);
	return 0;
}

/* --- Giving a reply again -------------------------------------------------------------------------------------------- */

static int replay(const struct once *once, const struct db_result *rows, struct certctl_error *err)
{
	struct http_reply *reply = once->reply;
	const char *location = db_get_text(rows, 0, "location"), *body = db_get_text(rows, 0, "body");

	reply->code = NULL;
	reply->status = 0;
	if (strcmp(db_get_text(rows, 0, "request_sha256"), once->sha256) != 0) {
		reply->status = 422;
		reply->code = "idempotency_key_reused";
		return certctl_fail(err, CERTCTL_E_UNSUPPORTED, "Idempotency-Key: it came with another request before");
	}
	certctl_buffer_init(&reply->body, once->request, 2 * BODY_MAX);
	reply->header_count = 0;
	reply->more = NULL;
	http_reply_header(reply, "Idempotency-Replayed", "true");
	if (location)
		http_reply_header(reply, "Location", location);
	reply->content_type = db_get_text(rows, 0, "content_type");
	reply->status = (unsigned)db_get_integer(rows, 0, "status");
	if (body)
		certctl_buffer_puts(&reply->body, body);
	else if (reply->content_type)
		certctl_buffer_puts(&reply->body,
			"{\"replayed\":true,\"detail\":\"done; the reply was too long to be kept\"}");
	return HTTP_DONE;
}

/* *ret_found: the reply is there, or the error. */
static int find(const struct once *once, struct db_pool *db, bool *ret_found, struct certctl_error *err)
{
	struct db_result *rows = NULL;
	int rc = db_once(db, once->request, &query_idempotency_find,
		DB_VALUES(db_text(once->request->actor_id), db_text(once->key)), &rows, err);

	*ret_found = rc == 0 && db_rows(rows) > 0;
	return *ret_found ? replay(once, rows, err) : rc;
}

/* --- Keeping a reply ------------------------------------------------------------------------------------------------- */

/* The body without what it shows once, and saying so; NULL when it is none to be kept. */
static const char *kept_body(const struct once *once)
{
	const struct http_reply *reply = once->reply;
	const struct http_body *gives = once->request->route->gives;
	CERTCTL_AUTO(json_decref) json_t *body = NULL;
	json_t *omitted = NULL;

	if (reply->more || !reply->body.data || reply->body.len > BODY_MAX)
		return NULL;
	for (const struct certctl_field *row = gives ? gives->fields : NULL; row && row->name; row++) {
		if (row->type != CERTCTL_SECRET)
			continue;
		if (!body && certctl_json_parse(reply->body.data, reply->body.len, NULL, &body, NULL) < 0)
			return NULL;
		const char *value = json_string_value(json_object_get(body, row->name));

		if (!value || strcmp(value, CERTCTL_SECRET_MASK) == 0)
			continue;
		if (!omitted)
			json_object_set_new(body, "omitted", omitted = json_array());
		json_array_append_new(omitted, json_string(row->name));
		json_object_set_new(body, row->name, json_null());
	}
	return omitted ? certctl_json_text(once->request, body, NULL) : reply->body.data;
}

static const char *location_of(const struct http_reply *reply)
{
	for (size_t i = 0; i < reply->header_count; i++)
		if (strcmp(reply->headers[i].name, "Location") == 0)
			return reply->headers[i].value;
	return NULL;
}

static int claim(struct db *db, void *arg, struct certctl_error *err)
{
	struct once *once = arg;
	struct db_result *rows = NULL;
	int rc = db_run(db, once->request, &query_idempotency_claim,
		DB_VALUES(db_text(once->request->actor_id), db_text(once->key), db_text(once->sha256)), &rows, err);

	if (rc < 0 || db_rows(rows) > 0)
		return rc;
	once->is_second = true;
	return certctl_fail(err, CERTCTL_E_CONFLICT, "Idempotency-Key: the same request was done a moment ago");
}

static int keep(struct db *db, void *arg, struct certctl_error *err)
{
	const struct once *once = arg;
	const struct http_reply *reply = once->reply;

	return db_run(db, NULL, &query_idempotency_keep,
		DB_VALUES(db_text(once->request->actor_id), db_text(once->key), db_integer(reply->status),
			db_text(location_of(reply)), db_text(reply->content_type), db_text(kept_body(once))),
		NULL, err);
}

/* What happens when a unit was committed, and after which hints are of use. */
static void committed(void *arg)
{
	struct core *core = arg;

	jobs_wake(core->jobs);
}

/* The handler is done: keep its reply with what it did, or undo that. */
static int finish(struct once *once, struct core *core, struct db_pool *unit, struct certctl_error *err)
{
	bool is_unknown = false, is_found = false;
	int rc = certctl_buffer_finish(&once->reply->body, err);

	/* A reply whose handler made no transaction is kept with one of its own. */
	if (rc == 0)
		rc = db_transaction(unit, keep, once, err);
	if (rc == 0)
		db_when_committed(unit, committed, core);
	if (rc < 0)
		return db_unit_end(unit, false, NULL, NULL) < 0 ? CERTCTL_E_INTERNAL : rc;
	rc = db_unit_end(unit, true, &is_unknown, err);
	if (rc < 0 && is_unknown) {
		struct certctl_error why = *err;

		/* Whether the row is there says whether everything else is; it is given as to somebody who asks again. */
		rc = find(once, core->db, &is_found, err);
		if (rc < 0 || is_found)
			return rc;
		*err = why;
		rc = why.code;
	}
	return rc;
}

static int run(struct once *once, struct certctl_error *err)
{
	struct http_request *request = once->request;
	struct core *core = core_of(request), *bound = talloc_memdup(request, core, sizeof(*core));
	struct db_pool *unit = NULL;
	bool is_found = false;
	int rc = bound ? db_unit_new(request, core->db, claim, once, &unit, err)
		       : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	if (rc < 0)
		return rc;
	/* The handler works as ever; its transactions are parts of ours. */
	bound->db = unit;
	request->context = bound;
	rc = request->route->run(request, once->reply, err);
	request->context = core;
	if (rc == HTTP_WAITING)
		rc = certctl_fail(err, CERTCTL_E_UNSUPPORTED, "Idempotency-Key: not for a request that waits");
	if (rc == 0 && !once->is_second && once->reply->status < 400)
		rc = finish(once, core, unit, err);
	else if (db_unit_end(unit, false, NULL, NULL) < 0)
		return rc;
	return once->is_second ? find(once, core->db, &is_found, err) : rc;
}

int access_idempotent(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	struct once once = { .request = request, .reply = reply, .key = http_header(request, "Idempotency-Key") };
	bool is_found = false;

	if (!once.key || !request->actor_id || strcmp(request->method, "POST") != 0)
		return request->route->run(request, reply, err);
	if (!is_key(once.key))
		return certctl_fail(err, CERTCTL_E_INVALID, "Idempotency-Key: 1 to %d visible characters expected",
			KEY_MAX);
	int rc = hash_request(&once, err);

	if (rc == 0)
		rc = find(&once, core_of(request)->db, &is_found, err);
	return rc < 0 || is_found ? rc : run(&once, err);
}
