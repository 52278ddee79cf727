#include "reading.h"

#include <certctl/log.h>

/* --- Precedence ------------------------------------------------------------------------------------------------------ */

static void later_places_win(void)
{
	static const struct {
		const char *file, *drop_in, *environment, *flag;
		int64_t expected;
	} rows[] = {
		{ NULL, NULL, NULL, NULL, 8 }, { "1", NULL, NULL, NULL, 1 }, { NULL, "2", NULL, NULL, 2 },
		{ "1", "2", NULL, NULL, 2 }, { NULL, NULL, "3", NULL, 3 }, { "1", NULL, "3", NULL, 3 },
		{ "1", "2", "3", NULL, 3 }, { NULL, NULL, NULL, "4", 4 }, { "1", NULL, NULL, "4", 4 },
		{ "1", "2", NULL, "4", 4 }, { "1", "2", "3", "4", 4 }, { NULL, NULL, "3", "4", 4 },
		{ "1", "null", NULL, NULL, 8 },                            /* puts the default back */
		{ "null", "2", NULL, NULL, 2 }, { "1", "2", "", NULL, 2 }, /* an empty variable is none */
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct test_reading reading;
		char text[64], variable[64];

		reading_init(&reading);
		if (rows[i].file) {
			snprintf(text, sizeof(text), "http: { workers: %s }\n", rows[i].file);
			reading_write(&reading, "certctld.yaml", text);
		}
		if (rows[i].drop_in) {
			snprintf(text, sizeof(text), "http: { workers: %s }\n", rows[i].drop_in);
			reading_write(&reading, "conf.d/10.yaml", text);
		}
		if (rows[i].environment) {
			snprintf(variable, sizeof(variable), "CERTCTL_HTTP_WORKERS=%s", rows[i].environment);
			reading.environment[0] = variable;
		}
		if (rows[i].flag)
			reading_set(&reading, "http.workers", rows[i].flag);
		ASSERT_OK(reading_load(&reading), reading.err);
		CU_ASSERT_EQUAL(settings_of(reading.loaded)->http.workers, rows[i].expected);
	}
}

static void defaults_are_complete(void)
{
	struct test_reading reading;

	reading_init(&reading);
	ASSERT_OK(reading_load(&reading), reading.err);
	const struct settings *settings = settings_of(reading.loaded);

	ASSERT_TEXT(settings->state_dir, "/var/lib/certctl");
	ASSERT_TEXT(settings->http.listen, "0.0.0.0:8443");
	ASSERT_TEXT(settings->connectors.directory, "/var/lib/certctl/connectors.d");
	CU_ASSERT_PTR_NULL(settings->database.url.data);
	CU_ASSERT_PTR_NOT_NULL(settings->plugins.host_program);
	CU_ASSERT_EQUAL(settings->plugins.dirs.count, 1);
	CU_ASSERT_EQUAL(settings->log.level, CERTCTL_LOG_INFO);
}

static void built_in_values_are_below_everything(void)
{
	static const struct settings_value built_in[] = { { "certctld dev", "http.listen", "127.0.0.1:1" },
		{ "certctld dev", "http.agents_listen", "127.0.0.1:2" } };
	static const char *const environment[] = { "CERTCTL_HTTP_LISTEN=127.0.0.1:3", NULL };
	struct settings_source source = {
		.built_in = built_in, .built_in_count = CERTCTL_COUNT(built_in), .environment = environment
	};
	struct settings_loaded *loaded = NULL;
	struct certctl_error err;

	ASSERT_OK(settings_load(test_mem(), &source, &loaded, &err), err);
	ASSERT_TEXT(settings_of(loaded)->http.listen, "127.0.0.1:3");
	ASSERT_TEXT(settings_of(loaded)->http.agents_listen, "127.0.0.1:2");
}

static void drop_ins_are_read_in_the_order_of_their_names(void)
{
	struct test_reading reading;

	reading_init(&reading);
	reading_write(&reading, "certctld.yaml",
		"http: { workers: 1, listen: \"127.0.0.1:1\" }\nplugins: { dirs: [/a, /b] }\n");
	reading_write(&reading, "conf.d/b.yaml", "http: { workers: 3 }\nlog: { level: debug }\n");
	reading_write(&reading, "conf.d/a.yaml", "http: { workers: 2 }\nplugins: { dirs: [/c] }\n");
	reading_write(&reading, "conf.d/c.yaml", "# nothing\n");
	/* None of these is a drop-in. */
	reading_write(&reading, "conf.d/z.yaml~", "http: { workers: 9 }\n");
	reading_write(&reading, "conf.d/.z.yaml", "http: { workers: 9 }\n");
	reading_write(&reading, "conf.d/z.yml", "http: { workers: 9 }\n");
	ASSERT_OK(reading_load(&reading), reading.err);
	const struct settings *settings = settings_of(reading.loaded);

	CU_ASSERT_EQUAL(settings->http.workers, 3);
	ASSERT_TEXT(settings->http.listen, "127.0.0.1:1");
	CU_ASSERT_EQUAL(settings->log.level, CERTCTL_LOG_DEBUG);
	CU_ASSERT_EQUAL_FATAL(settings->plugins.dirs.count, 1);
	ASSERT_TEXT(((const char **)settings->plugins.dirs.items)[0], "/c");
}

static void a_null_section_puts_its_defaults_back(void)
{
	struct test_reading reading;

	reading_init(&reading);
	reading_write(&reading, "certctld.yaml", "jobs: { workers: 1, lease_seconds: 60 }\nlog: { level: debug }\n");
	reading_write(&reading, "conf.d/1.yaml", "jobs:\n");
	ASSERT_OK(reading_load(&reading), reading.err);
	CU_ASSERT_EQUAL(settings_of(reading.loaded)->jobs.workers, 4);
	CU_ASSERT_EQUAL(settings_of(reading.loaded)->jobs.lease_seconds, 300);
	CU_ASSERT_EQUAL(settings_of(reading.loaded)->log.level, CERTCTL_LOG_DEBUG);
}

static void texts_of_the_environment_mean_what_their_row_says(void)
{
	struct test_reading reading;

	reading_init(&reading);
	reading.environment[0] = "CERTCTL_PLUGINS_DIRS=/a, /b";
	reading.environment[1] = "CERTCTL_STATE_DIR=/srv/certctl";
	reading.environment[2] = "CERTCTL_TLS_MIN_VERSION=1.3";
	reading.environment[3] = "CERTCTL_SOMETHING_ELSE=x";
	ASSERT_OK(reading_load(&reading), reading.err);
	const struct settings *settings = settings_of(reading.loaded);

	CU_ASSERT_EQUAL_FATAL(settings->plugins.dirs.count, 2);
	ASSERT_TEXT(((const char **)settings->plugins.dirs.items)[1], "/b");
	ASSERT_TEXT(settings->connectors.directory, "/srv/certctl/connectors.d");
	CU_ASSERT_EQUAL(settings->tls.min_version, SETTINGS_TLS_1_3);
}

static void a_missing_file_is_empty_unless_it_was_asked_for(void)
{
	struct test_reading reading;
	struct settings_source source = { .file = reading.file, .is_file_required = true };

	reading_init(&reading);
	ASSERT_OK(reading_load(&reading), reading.err);
	ASSERT_FAILS(settings_load(test_mem(), &source, &reading.loaded, &reading.err), CERTCTL_E_NOT_FOUND,
		"certctld.yaml", reading.err);
}

/* --- Bad input ------------------------------------------------------------------------------------------------------- */

static void every_bad_document_is_refused_with_its_place(void)
{
	static const struct {
		const char *text, *problem;
	} rows[] = {
		/* shape */
		{ "[1, 2]\n", "certctld.yaml:1:1: object expected" },
		{ "text\n", "certctld.yaml:1:1: object expected" },
		{ "log: debug\n", "certctld.yaml:1:1: log: object expected, got text" },
		{ "log: [debug]\n", "certctld.yaml:1:1: log: object expected, got a list" },
		{ "a: 1\n---\nb: 2\n", "certctld.yaml:2:1: a second document" },
		{ "log: { level: debug\n", "certctld.yaml:" },
		{ "log:\n\tlevel: debug\n", "certctld.yaml:2:" },
		/* names */
		{ "http:\n  lisen: \"[::]:1\"\n", "certctld.yaml:2:3: http.lisen: unknown member, nearest: listen" },
		{ "htttp: {}\n", "certctld.yaml:1:1: htttp: unknown member, nearest: http" },
		{ "HTTP: {}\n", "certctld.yaml:1:1: HTTP: unknown member" },
		{ "l\xd0\xbeg: {}\n", "certctld.yaml:1:1: l\xd0\xbeg: unknown member" }, /* a Cyrillic o */
		{ "\"\": 1\n", "certctld.yaml:1:1: " },
		{ "log: { level: info, level: debug }\n", "certctld.yaml:1:21: " },
		{ "log: { level: info }\nlog: { level: info }\n", "certctld.yaml:2:1: " },
		{ "1: 2\n", "certctld.yaml:1:1: " },
		/* types */
		{ "http: { workers: many }\n", "certctld.yaml:1:9: http.workers: an integer expected, got \"many\"" },
		{ "http: { workers: \"8\" }\n", "certctld.yaml:1:9: http.workers: an integer expected, got \"8\"" },
		{ "http: { workers: 8.5 }\n",
			"certctld.yaml:1:9: http.workers: an integer expected, got a number with" },
		{ "http: { workers: [8] }\n", "certctld.yaml:1:9: http.workers: an integer expected, got a list" },
		{ "http: { workers: true }\n", "certctld.yaml:1:9: http.workers: an integer expected, got true" },
		{ "http: { workers: .nan }\n", "certctld.yaml:1:18: " },
		{ "http: { workers: .inf }\n", "certctld.yaml:1:18: " },
		{ "http: { listen: 8443 }\n", "certctld.yaml:1:9: http.listen: text expected, got an integer" },
		{ "plugins: { dirs: /a }\n", "certctld.yaml:1:12: plugins.dirs: list expected, got text" },
		{ "plugins: { dirs: [/a, 1] }\n", "certctld.yaml:1:23: plugins.dirs[1]: an absolute path expected" },
		{ "tls: { min_version: 1.2 }\n", "certctld.yaml:1:8: tls.min_version: " },
		{ "database: { url: 5 }\n", "certctld.yaml:1:13: database.url: text expected, got an integer" },
		/* bounds */
		{ "http: { workers: 0 }\n", "certctld.yaml:1:9: http.workers: 1..256 expected, got 0" },
		{ "http: { workers: -1 }\n", "certctld.yaml:1:9: http.workers: 1..256 expected, got -1" },
		{ "http: { workers: 257 }\n", "certctld.yaml:1:9: http.workers: 1..256 expected, got 257" },
		{ "http: { workers: 9223372036854775807 }\n", "certctld.yaml:1:9: http.workers: 1..256 expected" },
		{ "http: { workers: 99999999999999999999 }\n", "certctld.yaml:1:18: integer beyond 64 bits" },
		{ "log: { level: verbose }\n", "certctld.yaml:1:8: log.level: error, warning" },
		{ "log: { level: \"\" }\n", "certctld.yaml:1:8: log.level: error, warning" },
		{ "auth: { type: none }\n", "certctld.yaml:1:9: auth.type: api-key expected, got \"none\"" },
		{ "api: { key: short }\n", "certctld.yaml:1:8: api.key: 32..128 bytes expected, got 5" },
		/* texts */
		{ "state_dir: \"\"\n", "certctld.yaml:1:1: state_dir: " },
		{ "state_dir: certctl\n", "certctld.yaml:1:1: state_dir: " },
		{ "state_dir: /var/../etc\n", "certctld.yaml:1:1: state_dir: " },
		{ "state_dir: \"/a\\0b\"\n", "certctld.yaml:1:12: " },
		{ "http: { listen: \"127.0.0.1:1\\r\\nX: y\" }\n",
			"certctld.yaml:1:9: http.listen: control character" },
		{ "http: { listen: \"a\\u202Eb\" }\n", "certctld.yaml:1:9: http.listen: control character U+202E" },
		{ "state_dir: \xff\xfe\n", "certctld.yaml:1:12: not UTF-8" },
		{ "database: { url: \"***\" }\n", "certctld.yaml:1:13: database.url: the mask *** is no value" },
		/* what YAML could do */
		{ "a: &a [*a]\n", "certctld.yaml:1:" },
		{ "state_dir: !!str /a\n", "certctld.yaml:1:" },
		{ "state_dir: *nobody\n", "certctld.yaml:1:" },
		/* what no row can say alone */
		{ "http: { listen: localhost:8443 }\n",
			"certctld.yaml:1:9: http.listen: localhost:8443: an IP address" },
		{ "http: { listen: 127.0.0.1 }\n", "certctld.yaml:1:9: http.listen: 127.0.0.1: an IP address" },
		{ "http: { agents_listen: \"127.0.0.1:70000\" }\n", "certctld.yaml:1:9: http.agents_listen: " },
		{ "tls: { cert_path: /a }\n", "certctld.yaml:1:8: tls.cert_path: needs tls.key_path as well" },
		{ "tls: { key_path: /a }\n", "certctld.yaml:1:8: tls.key_path: needs tls.cert_path as well" },
		{ "ca: { cert_path: /a }\n", "certctld.yaml:1:7: ca.cert_path: needs ca.key_path as well" },
		{ "tls: { priority: \"NORMAL:+NOTHING\" }\n",
			"certctld.yaml:1:8: tls.priority: no GnuTLS priority string" },
		{ "database: { migration_url: x }\n",
			"certctld.yaml:1:13: database.migration_url: needs database.url" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct test_reading reading;

		reading_init(&reading);
		reading_write(&reading, "certctld.yaml", rows[i].text);
		int rc = reading_load(&reading);

		if (rc == 0 || strncmp(reading.problems, rows[i].problem, strlen(rows[i].problem)) != 0)
			printf("\nrow %zu: %d %s", i, rc, reading.problems);
		CU_ASSERT(rc < 0);
		CU_ASSERT_EQUAL(strncmp(reading.problems, rows[i].problem, strlen(rows[i].problem)), 0);
		CU_ASSERT_PTR_NULL(reading.loaded);
	}
}

static void what_is_too_much_is_refused(void)
{
	struct test_reading reading;
	size_t size = 2 << 20, depth = 200;
	char *text = talloc_size(test_mem(), size);

	reading_init(&reading);
	memset(text, '#', size);
	reading_write_bytes(&reading, "certctld.yaml", text, size);
	ASSERT_FAILS(reading_load(&reading), CERTCTL_E_LIMIT, NULL, reading.err);
	reading_init(&reading);
	memset(text, '[', depth);
	memset(text + depth, ']', depth);
	reading_write_bytes(&reading, "certctld.yaml", text, 2 * depth);
	CU_ASSERT(reading_load(&reading) < 0);
	reading_init(&reading);
	memcpy(text, "state_dir: /", 12);
	memset(text + 12, 'x', 8000);
	reading_write_bytes(&reading, "certctld.yaml", text, 8012);
	CU_ASSERT(reading_load(&reading) < 0);
	reading_init(&reading);
	reading_write_bytes(&reading, "certctld.yaml", "a: \0\n", 5);
	CU_ASSERT(reading_load(&reading) < 0);
}

static void all_problems_of_all_places_are_told(void)
{
	struct test_reading reading;

	reading_init(&reading);
	reading_write(&reading, "certctld.yaml", "http:\n  workers: 0\n  lisen: x\nlog:\n  level: loud\n");
	reading_write(&reading, "conf.d/1.yaml", "http: { workers: 4 }\njobs: { lease_seconds: 1 }\n");
	reading_write(&reading, "conf.d/2.yaml", "{ not: [yaml\n");
	reading_write(&reading, "conf.d/3.yaml", "log: { format: xml }\n");
	reading.environment[0] = "CERTCTL_JOBS_WORKERS=none";
	reading_set(&reading, "log.levle", "debug");
	reading_set(&reading, "http.workers", "x");
	CU_ASSERT_EQUAL(reading_load(&reading), CERTCTL_E_INVALID);
	/* A file that cannot be read is told first; what a drop-in hides is told, too. */
	static const char *const lines[] = { "conf.d/2.yaml:", "certctld.yaml:3:3: http.lisen: unknown member",
		"certctld.yaml:2:3: http.workers: 1..256 expected, got 0",
		"certctld.yaml:5:3: log.level: error, warning",
		"conf.d/1.yaml:2:9: jobs.lease_seconds: 5..3600 expected, got 1",
		"conf.d/3.yaml:1:8: log.format: logfmt",
		"CERTCTL_JOBS_WORKERS: jobs.workers: an integer expected, got \"none\"",
		"--set: log.levle: unknown member, nearest: level",
		"--set: http.workers: an integer expected, got \"x\"" };

	CU_ASSERT_EQUAL(reading.problem_count, CERTCTL_COUNT(lines));
	for (size_t i = 0; i < CERTCTL_COUNT(lines); i++) {
		if (!strstr(reading.problems, lines[i]))
			printf("\nmissing: %s in\n%s", lines[i], reading.problems);
		CU_ASSERT_PTR_NOT_NULL(strstr(reading.problems, lines[i]));
	}
}

static void names_of_the_command_line_may_be_anything(void)
{
	static const struct {
		const char *path, *text, *problem;
	} rows[] = {
		{ "", "x", "--set: name of a setting" },
		{ ".", "x", "--set: name of a setting" },
		{ "http", "x", "--set: http: object expected, got text" },
		{ "http.", "x", "--set: name of a setting" },
		{ "http..listen", "x", "--set: name of a setting" },
		{ "http.listen.port", "1", "--set: http.listen: text expected, got an object" },
		{ "a.b.c.d.e.f.g.h", "1", "--set: a: unknown member" },
		{ "log.level", "\xff", "--set: name of a setting and text in UTF-8 expected" },
		{ "log\xff", "x", "--set: name of a setting and text in UTF-8 expected" },
		{ "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890", "x",
			"--set: name of a setting and text in UTF-8 expected" },
		{ "http.workers", "", "--set: http.workers: an integer expected, got \"\"" },
		{ "state_dir", "../x", "--set: state_dir: " },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct test_reading reading;

		reading_init(&reading);
		reading_set(&reading, rows[i].path, rows[i].text);
		CU_ASSERT_EQUAL(reading_load(&reading), CERTCTL_E_INVALID);
		if (strncmp(reading.problems, rows[i].problem, strlen(rows[i].problem)) != 0)
			printf("\nrow %zu: %s", i, reading.problems);
		CU_ASSERT_EQUAL(strncmp(reading.problems, rows[i].problem, strlen(rows[i].problem)), 0);
	}
}

/* --- Secrets --------------------------------------------------------------------------------------------------------- */

static void a_secret_may_come_from_a_file_of_the_environment(void)
{
	struct test_reading reading;
	char variable[400];

	reading_init(&reading);
	reading_write(&reading, "url", "postgresql://u:pw@db/certctl\n");
	snprintf(variable, sizeof(variable), "CERTCTL_DATABASE_URL_FILE=%s/url", reading.folder);
	reading.environment[0] = variable;
	ASSERT_OK(reading_load(&reading), reading.err);
	ASSERT_TEXT((const char *)settings_of(reading.loaded)->database.url.data, "postgresql://u:pw@db/certctl");
	reading.environment[1] = "CERTCTL_DATABASE_URL=other";
	ASSERT_FAILS(reading_load(&reading), CERTCTL_E_INVALID,
		"CERTCTL_DATABASE_URL and CERTCTL_DATABASE_URL_FILE are both set", reading.err);
	/* Only secrets have that variable. */
	snprintf(variable, sizeof(variable), "CERTCTL_HTTP_LISTEN_FILE=%s/none", reading.folder);
	reading.environment[1] = NULL;
	ASSERT_OK(reading_load(&reading), reading.err);
}

static void no_secret_is_in_a_problem(void)
{
	struct test_reading reading;

	reading_init(&reading);
	reading_write(&reading, "certctld.yaml", "api: { key: hunter2 }\ndatabase: { url: { hunter2: 1 } }\n");
	reading_set(&reading, "api.key", "hunter2");
	reading.environment[0] = "CERTCTL_API_KEY=hunter2";
	CU_ASSERT_EQUAL(reading_load(&reading), CERTCTL_E_INVALID);
	CU_ASSERT_EQUAL(reading.problem_count, 4);
	CU_ASSERT_PTR_NULL(strstr(reading.problems, "hunter2"));
}

const struct test tests[] = {
	TEST(later_places_win),
	TEST(defaults_are_complete),
	TEST(built_in_values_are_below_everything),
	TEST(drop_ins_are_read_in_the_order_of_their_names),
	TEST(a_null_section_puts_its_defaults_back),
	TEST(texts_of_the_environment_mean_what_their_row_says),
	TEST(a_missing_file_is_empty_unless_it_was_asked_for),
	TEST(every_bad_document_is_refused_with_its_place),
	TEST(what_is_too_much_is_refused),
	TEST(all_problems_of_all_places_are_told),
	TEST(names_of_the_command_line_may_be_anything),
	TEST(a_secret_may_come_from_a_file_of_the_environment),
	TEST(no_secret_is_in_a_problem),
	{ 0 },
};
