/* The operators' routes of all features: those they write themselves, and those that follow from their resources. */
#include "feature.h"

#include <string.h>

static unsigned count_routes(const struct http_route *routes)
{
	unsigned count = 0;

	while (routes && routes[count].path)
		count++;
	return count;
}

/* One table of both. */
static int join(TALLOC_CTX *mem, const struct http_route *first, const struct http_route *second,
	const struct http_route **ret, struct certctl_error *err)
{
	unsigned count = count_routes(first), more = count_routes(second);
	struct http_route *routes = talloc_zero_array(mem, struct http_route, count + more + 1);

	if (!routes)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	memcpy(routes, first, count * sizeof(*routes));
	if (more > 0)
		memcpy(routes + count, second, more * sizeof(*routes));
	*ret = routes;
	return 0;
}

static int routes_of(TALLOC_CTX *mem, const struct feature *feature, const struct resource_services *services,
	const struct http_route **ret, struct certctl_error *err)
{
	const struct http_route *routes = NULL;

	*ret = feature->routes;
	if (!feature->resources)
		return 0;
	int rc = resource_routes(mem, feature->resources, services, &routes, err);

	return rc < 0 ? rc : join(mem, routes, feature->routes, ret, err);
}

int features_routes(TALLOC_CTX *mem, const struct resource_services *services, struct feature_routes **ret,
	struct certctl_error *err)
{
	unsigned count = 0, made = 0;

	while (features[count])
		count++;
	struct feature_routes *tables = talloc_zero_array(mem, struct feature_routes, count + 1);
	int rc = tables ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	for (unsigned i = 0; rc == 0 && i < count; i++) {
		const struct http_route *routes = NULL;

		rc = routes_of(tables, features[i], services, &routes, err);
		if (rc == 0 && routes)
			tables[made++] = (struct feature_routes){ features[i], routes };
	}
	if (rc == 0)
		*ret = tables;
	return rc;
}
