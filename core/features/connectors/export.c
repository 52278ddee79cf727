/* The configuration as one text: what it is made of is listed here, in the order in which things refer to each other. */
#include "core/platform/openapi/openapi.h"
#include "instances.h"

#include <certctl/json.h>
#include <string.h>

#define PAGE 200

static const char *const kinds[] = { "team", "owner", "agent_group", "profile", "notifier", "policy", "issuer",
	"target" };

struct exporting {
	bool is_json;
	size_t kind;
	const char *after; /* NULL: the kind begins */
	bool has_begun;
};

const struct certctl_choice connectors_export_formats[] = {
	{ "yaml", 1, "documents with --- between them" },
	{ "json", 2, "a list of them" },
	{ 0 },
};

/* Every resource is some feature's. */
static const struct resource *find_resource(const char *kind)
{
	for (size_t i = 0; features[i]; i++)
		for (const struct resource *const *row = features[i]->resources; row && *row; row++)
			if (strcmp((*row)->kind, kind) == 0)
				return *row;
	return NULL;
}

static int write_documents(struct exporting *exporting, TALLOC_CTX *mem, struct certctl_buffer *out,
	const json_t *documents, struct certctl_error *err)
{
	size_t i;
	json_t *document;

	json_array_foreach((json_t *)(uintptr_t)documents, i, document)
	{
		if (!exporting->is_json) {
			certctl_buffer_puts(out, "---\n");
			openapi_write_yaml(out, document);
			continue;
		}
		char *text = certctl_json_text(mem, document, NULL);

		if (!text)
			return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
		certctl_buffer_puts(out, exporting->has_begun ? ",\n" : "[\n");
		certctl_buffer_puts(out, text);
		exporting->has_begun = true;
		talloc_free(text);
	}
	return 0;
}

static int more(struct http_request *request, void *arg, struct certctl_buffer *out, bool *ret_is_done,
	struct certctl_error *err)
{
	struct exporting *exporting = arg;
	CERTCTL_AUTO(json_decref) json_t *documents = json_array();
	const struct resource *resource = find_resource(kinds[exporting->kind]);
	const char *last = NULL;
	int rc = 0;

	if (resource && request->permissions & resource->read)
		rc = resource_export(request, &core_of(request)->resources, resource, exporting->after, PAGE, documents,
			&last, err);
	if (rc == 0)
		rc = write_documents(exporting, request, out, documents, err);
	exporting->after = last;
	exporting->kind += !last;
	*ret_is_done = exporting->kind == CERTCTL_COUNT(kinds);
	if (*ret_is_done && exporting->is_json)
		certctl_buffer_puts(out, exporting->has_begun ? "\n]\n" : "[]\n");
	return rc;
}

int connectors_export(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	const char *format = http_query(request, "format");
	struct exporting *exporting = talloc_zero(request, struct exporting);

	if (!exporting)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	exporting->is_json = format && strcmp(format, "json") == 0;
	if (format && !exporting->is_json && strcmp(format, "yaml") != 0)
		return certctl_fail(err, CERTCTL_E_INVALID, "format: one of yaml, json expected, got '%s'", format);
	return http_reply_stream(reply, exporting->is_json ? "application/json" : "application/yaml", more, exporting);
}
