/* `certctl apply` and `certctl diff`: files against the server, in the order in which things refer to each other. */
#include "arguments.h"
#include "documents.h"
#include "plan.h"
#include "text.h"
#include "values.h"
#include "wait.h"

#include <stdlib.h>
#include <string.h>

struct subject {
	const struct document *document;
	const struct api_resource *resource;
	const char *id;
	int rank;
	size_t place; /* in the files: what has the same rank stays in their order */
};

struct run {
	struct cli *cli;
	bool is_diff;
	const char *paths[64];
	size_t path_count;
	struct subject *subjects;
	size_t count, refused;
};

static error_t parse_option(int key, char *text, struct argp_state *state)
{
	struct run *run = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = run->cli;
		return 0;
	case 'f':
	case ARGP_KEY_ARG:
		if (run->path_count == CERTCTL_COUNT(run->paths))
			argp_error(state, "at most %zu files or folders", CERTCTL_COUNT(run->paths));
		else
			run->paths[run->path_count++] = text;
		return 0;
	case ARGP_KEY_END:
		if (run->path_count == 0)
			argp_error(state, "--file expected");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{ "file", 'f', "FILE|DIR", 0, "Documents, or a folder of them; - is standard input; may be repeated", 0 },
	{ 0 },
};

/* --- What is asked for ---------------------------------------------------------------------------------------------------- */

static int compare_subjects(const void *a, const void *b)
{
	const struct subject *first = a, *second = b;

	if (first->rank != second->rank)
		return first->rank < second->rank ? -1 : 1;
	return first->place < second->place ? -1 : first->place > second->place;
}

static int check_twice(const struct run *run, const struct subject *subject, struct certctl_error *err)
{
	for (size_t i = 0; i < run->count; i++)
		if (run->subjects[i].resource == subject->resource && strcmp(run->subjects[i].id, subject->id) == 0)
			return certctl_fail(err, CERTCTL_E_INVALID, "%s: %s %s is in %s already",
				subject->document->place, subject->resource->kind, subject->id,
				run->subjects[i].document->place);
	return 0;
}

static int add_subject(struct run *run, const struct document *document, struct certctl_error *err)
{
	struct subject subject = { .document = document, .place = run->count };
	struct subject *subjects;

	if (plan_subject(run->cli->api, document->content, &subject.resource, &subject.id, err) < 0)
		return certctl_error_prefix(err, "%s", document->place);
	subject.rank = api_rank(run->cli->api, subject.resource);
	if (check_twice(run, &subject, err) < 0)
		return err->code;
	subjects = talloc_realloc(run->cli->mem, run->subjects, struct subject, (unsigned)run->count + 1);
	if (!subjects)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory for documents");
	run->subjects = subjects;
	subjects[run->count++] = subject;
	return 0;
}

/* Everything is read and understood before anything is sent. */
static int read_all(struct run *run, struct certctl_error *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < run->path_count; i++) {
		struct documents *documents = NULL;

		rc = documents_read(run->cli->mem, run->paths[i], &documents, err);
		for (size_t j = 0; rc == 0 && j < documents->count; j++)
			rc = add_subject(run, &documents->rows[j], err);
	}
	if (rc == 0 && run->count)
		qsort(run->subjects, run->count, sizeof(*run->subjects), compare_subjects);
	return rc;
}

/* --- One after another ------------------------------------------------------------------------------------------------------- */

static void say(const struct run *run, const struct subject *subject, const char *what)
{
	char *id = text_plain(NULL, subject->id, false);

	fprintf(run->cli->output.to, "%s %s %s\n", subject->resource->kind, id ? id : "", what);
	talloc_free(id);
}

static void print_value(const struct run *run, const char *sign, const char *name, json_t *value)
{
	struct certctl_buffer out;

	certctl_buffer_init(&out, NULL, (size_t)1 << 24);
	text_json_line(&out, value);
	if (certctl_buffer_finish(&out, NULL) == 0)
		fprintf(run->cli->output.to, "  %s %s: %s\n", sign, name, out.data);
	talloc_free(out.data);
}

static void print_changes(const struct run *run, const struct subject *subject, const struct plan *plan)
{
	const char *name;
	json_t *change;

	say(run, subject, plan->action == PLAN_CREATE ? "would be created" : "would be changed");
	json_object_foreach(plan->changes, name, change)
	{
		json_t *from = json_object_get(change, "from");

		if (!json_is_null(from))
			print_value(run, "-", name, from);
		print_value(run, "+", name, json_object_get(change, "to"));
	}
}

static const char *word_for(const struct plan *plan)
{
	if (plan->action == PLAN_CREATE)
		return "created";
	if (plan->action == PLAN_NOTHING)
		return "unchanged";
	return plan->is_secrets_only ? "unchanged, secrets sent again" : "changed";
}

static int carry_out(struct run *run, const struct subject *subject, const struct plan *plan, const char *etag,
	TALLOC_CTX *mem, struct certctl_error *err)
{
	const struct api_operation *create = api_verb(subject->resource, "create");
	struct call call = { .body = plan->body, .if_match = plan->action == PLAN_CHANGE ? etag : NULL };
	struct reply reply;

	if (plan->action == PLAN_CHANGE)
		call.operation = api_change(subject->resource);
	else
		call.operation = create && create->body ? create : api_verb(subject->resource, "replace");
	if (call.operation != create)
		call.arguments[0] = subject->id;
	return server_ask(run->cli, mem, &call, &reply, err);
}

static int run_one(struct run *run, const struct subject *subject, TALLOC_CTX *mem, struct certctl_error *err)
{
	struct reply there = { 0 };
	struct plan plan;
	bool is_there = false, is_only_shown = run->is_diff || run->cli->options.is_dry_run;
	int rc = server_look(run->cli, mem, subject->resource, subject->id, &is_there, &there, err);

	if (rc == 0)
		rc = plan_make(mem, run->cli->api, subject->resource, subject->document->content,
			is_there ? there.json : NULL, &plan, err);
	if (rc < 0)
		return rc;
	if (is_only_shown) {
		if (plan.action == PLAN_NOTHING || plan.is_secrets_only)
			return 0;
		print_changes(run, subject, &plan);
		if (run->is_diff)
			run->cli->verdict = CLI_REFUSED;
		return 0;
	}
	if (plan.action != PLAN_NOTHING)
		rc = carry_out(run, subject, &plan, there.etag, mem, err);
	if (rc == 0)
		say(run, subject, word_for(&plan));
	if (rc == 0 && run->cli->options.wants_wait && plan.action != PLAN_NOTHING)
		rc = wait_for_thing(run->cli, subject->resource, subject->id, err);
	return rc;
}

/* One that is refused keeps none of the others from being tried; what cannot be reached ends the run. */
static int run_all(struct run *run, struct certctl_error *err)
{
	for (size_t i = 0; i < run->count; i++) {
		TALLOC_CTX *mem = talloc_new(NULL);
		const struct subject *subject = &run->subjects[i];
		enum cli_exit how;
		int rc = run_one(run, subject, mem, err);

		talloc_free(mem);
		if (rc == 0)
			continue;
		if (!run->cli->status && rc != CERTCTL_E_INVALID && rc != CERTCTL_E_UNSUPPORTED)
			return rc;
		cli_note("%s: %s %s:", subject->document->place, subject->resource->kind, subject->id);
		how = cli_fail(run->cli, err);
		cli_forgive(run->cli);
		/* The first failure is the one that the run ends with. */
		if (run->refused++ == 0)
			run->cli->verdict = how;
		if (how == CLI_UNAVAILABLE || how == CLI_DENIED)
			return 0;
	}
	return 0;
}

static int run_documents(struct cli *cli, bool is_diff, int argc, char **argv, const char *doc,
	struct certctl_error *err)
{
	static const struct argp_child children[] = { { &cli_argp, 0, "Options of all commands:", 1 }, { 0 } };
	const struct argp argp = { options, parse_option, "", doc, children, NULL, NULL };
	struct run run = { .cli = cli, .is_diff = is_diff };

	argp_parse(&argp, argc, argv, 0, NULL, &run);
	int rc = read_all(&run, err);

	return rc < 0 ? rc : run_all(&run, err);
}

int apply_command(struct cli *cli, int argc, char **argv, struct certctl_error *err)
{
	return run_documents(cli, false, argc, argv,
		"Make things as documents say: YAML with `kind` and `id`, several with --- between.\v"
		"What is not there is created; members that differ are changed; members that a document does not name stay, "
		"null clears.  The second time nothing changes.",
		err);
}

int diff_command(struct cli *cli, int argc, char **argv, struct certctl_error *err)
{
	return run_documents(cli, true, argc, argv,
		"Show what `certctl apply` would change.\vExit status: 0 nothing, 1 something.", err);
}
