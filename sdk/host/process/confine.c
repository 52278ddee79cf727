/* Confinement in order: privileges, limits, files, system calls.  The last two have files of their own. */
#include "confine.h"

#include <certctl/plugin.h>
#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define GIB (UINT64_C(1) << 30)

/* Without limits on address space under sanitizers, whose shadow memory takes terabytes of it. */
static const struct {
	int resource;
	rlim_t limit;
} limits[] = {
	{ RLIMIT_CORE, 0 },
	{ RLIMIT_NOFILE, 256 },
	{ RLIMIT_FSIZE, 1 * GIB },
#ifndef CERTCTL_SANITIZERS
	{ RLIMIT_AS, 2 * GIB },
#endif
};

static int limit_resources(struct certctl_error *err)
{
	for (size_t i = 0; i < CERTCTL_COUNT(limits); i++) {
		struct rlimit limit;

		if (getrlimit((__rlimit_resource_t)limits[i].resource, &limit) < 0)
			return certctl_fail_errno(err, errno, "getrlimit");
		if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < limits[i].limit)
			continue;
		limit.rlim_cur = limit.rlim_max = limits[i].limit;
		if (setrlimit((__rlimit_resource_t)limits[i].resource, &limit) < 0)
			return certctl_fail_errno(err, errno, "setrlimit");
	}
	return 0;
}

/* Root keeps what reading and writing files of others takes, and nothing else. */
static int drop_capabilities(struct certctl_error *err)
{
	const uint32_t kept = 1U << CAP_DAC_OVERRIDE | 1U << CAP_DAC_READ_SEARCH | 1U << CAP_FOWNER;
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data) < 0)
		return certctl_fail_errno(err, errno, "capget");
	for (size_t i = 0; i < CERTCTL_COUNT(data); i++) {
		data[i].permitted &= i == 0 ? kept : 0;
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	return syscall(SYS_capset, &header, data) < 0 ? certctl_fail_errno(err, errno, "capset") : 0;
}

int confine(const struct confinement *what, struct enforcement *ret, struct certctl_error *err)
{
	struct enforcement enforced = { .no_new_privileges = true, .resource_limits = true };
	int rc;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return certctl_fail_errno(err, errno, "prctl");
	if ((rc = limit_resources(err)) < 0 || (rc = confine_files(what, &enforced.landlock, err)) < 0 ||
		(rc = drop_capabilities(err)) < 0 ||
		(rc = confine_system_calls(what->needs, &enforced.seccomp, err)) < 0)
		return certctl_error_prefix(err, "confinement"), rc;
	*ret = enforced;
	return 0;
}
