/** Confinement of this process: what it may still do, and what of that the kernel really enforces. */
#ifndef CERTCTL_PROCESS_CONFINE_H
#define CERTCTL_PROCESS_CONFINE_H

#include <certctl/error.h>
#include <jansson.h>

/** What stays open. */
struct confinement {
	uint32_t needs;             /* enum certctl_needs */
	const char *plugin_file;    /* readable, whatever else is */
	const json_t *read, *write; /* arrays of paths; may be NULL */
};

/** What is enforced from now on.  Older kernels enforce less: that is reported, never hidden. */
struct enforcement {
	bool no_new_privileges;
	bool seccomp;
	bool resource_limits;
	int landlock; /* version of the kernel's Landlock ABI, 0: none */
};

/** For ever.  Single-threaded callers only, before any plugin is opened.  Fails only when what the kernel has refuses us. */
int confine(const struct confinement *what, struct enforcement *ret, struct certctl_error *err) CERTCTL_CHECKED;

/* landlock.c */
int confine_files(const struct confinement *what, int *ret_abi, struct certctl_error *err) CERTCTL_CHECKED;
/* system_calls.c */
int confine_system_calls(uint32_t needs, bool *ret_enforced, struct certctl_error *err) CERTCTL_CHECKED;

#endif
