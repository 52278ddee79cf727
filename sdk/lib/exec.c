/*
 * Running one command: start, watch, end.  Knows nothing of who may run what (command_allow.c) nor of the output's form.
 *
 * Safe in a process with threads and with other children: posix_spawn, every descriptor close-on-exec, and the end is read
 * from a pidfd, so nobody else's child is ever waited for.
 */
#include "exec_private.h"
#include "files_private.h"
#include "utf8.h"

#include <certctl/time.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMEOUT_DEFAULT_S  60
#define OUTPUT_DEFAULT_MAX (64 * 1024)
#define FIXED_PATH         "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define ENVIRONMENT_MAX    64

/* How often the caller is asked whether to go on. */
#define ASK_MS 100
/* From TERM to KILL: long enough for a server's control program to undo, short enough for an operator to wait. */
#define GRACE_MS 3000
/* After the end: how long the output may stay open in something that left the group. */
#define DRAIN_MS 1000

enum stage {
	STAGE_RUNNING = 1,
	STAGE_ASKED,  /* TERM was sent */
	STAGE_FORCED, /* KILL was sent */
};

struct run {
	const struct certctl_command *command;
	bool (*is_cancelled)(void *arg);
	void *arg;
	pid_t pid;
	int pidfd;
	struct certctl_output output;
	enum stage stage;
	bool timed_out, cancelled;
	int64_t started_ms, deadline_ms, force_ms;
};

static int check_command(const struct certctl_command *command, struct certctl_error *err)
{
	size_t count = 0;

	if (!command->argv || !command->argv[0] || command->argv[0][0] != '/')
		return certctl_fail(err, CERTCTL_E_INVALID, "a command starts with an absolute path, got '%s'",
			command->argv && command->argv[0] ? certctl_shown(command->argv[0]) : "");
	for (const char *const *row = command->environment; row && *row; row++) {
		const char *equals = strchr(*row, '=');

		if (!equals || equals == *row || strncmp(*row, "PATH=", 5) == 0)
			return certctl_fail(err, CERTCTL_E_INVALID,
				"environment of %s: NAME=value expected, PATH is fixed", command->argv[0]);
		if (++count > ENVIRONMENT_MAX)
			return certctl_fail(err, CERTCTL_E_LIMIT, "environment of %s: more than %d values",
				certctl_shown(command->argv[0]), ENVIRONMENT_MAX);
	}
	return 0;
}

/* The descriptors a child gets as 0, 1 and 2 must not be among those numbers already. */
static int move_up(int *fd)
{
	if (*fd > STDERR_FILENO)
		return 0;
	int higher = fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

	if (higher < 0)
		return -1;
	close(*fd);
	*fd = higher;
	return 0;
}

/* A memory file, not a pipe: nothing to feed while the command runs, no SIGPIPE when it does not read. */
static int open_input(const struct certctl_command *command, int *ret_fd)
{
	CERTCTL_AUTO_CLOSE int fd =
		command->input ? memfd_create("input", MFD_CLOEXEC) : open("/dev/null", O_RDONLY | O_CLOEXEC);
	int rc;

	if (fd < 0 || move_up(&fd) < 0)
		return -errno;
	if (command->input) {
		rc = certctl_write_all(fd, command->input, command->input_len);
		if (rc < 0)
			return rc;
		if (lseek(fd, 0, SEEK_SET) < 0)
			return -errno;
	}
	*ret_fd = fd;
	fd = -1;
	return 0;
}

static int open_output(int *ret_read_fd, int *ret_write_fd)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	/* Only our end: the command expects a pipe that blocks. */
	if (move_up(&ends[0]) < 0 || move_up(&ends[1]) < 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0) {
		int error_number = errno;

		close(ends[0]);
		close(ends[1]);
		return -error_number;
	}
	*ret_read_fd = ends[0];
	*ret_write_fd = ends[1];
	return 0;
}

/* Own group, no blocked or ignored signals inherited (a server ignores SIGPIPE; its commands must not). */
static int set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t none, all;
	int rc;

	sigemptyset(&none);
	sigfillset(&all);
	sigdelset(&all, SIGKILL);
	sigdelset(&all, SIGSTOP);
	rc = posix_spawnattr_setflags(attributes,
		POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	if (rc == 0)
		rc = posix_spawnattr_setpgroup(attributes, 0);
	if (rc == 0)
		rc = posix_spawnattr_setsigmask(attributes, &none);
	if (rc == 0)
		rc = posix_spawnattr_setsigdefault(attributes, &all);
	return rc;
}

static int set_actions(posix_spawn_file_actions_t *actions, const struct certctl_command *command, int input,
	int output)
{
	int rc = posix_spawn_file_actions_adddup2(actions, input, STDIN_FILENO);

	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(actions, output, STDOUT_FILENO);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(actions, output, STDERR_FILENO);
	if (rc == 0)
		rc = posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
	if (rc == 0)
		rc = posix_spawn_file_actions_addchdir_np(actions, command->directory ? command->directory : "/");
	return rc;
}

/* Returns 0 or an errno, as posix_spawn does. */
static int spawn(const struct certctl_command *command, int input, int output, pid_t *ret_pid)
{
	const char *environment[ENVIRONMENT_MAX + 2] = { FIXED_PATH };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int rc;

	for (size_t i = 0; command->environment && command->environment[i]; i++)
		environment[i + 1] = command->environment[i];
	rc = posix_spawn_file_actions_init(&actions);
	if (rc)
		return rc;
	rc = posix_spawnattr_init(&attributes);
	if (rc == 0) {
		rc = set_actions(&actions, command, input, output);
		if (rc == 0)
			rc = set_attributes(&attributes);
		if (rc == 0)
			rc = posix_spawn(ret_pid, command->argv[0], &actions, &attributes, (char *const *)command->argv,
				(char *const *)environment);
		posix_spawnattr_destroy(&attributes);
	}
	posix_spawn_file_actions_destroy(&actions);
	return rc;
}

static int start(struct run *run, struct certctl_error *err)
{
	CERTCTL_AUTO_CLOSE int input = -1;
	CERTCTL_AUTO_CLOSE int output = -1;
	const char *program = run->command->argv[0];
	int rc = open_input(run->command, &input);

	if (rc == 0)
		rc = open_output(&run->output.fd, &output);
	if (rc < 0)
		return certctl_fail_errno(err, -rc, "preparing %s", certctl_shown(program));
	rc = spawn(run->command, input, output, &run->pid);
	if (rc != 0)
		return certctl_fail_errno(err, rc, "starting %s", certctl_shown(program));
	run->pidfd = (int)syscall(SYS_pidfd_open, run->pid, 0);
	if (run->pidfd >= 0)
		return 0;
	rc = errno;
	if (rc == ESRCH) /* it has ended and somebody else took its status: the number may be another's already */
		return certctl_fail_errno(err, ECHILD, "%s ended, its status is lost", certctl_shown(program));
	kill(-run->pid, SIGKILL);
	while (waitpid(run->pid, NULL, 0) < 0 && errno == EINTR)
		;
	return certctl_fail_errno(err, rc, "watching %s", certctl_shown(program));
}

/* The leader is not reaped before the last call of this, so the number of the group cannot be another's. */
static void signal_group(const struct run *run, int signal)
{
	if (kill(-run->pid, signal) < 0)
		syscall(SYS_pidfd_send_signal, run->pidfd, signal, NULL, 0);
}

/* Ask, then force, when time or the caller's patience is over. */
static void press(struct run *run, int64_t now_ms)
{
	if (run->stage == STAGE_RUNNING) {
		run->timed_out = now_ms >= run->deadline_ms;
		run->cancelled = !run->timed_out && run->is_cancelled && run->is_cancelled(run->arg);
		if (!run->timed_out && !run->cancelled)
			return;
		signal_group(run, SIGTERM);
		/* What is stopped would not hear it. */
		signal_group(run, SIGCONT);
		run->stage = STAGE_ASKED;
		run->force_ms = now_ms + GRACE_MS;
	} else if (run->stage == STAGE_ASKED && now_ms >= run->force_ms) {
		signal_group(run, SIGKILL);
		run->stage = STAGE_FORCED;
	}
}

static int poll_time(const struct run *run, int64_t now_ms)
{
	int64_t until_ms = run->stage == STAGE_RUNNING ? run->deadline_ms : run->force_ms;
	int64_t wait_ms = until_ms > now_ms ? until_ms - now_ms : 0;

	if (run->stage == STAGE_FORCED || (run->is_cancelled && wait_ms > ASK_MS))
		wait_ms = ASK_MS;
	return wait_ms < INT32_MAX ? (int)wait_ms : INT32_MAX;
}

static void watch(struct run *run)
{
	for (;;) {
		struct pollfd polls[] = {
			{ .fd = run->pidfd, .events = POLLIN },
			{ .fd = run->output.fd, .events = POLLIN },
		};
		int64_t now_ms = certctl_monotonic_ms();

		press(run, now_ms);
		if (poll(polls, CERTCTL_COUNT(polls), poll_time(run, now_ms)) <= 0)
			continue;
		if (polls[1].revents)
			certctl_output_read(&run->output);
		if (polls[0].revents)
			return;
	}
}

/* What the command itself wrote is in the pipe by now; what has left its group may hold the pipe open for ever. */
static void drain(struct run *run, int64_t patience_ms)
{
	int64_t until_ms = certctl_monotonic_ms() + patience_ms;

	while (run->output.fd >= 0) {
		struct pollfd poll_output = { .fd = run->output.fd, .events = POLLIN };
		int64_t left_ms = until_ms - certctl_monotonic_ms();
		int ready = poll(&poll_output, 1, left_ms > 0 ? (int)left_ms : 0);

		if (ready == 0 || (ready > 0 && left_ms < 0 && run->output.is_cut))
			return;
		if (ready > 0)
			certctl_output_read(&run->output);
	}
}

static int reap(struct run *run, struct certctl_command_result *ret, struct certctl_error *err)
{
	siginfo_t info = { 0 };

	while (waitid(P_PIDFD, (id_t)run->pidfd, &info, WEXITED) < 0)
		if (errno != EINTR)
			return certctl_fail_errno(err, errno, "%s ended, its status is lost",
				certctl_shown(run->command->argv[0]));
	ret->exit_code = info.si_code == CLD_EXITED ? info.si_status : -1;
	ret->signal = info.si_code == CLD_EXITED ? 0 : info.si_status;
	return 0;
}

static int conclude(struct run *run, TALLOC_CTX *mem, struct certctl_command_result *ret, struct certctl_error *err)
{
	bool leaves = run->command->leave_descendants && run->stage == STAGE_RUNNING;
	struct certctl_command_result result = { .timed_out = run->timed_out };
	int rc;

	if (!leaves)
		signal_group(run, SIGKILL);
	drain(run, leaves ? 0 : DRAIN_MS);
	rc = reap(run, &result, err);
	if (rc == 0 && run->cancelled)
		rc = certctl_fail(err, CERTCTL_E_CANCELLED, "%s: ended on request",
			certctl_shown(run->command->argv[0]));
	if (rc == 0)
		rc = certctl_output_finish(&run->output, mem, &result, err);
	if (rc < 0)
		return rc;
	result.elapsed_ms = certctl_monotonic_ms() - run->started_ms;
	*ret = result;
	if (result.timed_out)
		return certctl_fail(err, CERTCTL_E_TIMEOUT, "%s: not done after %lld s",
			certctl_shown(run->command->argv[0]), (long long)(run->deadline_ms - run->started_ms) / 1000);
	return 0;
}

int certctl_command_run(TALLOC_CTX *mem, const struct certctl_command *command, bool (*is_cancelled)(void *arg),
	void *arg, struct certctl_command_result *ret, struct certctl_error *err)
{
	int64_t timeout_s = command->timeout_s > 0 ? command->timeout_s : TIMEOUT_DEFAULT_S;
	struct run run = {
		.command = command,
		.is_cancelled = is_cancelled,
		.arg = arg,
		.pidfd = -1,
		.output.fd = -1,
		.stage = STAGE_RUNNING,
		.started_ms = certctl_monotonic_ms(),
	};
	int rc = check_command(command, err);

	if (rc < 0)
		return rc;
	run.deadline_ms = run.started_ms + timeout_s * 1000;
	certctl_buffer_init(&run.output.text, mem, command->output_max ? command->output_max : OUTPUT_DEFAULT_MAX);
	rc = start(&run, err);
	if (rc == 0) {
		watch(&run);
		rc = conclude(&run, mem, ret, err);
	}
	talloc_free(run.output.text.data);
	certctl_close_auto(&run.output.fd);
	certctl_close_auto(&run.pidfd);
	return rc;
}
