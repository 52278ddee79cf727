/* ~/.config/certctl/config.yaml: read strictly, written whole and at once.  Keys are never in it, only where they are. */
#include "context.h"

#include <certctl/field.h>
#include <certctl/files.h>
#include <certctl/yaml.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "config.yaml"

struct row {
	const char *url, *ca_file, *token_file;
};
static const struct certctl_field row_fields[] = {
	CERTCTL_OPTION(struct row, url, CERTCTL_URL, .required = true,
		.help = "Where the server is: https://HOST:PORT."),
	CERTCTL_OPTION(struct row, ca_file, CERTCTL_PATH,
		.help = "CA that signed its certificate; the system's when not given."),
	CERTCTL_OPTION(struct row, token_file, CERTCTL_PATH, .help = "File with the API key, for its owner alone."),
	{ 0 },
};

int context_check_url(const char *url, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *document = json_pack("{s:s}", "url", url);
	TALLOC_CTX *mem = talloc_new(NULL);
	struct row row = { 0 };
	int rc = document ? certctl_fields_parse(mem, row_fields, sizeof(*row_fields), document, NULL, &row, err)
			  : certctl_fail(err, CERTCTL_E_INVALID, "url: UTF-8 expected");

	talloc_free(mem);
	return rc;
}

static const char *settings_folder(TALLOC_CTX *mem)
{
	const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	const struct passwd *user;

	if (base && *base == '/')
		return talloc_asprintf(mem, "%s/certctl", base);
	if (home && *home == '/')
		return talloc_asprintf(mem, "%s/.config/certctl", home);
	user = getpwuid(geteuid());
	return user ? talloc_asprintf(mem, "%s/.config/certctl", user->pw_dir) : NULL;
}

struct context *contexts_find(const struct contexts *contexts, const char *name)
{
	for (size_t i = 0; i < contexts->count; i++)
		if (strcmp(contexts->rows[i].name, name) == 0)
			return &contexts->rows[i];
	return NULL;
}

/* Who can write it can have the key sent elsewhere. */
static int check_writers(const char *path, struct certctl_error *err)
{
	struct stat is;

	if (stat(path, &is) < 0 || ((is.st_mode & 022) == 0 && (is.st_uid == geteuid() || is.st_uid == 0)))
		return 0;
	certctl_fail(err, CERTCTL_E_INVALID, "%s: others may write it", path);
	return certctl_hint(err, "Make it yours and chmod 600 it, after looking at what is in it.");
}

static int add_row(struct contexts *contexts, const char *name, json_t *value, struct certctl_error *err)
{
	struct row row = { 0 };
	struct context *rows;

	if (!json_is_object(value))
		return certctl_fail(err, CERTCTL_E_INVALID, "contexts.%s: a mapping expected", name);
	if (certctl_fields_parse(contexts, row_fields, sizeof(*row_fields), value, NULL, &row, err) < 0)
		return certctl_error_prefix(err, "contexts.%s", name);
	rows = talloc_realloc(contexts, contexts->rows, struct context, (unsigned)contexts->count + 1);
	if (!rows)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory for contexts");
	contexts->rows = rows;
	rows[contexts->count++] =
		(struct context){ talloc_strdup(contexts, name), row.url, row.ca_file, row.token_file };
	return 0;
}

static int read_root(struct contexts *contexts, json_t *root, struct certctl_error *err)
{
	const char *name;
	json_t *value, *rows = json_object_get(root, "contexts");

	json_object_foreach(root, name, value)
	{
		if (strcmp(name, "current") != 0 && strcmp(name, "contexts") != 0)
			return certctl_fail(err, CERTCTL_E_INVALID, "%s: unknown member", name);
	}
	if (rows && !json_is_object(rows) && !json_is_null(rows))
		return certctl_fail(err, CERTCTL_E_INVALID, "contexts: a mapping expected");
	contexts->current = talloc_strdup(contexts, certctl_json_text_or(root, "current", NULL));
	json_object_foreach(rows, name, value) if (add_row(contexts, name, value, err) < 0) return err->code;
	return 0;
}

int contexts_read(TALLOC_CTX *mem, struct contexts **ret, struct certctl_error *err)
{
	struct contexts *contexts = talloc_zero(mem, struct contexts);
	struct certctl_yaml *yaml = NULL;

	if (!contexts)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory for contexts");
	contexts->folder = settings_folder(contexts);
	if (!contexts->folder)
		return certctl_fail(err, CERTCTL_E_INVALID, "HOME is not set");
	char *path = talloc_asprintf(contexts, "%s/" NAME, contexts->folder);
	int rc = check_writers(path, err);

	if (rc == 0 && access(path, F_OK) == 0) {
		rc = certctl_yaml_read_file(contexts, path, NULL, &yaml, err);
		if (rc == 0)
			rc = json_is_object(yaml->root) ? read_root(contexts, yaml->root, err)
							: certctl_fail(err, CERTCTL_E_INVALID, "a mapping expected");
		if (rc < 0 && !strstr(err->what, NAME))
			certctl_error_prefix(err, "%s", path);
	}
	if (rc == 0)
		*ret = contexts;
	return rc;
}

static json_t *row_to_json(const struct context *row)
{
	json_t *value = json_pack("{s:s}", "url", row->url);

	if (row->ca_file)
		json_object_set_new(value, "ca_file", json_string(row->ca_file));
	if (row->token_file)
		json_object_set_new(value, "token_file", json_string(row->token_file));
	return value;
}

static int write_text(const struct contexts *contexts, const char *text, struct certctl_error *err)
{
	const struct certctl_file_attributes attributes = { 0600, (uid_t)-1, (gid_t)-1 };
	CERTCTL_AUTO_CLOSE int dir = -1;
	int rc = certctl_dir_make(contexts->folder, 0700, &dir, err);

	return rc < 0 ? rc : certctl_file_replace(dir, NAME, text, strlen(text), &attributes, err);
}

int contexts_write(const struct contexts *contexts, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *root = json_object();
	json_t *rows = json_object();
	char *text = NULL;

	if (contexts->current)
		json_object_set_new(root, "current", json_string(contexts->current));
	for (size_t i = 0; i < contexts->count; i++)
		json_object_set_new(rows, contexts->rows[i].name, row_to_json(&contexts->rows[i]));
	json_object_set_new(root, "contexts", rows);
	int rc = certctl_yaml_write(NULL, root, &text, err);

	if (rc == 0)
		rc = write_text(contexts, text, err);
	talloc_free(text);
	return rc;
}
