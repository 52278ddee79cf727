/**
 * The inside of certctl-plugin-host: one process, one plugin, one instance of it.
 *
 *     main      hello, confinement, then load or serve
 *     load      the file becomes a checked struct plugin       describe  what the parent may know of it
 *     kinds     tables of operations: issuer.c, target.c, notifier.c
 *     instance  configuration, open, close                     serve     calls in, results out, a thread a lane
 *     host_api  what a plugin may ask of its host              runner    commands, in a process of their own
 */
#ifndef CERTCTL_PROCESS_H
#define CERTCTL_PROCESS_H

#include "frame.h"
#include "protocol.h"
#include "wire.h"

#include <pthread.h>
#include <stdatomic.h>

struct call;
struct plugin;
struct server;

/* --- Kinds and their operations ------------------------------------------------------------------------------------ */

/** One row of a kind's table.  `run` is NULL for open and close, which are not called by name. */
struct operation {
	const char *name;
	size_t offset; /* of the function pointer in the ops table */
	uint32_t cap;  /* the bit that must be set when, and only when, the operation is; 0: none */
	bool required;
	int (*run)(struct call *call, const json_t *argument, struct certctl_error *err);
};

struct kind {
	uint32_t kind; /* enum certctl_plugin_kind */
	size_t ops_size;
	uint32_t flags;                     /* capability bits that stand for no operation */
	const struct operation *operations; /* a row without a name ends it */
	int (*open)(const struct plugin *plugin, const struct certctl_host *host, const void *config, void **ret,
		struct certctl_error *err);
	void (*close)(const struct plugin *plugin, void *self);
};
extern const struct kind issuer_kind, target_kind, notifier_kind;

/* --- A plugin -------------------------------------------------------------------------------------------------------- */

/** Loaded and checked; never unloaded (atexit handlers, thread keys and library state point into it). */
struct plugin {
	const char *file;                 /* without its folder, for messages */
	struct certctl_plugin descriptor; /* a copy, zero where theirs is shorter */
	const struct kind *kind;
	uint32_t caps;
	union {
		struct certctl_issuer_ops issuer;
		struct certctl_target_ops target;
		struct certctl_notifier_ops notifier;
	} ops; /* a copy, NULL where theirs is shorter */
};
/** INVALID or UNSUPPORTED, naming the file and both sides.  Runs the plugin's constructors: be confined before. */
int plugin_load(const char *path, struct plugin *ret, struct certctl_error *err) CERTCTL_CHECKED;
/** Is the operation there? */
bool plugin_has(const struct plugin *plugin, const struct operation *operation);
const struct operation *plugin_operation(const struct plugin *plugin, const char *name);
/** All that the parent may know, as it goes into its cache. */
int plugin_describe(const struct plugin *plugin, json_t **ret, struct certctl_error *err) CERTCTL_CHECKED;

/* --- An instance ----------------------------------------------------------------------------------------------------- */

struct instance {
	const struct plugin *plugin;
	char *name;      /* "issuers/corp" */
	TALLOC_CTX *mem; /* of the configuration */
	void *config;
	pthread_mutex_t open_lock;
	void *self; /* NULL until the first call */
};
/** Parse the configuration; opens nothing yet. */
int instance_init(struct instance *instance, const struct plugin *plugin, const char *name, const json_t *config,
	struct certctl_error *err) CERTCTL_CHECKED;
/** Open the plugin's instance unless it is. */
int instance_open(struct instance *instance, const struct certctl_host *host,
	struct certctl_error *err) CERTCTL_CHECKED;
void instance_close(struct instance *instance);
/** Open and close `instances` of them `times` times, and say what that left on the heap: "host.cycle". */
int instance_cycle(struct call *call, const json_t *argument, struct certctl_error *err);

/* --- Serving --------------------------------------------------------------------------------------------------------- */

/** A socket for one call at a time, with a thread that serves it. */
struct lane {
	struct server *server;
	struct certctl_frame_reader reader;
	pthread_mutex_t
		read_lock; /* held while a question is asked and its reply awaited, and by whoever looks for a cancel */
	pthread_mutex_t send_lock; /* held while a frame is written */
	atomic_bool is_broken;
};

/** Nothing is held of a lane without a call but its socket. */
void lane_init(struct lane *lane, struct server *server, int fd);
/** Send a frame. After an error other than LIMIT and INVALID the lane is broken. */
int lane_send(struct lane *lane, const json_t *frame, int64_t deadline_ms, struct certctl_error *err) CERTCTL_CHECKED;
int lane_write(struct lane *lane, certctl_frame_write_fn *write, const void *arg, int64_t deadline_ms,
	struct certctl_error *err) CERTCTL_CHECKED;

struct server {
	struct lane lanes[CERTCTL_LANES_MAX];
	unsigned lane_count;
	struct instance instance;
	int runner_fd; /* -1: this plugin runs no commands */
	pthread_mutex_t runner_lock;
	pthread_mutex_t lock;
	/* Under lock: */
	pthread_cond_t quiet;
	unsigned started, running; /* threads, from the first lane on; calls */
	bool is_closing;           /* the parent has gone: nothing begins any more */
};

/** One call: what the plugin sees of its host, and what belongs to the call.  Its memory is its own talloc root. */
struct call {
	struct certctl_host api; /* api.context is this call */
	struct server *server;
	struct lane *lane;
	TALLOC_CTX *mem;
	int64_t id, deadline_ms;
	const json_t *argument; /* borrowed */
	const char *operation;
	void *self; /* the plugin's instance */
	bool is_answered;
	atomic_bool is_cancelled;
	atomic_uint logged; /* records so far, dropped ones included */
	json_t *reply;      /* to the open question, under lane->read_lock */
};

/** Answer calls until the parent closes the lanes. */
void serve(struct server *server);
/** With lane->read_lock: take in one frame that came during the call, a cancel or a reply.  As certctl_frame_receive(). */
int call_take_in(struct call *call, int64_t deadline_ms, struct certctl_error *err) CERTCTL_CHECKED;

/** Fill call->api. */
void host_api_init(struct call *call);
/** Tell the parent what was dropped of the call's log. */
void host_api_finish(struct call *call);

/* --- The runner ------------------------------------------------------------------------------------------------------ */

/**
 * Fork the process that runs commands, before anything is confined or loaded.  It ends when ret_fd is closed.
 * @param commands  the allow-list, an array of arrays of words
 * @param lanes     how many sockets of the parent's it must not keep
 */
int runner_start(const json_t *commands, unsigned lanes, int *ret_fd, struct certctl_error *err) CERTCTL_CHECKED;
/** The side of struct certctl_host: run a command there.  `may_leave` is set while the operation is `activate`. */
int runner_run(struct call *call, const struct certctl_command *command, TALLOC_CTX *mem,
	struct certctl_command_result *ret, struct certctl_error *err) CERTCTL_CHECKED;

/* --- Helpers of the operation tables --------------------------------------------------------------------------------- */

/** Parse the "item" beside an argument into the plugin's item struct; NULL without item options. */
int call_item(struct call *call, const json_t *argument, const void **ret, struct certctl_error *err) CERTCTL_CHECKED;
/**
 * Answer the call with what the plugin returned, while it is there; an operation that answers nothing succeeds all the same.  What
 * cannot be written is the plugin's mistake: PROTOCOL, or LIMIT; then nothing was sent.
 */
int call_result(struct call *call, const struct certctl_wire *wire, const void *value,
	struct certctl_error *err) CERTCTL_CHECKED;
/** {"<name>": list}. */
int call_rows_result(struct call *call, const char *name, const struct certctl_wire *wire, const void *rows,
	struct certctl_error *err) CERTCTL_CHECKED;
/** {"<name>": text}. */
int call_text_result(struct call *call, const char *name, const char *text, struct certctl_error *err) CERTCTL_CHECKED;
/** {"<name>": number, ...} of `count`. */
int call_numbers_result(struct call *call, const char *const *names, const int64_t *numbers, size_t count,
	struct certctl_error *err) CERTCTL_CHECKED;

#endif
