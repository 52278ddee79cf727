/** Inside access: what a server keeps, and the handlers of keys. */
#ifndef CORE_ACCESS_INTERNAL_H
#define CORE_ACCESS_INTERNAL_H

#include "access.h"
#include "cache.h"
#include "core/platform/http/rates.h"

struct access {
	struct access_cache *cache;
	struct http_rates *calls;    /* of a key */
	struct http_rates *failures; /* of an address: calls without a valid key */
};

/** Keys were changed, and that is committed: no server may go on with what it remembers.  `core`: struct core. */
void access_changed(void *core);

extern const struct http_body access_key_body, access_key_change_body, access_key_rotation_body;
extern const char *const access_key_filters[];
http_handler_fn access_key_create, access_key_get, access_key_list, access_key_update, access_key_rotate,
	access_key_revoke;

/** http_options.around: a POST with an Idempotency-Key is done once. */
int access_idempotent(struct http_request *request, struct http_reply *reply,
	struct certctl_error *err) CERTCTL_CHECKED;

#endif
