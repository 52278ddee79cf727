/* Build tool: `certctl-cli-reference DOCUMENT.yaml markdown|manual` writes the generated part of a manual.  Not installed. */
#include "reference.h"

#include <certctl/json.h>
#include <certctl/yaml.h>
#include <stdio.h>
#include <string.h>

static int write_part(TALLOC_CTX *mem, const char *file, bool is_manual, struct certctl_error *err)
{
	static const struct certctl_json_limits limits = { 16 << 20, 64, 1000000 };
	struct certctl_yaml *yaml = NULL;
	struct certctl_buffer out;
	struct api *api = NULL;
	int rc = certctl_yaml_read_file(mem, file, &limits, &yaml, err);

	if (rc == 0)
		rc = api_read(mem, certctl_json_text(mem, yaml->root, NULL), &api, err);
	if (rc < 0)
		return rc;
	certctl_buffer_init(&out, mem, 4 << 20);
	if (is_manual)
		reference_manual(api, &out);
	else
		reference_markdown(api, &out);
	rc = certctl_buffer_finish(&out, err);
	if (rc == 0)
		fputs(out.data, stdout);
	return rc;
}

int main(int argc, char **argv)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct certctl_error err = { 0 };
	bool is_manual = argc == 3 && strcmp(argv[2], "manual") == 0;
	int rc = argc == 3 && (is_manual || strcmp(argv[2], "markdown") == 0)
			 ? write_part(mem, argv[1], is_manual, &err)
			 : certctl_fail(&err, CERTCTL_E_INVALID, "DOCUMENT.yaml markdown|manual expected");

	if (rc < 0)
		fprintf(stderr, "%s: %s\n", argv[0], err.what);
	talloc_free(mem);
	return rc < 0;
}
