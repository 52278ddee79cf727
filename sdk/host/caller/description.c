/* What a plugin's process said of its plugin, checked and turned into a struct and into the JSON that operators and the API see. */
#include "caller.h"

#include <certctl/name.h>
#include <string.h>

#include "plugin_file.h"

/* Larger than any honest configuration; memory of this size is taken for every instance. */
#define STRUCT_MAX 1048576

/* Names for the bits, in their order. */
static const char *const need_names[] = { "network", "files", "commands", "key" };

/* Bits that say more than which operations are there. */
static const struct {
	enum certctl_plugin_kind kind;
	uint32_t bit;
	const char *name;
} flags[] = {
	{ CERTCTL_ISSUER, CERTCTL_ISSUER_REPEATABLE, "repeatable" },
	{ CERTCTL_ISSUER, CERTCTL_ISSUER_TAKES_SERIAL, "takes_serial" },
	{ CERTCTL_NOTIFIER, CERTCTL_NOTIFIER_CAN_RESOLVE, "resolve" },
	{ CERTCTL_NOTIFIER, CERTCTL_NOTIFIER_CAN_HTML, "html" },
};

static json_t *needs_to_json(uint32_t needs)
{
	json_t *names = json_array();

	for (size_t i = 0; i < CERTCTL_COUNT(need_names); i++)
		if (needs & 1U << i)
			json_array_append_new(names, json_string(need_names[i]));
	return names;
}

static json_t *flags_to_json(const struct certctl_description *description)
{
	json_t *names = json_array();

	for (size_t i = 0; i < CERTCTL_COUNT(flags); i++)
		if (flags[i].kind == description->kind && description->caps & flags[i].bit)
			json_array_append_new(names, json_string(flags[i].name));
	return names;
}

/* What the process of an instance is held to: what the kernel enforces, and what this plugin has open. */
static json_t *confinement_to_json(const struct certctl_description *description, const json_t *enforced)
{
	json_t *confinement = json_is_object(enforced) ? json_copy((json_t *)(uintptr_t)enforced) : json_object();
	bool has_network = description->needs & CERTCTL_NEEDS_NETWORK;

	json_object_set_new(confinement, "network", json_string(has_network ? "open" : "closed"));
	json_object_set_new(confinement, "files", json_string("system libraries and its own path options"));
	json_object_set_new(confinement, "commands",
		json_string(description->needs & CERTCTL_NEEDS_COMMANDS ? "local allow-list" : "none"));
	return confinement;
}

static int make_json(struct certctl_description *description, const json_t *said, const json_t *enforced,
	struct certctl_error *err)
{
	const size_t row = sizeof(struct certctl_field);
	const struct certctl_field *items = description->item_options;
	char abi[32];

	snprintf(abi, sizeof(abi), "%u.%u", description->abi_major, description->abi_minor);
	description->json =
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:O, s:I, s:O, s:O?, s:o, s:o, s:o}", "kind",
			certctl_wire_kinds[description->kind], "id", description->id, "version", description->version,
			"summary", description->summary, "abi", abi, "file", description->file, "sha256",
			description->sha256, "needs", needs_to_json(description->needs), "flags",
			flags_to_json(description), "operations", json_object_get(said, "operations"), "concurrency",
			(json_int_t)description->concurrency, "options", json_object_get(said, "options"),
			"item_options", items ? json_object_get(said, "item_options") : NULL, "options_schema",
			certctl_fields_schema(description->options, row), "item_options_schema",
			items ? certctl_fields_schema(items, row) : json_null(), "confinement",
			confinement_to_json(description, enforced));
	return description->json ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "%s: no memory", description->file);
}

static int description_free(struct certctl_description *description)
{
	json_decref(description->json);
	return 0;
}

static int read_operations(struct certctl_description *description, const json_t *said, struct certctl_error *err)
{
	const json_t *names = json_object_get(said, "operations");
	size_t count = json_array_size(names);

	description->operations = talloc_zero_size(description, (count + 1) * sizeof(char *));
	for (size_t i = 0; description->operations && i < count; i++) {
		const char *name = json_string_value(json_array_get(names, i));

		description->operations[i] = name ? talloc_strdup(description, name) : NULL;
		if (!description->operations[i])
			return certctl_fail(err, CERTCTL_E_PROTOCOL, "operations: a list of names expected");
	}
	return description->operations ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "operations: no memory");
}

static int read_tables(struct certctl_description *description, const json_t *said, struct certctl_error *err)
{
	const json_t *items = json_object_get(said, "item_options");
	int rc = certctl_fields_from_description(description, json_object_get(said, "options"), &description->options,
		&description->config_size, err);

	if (rc < 0 || json_is_null(items))
		return rc;
	return certctl_fields_from_description(description, items, &description->item_options, &description->item_size,
		err);
}

static int read_numbers(struct certctl_description *description, const json_t *said, struct certctl_error *err)
{
	int64_t major, minor, needs, caps, concurrency, config_size, item_size;
	int rc;

	if ((rc = certctl_json_get_integer(said, "abi_major", 0, UINT16_MAX, &major, err)) < 0 ||
		(rc = certctl_json_get_integer(said, "abi_minor", 0, UINT16_MAX, &minor, err)) < 0 ||
		(rc = certctl_json_get_integer(said, "needs", 0, UINT32_MAX, &needs, err)) < 0 ||
		(rc = certctl_json_get_integer(said, "caps", 0, UINT32_MAX, &caps, err)) < 0 ||
		(rc = certctl_json_get_integer(said, "concurrency", 1, 64, &concurrency, err)) < 0 ||
		(rc = certctl_json_get_integer(said, "config_size", 0, STRUCT_MAX, &config_size, err)) < 0 ||
		(rc = certctl_json_get_integer(said, "item_size", 0, STRUCT_MAX, &item_size, err)) < 0)
		return rc;
	description->abi_major = (unsigned)major;
	description->abi_minor = (unsigned)minor;
	description->needs = (uint32_t)needs;
	description->caps = (uint32_t)caps;
	description->concurrency = (uint32_t)concurrency;
	if ((rc = read_tables(description, said, err)) < 0)
		return rc;
	/* The struct may hold members that are no options. */
	if ((size_t)config_size > description->config_size)
		description->config_size = (size_t)config_size;
	if ((size_t)item_size > description->item_size)
		description->item_size = (size_t)item_size;
	return 0;
}

static int read_texts(struct certctl_description *description, const json_t *said, struct certctl_error *err)
{
	const char *kind;
	const char **texts[] = { (const char **)&description->id, (const char **)&description->version,
		(const char **)&description->summary };
	static const char *const keys[] = { "id", "version", "summary" };
	int rc = certctl_json_get_text(said, "kind", &kind, err);

	for (size_t i = 0; rc == 0 && i < CERTCTL_COUNT(keys); i++)
		rc = certctl_wire_text_from_json(description, keys[i], said, texts[i], err);
	if (rc < 0)
		return rc;
	description->kind = (enum certctl_plugin_kind)certctl_wire_value_of(certctl_wire_kinds, kind);
	return 0;
}

/* What the file is called decides what it may be; the process may have been taken over by the plugin in it. */
static int check_name(const struct certctl_description *description, struct certctl_error *err)
{
	enum certctl_plugin_kind kind = 0;
	char *id = NULL;
	int rc = certctl_plugin_file_name(NULL, description->file, &kind, &id, err);

	if (rc == 0 && (kind != description->kind || strcmp(id, description->id) != 0))
		rc = certctl_fail(err, CERTCTL_E_CONFLICT, "%s: describes itself as another plugin", description->file);
	talloc_free(id);
	return rc;
}

int description_make(const char *file, const char *sha256, const json_t *said, const json_t *enforced,
	struct certctl_description **ret, struct certctl_error *err)
{
	struct certctl_description *description = talloc_zero(NULL, struct certctl_description);
	int rc;

	if (!description)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "%s: no memory", file);
	talloc_set_destructor(description, description_free);
	description->file = talloc_strdup(description, file);
	description->sha256 = talloc_strdup(description, sha256);
	if ((rc = read_texts(description, said, err)) < 0 || (rc = check_name(description, err)) < 0 ||
		(rc = read_numbers(description, said, err)) < 0 || (rc = read_operations(description, said, err)) < 0 ||
		(rc = make_json(description, said, enforced, err)) < 0) {
		talloc_free(description);
		return rc;
	}
	*ret = description;
	return 0;
}
