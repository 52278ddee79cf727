/* Reads settings.  Knows nothing of what they mean. */
#include "settings.h"

#include <certctl/log.h>
#include <certctl/yaml.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct certctl_choice certctl_settings_log_levels[] = {
	{ "error", CERTCTL_LOG_ERROR, "what needs somebody" },
	{ "warning", CERTCTL_LOG_WARNING, "what went wrong and is tried again" },
	{ "notice", CERTCTL_LOG_NOTICE, "start and stop" },
	{ "info", CERTCTL_LOG_INFO, "what was done" },
	{ "debug", CERTCTL_LOG_DEBUG, "everything" },
	{ 0 },
};
const struct certctl_choice certctl_settings_log_formats[] = {
	{ "logfmt", CERTCTL_LOG_LOGFMT, "key=value" },
	{ "json", CERTCTL_LOG_JSON, "one JSON object a line" },
	{ 0 },
};

static const char *from_environment(void *arg, const char *name)
{
	(void)arg;
	return getenv(name);
}

/* Where the first problem was. */
static void keep_first_path(void *arg, const char *path, const char *detail)
{
	char **first = arg;

	(void)detail;
	if (!*first)
		*first = talloc_strdup(NULL, path);
}

static int read_file(TALLOC_CTX *mem, const struct certctl_settings_source *source, struct certctl_yaml **ret,
	struct certctl_error *err)
{
	int rc = certctl_yaml_read_file(mem, source->file, NULL, ret, err);

	if (rc == CERTCTL_E_NOT_FOUND && !source->is_file_required)
		return certctl_yaml_parse(mem, source->file, "{}", 2, NULL, ret, err);
	if (rc == 0 && json_is_null((*ret)->root)) { /* only comments in it */
		talloc_free(*ret);
		return certctl_yaml_parse(mem, source->file, "{}", 2, NULL, ret, err);
	}
	return rc;
}

static int parse(TALLOC_CTX *mem, const struct certctl_settings_source *source, const struct certctl_yaml *yaml,
	const json_t *document, void *config, struct certctl_error *err)
{
	char *bad_path = NULL;
	struct certctl_field_reading how = { .env = from_environment, .problem = keep_first_path, .arg = &bad_path };
	int rc = certctl_fields_parse(mem, source->fields, sizeof(*source->fields), document, &how, config, err);

	if (rc < 0 && bad_path && !json_object_get(source->command_line, bad_path)) {
		int line = 0, column = 0;

		certctl_yaml_locate(yaml, bad_path, &line, &column);
		certctl_error_prefix(err, "%s:%d", source->file, line);
	}
	talloc_free(bad_path);
	return rc;
}

/* Command line over environment over file: a member that the environment has is left to the field reader. */
static int merge(const struct certctl_settings_source *source, const json_t *root, json_t **ret,
	struct certctl_error *err)
{
	json_t *document = json_deep_copy(root);

	if (!json_is_object(document)) {
		json_decref(document);
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: settings as \"name: value\" expected", source->file);
	}
	for (const struct certctl_field *field = source->fields; field->name; field++)
		if (field->env && getenv(field->env))
			json_object_del(document, field->name);
	if (source->command_line)
		json_object_update(document, (json_t *)source->command_line);
	*ret = document;
	return 0;
}

int certctl_settings_read(TALLOC_CTX *mem, const struct certctl_settings_source *source, void *config,
	struct certctl_error *err)
{
	struct certctl_yaml *yaml = NULL;
	int rc = read_file(mem, source, &yaml, err);

	if (rc < 0)
		return rc;
	CERTCTL_AUTO(json_decref) json_t *document = NULL;

	rc = merge(source, yaml->root, &document, err);
	if (rc == 0)
		rc = parse(mem, source, yaml, document, config, err);
	talloc_free(yaml);
	return rc;
}

int certctl_settings_print_sample(const struct certctl_field *fields)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct certctl_buffer text;

	certctl_buffer_init(&text, mem, 65536);
	certctl_fields_sample(fields, sizeof(*fields), 0, &text);
	int rc = certctl_buffer_finish(&text, NULL);

	if (rc == 0 && (fwrite(text.data, 1, text.len, stdout) < text.len || fflush(stdout) != 0))
		rc = CERTCTL_E_IO;
	talloc_free(mem);
	return rc;
}
