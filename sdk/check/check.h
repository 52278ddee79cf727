/**
 * What the subcommands of certctl-plugin share.  The program never loads a plugin: it calls it through sdk/host, as the
 * control plane and the agent do.
 */
#ifndef CERTCTL_CHECK_H
#define CERTCTL_CHECK_H

#include "sdk/host/connector.h"

/** Exit codes, documented in certctl-plugin(1). */
enum {
	EXIT_GOOD = 0,
	EXIT_FAILED = 1,    /* the plugin is refused, a check or the operation failed */
	EXIT_USAGE_ = 2,    /* the command line or a file it names is wrong */
	EXIT_FORM_ONLY = 3, /* nothing is wrong with the form; nothing was operated */
};

/** The command line. */
struct arguments {
	const char *command, *plugin, *operation;
	const char *config, *peer, *argument, *plugin_dir, *host_program;
	int64_t timeout_s;
	bool json, tap, verbose;
	char given[32]; /* the letters of the options that were given */
};

int describe_plugin(const struct arguments *arguments);
int check_plugin(const struct arguments *arguments);
int run_operation(const struct arguments *arguments);

/* --- A pool and a plugin, from the command line (plugin.c) -------------------------------------------------------- */

int open_pool(TALLOC_CTX *mem, const struct arguments *arguments, struct certctl_pool **ret,
	struct certctl_error *err) CERTCTL_CHECKED;
/** `plugin` is a file, or KIND/ID in the plugin directories. */
int find_plugin(struct certctl_pool *pool, const char *plugin, const struct certctl_description **ret,
	struct certctl_error *err) CERTCTL_CHECKED;
const char *kind_name(enum certctl_plugin_kind kind);
/** Print "certctl-plugin: what" and the hint. */
void print_error(const struct certctl_error *err);

/** An instance as the document given with --config has it (setup.h). */
struct setup;
int connect_setup(TALLOC_CTX *mem, struct certctl_pool *pool, const struct certctl_description *plugin,
	const struct setup *setup, struct certctl_connector **ret, struct certctl_error *err) CERTCTL_CHECKED;

/* --- The caller of operations (caller.c) ---------------------------------------------------------------------------- */

/** Answers what plugins ask their caller: checkpoints and state live in memory for the length of the program. */
struct caller {
	json_t *states;   /* name -> { value, version } */
	char *checkpoint; /* what the plugin saved last */
	struct certctl_call call;
};
struct caller *caller_new(TALLOC_CTX *mem, int64_t timeout_s);

#endif
