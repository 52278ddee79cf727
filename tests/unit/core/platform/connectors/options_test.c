/* Options of connectors: what may come over the API, where secrets lead to, what a mask stands for. */
#include "core/platform/connectors/options.h"
#include "test.h"

#include <certctl/json.h>
#include <stdio.h>
#include <string.h>

struct header {
	const char *name;
	struct certctl_secret value;
};
struct config {
	const char *url, *file;
	struct certctl_secret password;
	struct certctl_list secrets, headers, networks;
	bool allow_private;
	int64_t timeout_s;
};

static const struct certctl_field header_fields[] = {
	CERTCTL_OPTION(struct header, name, CERTCTL_TEXT, .required = true),
	CERTCTL_OPTION(struct header, value, CERTCTL_SECRET),
	{ 0 },
};
static const struct certctl_field fields[] = {
	CERTCTL_OPTION(struct config, url, CERTCTL_URL, .required = true),
	CERTCTL_OPTION(struct config, file, CERTCTL_PATH),
	CERTCTL_OPTION(struct config, password, CERTCTL_SECRET),
	CERTCTL_OPTION(struct config, secrets, CERTCTL_LIST, .item_type = CERTCTL_SECRET),
	CERTCTL_OPTION(struct config, headers, CERTCTL_LIST, .item_type = CERTCTL_OBJECT, .nested = header_fields,
		.nested_size = sizeof(struct header)),
	{ .name = "allow_networks",
		.type = CERTCTL_LIST,
		.item_type = CERTCTL_TEXT,
		.offset = offsetof(struct config, networks),
		.length = sizeof(struct certctl_list) },
	CERTCTL_OPTION(struct config, allow_private, CERTCTL_BOOLEAN, .fallback = "false"),
	CERTCTL_OPTION(struct config, timeout_s, CERTCTL_INTEGER, .fallback = "15", .min = 1, .max = 60),
	{ 0 },
};

static json_t *parse(const char *text)
{
	struct certctl_error err = { 0 };
	json_t *document = NULL;

	ASSERT_OK(certctl_json_parse(text, strlen(text), NULL, &document, &err), err);
	return document;
}

static const char *text_of(const json_t *document)
{
	return certctl_json_text(test_mem(), document, NULL);
}

/* --- Where secrets lead to ------------------------------------------------------------------------------------------- */

static int resolve(const char *secrets_dir, enum connector_source source, const char *password, const char **ret,
	struct certctl_error *err)
{
	const struct connectors_options settings = { .secrets_dir = secrets_dir };
	CERTCTL_AUTO(json_decref)
	json_t *options = json_pack("{s:s, s:s}", "url", "https://example.com/", "password", password);
	CERTCTL_AUTO(json_decref) json_t *resolved = NULL;
	int rc = connector_options_resolve(&settings, fields, sizeof(struct config), source, options, NULL, NULL,
		&resolved, err);

	if (rc == 0)
		*ret = talloc_strdup(test_mem(), json_string_value(json_object_get(resolved, "password")));
	return rc;
}

static const char *folder_with_secret(void)
{
	const char *folder = test_temporary_dir();
	FILE *file = fopen(talloc_asprintf(test_mem(), "%s/corp", folder), "we");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fputs("from the file\n", file);
	fclose(file);
	return folder;
}

static void secrets_are_followed_as_their_source_may(void)
{
	const char *folder = folder_with_secret(), *value = NULL;
	struct certctl_error err = { 0 };

	ASSERT_OK(resolve(folder, CONNECTOR_API, "plain", &value, &err), err);
	ASSERT_TEXT(value, "plain");
	ASSERT_OK(resolve(folder, CONNECTOR_API, "secret:corp", &value, &err), err);
	ASSERT_TEXT(value, "from the file");
	ASSERT_OK(resolve(NULL, CONNECTOR_FILE, talloc_asprintf(test_mem(), "file:%s/corp", folder), &value, &err),
		err);
	ASSERT_TEXT(value, "from the file");
}

static void what_may_not_be_followed_is_refused(void)
{
	static const char *const texts[] = { "file:/etc/passwd", "credential:x", "secret:", "secret:../corp",
		"secret:.corp", "secret:a/b", "secret:none", "***" };
	const char *folder = folder_with_secret(), *value = NULL;
	struct certctl_error err = { 0 };

	for (size_t i = 0; i < CERTCTL_COUNT(texts); i++)
		ASSERT_FAILS(resolve(folder, CONNECTOR_API, texts[i], &value, &err), CERTCTL_E_INVALID,
			"options.password", err);
	ASSERT_FAILS(resolve(NULL, CONNECTOR_API, "secret:corp", &value, &err), CERTCTL_E_INVALID, "secrets_dir", err);
	CU_ASSERT_PTR_NULL(value);
}

/* --- What is for files ----------------------------------------------------------------------------------------------- */

static void note(void *arg, const char *path, const char *detail)
{
	char **names = arg;

	(void)detail;
	*names = talloc_asprintf_append(*names, "%s ", path);
}

static void only_files_name_paths_and_open_private_networks(void)
{
	static const struct {
		const char *options, *refused;
	} rows[] = {
		{ "{}", "" },
		{ "{\"url\":\"https://example.com/\",\"password\":\"x\"}", "" },
		{ "{\"file\":\"/etc/passwd\"}", "options.file " },
		{ "{\"file\":null,\"allow_private\":false}", "" },
		{ "{\"allow_private\":true}", "options.allow_private " },
		{ "{\"allow_private\":\"no\"}", "options.allow_private " },
		{ "{\"allow_networks\":[\"10.1.0.0/16\",\"10.1.2.0/24\",\"fd00:1::/32\"]}", "" },
		{ "{\"allow_networks\":[\"10.0.0.0/8\",\"10.1.0.0/16\",7,\"10.1.0.0\"]}",
			"options.allow_networks options.allow_networks options.allow_networks " },
	};
	const char *const networks[] = { "10.1.0.0/16", "fd00::/16", NULL };
	const struct connectors_options settings = { .api_networks = networks };

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		CERTCTL_AUTO(json_decref) json_t *options = parse(rows[i].options);
		char *names = talloc_strdup(test_mem(), "");

		connector_options_refuse(&settings, fields, options, note, &names);
		ASSERT_TEXT(names, rows[i].refused);
	}
}

static void a_network_lies_within_another_or_not(void)
{
	static const struct {
		const char *inner, *outer;
		bool is_within;
	} rows[] = {
		{ "10.1.0.0/16", "10.0.0.0/8", true },
		{ "10.0.0.0/8", "10.1.0.0/16", false },
		{ "10.1.2.3/32", "10.1.2.0/23", true },
		{ "10.1.4.3/32", "10.1.2.0/23", false },
		{ "0.0.0.0/0", "0.0.0.0/0", true },
		{ "0.0.0.0/0", "0.0.0.0/1", false },
		{ "fd00::/8", "0.0.0.0/0", false },
		{ "::1/128", "::/0", true },
		{ "fe80::/10", "fe00::/7", true },
		{ "fe80::/10", "fc00::/7", false },
		{ "nonsense", "0.0.0.0/0", false },
		{ "10.0.0.0/33", "0.0.0.0/0", false },
		{ "10.0.0.0/8x", "0.0.0.0/0", false },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		const char *const networks[] = { "192.0.2.0/24", rows[i].outer, NULL };

		CU_ASSERT_EQUAL(connector_network_within(rows[i].inner, networks), rows[i].is_within);
		CU_ASSERT(!connector_network_within(rows[i].inner, NULL));
	}
}

/* --- Masks ----------------------------------------------------------------------------------------------------------- */

static void a_mask_stands_for_what_is_there_unless_the_other_side_changes(void)
{
	static const struct {
		const char *options, *expected;
	} rows[] = {
		{ "{\"url\":\"https://a.example/\",\"password\":\"***\"}",
			"{\"url\":\"https://a.example/\",\"password\":\"old\"}" },
		{ "{\"url\":\"https://b.example/\",\"password\":\"***\"}",
			"{\"url\":\"https://b.example/\",\"password\":\"***\"}" },
		{ "{\"password\":\"new\"}", "{\"password\":\"new\"}" },
		{ "{\"secrets\":[\"***\",\"two\",\"***\"]}", "{\"secrets\":[\"one\",\"two\",\"***\"]}" },
		{ "{\"headers\":[{\"name\":\"x\",\"value\":\"***\"}]}",
			"{\"headers\":[{\"name\":\"x\",\"value\":\"held\"}]}" },
		{ "{\"headers\":[{\"name\":\"***\"}]}", "{\"headers\":[{\"name\":\"X\"}]}" },
		{ "{\"timeout_s\":\"***\"}", "{\"timeout_s\":\"***\"}" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		CERTCTL_AUTO(json_decref) json_t *options = parse(rows[i].options);
		CERTCTL_AUTO(json_decref)
		json_t *old = parse("{\"url\":\"https://a.example/\",\"password\":\"old\",\"secrets\":[\"one\"],"
				    "\"headers\":[{\"name\":\"X\",\"value\":\"held\"}],\"timeout_s\":7}");

		connector_options_unmask(fields, options, old);
		ASSERT_TEXT(text_of(options), rows[i].expected);
	}
}

/* --- Masks on their way to who may know ------------------------------------------------------------------------------ */

static void masks_are_seen_wherever_they_stand(void)
{
	static const struct {
		const char *options;
		bool expected;
	} rows[] = { { "{}", false }, { "{\"a\":\"x\",\"b\":[1,{\"c\":null}]}", false }, { "{\"a\":\"***\"}", true },
		{ "{\"a\":[\"x\",\"***\"]}", true }, { "{\"a\":[{\"b\":{\"c\":\"***\"}}]}", true } };

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		CERTCTL_AUTO(json_decref) json_t *options = parse(rows[i].options);

		CU_ASSERT_EQUAL(connector_options_have_mask(options), rows[i].expected);
	}
}

static void every_text_is_masked_where_nobody_knows_better(void)
{
	CERTCTL_AUTO(json_decref)
	json_t *options = parse("{\"a\":\"x\",\"n\":7,\"l\":[\"y\",true,{\"b\":\"z\"}],\"e\":{},\"none\":null}");
	CERTCTL_AUTO(json_decref) json_t *masked = connector_options_mask_texts(options);

	ASSERT_TEXT(text_of(masked),
		"{\"a\":\"***\",\"n\":7,\"l\":[\"***\",true,{\"b\":\"***\"}],\"e\":{},\"none\":null}");
}

static void secrets_take_the_places_of_masks_and_no_others(void)
{
	const struct connectors_options settings = { .secrets_dir = folder_with_secret() };
	struct certctl_error err = { 0 };
	CERTCTL_AUTO(json_decref)
	json_t *shown = parse("{\"host\":\"h\",\"password\":\"***\",\"file\":\"***\",\"list\":[\"***\",\"plain\"],"
			      "\"deep\":{\"a\":\"***\"}}");
	CERTCTL_AUTO(json_decref)
	json_t *full =
		parse("{\"host\":\"other\",\"password\":\"pass\",\"file\":\"secret:corp\",\"list\":[\"one\",\"x\"],"
		      "\"deep\":{\"a\":\"two\"}}");
	CERTCTL_AUTO(json_decref)
	json_t *lost = parse("{\"file\":\"***\"}"), *gone = parse("{\"file\":\"secret:none\"}");

	ASSERT_OK(connector_options_reveal(&settings, shown, full, &err), err);
	ASSERT_TEXT(text_of(shown), "{\"host\":\"h\",\"password\":\"pass\",\"file\":\"from the file\","
				    "\"list\":[\"one\",\"plain\"],\"deep\":{\"a\":\"two\"}}");
	ASSERT_FAILS(connector_options_reveal(&settings, lost, gone, &err), CERTCTL_E_INVALID, "options.file", err);
}

const struct test tests[] = {
	TEST(secrets_are_followed_as_their_source_may),
	TEST(what_may_not_be_followed_is_refused),
	TEST(only_files_name_paths_and_open_private_networks),
	TEST(a_network_lies_within_another_or_not),
	TEST(a_mask_stands_for_what_is_there_unless_the_other_side_changes),
	TEST(masks_are_seen_wherever_they_stand),
	TEST(every_text_is_masked_where_nobody_knows_better),
	TEST(secrets_take_the_places_of_masks_and_no_others),
	{ 0 },
};
