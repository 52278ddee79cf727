/* The OpenAPI document: paths and their operations, what they take and answer.  Knows no route by name. */
#include "parts.h"

#include <certctl/json.h>
#include <string.h>

/* What a document is being made of. */
struct making {
	const struct openapi_source *source;
	struct openapi_bodies bodies;
	json_t *document, *paths;
	TALLOC_CTX *mem;
	bool has_failed;
};

/* Set a member; the first failure latches. */
static void put(struct making *making, json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) < 0)
		making->has_failed = true;
}

static void append(struct making *making, json_t *array, json_t *value)
{
	if (json_array_append_new(array, value) < 0)
		making->has_failed = true;
}

/* --- What all operations share ---------------------------------------------------------------------------------------- */

static json_t *shared_parts(void)
{
	static const char text[] =
		"{\"schemas\":{\"Problem\":{\"type\":\"object\",\"description\":\"What went wrong (RFC 9457).\","
		"\"required\":[\"type\",\"title\",\"status\",\"code\"],\"properties\":{"
		"\"type\":{\"type\":\"string\",\"format\":\"uri-reference\"},\"title\":{\"type\":\"string\"},"
		"\"status\":{\"type\":\"integer\"},\"detail\":{\"type\":\"string\"},"
		"\"code\":{\"type\":\"string\",\"description\":\"For programs: invalid, not_found, conflict, ...\"},"
		"\"hint\":{\"type\":\"string\",\"description\":\"What to do about it.\"},"
		"\"error\":{\"type\":\"string\",\"description\":\"The title again, for older clients.\"},"
		"\"request_id\":{\"type\":\"string\",\"description\":\"As in the header X-Request-ID, and in the server's log.\"},"
		"\"errors\":{\"type\":\"array\",\"description\":\"Every bad member of the request's body.\",\"items\":{"
		"\"type\":\"object\",\"required\":[\"field\",\"detail\"],\"properties\":{"
		"\"field\":{\"type\":\"string\"},\"detail\":{\"type\":\"string\"}}}}}}},"
		"\"parameters\":{\"limit\":{\"name\":\"limit\",\"in\":\"query\",\"description\":\"Rows a page.\","
		"\"schema\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":500,\"default\":50}},"
		"\"cursor\":{\"name\":\"cursor\",\"in\":\"query\",\"description\":\"next_cursor of the page before.\","
		"\"schema\":{\"type\":\"string\"}},"
		"\"fields\":{\"name\":\"fields\",\"in\":\"query\",\"description\":\"Members wanted, separated by commas.\","
		"\"schema\":{\"type\":\"string\"}},"
		"\"if_none_match\":{\"name\":\"If-None-Match\",\"in\":\"header\","
		"\"description\":\"ETag of an earlier reply: 304 when nothing has changed since.\","
		"\"schema\":{\"type\":\"string\"}},"
		"\"if_match\":{\"name\":\"If-Match\",\"in\":\"header\","
		"\"description\":\"ETag of what is changed: 412 when somebody else has changed it since.\","
		"\"schema\":{\"type\":\"string\"}},"
		"\"idempotency_key\":{\"name\":\"Idempotency-Key\",\"in\":\"header\","
		"\"description\":\"Of the caller's choice: a request that is repeated with it is done once and answered the same.\","
		"\"schema\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":255,\"pattern\":\"^[!-~]+$\"}}},"
		"\"responses\":{\"Problem\":{\"description\":\"What went wrong.\",\"content\":{\"application/problem+json\":{"
		"\"schema\":{\"$ref\":\"#/components/schemas/Problem\"}}}},"
		"\"NotModified\":{\"description\":\"As it was under that ETag.\"}},"
		"\"securitySchemes\":{\"api_key\":{\"type\":\"http\",\"scheme\":\"bearer\","
		"\"description\":\"An API key: Authorization: Bearer sk-...\"},"
		"\"agent_certificate\":{\"type\":\"mutualTLS\","
		"\"description\":\"The client certificate that an agent got when it enrolled.\"}}}";

	return json_loads(text, 0, NULL);
}

/* --- Parameters ------------------------------------------------------------------------------------------------------ */

static json_t *parameter(const char *name, const char *in, const char *help, json_t *schema)
{
	bool is_path = strcmp(in, "path") == 0;
	json_t *row = json_pack("{s:s, s:s}", "name", name, "in", in);

	if (row && help)
		json_object_set_new(row, "description", json_string(help));
	if (row && is_path)
		json_object_set_new(row, "required", json_true());
	if (json_object_set_new(row, "schema", schema) < 0) {
		json_decref(row);
		return NULL;
	}
	return row;
}

static void add_path_parameters(struct making *making, const struct http_route *route, json_t *list)
{
	for (const char *at = route->path; (at = strchr(at, '{')); at++) {
		char *name = talloc_strndup(making->mem, at + 1, strcspn(at + 1, "}"));

		append(making, list,
			parameter(name, "path", NULL, json_pack("{s:s, s:i}", "type", "string", "maxLength", 63)));
	}
}

/* Filters are compared as texts; the row they go by says which there are. */
static json_t *filter_parameter(const struct http_route *route, const char *name)
{
	json_t *schema = json_pack("{s:s}", "type", "string");

	for (const struct certctl_field *row = route->gives ? route->gives->fields : NULL; row && row->name; row++) {
		if (strcmp(row->name, name) != 0 || row->type != CERTCTL_ENUM)
			continue;
		json_t *described = openapi_row_schema(row);

		json_object_set(schema, "enum", json_object_get(described, "enum"));
		json_decref(described);
	}
	return parameter(name, "query", "Only those with this value.", schema);
}

static json_t *shared_parameter(const char *name)
{
	return json_pack("{s:o}", "$ref", json_sprintf("#/components/parameters/%s", name));
}

static json_t *parameters(struct making *making, const struct http_route *route)
{
	json_t *list = json_array();

	add_path_parameters(making, route, list);
	for (size_t i = 0; route->filters && route->filters[i]; i++)
		append(making, list, filter_parameter(route, route->filters[i]));
	for (const struct certctl_field *row = route->parameters; row && row->name; row++) {
		json_t *schema = openapi_row_schema(row);

		json_object_del(schema, "description");
		append(making, list, parameter(row->name, "query", row->help, schema));
	}
	if (route->is_list && strcmp(route->method, "GET") == 0) {
		append(making, list, shared_parameter("limit"));
		append(making, list, shared_parameter("cursor"));
		append(making, list, shared_parameter("fields"));
	}
	if (http_route_is_single(route))
		append(making, list, shared_parameter("if_none_match"));
	if (route->of && (route->method[0] == 'D' || (route->method[0] == 'P' && strcmp(route->method, "POST") != 0)))
		append(making, list, shared_parameter("if_match"));
	if (strcmp(route->method, "POST") == 0 &&
		!(route->permission & (HTTP_PERMISSION_PUBLIC | HTTP_PERMISSION_AGENT)))
		append(making, list, shared_parameter("idempotency_key"));
	return list;
}

/* --- Bodies ---------------------------------------------------------------------------------------------------------- */

static json_t *content(const char *media, json_t *schema)
{
	return json_pack("{s:{s:o}}", media, "schema", schema);
}

static json_t *page_of(json_t *row)
{
	return json_pack("{s:s, s:[s,s,s,s], s:{s:{s:s, s:o}, s:{s:[s,s]}, s:{s:[s,s]}, s:{s:s}}}", "type", "object",
		"required", "data", "next_cursor", "total", "total_is_estimate", "properties", "data", "type", "array",
		"items", row, "next_cursor", "type", "string", "null", "total", "type", "integer", "null",
		"total_is_estimate", "type", "boolean");
}

/* What a change has set going. */
static json_t *rows_of(json_t *row)
{
	return json_pack("{s:s, s:[s], s:{s:{s:s, s:o}}}", "type", "object", "required", "data", "properties", "data",
		"type", "array", "items", row);
}

static json_t *reply_schema(struct making *making, const struct http_route *route, const struct http_body *body)
{
	json_t *schema = openapi_body_replied(&making->bodies, body);

	if (!route->is_list)
		return schema;
	return strcmp(route->method, "GET") == 0 ? page_of(schema) : rows_of(schema);
}

static json_t *success(struct making *making, const struct http_route *route, unsigned status,
	const struct http_body *body)
{
	static const struct {
		unsigned status;
		const char *text;
	} texts[] = { { 200, "Done." }, { 201, "Made." }, { 202, "Accepted; it goes on." },
		{ 204, "Done; nothing to say." }, { 503, "Not now." } };
	const char *text = "Done.";
	json_t *reply = json_object();

	for (size_t i = 0; i < CERTCTL_COUNT(texts); i++)
		if (texts[i].status == status)
			text = texts[i].text;
	put(making, reply, "description", json_string(text));
	if (body) {
		put(making, reply, "content", content("application/json", reply_schema(making, route, body)));
	} else if (route->media && status == 200) {
		put(making, reply, "content", content(route->media, json_pack("{s:s}", "type", "string")));
	}
	return reply;
}

static void put_status(struct making *making, json_t *replies, unsigned status, json_t *reply)
{
	put(making, replies, talloc_asprintf(making->mem, "%u", status), reply);
}

static json_t *replies(struct making *making, const struct http_route *route)
{
	unsigned status = route->status ? route->status : 200;
	json_t *list = json_object();

	put_status(making, list, status, success(making, route, status, route->gives));
	if (route->also)
		put_status(making, list, route->also, success(making, route, route->also, route->also_gives));
	if (http_route_is_single(route))
		put_status(making, list, 304, json_pack("{s:s}", "$ref", "#/components/responses/NotModified"));
	put(making, list, "default", json_pack("{s:s}", "$ref", "#/components/responses/Problem"));
	return list;
}

/* --- Operations ------------------------------------------------------------------------------------------------------ */

/* list_certificates, get_certificates, create_certificates, post_certificates_renew: unique as method and path are. */
static char *operation_id(TALLOC_CTX *mem, const struct http_route *route)
{
	static const struct {
		const char *method, *verb;
	} verbs[] = { { "GET", "get" }, { "POST", "post" }, { "PUT", "replace" }, { "PATCH", "update" },
		{ "DELETE", "delete" } };
	const char *verb = route->method, *path = route->path;
	size_t len = strcspn(path + 1, "/") + 1;

	for (size_t i = 0; i < CERTCTL_COUNT(verbs); i++)
		if (strcmp(verbs[i].method, route->method) == 0)
			verb = verbs[i].verb;
	if (route->is_list && strcmp(route->method, "GET") == 0)
		verb = "list";
	else if (strcmp(verb, "post") == 0 && route->status == 201)
		verb = "create";
	/* The same page is at the usual path of monitors, and under the API. */
	if (route->flags & HTTP_SCRAPE && strncmp(path, "/api/v1/", 8) != 0)
		verb = "scrape";
	char *id = talloc_strdup(mem, verb);

	path += strncmp(path, "/api/v1/", 8) == 0 ? 8 : 1;
	for (; id && *path; path += len + (path[len] == '/')) {
		len = strcspn(path, "/");
		if (path[0] != '{')
			id = talloc_asprintf_append(id, "_%.*s", (int)len, path);
	}
	for (char *at = id; at && *at; at++)
		if (*at == '.' || *at == '-')
			*at = '_';
	return id;
}

static json_t *security(const struct http_route *route, enum openapi_door door)
{
	if (route->permission & HTTP_PERMISSION_PUBLIC)
		return json_array();
	return json_pack("[{s:[]}]", door == OPENAPI_AGENTS ? "agent_certificate" : "api_key");
}

static json_t *servers(enum openapi_door door)
{
	return door == OPENAPI_AGENTS ? json_pack("[{s:s, s:s}]", "url", "https://localhost:8444", "description",
						"The agents' listener.")
				      : json_pack("[{s:s, s:s}]", "url", "https://localhost:8443", "description",
						"The operators' listener.");
}

/* A patch has a media type of its own, and is taken as plain JSON too. */
static json_t *request_body(struct making *making, const struct http_route *route)
{
	bool is_patch = strcmp(route->method, "PATCH") == 0;
	json_t *body = json_pack("{s:b}", "required", 1);
	json_t *types = content("application/json", is_patch ? openapi_body_patched(&making->bodies, route->takes)
							     : openapi_body_sent(&making->bodies, route->takes));

	if (is_patch)
		put(making, types, "application/merge-patch+json",
			json_pack("{s:o}", "schema", openapi_body_patched(&making->bodies, route->takes)));
	put(making, body, "content", types);
	return body;
}

static json_t *operation(struct making *making, const struct openapi_section *section, const struct http_route *route)
{
	json_t *it = json_object(), *asked = parameters(making, route);

	put(making, it, "operationId", json_string(operation_id(making->mem, route)));
	put(making, it, "summary", json_string(route->summary));
	put(making, it, "description", json_string(openapi_callers(making->mem, making->source, route)));
	put(making, it, "tags", json_pack("[s]", section->name));
	if (section->door == OPENAPI_AGENTS)
		put(making, it, "servers", servers(section->door));
	put(making, it, "security", security(route, section->door));
	if (json_array_size(asked) > 0)
		put(making, it, "parameters", asked);
	else
		json_decref(asked);
	if (route->takes)
		put(making, it, "requestBody", request_body(making, route));
	put(making, it, "responses", replies(making, route));
	return it;
}

static void add_route(struct making *making, const struct openapi_section *section, const struct http_route *route)
{
	json_t *path = json_object_get(making->paths, route->path);
	char *method = talloc_strdup(making->mem, route->method);

	if (!path) {
		path = json_object();
		put(making, making->paths, route->path, path);
	}
	for (char *at = method; at && *at; at++)
		*at = (char)(*at | ' ');
	put(making, path, method, operation(making, section, route));
}

/* --- The document ---------------------------------------------------------------------------------------------------- */

static void add_sections(struct making *making, json_t *tags)
{
	for (size_t i = 0; i < making->source->section_count; i++) {
		const struct openapi_section *section = &making->source->sections[i];
		bool is_named = false;

		if (openapi_is_repeated(making->source, i))
			continue;
		for (size_t j = 0; j < i; j++)
			is_named |= strcmp(making->source->sections[j].name, section->name) == 0;
		if (!is_named)
			append(making, tags,
				json_pack("{s:s, s:s}", "name", section->name, "description", section->about));
		for (const struct http_route *route = section->routes; route->path; route++)
			add_route(making, section, route);
	}
}

static void build(struct making *making)
{
	json_t *tags = json_array(), *components = shared_parts();

	making->paths = json_object();
	making->bodies.schemas = json_object_get(components, "schemas");
	put(making, making->document, "openapi", json_string("3.1.0"));
	put(making, making->document, "info",
		json_pack("{s:s, s:s, s:s, s:{s:s, s:s}}", "title", "certctl", "version", making->source->version,
			"description", "Certificate lifecycle: issue, renew, deploy, watch and revoke.", "license",
			"name", "Apache License 2.0", "identifier", "Apache-2.0"));
	put(making, making->document, "servers", servers(OPENAPI_OPERATORS));
	put(making, making->document, "tags", tags);
	put(making, making->document, "paths", making->paths);
	put(making, making->document, "components", components);
	add_sections(making, tags);
}

int openapi_document(const struct openapi_source *source, json_t **ret, struct certctl_error *err)
{
	struct making making = { .source = source, .document = json_object(), .mem = talloc_new(NULL) };

	build(&making);
	talloc_free(making.mem);
	if (making.has_failed) {
		json_decref(making.document);
		return certctl_fail(err, CERTCTL_E_INTERNAL,
			"openapi: out of memory, a route without summary, or two bodies of one name");
	}
	*ret = making.document;
	return 0;
}
