/**
 * The description of the API, made of the tables that serve it: OpenAPI 3.1 (spec.openapis.org/oas/v3.1.0) as JSON and as
 * YAML, and a table for people.  Nothing is said here that a table does not say.
 */
#ifndef CORE_OPENAPI_H
#define CORE_OPENAPI_H

#include "core/platform/http/http.h"

/** How the callers of a section show who they are. */
enum openapi_door {
	OPENAPI_OPERATORS = 1, /* an API key, on the operators' listener */
	OPENAPI_AGENTS,        /* a client certificate, on the agents' listener */
};

/** Routes of one subject at one door.  A table that is there twice is described once. */
struct openapi_section {
	const char *name, *about; /* "certificates", one sentence */
	const struct http_route *routes;
	enum openapi_door door;
};

struct openapi_source {
	const struct openapi_section *sections;
	size_t section_count;
	/** "admin, operator": who has one of these permissions, on `mem`. */
	const char *(*callers)(TALLOC_CTX *mem, uint64_t permissions);
	const char *version;
};

/** The document, to be json_decref()ed; INTERNAL when two tables call different bodies the same. */
int openapi_document(const struct openapi_source *source, json_t **ret, struct certctl_error *err) CERTCTL_CHECKED;
/** Any JSON as YAML 1.2 that YAML 1.1 readers take the same way. */
void openapi_write_yaml(struct certctl_buffer *out, const json_t *document);
/** One Markdown table a section: request, what it does, who may. */
void openapi_write_table(struct certctl_buffer *out, const struct openapi_source *source);

#endif
