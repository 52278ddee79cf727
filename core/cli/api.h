/**
 * What a server offers, read from its OpenAPI document: resources, their operations, parameters and schemas.  Everything that
 * certctl knows of a resource comes from here, so that a new one needs no code.
 */
#ifndef CORE_CLI_API_H
#define CORE_CLI_API_H

#include <certctl/error.h>
#include <jansson.h>
#include <talloc.h>

struct api_parameter {
	const char *name; /* as in the document */
	const char *help; /* a sentence, or NULL */
	json_t *schema;   /* resolved; borrowed, as everything from the document */
	bool is_in_path;  /* otherwise in the query */
	bool is_required;
};

struct api_operation {
	const char *verb;   /* "list", "renew", "export-pem" */
	const char *method; /* "GET" */
	const char *path;   /* "/api/v1/certificates/{id}/renew" */
	const char *summary;
	const struct api_resource *resource;
	const struct api_parameter *parameters; /* those of the path first, in their order */
	size_t parameter_count, argument_count; /* argument_count of them are in the path */
	json_t *body;                           /* schema of what is sent; NULL: nothing */
	const char *body_type;                  /* "application/json" */
	json_t *reply;                          /* schema of what comes back, of one row when there are several; NULL */
	const char *reply_name;                 /* name of that schema; NULL: it has none */
	bool is_list;                           /* several, a page at a time */
	bool is_many;                           /* several, in "data" */
	bool is_raw;                            /* something else than JSON comes back */
};

struct api_resource {
	const char *name; /* "agent-groups", as in the path */
	const char *kind; /* "agent-group": one of them, in files */
	const struct api_operation *operations;
	size_t count;
};

struct api {
	json_t *document;
	const struct api_resource *resources; /* in the order of the document */
	size_t count;
};

/** The document that was built in. */
extern const char api_document[];

/** Read a document (JSON).  INVALID when it is none. */
int api_read(TALLOC_CTX *mem, const char *text, struct api **ret, struct certctl_error *err) CERTCTL_CHECKED;

/** NULL when there is none.  Names compare without case, `_` as `-`. */
const struct api_resource *api_find(const struct api *api, const char *name);
/** By the kind of a document: singular, plural, or the name of its schema. */
const struct api_resource *api_find_kind(const struct api *api, const char *kind);
const struct api_operation *api_verb(const struct api_resource *resource, const char *verb);
/** The one that changes a thing that is there: patch, else replace; NULL: none. */
const struct api_operation *api_change(const struct api_resource *resource);
/** Can a file describe it: read by id, and made or put? */
bool api_is_declarable(const struct api_resource *resource);

const struct api_parameter *api_parameter(const struct api_operation *operation, const char *name);
/** Follow "$ref"; `schema` may be NULL. */
json_t *api_resolve(const struct api *api, json_t *schema);
/** Schema of a member; NULL: not named. */
json_t *api_property(const struct api *api, json_t *schema, const char *name);
/** "text", "integer", "boolean", "list", "object", ... : x-certctl-type, else the JSON type; "" for anything. */
const char *api_type(json_t *schema);
/** Is it one that is never shown, and not to be typed where others see it? */
bool api_is_secret(json_t *schema);
/** Depth of what it refers to: what is referred to has a lower one.  Resources that refer to each other count once. */
int api_rank(const struct api *api, const struct api_resource *resource);

#endif
