/* Structs out of JSON, driven by tables of members.  Knows no struct by name: those are in wire_*.c. */
#include "wire.h"

#include <certctl/x509.h>
#include <string.h>

uint32_t certctl_wire_value_of(const char *const *names, const char *name)
{
	for (uint32_t i = 1; name && names[i]; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return 0;
}

static int expected(const char *what, struct certctl_error *err)
{
	return certctl_fail(err, CERTCTL_E_INVALID, "%s expected", what);
}

static int integer_from_json(const struct certctl_wire_member *member, const json_t *in, void *out,
	struct certctl_error *err)
{
	json_int_t number = json_integer_value(in);

	if (!json_is_integer(in))
		return expected("a number", err);
	if (member->type == CERTCTL_WIRE_I64) {
		memcpy(out, &(int64_t){ number }, sizeof(int64_t));
	} else if (member->type == CERTCTL_WIRE_I32 && number >= INT32_MIN && number <= INT32_MAX) {
		memcpy(out, &(int32_t){ (int32_t)number }, sizeof(int32_t));
	} else if (member->type == CERTCTL_WIRE_U32 && number >= 0 && number <= UINT32_MAX) {
		memcpy(out, &(uint32_t){ (uint32_t)number }, sizeof(uint32_t));
	} else if (member->type == CERTCTL_WIRE_U16 && number >= 0 && number <= UINT16_MAX) {
		memcpy(out, &(uint16_t){ (uint16_t)number }, sizeof(uint16_t));
	} else {
		return expected("a smaller number", err);
	}
	return 0;
}

static int named_from_json(const struct certctl_wire_member *member, const json_t *in, void *out,
	struct certctl_error *err)
{
	uint32_t value = certctl_wire_value_of(member->names, json_string_value(in));

	if (value == 0)
		return certctl_fail(err, CERTCTL_E_INVALID, "\"%s\" or another name of its kind expected",
			member->names[1]);
	if (member->length == sizeof(uint16_t))
		memcpy(out, &(uint16_t){ (uint16_t)value }, sizeof(uint16_t));
	else
		memcpy(out, &value, sizeof(value));
	return 0;
}

static int texts_from_json(TALLOC_CTX *mem, const json_t *in, void *out, struct certctl_error *err)
{
	size_t count = json_array_size(in);
	const char **texts = talloc_zero_size(mem, (count + 1) * sizeof(*texts));

	if (!json_is_array(in))
		return expected("a list of texts", err);
	for (size_t i = 0; texts && i < count; i++) {
		const json_t *item = json_array_get(in, i);

		if (!json_is_string(item))
			return expected("a list of texts", err);
		texts[i] = talloc_strdup(texts, json_string_value(item));
		if (!texts[i])
			return certctl_fail(err, CERTCTL_E_NO_MEMORY, "no memory");
	}
	if (!texts)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "no memory");
	memcpy(out, &texts, sizeof(texts));
	return 0;
}

static int text_from_json(TALLOC_CTX *mem, const json_t *in, void *out, struct certctl_error *err)
{
	const char *text = json_is_string(in) ? talloc_strdup(mem, json_string_value(in)) : NULL;

	if (!json_is_string(in))
		return expected("a text", err);
	if (!text)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "no memory");
	memcpy(out, &text, sizeof(text));
	return 0;
}

static int secret_from_json(TALLOC_CTX *mem, const json_t *in, void *out, struct certctl_error *err)
{
	struct certctl_secret *secret = talloc_zero(mem, struct certctl_secret);

	if (!json_is_string(in))
		return expected("a text", err);
	if (!secret)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "no memory");
	memcpy(out, &secret, sizeof(secret));
	return certctl_secret_set(mem, secret, json_string_value(in), json_string_length(in)) < 0
		       ? certctl_fail(err, CERTCTL_E_NO_MEMORY, "no memory")
		       : 0;
}

static int member_from_json(TALLOC_CTX *mem, const struct certctl_wire_member *member, const json_t *in, void *out,
	struct certctl_error *err)
{
	const void *rows;
	int rc;

	switch (member->type) {
	case CERTCTL_WIRE_TEXT:
		return text_from_json(mem, in, out, err);
	case CERTCTL_WIRE_BOOL:
		if (!json_is_boolean(in))
			return expected("true or false", err);
		*(bool *)out = json_is_true(in);
		return 0;
	case CERTCTL_WIRE_TEXTS:
		return texts_from_json(mem, in, out, err);
	case CERTCTL_WIRE_SECRET:
		return secret_from_json(mem, in, out, err);
	case CERTCTL_WIRE_BYTES:
		if (!json_is_string(in))
			return expected("a text of hexadecimal digits", err);
		return certctl_unhex(mem, json_string_value(in), out, err);
	case CERTCTL_WIRE_ROWS:
		rc = certctl_wire_rows_from_json(mem, member->rows, in, &rows, err);
		if (rc == 0)
			memcpy(out, &rows, sizeof(rows));
		return rc;
	case CERTCTL_WIRE_NAMED:
		return named_from_json(member, in, out, err);
	default:
		return integer_from_json(member, in, out, err);
	}
}

int certctl_wire_from_json(TALLOC_CTX *mem, const struct certctl_wire *wire, const json_t *in, void *ret,
	struct certctl_error *err)
{
	if (!json_is_object(in))
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: an object expected", wire->name);
	for (const struct certctl_wire_member *member = wire->members; member->name; member++) {
		const json_t *part = json_object_get(in, member->name);

		if (!part && member->required)
			return certctl_fail(err, CERTCTL_E_INVALID, "%s.%s: missing", wire->name, member->name);
		if (!part || json_is_null(part))
			continue;
		int rc = member_from_json(mem, member, part, (char *)ret + member->offset, err);

		if (rc < 0)
			return certctl_error_prefix(err, "%s.%s", wire->name, member->name), rc;
	}
	return 0;
}

int certctl_wire_rows_from_json(TALLOC_CTX *mem, const struct certctl_wire *wire, const json_t *in, const void **ret,
	struct certctl_error *err)
{
	size_t count = json_array_size(in);
	void **rows = talloc_zero_size(mem, (count + 1) * sizeof(*rows));

	if (!json_is_array(in))
		return expected("a list", err);
	if (!rows)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "no memory");
	for (size_t i = 0; i < count; i++) {
		rows[i] = talloc_zero_size(rows, wire->size);
		if (!rows[i])
			return certctl_fail(err, CERTCTL_E_NO_MEMORY, "no memory");
		int rc = certctl_wire_from_json(rows, wire, json_array_get(in, i), rows[i], err);

		if (rc < 0)
			return rc;
	}
	*ret = rows;
	return 0;
}

void certctl_wire_wipe(json_t *tree)
{
	const char *key;
	json_t *part;
	size_t i;

	if (json_is_string(tree))
		certctl_wipe((char *)(uintptr_t)json_string_value(tree), json_string_length(tree));
	json_array_foreach(tree, i, part) certctl_wire_wipe(part);
	json_object_foreach(tree, key, part) certctl_wire_wipe(part);
}

int certctl_wire_text_from_json(TALLOC_CTX *mem, const char *name, const json_t *in, const char **ret,
	struct certctl_error *err)
{
	const char *text;
	int rc = certctl_json_get_text(in, name, &text, err);

	if (rc < 0)
		return rc == CERTCTL_E_NOT_FOUND ? certctl_fail(err, CERTCTL_E_INVALID, "%s: missing", name) : rc;
	*ret = talloc_strdup(mem, text);
	return *ret ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "no memory");
}
