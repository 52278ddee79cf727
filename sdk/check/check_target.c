/* What `check` asks of a target: a plan that is complete, pure and the same every time. */
#include "conformance.h"
#include "sample.h"

#include "sdk/host/wire.h"

#include <string.h>

static struct certctl_bundle bundle_of(const struct sample *sample)
{
	return (struct certctl_bundle){ .certificate_id = "mc-check",
		.version_id = "ver-check",
		.names = sample->names,
		.fingerprint_sha256 = sample->fingerprint_sha256,
		.leaf_pem = sample->leaf_pem,
		.chain_pem = "",
		.key_type = CERTCTL_ECDSA_P256,
		.not_after_unix_s = sample->not_after_unix_s };
}

static bool has_key(const struct certctl_plan_file *file)
{
	for (const struct certctl_part *const *part = file->parts; *part; part++)
		if ((*part)->kind == CERTCTL_PART_KEY)
			return true;
	return false;
}

static const char *judge_file(const struct certctl_plan_file *file)
{
	struct certctl_error err = { 0 };

	if (!file->path || certctl_path_check(file->path, &err) < 0)
		return "a path is not absolute and canonical";
	if (!file->parts || !file->parts[0])
		return "a file has no parts";
	if (has_key(file) && file->mode & 0007)
		return "a file with the key is open to everybody";
	if (file->encoding == CERTCTL_FILE_PKCS12 && !file->password)
		return "a PKCS#12 file has no password";
	return NULL;
}

static const char *judge_plan(const struct certctl_plan *plan)
{
	const char *why = NULL;

	if (!plan->files || !plan->files[0])
		return "it names no file";
	for (const struct certctl_plan_file *const *file = plan->files; *file && !why; file++)
		why = judge_file(*file);
	if (!why && plan->validate && plan->validate[0][0] != '/')
		why = "validate: the program's path is not absolute";
	if (!why && plan->activate && plan->activate[0][0] != '/')
		why = "activate: the program's path is not absolute";
	return why;
}

static int plan_as_json(struct trial *trial, const struct certctl_bundle *bundle, struct certctl_plan *ret,
	json_t **ret_json, struct certctl_error *err)
{
	memset(ret, 0, sizeof(*ret));
	if (certctl_target_plan(trial->connector, bundle, trial->setup->item, &trial->caller->call, trial->mem, ret,
		    err) < 0)
		return err->code;
	return certctl_wire_to_json(&certctl_wire_plan, ret, ret_json, err);
}

/* Nothing of an earlier call may be in it, and nothing of the process. */
static void check_pure(struct trial *trial, const char *check, const struct certctl_bundle *bundle, const json_t *first)
{
	CERTCTL_AUTO(json_decref) json_t *again = NULL;
	struct certctl_plan plan;
	struct certctl_error err = { 0 };
	int rc = plan_as_json(trial, bundle, &plan, &again, &err);

	if (rc < 0)
		report_result(trial->report, check, rc, &err);
	else
		report_judged(trial->report, check, json_equal(first, again) ? NULL : "it is another plan");
}

static void check_plan(struct trial *trial, const struct certctl_bundle *bundle)
{
	CERTCTL_AUTO(json_decref) json_t *first = NULL;
	struct certctl_plan plan;
	struct certctl_error err = { 0 };

	if (!report_result(trial->report, "plan: a bundle is answered with a plan",
		    plan_as_json(trial, bundle, &plan, &first, &err), &err))
		return;
	report_judged(trial->report, "plan: files, modes and commands are complete", judge_plan(&plan));
	check_pure(trial, "plan: the same bundle gives the same plan", bundle, first);
	certctl_connector_stop(trial->connector);
	check_pure(trial, "plan: also in a fresh process, after a lost reply", bundle, first);
}

static void check_inventory(struct trial *trial)
{
	const struct certctl_inventory_item *const *items;
	struct certctl_error err = { 0 };

	if (trial->plugin->caps & CERTCTL_TARGET_CAN_INVENTORY)
		report_result(trial->report, "inventory: what the server is configured to serve",
			certctl_target_inventory(trial->connector, &trial->caller->call, trial->mem, &items, &err),
			&err);
}

static void check_served(struct trial *trial, const struct certctl_bundle *bundle)
{
	const char *fingerprint;
	struct certctl_error err = { 0 };

	if (!(trial->plugin->caps & CERTCTL_TARGET_CAN_SERVED))
		return;
	int rc = certctl_target_served(trial->connector, bundle, trial->setup->item, &trial->caller->call, trial->mem,
		&fingerprint, &err);

	if (rc == 0)
		report_judged(trial->report, "served: a certificate that was not deployed is not served",
			strcmp(fingerprint, bundle->fingerprint_sha256) == 0 ? "it is" : NULL);
	else
		check_error(trial, "served: what is not served is said in words, without secrets", rc, &err);
}

void check_target(struct trial *trial)
{
	struct sample *sample;
	struct certctl_error err = { 0 };

	if (sample_make(trial->mem, trial->setup->names, trial->setup->lifetime_s, &sample, &err) < 0) {
		report_failed(trial->report, "plan: a bundle is answered with a plan", "no bundle: %s", err.what);
		return;
	}
	struct certctl_bundle bundle = bundle_of(sample);

	check_plan(trial, &bundle);
	check_inventory(trial);
	check_served(trial, &bundle);
	/* What changes the server runs inside the agent's transaction, which a story tries with the real one. */
	for (const char *const *name = (const char *const[]){ "validate", "activate", NULL }; *name; name++)
		if (plugin_has(trial->plugin, *name))
			report_not_run(trial->report, *name, "it needs the bundle in place");
}
