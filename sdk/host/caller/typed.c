/* What typed calls share, and the two calls that every kind has. */
#include "typed.h"

#include <string.h>

static bool is_left_out(const struct part *part)
{
	return !part->wire && !part->json && !part->text && !part->number;
}

static int write_part(struct certctl_buffer *out, const struct part *part, struct certctl_error *err)
{
	if (part->wire)
		return part->is_list ? certctl_wire_append_rows(out, part->wire, part->value, err)
				     : certctl_wire_append(out, part->wire, part->value, err);
	if (part->number) {
		certctl_buffer_integer(out, *part->number);
		return 0;
	}
	if (part->text && certctl_utf8_is_valid(part->text, strlen(part->text))) {
		certctl_buffer_json_string(out, part->text, strlen(part->text));
		return 0;
	}
	return part->json && certctl_json_append(out, part->json)
		       ? 0
		       : certctl_fail(err, CERTCTL_E_INVALID, "%s: not UTF-8", part->name);
}

/* Names are ours: they need no quoting. */
static int write_parts(struct certctl_buffer *out, const void *arg, struct certctl_error *err)
{
	char before = '{';

	for (const struct part *part = arg; part->name; part++) {
		if (is_left_out(part))
			continue;
		certctl_buffer_append(out, &before, 1);
		before = ',';
		certctl_buffer_append(out, "\"", 1);
		certctl_buffer_puts(out, part->name);
		certctl_buffer_append(out, "\":", 2);
		int rc = write_part(out, part, err);

		if (rc < 0)
			return rc;
	}
	certctl_buffer_puts(out, before == '{' ? "{}" : "}");
	return 0;
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

int typed_call(struct certctl_connector *connector, const char *operation, const struct part *parts,
	const struct certctl_call *call, TALLOC_CTX *mem, const struct certctl_wire *wire, void *ret,
	struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *value = NULL;
	int rc = connector_call(connector, operation, write_parts, parts, call, &value, err);

	if (rc < 0 || !wire)
		return rc;
	rc = certctl_wire_from_json(mem, wire, value, ret, err);
	return rc < 0 ? typed_nonsense(connector, operation, rc, err) : 0;
}

int typed_call_for_text(struct certctl_connector *connector, const char *operation, const struct part *parts,
	const struct certctl_call *call, TALLOC_CTX *mem, const char *name, const char **ret, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *value = NULL;
	int rc = connector_call(connector, operation, write_parts, parts, call, &value, err);

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
	static const struct part nothing[] = { { 0 } };
	struct certctl_info info = { 0 };
	int rc = typed_call(connector, "info", nothing, call, mem, &certctl_wire_info, &info, err);

	if (rc == 0)
		*ret = info;
	return rc;
}
