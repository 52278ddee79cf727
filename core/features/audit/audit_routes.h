/* Inside audit: what the routes share. */
#ifndef CORE_AUDIT_ROUTES_H
#define CORE_AUDIT_ROUTES_H

#include "core/features/feature.h"
#include "proof.h"

#include <certctl/field.h>

/** Members of an event, in the order of a CSV file's columns. */
extern const struct certctl_field audit_event_fields[];
/** Names of the filters, in the order of the queries' parameters. */
extern const char *const audit_filters[];
/** The value of a filter for the query, on the request: patterns, points in time. */
int audit_filter_read(struct http_request *request, const char *name, const char *text, const char **ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/** GET /api/v1/audit/export */
int audit_export(struct http_request *request, struct http_reply *reply, struct certctl_error *err);

extern const struct http_route audit_routes[];

#endif
