/* Calls to targets in the terms of target.h.  A key leaves this process only for a plugin that says it needs one. */
#include "typed.h"

/* The bundle as this plugin may see it. */
static struct certctl_bundle shown(const struct certctl_connector *connector, const struct certctl_bundle *bundle)
{
	struct certctl_bundle copy = *bundle;

	if (!(connector->description->needs & CERTCTL_NEEDS_KEY))
		copy.key_pem = NULL;
	return copy;
}

int certctl_target_plan(struct certctl_connector *connector, const struct certctl_bundle *bundle, const json_t *item,
	const struct certctl_call *call, TALLOC_CTX *mem, struct certctl_plan *ret, struct certctl_error *err)
{
	const struct certctl_bundle copy = shown(connector, bundle);
	const struct part parts[] = { { .name = "bundle", .wire = &certctl_wire_bundle, .value = &copy },
		{ .name = "item", .json = item }, { 0 } };
	struct certctl_plan plan = { 0 };
	int rc = typed_call(connector, "plan", parts, call, mem, &certctl_wire_plan, &plan, err);

	if (rc == 0)
		*ret = plan;
	return rc;
}

int certctl_target_validate(struct certctl_connector *connector, const struct certctl_bundle *bundle,
	const struct certctl_plan *plan, const struct certctl_call *call, struct certctl_error *err)
{
	const struct certctl_bundle copy = shown(connector, bundle);
	const struct part parts[] = { { .name = "bundle", .wire = &certctl_wire_bundle, .value = &copy },
		{ .name = "plan", .wire = &certctl_wire_plan, .value = plan }, { 0 } };

	return typed_call(connector, "validate", parts, call, NULL, NULL, NULL, err);
}

/* Copies of all bundles, in a NULL-terminated list on `mem`. */
static const struct certctl_bundle *const *all_shown(TALLOC_CTX *mem, const struct certctl_connector *connector,
	const struct certctl_bundle *const *bundles)
{
	size_t count = 0;

	while (bundles && bundles[count])
		count++;
	const struct certctl_bundle **list = talloc_zero_array(mem, const struct certctl_bundle *, (unsigned)count + 1);
	struct certctl_bundle *copies = talloc_array(mem, struct certctl_bundle, (unsigned)count);

	for (size_t i = 0; list && copies && i < count; i++) {
		copies[i] = shown(connector, bundles[i]);
		list[i] = &copies[i];
	}
	return list && copies ? list : NULL;
}

int certctl_target_activate(struct certctl_connector *connector, const struct certctl_bundle *const *bundles,
	const struct certctl_plan *const *plans, const struct certctl_call *call, struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_named_const(NULL, 0, "bundles");
	const struct certctl_bundle *const *copies = all_shown(mem, connector, bundles);
	const struct part parts[] = {
		{ .name = "bundles", .wire = &certctl_wire_bundle, .value = copies, .is_list = true },
		{ .name = "plans", .wire = &certctl_wire_plan, .value = plans, .is_list = true }, { 0 }
	};
	int rc = copies ? typed_call(connector, "activate", parts, call, NULL, NULL, NULL, err)
			: certctl_fail(err, CERTCTL_E_NO_MEMORY, "activate: no memory");

	talloc_free(mem);
	return rc;
}

int certctl_target_served(struct certctl_connector *connector, const struct certctl_bundle *bundle, const json_t *item,
	const struct certctl_call *call, TALLOC_CTX *mem, const char **ret_fingerprint, struct certctl_error *err)
{
	const struct certctl_bundle copy = shown(connector, bundle);
	const struct part parts[] = { { .name = "bundle", .wire = &certctl_wire_bundle, .value = &copy },
		{ .name = "item", .json = item }, { 0 } };

	return typed_call_for_text(connector, "served", parts, call, mem, "fingerprint", ret_fingerprint, err);
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
