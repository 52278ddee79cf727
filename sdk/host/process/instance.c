/* One configured instance of the plugin: its configuration as the plugin's own struct, opened on first use. */
#include "process.h"

#include <malloc.h>
#include <string.h>

/* Both sanitizers that replace malloc answer this; elsewhere it is not there. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

int instance_init(struct instance *instance, const struct plugin *plugin, const char *name, const json_t *config,
	struct certctl_error *err)
{
	const struct certctl_plugin *said = &plugin->descriptor;
	struct certctl_field_reading how = { 0 };

	*instance = (struct instance){ .plugin = plugin, .mem = talloc_named_const(NULL, 0, "instance") };
	pthread_mutex_init(&instance->open_lock, NULL);
	instance->name = talloc_strdup(instance->mem, name);
	instance->config = talloc_zero_size(instance->mem, said->config_size + 1);
	if (!instance->name || !instance->config)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "%s: no memory", name);
	how.path = instance->name;
	return certctl_fields_parse(instance->mem, said->options, said->field_size, config, &how, instance->config,
		err);
}

int instance_open(struct instance *instance, const struct certctl_host *host, struct certctl_error *err)
{
	const struct kind *kind = instance->plugin->kind;
	int rc = 0;

	pthread_mutex_lock(&instance->open_lock);
	if (!instance->self) {
		rc = kind->open(instance->plugin, host, instance->config, &instance->self, err);
		if (rc == 0 && !instance->self)
			rc = certctl_fail(err, CERTCTL_E_PROTOCOL, "open succeeded and returned nothing");
	}
	pthread_mutex_unlock(&instance->open_lock);
	return rc;
}

void instance_close(struct instance *instance)
{
	if (instance->self)
		instance->plugin->kind->close(instance->plugin, instance->self);
	instance->self = NULL;
	talloc_free(instance->mem);
}

/* Bytes in use on the heap. */
static int64_t heap_in_use(void)
{
	if (__sanitizer_get_current_allocated_bytes)
		return (int64_t)__sanitizer_get_current_allocated_bytes();
	return (int64_t)mallinfo2().uordblks;
}

/* All instances open at the same time, then all closed. */
static int cycle_once(struct call *call, void **opened, size_t count, struct certctl_error *err)
{
	const struct instance *instance = &call->server->instance;
	size_t done = 0;
	int rc = 0;

	while (done < count && rc == 0) {
		opened[done] = NULL;
		rc = instance->plugin->kind->open(instance->plugin, &call->api, instance->config, &opened[done], err);
		if (rc == 0 && !opened[done])
			rc = certctl_fail(err, CERTCTL_E_PROTOCOL, "open succeeded and returned nothing");
		done += rc == 0;
	}
	while (done > 0)
		instance->plugin->kind->close(instance->plugin, opened[--done]);
	return rc;
}

int instance_cycle(struct call *call, const json_t *argument, struct certctl_error *err)
{
	int64_t times = certctl_json_integer_or(argument, "times", 1),
		count = certctl_json_integer_or(argument, "instances", 1);
	void *opened[64];
	int rc = 0;

	if (times < 1 || times > 100000 || count < 1 || count > (int64_t)CERTCTL_COUNT(opened))
		return certctl_fail(err, CERTCTL_E_INVALID, "times 1..100000 and instances 1..%zu expected",
			CERTCTL_COUNT(opened));
	/* Caches that fill once are no leak. */
	for (int warm_up = 0; rc == 0 && warm_up < 5; warm_up++)
		rc = cycle_once(call, opened, (size_t)count, err);
	int64_t before = heap_in_use();

	for (int64_t i = 0; rc == 0 && i < times; i++)
		rc = cycle_once(call, opened, (size_t)count, err);
	if (rc < 0)
		return rc;
	static const char *const names[] = { "heap_before", "heap_after" };
	const int64_t numbers[] = { before, heap_in_use() };

	return call_numbers_result(call, names, numbers, CERTCTL_COUNT(numbers), err);
}
