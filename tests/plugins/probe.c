/*
 * Tries what it is told to: revoke() takes "<deed> <argument>" for a certificate, and fails with errno's words when the deed was
 * refused.  This is how the tests see confinement from the inside.
 */
#include "zoo.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

struct config {
	const char *readable, *writable;
	struct certctl_list folders;
	struct {
		const char *place;
	} nested;
};
static const struct certctl_field nested_options[] = {
	{ .name = "place",
		.type = CERTCTL_PATH,
		.offset = 0,
		.length = sizeof(char *),
		.path_access = CERTCTL_PATH_READ,
		.help = "Read." },
	{ 0 },
};
static const struct certctl_field options[] = {
	CERTCTL_OPTION(struct config, readable, CERTCTL_PATH, .path_access = CERTCTL_PATH_READ, .help = "Read."),
	CERTCTL_OPTION(struct config, writable, CERTCTL_PATH, .path_access = CERTCTL_PATH_WRITE, .help = "Written."),
	CERTCTL_OPTION(struct config, folders, CERTCTL_LIST, .item_type = CERTCTL_PATH,
		.path_access = CERTCTL_PATH_READ, .help = "All read."),
	CERTCTL_OPTION(struct config, nested, CERTCTL_OBJECT, .nested = nested_options, .nested_size = sizeof(char *),
		.help = "Another."),
	{ 0 },
};

static int try_read(const char *path)
{
	return open(path, O_RDONLY);
}

static int try_write(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
}

static int try_connect(const char *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)strtol(port, NULL, 10)) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return fd < 0 ? -1 : connect(fd, (struct sockaddr *)&address, sizeof(address));
}

static int try_unix(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return fd < 0 ? -1 : connect(fd, (struct sockaddr *)&address, sizeof(address));
}

/* What libraries use to wake their own threads. */
static int try_pair(const char *unused)
{
	int ends[2];

	(void)unused;
	return socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0 || write(ends[0], "x", 1) != 1 ? -1 : 0;
}

static int try_resolve(const char *name)
{
	struct addrinfo *found = NULL;
	int rc = getaddrinfo(name, "443", NULL, &found);

	if (rc == 0)
		freeaddrinfo(found);
	else if (rc != EAI_SYSTEM)
		errno = EHOSTUNREACH;
	return rc ? -1 : 0;
}

static int try_kill(const char *pid)
{
	return kill((pid_t)strtol(pid, NULL, 10), 0);
}

static int try_ptrace(const char *unused)
{
	(void)unused;
	return (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static int try_mount(const char *unused)
{
	(void)unused;
	return (int)syscall(SYS_mount, "none", "/tmp", "tmpfs", 0, NULL);
}

static int try_bpf(const char *unused)
{
	(void)unused;
	return (int)syscall(SYS_bpf, 0, NULL, 0);
}

static int try_raw(const char *unused)
{
	(void)unused;
	return socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
}

static int try_packet(const char *unused)
{
	(void)unused;
	return socket(AF_PACKET, SOCK_RAW, 0);
}

static int try_core(const char *unused)
{
	struct rlimit limit = { .rlim_cur = 1, .rlim_max = 1 };

	(void)unused;
	return setrlimit(RLIMIT_CORE, &limit);
}

static int try_chmod(const char *path)
{
	return chmod(path, 0666);
}

static int try_chown(const char *path)
{
	return chown(path, 1, 1);
}

static int try_attribute(const char *path)
{
	return setxattr(path, "user.certctl", "x", 1, 0);
}

static int try_touch(const char *path)
{
	return utimensat(AT_FDCWD, path, NULL, 0);
}

static int try_truncate(const char *path)
{
	return truncate(path, 0);
}

/* "600 /path": by descriptor, which reading is enough for. */
static int try_mode(const char *text)
{
	char *path;
	mode_t mode = (mode_t)strtoul(text, &path, 8);
	int fd = open(path + 1, O_RDONLY);

	return fd < 0 ? -1 : fchmod(fd, mode);
}

static int try_limit(const char *pid)
{
	struct rlimit limit = { .rlim_cur = 1, .rlim_max = RLIM_INFINITY };

	return prlimit((pid_t)strtol(pid, NULL, 10), RLIMIT_CORE, &limit, NULL);
}

static int try_affinity(const char *pid)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	return sched_setaffinity((pid_t)strtol(pid, NULL, 10), sizeof(set), &set);
}

/* Let the kernel send the signal. */
static int try_owner(const char *pid)
{
	return fcntl(3, F_SETOWN, (pid_t)strtol(pid, NULL, 10));
}

static int try_environment(const char *unused)
{
	extern char **environ;

	(void)unused;
	errno = ENODATA;
	return environ && environ[0] ? 0 : -1;
}

static int try_descriptors(const char *unused)
{
	(void)unused;
	for (int fd = 6; fd < 256; fd++) /* the line and the two that idle threads sleep on are its own */
		if (fcntl(fd, F_GETFD) >= 0)
			return fd;
	errno = EBADF;
	return -1;
}

static int try_close(const char *unused)
{
	(void)unused;
	close(3);
	return pause();
}

static const struct {
	const char *name;
	int (*run)(const char *argument);
} deeds[] = {
	{ "read", try_read },
	{ "write", try_write },
	{ "connect", try_connect },
	{ "unix", try_unix },
	{ "pair", try_pair },
	{ "resolve", try_resolve },
	{ "kill", try_kill },
	{ "ptrace", try_ptrace },
	{ "mount", try_mount },
	{ "bpf", try_bpf },
	{ "raw", try_raw },
	{ "packet", try_packet },
	{ "core", try_core },
	{ "chmod", try_chmod },
	{ "chown", try_chown },
	{ "attribute", try_attribute },
	{ "touch", try_touch },
	{ "truncate", try_truncate },
	{ "mode", try_mode },
	{ "limit", try_limit },
	{ "affinity", try_affinity },
	{ "owner", try_owner },
	{ "environment", try_environment },
	{ "descriptors", try_descriptors },
	{ "close", try_close },
};

static int do_deed(struct certctl_issuer *self, const struct certctl_host *host, const char *deed, int reason,
	struct certctl_error *err)
{
	(void)self, (void)host, (void)reason;
	for (size_t i = 0; i < CERTCTL_COUNT(deeds); i++) {
		size_t len = strlen(deeds[i].name);

		if (strncmp(deed, deeds[i].name, len) == 0 && (deed[len] == ' ' || deed[len] == 0))
			return deeds[i].run(deed[len] ? deed + len + 1 : "") >= 0
				       ? 0
				       : certctl_fail_errno(err, errno, "%s", deed);
	}
	return certctl_fail(err, CERTCTL_E_UNSUPPORTED, "%s: no such deed", deed);
}

#ifndef PROBE_ID
#define PROBE_ID    "probe"
#define PROBE_NEEDS 0
#endif

static const struct certctl_issuer_ops ops = { ZOO_OPS, .caps = CERTCTL_ISSUER_CAN_REVOKE, .revoke = do_deed };

CERTCTL_PLUGIN(CERTCTL_ISSUER, PROBE_ID, .version = "1.0.0", .summary = "Tries what it is told to", .options = options,
	.config_size = sizeof(struct config), .needs = PROBE_NEEDS, .ops = &ops);
