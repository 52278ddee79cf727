/** The agent as a witness of the audit trail: it keeps the signed heads that the control plane tells it. */
#ifndef CERTCTL_AGENT_WITNESS_H
#define CERTCTL_AGENT_WITNESS_H

#include <stdint.h>

#define CERTCTL_WITNESS_FILE   "audit-witness.jsonl" /* in the agent's folder; an older one has ".old" behind it */
#define CERTCTL_WITNESS_HEADER "certctl-audit-checkpoint"

/**
 * Append `text`, a checkpoint as JSON, unless it is no more than *last_batch, which then becomes its batch.  What is none is
 * ignored: the file is for auditors, and nothing here depends on it.
 */
void certctl_witness_keep(const char *path, const char *text, int64_t *last_batch);

#endif
