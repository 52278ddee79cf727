/**
 * The inside of the caller's side.
 *
 *     pool         plugin directories, the number of processes, the keeper thread
 *     description  what a plugin is: asked of a process with nothing open, kept by file hash
 *     child        one plugin process as its parent sees it: start, hello, lanes, last words, end
 *     connector    one instance: its child, its free slots, its backoff
 *     call         one call: send, wait, answer questions, deadline, cancel, retry alone
 *     typed_*      calls in the terms of issuer.h, target.h and notifier.h
 *
 * Locks, outermost first: pool.lock, connector.lock, child.lock, pool.slots_lock.
 */
#ifndef CERTCTL_CALLER_H
#define CERTCTL_CALLER_H

#include "condition.h"
#include "connector.h"
#include "frame.h"
#include "protocol.h"
#include "wire.h"

#include <pthread.h>
#include <sys/types.h>

/* --- A child --------------------------------------------------------------------------------------------------------- */

#define LAST_WORDS_MAX 2048

/** Why the parent ended it, when it did. */
enum child_end { CHILD_LIVES = 0, CHILD_KILLED, CHILD_STOPPED };

struct child {
	struct certctl_pool *pool;
	char *instance, *plugin; /* for logs */
	pid_t pid;
	int pidfd, error_fd; /* error_fd: its standard error, non-blocking */
	struct certctl_frame_reader
		*lanes; /* one a slot of the connector: whoever holds the slot uses it, nobody else */
	unsigned lane_count;
	pthread_mutex_t lock;
	/* Under lock: */
	unsigned calls;        /* open now */
	unsigned calls_at_end; /* how many were open when the first of them found its lane broken; 0: none has */
	enum child_end end;
	char last_words[LAST_WORDS_MAX]; /* its latest log records and what it wrote to standard error */
	size_t last_words_len;
	int64_t drained_ms;
	int64_t log_second;
	unsigned logged, log_dropped; /* in that second */
	/* Under connector.lock: */
	unsigned users;
	bool is_reaped;
	int status; /* of waitpid, once reaped; -1: unknown */
};

/** What it is called in messages and logs. */
struct child_names {
	const char *instance, *plugin;
};
/**
 * Start a plugin process with so many lanes and exchange hellos.  `hello` gets the members every hello has.
 * @param ret_reply  its hello, the caller's to json_decref
 * @return 0; the reason the process gave; CRASHED with the way it ended; TIMEOUT; NOT_FOUND (no such program); IO
 */
int child_start(struct certctl_pool *pool, const struct child_names *names, unsigned lanes, json_t *hello,
	int64_t deadline_ms, struct child **ret, json_t **ret_reply, struct certctl_error *err) CERTCTL_CHECKED;
/** Wait for its end, at most `grace_ms`, then kill; its status is known afterwards.  Once. */
void child_reap(struct child *child, int64_t grace_ms);
/** "ended by SIGABRT", "exited with 3", of a child that was reaped. */
const char *child_end_text(const struct child *child, char text[96]);
/** Add "Last words: ..." as the hint, when there are any. */
void child_hint(struct child *child, struct certctl_error *err);
/** With lock: keep what came on standard error. */
void child_drain(struct child *child);
/** A child that was reaped and that nobody uses. */
void child_free(struct child *child);

/** A record of a plugin's log, with instance and plugin added; too many in a second are counted instead. */
void child_log(struct child *child, const json_t *frame);

/* --- The pool -------------------------------------------------------------------------------------------------------- */

struct spawn_request {
	struct spawn_request *next;
	const char *program;
	const int *lanes; /* become 3 and those that follow; all above that range */
	unsigned lane_count;
	int errors; /* becomes 2 */
	pid_t pid;
	int error_number;
	bool is_done;
};

struct certctl_pool {
	struct certctl_pool_options options; /* copies */
	/* Under lock: */
	pthread_mutex_t lock;
	struct certctl_connector *connectors;
	/* Under slots_lock: */
	pthread_mutex_t slots_lock;
	pthread_cond_t slots_changed, spawned;
	unsigned hosts;
	bool has_keeper, is_ending;
	struct spawn_request *requests;
	pthread_t keeper;
	/* Under describe_lock: */
	pthread_mutex_t describe_lock;
	struct known *known;
};

/** Room for one more process, made by stopping the one that was idle longest.  UNAVAILABLE when all are busy till then. */
int pool_take_slot(struct certctl_pool *pool, int64_t deadline_ms, struct certctl_error *err) CERTCTL_CHECKED;
void pool_give_slot(struct certctl_pool *pool);
/** Start a process on the keeper, the thread whose end would end the process (PR_SET_PDEATHSIG).  Any thread. */
int pool_spawn(struct certctl_pool *pool, struct spawn_request *request, struct certctl_error *err) CERTCTL_CHECKED;
void pool_log(struct certctl_pool *pool, enum certctl_log_level level, const char *event, const char *const *pairs,
	size_t count);
/** CONFLICT when the file is no longer the one that was described. */
int description_check_file(const struct certctl_description *description, struct certctl_error *err) CERTCTL_CHECKED;
/** From what a process (or the cache) says of itself; belongs to nobody yet: talloc_free. Everything in it is checked. */
int description_make(const char *file, const char *sha256, const json_t *said, const json_t *enforced,
	struct certctl_description **ret, struct certctl_error *err) CERTCTL_CHECKED;
/** Free what was described; the pool is going. */
void pool_forget_descriptions(struct certctl_pool *pool);

/* --- Connectors ------------------------------------------------------------------------------------------------------ */

struct certctl_connector {
	uint32_t magic;
	struct certctl_pool *pool; /* NULL once the pool has gone */
	struct certctl_connector *next;
	char *name;
	const struct certctl_description *description;
	json_t *hello; /* configuration, paths and commands, as every start sends them */
	struct certctl_connector_state state;
	pthread_mutex_t lock;
	/* Under lock: */
	pthread_cond_t changed;
	struct child *child;
	uint64_t paths_stamp; /* of the time it started */
	bool is_starting;
	unsigned running, waiting_alone;
	uint64_t lanes; /* bits of those that calls hold, as many as `running` */
	bool is_alone;
	unsigned crashes; /* since the last call that went well */
	int64_t blocked_until_ms, used_ms;
	int64_t last_id;
};

/** A slot of this instance, or all of them, and with it a lane of whatever child it has. TIMEOUT. */
int connector_enter(struct certctl_connector *connector, bool alone, int64_t deadline_ms, unsigned *ret_lane,
	struct certctl_error *err) CERTCTL_CHECKED;
void connector_leave(struct certctl_connector *connector, unsigned lane);
/** Its child, started when there is none; `ignore_backoff` for a call that must not suffer for others. */
int connector_child(struct certctl_connector *connector, bool ignore_backoff, int64_t deadline_ms, struct child **ret,
	struct certctl_error *err) CERTCTL_CHECKED;
void connector_release(struct certctl_connector *connector, struct child *child);
/** This child is of no use any more: reaped, out of the connector.  `crashed` counts for the backoff. */
void connector_retire(struct certctl_connector *connector, struct child *child, int64_t grace_ms, bool crashed);
void connector_went_well(struct certctl_connector *connector);
/** Idle since when?  0 when it has no child or is busy.  With pool.lock. */
int64_t connector_idle_since(struct certctl_connector *connector);
/** Stop its child if it is still idle. */
bool connector_stop_idle(struct certctl_connector *connector);

/** The pool is going, and with it the descriptions: no call finds anything from now on. */
void connector_orphan(struct certctl_connector *connector);
int connector_check_pool(struct certctl_connector *connector, struct certctl_error *err) CERTCTL_CHECKED;

/** What the sandbox must open for this configuration; makes missing PATH_WRITE directories. */
int connector_paths(const struct certctl_field *fields, const json_t *config, json_t *read, json_t *write,
	struct certctl_error *err) CERTCTL_CHECKED;

/** Changes when one of these paths becomes another file: the sandbox of a running process does not know that one. */
uint64_t connector_paths_stamp(const json_t *hello);

/** certctl_connector_call() with an argument that is written straight into the frame; NULL: none. */
int connector_call(struct certctl_connector *connector, const char *operation, certctl_frame_write_fn *write,
	const void *argument, const struct certctl_call *call, json_t **ret, struct certctl_error *err) CERTCTL_CHECKED;

/** Answer one `ask` of a plugin on the thread that made the call. */
json_t *call_answer(const struct certctl_connector *connector, const struct certctl_call *call, const json_t *ask);

#endif
