/* Waiting for jobs.  Which ones belong to a call, the filters of the jobs' list say; that a job has ended, its ended_at. */
#include "wait.h"
#include "api_names.h"
#include "operate.h"
#include "values.h"

#include <certctl/json.h>
#include <certctl/time.h>
#include <string.h>
#include <time.h>

#define JOBS      "jobs"
#define SUCCEEDED "Completed"
#define SINGLE_ID "certificate_id" /* what jobs follow each other for */

/* The interval grows by half from the first to the last, in milliseconds. */
#define INTERVAL_FIRST 200
#define INTERVAL_LAST  2000

struct watch {
	struct cli *cli;
	const struct api_operation *get, *list;
	const char *filter; /* parameter of the list; NULL: only the ids */
	json_t *things;     /* its values: a list of texts */
	json_t *ids;        /* jobs that were named: a list of texts */
	const char *since;  /* created_at of the first of them; NULL: all of the things' jobs belong */
	json_t *seen;       /* id: status as it was told last */
	size_t open, failed, count;
	bool is_told; /* that the server is away */
};

static void tell(struct watch *watch, json_t *job)
{
	const char *id = certctl_json_text_or(job, "id", ""), *status = certctl_json_text_or(job, "status", "");
	json_t *error = json_object_get(job, "error");

	if (strcmp(certctl_json_text_or(watch->seen, id, ""), status) == 0)
		return;
	json_object_set_new(watch->seen, id, json_string(status));
	cli_note("%s %s: %s%s%s", certctl_json_text_or(job, "type", "job"), id, status,
		json_is_object(error) ? ": " : "",
		json_is_object(error) ? certctl_json_text_or(error, "what", value_cell(watch->cli->mem, error)) : "");
}

static void count_job(struct watch *watch, json_t *job)
{
	bool has_ended = json_is_string(json_object_get(job, "ended_at"));

	tell(watch, job);
	watch->count++;
	watch->open += !has_ended;
	watch->failed += has_ended && strcmp(certctl_json_text_or(job, "status", ""), SUCCEEDED) != 0;
}

static bool belongs(const struct watch *watch, json_t *job)
{
	return !watch->since || strcmp(certctl_json_text_or(job, "created_at", ""), watch->since) >= 0;
}

/* Jobs of a thing; each is struck from `rest`. */
struct taking {
	struct watch *watch;
	json_t *rest;
};

static int take_jobs(void *arg, json_t *rows, json_t *last, struct certctl_error *err)
{
	struct taking *taking = arg;
	json_t *job;
	size_t i;

	(void)last, (void)err;
	json_array_foreach(rows, i, job) if (belongs(taking->watch, job))
	{
		json_object_del(taking->rest, certctl_json_text_or(job, "id", ""));
		count_job(taking->watch, job);
	}
	return 0;
}

static int look_at_things(struct watch *watch, json_t *rest, struct certctl_error *err)
{
	struct taking taking = { watch, rest };
	json_t *thing;
	size_t i;
	int rc = 0;

	json_array_foreach(watch->things, i, thing)
	{
		CERTCTL_AUTO(json_decref) json_t *query = json_object();
		struct call call = { .operation = watch->list, .query = query };

		json_object_set(query, watch->filter, thing);
		if (rc == 0)
			rc = operate_pages(watch->cli, &call, false, take_jobs, &taking, err);
	}
	return rc;
}

static int look(struct watch *watch, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *rest = json_object();
	json_t *id, *none;
	const char *name;
	size_t i;
	int rc = 0;

	watch->open = watch->failed = watch->count = 0;
	json_array_foreach(watch->ids, i, id) json_object_set_new(rest, json_string_value(id), json_null());
	if (watch->filter)
		rc = look_at_things(watch, rest, err);
	json_object_foreach(rest, name, none)
	{
		TALLOC_CTX *mem = talloc_new(NULL);
		struct call call = { .operation = watch->get, .arguments = { name } };
		struct reply reply;

		if (rc == 0)
			rc = server_ask(watch->cli, mem, &call, &reply, err);
		if (rc == 0)
			count_job(watch, reply.json);
		talloc_free(mem);
	}
	return rc;
}

static void pause_for(int64_t milliseconds)
{
	nanosleep(&(struct timespec){ .tv_sec = (time_t)(milliseconds / 1000),
			  .tv_nsec = (long)(milliseconds % 1000) * 1000000 },
		NULL);
}

/* A server that restarts comes back; the jobs go on without us. */
static bool is_passing(struct watch *watch, int rc, const struct certctl_error *err)
{
	bool is_away = rc == CERTCTL_E_UNAVAILABLE || rc == CERTCTL_E_TIMEOUT;

	if (is_away && !watch->is_told)
		cli_note("%s; still waiting", err->what);
	watch->is_told = is_away;
	if (is_away)
		cli_forgive(watch->cli);
	return is_away;
}

static int wait_for(struct watch *watch, struct certctl_error *err)
{
	int64_t deadline = certctl_monotonic_ms() + watch->cli->options.wait_s * 1000, interval = INTERVAL_FIRST;

	for (;;) {
		int rc = look(watch, err);
		bool is_away = rc < 0 && is_passing(watch, rc, err);

		if (rc < 0 && !is_away)
			return rc;
		if (!is_away && watch->open == 0)
			break;
		if (certctl_monotonic_ms() + interval > deadline) {
			cli_note("the time is over: %zu jobs go on", watch->open);
			watch->cli->verdict = CLI_WAITING;
			return 0;
		}
		pause_for(interval);
		interval = interval * 3 / 2 > INTERVAL_LAST ? INTERVAL_LAST : interval * 3 / 2;
	}
	if (watch->failed)
		watch->cli->verdict = CLI_REFUSED;
	return 0;
}

/* --- What belongs to a call -------------------------------------------------------------------------------------------------- */

static int begin(struct cli *cli, struct watch *watch, struct certctl_error *err)
{
	const struct api_resource *jobs = api_find(cli->api, JOBS);

	*watch = (struct watch){ .cli = cli,
		.get = jobs ? api_verb(jobs, "get") : NULL,
		.list = jobs ? api_verb(jobs, "list") : NULL,
		.things = value_keep(cli->mem, json_array()),
		.ids = value_keep(cli->mem, json_array()),
		.seen = value_keep(cli->mem, json_object()) };
	if (watch->get && watch->list)
		return 0;
	return certctl_fail(err, CERTCTL_E_UNSUPPORTED, "--wait: this API has no jobs");
}

static void add_job(struct watch *watch, json_t *job)
{
	const char *id = certctl_json_text_or(job, "id", NULL), *thing = certctl_json_text_or(job, SINGLE_ID, NULL),
		   *created = certctl_json_text_or(job, "created_at", NULL);

	if (id)
		json_array_append_new(watch->ids, json_string(id));
	if (thing && created && api_parameter(watch->list, SINGLE_ID)) {
		watch->filter = SINGLE_ID;
		json_array_append_new(watch->things, json_string(thing));
		if (!watch->since || strcmp(created, watch->since) < 0)
			watch->since = talloc_strdup(watch->cli->mem, created);
	}
}

/* "certificate_id" when the list of jobs can be narrowed to certificates. */
static const char *filter_for(struct cli *cli, const struct watch *watch, const struct api_resource *resource)
{
	for (size_t i = 0; i < watch->list->parameter_count; i++) {
		const char *name = watch->list->parameters[i].name;
		size_t len = strlen(name);
		char *kind = len > 3 ? talloc_strndup(cli->mem, name, len - 3) : NULL;

		if (kind && strcmp(name + len - 3, "_id") == 0 && api_same_name(kind, resource->kind))
			return name;
	}
	return NULL;
}

int wait_for_thing(struct cli *cli, const struct api_resource *resource, const char *id, struct certctl_error *err)
{
	struct watch watch;
	int rc = begin(cli, &watch, err);

	if (rc == 0)
		watch.filter = filter_for(cli, &watch, resource);
	if (rc < 0 || !watch.filter)
		return rc;
	json_array_append_new(watch.things, json_string(id));
	return wait_for(&watch, err);
}

/* Accepted, and nobody says under which name. */
static int tell_unnamed(struct cli *cli, const struct reply *reply)
{
	if (reply->status != 202)
		return 0;
	cli_note("the reply names no jobs to wait for: see `certctl jobs list`");
	cli->verdict = CLI_WAITING;
	return 0;
}

int wait_for_reply(struct cli *cli, const struct api_operation *operation, const struct reply *reply,
	struct certctl_error *err)
{
	const char *id = certctl_json_text_or(reply->json, "id", NULL), *job;
	json_t *rows = json_object_get(reply->json, "data"), *row;
	struct watch watch;
	size_t i;
	int rc = begin(cli, &watch, err);

	if (rc < 0)
		return rc;
	job = certctl_json_text_or(reply->json, "job_id", NULL);
	if (watch.get->reply_name && operation->reply_name &&
		strcmp(watch.get->reply_name, operation->reply_name) == 0) {
		if (json_is_array(rows))
			json_array_foreach(rows, i, row) add_job(&watch, row);
		else
			add_job(&watch, reply->json);
	} else if (job) {
		json_array_append_new(watch.ids, json_string(job));
	} else {
		return id ? wait_for_thing(cli, operation->resource, id, err) : tell_unnamed(cli, reply);
	}
	return wait_for(&watch, err);
}
