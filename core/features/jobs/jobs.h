/** Jobs as operators see them, live and ended. */
#ifndef CORE_FEATURES_JOBS_H
#define CORE_FEATURES_JOBS_H

#include "core/features/feature.h"

/** Reply with one job. */
int jobs_reply(struct http_request *request, struct http_reply *reply, unsigned status, const char *id,
	struct certctl_error *err) CERTCTL_CHECKED;

/** Reply 202 with live jobs, rows of the table `jobs` and `status`: {"data": [...]}, Location of the first. */
int jobs_reply_accepted(struct http_reply *reply, const struct db_result *rows);

/** A job as it is shown. */
extern const struct http_body jobs_body;

extern const struct feature jobs_feature;

#endif
