/* Texts of the command line become values.  Knows nothing of options and requests. */
#include "values.h"

#include <certctl/files.h>
#include <certctl/json.h>
#include <certctl/yaml.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX ((size_t)1024 * 1024)

static int wrong(const char *flag, const char *expected, const char *text, struct certctl_error *err)
{
	return certctl_fail(err, CERTCTL_E_INVALID, "%s: %s expected, got %.60s", flag, expected, text);
}

static int read_integer(const char *flag, const char *text, json_t **ret, struct certctl_error *err)
{
	char *end;

	errno = 0;
	long long number = strtoll(text, &end, 10);

	if (errno || end == text || *end)
		return wrong(flag, "a whole number", text, err);
	*ret = json_integer(number);
	return 0;
}

static int read_number(const char *flag, const char *text, json_t **ret, struct certctl_error *err)
{
	char *end;

	errno = 0;
	double number = strtod(text, &end);

	if (errno || end == text || *end || !(*ret = json_real(number)))
		return wrong(flag, "a number", text, err);
	return 0;
}

static int read_boolean(const char *flag, const char *text, json_t **ret, struct certctl_error *err)
{
	bool is_true = strcmp(text, "true") == 0;

	if (!is_true && strcmp(text, "false") != 0)
		return wrong(flag, "true or false", text, err);
	*ret = json_boolean(is_true);
	return 0;
}

/* Whatever stands there in YAML, of which JSON is a part. */
static int read_anything(const char *flag, const char *text, json_t **ret, struct certctl_error *err)
{
	struct certctl_yaml *yaml;
	int rc = certctl_yaml_parse(NULL, flag, text, strlen(text), NULL, &yaml, err);

	if (rc == 0) {
		*ret = json_incref(yaml->root);
		talloc_free(yaml);
	}
	return rc;
}

static int read_object(const char *flag, const char *text, json_t **ret, struct certctl_error *err)
{
	int rc = read_anything(flag, text, ret, err);

	if (rc < 0 || json_is_object(*ret))
		return rc;
	json_decref(*ret);
	return wrong(flag, "'{name: value, ...}' or @FILE", text, err);
}

static int read_typed(const struct api *api, json_t *schema, const char *flag, const char *text, json_t **ret,
	struct certctl_error *err);

/* "a,b", or a list in YAML. */
static int read_list(const struct api *api, json_t *schema, const char *flag, const char *text, json_t **ret,
	struct certctl_error *err)
{
	json_t *items = api_resolve(api, json_object_get(schema, "items")), *list;
	int rc = 0;

	if (*text == '[')
		return read_anything(flag, text, ret, err);
	list = json_array();
	while (rc == 0 && *text) {
		size_t len = strcspn(text, ",");
		char *word = talloc_strndup(NULL, text, len);
		json_t *value = NULL;

		rc = word ? read_typed(api, items, flag, word, &value, err)
			  : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory for %s", flag);
		if (rc == 0)
			json_array_append_new(list, value);
		talloc_free(word);
		text += len + (text[len] == ',');
	}
	if (rc < 0)
		json_decref(list);
	else
		*ret = list;
	return rc;
}

static int read_text(const char *flag, const char *text, json_t **ret, struct certctl_error *err)
{
	*ret = json_string(text);
	return *ret ? 0 : wrong(flag, "UTF-8", "something else", err);
}

static int read_typed(const struct api *api, json_t *schema, const char *flag, const char *text, json_t **ret,
	struct certctl_error *err)
{
	static const struct {
		const char *type;
		int (*read)(const char *flag, const char *text, json_t **ret, struct certctl_error *err);
	} rows[] = {
		{ "integer", read_integer },
		{ "number", read_number },
		{ "boolean", read_boolean },
		{ "object", read_object },
		{ "", read_anything },
	};
	const char *type = api_type(schema);

	if (strcmp(type, "list") == 0)
		return read_list(api, schema, flag, text, ret, err);
	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++)
		if (strcmp(rows[i].type, type) == 0)
			return rows[i].read(flag, text, ret, err);
	return read_text(flag, text, ret, err);
}

int value_from_text(const struct api *api, json_t *schema, const char *flag, const char *text, json_t **ret,
	struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	char *content = NULL;
	size_t len;
	int rc = 0;

	if (!text) {
		text = "true";
	} else if (text[0] == '@' && text[1] == '@') {
		text++;
	} else if (text[0] == '@') {
		rc = certctl_file_read_path(mem, text + 1, FILE_MAX, &content, &len, err);
		if (rc == 0 && api_is_secret(schema))
			content[strcspn(content, "\r\n")] = '\0';
		text = content;
	} else if (api_is_secret(schema)) {
		certctl_fail(err, CERTCTL_E_INVALID, "%s: a secret does not belong on a command line", flag);
		rc = certctl_hint(err, "Give %s=@FILE, or write it into a document and use --file.", flag);
	}
	if (rc == 0)
		rc = read_typed(api, schema, flag, text, ret, err);
	talloc_free(mem);
	return rc;
}

static int drop_value(json_t **held)
{
	json_decref(*held);
	return 0;
}

json_t *value_keep(TALLOC_CTX *mem, json_t *value)
{
	json_t **held = talloc(mem, json_t *);

	certctl_assert(held); /* a few bytes: without them nothing can be said either */
	*held = value;
	talloc_set_destructor(held, drop_value);
	return value;
}

/* --- Members of members --------------------------------------------------------------------------------------------- */

int value_put(json_t *object, const char *path, json_t *value, struct certctl_error *err)
{
	const char *rest = path;

	for (const char *dot; (dot = strchr(rest, '.')); rest = dot + 1) {
		json_t *inner = json_object_getn(object, rest, (size_t)(dot - rest));

		if (!json_is_object(inner)) {
			inner = json_object();
			json_object_setn_new(object, rest, (size_t)(dot - rest), inner);
		}
		object = inner;
	}
	if (*rest && json_object_set_new(object, rest, value) == 0)
		return 0;
	json_decref(value);
	return certctl_fail(err, CERTCTL_E_INVALID, "%s: the name of a member expected", path);
}

json_t *value_schema(const struct api *api, json_t *schema, const char *path)
{
	while (schema && *path) {
		size_t len = strcspn(path, ".");
		json_t *members = json_object_get(api_resolve(api, schema), "properties");

		schema = api_resolve(api, json_object_getn(members, path, len));
		path += len + (path[len] == '.');
	}
	return schema;
}
