/* Turns an OpenAPI document into resources and operations.  Knows nothing of servers and command lines. */
#include "api.h"
#include "api_names.h"

#include <certctl/json.h>
#include <ctype.h>
#include <string.h>

static const char *const methods[] = { "get", "post", "put", "patch", "delete" };

/* While reading: arrays that grow. */
struct reading {
	struct api *api;
	struct api_resource *resources;
	size_t count;
};

static int out_of_memory(struct certctl_error *err)
{
	return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory for the description of the API");
}

/* --- Parts of an operation -------------------------------------------------------------------------------------------- */

static size_t add_parameters(struct reading *reading, struct api_parameter *to, size_t count, json_t *rows,
	const char *place)
{
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		json_t *parameter = api_resolve(reading->api, row);

		if (strcmp(certctl_json_text_or(parameter, "in", ""), place) != 0)
			continue;
		to[count++] = (struct api_parameter){
			.name = certctl_json_text_or(parameter, "name", ""),
			.help = certctl_json_text_or(parameter, "description", NULL),
			.schema = api_resolve(reading->api, json_object_get(parameter, "schema")),
			.is_in_path = strcmp(place, "path") == 0,
			.is_required = json_is_true(json_object_get(parameter, "required")),
		};
	}
	return count;
}

/* Of the path item (`shared`) and of the operation. */
static int read_parameters(struct reading *reading, struct api_operation *operation, json_t *shared, json_t *own,
	struct certctl_error *err)
{
	size_t most = json_array_size(shared) + json_array_size(own);
	struct api_parameter *parameters = talloc_zero_array(reading->api, struct api_parameter, (unsigned)most + 1);
	size_t count = 0;

	if (!parameters)
		return out_of_memory(err);
	count = add_parameters(reading, parameters, count, shared, "path");
	count = add_parameters(reading, parameters, count, own, "path");
	operation->argument_count = count;
	count = add_parameters(reading, parameters, count, shared, "query");
	operation->parameter_count = add_parameters(reading, parameters, count, own, "query");
	operation->parameters = parameters;
	return 0;
}

/* The first of the content types that is JSON. */
static json_t *json_content(json_t *content, const char **ret_type)
{
	const char *type;
	json_t *value;

	json_object_foreach(content, type, value)
	{
		size_t len = strcspn(type, ";");

		if (len >= 4 && strncmp(type + len - 4, "json", 4) == 0 && !strstr(type, "ndjson")) {
			if (ret_type)
				*ret_type = type;
			return json_object_get(value, "schema");
		}
	}
	return NULL;
}

static void read_body(struct reading *reading, struct api_operation *operation, json_t *row)
{
	json_t *body = api_resolve(reading->api, json_object_get(row, "requestBody"));

	operation->body =
		api_resolve(reading->api, json_content(json_object_get(body, "content"), &operation->body_type));
}

static json_t *good_content(struct reading *reading, json_t *responses)
{
	static const char *const good[] = { "200", "201", "202" };

	for (size_t i = 0; i < CERTCTL_COUNT(good); i++) {
		json_t *content =
			json_object_get(api_resolve(reading->api, json_object_get(responses, good[i])), "content");

		if (content)
			return content;
	}
	return NULL;
}

static const char *name_of_reference(json_t *schema)
{
	const char *reference = certctl_json_text_or(schema, "$ref", NULL);
	const char *slash = reference ? strrchr(reference, '/') : NULL;

	return slash ? slash + 1 : NULL;
}

static void read_reply(struct reading *reading, struct api_operation *operation, json_t *row)
{
	json_t *content = good_content(reading, json_object_get(row, "responses"));
	json_t *given = json_content(content, NULL), *schema = api_resolve(reading->api, given);
	json_t *data = api_property(reading->api, schema, "data");

	operation->is_raw = content && (!schema || strcmp(api_type(schema), "text") == 0);
	if (operation->is_raw)
		return;
	operation->is_many = data && strcmp(api_type(data), "list") == 0;
	operation->is_list = operation->is_many && api_property(reading->api, schema, "next_cursor");
	if (operation->is_many)
		given = json_object_get(data, "items");
	operation->reply_name = name_of_reference(given);
	operation->reply = api_resolve(reading->api, given);
}

/* --- Resources ---------------------------------------------------------------------------------------------------------- */

static struct api_resource *find_or_add(struct reading *reading, const char *name)
{
	struct api_resource *resources;

	for (size_t i = 0; i < reading->count; i++)
		if (strcmp(reading->resources[i].name, name) == 0)
			return &reading->resources[i];
	resources = talloc_realloc(reading->api, reading->resources, struct api_resource, (unsigned)reading->count + 1);
	if (!resources)
		return NULL;
	reading->resources = resources;
	resources[reading->count] = (struct api_resource){ .name = name, .kind = api_singular(reading->api, name) };
	return &resources[reading->count++];
}

/* The same under two paths, such as /metrics and /api/v1/metrics. */
static bool is_there_already(const struct api_resource *resource, const struct api_operation *operation)
{
	const struct api_operation *other = api_verb(resource, operation->verb);

	return other && other->argument_count == operation->argument_count &&
	       strcmp(other->method, operation->method) == 0 && strcmp(other->summary, operation->summary) == 0;
}

/* Two paths may come to one word: "/x/sync" and "/x/{id}/sync".  The second is told apart by what it takes. */
static const char *free_verb(TALLOC_CTX *mem, const struct api_resource *resource, const char *verb)
{
	const char *free = verb;

	for (int number = 1; free && api_verb(resource, free); number++)
		free = number == 1 ? talloc_asprintf(mem, "%s-one", verb) : talloc_asprintf(mem, "%s-%d", verb, number);
	return free;
}

static int add_operation(struct reading *reading, const char *name, const struct api_operation *operation,
	struct certctl_error *err)
{
	struct api_resource *resource = find_or_add(reading, name);
	struct api_operation *operations;

	if (!resource || !resource->kind)
		return out_of_memory(err);
	if (is_there_already(resource, operation))
		return 0;
	operations = talloc_realloc(reading->api, (struct api_operation *)resource->operations, struct api_operation,
		(unsigned)resource->count + 1);
	if (!operations)
		return out_of_memory(err);
	resource->operations = operations;
	operations[resource->count] = *operation;
	operations[resource->count].verb = free_verb(reading->api, resource, operation->verb);
	resource->count++;
	return 0;
}

static bool is_for_agents(json_t *row)
{
	json_t *security = json_object_get(json_array_get(json_object_get(row, "security"), 0), "agent_certificate");

	return security || json_object_get(row, "servers");
}

static int read_operation(struct reading *reading, const char *path, json_t *item, const char *method,
	struct certctl_error *err)
{
	json_t *row = json_object_get(item, method);
	char *name = api_resource_name(reading->api, path), *upper = talloc_strdup(reading->api, method);
	struct api_operation operation = {
		.path = path, .method = upper, .summary = certctl_json_text_or(row, "summary", "")
	};

	if (!row || !name || is_for_agents(row))
		return 0;
	if (!upper)
		return out_of_memory(err);
	for (char *at = upper; *at; at++)
		*at = (char)toupper((unsigned char)*at);
	read_body(reading, &operation, row);
	read_reply(reading, &operation, row);
	operation.verb = api_verb_name(reading->api, path, upper, operation.is_many,
		strcmp(method, "get") != 0 && json_object_get(item, "get"));
	if (!operation.verb)
		return out_of_memory(err);
	int rc = read_parameters(reading, &operation, json_object_get(item, "parameters"),
		json_object_get(row, "parameters"), err);

	return rc < 0 ? rc : add_operation(reading, name, &operation, err);
}

static int read_paths(struct reading *reading, json_t *paths, struct certctl_error *err)
{
	const char *path;
	json_t *item;

	json_object_foreach(paths, path, item)
	{
		for (size_t i = 0; i < CERTCTL_COUNT(methods); i++)
			if (read_operation(reading, path, item, methods[i], err) < 0)
				return err->code;
	}
	/* The array of resources has stopped moving. */
	for (size_t i = 0; i < reading->count; i++)
		for (size_t j = 0; j < reading->resources[i].count; j++)
			((struct api_operation *)reading->resources[i].operations)[j].resource = &reading->resources[i];
	return 0;
}

static int drop_document(struct api *api)
{
	json_decref(api->document);
	return 0;
}

int api_read(TALLOC_CTX *mem, const char *text, struct api **ret, struct certctl_error *err)
{
	static const struct certctl_json_limits limits = { 16 << 20, 64, 1000000 };
	struct reading reading = { .api = talloc_zero(mem, struct api) };
	struct api *api = reading.api;

	if (!api)
		return out_of_memory(err);
	talloc_set_destructor(api, drop_document);
	int rc = certctl_json_parse(text, strlen(text), &limits, &api->document, err);

	if (rc == 0 && !json_is_object(json_object_get(api->document, "paths")))
		rc = certctl_fail(err, CERTCTL_E_INVALID, "description of the API: no paths in it");
	if (rc == 0)
		rc = read_paths(&reading, json_object_get(api->document, "paths"), err);
	if (rc < 0) {
		talloc_free(api);
		return rc;
	}
	api->resources = reading.resources;
	api->count = reading.count;
	*ret = api;
	return 0;
}
