/* Inside platform/sealing: the keys. */
#ifndef CORE_SEALING_KEYS_H
#define CORE_SEALING_KEYS_H

#include "sealing.h"

#define SEALING_KEY_BYTES 32
#define SEALING_KEY_ID    17 /* with its NUL */

struct sealing_key {
	char id[SEALING_KEY_ID];
	struct certctl_secret secret;
};

struct sealing {
	const char *file; /* for messages */
	struct sealing_key *keys;
	size_t count; /* at least one */
};

/** NULL: not there. */
const struct sealing_key *sealing_key_find(const struct sealing *sealing, const char *id);

#endif
