/* Writes the committed descriptions of the API: `certctl-reference openapi|routes`.  Not installed; unit tests compare. */
#include "core/features/system/openapi.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	struct certctl_error err = { 0 };
	struct certctl_buffer out;
	bool is_table = argc == 2 && strcmp(argv[1], "routes") == 0;

	if (!is_table && (argc != 2 || strcmp(argv[1], "openapi") != 0)) {
		fprintf(stderr, "Usage: %s openapi|routes\n", argv[0]);
		return 2;
	}
	certctl_buffer_init(&out, NULL, 4 << 20);
	int rc = is_table ? (openapi_write_table(&out, openapi_source_of_features()), 0) : openapi_write(&out, &err);

	if (rc == 0)
		rc = certctl_buffer_finish(&out, &err);
	if (rc < 0)
		fprintf(stderr, "%s: %s\n", argv[0], err.what);
	else
		fputs(out.data, stdout);
	talloc_free(out.data);
	return rc < 0;
}
