/* From a declaration to routes.  Knows no feature; what a route does is in list.c, one.c and change.c. */
#include "engine.h"

#include <string.h>

/* One row a verb: to add one, its bit in declare.h. */
static const struct {
	uint32_t verb;
	const char *method, *below, *summary; /* %s: its title, with its article */
	bool is_list, is_write, takes, gives;
	unsigned status;
	http_handler_fn *run;
} verbs[] = {
	{ RESOURCE_LIST, "GET", "", "List %s", true, false, false, true, 200, resource_handle_list },
	{ RESOURCE_CREATE, "POST", "", "Create %s", false, true, true, true, 201, resource_handle_create },
	{ RESOURCE_GET, "GET", "/{id}", "Get %s", false, false, false, true, 200, resource_handle_get },
	{ RESOURCE_REPLACE, "PUT", "/{id}", "Replace %s; what is absent gets its default", false, true, true, true, 200,
		resource_handle_replace },
	{ RESOURCE_PATCH, "PATCH", "/{id}", "Change some members of %s", false, true, true, true, 200,
		resource_handle_patch },
	{ RESOURCE_DELETE, "DELETE", "/{id}", "Delete %s", false, true, false, false, 204, resource_handle_delete },
};

const struct resource_bound *resource_bound_of(const struct http_request *request)
{
	certctl_assert(request->route->of);
	return request->route->of;
}

static const char *summary(struct resource_bound *bound, size_t verb)
{
	const char *article = strchr("aeiou", bound->title[0]) ? "an" : "a";
	char *subject = verbs[verb].is_list ? talloc_strdup(bound, bound->titles)
					    : talloc_asprintf(bound, "%s %s", article, bound->title);
	const char *format = verbs[verb].summary, *at = strstr(format, "%s");

	return talloc_asprintf(bound, "%.*s%s%s", (int)(at - format), format, subject, at + 2);
}

static void make_route(struct resource_bound *bound, size_t verb, struct http_route *ret)
{
	const struct resource *resource = bound->resource;

	*ret = (struct http_route){ .method = verbs[verb].method,
		.path = talloc_asprintf(bound, "%s%s", resource->path, verbs[verb].below),
		.permission = verbs[verb].is_write ? resource->write : resource->read,
		.run = verbs[verb].run,
		.flags = verbs[verb].takes && resource->has_secrets ? HTTP_SECRET_BODY : 0,
		.summary = summary(bound, verb),
		.takes = verbs[verb].takes ? &bound->body : NULL,
		.gives = verbs[verb].gives ? &bound->body : NULL,
		.is_list = verbs[verb].is_list,
		.parameters = verbs[verb].is_list ? bound->parameters : NULL,
		.status = verbs[verb].status,
		.of = bound };
}

int resource_routes(TALLOC_CTX *mem, const struct resource *const *resources, const struct resource_services *services,
	const struct http_route **ret, struct certctl_error *err)
{
	struct http_route *routes = NULL;
	unsigned count = 0, made = 0;

	while (resources[count])
		count++;
	routes = talloc_zero_array(mem, struct http_route, count * (unsigned)CERTCTL_COUNT(verbs) + 1);
	if (!routes)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	for (unsigned i = 0; i < count; i++) {
		struct resource_bound *bound = NULL;
		int rc = resource_bind(routes, resources[i], services, &bound, err);

		if (rc < 0)
			return rc;
		for (size_t verb = 0; verb < CERTCTL_COUNT(verbs); verb++)
			if (resources[i]->verbs & verbs[verb].verb)
				make_route(bound, verb, &routes[made++]);
	}
	*ret = routes;
	return 0;
}
