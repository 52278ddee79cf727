/*
 * The runner: a process beside the plugin's, forked before anything was confined or loaded, that runs commands of the local
 * allow-list.  It has one thread.  Each command gets a keeper, a child that adopts whatever the command leaves behind and ends
 * it, unless the command is one that starts a server.  Must never see the plugin.
 */
#include "process.h"

#include "runner_wire.h"

#include <certctl/exec.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct runner {
	struct certctl_frame_reader reader;
	const char *const *const *rows;
};

/* Names a plugin may hand to a command; what steers the linker or a shell is not among them. */
static const char *const environment_names[] = { "CERTCTL_", "HOME=", "LANG=", "LC_ALL=", "TZ=" };

static bool is_environment_allowed(const char *row)
{
	for (size_t i = 0; i < CERTCTL_COUNT(environment_names); i++)
		if (strncmp(row, environment_names[i], strlen(environment_names[i])) == 0)
			return true;
	return false;
}

static int check(const struct runner *runner, const struct runner_command *command, struct certctl_error *err)
{
	for (const char *const *row = command->environment; row && *row; row++)
		if (!is_environment_allowed(*row))
			return certctl_fail(err, CERTCTL_E_DENIED,
				"environment variable %.40s: plugins may set CERTCTL_*, HOME, LANG, LC_ALL and TZ",
				*row);
	if (!command->argv[0] || !certctl_command_is_allowed(command->argv, runner->rows)) {
		certctl_fail(err, CERTCTL_E_DENIED, "command %s: not in the local allow-list",
			command->argv[0] ? command->argv[0] : "");
		return certctl_hint(err, "Add it to the commands that this host allows.");
	}
	return 0;
}

/* The first of our children, 0 when there is none.  The kernel lists them in one line. */
static pid_t first_child(void)
{
	char path[64], text[32] = "";

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	return got > 0 ? (pid_t)strtol(text, NULL, 10) : 0;
}

/* Children of children come to us when their parent ends, so this ends when the whole family has. */
static void end_descendants(void)
{
	for (pid_t child = first_child(); child > 0; child = first_child()) {
		kill(child, SIGKILL);
		while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
			;
	}
}

/* A word of the other side, or its end, calls the command off. */
static bool is_called_off(void *arg)
{
	struct runner *runner = arg;
	CERTCTL_AUTO(json_decref) json_t *frame = NULL;

	return certctl_frame_receive(&runner->reader, CERTCTL_FRAME_NOW, &frame, NULL) != CERTCTL_E_TIMEOUT;
}

static int run_command(struct runner *runner, const struct runner_command *in, json_t **ret, struct certctl_error *err)
{
	struct certctl_command command = {
		.argv = in->argv,
		.environment = in->environment,
		.input = in->input.data,
		.input_len = in->input.len,
		.timeout_s = in->timeout_s,
		.output_max = in->output_max,
		.leave_descendants = in->leave_descendants,
		.directory = in->directory,
	};
	struct certctl_command_result result = { 0 };
	int rc = certctl_command_run(NULL, &command, is_called_off, runner, &result, err);

	if (!in->leave_descendants)
		end_descendants();
	/* A command that ran out of time has a result too: it says so. */
	if (rc < 0 && !(rc == CERTCTL_E_TIMEOUT && result.timed_out))
		return rc;
	return certctl_wire_to_json(&runner_wire_result, &result, ret, err);
}

static void answer(int fd, json_t *value, int rc, const struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref)
	json_t *frame = rc < 0 ? json_pack("{s:o}", "error", certctl_wire_error_to_json(err))
			       : json_pack("{s:O}", "value", value);

	/* Nobody to tell when this fails: the plugin's process has gone, and we go next. */
	if (certctl_frame_send(fd, frame, CERTCTL_FRAME_MAX, CERTCTL_FRAME_FOREVER, NULL) < 0)
		_exit(1);
}

/* Runs in a child of its own and answers; never returns. */
static void keep(struct runner *runner, const json_t *request) __attribute__((noreturn));
static void keep(struct runner *runner, const json_t *request)
{
	struct runner_command command = { 0 };
	struct certctl_error err = { 0 };
	CERTCTL_AUTO(json_decref) json_t *value = NULL;
	TALLOC_CTX *mem = talloc_named_const(NULL, 0, "command");
	int rc = certctl_wire_from_json(mem, &runner_wire_command, request, &command, &err);

	if (rc == 0)
		rc = check(runner, &command, &err);
	/* What a server leaves running belongs to init; everything else stays ours to end. */
	if (rc == 0 && !command.leave_descendants && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		rc = certctl_fail_errno(&err, errno, "prctl");
	if (rc == 0)
		rc = run_command(runner, &command, &value, &err);
	answer(runner->reader.fd, value, rc, &err);
	_exit(0);
}

static void run_one(struct runner *runner, const json_t *request)
{
	struct certctl_error err = { 0 };
	pid_t keeper = fork();
	int status = 0;

	if (keeper == 0)
		keep(runner, request);
	if (keeper < 0) {
		answer(runner->reader.fd, NULL, certctl_fail_errno(&err, errno, "fork"), &err);
		return;
	}
	while (waitpid(keeper, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		answer(runner->reader.fd, NULL,
			certctl_fail(&err, CERTCTL_E_CRASHED, "the runner's child ended by signal %d",
				WTERMSIG(status)),
			&err);
}

static void serve_commands(struct runner *runner)
{
	for (;;) {
		CERTCTL_AUTO(json_decref) json_t *frame = NULL;

		if (certctl_frame_receive(&runner->reader, CERTCTL_FRAME_FOREVER, &frame, NULL) < 0)
			return;
		if (json_object_get(frame, "run"))
			run_one(runner, json_object_get(frame, "run"));
	}
}

/* [["/usr/sbin/nginx", "-t"], ...] as rows of words. */
static int read_rows(TALLOC_CTX *mem, const json_t *commands, const char *const *const **ret, struct certctl_error *err)
{
	size_t count = json_array_size(commands);
	const char ***rows = talloc_zero_size(mem, (count + 1) * sizeof(*rows));

	for (size_t i = 0; rows && i < count; i++) {
		const json_t *words = json_array_get(commands, i);

		rows[i] = talloc_zero_size(rows, (json_array_size(words) + 1) * sizeof(*rows[i]));
		for (size_t j = 0; rows[i] && j < json_array_size(words); j++)
			rows[i][j] = talloc_strdup(rows[i], json_string_value(json_array_get(words, j)));
		if (!rows[i])
			return certctl_fail(err, CERTCTL_E_NO_MEMORY, "commands: no memory");
	}
	if (!rows)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "commands: no memory");
	*ret = (const char *const *const *)rows;
	return 0;
}

int runner_start(const json_t *commands, unsigned lanes, int *ret_fd, struct certctl_error *err)
{
	struct runner runner = { 0 };
	TALLOC_CTX *mem = talloc_named_const(NULL, 0, "runner");
	int fds[2], rc = read_rows(mem, commands, &runner.rows, err);

	if (rc == 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		rc = certctl_fail_errno(err, errno, "socketpair");
	if (rc < 0) {
		talloc_free(mem);
		return rc;
	}
	pid_t pid = fork();

	if (pid == 0) {
		/* The parent must see our parent's ends of the lanes close when that ends. */
		close_range(CERTCTL_PROTOCOL_FD, CERTCTL_PROTOCOL_FD + lanes - 1, 0);
		close(fds[0]);
		/* It outlives a killed plugin process long enough to end the command that runs. */
		prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
		certctl_frame_reader_init(&runner.reader, fds[1], CERTCTL_FRAME_MAX);
		serve_commands(&runner);
		_exit(0);
	}
	talloc_free(mem);
	close(fds[1]);
	if (pid < 0) {
		rc = certctl_fail_errno(err, errno, "fork");
		close(fds[0]);
		return rc;
	}
	*ret_fd = fds[0];
	return 0;
}
