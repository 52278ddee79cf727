/* The document that describes an instance to try: check.yaml.  Reads it, starts its peer, fills in ${dir}, ${here} and ${peer}. */
#include "setup.h"

#include <certctl/files.h>
#include <certctl/yaml.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The document itself.  Options and item are the plugin's, read by its own tables. */
struct document {
	struct certctl_list commands, read_paths, peer, names;
	struct certctl_duration lifetime;
};
static const struct certctl_field document_fields[] = {
	CERTCTL_OPTION(struct document, commands, CERTCTL_LIST, .item_type = CERTCTL_TEXT,
		.help = "Allow-list of commands, one text each, words as a shell splits them."),
	CERTCTL_OPTION(struct document, read_paths, CERTCTL_LIST, .item_type = CERTCTL_PATH,
		.help = "What the plugin may read beside its own path options."),
	CERTCTL_OPTION(struct document, peer, CERTCTL_LIST, .item_type = CERTCTL_TEXT,
		.help = "Program and arguments that play the other side."),
	CERTCTL_OPTION(struct document, names, CERTCTL_LIST, .item_type = CERTCTL_TEXT,
		.help = "Names of certificates that are asked for."),
	CERTCTL_OPTION(struct document, lifetime, CERTCTL_DURATION, .fallback = "1d", .min = 60,
		.help = "How long those certificates shall live."),
	{ 0 },
};

/* What ${name} stands for. */
struct variable {
	const char *name, *value;
};

static const struct variable *find_variable(const char *text, const struct variable *variables)
{
	for (; variables->name; variables++)
		if (variables->value && strncmp(text, variables->name, strlen(variables->name)) == 0)
			return variables;
	return NULL;
}

static char *substitute(TALLOC_CTX *mem, const char *text, const struct variable *variables)
{
	char *result = talloc_strdup(mem, "");

	while (result && *text) {
		const struct variable *variable = find_variable(text, variables);

		result = variable ? talloc_strdup_append(result, variable->value)
				  : talloc_strndup_append(result, text, 1);
		text += variable ? strlen(variable->name) : 1;
	}
	return result;
}

/* Texts anywhere in the tree, in place.  The reader has limited the depth. */
static void substitute_all(TALLOC_CTX *mem, json_t *value, const struct variable *variables)
{
	const char *key;
	json_t *member;
	size_t index;

	if (json_is_string(value) && strstr(json_string_value(value), "${"))
		json_string_set(value, substitute(mem, json_string_value(value), variables));
	json_object_foreach(value, key, member) substitute_all(mem, member, variables);
	json_array_foreach(value, index, member) substitute_all(mem, member, variables);
}

static int remove_temporary(struct setup *setup)
{
	struct certctl_error err = { 0 };
	CERTCTL_AUTO_CLOSE int parent = -1;
	char *slash = setup->dir ? strrchr(setup->dir, '/') : NULL;

	talloc_free(setup->peer);
	json_decref(setup->document);
	if (!slash)
		return 0;
	*slash = '\0';
	if (certctl_dir_open(setup->dir, &parent, &err) < 0 || certctl_tree_remove(parent, slash + 1, &err) < 0)
		certctl_log_error(CERTCTL_LOG_WARNING, "setup.not_removed", &err, NULL);
	return 0;
}

static int make_temporary(struct setup *setup, struct certctl_error *err)
{
	const char *base = getenv("TMPDIR");
	char real[PATH_MAX];

	/* Without symlinks: the sandbox and the file functions follow none. */
	if (!realpath(base && *base ? base : "/tmp", real))
		return certctl_fail(err, CERTCTL_E_IO, "%s: no such folder", base ? base : "/tmp");
	char *dir = talloc_asprintf(setup, "%s/certctl-plugin-XXXXXX", real);

	if (!dir || !mkdtemp(dir))
		return certctl_fail(err, CERTCTL_E_IO, "%s: cannot make a temporary folder", real);
	setup->dir = dir;
	return 0;
}

/* Of the file; without one, where we are. */
static const char *folder_of(TALLOC_CTX *mem, const char *path)
{
	char real[PATH_MAX];

	if (!realpath(path ? path : ".", real))
		return ".";
	if (path)
		*strrchr(real, '/') = '\0';
	return talloc_strdup(mem, real);
}

/* As vectors end: with NULL. */
static const char **vector_of(TALLOC_CTX *mem, const struct certctl_list *texts)
{
	const char **vector = talloc_zero_array(mem, const char *, (unsigned)texts->count + 1);

	if (vector && texts->count)
		memcpy(vector, texts->items, texts->count * sizeof(*vector));
	return vector;
}

static int parse_commands(struct setup *setup, const struct certctl_list *listed, struct certctl_error *err)
{
	const char *const *texts = listed->items;
	const char *const **rows = talloc_zero_array(setup, const char *const *, (unsigned)listed->count + 1);

	for (size_t i = 0; rows && i < listed->count; i++) {
		char **words;

		if (certctl_command_split(setup, texts[i], &words, err) < 0)
			return certctl_error_prefix(err, "commands[%zu]", i);
		rows[i] = (const char *const *)words;
	}
	setup->commands = rows;
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	return certctl_name_compare(*(struct certctl_name *const *)a, *(struct certctl_name *const *)b);
}

static int parse_names(struct setup *setup, const struct certctl_list *listed, struct certctl_error *err)
{
	static const char *const usual[] = { "conformance.example.com", "www.conformance.example.com" };
	const char *const *texts = listed->count ? listed->items : usual;
	size_t count = listed->count ? listed->count : CERTCTL_COUNT(usual);
	struct certctl_name **names = talloc_zero_array(setup, struct certctl_name *, (unsigned)count + 1);

	for (size_t i = 0; names && i < count; i++) {
		names[i] = talloc_zero(names, struct certctl_name);
		if (certctl_name_guess(names, texts[i], names[i], err) < 0)
			return certctl_error_prefix(err, "names[%zu]", i);
	}
	if (names)
		qsort(names, count, sizeof(*names), compare_names);
	setup->names = (const struct certctl_name *const *)names;
	return 0;
}

/* The document without the members that belong to the plugin. */
static int parse_document(struct setup *setup, struct document *ret, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *own = json_copy(setup->document);

	json_object_del(own, "options");
	json_object_del(own, "item");
	return certctl_fields_parse(setup, document_fields, sizeof(*document_fields), own, NULL, ret, err);
}

static int start_peer(struct setup *setup, const char *command, const struct certctl_list *listed,
	const struct variable *variables, struct certctl_error *err)
{
	char **words = NULL;

	if (command && certctl_command_split(setup, substitute(setup, command, variables), &words, err) < 0)
		return certctl_error_prefix(err, "--peer");
	if (!command && listed->count)
		words = (char **)vector_of(setup, listed);
	return words ? peer_start(setup, words, &setup->peer, err) : 0;
}

static int fill(struct setup *setup, const char *path, const char *peer_command, struct certctl_error *err)
{
	struct variable variables[] = { { "${dir}", setup->dir }, { "${here}", folder_of(setup, path) },
		{ "${peer}", NULL }, { 0 } };
	struct document document = { 0 };

	substitute_all(setup, setup->document, variables);
	if (parse_document(setup, &document, err) < 0 || parse_names(setup, &document.names, err) < 0 ||
		parse_commands(setup, &document.commands, err) < 0 ||
		start_peer(setup, peer_command, &document.peer, variables, err) < 0)
		return err->code;
	if (setup->peer) {
		variables[2].value = peer_address(setup->peer);
		substitute_all(setup, setup->document, variables);
	}
	setup->read_paths = vector_of(setup, &document.read_paths);
	setup->lifetime_s = document.lifetime.seconds;
	setup->options = json_object_get(setup->document, "options");
	setup->item = json_object_get(setup->document, "item");
	return 0;
}

static int read_document(struct setup *setup, const char *path, struct certctl_error *err)
{
	struct certctl_yaml *yaml;

	if (!path) {
		setup->document = json_pack("{s:{}}", "options");
		return 0;
	}
	if (certctl_yaml_read_file(setup, path, NULL, &yaml, err) < 0)
		return err->code;
	setup->document = json_deep_copy(yaml->root);
	if (!json_is_object(json_object_get(setup->document, "options")))
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: options: a mapping expected", path);
	return 0;
}

int setup_read(TALLOC_CTX *mem, const char *path, const char *peer_command, struct setup **ret,
	struct certctl_error *err)
{
	struct setup *setup = talloc_zero(mem, struct setup);

	talloc_set_destructor(setup, remove_temporary);
	if (make_temporary(setup, err) < 0 || read_document(setup, path, err) < 0)
		return err->code;
	if (fill(setup, path, peer_command, err) < 0)
		return path ? certctl_error_prefix(err, "%s", path) : err->code;
	*ret = setup;
	return 0;
}

bool setup_end_peer(struct setup *setup)
{
	bool was_there = setup->peer;

	TALLOC_FREE(setup->peer);
	return was_there;
}

int connect_setup(TALLOC_CTX *mem, struct certctl_pool *pool, const struct certctl_description *plugin,
	const struct setup *setup, struct certctl_connector **ret, struct certctl_error *err)
{
	return certctl_connector_new(mem, pool,
		&(struct certctl_connector_options){ .name = plugin->id,
			.description = plugin,
			.config = setup->options,
			.commands = setup->commands,
			.extra_read_paths = setup->read_paths },
		ret, err);
}
