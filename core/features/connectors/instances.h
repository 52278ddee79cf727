/* Inside connectors: what issuers and notifiers have in common. */
#ifndef CORE_CONNECTORS_FEATURE_INSTANCES_H
#define CORE_CONNECTORS_FEATURE_INSTANCES_H

#include "connectors_feature.h"
#include "core/features/access/access.h"

/* First member of their structs. */
struct instance_row {
	const char *id, *name, *type, *options;
	bool enabled;
	/* As they are kept. */
	const char *sealed, *key_id;
	int64_t revision;
	/* shown */
	int source;
	struct certctl_time created_at, updated_at;
};

enum { INSTANCE_FILE = 1, INSTANCE_API };
extern const struct certctl_choice instance_sources[];

/* Rows of their tables; R is the name of the struct, whose first member is `row`. */
#define INSTANCE_FIELDS(KIND)                                                                                                  \
	CERTCTL_OPTION(struct instance_row, id, CERTCTL_REFERENCE, .refers_to = (KIND),                                        \
		.help = "Chosen by you, or made for you."),                                                                    \
		CERTCTL_OPTION(struct instance_row, name, CERTCTL_TEXT, .required = true, .min = 1, .max = 200,                \
			.flags = RESOURCE_FILTERED | RESOURCE_SORTED | RESOURCE_SEARCHED,                                      \
			.help = "For people; no two of a kind have the same."),                                                \
		CERTCTL_OPTION(struct instance_row, type, CERTCTL_TEXT, .required = true, .min = 1, .max = 63,                 \
			.flags = RESOURCE_FILTERED | RESOURCE_SORTED | RESOURCE_FIXED, .help = "Id of the plugin."),           \
		CERTCTL_OPTION(struct instance_row, options, CERTCTL_TEXT, .fallback = "{}", .max = 65536,                     \
			.flags = RESOURCE_DOCUMENT,                                                                            \
			.help = "As the plugin's reference page describes them.  Secrets are shown as ***, which, sent back, " \
				"stands for what is there; secret:NAME is a file in connectors.secrets_dir."),                 \
		CERTCTL_OPTION(struct instance_row, enabled, CERTCTL_BOOLEAN, .fallback = "true",                              \
			.flags = RESOURCE_FILTERED, .help = "Closed on every server when false.")

#define INSTANCE_KEPT                                                                                                  \
	CERTCTL_OPTION(struct instance_row, source, CERTCTL_ENUM, .choices = instance_sources,                         \
		.flags = RESOURCE_READ_ONLY | RESOURCE_FILTERED,                                                       \
		.help = "Where it is configured; what a file configures is changed there."),                           \
		CERTCTL_OPTION(struct instance_row, sealed, CERTCTL_TEXT, .flags = RESOURCE_DERIVED),                  \
		CERTCTL_OPTION(struct instance_row, key_id, CERTCTL_TEXT, .flags = RESOURCE_DERIVED),                  \
		CERTCTL_OPTION(struct instance_row, revision, CERTCTL_INTEGER, .flags = RESOURCE_DERIVED),             \
		{ .name = "status",                                                                                    \
			.type = CERTCTL_TEXT,                                                                          \
			.flags = RESOURCE_READ_ONLY | RESOURCE_ELSEWHERE,                                              \
			.help = "On the server that answers: open, refused, closed." },                                \
		{ .name = "status_reason",                                                                             \
			.type = CERTCTL_TEXT,                                                                          \
			.flags = RESOURCE_READ_ONLY | RESOURCE_ELSEWHERE,                                              \
			.help = "Why it is refused, or open as it was before." },                                      \
		CERTCTL_OPTION(struct instance_row, created_at, CERTCTL_TIME,                                          \
			.flags = RESOURCE_READ_ONLY | RESOURCE_FILTERED | RESOURCE_SORTED),                            \
		CERTCTL_OPTION(struct instance_row, updated_at, CERTCTL_TIME,                                          \
			.flags = RESOURCE_READ_ONLY | RESOURCE_FILTERED | RESOURCE_SORTED)

/* Hooks.  `kept` gives sealed, key_id, revision, options of a row. */
int instance_check(struct resource_change *change, enum certctl_plugin_kind kind, const struct db_query *kept,
	const struct certctl_description **ret, struct certctl_error *err) CERTCTL_CHECKED;
void instance_done(struct resource_change *change);
/* ,"status":...,"status_reason":... */
void instance_write_status(struct http_request *request, enum certctl_plugin_kind kind, const char *id,
	struct certctl_buffer *out);

/* POST .../{id}/test: ask the connector whether it works. */
extern const struct http_body instance_test_body;
int instance_test(struct http_request *request, struct http_reply *reply, const struct resource *resource,
	enum certctl_plugin_kind kind, struct certctl_error *err) CERTCTL_CHECKED;

extern const struct resource connectors_issuers, connectors_notifiers;
http_handler_fn connectors_list_plugins, connectors_export;
extern const struct http_body connectors_plugins_body;
extern const struct certctl_choice connectors_export_formats[];

#endif
