/**
 * A control plane of a bench: `certctld dev` of the release build in a folder of its own, over a fleet that `seed` has made.  Nothing
 * of it is left when the bench ends.  One a program.
 */
#ifndef CERTCTL_BENCH_PLANE_H
#define CERTCTL_BENCH_PLANE_H

#include "https.h"

#include "core/platform/db/cluster.h"
#include "core/platform/db/db.h"

struct plane {
	const char *build; /* the build tree: CERTCTL_BUILD, or .build/release */
	char folder[32], state[48], ready[64], key[128];
	char address[64], agents_address[64];
	int pid, postmaster;
	struct db_cluster *cluster; /* of plane_database() */
};

/** Start a program without output, unless CERTCTL_BENCH_VERBOSE is set; it is told to end when the bench does. */
int plane_spawn(const char *const *argv);
/** Make a folder, in it a database of `count` certificates.  Frees nothing: plane_end() does. */
void plane_seed(struct plane *plane, const char *count);
/** Start certctld.  @return seconds until it was ready */
double plane_start(struct plane *plane);
/** SIGKILL leaves its database running: the next start, and plane_database(), adopt it. */
void plane_stop(struct plane *plane, int signal);
/** A pool of `size` connections to its database, for statements without a server; plane_end() wants them back. */
struct db_pool *plane_database(struct plane *plane, unsigned size);
/** GET over a connection that is kept; anything but 200 ends the bench.  @return the length of the body */
size_t plane_get(struct plane *plane, struct https **client, const char *path);
void plane_end(struct plane *plane);

#endif
