#include "reading.h"

/* "log.level* http.workers ": reloaded ones with a star. */
static void note(void *arg, const char *path, bool is_reloaded)
{
	char *text = arg;
	size_t len = strlen(text);

	snprintf(text + len, 400 - len, "%s%s ", path, is_reloaded ? "*" : "");
}

static void what_differs_is_told_with_what_it_takes(void)
{
	static const struct {
		const char *before, *after, *expected;
	} rows[] = {
		{ "{}", "{}", "" },
		{ "log: { level: debug }", "log: { level: debug }", "" },
		{ "{}", "log: { level: debug }", "log.level* " },
		{ "{}", "log: { format: json }\nhttp: { workers: 9 }", "http.workers log.format* " },
		{ "{}", "tls: { cert_path: /a, key_path: /b }", "tls.cert_path* tls.key_path* " },
		{ "tls: { cert_path: /a, key_path: /b }", "{}", "tls.cert_path* tls.key_path* " },
		{ "tls: { cert_path: /a, key_path: /b }", "tls: { cert_path: /a, key_path: /c }", "tls.key_path* " },
		{ "{}", "database: { url: a }", "database.url " },
		{ "database: { url: a }", "database: { url: b }", "database.url " },
		{ "database: { url: a }", "database: { url: a }", "" },
		{ "plugins: { dirs: [/a] }", "plugins: { dirs: [/a, /b] }", "plugins.dirs " },
		{ "plugins: { dirs: [/a, /b] }", "plugins: { dirs: [/b, /a] }", "plugins.dirs " },
		{ "plugins: { dirs: [/a, /b] }", "plugins: { dirs: [/a, /b] }", "" },
		{ "{}", "state_dir: /x", "state_dir connectors.directory " },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct test_reading before, after;
		char told[400] = "";

		reading_init(&before);
		reading_init(&after);
		reading_write(&before, "certctld.yaml", rows[i].before);
		reading_write(&after, "certctld.yaml", rows[i].after);
		ASSERT_OK(reading_load(&before), before.err);
		ASSERT_OK(reading_load(&after), after.err);
		settings_compare(settings_of(before.loaded), settings_of(after.loaded), note, told);
		ASSERT_TEXT(told, rows[i].expected);
	}
}

const struct test tests[] = {
	TEST(what_differs_is_told_with_what_it_takes),
	{ 0 },
};
