/**
 * The journal: one file a deployment that is under way, `journal/<id>.<phase>`.  Its content never changes; the phase is its
 * name, so going on to the next phase is one rename, which works on a full disk too.
 */
#ifndef CERTCTL_DEPLOY_JOURNAL_H
#define CERTCTL_DEPLOY_JOURNAL_H

#include "record.h"

enum deploy_phase {
	DEPLOY_STAGING = 1, /* nothing but the store and neutral links has changed: recovery undoes */
	DEPLOY_SWAPPING,    /* complete and on its way into service: recovery finishes, or fails and undoes */
	DEPLOY_RESTORING,   /* it was not accepted: recovery puts back, activates, looks */
	DEPLOY_PHASE_COUNT,
};

/** Write the entry, in phase STAGING, before anything else is touched. */
int deploy_journal_begin(int journal_fd, const struct deploy_entry *entry, struct certctl_error *err) CERTCTL_CHECKED;
int deploy_journal_advance(int journal_fd, const char *id, enum deploy_phase from, enum deploy_phase to,
	struct certctl_error *err) CERTCTL_CHECKED;
int deploy_journal_end(int journal_fd, const char *id, enum deploy_phase phase,
	struct certctl_error *err) CERTCTL_CHECKED;

struct deploy_journal_item {
	char *name, *id; /* of the file, and what it says before the phase */
	enum deploy_phase phase;
};
/** What is in the journal, in the order of names; what killed writers left is removed. */
int deploy_journal_list(TALLOC_CTX *mem, int journal_fd, struct deploy_journal_item **ret, size_t *ret_count,
	struct certctl_error *err) CERTCTL_CHECKED;
int deploy_journal_read(TALLOC_CTX *mem, int journal_fd, const struct deploy_journal_item *item,
	struct deploy_entry *ret, struct certctl_error *err) CERTCTL_CHECKED;

#endif
