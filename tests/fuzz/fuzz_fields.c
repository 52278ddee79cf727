/* Field tables: a document that is read survives the way to a plugin's process; a patch that is refused changes nothing;
 * a description that is accepted is a table that every function can use. */
#include "fuzz.h"
#include "tests/unit/sdk/lib/field_fixture.h"

#include <certctl/json.h>
#include <string.h>

static void ignore_problem(void *arg, const char *path, const char *detail)
{
	size_t *problems = arg;

	certctl_assert(path && detail[0]);
	(*problems)++;
}

static void check_document(TALLOC_CTX *mem, const json_t *in)
{
	size_t problems = 0;
	struct certctl_field_reading how = { .path = "x", .problem = ignore_problem, .arg = &problems };
	struct config first = { 0 }, second = { 0 };
	struct certctl_error err = { 0 };
	int rc = certctl_fields_parse(mem, config_fields, ROW_SIZE, in, &how, &first, &err);
	CERTCTL_AUTO(json_decref) json_t *masked = certctl_fields_mask(config_fields, ROW_SIZE, in);

	certctl_assert(masked && (rc < 0) == (problems > 0) && (rc == 0 || err.what[0]));
	if (rc < 0)
		return;
	CERTCTL_AUTO(json_decref)
	json_t *out = certctl_fields_to_json(config_fields, ROW_SIZE, &first, CERTCTL_SHOW_SECRETS);

	certctl_assert(out && certctl_fields_parse(mem, config_fields, ROW_SIZE, out, NULL, &second, &err) == 0);
	CERTCTL_AUTO(json_decref)
	json_t *again = certctl_fields_to_json(config_fields, ROW_SIZE, &second, CERTCTL_SHOW_SECRETS);

	certctl_assert(json_equal(out, again));
}

static void check_patch(TALLOC_CTX *mem, const json_t *in)
{
	CERTCTL_AUTO(json_decref)
	json_t *minimal = json_pack("{s:s, s:{s:s, s:s}}", "name", "corp", "tls", "cert", "/c", "key", "k");
	const struct certctl_field_reading how = { .is_partial = true };
	struct config config = { 0 }, before;
	struct certctl_error err;

	certctl_assert(certctl_fields_parse(mem, config_fields, ROW_SIZE, minimal, NULL, &config, &err) == 0);
	memcpy(&before, &config, sizeof(config));
	if (certctl_fields_parse(mem, config_fields, ROW_SIZE, in, &how, &config, &err) < 0)
		certctl_assert(memcmp(&before, &config, sizeof(config)) == 0);
}

static void check_description(TALLOC_CTX *mem, const json_t *in)
{
	const struct certctl_field *fields = NULL;
	struct certctl_error err;
	struct certctl_buffer out;
	size_t size = 0;

	if (certctl_fields_from_description(mem, in, &fields, &size, &err) < 0)
		return;
	CERTCTL_AUTO(json_decref) json_t *schema = certctl_fields_schema(fields, ROW_SIZE);
	CERTCTL_AUTO(json_decref) json_t *description = certctl_fields_describe(fields, ROW_SIZE);
	CERTCTL_AUTO(json_decref) json_t *empty = json_object();
	void *config = talloc_zero_size(mem, size);

	certctl_assert(schema && description && config);
	certctl_buffer_init(&out, mem, 16 << 20);
	certctl_fields_help(fields, ROW_SIZE, &out);
	certctl_fields_reference(fields, ROW_SIZE, &out);
	certctl_fields_sample(fields, ROW_SIZE, 2, &out);
	certctl_assert(certctl_buffer_finish(&out, &err) == 0);
	if (certctl_fields_parse(mem, fields, ROW_SIZE, empty, NULL, config, &err) < 0)
		return;
	CERTCTL_AUTO(json_decref) json_t *json = certctl_fields_to_json(fields, ROW_SIZE, config, CERTCTL_SHOW_SECRETS);

	certctl_assert(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CERTCTL_AUTO(json_decref) json_t *in = NULL;
	TALLOC_CTX *mem = talloc_new(NULL);
	struct certctl_error err;

	if (certctl_json_parse((const char *)data, size, NULL, &in, &err) == 0) {
		check_document(mem, in);
		check_patch(mem, in);
		check_description(mem, in);
	}
	talloc_free(mem);
	return 0;
}
