/* What typed calls share, and the two calls that every kind has. */
#include "typed.h"

int typed_argument(const char *name, const struct certctl_wire *wire, const void *value, const json_t *item,
	json_t **ret, struct certctl_error *err)
{
	json_t *body;
	int rc = certctl_wire_to_json(wire, value, &body, err);

	if (rc < 0)
		return rc;
	*ret = json_pack("{s:o, s:O*}", name, body, "item", item);
	return *ret ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "%s: no memory", name);
}

int typed_nonsense(const struct certctl_connector *connector, const char *operation, int rc, struct certctl_error *err)
{
	if (rc == CERTCTL_E_NO_MEMORY)
		return rc;
	certctl_error_prefix(err, "%s: reply to %s", connector->name, operation);
	if (err) {
		err->code = CERTCTL_E_PROTOCOL;
		err->retryable = false;
	}
	return CERTCTL_E_PROTOCOL;
}

int typed_call(struct certctl_connector *connector, const char *operation, json_t *argument,
	const struct certctl_call *call, TALLOC_CTX *mem, const struct certctl_wire *wire, void *ret,
	struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *given = argument;
	CERTCTL_AUTO(json_decref) json_t *value = NULL;

	if (!given)
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: an argument is missing or not UTF-8", operation);
	int rc = certctl_connector_call(connector, operation, given, call, &value, err);

	if (rc < 0 || !wire)
		return rc;
	rc = certctl_wire_from_json(mem, wire, value, ret, err);
	return rc < 0 ? typed_nonsense(connector, operation, rc, err) : 0;
}

int typed_call_for_text(struct certctl_connector *connector, const char *operation, json_t *argument,
	const struct certctl_call *call, TALLOC_CTX *mem, const char *name, const char **ret, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *given = argument;
	CERTCTL_AUTO(json_decref) json_t *value = NULL;
	int rc = certctl_connector_call(connector, operation, given, call, &value, err);

	if (rc < 0)
		return rc;
	rc = certctl_wire_text_from_json(mem, name, value, ret, err);
	return rc < 0 ? typed_nonsense(connector, operation, rc, err) : 0;
}

int certctl_connector_test(struct certctl_connector *connector, const struct certctl_call *call,
	struct certctl_error *err)
{
	return certctl_connector_call(connector, "test", NULL, call, NULL, err);
}

int certctl_connector_info(struct certctl_connector *connector, const struct certctl_call *call, TALLOC_CTX *mem,
	struct certctl_info *ret, struct certctl_error *err)
{
	struct certctl_info info = { 0 };
	int rc = typed_call(connector, "info", json_object(), call, mem, &certctl_wire_info, &info, err);

	if (rc == 0)
		*ret = info;
	return rc;
}
