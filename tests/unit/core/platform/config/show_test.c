#include "reading.h"

#include <certctl/files.h>
#include <certctl/yaml.h>

static const char *text_of(void (*show)(struct certctl_buffer *out))
{
	struct certctl_buffer out;
	struct certctl_error err;

	certctl_buffer_init(&out, test_mem(), 1 << 20);
	show(&out);
	ASSERT_OK(certctl_buffer_finish(&out, &err), err);
	return out.data;
}

static const char *printed(const struct test_reading *reading)
{
	struct certctl_buffer out;
	struct certctl_error err;

	certctl_buffer_init(&out, test_mem(), 1 << 20);
	settings_print(reading->loaded, &out);
	ASSERT_OK(certctl_buffer_finish(&out, &err), err);
	return out.data;
}

static void every_value_is_shown_with_its_origin(void)
{
	static const char *const lines[] = {
		"state_dir: /var/lib/certctl # default\n",
		"http:\n  listen: \"127.0.0.1:1\" # certctld.yaml:3\n",
		"  workers: 3 # conf.d/1.yaml:1\n",
		"  min_version: TLSv1.3 # --set\n",
		"  url: \"***\" # environment CERTCTL_DATABASE_URL\n",
		"  dirs: [\"/a\",\"/b\"] # certctld.yaml:4\n",
		"  lease_seconds: 300 # conf.d/1.yaml:2\n",
		"  level: info # default\n",
	};
	struct test_reading reading;

	reading_init(&reading);
	reading_write(&reading, "certctld.yaml",
		"http:\n  workers: 2\n  listen: \"127.0.0.1:1\"\nplugins: { dirs: [/a, /b] }\n");
	reading_write(&reading, "conf.d/1.yaml", "http: { workers: 3 }\njobs: { lease_seconds: null }\n");
	reading.environment[0] = "CERTCTL_DATABASE_URL=postgresql://u:hunter2@db/certctl";
	reading_set(&reading, "tls.min_version", "1.3");
	ASSERT_OK(reading_load(&reading), reading.err);
	/* Columns and the folder are no part of what is told. */
	char text[8192];
	size_t len = 0;

	for (const char *at = printed(&reading); *at && len + 1 < sizeof(text);) {
		if (strncmp(at, reading.folder, strlen(reading.folder)) == 0)
			at += strlen(reading.folder) + 1;
		else if (*at == ' ' && at[1] == ' ' && len > 0 && text[len - 1] != '\n' && text[len - 1] != ' ')
			at++;
		else if (*at == ' ' && len > 1 && text[len - 1] == ' ' && text[len - 2] != '\n')
			at++;
		else
			text[len++] = *at++;
	}
	text[len] = '\0';
	for (size_t i = 0; i < CERTCTL_COUNT(lines); i++) {
		if (!strstr(text, lines[i]))
			printf("\nmissing: %sin\n%s", lines[i], text);
		CU_ASSERT_PTR_NOT_NULL(strstr(text, lines[i]));
	}
	CU_ASSERT_PTR_NULL(strstr(text, "hunter2"));
}

static void what_is_printed_reads_back(void)
{
	struct test_reading reading, again;

	reading_init(&reading);
	reading_write(&reading, "certctld.yaml",
		"log: { level: debug }\nplugins: { dirs: [\"/a b\", /c] }\nhttp: { workers: 2 }\n");
	ASSERT_OK(reading_load(&reading), reading.err);
	reading_init(&again);
	reading_write(&again, "certctld.yaml", printed(&reading));
	ASSERT_OK(reading_load(&again), again.err);
	CU_ASSERT_EQUAL(settings_of(again.loaded)->http.workers, 2);
	CU_ASSERT_EQUAL(settings_of(again.loaded)->log.level, settings_of(reading.loaded)->log.level);
	CU_ASSERT_EQUAL_FATAL(settings_of(again.loaded)->plugins.dirs.count, 2);
	ASSERT_TEXT(((const char **)settings_of(again.loaded)->plugins.dirs.items)[0], "/a b");
}

static void the_sample_is_the_defaults(void)
{
	struct test_reading reading;

	reading_init(&reading);
	reading_write(&reading, "certctld.yaml", text_of(settings_sample));
	ASSERT_OK(reading_load(&reading), reading.err);
	ASSERT_TEXT(settings_of(reading.loaded)->http.listen, "0.0.0.0:8443");
	ASSERT_TEXT(settings_of(reading.loaded)->state_dir, "/var/lib/certctl");
}

static void help_names_every_setting_and_its_variable(void)
{
	const char *help = text_of(settings_help);

	CU_ASSERT_PTR_NOT_NULL(strstr(help,
		"  http.listen  (text; default 0.0.0.0:8443; environment CERTCTL_HTTP_LISTEN)"));
	CU_ASSERT_PTR_NOT_NULL(strstr(help,
		"  jobs.lease_seconds  (integer, 5..3600; default 300; environment CERTCTL_JOBS_LEASE_SECONDS)"));
	CU_ASSERT_PTR_NOT_NULL(strstr(help, "Reloaded."));
}

/* Write it anew with: certctld --help-config=markdown */
static void the_reference_page_is_what_the_table_says(void)
{
	static const char begin[] = "<!-- certctld --help-config=markdown -->\n", end[] = "<!-- end -->\n";
	char path[400], *page = NULL;
	struct certctl_error err;
	size_t len;

	snprintf(path, sizeof(path), "%s/docs/reference/configuration.md", test_source_dir());
	ASSERT_OK(certctl_file_read_path(test_mem(), path, 1 << 20, &page, &len, &err), err);
	char *table = page ? strstr(page, begin) : NULL, *rest = table ? strstr(table, end) : NULL;

	CU_ASSERT_PTR_NOT_NULL_FATAL(rest);
	*rest = '\0';
	ASSERT_TEXT(table + strlen(begin), text_of(settings_reference));
}

const struct test tests[] = {
	TEST(every_value_is_shown_with_its_origin),
	TEST(what_is_printed_reads_back),
	TEST(the_sample_is_the_defaults),
	TEST(help_names_every_setting_and_its_variable),
	TEST(the_reference_page_is_what_the_table_says),
	{ 0 },
};
