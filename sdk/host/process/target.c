/* Operations of targets: argument from JSON, call, result to JSON. */
#include "kind.h"

KIND_FUNCTIONS(target);

static int read_bundle(struct call *call, const json_t *argument, struct certctl_bundle *ret, struct certctl_error *err)
{
	return certctl_wire_from_json(call->mem, &certctl_wire_bundle, json_object_get(argument, "bundle"), ret, err);
}

static int run_plan(struct call *call, const json_t *argument, struct certctl_error *err)
{
	struct certctl_bundle bundle = { 0 };
	struct certctl_plan plan = { 0 };
	const void *item;
	int rc = read_bundle(call, argument, &bundle, err);

	if (rc < 0 || (rc = call_item(call, argument, &item, err)) < 0)
		return rc;
	rc = ops_of(call)->plan(call->self, &call->api, &bundle, item, call->mem, &plan, err);
	return rc < 0 ? rc : call_result(call, &certctl_wire_plan, &plan, err);
}

static int run_validate(struct call *call, const json_t *argument, struct certctl_error *err)
{
	struct certctl_bundle bundle = { 0 };
	struct certctl_plan plan = { 0 };
	int rc = read_bundle(call, argument, &bundle, err);

	if (rc == 0)
		rc = certctl_wire_from_json(call->mem, &certctl_wire_plan, json_object_get(argument, "plan"), &plan,
			err);
	return rc < 0 ? rc : ops_of(call)->validate(call->self, &call->api, &bundle, &plan, err);
}

static int run_activate(struct call *call, const json_t *argument, struct certctl_error *err)
{
	const json_t *bundles_in = json_object_get(argument, "bundles"), *plans_in = json_object_get(argument, "plans");
	const void *bundles, *plans;
	int rc;

	if (json_array_size(bundles_in) != json_array_size(plans_in))
		return certctl_fail(err, CERTCTL_E_INVALID,
			"bundles and plans: as many of one as of the other expected");
	if ((rc = certctl_wire_rows_from_json(call->mem, &certctl_wire_bundle, bundles_in, &bundles, err)) < 0 ||
		(rc = certctl_wire_rows_from_json(call->mem, &certctl_wire_plan, plans_in, &plans, err)) < 0)
		return rc;
	return ops_of(call)->activate(call->self, &call->api, bundles, plans, err);
}

static int run_served(struct call *call, const json_t *argument, struct certctl_error *err)
{
	struct certctl_bundle bundle = { 0 };
	const char *fingerprint = NULL;
	const void *item;
	int rc = read_bundle(call, argument, &bundle, err);

	if (rc < 0 || (rc = call_item(call, argument, &item, err)) < 0)
		return rc;
	rc = ops_of(call)->served(call->self, &call->api, &bundle, item, call->mem, &fingerprint, err);
	return rc < 0 ? rc : call_text_result(call, "fingerprint", fingerprint, err);
}

static int run_inventory(struct call *call, const json_t *argument, struct certctl_error *err)
{
	const struct certctl_inventory_item *const *items = NULL;
	int rc = ops_of(call)->inventory(call->self, &call->api, call->mem, &items, err);

	(void)argument;
	return rc < 0 ? rc : call_rows_result(call, "items", &certctl_wire_inventory_item, items, err);
}

#define AT(member) offsetof(struct certctl_target_ops, member)
static const struct operation operations[] = {
	KIND_ROWS(target),
	{ "plan", AT(plan), 0, true, run_plan },
	{ "validate", AT(validate), CERTCTL_TARGET_CAN_VALIDATE, false, run_validate },
	{ "activate", AT(activate), CERTCTL_TARGET_CAN_ACTIVATE, false, run_activate },
	{ "served", AT(served), CERTCTL_TARGET_CAN_SERVED, false, run_served },
	{ "inventory", AT(inventory), CERTCTL_TARGET_CAN_INVENTORY, false, run_inventory },
	{ 0 },
};

const struct kind target_kind = { CERTCTL_TARGET, sizeof(struct certctl_target_ops), 0, operations, open_one,
	close_one };
