/**
 * A resource, declared once.  From one row of this kind come its routes with their description, the SQL of its reads and
 * writes, validation, filters, sorting, pages, ETags, and the audit events of its changes:
 *
 *     static const struct resource teams = {
 *             .kind = "team", .body = "Team", .path = "/api/v1/teams", .id_prefix = "t-", .table = "teams",
 *             .fields = team_fields, .size = sizeof(struct team), .verbs = RESOURCE_ALL,
 *             .read = PERMISSION_ORGANIZATION_READ, .write = PERMISSION_ORGANIZATION_WRITE,
 *             .scope = { .team = "r.id" }, .uses = team_uses,
 *     };
 *
 * A field is a column of the same name, by the flags of its row (resource.h) written, shown, filtered by, sorted by.  Names
 * of columns come from these tables alone; what a caller gives is a parameter, always.
 */
#ifndef CORE_RESOURCE_DECLARE_H
#define CORE_RESOURCE_DECLARE_H

#include "resource.h"

enum resource_verb {
	RESOURCE_LIST = 1 << 0,
	RESOURCE_GET = 1 << 1,
	RESOURCE_CREATE = 1 << 2,
	RESOURCE_REPLACE = 1 << 3, /* PUT: the whole; what is absent gets its default */
	RESOURCE_PATCH = 1 << 4,   /* RFC 7396 */
	RESOURCE_DELETE = 1 << 5,
	RESOURCE_READS = RESOURCE_LIST | RESOURCE_GET,
	RESOURCE_ALL = (1 << 6) - 1,
};

/** What is read differently than as "r.<name of the field>". */
struct resource_column {
	const char *field;
	const char *output; /* expression that is shown; NULL: the column */
	const char *sort;   /* expression that is sorted by; NULL: the column */
	bool is_never_null; /* `sort` is never null: pages need not look for nulls behind the last value */
};

/** A condition that stands for one value of a filter. */
struct resource_filter_value {
	const char *value;     /* NULL ends the table */
	const char *condition; /* "r.enabled" */
	const char *sort; /* what such a list is sorted by when nothing is asked for: "not_after"; NULL: as always */
	const char *join; /* after FROM; NULL: none */
	const char *key;  /* as in struct resource_filter */
	bool is_unusual;  /* shows what lists usually leave out: resource.usual is not asked for */
};

/** A query parameter that limits a list, beside those that come from the fields' flags. */
struct resource_filter {
	const char *name;      /* NULL ends the table */
	uint32_t type;         /* enum certctl_field_type: how a value is checked; 0: a text */
	const char *condition; /* "$v = ANY (r.tags)": $v is the value */
	const char *join;      /* after FROM, with $v or without; NULL: none */
	const char *key;       /* what `join` makes equal to the id: lists are walked in its order; NULL: the id */
	const struct resource_filter_value *values; /* instead of `condition`: these values and no other */
	const char *help;
	bool is_indexed;
};

/** Rows elsewhere that refer to one of this resource: it is not deleted while there are any. */
struct resource_use {
	const char *one, *many;     /* "certificate", "certificates" */
	const char *table, *column; /* managed_certificates, owner_id */
	const char *condition;      /* on u.*, instead of "u.<column> = $1"; NULL: that */
};

/**
 * Expressions that in_scope() is asked with.  One that is NULL: a limit of that kind does not concern it; all NULL: callers that
 * are limited read everything, and write nothing, because access takes the permission from them.
 */
struct resource_scope {
	const char *team, *issuer, *profile;
};

/** What happened, for the audit trail. */
struct resource_event {
	const char *action, *kind, *id; /* "team_updated", "team", "t-payments" */
	const char *details;            /* a JSON object: names of what changed, values before and after; no secrets */
};

/** What the generic handlers need from the program.  Made once, by resource_services_init(). */
struct resource_services {
	/** The database of this request's effects. */
	struct db_pool *(*db)(const struct http_request *request);
	/** Record an event, in the transaction of what it describes. */
	int (*record)(struct db *db, const struct http_request *request, const struct resource_event *event,
		struct certctl_error *err);
	struct resource_statements *statements; /* those that were made so far; any thread */
};
int resource_services_init(TALLOC_CTX *mem, struct resource_services *services,
	struct certctl_error *err) CERTCTL_CHECKED;

/** A change under way, for the hooks. */
struct resource_change {
	enum resource_verb verb;
	const struct resource *resource;
	const struct resource_services *services;
	struct http_request *request;
	struct http_reply *reply;
	struct db *db;   /* in the transaction; NULL afterwards */
	TALLOC_CTX *mem; /* as long as the request */
	const char *id;
	void *wanted;     /* the resource's struct, checked and with defaults; NULL: it is deleted */
	json_t *document; /* what `wanted` was read from */
	json_t *before;   /* as shown; NULL: it is created */
	json_t *after;    /* as shown; set for `written` unless it is deleted */
	bool is_changed;  /* hooks set it when they changed more than the row */
};

/**
 * Hooks return 0 or the error that becomes the reply; the transaction is rolled back then.  A transaction may be run again:
 * they start afresh each time and touch nothing outside of it.
 */
typedef int resource_hook_fn(struct resource_change *change, struct certctl_error *err);

/** Add a bad member to the reply; returns INVALID, for `return resource_problem(...)` or to go on and collect more. */
int resource_problem(struct resource_change *change, struct certctl_error *err, const char *field, const char *format,
	...) CERTCTL_PRINTF(4, 5);

struct resource {
	const char
		*kind; /* "agent_group": the type in its events, which are agent_group_created, ..._updated, _deleted */
	const char *title;     /* "agent group"; NULL: the kind */
	const char *body;      /* "AgentGroup": in the description of the API */
	const char *path;      /* "/api/v1/agent-groups" */
	const char *id_prefix; /* "ag-" */
	const char *table;     /* what is written to, with a column `id` */
	const char *from;      /* what is read: "a_view r", "table r JOIN ..."; NULL: "<table> r" */
	const char *key;       /* the id in `from`; NULL: "r.id" */
	/**
	 * Expression with all that is shown of a row as it stands in replies, `"id":"t-1","name":"a"`, where pages must be cheap: one text costs
	 * a tenth of its columns.  A test compares it with them.  NULL: replies are written column by column.
	 */
	const char *members;
	const struct certctl_field *fields;
	size_t size; /* of the struct behind the fields */
	uint32_t verbs;
	uint64_t read, write;     /* permissions */
	bool is_large;            /* lists are not counted; filters and sorts that no index serves get two seconds */
	bool has_secrets;         /* bodies may carry secrets: not even their hash is recorded */
	bool is_stamped;          /* the table has updated_at */
	const char *default_sort; /* "-created_at"; NULL: by id */
	const char *usual;        /* condition of every list, "r.archived_at IS NULL"; NULL: none */
	const struct resource_column *columns; /* a row without field ends it; NULL: none */
	const struct resource_filter *filters; /* NULL: none */
	const struct resource_use *uses;       /* a row without table ends it; NULL: none */
	struct resource_scope scope;

	resource_hook_fn *check;   /* before the write, in the transaction: what no field can say alone */
	resource_hook_fn *written; /* after it, in the transaction */
	void (*done)(struct resource_change *change); /* after the commit, when something has changed */
	resource_hook_fn *remove;                     /* instead of DELETE */
	/**
	 * Members that no column has, RESOURCE_ELSEWHERE | RESOURCE_READ_ONLY in the fields: append `,"a":1`.  Unless it is a GET of one, from
	 * memory only.  If-Match does not look at them.
	 */
	void (*extend)(struct http_request *request, const char *id, bool is_single, struct certctl_buffer *out);
};

/**
 * The routes of resources, one table, ended by a row without a path; on `mem`, like everything in it.
 * @param services  for the handlers; may be filled later, before the first request.  NULL: they are only described
 */
int resource_routes(TALLOC_CTX *mem, const struct resource *const *resources, const struct resource_services *services,
	const struct http_route **ret, struct certctl_error *err) CERTCTL_CHECKED;

/** For a feature's own routes of a resource, `{id}` in their path: reply with the one, as GET does.  NOT_FOUND, also outside of the caller's scope. */
int resource_reply_one(struct http_request *request, struct http_reply *reply, const struct resource_services *services,
	const struct resource *resource, const char *id, struct certctl_error *err) CERTCTL_CHECKED;

/**
 * Rows as documents that make them again (`certctl apply`): `kind`, `id` and what may be set, without secrets; what the caller may
 * see, by id.
 * @param after  id of the last one before; NULL: from the beginning
 * @param ret_last  for the next call; NULL: that was all
 */
int resource_export(struct http_request *request, const struct resource_services *services,
	const struct resource *resource, const char *after, size_t limit, json_t *documents, const char **ret_last,
	struct certctl_error *err) CERTCTL_CHECKED;

#endif
