/* Every reader of the toolbox, run again and again with one more allocation allowed: it must fail cleanly until it succeeds. */
#include "field_fixture.h"
#include "test.h"

#include <certctl/json.h>
#include <certctl/log.h>
#include <certctl/name.h>
#include <certctl/yaml.h>
#include <string.h>

#ifndef CERTCTL_SANITIZERS
#include "allocation.h"

static const char document[] =
	"{\"name\":\"corp\",\"url\":\"https://ca.example.com/x\",\"host\":\"[::1]:443\",\"mail\":\"a@b\xc3\xbc.de\",\"token\":\"base64:AP8=\","
	"\"ports\":[1,2],\"probes\":[{\"address\":\"b\"}],\"tls\":{\"cert\":\"/c\",\"key\":\"k\"}}";

static int try_json(TALLOC_CTX *mem, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *value = NULL;
	int rc = certctl_json_parse(document, sizeof(document) - 1, NULL, &value, err);

	return rc == 0 && !certctl_json_text(mem, value, NULL) ? CERTCTL_E_NO_MEMORY : rc;
}

/* Writing only: libfyaml 0.7 itself crashes when its own allocations fail. */
static int try_yaml(TALLOC_CTX *mem, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *value = NULL;
	char *written = NULL;
	int rc = certctl_json_parse(document, sizeof(document) - 1, NULL, &value, err);

	return rc == 0 ? certctl_yaml_write(mem, value, &written, err) : rc;
}

static int try_fields(TALLOC_CTX *mem, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *in = NULL;
	struct config config = { 0 };
	int rc = certctl_json_parse(document, sizeof(document) - 1, NULL, &in, err);

	if (rc == 0)
		rc = certctl_fields_parse(mem, config_fields, ROW_SIZE, in, NULL, &config, err);
	if (rc < 0)
		return rc;
	CERTCTL_AUTO(json_decref)
	json_t *shown = certctl_fields_to_json(config_fields, ROW_SIZE, &config, CERTCTL_SHOW_SECRETS);
	CERTCTL_AUTO(json_decref) json_t *masked = certctl_fields_mask(config_fields, ROW_SIZE, in);

	return shown && masked ? 0 : CERTCTL_E_NO_MEMORY;
}

static int try_tables(TALLOC_CTX *mem, struct certctl_error *err)
{
	const struct certctl_field *fields;
	size_t size;
	CERTCTL_AUTO(json_decref) json_t *schema = certctl_fields_schema(config_fields, ROW_SIZE);
	CERTCTL_AUTO(json_decref) json_t *description = certctl_fields_describe(config_fields, ROW_SIZE);

	if (!schema || !description)
		return CERTCTL_E_NO_MEMORY;
	return certctl_fields_from_description(mem, description, &fields, &size, err);
}

static int try_sample(TALLOC_CTX *mem, struct certctl_error *err)
{
	struct certctl_buffer out;

	certctl_buffer_init(&out, mem, 1 << 20);
	certctl_fields_sample(config_fields, ROW_SIZE, 0, &out);
	certctl_fields_help(config_fields, ROW_SIZE, &out);
	return certctl_buffer_finish(&out, err);
}

static int try_names(TALLOC_CTX *mem, struct certctl_error *err)
{
	static const char *const texts[] = { ("*.b\xc3\xbc"
					      "cher.example"),
		"a@b\xc3\xbc.de", "https://[::1]:8443/x?y", "192.0.2.1" };
	struct certctl_name name;
	struct certctl_url url;
	int rc = certctl_url_parse(mem, texts[2], &url, err);

	for (size_t i = 0; rc == 0 && i < CERTCTL_COUNT(texts); i++)
		rc = certctl_name_guess(mem, texts[i], &name, err);
	return rc;
}

static void every_allocation_may_fail(void)
{
	static const struct {
		const char *name;
		int (*try)(TALLOC_CTX *mem, struct certctl_error *err);
	} rows[] = {
		{ "json", try_json },
		{ "yaml", try_yaml },
		{ "fields", try_fields },
		{ "tables", try_tables },
		{ "sample", try_sample },
		{ "names", try_names },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		int rc = -1;
		int64_t n = 0;

		for (; rc < 0 && n < 100000; n++) {
			TALLOC_CTX *mem = talloc_new(NULL);
			struct certctl_error err;

			allowed = n;
			rc = rows[i].try(mem, &err);
			allowed = INT64_MAX;
			talloc_free(mem);
		}
		CU_ASSERT_EQUAL(rc, 0);
		CU_ASSERT(n > 3); /* it did need memory, so the loop tested something */
	}
}

static void count_record(void *arg, enum certctl_log_level level, const char *record, size_t len)
{
	(void)level;
	CU_ASSERT(len > 0 && record[len - 1] == '\n');
	++*(int *)arg;
}

/* A log without memory says so instead of saying nothing. */
static void a_record_is_written_without_memory(void)
{
	int records = 0;
	const struct certctl_log_options options = { .sink = count_record, .sink_arg = &records };

	certctl_log_setup(&options);
	allowed = 0;
	certctl_log(CERTCTL_LOG_INFO, "job.failed", "what", "x", NULL);
	allowed = INT64_MAX;
	CU_ASSERT_EQUAL(records, 1);
}
#else
static void every_allocation_may_fail(void)
{
	CU_PASS("with sanitizers the allocator is theirs");
}

static void a_record_is_written_without_memory(void)
{
	CU_PASS("with sanitizers the allocator is theirs");
}
#endif

const struct test tests[] = {
	TEST(every_allocation_may_fail),
	TEST(a_record_is_written_without_memory),
	{ 0 },
};
