#include "field_fixture.h"
#include "test.h"

#include <certctl/yaml.h>
#include <string.h>

static const char *printed(void (*print)(const struct certctl_field *, size_t, struct certctl_buffer *))
{
	struct certctl_buffer out;
	struct certctl_error err;

	certctl_buffer_init(&out, test_mem(), 1 << 20);
	print(config_fields, ROW_SIZE, &out);
	ASSERT_OK(certctl_buffer_finish(&out, &err), err);
	return out.data;
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		ASSERT_TEXT(text, part);
	else
		CU_PASS("there");
}

static void help_is_a_paragraph_a_field(void)
{
	const char *help = printed(certctl_fields_help);

	assert_has(help, "  name  (text, 2..8 bytes; required)\n        What it is called.\n");
	assert_has(help, "  timeout_s  (integer, 1..600; default 30)\n");
	assert_has(help, "  mode  (slow or fast; default slow)\n");
	assert_has(help, "  webhook  (url, https or http)\n");
	assert_has(help, "  ports  (list of integer, 1..3 items; default 80, 443; environment TEST_PORTS)\n");
	assert_has(help, "  tls.cert  (path; required)\n");
	assert_has(help, "  probes[].port  (integer, 1..65535; default 443)\n");
	CU_ASSERT_PTR_NULL(strstr(help, "cache")); /* advanced */
}

static void help_is_wrapped_at_100_columns(void)
{
	struct certctl_field fields[] = { config_fields[0], { 0 } };
	struct certctl_buffer out;
	char words[600] = "";

	for (size_t i = 0; i < 60; i++)
		strncat(words, "words by ", sizeof(words) - strlen(words) - 1);
	fields[0].help = words;
	certctl_buffer_init(&out, test_mem(), 1 << 20);
	certctl_fields_help(fields, ROW_SIZE, &out);
	size_t lines = 0;

	for (char *rest = out.data, *line; (line = strsep(&rest, "\n"));) {
		CU_ASSERT(strlen(line) <= 100);
		lines++;
	}
	CU_ASSERT(lines >= 7);
}

static void the_reference_is_a_table(void)
{
	const char *reference = printed(certctl_fields_reference);

	assert_has(reference,
		"| Name | Type | Default | Meaning |\n|---|---|---|---|\n| `name` | text, 2..8 bytes | required | ");
	assert_has(reference, "| `cache` | size, 0..1MiB | `64KiB` | How much is kept. |\n");
	assert_has(reference, "The password \\| of the CA. Environment: `TEST_TOKEN`. |\n");
	assert_has(reference, "| `mode` | slow or fast | `slow` | How fast. `slow`: Takes its time. |\n");
}

/* The sample is what an operator starts from: it must read as it stands, once what is required is filled in. */
static void the_sample_reads_back_as_the_defaults(void)
{
	struct config config = { 0 }, defaults = { 0 };
	struct certctl_yaml *yaml = NULL;
	struct certctl_buffer out;
	struct certctl_error err;

	certctl_buffer_init(&out, test_mem(), 1 << 20);
	certctl_buffer_puts(&out, "issuers:\n  corp:\n");
	certctl_fields_sample(config_fields, ROW_SIZE, 4, &out);
	char *blank = strstr(out.data, "name: \"\"");

	CU_ASSERT_PTR_NOT_NULL_FATAL(blank);
	memcpy(blank, "name: ab", 8);
	ASSERT_OK(certctl_yaml_parse(test_mem(), "sample", out.data, out.len, NULL, &yaml, &err), err);
	json_t *corp = json_object_get(json_object_get(yaml->root, "issuers"), "corp");

	ASSERT_OK(certctl_fields_parse(test_mem(), config_fields, ROW_SIZE, corp, NULL, &config, &err), err);
	CERTCTL_AUTO(json_decref) json_t *minimal = json_pack("{s:s}", "name", "ab");

	ASSERT_OK(certctl_fields_parse(test_mem(), config_fields, ROW_SIZE, minimal, NULL, &defaults, &err), err);
	CERTCTL_AUTO(json_decref)
	json_t *a = certctl_fields_to_json(config_fields, ROW_SIZE, &config, CERTCTL_SHOW_MASKED);
	CERTCTL_AUTO(json_decref)
	json_t *b = certctl_fields_to_json(config_fields, ROW_SIZE, &defaults, CERTCTL_SHOW_MASKED);

	CU_ASSERT(json_equal(a, b));
	assert_has(out.data, "    # Request timeout in seconds. (integer, 1..600)\n    timeout_s: 30\n");
	assert_has(out.data, "    # tls:\n      # Certificate. (path; required)\n      # cert: \"\"\n");
}

const struct test tests[] = {
	TEST(help_is_a_paragraph_a_field),
	TEST(help_is_wrapped_at_100_columns),
	TEST(the_reference_is_a_table),
	TEST(the_sample_reads_back_as_the_defaults),
	{ 0 },
};
