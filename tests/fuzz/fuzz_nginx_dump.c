/* The output of `nginx -T`, which holds whatever somebody wrote into a configuration. */
#include "fuzz.h"

/* A plugin is no library to link: its reader is compiled in. */
#include <plugins/targets/nginx/dump.c>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	/* A block of its own length: what is read behind it is seen. */
	char *text = talloc_memdup(mem, size ? (const char *)data : "", size + !size);
	const struct certctl_inventory_item *const *items = NULL;
	struct certctl_error err = { 0 };

	if (nginx_dump_read(mem, text, size, &items, &err) == 0) {
		for (; *items; items++) {
			certctl_assert((*items)->certificate_path && (*items)->certificate_path[0] &&
				       (*items)->server_names);
			certctl_assert(strrchr((*items)->source, ':'));
			certctl_assert(!(*items)->key_path || (*items)->key_path[0]);
		}
	} else {
		certctl_assert(err.what[0] && !items);
	}
	talloc_free(mem);
	return 0;
}
