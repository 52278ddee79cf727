/**
 * Adoption: configured paths become links into the store, once, and can become again what they were.  Both directions change
 * no content at any instruction, as long as `current` points to the generation that was made of what stood there.
 */
#ifndef CERTCTL_DEPLOY_ADOPT_H
#define CERTCTL_DEPLOY_ADOPT_H

#include "store.h"

/** What a path is now: enum deploy_original.  DENIED: a symlink on the way; CONFLICT: another binding's; INVALID: no file. */
int deploy_adopt_look(const char *path, const char *store, int *ret_original,
	struct certctl_error *err) CERTCTL_CHECKED;
/** Fill generation entry->adopted with what stands at the paths, keep the originals, point `current` there, set the links. */
int deploy_adopt(const struct deploy_entry *entry, int store_fd, struct certctl_error *err) CERTCTL_CHECKED;
/** Put the originals back.  `current` must point to entry->adopted.  Safe to repeat, and after an adoption cut short. */
int deploy_adopt_undo(const struct deploy_entry *entry, struct certctl_error *err) CERTCTL_CHECKED;
/** The deployment has succeeded: drop the originals that were kept. */
int deploy_adopt_keep(const struct deploy_entry *entry, struct certctl_error *err) CERTCTL_CHECKED;
/** The path is no longer part of the binding: remove our link there, if it is ours. */
int deploy_adopt_retire(const char *path, const char *store, struct certctl_error *err) CERTCTL_CHECKED;

#endif
