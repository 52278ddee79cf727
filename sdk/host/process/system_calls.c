/* Which system calls this process may still make (seccomp). */
#include "confine.h"

#include <certctl/plugin.h>
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
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
	SCMP_SYS(sched_setscheduler),
	SCMP_SYS(setsid),
	SCMP_SYS(setpgid),
};

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
	if (rc == 0)
		rc = seccomp_rule_add(filter, eperm, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, TIOCSTI));
	return rc;
}

static bool may_use(uint32_t needs, int family)
{
	if (family == AF_UNIX) /* resolvers and admin sockets */
		return needs & (CERTCTL_NEEDS_NETWORK | CERTCTL_NEEDS_FILES);
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
