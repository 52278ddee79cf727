/* `certctl RESOURCE edit ID`: with options a change of those members, without in an editor.  Nobody's change in between is lost. */
#include "arguments.h"
#include "documents.h"
#include "operate.h"
#include "plan.h"
#include "text.h"
#include "values.h"
#include "wait.h"

#include <certctl/exec.h>
#include <certctl/files.h>
#include <certctl/yaml.h>
#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILE_MAX ((size_t)16 * 1024 * 1024)

struct editing {
	struct cli *cli;
	const struct api_resource *resource;
	const struct api_operation *change;
	const char *id, *path;
	struct reply there;
	json_t *before, *after;
};

bool edit_is_possible(const struct api_resource *resource)
{
	const struct api_operation *get = api_verb(resource, "get"), *change = api_change(resource);

	return get && get->argument_count == 1 && change && change->body && change->argument_count == 1;
}

/* --- The editor ---------------------------------------------------------------------------------------------------------------- */

static const char *editor(void)
{
	static const char *const names[] = { "VISUAL", "EDITOR" };

	for (size_t i = 0; i < CERTCTL_COUNT(names); i++) {
		const char *value = getenv(names[i]);

		if (value && *value)
			return value;
	}
	return "vi";
}

static int run_editor(TALLOC_CTX *mem, const char *path, struct certctl_error *err)
{
	char **words = NULL;
	size_t count = 0;
	pid_t child;
	int status;

	if (certctl_command_split(mem, editor(), &words, err) < 0)
		return certctl_error_prefix(err, "EDITOR");
	while (words[count])
		count++;
	words = talloc_realloc(mem, words, char *, (unsigned)count + 2);
	words[count] = talloc_strdup(words, path);
	words[count + 1] = NULL;
	int failure = posix_spawnp(&child, words[0], NULL, NULL, words, environ);

	if (failure)
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: cannot be started (EDITOR)", words[0]);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return certctl_fail_errno(err, errno, "%s", words[0]);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return certctl_fail(err, CERTCTL_E_INVALID, "%s failed: nothing is changed", words[0]);
}

static int write_file(struct editing *editing, TALLOC_CTX *mem, struct certctl_error *err)
{
	const char *base = getenv("XDG_RUNTIME_DIR");
	char *folder, *text = NULL;
	FILE *file;

	if (!base || access(base, W_OK) < 0)
		base = getenv("TMPDIR");
	folder = talloc_asprintf(mem, "%s/certctl-XXXXXX", base && *base ? base : "/tmp");
	if (!folder || !mkdtemp(folder))
		return certctl_fail_errno(err, errno, "%s", base ? base : "/tmp");
	editing->path = talloc_asprintf(mem, "%s/%s.yaml", folder, editing->resource->kind);
	int rc = certctl_yaml_write(mem, editing->before, &text, err);

	if (rc < 0)
		return rc;
	file = fopen(editing->path, "we");
	if (!file)
		return certctl_fail_errno(err, errno, "%s", editing->path);
	fprintf(file, "# %s %s.  A member that is taken out is cleared; a secret that stays *** stays what it is.\n%s",
		editing->resource->kind, editing->id, text);
	return fclose(file) == 0 ? 0 : certctl_fail_errno(err, errno, "%s", editing->path);
}

static void remove_file(struct editing *editing)
{
	char *slash = editing->path ? strrchr(editing->path, '/') : NULL;

	if (!slash)
		return;
	unlink(editing->path);
	*slash = '\0';
	rmdir(editing->path);
	editing->path = NULL;
}

static int read_file(struct editing *editing, TALLOC_CTX *mem, struct certctl_error *err)
{
	struct documents *documents = NULL;
	int rc = documents_read(mem, editing->path, &documents, err);

	if (rc == 0 && documents->count != 1)
		rc = certctl_fail(err, CERTCTL_E_INVALID, "%s: one document expected", editing->path);
	if (rc == 0)
		editing->after = documents->rows[0].content;
	else
		certctl_hint(err, "Your text is in %s.", editing->path);
	return rc;
}

/* --- Sending ------------------------------------------------------------------------------------------------------------------- */

/* What somebody else did meanwhile, in members. */
static void show_conflict(struct editing *editing, TALLOC_CTX *mem)
{
	struct certctl_error err = { 0 };
	struct cli quiet = *editing->cli;
	struct reply now;
	struct certctl_buffer out;
	bool is_there = false;

	quiet.problem = NULL;
	if (server_look(&quiet, mem, editing->resource, editing->id, &is_there, &now, &err) < 0 || !is_there)
		return;
	json_t *theirs = plan_body(mem, quiet.api, editing->change, editing->before,
		plan_document(mem, editing->change, now.json));

	if (json_object_size(theirs) == 0)
		return;
	certctl_buffer_init(&out, mem, FILE_MAX);
	text_json_line(&out, theirs);
	if (certctl_buffer_finish(&out, &err) == 0)
		cli_note("%s %s was changed meanwhile: %s", editing->resource->kind, editing->id, out.data);
}

static int send_change(struct editing *editing, json_t *body, TALLOC_CTX *mem, struct certctl_error *err)
{
	struct cli *cli = editing->cli;
	struct call call = { .operation = editing->change,
		.arguments = { editing->id },
		.body = body,
		.if_match = editing->there.etag };
	struct reply reply;

	if (json_object_size(body) == 0) {
		cli_note("nothing is changed");
		return 0;
	}
	if (cli->options.is_dry_run)
		return server_show(cli, &call, err);
	int rc = server_ask(cli, mem, &call, &reply, err);

	if (rc < 0) {
		if (cli->status == 412 || cli->status == 409)
			show_conflict(editing, mem);
		if (editing->path)
			cli_note("your text is in %s", editing->path);
		return rc;
	}
	if (reply.json)
		rc = output_value(&cli->output, cli->api, editing->change->reply, reply.json, err);
	if (rc == 0 && cli->options.wants_wait)
		rc = wait_for_thing(cli, editing->resource, editing->id, err);
	return rc;
}

static int edit_in_editor(struct editing *editing, TALLOC_CTX *mem, struct certctl_error *err)
{
	int rc = write_file(editing, mem, err);

	if (rc == 0)
		rc = run_editor(mem, editing->path, err);
	if (rc < 0) {
		remove_file(editing);
		return rc;
	}
	rc = read_file(editing, mem, err);
	if (rc == 0)
		rc = send_change(editing,
			plan_body(mem, editing->cli->api, editing->change, editing->before, editing->after), mem, err);
	if (rc == 0)
		remove_file(editing);
	return rc;
}

/* Options name the members: what they do not name stays. */
static int edit_members(struct editing *editing, json_t *members, TALLOC_CTX *mem, struct certctl_error *err)
{
	json_t *whole = value_keep(mem, json_deep_copy(editing->before));

	if (strcmp(editing->change->method, "PUT") != 0)
		return send_change(editing, members, mem, err);
	plan_overlay(whole, members);
	return send_change(editing, plan_body(mem, editing->cli->api, editing->change, editing->before, whole), mem,
		err);
}

int edit(struct cli *cli, const struct api_resource *resource, int argc, char **argv, struct certctl_error *err)
{
	struct editing editing = { .cli = cli, .resource = resource, .change = api_change(resource) };
	struct arguments arguments;
	int rc = arguments_read(cli, editing.change, true, argc, argv, &arguments, err);
	struct call look = { .operation = api_verb(resource, "get"), .arguments = { arguments.call.arguments[0] } };

	editing.id = arguments.call.arguments[0];
	if (rc == 0)
		rc = server_ask(cli, cli->mem, &look, &editing.there, err);
	if (rc < 0)
		return rc;
	editing.before = plan_document(cli->mem, editing.change, editing.there.json);
	return arguments.has_members ? edit_members(&editing, arguments.call.body, cli->mem, err)
				     : edit_in_editor(&editing, cli->mem, err);
}
