/* The instances this server has open.  Knows nothing of where they come from and of what is asked of them. */
#include "connectors.h"
#include "instances.h"
#include "state.h"

#include <certctl/json.h>
#include <certctl/log.h>
#include <certctl/time.h>
#include <certctl/x509.h>
#include <string.h>

#define RETRY_MS     30000  /* a plugin that is installed later is found */
#define RETRY_MAX_MS 600000 /* one that hangs takes its time at each look */

const char *instance_family(enum certctl_plugin_kind kind)
{
	return kind == CERTCTL_ISSUER ? "issuers" : kind == CERTCTL_TARGET ? "targets" : "notifiers";
}

const char *instance_word(enum certctl_plugin_kind kind)
{
	return kind == CERTCTL_ISSUER ? "issuer" : "notifier";
}

static int release(struct connectors *connectors)
{
	connectors_unwatch(connectors);
	pthread_cond_destroy(&connectors->changed);
	pthread_mutex_destroy(&connectors->lock);
	pthread_mutex_destroy(&connectors->loading);
	return 0;
}

int connectors_new(TALLOC_CTX *mem, const struct connectors_options *options, struct connectors **ret,
	struct certctl_error *err)
{
	struct connectors *connectors = talloc_zero(mem, struct connectors);
	struct certctl_pool_options pool = { .plugin_dirs = options->plugin_dirs,
		.host_program = options->host_program };

	if (!connectors)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	connectors->options = *options;
	pthread_mutex_init(&connectors->loading, NULL);
	pthread_mutex_init(&connectors->lock, NULL);
	pthread_cond_init(&connectors->changed, NULL);
	talloc_set_destructor(connectors, release);
	int rc = certctl_pool_new(connectors, &pool, &connectors->pool, err);

	if (rc < 0) {
		talloc_free(connectors);
		return rc;
	}
	*ret = connectors;
	return 0;
}

const struct connectors_options *connectors_settings(const struct connectors *connectors)
{
	return &connectors->options;
}

/* --- The list -------------------------------------------------------------------------------------------------------- */

static struct instance *find(struct connectors *connectors, enum certctl_plugin_kind kind, const char *id)
{
	struct instance *instance = connectors->instances;

	while (instance && (instance->kind != kind || strcmp(instance->id, id) != 0))
		instance = instance->next;
	return instance;
}

static void unlink_instance(struct connectors *connectors, const struct instance *instance)
{
	struct instance **at = &connectors->instances;

	while (*at != instance)
		at = &(*at)->next;
	*at = instance->next;
}

/* Into the list, in place of one with its id. */
static void show(struct connectors *connectors, struct instance *instance)
{
	pthread_mutex_lock(&connectors->lock);
	struct instance *old = find(connectors, instance->kind, instance->id);

	if (old)
		unlink_instance(connectors, old);
	instance->next = connectors->instances;
	connectors->instances = instance;
	pthread_mutex_unlock(&connectors->lock);
}

static struct instance *make(struct connectors *connectors, const struct wanted_instance *wanted)
{
	struct instance *instance = talloc_zero(connectors, struct instance);

	if (!instance || !(instance->id = talloc_strdup(instance, wanted->id))) {
		talloc_free(instance);
		return NULL;
	}
	instance->kind = wanted->kind;
	instance->source = wanted->source;
	instance->is_named = true;
	return instance;
}

/* @param family  begins its name, under which it keeps its state: "issuers", "internal" */
static int open_connector(struct connectors *connectors, struct instance *instance, const char *family,
	const struct wanted_instance *wanted, const json_t *config, struct certctl_error *err)
{
	char *name = talloc_asprintf(instance, "%s/%s", family, wanted->id);
	struct certctl_connector_options options = { .name = name, .config = config };
	int rc = name ? certctl_plugin_describe(connectors->pool, wanted->kind, wanted->type, &options.description, err)
		      : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	if (rc == 0)
		rc = connector_state_init(instance, &connectors->options, name, &options.state, err);
	return rc < 0 ? rc : certctl_connector_new(instance, connectors->pool, &options, &instance->connector, err);
}

int connectors_open(struct connectors *connectors, enum certctl_plugin_kind kind, const char *id, const char *type,
	const json_t *options, struct certctl_connector **ret, struct certctl_error *err)
{
	struct wanted_instance wanted = { .kind = kind, .id = id, .type = type };

	/* Somebody else may be making instances: they have one parent. */
	pthread_mutex_lock(&connectors->loading);
	struct instance *instance = make(connectors, &wanted);
	int rc = instance ? open_connector(connectors, instance, "internal", &wanted, options, err)
			  : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	if (rc < 0)
		talloc_free(instance);
	pthread_mutex_unlock(&connectors->loading);
	if (rc < 0)
		return rc;
	*ret = instance->connector;
	return 0;
}

/* --- What should be open --------------------------------------------------------------------------------------------- */

void instances_begin(struct connectors *connectors, enum connector_source source)
{
	for (struct instance *instance = connectors->instances; instance; instance = instance->next)
		if (instance->source == source)
			instance->is_named = false;
}

bool instances_know(struct connectors *connectors, const struct wanted_instance *wanted, const char *sha256)
{
	struct instance *instance = find(connectors, wanted->kind, wanted->id);

	if (!instance)
		return false;
	instance->is_named = true;
	instance->source = wanted->source;
	return strcmp(instance->sha256, sha256) == 0 &&
	       (!instance->why.code || certctl_monotonic_ms() < instance->retry_ms);
}

static void remember(struct instance *instance, const struct wanted_instance *wanted)
{
	const char *type = talloc_strdup(instance, wanted->type);
	const char *options = certctl_json_text(instance, wanted->options, NULL);

	talloc_free((void *)(uintptr_t)instance->type);
	talloc_free((void *)(uintptr_t)instance->options);
	instance->type = type;
	instance->options = type ? options : NULL;
}

void instances_refuse(struct connectors *connectors, const struct wanted_instance *wanted, const char *sha256,
	const struct certctl_error *why)
{
	struct instance *instance = find(connectors, wanted->kind, wanted->id);
	bool is_new = !instance, is_same = instance && instance->why.code && strcmp(instance->sha256, sha256) == 0;

	if (is_new)
		instance = make(connectors, wanted);
	if (!instance)
		return;
	if (wanted->source == CONNECTOR_FILE)
		remember(instance, wanted);
	pthread_mutex_lock(&connectors->lock);
	instance->is_named = true;
	instance->why = *why;
	instance->wait_ms = is_same && why->code != CERTCTL_E_NOT_FOUND ? instance->wait_ms * 2 : RETRY_MS;
	if (instance->wait_ms > RETRY_MAX_MS)
		instance->wait_ms = RETRY_MAX_MS;
	instance->retry_ms = certctl_monotonic_ms() + instance->wait_ms;
	memcpy(instance->sha256, sha256, sizeof(instance->sha256));
	pthread_mutex_unlock(&connectors->lock);
	if (is_new)
		show(connectors, instance);
	if (!is_same)
		certctl_log_error(CERTCTL_LOG_ERROR, "connector.refused", why, instance_word(wanted->kind), wanted->id,
			"type", wanted->type, NULL);
}

/* What it is opened with, in few bytes. */
static void digest(const struct wanted_instance *wanted, const json_t *config, char ret_sha256[65])
{
	char *json = wanted->revision ? NULL : certctl_json_text(NULL, config, NULL);
	char *text = talloc_asprintf(NULL, "%s\n%s", wanted->type,
		wanted->revision ? wanted->revision
		: json           ? json
				 : "");

	certctl_sha256_hex(text ? text : "", text ? strlen(text) : 0, ret_sha256);
	if (text)
		certctl_wipe(text, strlen(text));
	if (json)
		certctl_wipe(json, strlen(json));
	talloc_free(text);
	talloc_free(json);
}

/* The plugin is asked only when something is new. */
static int open_new(struct connectors *connectors, const struct wanted_instance *wanted, const json_t *config,
	const char *sha256, struct certctl_error *err)
{
	struct instance *instance = make(connectors, wanted);
	int rc = instance ? open_connector(connectors, instance, instance_family(wanted->kind), wanted, config, err)
			  : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	if (rc < 0) {
		talloc_free(instance);
		return rc;
	}
	memcpy(instance->sha256, sha256, sizeof(instance->sha256));
	show(connectors, instance);
	certctl_log(CERTCTL_LOG_INFO, "connector.opened", instance_word(wanted->kind), wanted->id, "type", wanted->type,
		NULL);
	return 0;
}

void instances_open(struct connectors *connectors, const struct wanted_instance *wanted)
{
	CERTCTL_AUTO(json_decref) json_t *config = NULL;
	const struct certctl_description *description = NULL;
	struct certctl_error why = { 0 };
	char sha256[65];
	int rc = certctl_plugin_describe(connectors->pool, wanted->kind, wanted->type, &description, &why);

	if (rc == 0)
		rc = connector_options_resolve(&connectors->options, description->options, description->config_size,
			wanted->source, wanted->options, NULL, NULL, &config, &why);
	digest(wanted, config ? config : wanted->options, sha256);
	if (instances_know(connectors, wanted, sha256))
		return;
	if (rc == 0)
		rc = open_new(connectors, wanted, config, sha256, &why);
	if (rc < 0)
		instances_refuse(connectors, wanted, sha256, &why);
}

/* Opening it puts another in its place: the text is a copy. */
static void try_again(struct connectors *connectors, const struct instance *instance)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	CERTCTL_AUTO(json_decref) json_t *options = NULL;
	struct wanted_instance wanted = { .kind = instance->kind,
		.source = CONNECTOR_FILE,
		.id = talloc_strdup(mem, instance->id),
		.type = talloc_strdup(mem, instance->type) };

	if (wanted.id && wanted.type &&
		certctl_json_parse(instance->options, strlen(instance->options), NULL, &options, NULL) == 0) {
		wanted.options = options;
		instances_open(connectors, &wanted);
	}
	talloc_free(mem);
}

void instances_try_again(struct connectors *connectors)
{
	int64_t now_ms = certctl_monotonic_ms();
	struct instance *next;

	for (struct instance *instance = connectors->instances; instance; instance = next) {
		next = instance->next;
		if (instance->source == CONNECTOR_FILE && instance->why.code && instance->options &&
			instance->retry_ms <= now_ms)
			try_again(connectors, instance);
	}
}

/* It is not freed: somebody may be in the middle of a call. */
void instances_end(struct connectors *connectors, enum connector_source source)
{
	pthread_mutex_lock(&connectors->lock);
	for (struct instance **at = &connectors->instances; *at;) {
		struct instance *instance = *at;

		if (instance->is_named || instance->source != source) {
			at = &instance->next;
			continue;
		}
		*at = instance->next;
		certctl_log(CERTCTL_LOG_INFO, "connector.removed", instance_word(instance->kind), instance->id, NULL);
	}
	pthread_mutex_unlock(&connectors->lock);
}

/* --- For everybody else ---------------------------------------------------------------------------------------------- */

static int borrow(struct connectors *connectors, enum certctl_plugin_kind kind, const char *id,
	struct certctl_connector **ret, struct certctl_error *err)
{
	pthread_mutex_lock(&connectors->lock);
	const struct instance *instance = find(connectors, kind, id);
	struct certctl_connector *connector = instance ? instance->connector : NULL;

	pthread_mutex_unlock(&connectors->lock);
	if (!connector)
		return certctl_fail(err, CERTCTL_E_NOT_FOUND, "%s '%s' is not open here", instance_word(kind), id);
	*ret = connector;
	return 0;
}

int connectors_issuer(struct connectors *connectors, const char *id, struct certctl_connector **ret,
	struct certctl_error *err)
{
	return borrow(connectors, CERTCTL_ISSUER, id, ret, err);
}

int connectors_notifier(struct connectors *connectors, const char *id, struct certctl_connector **ret,
	struct certctl_error *err)
{
	return borrow(connectors, CERTCTL_NOTIFIER, id, ret, err);
}

void connectors_status(struct connectors *connectors, enum certctl_plugin_kind kind, const char *id, TALLOC_CTX *mem,
	struct connector_status *ret)
{
	*ret = (struct connector_status){ "closed", NULL };
	pthread_mutex_lock(&connectors->lock);
	const struct instance *instance = find(connectors, kind, id);

	if (instance) {
		ret->status = instance->connector ? "open" : "refused";
		if (instance->why.code)
			ret->reason = talloc_asprintf(mem, "%s%s", instance->connector ? "open as it was before: " : "",
				instance->why.what);
	}
	pthread_mutex_unlock(&connectors->lock);
}

void connectors_count(struct connectors *connectors, enum certctl_plugin_kind kind, struct connectors_count *ret)
{
	*ret = (struct connectors_count){ 0 };
	pthread_mutex_lock(&connectors->lock);
	for (const struct instance *instance = connectors->instances; instance; instance = instance->next)
		if (instance->kind == kind)
			*(instance->connector ? &ret->open : &ret->refused) += 1;
	pthread_mutex_unlock(&connectors->lock);
}

int connectors_describe(struct connectors *connectors, enum certctl_plugin_kind kind, const char *type,
	const struct certctl_description **ret, struct certctl_error *err)
{
	return certctl_plugin_describe(connectors->pool, kind, type, ret, err);
}

int connectors_plugins(struct connectors *connectors,
	void (*each)(void *arg, const char *file, const struct certctl_description *description,
		const struct certctl_error *why),
	void *arg, struct certctl_error *err)
{
	return certctl_plugins_list(connectors->pool, each, arg, err);
}

int connectors_runners(struct connectors *connectors, TALLOC_CTX *mem, struct job_runner **ret, size_t *ret_count,
	struct certctl_error *err)
{
	struct job_runner *runners = NULL;
	unsigned count = 0;
	bool is_complete = true;

	pthread_mutex_lock(&connectors->lock);
	for (struct instance *instance = connectors->instances; instance; instance = instance->next) {
		bool is_issuer = instance->kind == CERTCTL_ISSUER && instance->connector;
		unsigned slots = is_issuer ? certctl_connector_free_slots(instance->connector) : 0;

		if (slots == 0)
			continue;
		runners = talloc_realloc(mem, runners, struct job_runner, count + 1);
		is_complete = runners != NULL;
		if (!is_complete)
			break;
		/* One after the other, with their intents committed together: where asking again after a kill does no harm. */
		runners[count++] = (struct job_runner){ .name = talloc_asprintf(runners, "issuer/%s", instance->id),
			.slots = slots,
			.takes_many =
				certctl_connector_description(instance->connector)->caps & CERTCTL_ISSUER_REPEATABLE };
	}
	pthread_mutex_unlock(&connectors->lock);
	if (!is_complete)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	*ret = runners;
	*ret_count = count;
	return 0;
}
