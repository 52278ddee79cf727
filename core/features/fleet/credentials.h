/*
 * Inside fleet: whose client certificates a server has met, so that a request costs no query to know who asks.  The database decides;
 * everything here may be forgotten at any time.
 */
#ifndef CORE_FLEET_CREDENTIALS_H
#define CORE_FLEET_CREDENTIALS_H

#include "fleet.h"

/** Any thread. */
struct credentials;
int credentials_new(TALLOC_CTX *mem, struct credentials **ret, struct certctl_error *err) CERTCTL_CHECKED;

/** Whose certificate has this hash?  The agent's id, on `mem`; NULL: not known here, ask the database. */
const char *credentials_recall(struct credentials *credentials, const char *sha256, TALLOC_CTX *mem);
/** The database said so.  `changes`: what credentials_changes() gave before it was asked. */
void credentials_remember(struct credentials *credentials, const char *sha256, const char *agent_id, uint64_t changes);
uint64_t credentials_changes(struct credentials *credentials);
/** These agents changed: ask again.  NULL: all of them. */
void credentials_forget(struct credentials *credentials, const char *const *agent_ids, size_t count);

#endif
