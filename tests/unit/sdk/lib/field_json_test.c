#include "field_fixture.h"
#include "test.h"

#include <certctl/json.h>
#include <string.h>

static const char *text_of(json_t *value)
{
	char *text = certctl_json_text(test_mem(), value, NULL);

	json_decref(value);
	return text;
}

static void read_text(const char *text, struct config *config)
{
	CERTCTL_AUTO(json_decref) json_t *in = json_loads(text, 0, NULL);
	struct certctl_error err;

	memset(config, 0, sizeof(*config));
	CU_ASSERT_PTR_NOT_NULL_FATAL(in);
	ASSERT_OK(certctl_fields_parse(test_mem(), config_fields, ROW_SIZE, in, NULL, config, &err), err);
}

static const char *const documents[] = {
	"{\"name\":\"corp\"}",
	"{\"name\":\"corp\",\"tls\":{\"cert\":\"/c\",\"key\":\"k\"},\"count\":1,\"modes\":[\"fast\"],\"probes\":[{\"address\":\"a\"}]}",
	("{\"name\":\"corp\",\"token\":\"base64:AP8=\",\"secrets\":[\"a\",\"base64:YmFzZTY0Og==\",\"base64:Kioq\"],\"cache\":0,"
	 "\"verify\":false}"),
	"{\"name\":\"corp\",\"since\":\"2026-11-23T14:05:00Z\",\"url\":\"https://a\",\"lifetime\":3601,\"ports\":[1]}",
};

/* What goes to the plugin's process reads back there as the same struct, and so does what it prints. */
static void structs_survive_the_pipe(void)
{
	for (size_t i = 0; i < CERTCTL_COUNT(documents); i++) {
		struct config first, second;

		read_text(documents[i], &first);
		const char *out =
			text_of(certctl_fields_to_json(config_fields, ROW_SIZE, &first, CERTCTL_SHOW_SECRETS));

		read_text(out, &second);
		ASSERT_TEXT(text_of(certctl_fields_to_json(config_fields, ROW_SIZE, &second, CERTCTL_SHOW_SECRETS)),
			out);
		CU_ASSERT(certctl_secret_equal(&first.token, &second.token));
	}
}

static void what_is_printed_is_readable(void)
{
	struct config config;

	read_text(documents[1], &config);
	ASSERT_TEXT(text_of(certctl_fields_to_json(config_fields, ROW_SIZE, &config, CERTCTL_SHOW_MASKED)),
		"{\"name\":\"corp\",\"url\":null,\"webhook\":null,\"host\":\"localhost:8443\",\"path\":\"/var/lib/certctl\","
		"\"mail\":null,\"owner\":null,\"timeout_s\":30,\"count\":1,\"verify\":true,\"lifetime\":\"90d\",\"cache\":\"64KiB\","
		"\"since\":null,\"mode\":\"slow\",\"token\":null,\"ports\":[80,443],\"modes\":[\"fast\"],"
		"\"probes\":[{\"address\":\"a\",\"port\":443}],\"secrets\":[],\"tls\":{\"cert\":\"/c\",\"key\":\"***\",\"version\":13}}");
}

static void masked_output_never_holds_a_secret(void)
{
	struct config config;

	read_text(
		"{\"name\":\"corp\",\"token\":\"hunter2\",\"secrets\":[\"hunter2\"],\"tls\":{\"cert\":\"/c\",\"key\":\"hunter2\"}}",
		&config);
	const char *masked = text_of(certctl_fields_to_json(config_fields, ROW_SIZE, &config, CERTCTL_SHOW_MASKED));

	CU_ASSERT_PTR_NULL(strstr(masked, "hunter2"));
	CU_ASSERT_PTR_NOT_NULL(strstr(masked, "\"token\":\"***\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(masked, "\"secrets\":[\"***\"]"));
}

static void documents_are_masked_as_written(void)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "{\"name\":\"a\",\"token\":\"s\",\"lifetime\":\"90d\"}",
			"{\"name\":\"a\",\"lifetime\":\"90d\",\"token\":\"***\"}" },
		{ "{\"token\":null,\"unknown\":\"s\"}", "{\"token\":null}" },
		{ "{\"token\":123,\"secrets\":[\"s\",5],\"tls\":{\"key\":\"s\",\"x\":\"s\"}}",
			"{\"token\":\"***\",\"secrets\":[\"***\",\"***\"],\"tls\":{\"key\":\"***\"}}" },
		{ "{\"secrets\":\"s\",\"tls\":\"s\",\"probes\":\"p\"}",
			"{\"probes\":\"p\",\"secrets\":\"***\",\"tls\":\"***\"}" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		CERTCTL_AUTO(json_decref) json_t *in = json_loads(rows[i].in, 0, NULL);

		ASSERT_TEXT(text_of(certctl_fields_mask(config_fields, ROW_SIZE, in)), rows[i].out);
	}
}

const struct test tests[] = {
	TEST(structs_survive_the_pipe),
	TEST(what_is_printed_is_readable),
	TEST(masked_output_never_holds_a_secret),
	TEST(documents_are_masked_as_written),
	{ 0 },
};
