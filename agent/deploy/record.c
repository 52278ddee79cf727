/* The two field tables and their way to disk.  Knows what is written, not when or why. */
#include "record.h"

#include <certctl/files.h>
#include <certctl/json.h>
#include <string.h>

#define RECORD_MAX_BYTES (1024 * 1024)
#define TEXT_MAX         4096 /* PATH_MAX; arguments are rarely longer */

static const struct certctl_choice original_choices[] = {
	{ "linked", DEPLOY_WAS_LINKED, NULL },
	{ "there", DEPLOY_WAS_THERE, NULL },
	{ "missing", DEPLOY_WAS_MISSING, NULL },
	{ 0 },
};

static const struct certctl_field file_fields[] = {
	CERTCTL_OPTION(struct deploy_file, path, CERTCTL_PATH, .required = true),
	CERTCTL_OPTION(struct deploy_file, sha256, CERTCTL_TEXT, .required = true, .min = 64, .max = 64),
	CERTCTL_OPTION(struct deploy_file, original, CERTCTL_ENUM, .required = true, .choices = original_choices),
	CERTCTL_OPTION(struct deploy_file, mode, CERTCTL_INTEGER, .required = true, .min = 1, .max = 07777),
	CERTCTL_OPTION(struct deploy_file, uid, CERTCTL_INTEGER, .required = true, .min = -1, .max = UINT32_MAX),
	CERTCTL_OPTION(struct deploy_file, gid, CERTCTL_INTEGER, .required = true, .min = -1, .max = UINT32_MAX),
	{ 0 },
};

static const struct certctl_field probe_fields[] = {
	CERTCTL_OPTION(struct deploy_probe, address, CERTCTL_TEXT, .required = true, .min = 1, .max = 255),
	CERTCTL_OPTION(struct deploy_probe, server_name, CERTCTL_TEXT, .max = 255),
	CERTCTL_OPTION(struct deploy_probe, port, CERTCTL_INTEGER, .required = true, .min = 1, .max = 65535),
	CERTCTL_OPTION(struct deploy_probe, starttls, CERTCTL_INTEGER, .min = 0, .max = CERTCTL_STARTTLS_MYSQL),
	CERTCTL_OPTION(struct deploy_probe, key_type, CERTCTL_INTEGER, .min = 0, .max = CERTCTL_KEY_TYPE_COUNT - 1),
	CERTCTL_OPTION(struct deploy_probe, before, CERTCTL_TEXT, .max = 64),
	{ 0 },
};

static const struct certctl_field old_fields[] = {
	CERTCTL_OPTION(struct deploy_old, path, CERTCTL_PATH, .required = true),
	CERTCTL_OPTION(struct deploy_old, until_unix_s, CERTCTL_INTEGER, .required = true, .min = 0, .max = INT64_MAX),
	{ 0 },
};

#define GENERATION(T, member) CERTCTL_OPTION(T, member, CERTCTL_INTEGER, .min = 0, .max = INT32_MAX)
#define TIMEOUT(T, member)    CERTCTL_OPTION(T, member, CERTCTL_INTEGER, .min = 0, .max = INT32_MAX)
#define HASH(T, member)       CERTCTL_OPTION(T, member, CERTCTL_TEXT, .required = true, .min = 64, .max = 64)
#define ARGV(T, member)       CERTCTL_OPTION(T, member, CERTCTL_LIST, .item_type = CERTCTL_TEXT, .max = 1000)
#define LIST_OF(T, member, S, rows)                                                                                    \
	CERTCTL_OPTION(T, member, CERTCTL_LIST, .item_type = CERTCTL_OBJECT, .nested = (rows),                         \
		.nested_size = sizeof(struct S), .max = 1000)

const struct certctl_field deploy_entry_fields[] = {
	CERTCTL_OPTION(struct deploy_entry, id, CERTCTL_TEXT, .required = true, .min = 1, .max = 63),
	CERTCTL_OPTION(struct deploy_entry, binding, CERTCTL_TEXT, .required = true, .min = 1, .max = 63),
	CERTCTL_OPTION(struct deploy_entry, sequence, CERTCTL_INTEGER, .min = INT64_MIN, .max = INT64_MAX),
	CERTCTL_OPTION(struct deploy_entry, store, CERTCTL_PATH, .required = true),
	GENERATION(struct deploy_entry, before),
	GENERATION(struct deploy_entry, adopted),
	GENERATION(struct deploy_entry, generation),
	LIST_OF(struct deploy_entry, files, deploy_file, file_fields),
	ARGV(struct deploy_entry, validate),
	ARGV(struct deploy_entry, activate),
	TIMEOUT(struct deploy_entry, validate_timeout_s),
	TIMEOUT(struct deploy_entry, activate_timeout_s),
	TIMEOUT(struct deploy_entry, probe_timeout_s),
	LIST_OF(struct deploy_entry, probes, deploy_probe, probe_fields),
	HASH(struct deploy_entry, fingerprint),
	CERTCTL_OPTION(struct deploy_entry, previous_fingerprint, CERTCTL_TEXT, .max = 64),
	HASH(struct deploy_entry, content),
	CERTCTL_OPTION(struct deploy_entry, is_by_plugin, CERTCTL_BOOLEAN),
	{ 0 },
};

const struct certctl_field deploy_binding_fields[] = {
	CERTCTL_OPTION(struct deploy_binding, deployment, CERTCTL_TEXT, .required = true, .min = 1, .max = 63),
	CERTCTL_OPTION(struct deploy_binding, store, CERTCTL_PATH, .required = true),
	HASH(struct deploy_binding, content),
	HASH(struct deploy_binding, fingerprint),
	CERTCTL_OPTION(struct deploy_binding, sequence, CERTCTL_INTEGER, .min = INT64_MIN, .max = INT64_MAX),
	GENERATION(struct deploy_binding, generation),
	LIST_OF(struct deploy_binding, files, deploy_file, file_fields),
	LIST_OF(struct deploy_binding, old, deploy_old, old_fields),
	{ 0 },
};

/* An unset text is written as null; absent and null mean the same when it is read. */
static void drop_nulls(json_t *value)
{
	const char *key;
	json_t *member;
	void *next;
	size_t i;

	json_object_foreach_safe(value, next, key, member)
	{
		if (json_is_null(member))
			json_object_del(value, key);
		else
			drop_nulls(member);
	}
	json_array_foreach(value, i, member) drop_nulls(member);
}

static int parse(TALLOC_CTX *mem, const char *name, const struct certctl_field *fields, json_t *json, void *record,
	struct certctl_error *err)
{
	const struct certctl_field_reading how = { .path = name };

	drop_nulls(json);
	return certctl_fields_parse(mem, fields, sizeof(*fields), json, &how, record, err);
}

int deploy_record_write(int dir_fd, const char *name, const struct certctl_field *fields, const void *record,
	size_t size, struct certctl_error *err)
{
	static const struct certctl_file_attributes private = { .mode = 0600, .uid = (uid_t)-1, .gid = (gid_t)-1 };
	CERTCTL_AUTO(json_decref)
	json_t *json = certctl_fields_to_json(fields, sizeof(*fields), record, CERTCTL_SHOW_MASKED);
	TALLOC_CTX *mem = talloc_new(NULL);
	void *again = talloc_zero_size(mem, size);
	size_t len = 0;
	char *text = json ? certctl_json_text(mem, json, &len) : NULL;
	int rc = text && again ? parse(mem, name, fields, json, again, err)
			       : certctl_fail(err, CERTCTL_E_NO_MEMORY, "%s: out of memory", name);

	if (rc == 0)
		rc = certctl_file_replace(dir_fd, name, text, len, &private, err);
	talloc_free(mem);
	return rc;
}

int deploy_record_read(TALLOC_CTX *mem, int dir_fd, const char *name, const struct certctl_field *fields, void *record,
	struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *json = NULL;
	char *text = NULL;
	size_t len = 0;
	int rc = certctl_file_read(mem, dir_fd, name, RECORD_MAX_BYTES, &text, &len, err);

	if (rc == 0)
		rc = certctl_json_parse(text, len, NULL, &json, err);
	return rc == 0 ? parse(mem, name, fields, json, record, err) : rc;
}

const char *const *deploy_argv(TALLOC_CTX *mem, const struct certctl_list *list)
{
	const char **argv = list->count ? talloc_zero_array(mem, const char *, (unsigned)list->count + 1) : NULL;

	if (argv)
		memcpy(argv, list->items, list->count * sizeof(*argv));
	return argv;
}
