/*
 * The deployment transaction as a program, for stories: `deploy_driver FILE deploy|recover|expire|inventory`.  FILE describes what this host
 * permits and what to deploy; the reports go to standard output as JSON.  Exit code 1 when a deployment did not succeed.
 *
 * A deployment has either a plan, or the options and item of a plugin whose process makes the plan.
 */
#include <agent/deploy/deploy_plan.h>
#include <sdk/host/connector.h>
#include <sdk/host/wire.h>

#include <certctl/files.h>
#include <certctl/json.h>
#include <certctl/time.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const outcomes[] = { "none", "completed", "unchanged", "rolled_back", "broken", "refused" };
static struct certctl_error err;

static void need(int rc, const char *what)
{
	if (rc == 0)
		return;
	fprintf(stderr, "deploy_driver: %s: %s\n", what, err.what);
	exit(2);
}

static char *read_text(TALLOC_CTX *mem, const char *path)
{
	char *text = NULL;
	size_t len;

	need(certctl_file_read_path(mem, path, 1024 * 1024, &text, &len, &err), path);
	return text;
}

static const char *const *words(TALLOC_CTX *mem, const json_t *array)
{
	const char **list = talloc_zero_array(mem, const char *, (unsigned)json_array_size(array) + 1);

	for (size_t i = 0; i < json_array_size(array); i++)
		list[i] = json_string_value(json_array_get(array, i));
	return list;
}

static const char *const *const *rows(TALLOC_CTX *mem, const json_t *array)
{
	const char *const **list = talloc_zero_array(mem, const char *const *, (unsigned)json_array_size(array) + 1);

	for (size_t i = 0; i < json_array_size(array); i++)
		list[i] = words(list, json_array_get(array, i));
	return list;
}

static int64_t told_time(const struct certctl_clock *clock)
{
	return *(const int64_t *)clock->arg;
}

static struct certctl_key *read_key(TALLOC_CTX *mem, const char *path)
{
	struct certctl_secret text = { 0 };
	struct certctl_key *key = NULL;
	char *pem = read_text(mem, path);

	need(certctl_secret_set(mem, &text, pem, strlen(pem)), path);
	need(certctl_key_read(mem, &text, NULL, &key, &err), path);
	return key;
}

static struct certctl_bundle *read_bundle(TALLOC_CTX *mem, const json_t *row)
{
	struct certctl_bundle *bundle = talloc_zero(mem, struct certctl_bundle);
	struct certctl_certificate *leaf = NULL;

	bundle->certificate_id = "mc-story";
	bundle->version_id = json_string_value(json_object_get(row, "id"));
	bundle->leaf_pem = read_text(mem, json_string_value(json_object_get(row, "leaf")));
	bundle->chain_pem =
		json_object_get(row, "chain") ? read_text(mem, json_string_value(json_object_get(row, "chain"))) : "";
	need(certctl_certificate_read(mem, bundle->leaf_pem, strlen(bundle->leaf_pem), &leaf, &err), "leaf");
	bundle->fingerprint_sha256 = leaf->fingerprint_sha256;
	bundle->names = (const struct certctl_name *const *)leaf->names;
	bundle->key_type = leaf->key_type;
	bundle->not_after_unix_s = leaf->not_after_unix_s;
	return bundle;
}

static struct certctl_connector *open_plugin(TALLOC_CTX *mem, const json_t *spec, const json_t *row)
{
	struct certctl_pool_options options = { .plugin_dirs = words(mem, json_object_get(spec, "plugin_dirs")),
		.host_program = json_string_value(json_object_get(spec, "host_program")) };
	struct certctl_connector_options instance = { .name = "targets/nginx",
		.config = json_object_get(row, "options"),
		.commands = rows(mem, json_object_get(spec, "commands")) };
	struct certctl_pool *pool = NULL;
	struct certctl_connector *connector = NULL;

	need(certctl_pool_new(mem, &options, &pool, &err), "pool");
	need(certctl_plugin_describe(pool, CERTCTL_TARGET, json_string_value(json_object_get(row, "plugin")),
		     &instance.description, &err),
		"describe");
	need(certctl_connector_new(mem, pool, &instance, &connector, &err), "connector");
	return connector;
}

static json_t *report_to_json(const char *id, const struct certctl_deploy_report *report)
{
	json_t *steps = json_array();

	for (const struct certctl_deploy_step *const *step = report->steps; *step; step++)
		json_array_append_new(steps,
			json_pack("{s:s, s:b, s:s, s:I}", "name", (*step)->name, "ok", (*step)->ok, "detail",
				(*step)->detail, "elapsed_ms", (json_int_t)(*step)->elapsed_ms));
	return json_pack("{s:s, s:s, s:b, s:s?, s:o, s:s, s:s, s:s, s:b}", "id", id, "outcome",
		outcomes[report->outcome], "verified", report->verified, "served", report->served_fingerprint, "steps",
		steps, "error", certctl_code_name(report->error.code), "what", report->error.what, "hint",
		report->error.hint, "retryable", report->error.retryable);
}

static void print(json_t *reports)
{
	char *text = json_dumps(reports, JSON_INDENT(1));

	puts(text);
	free(text);
	json_decref(reports);
}

static void add_recovered(void *arg, const char *id, const struct certctl_deploy_report *report)
{
	json_array_append_new(arg, report_to_json(id, report));
}

static int deploy_with_plugin(struct certctl_deployer *deployer, TALLOC_CTX *mem, const json_t *spec,
	const json_t *list, struct certctl_deploy_report **ret)
{
	size_t count = json_array_size(list);
	const struct certctl_deployment **deployments =
		talloc_zero_array(mem, const struct certctl_deployment *, (unsigned)count + 1);
	struct certctl_connector *connector = open_plugin(mem, spec, json_array_get(list, 0));

	for (size_t i = 0; i < count; i++) {
		const json_t *row = json_array_get(list, i);
		struct certctl_deployment *one = talloc_zero(mem, struct certctl_deployment);

		*one = (struct certctl_deployment){ .id = json_string_value(json_object_get(row, "id")),
			.binding = json_string_value(json_object_get(row, "binding")),
			.target = connector,
			.item = json_object_get(row, "item"),
			.bundle = read_bundle(mem, row),
			.key = read_key(mem, json_string_value(json_object_get(row, "key"))),
			.sequence = certctl_json_integer_or(row, "sequence", 1),
			.is_rollback = json_is_true(json_object_get(row, "is_rollback")) };
		deployments[i] = one;
	}
	return certctl_deploy(deployer, mem, deployments, ret, &err);
}

static int deploy_plans(struct certctl_deployer *deployer, TALLOC_CTX *mem, const json_t *list,
	struct certctl_deploy_report **ret)
{
	size_t count = json_array_size(list);
	const struct certctl_deploy_task **tasks =
		talloc_zero_array(mem, const struct certctl_deploy_task *, (unsigned)count + 1);

	for (size_t i = 0; i < count; i++) {
		const json_t *row = json_array_get(list, i);
		struct certctl_deploy_task *one = talloc_zero(mem, struct certctl_deploy_task);
		struct certctl_plan *plan = talloc_zero(mem, struct certctl_plan);

		need(certctl_wire_from_json(mem, &certctl_wire_plan, json_object_get(row, "plan"), plan, &err), "plan");
		*one = (struct certctl_deploy_task){ .id = json_string_value(json_object_get(row, "id")),
			.binding = json_string_value(json_object_get(row, "binding")),
			.bundle = read_bundle(mem, row),
			.key = read_key(mem, json_string_value(json_object_get(row, "key"))),
			.plan = plan,
			.sequence = certctl_json_integer_or(row, "sequence", 1),
			.is_rollback = json_is_true(json_object_get(row, "is_rollback")) };
		tasks[i] = one;
	}
	return certctl_deploy_tasks(deployer, mem, tasks, ret, &err);
}

static int deploy(struct certctl_deployer *deployer, TALLOC_CTX *mem, const json_t *spec)
{
	const json_t *list = json_object_get(spec, "deployments");
	bool has_plan = json_object_get(json_array_get(list, 0), "plan") != NULL;
	struct certctl_deploy_report *reports = NULL;
	json_t *out = json_array();
	int rc = has_plan ? deploy_plans(deployer, mem, list, &reports)
			  : deploy_with_plugin(deployer, mem, spec, list, &reports);

	for (size_t i = 0; reports && i < json_array_size(list); i++)
		json_array_append_new(out,
			report_to_json(json_string_value(json_object_get(json_array_get(list, i), "id")), &reports[i]));
	print(out);
	return rc < 0;
}

static int recover(struct certctl_deployer *deployer)
{
	json_t *out = json_array();

	need(certctl_deploy_recover(deployer, add_recovered, out, &err), "recover");
	print(out);
	return 0;
}

static int expire(struct certctl_deployer *deployer)
{
	int64_t next_unix_s = 0;

	need(certctl_deploy_expire(deployer, &next_unix_s, &err), "expire");
	print(json_pack("{s:I}", "next_unix_s", (json_int_t)next_unix_s));
	return 0;
}

/* What the server of the first deployment's plugin is configured to serve. */
static int inventory(TALLOC_CTX *mem, const json_t *spec)
{
	const json_t *first = json_array_get(json_object_get(spec, "deployments"), 0);
	const struct certctl_inventory_item *const *items = NULL;
	json_t *out = NULL;

	need(certctl_target_inventory(open_plugin(mem, spec, first), NULL, mem, &items, &err), "inventory");
	need(certctl_wire_rows_to_json(&certctl_wire_inventory_item, items, &out, &err), "inventory");
	print(out);
	return 0;
}

int main(int argc, char **argv)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	json_t *spec = NULL;
	int64_t now_unix_s;
	int rc = 2;

	if (argc != 3)
		return 2;
	char *text = read_text(mem, argv[1]);

	need(certctl_json_parse(text, strlen(text), NULL, &spec, &err), argv[1]);
	now_unix_s = certctl_json_integer_or(spec, "now_unix_s", 0);
	const struct certctl_clock told = { .now_s = told_time, .arg = &now_unix_s };
	const struct certctl_deployer_options options = { .state_dir =
								  json_string_value(json_object_get(spec, "state_dir")),
		.policy = { .paths = words(mem, json_object_get(spec, "paths")),
			.commands = rows(mem, json_object_get(spec, "commands")) },
		.rollback_hours = certctl_json_integer_or(spec, "rollback_hours", 24),
		.clock = now_unix_s ? &told : NULL };
	struct certctl_deployer *deployer = NULL;

	need(certctl_deployer_new(mem, &options, &deployer, &err), "deployer");
	if (strcmp(argv[2], "deploy") == 0)
		rc = deploy(deployer, mem, spec);
	else if (strcmp(argv[2], "recover") == 0)
		rc = recover(deployer);
	else if (strcmp(argv[2], "expire") == 0)
		rc = expire(deployer);
	else if (strcmp(argv[2], "inventory") == 0)
		rc = inventory(mem, spec);
	talloc_free(mem);
	json_decref(spec);
	return rc;
}
