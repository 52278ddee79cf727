/*
 * Inside fleet: what a server remembers of its agents, so that the sign of life of a hundred thousand idle ones costs a few
 * statements a second.  The database decides; everything here may be forgotten at any time.
 */
#ifndef CORE_FLEET_PRESENCE_H
#define CORE_FLEET_PRESENCE_H

#include "fleet.h"

/** Of struct core: starts with the server.  Any thread. */
struct presence;
int presence_start(struct core *core, TALLOC_CTX *mem, struct certctl_error *err) CERTCTL_CHECKED;
void presence_stop(struct core *core);

/** A sign of life, written with everybody else's within a second. */
void presence_touch(struct presence *presence, const char *agent_id, bool is_empty_poll);

/** Did this agent say the same of itself a while ago?  `facts_sha256`: over all that it said. */
bool presence_has_facts(struct presence *presence, const char *agent_id, const char *facts_sha256);
void presence_keep_facts(struct presence *presence, const char *agent_id, const char *facts_sha256);

/**
 * How far back to look for jobs that have become due while polls wait, in seconds; and that it was done.  On the engine's own thread.
 * A look reads what has become due since the one before, or all of it after an outage.
 */
int64_t presence_look_back_s(const struct presence *presence);
void presence_looked(struct presence *presence);

/* --- Polls that have just come: one query for all of a moment ------------------------------------------------------------- */

/** Find out whether there is work for it, then wake `agent/<id>` when there is, or when `wants_verdict`. */
void presence_ask_for_work(struct presence *presence, const char *agent_id, bool wants_verdict);
enum presence_verdict {
	PRESENCE_UNKNOWN = 0, /* look yourself */
	PRESENCE_NO_WORK,
	PRESENCE_FAILED, /* the database did not answer */
};
/** What was found out since `since_ms` (monotonic). */
enum presence_verdict presence_verdict(struct presence *presence, const char *agent_id, int64_t since_ms);

#endif
