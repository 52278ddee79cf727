/**
 * Running a command: an argument vector, never a shell; empty environment but a fixed PATH; own process group; a time limit,
 * then TERM, then KILL; output kept as data.
 */
#ifndef CERTCTL_EXEC_H
#define CERTCTL_EXEC_H

#include <certctl/error.h>
#include <certctl/secret.h>
#include <talloc.h>

#ifdef __cplusplus
extern "C" {
#endif

struct certctl_command {
	const char *const *argv;        /* NULL-terminated; argv[0] is an absolute path */
	const char *const *environment; /* more "NAME=value" rows but PATH, at most 64, NULL-terminated; may be NULL */
	const void *input;              /* for standard input; NULL: /dev/null */
	size_t input_len;
	int32_t timeout_s;   /* 0: 60 */
	uint32_t output_max; /* 0: 64 KiB of standard output and error together; more is read and dropped */
	bool leave_descendants; /* false: what the command leaves running in its group is killed; true: it stays, but what it
				   still writes to the command's output meets SIGPIPE */
	const char *directory; /* working directory; NULL: / */
};

struct certctl_command_result {
	int32_t exit_code; /* -1 when a signal ended it */
	int32_t signal;    /* 0 when it exited */
	bool timed_out;
	bool output_cut;
	char *output; /* standard output and error as they came, valid UTF-8 (bad bytes replaced), NUL-terminated */
	size_t output_len;
	int64_t elapsed_ms;
};

/**
 * Run and wait.  A command that ran is success of this call, whatever its exit code: see the result.
 * Not for a process that has loaded a plugin: there the runner of the host does it (struct certctl_host.run).
 * @param is_cancelled  asked several times a second with `arg`; true ends the command; may be NULL
 * @return 0; TIMEOUT (result filled); CANCELLED; INVALID; NOT_FOUND, DENIED (cannot be started); IO
 */
CERTCTL_API int certctl_command_run(TALLOC_CTX *mem, const struct certctl_command *command,
	bool (*is_cancelled)(void *arg), void *arg, struct certctl_command_result *ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/**
 * Does the allow-list permit this argument vector?  Each row is a command as words; "*" as a word stands for one argument that
 * is no option ("-...") and climbs nowhere (".." between slashes, or behind "="); a last word "..." for any number of them,
 * options included.  The first word is compared exactly and must be an absolute path.  `rows` NULL allows nothing.
 */
CERTCTL_API bool certctl_command_is_allowed(const char *const *argv, const char *const *const *rows);

/**
 * Words as a shell would split them (single and double quotes, backslash).  No expansion: what only a shell could act on
 * (| & ; < > ( ) $ ` #) must be quoted, otherwise it is INVALID with its column.  For configuration files.
 */
CERTCTL_API int certctl_command_split(TALLOC_CTX *mem, const char *text, char ***ret_argv,
	struct certctl_error *err) CERTCTL_CHECKED;

/** One line for logs, quoted where needed; control and other hidden characters as "?". */
CERTCTL_API char *certctl_command_text(TALLOC_CTX *mem, const char *const *argv);

#ifdef __cplusplus
}
#endif
#endif
