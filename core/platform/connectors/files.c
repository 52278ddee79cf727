/* Reading connectors.d.  Knows what an instance looks like in a file, not what is done with it. */
#include "files.h"
#include "core/platform/resource/resource.h"

#include <certctl/name.h>
#include <certctl/yaml.h>
#include <glob.h>
#include <string.h>

#define COMMON                                                                                                         \
	CERTCTL_OPTION(struct connector_file_row, id, CERTCTL_TEXT, .required = true, .max = 63,                       \
		.help = "What others refer to."),                                                                      \
		CERTCTL_OPTION(struct connector_file_row, name, CERTCTL_TEXT, .max = 200,                              \
			.help = "For people; the id when absent."),                                                    \
		CERTCTL_OPTION(struct connector_file_row, type, CERTCTL_TEXT, .required = true, .max = 63,             \
			.help = "Id of the plugin."),                                                                  \
		CERTCTL_OPTION(struct connector_file_row, options, CERTCTL_TEXT, .fallback = "{}", .max = 65536,       \
			.flags = RESOURCE_DOCUMENT, .help = "As the plugin's reference page describes them.")

static const struct certctl_field issuer_fields[] = { COMMON,
	CERTCTL_OPTION(struct connector_file_row, unknown_hold_seconds, CERTCTL_INTEGER, .fallback = "3600", .min = 0,
		.max = 2592000, .help = "How long an order whose outcome is unknown is not asked for again."),
	CERTCTL_OPTION(struct connector_file_row, rate_per_hour, CERTCTL_INTEGER, .min = 1, .max = 1000000,
		.help = "Certificates that it is asked for in an hour at most; absent: any number."),
	{ 0 } };
static const struct certctl_field notifier_fields[] = { COMMON,
	CERTCTL_OPTION(struct connector_file_row, events, CERTCTL_LIST, .item_type = CERTCTL_TEXT, .max = 50,
		.help = "What it is told of when no policy says otherwise; empty: everything."),
	CERTCTL_OPTION(struct connector_file_row, item_options, CERTCTL_TEXT, .fallback = "{}", .max = 65536,
		.flags = RESOURCE_DOCUMENT, .help = "Recipient, channel, as the plugin's reference page describes."),
	{ 0 } };

/* The first five are kinds of alarms. */
const struct certctl_choice connector_events[] = {
	{ "expiry", 1, "a threshold of days that are left" },
	{ "issuance_failed", 2, "also a renewal" },
	{ "deployment_failed", 3, NULL },
	{ "outcome_unknown", 4, "a CA was asked, and its answer was lost" },
	{ "approval_missed", 5, "nobody approved in time" },
	{ "renewed", 6, NULL },
	{ "deployed", 7, NULL },
	{ "revoked", 8, NULL },
	{ "policy_violation", 9, NULL },
	{ 0 },
};

static bool is_event(const char *name)
{
	const struct certctl_choice *choice = connector_events;

	while (choice->name && strcmp(choice->name, name) != 0)
		choice++;
	return choice->name;
}

static int read_row(TALLOC_CTX *mem, const char *path, const struct certctl_field *fields, const json_t *document,
	struct connector_file_row *ret, struct certctl_error *err)
{
	int rc = resource_parse(mem, fields, path, document, NULL, ret, err);

	if (rc < 0)
		return rc;
	if (!certctl_id_is_valid(ret->id) || !certctl_id_is_valid(ret->type))
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: id and type: a-z, 0-9, '.', '-', at most 63", path);
	for (size_t i = 0; i < ret->events.count; i++)
		if (!is_event(((const char *const *)ret->events.items)[i]))
			return certctl_fail(err, CERTCTL_E_INVALID, "%s.events: there is no event '%s'", path,
				((const char *const *)ret->events.items)[i]);
	return 0;
}

static int add_row(TALLOC_CTX *mem, const char *path, const struct certctl_field *fields, const json_t *document,
	struct certctl_list *list, struct certctl_error *err)
{
	struct connector_file_row row = { 0 }, *rows = list->items;
	int rc = read_row(mem, path, fields, document, &row, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(rows[i].id, row.id) == 0)
			return certctl_fail(err, CERTCTL_E_INVALID, "%s: '%s' is there twice", path, row.id);
	rows = talloc_realloc(mem, rows, struct connector_file_row, (unsigned)list->count + 1);
	if (!rows)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	rows[list->count++] = row;
	list->items = rows;
	return 0;
}

/* Say where in the file it is wrong. */
static int locate(const struct certctl_yaml *yaml, const char *path, struct certctl_error *err)
{
	int line = 0, column = 0;

	certctl_yaml_locate(yaml, path, &line, &column);
	return certctl_error_prefix(err, "%s:%d:%d", yaml->file, line, column);
}

static int read_file(TALLOC_CTX *mem, const char *file, struct connector_files *files, struct certctl_error *err)
{
	struct certctl_yaml *yaml = NULL;
	int rc = certctl_yaml_read_file(mem, file, NULL, &yaml, err);
	const char *key;
	json_t *value, *item;
	size_t i;

	if (rc < 0)
		return rc;
	json_object_foreach(yaml->root, key, value)
	{
		bool is_notifiers = strcmp(key, "notifiers") == 0;

		if ((strcmp(key, "issuers") != 0 && !is_notifiers) || !json_is_array(value)) {
			certctl_fail(err, CERTCTL_E_INVALID,
				"%s: only lists of 'issuers' and 'notifiers' are understood", key);
			return locate(yaml, key, err);
		}
		json_array_foreach(value, i, item)
		{
			char *path = talloc_asprintf(mem, "%s[%zu]", key, i);

			if (add_row(mem, path, is_notifiers ? notifier_fields : issuer_fields, item,
				    is_notifiers ? &files->notifiers : &files->issuers, err) < 0)
				return locate(yaml, path, err);
		}
	}
	return 0;
}

int connector_files_read(TALLOC_CTX *mem, const char *directory, struct connector_files *ret, struct certctl_error *err)
{
	struct connector_files files = { 0 };
	char *pattern = talloc_asprintf(mem, "%s/*.yaml", directory);
	glob_t found = { 0 };
	int rc = pattern ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	if (rc == 0 && glob(pattern, 0, NULL, &found) == 0)
		for (size_t i = 0; rc == 0 && i < found.gl_pathc; i++)
			rc = read_file(mem, found.gl_pathv[i], &files, err);
	globfree(&found);
	if (rc == 0)
		*ret = files;
	return rc;
}
