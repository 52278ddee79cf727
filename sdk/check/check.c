/* `certctl-plugin check`: the conformance list from top to bottom, whatever the kind. */
#include "conformance.h"

#include "sdk/host/wire.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#define CYCLES 100
/* Less than any leak of two hundred instances, more than a table that grew once. */
#define HEAP_GROWTH_MAX 4096

/* --- Secrets ---------------------------------------------------------------------------------------------------------- */

/* Where the masked document differs from the document, there is a secret. */
static void collect_secrets(TALLOC_CTX *mem, const json_t *plain, const json_t *masked, const char ***list)
{
	const char *key;
	json_t *member;
	size_t index;

	if (json_is_string(plain) && !json_equal(plain, masked)) {
		size_t count = talloc_array_length(*list);

		*list = talloc_realloc(mem, *list, const char *, (unsigned)count + 1);
		(*list)[count - 1] = json_string_value(plain);
		(*list)[count] = NULL;
	}
	json_object_foreach((json_t *)plain, key, member)
		collect_secrets(mem, member, json_object_get(masked, key), list);
	json_array_foreach(plain, index, member) collect_secrets(mem, member, json_array_get(masked, index), list);
}

const char **secrets_of(TALLOC_CTX *mem, const struct certctl_description *plugin, const json_t *options)
{
	CERTCTL_AUTO(json_decref)
	json_t *masked = certctl_fields_mask(plugin->options, sizeof(*plugin->options), options);
	const char **list = talloc_zero_array(mem, const char *, 1);

	collect_secrets(mem, options, masked, &list);
	return list;
}

static const char *find_secret(const struct trial *trial, const char *text)
{
	for (const char **secret = trial->secrets; *secret; secret++)
		if (strlen(*secret) >= 4 && strstr(text, *secret))
			return *secret;
	return NULL;
}

void check_error(struct trial *trial, const char *check, int rc, const struct certctl_error *err)
{
	if (rc == 0)
		report_failed(trial->report, check, "it succeeded");
	else if (rc == CERTCTL_E_CRASHED || rc == CERTCTL_E_PROTOCOL || rc == CERTCTL_E_TIMEOUT)
		report_failed(trial->report, check, "%s: %s", certctl_code_name(rc), err->what);
	else if (err->code != rc || !err->what[0] || strcmp(certctl_code_name(rc), "unknown") == 0)
		report_failed(trial->report, check, "%d is returned, the error says %d \"%s\"", rc, err->code,
			err->what);
	else if (find_secret(trial, err->what) || find_secret(trial, err->hint))
		report_failed(trial->report, check, "the error holds a secret of the configuration");
	else
		report_passed(trial->report, check);
}

/* --- What every kind must do ------------------------------------------------------------------------------------------ */

static void check_info(struct trial *trial)
{
	CERTCTL_AUTO(json_decref) json_t *shown = NULL;
	struct certctl_info info = { 0 };
	struct certctl_error err = { 0 };
	int rc = certctl_connector_info(trial->connector, &trial->caller->call, trial->mem, &info, &err);

	if (!report_result(trial->report, "info: the instance says what it is", rc, &err) ||
		certctl_wire_to_json(&certctl_wire_info, &info, &shown, &err) < 0)
		return;
	report_judged(trial->report, "info: free of secrets",
		find_secret(trial, certctl_json_text(trial->mem, shown, NULL))
			? "it shows a secret of the configuration"
			: NULL);
}

static void check_test(struct trial *trial)
{
	struct certctl_error err = { 0 };
	int rc = certctl_connector_test(trial->connector, &trial->caller->call, &err);

	report_result(trial->report, "test: the instance is ready", rc, &err);
}

/* Descriptors that the plugin's process has open; -1 when this user may not see them. */
static int count_descriptors(const struct trial *trial)
{
	char path[64];
	int count = -1;

	snprintf(path, sizeof(path), "/proc/%d/fd", certctl_connector_pid(trial->connector));
	DIR *folder = opendir(path);

	if (!folder)
		return -1;
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

static int cycle(struct trial *trial, int times, int64_t *ret_growth, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *argument = json_pack("{s:i, s:i}", "times", times, "instances", 2);
	CERTCTL_AUTO(json_decref) json_t *reply = NULL;
	int rc = certctl_connector_call(trial->connector, "host.cycle", argument, &trial->caller->call, &reply, err);

	if (rc == 0)
		*ret_growth = certctl_json_integer_or(reply, "heap_after", 0) -
			      certctl_json_integer_or(reply, "heap_before", 0);
	return rc;
}

/* Two more instances open and close in the process of the one that serves, again and again. */
static void check_cycles(struct trial *trial)
{
	static const char growth[] = "instances: nothing stays open or allocated";
	struct certctl_error err = { 0 };
	int64_t bytes = 0;
	int rc = cycle(trial, 1, &bytes, &err), before = count_descriptors(trial);

	if (rc == 0)
		rc = cycle(trial, CYCLES, &bytes, &err);
	if (!report_result(trial->report, "instances: two more open and close beside it, 100 times", rc, &err))
		return;
	int left = count_descriptors(trial) - before;

	if (before >= 0 && left > 0)
		report_failed(trial->report, growth, "%d descriptors stayed open", left);
	else if (bytes > HEAP_GROWTH_MAX)
		report_failed(trial->report, growth, "%lld bytes stayed allocated", (long long)bytes);
	else
		report_passed(trial->report, growth);
	rc = certctl_connector_test(trial->connector, &trial->caller->call, &err);
	report_result(trial->report, "instances: the first one still serves", rc, &err);
}

/* Two processes of the same configuration at once, as two servers have them. */
static void check_twin(struct trial *trial)
{
	static const char check[] = "instances: two processes side by side";
	struct certctl_connector *twin;
	struct certctl_error err = { 0 };
	int rc = connect_setup(trial->mem, trial->pool, trial->plugin, trial->setup, &twin, &err);

	if (rc == 0)
		rc = certctl_connector_test(twin, &trial->caller->call, &err);
	if (rc == 0)
		rc = certctl_connector_test(trial->connector, &trial->caller->call, &err);
	if (report_result(trial->report, check, rc, &err))
		talloc_free(twin);
}

static bool is_cancelled_at_once(void *arg)
{
	(void)arg;
	return true;
}

static void check_cancel(struct trial *trial)
{
	static const char check[] = "cancel: a call that is given up ends, and the next one is served";
	struct certctl_call call = trial->caller->call;
	struct certctl_error err = { 0 };

	call.is_cancelled = is_cancelled_at_once;
	int rc = certctl_connector_test(trial->connector, &call, &err);

	if (rc == 0 || rc == CERTCTL_E_CANCELLED)
		rc = certctl_connector_test(trial->connector, &trial->caller->call, &err);
	report_result(trial->report, check, rc, &err);
}

static void check_behaviour(struct trial *trial)
{
	check_test(trial);
	check_info(trial);
	check_twin(trial);
	check_cycles(trial);
	check_cancel(trial);
	if (trial->plugin->kind == CERTCTL_ISSUER)
		check_issuer(trial);
	else if (trial->plugin->kind == CERTCTL_TARGET)
		check_target(trial);
	else
		check_notifier(trial);
}

/* --- From the command line to the verdict ------------------------------------------------------------------------------ */

static int try_instance(TALLOC_CTX *mem, const struct arguments *arguments, struct certctl_pool *pool,
	const struct certctl_description *plugin, struct report *report)
{
	struct trial trial = { .mem = mem,
		.pool = pool,
		.plugin = plugin,
		.caller = caller_new(mem, arguments->timeout_s),
		.report = report };
	struct setup *setup;
	struct certctl_error err = { 0 };

	if (setup_read(mem, arguments->config, arguments->peer, &setup, &err) < 0) {
		print_error(&err);
		return EXIT_USAGE_;
	}
	trial.setup = setup;
	trial.secrets = secrets_of(mem, plugin, setup->options);
	if (report_result(report, "options: the configuration given is accepted",
		    connect_setup(mem, pool, plugin, setup, &trial.connector, &err), &err))
		check_behaviour(&trial);
	talloc_free(trial.connector);
	return report_verdict(report, false);
}

static int check(TALLOC_CTX *mem, const struct arguments *arguments)
{
	struct report report = { .is_tap = arguments->tap };
	const struct certctl_description *plugin;
	struct certctl_pool *pool;
	struct certctl_error err = { 0 };

	if (open_pool(mem, arguments, &pool, &err) < 0) {
		print_error(&err);
		return EXIT_USAGE_;
	}
	printf("%s%s\n", arguments->tap ? "TAP version 13\n# " : "", arguments->plugin);
	if (find_plugin(pool, arguments->plugin, &plugin, &err) < 0) {
		report_result(&report, "descriptor: the plugin loads and describes itself", err.code, &err);
		return report_verdict(&report, true);
	}
	check_form(mem, plugin, &report);
	if (arguments->config || arguments->peer)
		return try_instance(mem, arguments, pool, plugin, &report);
	for (char **operation = plugin->operations; *operation; operation++)
		report_not_run(&report, *operation, "no --config and no --peer");
	return report_verdict(&report, true);
}

int check_plugin(const struct arguments *arguments)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	int exit_code = check(mem, arguments);

	talloc_free(mem);
	return exit_code;
}
