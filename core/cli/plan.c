/* Planning: documents against what is there. */
#include "plan.h"
#include "values.h"

#include <certctl/json.h>
#include <certctl/secret.h>
#include <string.h>

int plan_subject(const struct api *api, json_t *document, const struct api_resource **ret_resource, const char **ret_id,
	struct certctl_error *err)
{
	const char *kind = certctl_json_text_or(document, "kind", NULL),
		   *id = certctl_json_text_or(document, "id", NULL);
	const struct api_resource *resource = kind ? api_find_kind(api, kind) : NULL;

	if (!kind)
		return certctl_fail(err, CERTCTL_E_INVALID, "kind: needed, such as %s", "certificate");
	if (!resource || !api_is_declarable(resource)) {
		certctl_fail(err, CERTCTL_E_INVALID, "kind: '%.40s' is none that a file can describe", kind);
		return certctl_hint(err, "`certctl resources` lists them.");
	}
	if (!id)
		return certctl_fail(err, CERTCTL_E_INVALID, "id: needed: it says which %s is meant", resource->kind);
	*ret_resource = resource;
	*ret_id = id;
	return 0;
}

const struct api_operation *plan_maker(const struct api_resource *resource)
{
	const struct api_operation *create = api_verb(resource, "create");

	return create && create->body ? create : api_verb(resource, "replace");
}

static json_t *properties_of(const struct api_operation *operation)
{
	return operation ? json_object_get(operation->body, "properties") : NULL;
}

/* A document without `kind` and, where the path has it, without `id`. */
static json_t *body_of(const struct api_operation *operation, json_t *document)
{
	json_t *body = json_deep_copy(document);

	json_object_del(body, "kind");
	if (!json_object_get(properties_of(operation), "id"))
		json_object_del(body, "id");
	return body;
}

/* Secrets that are left as they are: the mask cannot be sent. */
static void drop_masks(json_t *wanted)
{
	const char *name;
	json_t *inner;
	void *next;

	json_object_foreach_safe(wanted, next, name, inner)
	{
		if (value_is_mask(inner))
			json_object_del(wanted, name);
		else
			drop_masks(inner);
	}
}

void plan_overlay(json_t *base, json_t *over)
{
	const char *name;
	json_t *value;

	json_object_foreach(over, name, value)
	{
		json_t *below = json_object_get(base, name);

		if (json_is_object(value) && json_is_object(below))
			plan_overlay(below, value);
		else
			json_object_set(base, name, value);
	}
}

json_t *plan_document(TALLOC_CTX *mem, const struct api_operation *operation, json_t *there)
{
	json_t *document = value_keep(mem, json_object()), *row;
	const char *name;

	json_object_foreach(properties_of(operation), name, row)
	{
		json_t *value = json_object_get(there, name);

		if (value && !json_is_null(value))
			json_object_set_new(document, name, json_deep_copy(value));
	}
	return document;
}

/* Members that differ, each as it shall be, also inside of objects; what `after` no longer has is cleared (RFC 7396). */
static json_t *differences(const struct api *api, json_t *schema, json_t *before, json_t *after)
{
	json_t *body = json_object(), *value;
	const char *name;

	json_object_foreach(after, name, value)
	{
		json_t *old = json_object_get(before, name), *member = api_property(api, schema, name);

		if (value_equal(api, member, value, old))
			continue;
		if (json_is_object(value) && json_is_object(old))
			json_object_set_new(body, name, differences(api, member, old, value));
		else
			json_object_set(body, name, value);
	}
	json_object_foreach(before, name, value)
	{
		if (!json_object_get(after, name) && !json_is_null(value))
			json_object_set_new(body, name, json_null());
	}
	return body;
}

json_t *plan_body(TALLOC_CTX *mem, const struct api *api, const struct api_operation *operation, json_t *before,
	json_t *after)
{
	json_t *changed = value_keep(mem, differences(api, operation->body, before, after));

	/* In a whole a mask that is sent back stands for what is there. */
	if (json_object_size(changed) > 0 && strcmp(operation->method, "PUT") == 0)
		return value_keep(mem, json_deep_copy(after));
	return changed;
}

/* --- Documents --------------------------------------------------------------------------------------------------------------- */

static void add_change(const struct api *api, struct plan *plan, json_t *schema, const char *name, json_t *from,
	json_t *to)
{
	json_object_set_new(plan->changes, name,
		json_pack("{s:o, s:o}", "from", from ? value_masked(api, schema, from, NULL) : json_null(), "to",
			value_masked(api, schema, to, from)));
}

static int plan_creation(const struct api *api, const struct api_resource *resource, json_t *document, TALLOC_CTX *mem,
	struct plan *plan, struct certctl_error *err)
{
	const struct api_operation *make = plan_maker(resource);
	const char *name;
	json_t *value;

	plan->action = PLAN_CREATE;
	plan->body = value_keep(mem, body_of(make, document));
	json_object_foreach(plan->body, name, value)
	{
		if (value_has_mask(value)) {
			certctl_fail(err, CERTCTL_E_INVALID, "%s: " CERTCTL_SECRET_MASK " stands for a secret", name);
			return certctl_hint(err,
				"Exports have no secrets: write them in before they are applied elsewhere.");
		}
		add_change(api, plan, api_property(api, make->body, name), name, NULL, value);
	}
	return 0;
}

/* What the document names and the server has not; secrets that cannot be compared count as named. */
static json_t *wanted_members(const struct api *api, json_t *schema, json_t *document, json_t *there, struct plan *plan)
{
	json_t *wanted = json_object(), *value;
	const char *name;

	plan->is_secrets_only = true;
	json_object_foreach(document, name, value)
	{
		json_t *member = api_property(api, schema, name), *now = json_object_get(there, name), *copy;

		if (strcmp(name, "kind") == 0 || strcmp(name, "id") == 0)
			continue;
		copy = json_deep_copy(value);
		if (value_has_mask(now))
			drop_masks(copy);
		if (!value_is_met(api, member, copy, now, false)) {
			json_object_set(wanted, name, copy);
			if (!value_is_met(api, member, copy, now, true)) {
				plan->is_secrets_only = false;
				add_change(api, plan, member, name, now, copy);
			}
		}
		json_decref(copy);
	}
	return wanted;
}

static int plan_change(const struct api *api, const struct api_resource *resource, json_t *document, json_t *there,
	TALLOC_CTX *mem, struct plan *plan, struct certctl_error *err)
{
	const struct api_operation *change = api_change(resource), *make = plan_maker(resource);
	json_t *schema = change ? change->body : make->body;
	json_t *wanted = value_keep(mem, wanted_members(api, schema, document, there, plan));

	if (json_object_size(wanted) == 0) {
		plan->action = PLAN_NOTHING;
		plan->is_secrets_only = false;
		return 0;
	}
	plan->action = PLAN_CHANGE;
	if (!change) {
		certctl_fail(err, CERTCTL_E_UNSUPPORTED, "%s: differs, and a %s cannot be changed over the API",
			json_object_iter_key(json_object_iter(wanted)), resource->kind);
		return certctl_hint(err, "Delete it and apply again, or make one with another id.");
	}
	plan->body = wanted;
	if (strcmp(change->method, "PUT") == 0) {
		plan->body = plan_document(mem, change, there);
		plan_overlay(plan->body, wanted);
	}
	return 0;
}

int plan_make(TALLOC_CTX *mem, const struct api *api, const struct api_resource *resource, json_t *document,
	json_t *there, struct plan *ret, struct certctl_error *err)
{
	struct plan plan = { .changes = value_keep(mem, json_object()) };
	int rc = there ? plan_change(api, resource, document, there, mem, &plan, err)
		       : plan_creation(api, resource, document, mem, &plan, err);

	if (rc == 0)
		*ret = plan;
	return rc;
}
