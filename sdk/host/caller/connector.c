/*
 * One configured instance: its process (started on first use, stopped when idle, started again after a crash with growing
 * pauses) and its free slots.  Knows nothing of what calls say.
 */
#include "caller.h"

#include <certctl/time.h>
#include <string.h>

#define CONNECTOR_MAGIC UINT32_C(0x434f4e4e)
/* The first crash costs one call; from the second in a row on, pauses keep a broken plugin from eating the machine. */
#define BACKOFF_FIRST_MS 1000
#define BACKOFF_MAX_MS   60000
/* A process that is stopped may close what it holds open; this long. */
#define FAREWELL_MS 500

/* --- Slots -------------------------------------------------------------------------------------------------------- */

static bool may_enter(const struct certctl_connector *connector, bool alone)
{
	if (alone)
		return connector->running == 0;
	/* Those who must be alone have waited for others already: no newcomer passes them. */
	return !connector->is_alone && connector->waiting_alone == 0 &&
	       connector->running < connector->description->concurrency;
}

int connector_enter(struct certctl_connector *connector, bool alone, int64_t deadline_ms, unsigned *ret_lane,
	struct certctl_error *err)
{
	int rc = 0;

	pthread_mutex_lock(&connector->lock);
	connector->waiting_alone += alone;
	while (rc == 0 && !may_enter(connector, alone)) {
		if (certctl_monotonic_ms() >= deadline_ms)
			rc = certctl_fail(err, CERTCTL_E_TIMEOUT, "%s: all of its %u slots were busy", connector->name,
				(unsigned)connector->description->concurrency);
		else
			certctl_cond_wait_until(&connector->changed, &connector->lock, deadline_ms);
	}
	connector->waiting_alone -= alone;
	if (rc == 0) {
		/* The lowest that is free: the process starts a thread for each the first time it is used. */
		*ret_lane = (unsigned)__builtin_ctzll(~connector->lanes);
		connector->lanes |= UINT64_C(1) << *ret_lane;
		connector->running++;
		connector->is_alone = alone;
	} else {
		pthread_cond_broadcast(&connector->changed);
	}
	pthread_mutex_unlock(&connector->lock);
	return rc;
}

void connector_leave(struct certctl_connector *connector, unsigned lane)
{
	pthread_mutex_lock(&connector->lock);
	connector->lanes &= ~(UINT64_C(1) << lane);
	connector->running--;
	connector->is_alone = false;
	connector->used_ms = certctl_monotonic_ms();
	pthread_cond_broadcast(&connector->changed);
	pthread_mutex_unlock(&connector->lock);
}

unsigned certctl_connector_free_slots(struct certctl_connector *connector)
{
	pthread_mutex_lock(&connector->lock);
	bool is_closed = !connector->pool || connector->is_alone || connector->waiting_alone > 0;
	unsigned total = is_closed ? 0 : connector->description->concurrency;
	unsigned slots = total > connector->running ? total - connector->running : 0;

	pthread_mutex_unlock(&connector->lock);
	return slots;
}

/* --- The child ---------------------------------------------------------------------------------------------------- */

/* With lock. */
static void note_crash(struct certctl_connector *connector)
{
	int64_t pause_ms = 0;

	connector->crashes++;
	if (connector->crashes > 1)
		pause_ms =
			connector->crashes > 8 ? BACKOFF_MAX_MS : (int64_t)BACKOFF_FIRST_MS << (connector->crashes - 2);
	if (pause_ms > BACKOFF_MAX_MS)
		pause_ms = BACKOFF_MAX_MS;
	connector->blocked_until_ms = certctl_monotonic_ms() + pause_ms;
}

/* With lock. */
static int check_backoff(const struct certctl_connector *connector, struct certctl_error *err)
{
	int64_t left_ms = connector->blocked_until_ms - certctl_monotonic_ms();

	if (connector->crashes < 2 || left_ms <= 0)
		return 0;
	certctl_fail(err, CERTCTL_E_UNAVAILABLE,
		"%s: plugin %s crashed %u times in a row; it is started again in %lld s", connector->name,
		connector->description->id, connector->crashes, (long long)(left_ms + 999) / 1000);
	if (err)
		err->retry_after_s = (int32_t)((left_ms + 999) / 1000);
	return CERTCTL_E_UNAVAILABLE;
}

static int start(struct certctl_connector *connector, int64_t deadline_ms, struct child **ret,
	struct certctl_error *err)
{
	const struct certctl_description *description = connector->description;
	CERTCTL_AUTO(json_decref) json_t *reply = NULL;
	int rc = description_check_file(description, err);

	if (rc < 0 || (rc = pool_take_slot(connector->pool, deadline_ms, err)) < 0)
		return rc;
	connector->paths_stamp = connector_paths_stamp(connector->hello);
	rc = child_start(connector->pool, &(struct child_names){ connector->name, description->id },
		description->concurrency, connector->hello, deadline_ms, ret, &reply, err);
	if (rc < 0)
		pool_give_slot(connector->pool);
	return rc;
}

/* With lock. */
static void drop_user(struct child *child)
{
	if (--child->users == 0)
		child_free(child);
}

/* With lock. */
static void take_out(struct certctl_connector *connector)
{
	struct child *child = connector->child;

	connector->child = NULL;
	drop_user(child);
	pool_give_slot(connector->pool);
}

/* With lock.  A file it may read was replaced by another of that name: it gets a process that may read the new one, once the
 * calls of others have left the old one. */
static void drop_stale(struct certctl_connector *connector)
{
	if (!connector->child || connector->running > 1 ||
		connector_paths_stamp(connector->hello) == connector->paths_stamp)
		return;
	child_reap(connector->child, FAREWELL_MS);
	take_out(connector);
}

int connector_child(struct certctl_connector *connector, bool ignore_backoff, int64_t deadline_ms, struct child **ret,
	struct certctl_error *err)
{
	struct child *child = NULL;
	int rc = 0;

	pthread_mutex_lock(&connector->lock);
	while (connector->is_starting && certctl_monotonic_ms() < deadline_ms)
		certctl_cond_wait_until(&connector->changed, &connector->lock, deadline_ms);
	if (connector->is_starting)
		rc = certctl_fail(err, CERTCTL_E_TIMEOUT, "%s: its process did not start in time", connector->name);
	else
		drop_stale(connector);
	if (rc == 0 && !connector->child && !ignore_backoff)
		rc = check_backoff(connector, err);
	if (rc == 0 && !connector->child) {
		connector->is_starting = true;
		pthread_mutex_unlock(&connector->lock);
		rc = start(connector, deadline_ms, &child, err);
		pthread_mutex_lock(&connector->lock);
		connector->is_starting = false;
		connector->child = rc == 0 ? child : NULL;
		if (rc == CERTCTL_E_CRASHED)
			note_crash(connector);
		pthread_cond_broadcast(&connector->changed);
	}
	if (rc == 0) {
		connector->child->users++;
		*ret = connector->child;
	}
	pthread_mutex_unlock(&connector->lock);
	return rc;
}

void connector_release(struct certctl_connector *connector, struct child *child)
{
	pthread_mutex_lock(&connector->lock);
	drop_user(child);
	pthread_mutex_unlock(&connector->lock);
}

void connector_retire(struct certctl_connector *connector, struct child *child, int64_t grace_ms, bool crashed)
{
	pthread_mutex_lock(&connector->lock);
	child_reap(child, grace_ms);
	if (connector->child == child) {
		if (crashed)
			note_crash(connector);
		take_out(connector);
	}
	pthread_mutex_unlock(&connector->lock);
}

void connector_went_well(struct certctl_connector *connector)
{
	pthread_mutex_lock(&connector->lock);
	connector->crashes = 0;
	pthread_mutex_unlock(&connector->lock);
}

/* --- Stopping ----------------------------------------------------------------------------------------------------- */

int64_t connector_idle_since(struct certctl_connector *connector)
{
	pthread_mutex_lock(&connector->lock);
	int64_t since_ms =
		connector->child && connector->running == 0 && !connector->is_starting ? connector->used_ms : 0;

	pthread_mutex_unlock(&connector->lock);
	return since_ms;
}

bool connector_stop_idle(struct certctl_connector *connector)
{
	pthread_mutex_lock(&connector->lock);
	bool is_idle = connector->child && connector->running == 0 && !connector->is_starting;

	if (is_idle) {
		child_reap(connector->child, FAREWELL_MS);
		take_out(connector);
	}
	pthread_mutex_unlock(&connector->lock);
	return is_idle;
}

void certctl_connector_stop(struct certctl_connector *connector)
{
	pthread_mutex_lock(&connector->lock);
	while (connector->is_starting)
		pthread_cond_wait(&connector->changed, &connector->lock);
	struct child *child = connector->child;

	if (child) {
		pthread_mutex_lock(&child->lock);
		bool is_busy = child->calls > 0;

		if (child->end == CHILD_LIVES)
			child->end = CHILD_STOPPED;
		pthread_mutex_unlock(&child->lock);
		child_reap(child, is_busy ? 0 : FAREWELL_MS);
		take_out(connector);
	}
	pthread_mutex_unlock(&connector->lock);
}

void connector_orphan(struct certctl_connector *connector)
{
	certctl_connector_stop(connector);
	pthread_mutex_lock(&connector->lock);
	connector->pool = NULL;
	connector->description = NULL;
	pthread_mutex_unlock(&connector->lock);
}

int connector_check_pool(struct certctl_connector *connector, struct certctl_error *err)
{
	pthread_mutex_lock(&connector->lock);
	bool is_there = connector->pool != NULL;

	pthread_mutex_unlock(&connector->lock);
	return is_there ? 0 : certctl_fail(err, CERTCTL_E_UNAVAILABLE, "%s: its pool has gone", connector->name);
}

int certctl_connector_pid(struct certctl_connector *connector)
{
	pthread_mutex_lock(&connector->lock);
	int pid = connector->child ? (int)connector->child->pid : 0;

	pthread_mutex_unlock(&connector->lock);
	return pid;
}

/* --- New and free ------------------------------------------------------------------------------------------------- */

static int connector_free(struct certctl_connector *connector)
{
	struct certctl_pool *pool = connector->pool;

	if (pool) {
		pthread_mutex_lock(&pool->lock);
		certctl_connector_stop(connector);
		for (struct certctl_connector **link = &pool->connectors; *link; link = &(*link)->next)
			if (*link == connector) {
				*link = connector->next;
				break;
			}
		pthread_mutex_unlock(&pool->lock);
	}
	certctl_wire_wipe(json_object_get(connector->hello, "config"));
	json_decref(connector->hello);
	pthread_cond_destroy(&connector->changed);
	pthread_mutex_destroy(&connector->lock);
	return 0;
}

static json_t *commands_to_json(const char *const *const *commands)
{
	json_t *rows = json_array();

	for (; commands && *commands; commands++) {
		json_t *words = json_array();

		for (const char *const *word = *commands; *word; word++)
			json_array_append_new(words, json_string(*word));
		json_array_append_new(rows, words);
	}
	return rows;
}

/* What the plugin's process will parse again, checked here first, so that a mistake is known before anything starts. */
static int parse_config(const struct certctl_connector *connector, const json_t *config, json_t **ret,
	struct certctl_error *err)
{
	const struct certctl_description *description = connector->description;
	struct certctl_field_reading how = { .path = connector->name };
	TALLOC_CTX *mem = talloc_named_const(NULL, 0, "config");
	void *parsed = certctl_secret_alloc(mem, description->config_size + 1);
	int rc = parsed ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "%s: no memory", connector->name);

	if (rc == 0) {
		memset(parsed, 0, description->config_size + 1);
		rc = certctl_fields_parse(mem, description->options, sizeof(struct certctl_field), config, &how, parsed,
			err);
	}
	if (rc == 0) {
		*ret = certctl_fields_to_json(description->options, sizeof(struct certctl_field), parsed,
			CERTCTL_SHOW_MASKED);
		rc = *ret ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "%s: no memory", connector->name);
	}
	talloc_free(mem);
	return rc;
}

static int make_hello(struct certctl_connector *connector, const struct certctl_connector_options *options,
	struct certctl_error *err)
{
	const struct certctl_description *description = connector->description;
	CERTCTL_AUTO(json_decref) json_t *empty = json_object();
	CERTCTL_AUTO(json_decref) json_t *parsed = NULL;
	CERTCTL_AUTO(json_decref) json_t *read = json_array();
	CERTCTL_AUTO(json_decref) json_t *write = json_array();
	const json_t *config = options->config ? options->config : empty;
	int rc = parse_config(connector, config, &parsed, err);

	if (rc < 0 || (rc = connector_paths(description->options, parsed, read, write, err)) < 0)
		return rc;
	for (const char *const *path = options->extra_read_paths; path && *path; path++)
		json_array_append_new(read, json_string(*path));
	connector->hello = json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:o, s:O, s:O, s:o}", "mode", "serve", "file",
		description->file, "sha256", description->sha256, "id", description->id, "name", connector->name,
		"needs", (json_int_t)description->needs, "config", json_deep_copy(config), "read", read, "write", write,
		"commands", commands_to_json(options->commands));
	return connector->hello ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "%s: no memory", connector->name);
}

int certctl_connector_new(TALLOC_CTX *mem, struct certctl_pool *pool, const struct certctl_connector_options *options,
	struct certctl_connector **ret, struct certctl_error *err)
{
	struct certctl_connector *connector = talloc_zero(mem, struct certctl_connector);

	if (!connector || !(connector->name = talloc_strdup(connector, options->name))) {
		talloc_free(connector);
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "%s: no memory", options->name);
	}
	connector->magic = CONNECTOR_MAGIC;
	connector->description = options->description;
	connector->state = options->state;
	connector->used_ms = certctl_monotonic_ms();
	pthread_mutex_init(&connector->lock, NULL);
	certctl_cond_init(&connector->changed);
	talloc_set_destructor(connector, connector_free);
	int rc = make_hello(connector, options, err);

	if (rc < 0) {
		talloc_free(connector);
		return rc;
	}
	connector->pool = pool;
	pthread_mutex_lock(&pool->lock);
	connector->next = pool->connectors;
	pool->connectors = connector;
	pthread_mutex_unlock(&pool->lock);
	*ret = connector;
	return 0;
}

const char *certctl_connector_name(const struct certctl_connector *connector)
{
	return connector->name;
}

const struct certctl_description *certctl_connector_description(const struct certctl_connector *connector)
{
	return connector->description;
}
