/**
 * The document given with --config: an instance to try the plugin with, check.yaml.  Every text in it may name ${dir} (a new
 * empty folder, removed at the end), ${here} (the folder of the document) and ${peer} (what the peer said first).
 */
#ifndef CERTCTL_CHECK_SETUP_H
#define CERTCTL_CHECK_SETUP_H

#include "check.h"

struct peer;

struct setup {
	json_t *document;                        /* owned */
	const json_t *options, *item;            /* the plugin's own; item may be NULL */
	const char *const *const *commands;      /* allow-list of the runner */
	const char *const *read_paths;           /* for the sandbox */
	const struct certctl_name *const *names; /* for certificates that are asked for: canonical, sorted */
	int64_t lifetime_s;
	struct peer *peer; /* NULL: none */
	char *dir;
};

/**
 * Read it and start its peer.  talloc_free ends the peer and removes the folder.
 * @param path          NULL: an instance without options
 * @param peer_command  takes the place of the document's `peer`; NULL: that one, if there is one
 */
int setup_read(TALLOC_CTX *mem, const char *path, const char *peer_command, struct setup **ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/** End the peer now, to see what the plugin makes of it.  Whether there was one. */
bool setup_end_peer(struct setup *setup);

/** The program that plays the other side.  Its first line of output is its address.  Ended by talloc_free. */
int peer_start(TALLOC_CTX *mem, char *const *argv, struct peer **ret, struct certctl_error *err) CERTCTL_CHECKED;
const char *peer_address(const struct peer *peer);

#endif
