/* A parent that is killed leaves no plugin process behind, idle or busy. */
#include "hosting.h"

#include <certctl/time.h>
#include <sys/wait.h>
#include <time.h>

static void *call_and_hang(void *arg)
{
	struct certctl_call call = { .timeout_ms = 600000 };
	struct certctl_error err;

	return certctl_connector_test(arg, &call, &err) < 0 ? arg : NULL;
}

/* Runs in a process of its own: one idle plugin process, one that never comes back, then wait for the end. */
static void be_a_parent(int report_fd) __attribute__((noreturn));
static void be_a_parent(int report_fd)
{
	struct certctl_connector *good = zoo_issuer("good", NULL), *hangs = zoo_issuer("hangs", NULL);
	pthread_t thread;
	int pids[2];

	good_still_answers(good);
	pthread_create(&thread, NULL, call_and_hang, hangs);
	while (certctl_connector_pid(hangs) == 0)
		nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
	pids[0] = certctl_connector_pid(good);
	pids[1] = certctl_connector_pid(hangs);
	if (write(report_fd, pids, sizeof(pids)) != (ssize_t)sizeof(pids))
		_exit(1);
	for (;;)
		pause();
}

static bool ends(int pid)
{
	int64_t until_ms = certctl_monotonic_ms() + 20000;

	while (kill(pid, 0) == 0 && certctl_monotonic_ms() < until_ms)
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	return kill(pid, 0) < 0;
}

static void nothing_outlives_a_killed_parent(void)
{
	int fds[2], pids[2] = { 0, 0 };

	CU_ASSERT_EQUAL(pipe(fds), 0);
	pid_t parent = fork();

	if (parent == 0)
		be_a_parent(fds[1]);
	close(fds[1]);
	CU_ASSERT_EQUAL(read(fds[0], pids, sizeof(pids)), (ssize_t)sizeof(pids));
	close(fds[0]);
	CU_ASSERT(pids[0] > 0 && pids[1] > 0 && kill(pids[0], 0) == 0 && kill(pids[1], 0) == 0);
	kill(parent, SIGKILL);
	waitpid(parent, NULL, 0);
	CU_ASSERT(pids[0] > 0 && ends(pids[0]));
	CU_ASSERT(pids[1] > 0 && ends(pids[1]));
}

const struct test tests[] = {
	TEST(nothing_outlives_a_killed_parent),
	{ 0 },
};
