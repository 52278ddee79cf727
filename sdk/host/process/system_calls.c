/* Which system calls this process may still make (seccomp). */
#include "confine.h"

#include <asm/sockios.h>
#include <certctl/plugin.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* No plugin has an honest use for these: asking ends the process, and the caller reports SIGSYS. */
static const int deadly[] = {
	SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(pidfd_getfd),
	SCMP_SYS(kcmp),
	SCMP_SYS(mount),
	SCMP_SYS(umount2),
	SCMP_SYS(pivot_root),
	SCMP_SYS(chroot),
	SCMP_SYS(move_mount),
	SCMP_SYS(open_tree),
	SCMP_SYS(fsopen),
	SCMP_SYS(fsmount),
	SCMP_SYS(fsconfig),
	SCMP_SYS(fspick),
	SCMP_SYS(mount_setattr),
	SCMP_SYS(setns),
	SCMP_SYS(unshare),
	SCMP_SYS(bpf),
	SCMP_SYS(perf_event_open),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(io_uring_setup),
	SCMP_SYS(io_uring_enter),
	SCMP_SYS(io_uring_register),
	SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load),
	SCMP_SYS(init_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(delete_module),
	SCMP_SYS(reboot),
	SCMP_SYS(swapon),
	SCMP_SYS(swapoff),
	SCMP_SYS(acct),
	SCMP_SYS(quotactl),
	SCMP_SYS(settimeofday),
	SCMP_SYS(clock_settime),
	SCMP_SYS(adjtimex),
	SCMP_SYS(clock_adjtime),
	SCMP_SYS(sethostname),
	SCMP_SYS(setdomainname),
	SCMP_SYS(syslog),
	SCMP_SYS(vhangup),
	SCMP_SYS(iopl),
	SCMP_SYS(ioperm),
	SCMP_SYS(modify_ldt),
	SCMP_SYS(keyctl),
	SCMP_SYS(add_key),
	SCMP_SYS(request_key),
	SCMP_SYS(open_by_handle_at),
	SCMP_SYS(personality),
	SCMP_SYS(mknod),
	SCMP_SYS(mknodat),
};

/* Libraries try these and cope with a refusal. */
static const int refused[] = {
	SCMP_SYS(execve),
	SCMP_SYS(execveat),
	SCMP_SYS(fork),
	SCMP_SYS(vfork),
	SCMP_SYS(tkill),
	SCMP_SYS(pidfd_send_signal),
	SCMP_SYS(rt_sigqueueinfo),
	SCMP_SYS(rt_tgsigqueueinfo),
	SCMP_SYS(setpriority),
	SCMP_SYS(ioprio_set),
	SCMP_SYS(sched_setscheduler),
	SCMP_SYS(sched_setparam),
	SCMP_SYS(sched_setattr),
	SCMP_SYS(sched_setaffinity),
	SCMP_SYS(process_madvise),
	SCMP_SYS(process_mrelease),
	SCMP_SYS(migrate_pages),
	SCMP_SYS(move_pages),
	SCMP_SYS(setsid),
	SCMP_SYS(setpgid),
};

/* Newer than the headers of Debian 12; the same number on every machine. */
#define SYS_FCHMODAT2     452
#define SYS_SETXATTRAT    463
#define SYS_REMOVEXATTRAT 466
#define SYS_FILE_SETATTR  469

/*
 * Landlock does not see these: by them a plugin of root could give away every file of the host, whatever it may open.  A file
 * gets its mode when it is made; who has said that it needs files may change that by descriptor (mode_bits below).
 */
static const int of_file_attributes[] = {
	SCMP_SYS(chmod), SCMP_SYS(fchmodat), SYS_FCHMODAT2, SCMP_SYS(chown), SCMP_SYS(lchown), SCMP_SYS(fchown),
	SCMP_SYS(fchownat), SCMP_SYS(setxattr), SCMP_SYS(lsetxattr), SCMP_SYS(fsetxattr), SYS_SETXATTRAT,
	SCMP_SYS(removexattr), SCMP_SYS(lremovexattr), SCMP_SYS(fremovexattr), SYS_REMOVEXATTRAT, SYS_FILE_SETATTR,
	SCMP_SYS(utime), SCMP_SYS(utimes), SCMP_SYS(futimesat), SCMP_SYS(utimensat),
	SCMP_SYS(truncate), /* Landlock sees it from its third version on */
};

/* What fchmod() may not set: these let others in, and a file that may only be read can be named by its descriptor too. */
static const scmp_datum_t mode_bits[] = { S_ISUID, S_ISGID, S_IWGRP, S_IWOTH };

static int add_list(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int rc = seccomp_rule_add(filter, action, calls[i], 0);

		/* Unknown on this machine, or on this libseccomp: nothing to forbid. */
		if (rc < 0 && rc != -EDOM && rc != -EINVAL)
			return rc;
	}
	return 0;
}

/* Threads but no processes; signals to ourselves but to nobody else. */
static int add_process_rules(scmp_filter_ctx filter)
{
	const uint32_t eperm = SCMP_ACT_ERRNO(EPERM);
	scmp_datum_t self = (scmp_datum_t)getpid();
	int rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0); /* glibc falls back to clone */

	if (rc == 0)
		rc = seccomp_rule_add(filter, eperm, SCMP_SYS(clone), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
	if (rc == 0)
		rc = seccomp_rule_add(filter, eperm, SCMP_SYS(kill), 1, SCMP_A0(SCMP_CMP_NE, self));
	if (rc == 0)
		rc = seccomp_rule_add(filter, eperm, SCMP_SYS(tgkill), 1, SCMP_A0(SCMP_CMP_NE, self));
	if (rc == 0) /* of another process */
		rc = seccomp_rule_add(filter, eperm, SCMP_SYS(prlimit64), 1, SCMP_A0(SCMP_CMP_NE, 0));
	return rc;
}

/* By these the kernel is told to signal another process, or to type into a terminal. */
static int add_control_rules(scmp_filter_ctx filter)
{
	static const struct {
		int call;
		scmp_datum_t command;
	} rows[] = {
		{ SCMP_SYS(fcntl), F_SETOWN },
		{ SCMP_SYS(fcntl), F_SETOWN_EX },
		{ SCMP_SYS(fcntl), F_SETSIG },
		{ SCMP_SYS(ioctl), FIOSETOWN },
		{ SCMP_SYS(ioctl), SIOCSPGRP },
		{ SCMP_SYS(ioctl), TIOCSTI },
	};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < CERTCTL_COUNT(rows); i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), rows[i].call, 1,
			SCMP_A1(SCMP_CMP_EQ, rows[i].command));
	return rc;
}

static int add_attribute_rules(scmp_filter_ctx filter, uint32_t needs)
{
	const uint32_t eperm = SCMP_ACT_ERRNO(EPERM);
	int rc = add_list(filter, eperm, of_file_attributes, CERTCTL_COUNT(of_file_attributes));

	if (rc == 0 && !(needs & CERTCTL_NEEDS_FILES))
		return seccomp_rule_add(filter, eperm, SCMP_SYS(fchmod), 0);
	for (size_t i = 0; rc == 0 && i < CERTCTL_COUNT(mode_bits); i++)
		rc = seccomp_rule_add(filter, eperm, SCMP_SYS(fchmod), 1,
			SCMP_A1(SCMP_CMP_MASKED_EQ, mode_bits[i], mode_bits[i]));
	return rc;
}

static bool may_use(uint32_t needs, int family)
{
	/* A socket by path is a file, an admin socket for one.  Who has the network alone gets none: resolvers ask nscd and the
	 * like there first, and go on without; socketpair() is not this. */
	if (family == AF_UNIX)
		return needs & CERTCTL_NEEDS_FILES;
	return needs & CERTCTL_NEEDS_NETWORK && (family == AF_INET || family == AF_INET6 || family == AF_NETLINK);
}

static int add_socket_rules(scmp_filter_ctx filter, uint32_t needs)
{
	const uint32_t eperm = SCMP_ACT_ERRNO(EPERM);
	int rc = seccomp_rule_add(filter, eperm, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_GE, AF_MAX));

	for (int family = 0; rc == 0 && family < AF_MAX; family++)
		if (!may_use(needs, family))
			rc = seccomp_rule_add(filter, eperm, SCMP_SYS(socket), 1,
				SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)family));
	return rc;
}

int confine_system_calls(uint32_t needs, bool *ret_enforced, struct certctl_error *err)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	*ret_enforced = false;
	if (!filter)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "seccomp: no memory");
	int rc = add_list(filter, SCMP_ACT_KILL_PROCESS, deadly, CERTCTL_COUNT(deadly));

	if (rc == 0)
		rc = add_list(filter, SCMP_ACT_ERRNO(EPERM), refused, CERTCTL_COUNT(refused));
	if (rc == 0)
		rc = add_process_rules(filter);
	if (rc == 0)
		rc = add_control_rules(filter);
	if (rc == 0)
		rc = add_attribute_rules(filter, needs);
	if (rc == 0)
		rc = add_socket_rules(filter, needs);
	if (rc == 0) {
		/* A tree instead of a list: every call of the plugin walks it. */
		seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
		rc = seccomp_load(filter);
		*ret_enforced = rc == 0;
	}
	seccomp_release(filter);
	/* A kernel built without seccomp says EINVAL: reported, not hidden. */
	return rc == 0 || rc == -EINVAL ? 0 : certctl_fail_errno(err, -rc, "seccomp");
}
