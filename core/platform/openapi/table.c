/* Routes as a table for people, and who may call them in words.  Knows nothing of OpenAPI. */
#include "parts.h"

#include <string.h>

const char *openapi_callers(TALLOC_CTX *mem, const struct openapi_source *source, const struct http_route *route)
{
	if (route->permission & HTTP_PERMISSION_PUBLIC)
		return "For everyone.";
	if (route->permission & HTTP_PERMISSION_AGENT)
		return "For the agent of this id.";
	return talloc_asprintf(mem, "For the roles %s.", source->callers(mem, route->permission));
}

bool openapi_is_repeated(const struct openapi_source *source, size_t section)
{
	for (size_t i = 0; i < section; i++)
		if (source->sections[i].routes == source->sections[section].routes)
			return true;
	return false;
}

static void write_row(struct certctl_buffer *out, const struct openapi_source *source, const struct http_route *route)
{
	TALLOC_CTX *mem = talloc_new(NULL);

	certctl_buffer_printf(out, "| `%s %s` | %s | %s |\n", route->method, route->path, route->summary,
		openapi_callers(mem, source, route));
	talloc_free(mem);
}

void openapi_write_table(struct certctl_buffer *out, const struct openapi_source *source)
{
	const char *before = "";

	for (size_t i = 0; i < source->section_count; i++) {
		const struct openapi_section *section = &source->sections[i];

		if (openapi_is_repeated(source, i))
			continue;
		certctl_buffer_printf(out, "%s### %s%s\n\n%s\n\n| request | | |\n|---|---|---|\n", before,
			section->name, section->door == OPENAPI_AGENTS ? ", on the agents' listener" : "",
			section->about);
		for (const struct http_route *route = section->routes; route->path; route++)
			write_row(out, source, route);
		before = "\n";
	}
}
