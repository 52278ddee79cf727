/* Inside platform/connectors: the instances of this server. */
#ifndef CORE_CONNECTORS_INSTANCES_H
#define CORE_CONNECTORS_INSTANCES_H

#include "options.h"

#include <pthread.h>

struct instance {
	struct instance *next;
	enum certctl_plugin_kind kind;
	enum connector_source source;
	const char *id;
	bool is_named;                       /* by what is being loaded */
	char sha256[65];                     /* of what it was opened with, or should have been */
	int64_t retry_ms, wait_ms;           /* refused: looked at again then, so long after the last time */
	struct certctl_connector *connector; /* NULL: refused */
	struct certctl_error why;            /* of the last refusal; code 0: none */
	const char *type, *options; /* what was refused, to try it again: of files, which nobody reads meanwhile */
};

struct connectors {
	struct connectors_options options;
	struct certctl_pool *pool;
	pthread_mutex_t loading; /* one at a time changes the list; held while plugins are described */
	pthread_mutex_t lock;    /* of the list; instances live as long as we do */
	struct instance *instances;

	/* Of the thread that looks at rows. */
	pthread_t thread;
	pthread_cond_t changed;
	bool has_thread, must_stop;
};

/* What should be open. */
struct wanted_instance {
	enum certctl_plugin_kind kind;
	enum connector_source source;
	const char *id, *type;
	const json_t *options; /* as written: references to secrets are followed here */
	const char *revision;  /* of a row: what tells it from what it was; NULL: the options do */
};

/* "issuers", "targets", "notifiers", where they have rows; in messages "issuer", "notifier". */
const char *instance_family(enum certctl_plugin_kind kind);
const char *instance_word(enum certctl_plugin_kind kind);

/* With `loading`. */
void instances_begin(struct connectors *connectors, enum connector_source source);
/* Is it there as it should be?  Marks it as named. */
bool instances_know(struct connectors *connectors, const struct wanted_instance *wanted, const char *sha256);
/* Open it, in place of one of its id; refused, it is remembered with the reason, and the log has it. */
void instances_open(struct connectors *connectors, const struct wanted_instance *wanted);
/* A refusal from outside: its options cannot be read. */
void instances_refuse(struct connectors *connectors, const struct wanted_instance *wanted, const char *sha256,
	const struct certctl_error *why);
/* Open those of files that were refused a while ago: their plugin may be there by now. */
void instances_try_again(struct connectors *connectors);
/* What nobody has named since instances_begin() is asked no more. */
void instances_end(struct connectors *connectors, enum connector_source source);

/* The thread that calls connectors_sync(); stopped with `connectors`. */
int connectors_watch(struct connectors *connectors, struct certctl_error *err) CERTCTL_CHECKED;
void connectors_unwatch(struct connectors *connectors);

#endif
