/* What is written for a plugin against what an agent has told of it. */
#include "core/features/deployment/fit.h"
#include "test.h"

#include <certctl/json.h>
#include <string.h>

struct target {
	const char *directory;
	struct certctl_secret password;
};
static const struct certctl_field target_fields[] = {
	CERTCTL_OPTION(struct target, directory, CERTCTL_PATH, .fallback = "/srv", .help = "Where."),
	CERTCTL_OPTION(struct target, password, CERTCTL_SECRET, .help = "Of the store."),
	{ 0 },
};
struct item {
	const char *name;
	struct certctl_secret pin;
};
static const struct certctl_field item_fields[] = {
	CERTCTL_OPTION(struct item, name, CERTCTL_HOST, .required = true, .help = "Which."),
	CERTCTL_OPTION(struct item, pin, CERTCTL_SECRET, .help = "Of the token."),
	{ 0 },
};
static const struct connectors_options settings;

static json_t *parse(const char *text)
{
	struct certctl_error err = { 0 };
	json_t *document = NULL;

	ASSERT_OK(certctl_json_parse(text, strlen(text), NULL, &document, &err), err);
	return document;
}

/* As a heartbeat has them. */
static json_t *told(const char *id, bool has_items)
{
	return json_pack("[{s:s, s:s, s:o, s:o}]", "id", id, "kind", "target", "options",
		certctl_fields_describe(target_fields, sizeof(*target_fields)), "item_options",
		has_items ? certctl_fields_describe(item_fields, sizeof(*item_fields)) : json_null());
}

static struct fit_plugin find(json_t *plugins, const char *type)
{
	struct fit_plugin plugin = { 0 };
	struct certctl_error err = { 0 };

	ASSERT_OK(fit_find_plugin(test_mem(), plugins, type, &plugin, &err), err);
	json_decref(plugins);
	return plugin;
}

static void a_plugin_is_known_missing_or_not_told_of_yet(void)
{
	struct fit_plugin plugin = find(told("store", true), "store");

	CU_ASSERT_PTR_NOT_NULL(plugin.options);
	CU_ASSERT_PTR_NULL(plugin.refusal);
	plugin = find(told("store", true), "nginx");
	ASSERT_TEXT(plugin.refusal, "its agent has no plugin 'nginx' (it has: store)");
	plugin = find(json_array(), "nginx");
	CU_ASSERT_PTR_NULL(plugin.options);
	CU_ASSERT_PTR_NULL(plugin.refusal);
	/* A table that this server does not understand is the agent's to judge. */
	plugin = find(parse("[{\"id\":\"store\",\"kind\":\"target\",\"options\":{\"fields\":7}}]"), "store");
	CU_ASSERT_PTR_NULL(plugin.options);
	CU_ASSERT_PTR_NULL(plugin.refusal);
}

static void options_of_a_target_fit_or_name_the_member(void)
{
	static const struct {
		const char *options, *words;
	} rows[] = {
		{ "{}", NULL },
		{ "{\"directory\":\"/srv/tls\",\"password\":\"p\"}", NULL },
		{ "{\"directory\":7}", "options.directory" },
		{ "{\"nothing\":7}", "options.nothing: unknown member" },
		{ "{\"password\":\"***\"}", "options.password" },
		{ "{\"password\":\"file:/etc/shadow\"}", "options.password" },
	};
	struct fit_plugin plugin = find(told("store", true), "store");

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		CERTCTL_AUTO(json_decref) json_t *options = parse(rows[i].options);
		struct certctl_error err = { 0 };
		int rc = fit_target(&settings, &plugin, options, NULL, NULL, &err);

		if (!rows[i].words)
			ASSERT_OK(rc, err);
		else
			ASSERT_FAILS(rc, CERTCTL_E_INVALID, rows[i].words, err);
	}
}

static void options_of_a_binding_fit_or_name_the_member(void)
{
	static const struct {
		bool has_items;
		const char *options, *words;
	} rows[] = {
		{ true, "{\"name\":\"a.example.com\"}", NULL },
		{ true, "{}", "binding_options.name" },
		{ true, "{\"name\":\"a.example.com\",\"x\":1}", "binding_options.x: unknown member" },
		{ true, "{\"name\":\"a.example.com\",\"pin\":\"1234\"}",
			"secrets belong into the options of the target" },
		{ false, "{}", NULL },
		{ false, "{\"name\":\"a.example.com\"}", "binding_options.name: unknown member" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		CERTCTL_AUTO(json_decref) json_t *options = parse(rows[i].options);
		struct fit_plugin plugin = find(told("store", rows[i].has_items), "store");
		struct certctl_error err = { 0 };
		int rc = fit_binding(test_mem(), &plugin, options, NULL, NULL, &err);

		if (!rows[i].words)
			ASSERT_OK(rc, err);
		else
			ASSERT_FAILS(rc, CERTCTL_E_INVALID, rows[i].words, err);
	}
}

static void secrets_are_masked_and_every_text_while_nobody_says_which_they_are(void)
{
	CERTCTL_AUTO(json_decref) json_t *options = parse("{\"directory\":\"/srv/tls\",\"password\":\"p\"}");
	struct fit_plugin known = find(told("store", true), "store"), unknown = find(json_array(), "store");
	CERTCTL_AUTO(json_decref) json_t *shown = fit_shown(&known, options);
	CERTCTL_AUTO(json_decref) json_t *hidden = fit_shown(&unknown, options);

	ASSERT_TEXT(certctl_json_text(test_mem(), shown, NULL), "{\"directory\":\"/srv/tls\",\"password\":\"***\"}");
	ASSERT_TEXT(certctl_json_text(test_mem(), hidden, NULL), "{\"directory\":\"***\",\"password\":\"***\"}");
}

const struct test tests[] = {
	TEST(a_plugin_is_known_missing_or_not_told_of_yet),
	TEST(options_of_a_target_fit_or_name_the_member),
	TEST(options_of_a_binding_fit_or_name_the_member),
	TEST(secrets_are_masked_and_every_text_while_nobody_says_which_they_are),
	{ 0 },
};
