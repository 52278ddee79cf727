/* Wants a process of its own, by every way there is. */
#include "zoo.h"

#include <errno.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

static int test(struct certctl_issuer *self, const struct certctl_host *host, struct certctl_error *err)
{
	char path[] = "/bin/true", *argv[] = { path, NULL };

	(void)self, (void)host;
	if (fork() >= 0 || syscall(SYS_vfork) >= 0 || syscall(SYS_clone, CLONE_VM, NULL, NULL, NULL, NULL) >= 0 ||
		execv(argv[0], argv) >= 0)
		return 0;
	return certctl_fail_errno(err, errno, "fork");
}

ZOO_PLUGIN("forks", .test = test);
