/* YAML: what is accepted lies within the limits, and reads back the same once it is written. */
#include "fuzz.h"

#include <certctl/yaml.h>
#include <string.h>

static size_t count(const json_t *value, size_t depth)
{
	const char *key;
	json_t *inner;
	size_t nodes = 1, i;

	certctl_assert(depth <= 32);
	json_object_foreach((json_t *)(uintptr_t)value, key, inner) nodes += count(inner, depth + 1);
	json_array_foreach(value, i, inner) nodes += count(inner, depth + 1);
	return nodes;
}

/* Every member of the root can be located, and stands somewhere. */
static void check_places(const struct certctl_yaml *yaml)
{
	const char *key;
	json_t *inner;
	int line, column;

	json_object_foreach(yaml->root, key, inner)
	{
		certctl_yaml_locate(yaml, key, &line, &column);
		certctl_assert(line >= 1 && column >= 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct certctl_json_limits wide = { .max_bytes = 16 << 20 };
	struct certctl_yaml *first = NULL, *second = NULL;
	TALLOC_CTX *mem = talloc_new(NULL);
	struct certctl_error err = { 0 };
	char *text = NULL;
	int rc = certctl_yaml_parse(mem, "x", (const char *)data, size, NULL, &first, &err);

	certctl_assert((rc == 0) == (first != NULL) && (rc == 0 || (err.code == rc && err.what[0])));
	if (rc == 0) {
		certctl_assert(count(first->root, 0) <= 10000);
		check_places(first);
		certctl_assert(certctl_yaml_write(mem, first->root, &text, &err) == 0);
		certctl_assert(certctl_yaml_parse(mem, "y", text, strlen(text), &wide, &second, &err) == 0);
		certctl_assert(json_equal(first->root, second->root));
	}
	talloc_free(mem);
	return 0;
}
