/** Files that make no sense: put aside, kept for a look by somebody, never for ever. */
#ifndef CERTCTL_QUARANTINE_H
#define CERTCTL_QUARANTINE_H

#include <certctl/error.h>

/** How long, and how many of a directory. */
#define CERTCTL_QUARANTINE_DAYS 30
#define CERTCTL_QUARANTINE_MAX  100

/** Rename `name` to ".<name>.corrupt", where no listing sees it; one that stood there before is replaced. */
int certctl_quarantine_put(int dir_fd, const char *name, struct certctl_error *err) CERTCTL_CHECKED;
/** Remove those that are older than CERTCTL_QUARANTINE_DAYS at `now_unix_s`, and the oldest above CERTCTL_QUARANTINE_MAX. */
int certctl_quarantine_tidy(int dir_fd, int64_t now_unix_s, struct certctl_error *err) CERTCTL_CHECKED;
/** The same for a directory that holds nothing else: every file in it counts, whatever its name. */
int certctl_quarantine_tidy_all(int dir_fd, int64_t now_unix_s, struct certctl_error *err) CERTCTL_CHECKED;
/** How many there are. */
int certctl_quarantine_count(int dir_fd, size_t *ret, struct certctl_error *err) CERTCTL_CHECKED;

#endif
