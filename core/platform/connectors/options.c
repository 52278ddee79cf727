/* Options of an instance as people write them.  Knows no table and opens no instance. */
#include "options.h"
#include "core/platform/config/secrets.h"

#include <arpa/inet.h>
#include <certctl/name.h>
#include <stdlib.h>
#include <string.h>

#define API_SECRET "secret:"

/* --- Secrets that stand somewhere else ------------------------------------------------------------------------------- */

struct resolving {
	const struct connectors_options *settings;
	enum connector_source source;
	certctl_problem_fn *problem;
	void *arg;
};

static int resolve_api(const struct connectors_options *settings, const char *text, TALLOC_CTX *mem,
	struct certctl_secret *ret, struct certctl_error *err)
{
	const char *name = text + strlen(API_SECRET);

	if (strncmp(text, "file:", 5) == 0 || strncmp(text, "credential:", 11) == 0)
		return certctl_fail(err, CERTCTL_E_INVALID, "%.*s is for configuration files only",
			(int)strcspn(text, ":") + 1, text);
	if (strncmp(text, API_SECRET, strlen(API_SECRET)) != 0)
		return settings_secret(mem, NULL, text, ret, err);
	if (!settings->secrets_dir)
		return certctl_fail(err, CERTCTL_E_INVALID, "there is no connectors.secrets_dir for " API_SECRET);
	if (!*name || *name == '.' || strchr(name, '/'))
		return certctl_fail(err, CERTCTL_E_INVALID, API_SECRET " a plain name expected");
	char *path = talloc_asprintf(mem, "file:%s/%s", settings->secrets_dir, name);

	if (!path)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	return settings_secret(mem, NULL, path, ret, err) < 0
		       ? certctl_fail(err, CERTCTL_E_INVALID, "%s cannot be read in connectors.secrets_dir", text)
		       : 0;
}

static int resolve(void *arg, const char *path, const char *text, TALLOC_CTX *mem, struct certctl_secret *ret,
	struct certctl_error *err)
{
	const struct resolving *resolving = arg;

	(void)path;
	return resolving->source == CONNECTOR_API
		       ? resolve_api(resolving->settings, text, mem, ret, err)
		       : settings_secret(mem, getenv("CREDENTIALS_DIRECTORY"), text, ret, err);
}

static void tell(void *arg, const char *path, const char *detail)
{
	const struct resolving *resolving = arg;

	resolving->problem(resolving->arg, path, detail);
}

/* null stands for what is not there. */
static void drop_nulls(json_t *document)
{
	const char *name;
	json_t *value;
	void *next;

	json_object_foreach_safe(document, next, name, value) if (json_is_null(value)) json_object_del(document, name);
}

int connector_options_resolve(const struct connectors_options *settings, const struct certctl_field *fields,
	size_t config_size, enum connector_source source, const json_t *options, certctl_problem_fn *problem, void *arg,
	json_t **ret, struct certctl_error *err)
{
	struct resolving resolving = { settings, source, problem, arg };
	struct certctl_field_reading how = {
		.path = "options", .resolve_secret = resolve, .problem = problem ? tell : NULL, .arg = &resolving
	};
	TALLOC_CTX *mem = talloc_new(NULL);
	void *config = certctl_secret_alloc(mem, config_size + 1);
	int rc = config ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	if (rc == 0) {
		memset(config, 0, config_size + 1);
		rc = certctl_fields_parse(mem, fields, sizeof(*fields), options, &how, config, err);
	}
	json_t *resolved =
		rc == 0 ? certctl_fields_to_json(fields, sizeof(*fields), config, CERTCTL_SHOW_SECRETS) : NULL;

	if (rc == 0 && !resolved)
		rc = certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	talloc_free(mem);
	if (rc < 0)
		return rc;
	drop_nulls(resolved);
	*ret = resolved;
	return 0;
}

/* --- What may not come over the API ---------------------------------------------------------------------------------- */

static int parse_network(const char *text, unsigned char bytes[16], unsigned *ret_prefix)
{
	char address[INET6_ADDRSTRLEN];
	size_t len = strcspn(text, "/");
	char *end = NULL;

	if (!text[len] || len >= sizeof(address))
		return 0;
	memcpy(address, text, len);
	address[len] = '\0';
	*ret_prefix = (unsigned)strtoul(text + len + 1, &end, 10);
	if (inet_pton(AF_INET, address, bytes) == 1)
		return *end || *ret_prefix > 32 ? 0 : AF_INET;
	return inet_pton(AF_INET6, address, bytes) == 1 && !*end && *ret_prefix <= 128 ? AF_INET6 : 0;
}

bool connector_network_within(const char *network, const char *const *networks)
{
	unsigned char inner[16], outer[16];
	unsigned inner_prefix = 0, outer_prefix = 0;
	int family = parse_network(network, inner, &inner_prefix);

	for (; family && networks && *networks; networks++) {
		if (parse_network(*networks, outer, &outer_prefix) != family || inner_prefix < outer_prefix)
			continue;
		unsigned whole = outer_prefix / 8, rest = outer_prefix % 8;
		unsigned mask = rest ? 0xffu << (8 - rest) & 0xffu : 0;

		if (memcmp(inner, outer, whole) == 0 && (!rest || ((inner[whole] ^ outer[whole]) & mask) == 0))
			return true;
	}
	return false;
}

static size_t refuse_networks(const struct connectors_options *settings, const json_t *value, const char *path,
	certctl_problem_fn *each, void *arg)
{
	size_t i, count = 0;
	json_t *item;

	json_array_foreach((json_t *)(uintptr_t)value, i, item)
	{
		const char *network = json_string_value(item);

		if (network && connector_network_within(network, settings->api_networks))
			continue;
		each(arg, path, "outside of the setting connectors.api_networks");
		count++;
	}
	return count;
}

/* Every plugin that reaches into networks calls these options so (docs/plugins). */
static size_t refuse_member(const struct connectors_options *settings, const struct certctl_field *row,
	const json_t *value, certctl_problem_fn *each, void *arg)
{
	char path[128];

	snprintf(path, sizeof(path), "options.%s", row->name);
	if (row->type == CERTCTL_PATH || (row->type == CERTCTL_LIST && row->item_type == CERTCTL_PATH)) {
		each(arg, path, "paths are for configuration files only");
		return 1;
	}
	if (strcmp(row->name, "allow_private") == 0 && !json_is_false(value)) {
		each(arg, path, "is for configuration files only; name networks in allow_networks");
		return 1;
	}
	return strcmp(row->name, "allow_networks") == 0 ? refuse_networks(settings, value, path, each, arg) : 0;
}

size_t connector_options_refuse(const struct connectors_options *settings, const struct certctl_field *fields,
	const json_t *options, certctl_problem_fn *each, void *arg)
{
	size_t count = 0;

	for (const struct certctl_field *row = fields; row && row->name; row++) {
		const json_t *value = json_object_get(options, row->name);
		size_t i;
		json_t *item;

		if (!value || json_is_null(value))
			continue;
		count += refuse_member(settings, row, value, each, arg);
		if (row->type == CERTCTL_OBJECT)
			count += connector_options_refuse(settings, row->nested, value, each, arg);
		if (row->type == CERTCTL_LIST && row->item_type == CERTCTL_OBJECT)
			json_array_foreach((json_t *)(uintptr_t)value, i, item) count +=
				connector_options_refuse(settings, row->nested, item, each, arg);
	}
	return count;
}

/* --- Masks ----------------------------------------------------------------------------------------------------------- */

static bool is_mask(const json_t *value)
{
	return json_is_string(value) && strcmp(json_string_value(value), CERTCTL_SECRET_MASK) == 0;
}

/* The same place in the old document; masks without one stay, and are refused as values. */
static void unmask(json_t *value, json_t *old)
{
	const char *name;
	json_t *item;
	size_t i;

	json_object_foreach(value, name, item)
	{
		json_t *there = json_object_get(old, name);

		if (is_mask(item) && json_is_string(there))
			json_object_set(value, name, there);
		else
			unmask(item, there);
	}
	json_array_foreach(value, i, item)
	{
		json_t *there = json_array_get(old, i);

		if (is_mask(item) && json_is_string(there))
			json_array_set(value, i, there);
		else
			unmask(item, there);
	}
}

static bool is_other_side(const struct certctl_field *row)
{
	return row->type == CERTCTL_URL || row->type == CERTCTL_HOST || strcmp(row->name, "allow_plain_http") == 0 ||
	       (row->type == CERTCTL_LIST && (row->item_type == CERTCTL_URL || row->item_type == CERTCTL_HOST));
}

void connector_options_unmask(const struct certctl_field *fields, json_t *options, const json_t *old)
{
	for (const struct certctl_field *row = fields; row->name; row++) {
		const json_t *now = json_object_get(options, row->name), *then = json_object_get(old, row->name);

		/* Absent is its default, which then stands in the old one. */
		if (is_other_side(row) && now && !json_equal(now, then ? then : json_null()))
			return;
	}
	unmask(options, (json_t *)(uintptr_t)old);
}

bool connector_options_have_mask(const json_t *options)
{
	const char *name;
	json_t *item;
	size_t i;

	if (is_mask(options))
		return true;
	json_object_foreach((json_t *)(uintptr_t)options, name,
		item) if (connector_options_have_mask(item)) return true;
	json_array_foreach((json_t *)(uintptr_t)options, i, item) if (connector_options_have_mask(item)) return true;
	return false;
}

json_t *connector_options_mask_texts(const json_t *options)
{
	const char *name;
	json_t *item, *copy;
	size_t i;

	if (json_is_string(options))
		return json_string(CERTCTL_SECRET_MASK);
	if (!json_is_object(options) && !json_is_array(options))
		return json_deep_copy(options);
	copy = json_is_object(options) ? json_object() : json_array();
	json_object_foreach((json_t *)(uintptr_t)options, name, item)
		json_object_set_new(copy, name, connector_options_mask_texts(item));
	json_array_foreach((json_t *)(uintptr_t)options, i, item)
		json_array_append_new(copy, connector_options_mask_texts(item));
	return copy;
}

/* What a mask stands for; anything else is gone through. */
static int reveal(const struct connectors_options *settings, json_t *shown, const json_t *full, json_t **ret,
	struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct certctl_secret secret = { 0 };
	int rc = 0;

	*ret = NULL;
	if (!is_mask(shown) || !json_is_string(full)) {
		talloc_free(mem);
		return connector_options_reveal(settings, shown, full, err);
	}
	rc = resolve_api(settings, json_string_value(full), mem, &secret, err);
	if (rc == 0)
		*ret = json_stringn((const char *)secret.data, secret.len);
	if (rc == 0 && !*ret)
		rc = certctl_fail(err, CERTCTL_E_INVALID, "a secret of it is not UTF-8");
	talloc_free(mem);
	return rc;
}

int connector_options_reveal(const struct connectors_options *settings, json_t *shown, const json_t *full,
	struct certctl_error *err)
{
	const char *name;
	json_t *item, *value = NULL;
	size_t i;
	int rc = 0;

	json_object_foreach(shown, name, item)
	{
		rc = reveal(settings, item, json_object_get(full, name), &value, err);
		if (rc < 0)
			return certctl_error_prefix(err, "options.%s", name);
		if (value)
			json_object_set_new(shown, name, value);
	}
	json_array_foreach(shown, i, item)
	{
		rc = reveal(settings, item, json_array_get(full, i), &value, err);
		if (rc < 0)
			return rc;
		if (value)
			json_array_set_new(shown, i, value);
	}
	return 0;
}
