/* Inside platform/jobs: how long the jobs of each runner take, so that nobody takes more than can start in time. */
#ifndef CORE_JOBS_PACES_H
#define CORE_JOBS_PACES_H

#include <stddef.h>
#include <stdint.h>
#include <talloc.h>

struct paces;

/** Any thread may use it.  NULL when out of memory. */
struct paces *paces_new(TALLOC_CTX *mem);
/** `count` jobs of this runner took so long, one after the other. */
void paces_note(struct paces *paces, const char *runner, size_t count, int64_t took_ms);
/** How many of its jobs can start within `within_ms`: 1 while nothing is known of it, and at most PACES_MOST. */
unsigned paces_room(struct paces *paces, const char *runner, int64_t within_ms);

/* More jobs a commit are not worth the wait of the first one for the last. */
#define PACES_MOST 32

#endif
