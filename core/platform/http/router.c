/* The router: paths compared part by part; {name} takes one part.  Knows nothing of permissions but that one must be there. */
#include "router.h"

#include <string.h>

struct http_router {
	const struct http_route **routes;
	unsigned count;
};

static bool is_variable(const char *part, size_t len)
{
	return len > 2 && part[0] == '{' && part[len - 1] == '}';
}

/* Equal as patterns: two of them would match the same requests. */
static bool same_pattern(const char *a, const char *b)
{
	for (;;) {
		size_t a_len = strcspn(a, "/"), b_len = strcspn(b, "/");

		if (!(is_variable(a, a_len) && is_variable(b, b_len)) && (a_len != b_len || strncmp(a, b, a_len) != 0))
			return false;
		a += a_len;
		b += b_len;
		if (!*a || !*b)
			return *a == *b;
		a++, b++;
	}
}

static int add(struct http_router *router, const struct http_route *route, struct certctl_error *err)
{
	if (route->permission == 0 || !route->method || route->path[0] != '/')
		return certctl_fail(err, CERTCTL_E_INVALID, "route %s: method, path and permission are needed",
			route->path);
	for (size_t i = 0; i < router->count; i++)
		if (strcmp(router->routes[i]->method, route->method) == 0 &&
			same_pattern(router->routes[i]->path, route->path))
			return certctl_fail(err, CERTCTL_E_INVALID, "route %s %s is there twice", route->method,
				route->path);
	const struct http_route **routes =
		talloc_realloc(router, router->routes, const struct http_route *, router->count + 1);

	if (!routes)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	routes[router->count++] = route;
	router->routes = routes;
	return 0;
}

int router_new(TALLOC_CTX *mem, const struct http_route *const *tables, struct http_router **ret,
	struct certctl_error *err)
{
	struct http_router *router = talloc_zero(mem, struct http_router);
	int rc = router ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	for (size_t i = 0; rc == 0 && tables[i]; i++)
		for (const struct http_route *route = tables[i]; rc == 0 && route->path; route++)
			rc = add(router, route, err);
	if (rc < 0) {
		talloc_free(router);
		return rc;
	}
	*ret = router;
	return 0;
}

static bool has_method(const char *allow, const char *method)
{
	size_t len = strlen(method);

	for (; allow; allow = strchr(allow, ',')) {
		allow += strspn(allow, ", ");
		if (strncmp(allow, method, len) == 0 && (allow[len] == ',' || !allow[len]))
			return true;
	}
	return false;
}

/* What RFC 9110 has for every resource: HEAD where GET is, OPTIONS. */
static char *add_general_methods(char *allow)
{
	return talloc_asprintf_append(allow, "%s, OPTIONS", has_method(allow, "GET") ? ", HEAD" : "");
}

/* Does the path fit the pattern?  Its variable parts go into request->path_values. */
static bool match(const char *pattern, const char *path, struct http_request *request)
{
	request->path_value_count = 0;
	for (;;) {
		size_t pattern_len = strcspn(pattern, "/"), len = strcspn(path, "/");

		if (is_variable(pattern, pattern_len)) {
			if (len == 0 || request->path_value_count == CERTCTL_COUNT(request->path_values))
				return false;
			request->path_values[request->path_value_count++] =
				(struct http_pair){ talloc_strndup(request, pattern + 1, pattern_len - 2),
					talloc_strndup(request, path, len) };
		} else if (pattern_len != len || strncmp(pattern, path, len) != 0) {
			return false;
		}
		pattern += pattern_len;
		path += len;
		if (!*pattern || !*path)
			return *pattern == *path;
		pattern++, path++;
	}
}

int router_find(const struct http_router *router, struct http_request *request, const char **ret_allow,
	struct certctl_error *err)
{
	char *allow = NULL;

	for (size_t i = 0; i < router->count; i++) {
		const struct http_route *route = router->routes[i];

		if (!match(route->path, request->path, request))
			continue;
		if (strcmp(route->method, request->method) == 0) {
			request->route = route;
			return 0;
		}
		/* Two patterns may fit: /things/export and /things/{id}. */
		if (has_method(allow, route->method))
			continue;
		allow = allow ? talloc_asprintf_append(allow, ", %s", route->method)
			      : talloc_strdup(request, route->method);
	}
	*ret_allow = allow ? add_general_methods(allow) : NULL;
	return allow ? certctl_fail(err, CERTCTL_E_UNSUPPORTED, "%s is not allowed here", request->method)
		     : certctl_fail(err, CERTCTL_E_NOT_FOUND, "there is nothing at this path");
}
