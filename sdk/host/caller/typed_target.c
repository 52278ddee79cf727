/* Calls to targets in the terms of target.h.  A key leaves this process only for a plugin that says it needs one. */
#include "typed.h"

static bool takes_key(const struct certctl_connector *connector)
{
	return connector->description->needs & CERTCTL_NEEDS_KEY;
}

/* A bundle may hold the key: its JSON is wiped once it has been sent. */
static int call_with_bundles(struct certctl_connector *connector, const char *operation, json_t *argument,
	const struct certctl_call *call, TALLOC_CTX *mem, const struct certctl_wire *wire, void *ret,
	struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *kept = json_incref(argument);
	int rc = typed_call(connector, operation, argument, call, mem, wire, ret, err);

	certctl_wire_wipe(json_object_get(kept, "bundle"));
	certctl_wire_wipe(json_object_get(kept, "bundles"));
	return rc;
}

static int bundle_argument(const struct certctl_connector *connector, const struct certctl_bundle *bundle,
	const json_t *item, json_t **ret, struct certctl_error *err)
{
	struct certctl_bundle shown = *bundle;

	if (!takes_key(connector))
		shown.key_pem = NULL;
	return typed_argument("bundle", &certctl_wire_bundle, &shown, item, ret, err);
}

int certctl_target_plan(struct certctl_connector *connector, const struct certctl_bundle *bundle, const json_t *item,
	const struct certctl_call *call, TALLOC_CTX *mem, struct certctl_plan *ret, struct certctl_error *err)
{
	struct certctl_plan plan = { 0 };
	json_t *argument;
	int rc = bundle_argument(connector, bundle, item, &argument, err);

	if (rc == 0)
		rc = call_with_bundles(connector, "plan", argument, call, mem, &certctl_wire_plan, &plan, err);
	if (rc == 0)
		*ret = plan;
	return rc;
}

int certctl_target_validate(struct certctl_connector *connector, const struct certctl_bundle *bundle,
	const struct certctl_plan *plan, const struct certctl_call *call, struct certctl_error *err)
{
	json_t *argument, *plan_json;
	int rc = bundle_argument(connector, bundle, NULL, &argument, err);

	if (rc < 0)
		return rc;
	if ((rc = certctl_wire_to_json(&certctl_wire_plan, plan, &plan_json, err)) < 0) {
		json_decref(argument);
		return rc;
	}
	json_object_set_new(argument, "plan", plan_json);
	return call_with_bundles(connector, "validate", argument, call, NULL, NULL, NULL, err);
}

static int bundles_to_json(const struct certctl_connector *connector, const struct certctl_bundle *const *bundles,
	json_t **ret, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *array = json_array();

	for (; bundles && *bundles; bundles++) {
		struct certctl_bundle shown = **bundles;
		json_t *one;

		if (!takes_key(connector))
			shown.key_pem = NULL;
		int rc = certctl_wire_to_json(&certctl_wire_bundle, &shown, &one, err);

		if (rc < 0)
			return rc;
		json_array_append_new(array, one);
	}
	*ret = CERTCTL_TAKE(array);
	return 0;
}

int certctl_target_activate(struct certctl_connector *connector, const struct certctl_bundle *const *bundles,
	const struct certctl_plan *const *plans, const struct certctl_call *call, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *bundles_json = NULL;
	CERTCTL_AUTO(json_decref) json_t *plans_json = NULL;
	int rc = bundles_to_json(connector, bundles, &bundles_json, err);

	if (rc < 0 || (rc = certctl_wire_rows_to_json(&certctl_wire_plan, plans, &plans_json, err)) < 0)
		return rc;
	return call_with_bundles(connector, "activate",
		json_pack("{s:O, s:O}", "bundles", bundles_json, "plans", plans_json), call, NULL, NULL, NULL, err);
}

int certctl_target_served(struct certctl_connector *connector, const struct certctl_bundle *bundle, const json_t *item,
	const struct certctl_call *call, TALLOC_CTX *mem, const char **ret_fingerprint, struct certctl_error *err)
{
	json_t *argument;
	int rc = bundle_argument(connector, bundle, item, &argument, err);

	return rc < 0 ? rc
		      : typed_call_for_text(connector, "served", argument, call, mem, "fingerprint", ret_fingerprint,
				err);
}

int certctl_target_inventory(struct certctl_connector *connector, const struct certctl_call *call, TALLOC_CTX *mem,
	const struct certctl_inventory_item *const **ret, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *value = NULL;
	const void *items;
	int rc = certctl_connector_call(connector, "inventory", NULL, call, &value, err);

	if (rc < 0)
		return rc;
	rc = certctl_wire_rows_from_json(mem, &certctl_wire_inventory_item, json_object_get(value, "items"), &items,
		err);
	if (rc < 0)
		return typed_nonsense(connector, "inventory", rc, err);
	*ret = items;
	return 0;
}
