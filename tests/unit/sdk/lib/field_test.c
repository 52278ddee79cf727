#include "field_fixture.h"
#include "test.h"

#include <certctl/json.h>
#include <string.h>

static int parse(const char *text, const struct certctl_field_reading *how, struct config *config,
	struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *in = json_loads(text, JSON_DECODE_ANY, NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(in);
	return certctl_fields_parse(test_mem(), config_fields, ROW_SIZE, in, how, config, err);
}

static void everything_is_read(void)
{
	static const char text[] =
		"{\"name\":\"corp\",\"url\":\"HTTPS://CA.example.com/x\",\"webhook\":\"http://a/\",\"host\":\"[2001:DB8::1]:443\","
		"\"path\":\"/a/b\",\"mail\":\"a@EXAMPLE.com\",\"owner\":\"o-1\",\"timeout_s\":600,\"count\":9223372036854775807,"
		"\"verify\":false,\"lifetime\":\"1h\",\"cache\":1024,\"since\":\"2026-11-23T14:05:00Z\",\"mode\":\"fast\","
		"\"token\":\"hunter2\\n\",\"ports\":[1,2,3],\"modes\":[\"fast\",\"slow\"],\"probes\":[{\"address\":\"b\",\"port\":1},"
		"{\"address\":\"c\"}],\"secrets\":[\"x\",\"base64:AP8=\"],\"tls\":{\"cert\":\"/c\"}}";
	struct config config = { 0 };
	struct certctl_error err;

	ASSERT_OK(parse(text, NULL, &config, &err), err);
	ASSERT_TEXT(config.name, "corp");
	ASSERT_TEXT(config.url, "https://ca.example.com/x");
	ASSERT_TEXT(config.webhook, "http://a/");
	ASSERT_TEXT(config.host, "[2001:db8::1]:443");
	ASSERT_TEXT(config.path, "/a/b");
	ASSERT_TEXT(config.mail, "a@example.com");
	ASSERT_TEXT(config.owner, "o-1");
	CU_ASSERT_EQUAL(config.timeout_s, 600);
	CU_ASSERT_EQUAL(config.count, INT64_MAX);
	CU_ASSERT_FALSE(config.verify);
	CU_ASSERT_EQUAL(config.lifetime.seconds, 3600);
	CU_ASSERT_EQUAL(config.cache.bytes, 1024);
	CU_ASSERT_EQUAL(config.since.unix_s, 1795442700);
	CU_ASSERT_EQUAL(config.mode, MODE_FAST);
	ASSERT_TEXT((const char *)config.token.data, "hunter2\n");
	CU_ASSERT_EQUAL(config.ports.count, 3);
	CU_ASSERT_EQUAL(((int64_t *)config.ports.items)[2], 3);
	CU_ASSERT_EQUAL(((int *)config.modes.items)[0], MODE_FAST);
	CU_ASSERT_EQUAL(config.probes.count, 2);
	ASSERT_TEXT(((struct probe *)config.probes.items)[1].address, "c");
	CU_ASSERT_EQUAL(((struct probe *)config.probes.items)[1].port, 443);
	CU_ASSERT_EQUAL(((struct certctl_secret *)config.secrets.items)[1].len, 2);
	CU_ASSERT_EQUAL(((struct certctl_secret *)config.secrets.items)[1].data[1], 0xff);
	ASSERT_TEXT(config.tls.cert, "/c");
	CU_ASSERT_EQUAL(config.tls.version, 13);
}

static void what_is_absent_gets_its_default(void)
{
	struct config config = { 0 };
	struct certctl_error err;

	ASSERT_OK(parse("{\"name\":\"corp\",\"url\":null,\"mode\":null}", NULL, &config, &err), err);
	CU_ASSERT_PTR_NULL(config.url);
	ASSERT_TEXT(config.host, "localhost:8443");
	CU_ASSERT_EQUAL(config.timeout_s, 30);
	CU_ASSERT_EQUAL(config.count, 0);
	CU_ASSERT_TRUE(config.verify);
	CU_ASSERT_EQUAL(config.lifetime.seconds, 90 * 86400);
	CU_ASSERT_EQUAL(config.cache.bytes, 65536);
	CU_ASSERT_EQUAL(config.mode, MODE_SLOW);
	CU_ASSERT_PTR_NULL(config.token.data);
	CU_ASSERT_EQUAL(config.ports.count, 2);
	CU_ASSERT_EQUAL(((int64_t *)config.ports.items)[1], 443);
	CU_ASSERT_EQUAL(config.probes.count, 0);
	CU_ASSERT_PTR_NULL(config.tls.cert); /* the object is not there, so nothing in it is asked for */
	CU_ASSERT_EQUAL(config.tls.version, 13);
}

static void bad_values_are_refused_by_path(void)
{
	static const struct {
		const char *text, *what; /* all of the message */
	} rows[] = {
		{ "[]", "issuers.corp: object expected" },
		{ "{}", "issuers.corp.name: required" },
		{ "{\"name\":null}", "issuers.corp.name: required" },
		{ "{\"name\":\"c\"}", "issuers.corp.name: 2..8 bytes expected, got 1" },
		{ "{\"name\":\"123456789\"}", "issuers.corp.name: 2..8 bytes expected, got 9" },
		{ "{\"name\":12}", "issuers.corp.name: text expected, got an integer" },
		{ "{\"name\":\"a\\nb\"}", "issuers.corp.name: control character U+000A is not allowed" },
		{ "{\"name\":\"a\\u202eb\"}", "issuers.corp.name: control character U+202E is not allowed" },
		{ "{\"name\":\"corp\",\"timeout_s\":0}", "issuers.corp.timeout_s: 1..600 expected, got 0" },
		{ "{\"name\":\"corp\",\"timeout_s\":99999999999}",
			"issuers.corp.timeout_s: 1..600 expected, got 99999999999" },
		{ "{\"name\":\"corp\",\"timeout_s\":30.0}",
			"issuers.corp.timeout_s: an integer expected, got a number with a fraction" },
		{ "{\"name\":\"corp\",\"timeout_s\":\"30\"}",
			"issuers.corp.timeout_s: an integer expected, got \"30\"" },
		{ "{\"name\":\"corp\",\"count\":-1}", "issuers.corp.count: at least 1 expected, got -1" },
		{ "{\"name\":\"corp\",\"verify\":1}", "issuers.corp.verify: true or false expected, got an integer" },
		{ "{\"name\":\"corp\",\"verify\":\"yes\"}",
			"issuers.corp.verify: true or false expected, got \"yes\"" },
		{ "{\"name\":\"corp\",\"lifetime\":\"1m\"}", "issuers.corp.lifetime: 1h..365d expected, got 1m" },
		{ "{\"name\":\"corp\",\"lifetime\":-1}",
			"issuers.corp.lifetime: a duration such as 90d, or seconds, expected, got an integer" },
		{ "{\"name\":\"corp\",\"lifetime\":\"soon\"}",
			"issuers.corp.lifetime: a duration such as 90d or 1h30m expected, got \"soon\"" },
		{ "{\"name\":\"corp\",\"cache\":\"1GiB\"}", "issuers.corp.cache: 0..1MiB expected, got 1GiB" },
		{ "{\"name\":\"corp\",\"cache\":\"18446744073709551615\"}",
			"issuers.corp.cache: 0..1MiB expected, got 9223372036854775807" },
		{ "{\"name\":\"corp\",\"url\":\"http://a/\"}",
			"issuers.corp.url: a URL with https expected, got \"http:\"" },
		{ "{\"name\":\"corp\",\"webhook\":\"ftp://a/\"}",
			"issuers.corp.webhook: a URL with https or http expected, got \"ftp:\"" },
		{ "{\"name\":\"corp\",\"host\":\"a b\"}",
			"issuers.corp.host: \"a b\": letters, digits, hyphens and dots expected" },
		{ "{\"name\":\"corp\",\"path\":\"a/b\"}", "issuers.corp.path: \"a/b\": an absolute path expected" },
		{ "{\"name\":\"corp\",\"path\":\"/a/../b\"}",
			"issuers.corp.path: \"/a/../b\": empty, \".\" and \"..\" parts are not allowed" },
		{ "{\"name\":\"corp\",\"mail\":\"nobody\"}",
			"issuers.corp.mail: \"nobody\": an e-mail address such as ops@example.com expected" },
		{ "{\"name\":\"corp\",\"owner\":\"../x\"}",
			"issuers.corp.owner: id of an owner ([a-z0-9][a-z0-9.-]{0,62}) expected, got \"../x\"" },
		{ "{\"name\":\"corp\",\"mode\":\"quick\"}", "issuers.corp.mode: slow or fast expected, got \"quick\"" },
		{ "{\"name\":\"corp\",\"since\":\"10000-01-01\"}",
			"issuers.corp.since: a time such as 2026-11-23T14:05:00Z, years 0001 to 9999, expected, got \"10000-01-01\"" },
		{ "{\"name\":\"corp\",\"ports\":80}", "issuers.corp.ports: list expected, got an integer" },
		{ "{\"name\":\"corp\",\"ports\":[]}", "issuers.corp.ports: 1..3 items expected, got 0" },
		{ "{\"name\":\"corp\",\"ports\":[1,2,3,4]}", "issuers.corp.ports: 1..3 items expected, got 4" },
		{ "{\"name\":\"corp\",\"ports\":[1,\"x\"]}", "issuers.corp.ports[1]: an integer expected, got \"x\"" },
		{ "{\"name\":\"corp\",\"ports\":[1,null]}", "issuers.corp.ports[1]: an integer expected, got null" },
		{ "{\"name\":\"corp\",\"probes\":[{\"address\":\"a\"},{}]}",
			"issuers.corp.probes[1].address: required" },
		{ "{\"name\":\"corp\",\"probes\":[{\"address\":\"a\",\"port\":0}]}",
			"issuers.corp.probes[0].port: 1..65535 expected, got 0" },
		{ "{\"name\":\"corp\",\"probes\":[\"a\"]}", "issuers.corp.probes[0]: object expected" },
		{ "{\"name\":\"corp\",\"tls\":[]}", "issuers.corp.tls: object expected, got a list" },
		{ "{\"name\":\"corp\",\"tls\":{}}", "issuers.corp.tls.cert: required" },
		{ "{\"name\":\"corp\",\"tls\":{\"cert\":\"/c\",\"x\":1}}",
			"issuers.corp.tls.x: unknown member, known: cert, key, version" },
		{ "{\"name\":\"corp\",\"timout_s\":30}", "issuers.corp.timout_s: unknown member, nearest: timeout_s" },
		{ "{\"name\":\"corp\",\"timeout\":30}", "issuers.corp.timeout: unknown member, nearest: timeout_s" },
		{ "{\"name\":\"corp\",\"port\":[1]}", "issuers.corp.port: unknown member, nearest: ports" },
		{ "{\"name\":\"corp\",\"\\u001b[2J\\u202e\":1}", NULL },
		{ "{\"name\":\"corp\",\"\":1}", NULL },
		{ "{\"name\":\"corp\",\"token\":7}", "issuers.corp.token: text expected, got an integer" },
		{ "{\"name\":\"corp\",\"token\":\"***\"}",
			"issuers.corp.token: the mask *** is no value: leave the member out to keep what is stored" },
		{ "{\"name\":\"corp\",\"token\":\"base64:hunter2!\"}",
			"issuers.corp.token: base64 expected behind \"base64:\"" },
	};
	static const struct certctl_field_reading how = { .path = "issuers.corp" };

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct config config = { 0 };
		struct certctl_error err = { 0 };

		ASSERT_FAILS(parse(rows[i].text, &how, &config, &err), CERTCTL_E_INVALID, NULL, err);
		if (rows[i].what)
			ASSERT_TEXT(err.what, rows[i].what);
		CU_ASSERT_EQUAL(strcspn(err.what, "\x1b\n"), strlen(err.what));
		CU_ASSERT_PTR_NULL(strstr(err.what, "hunter2"));
	}
}

static void collect_problem(void *arg, const char *path, const char *detail)
{
	char **all = arg;

	*all = talloc_asprintf_append(*all, "%s=%s;", path, detail);
}

static void all_problems_are_told(void)
{
	char *all = talloc_strdup(test_mem(), "");
	struct certctl_field_reading how = { .problem = collect_problem, .arg = &all };
	struct config config = { 0 };
	struct certctl_error err;

	ASSERT_FAILS(parse("{\"nam\":1,\"timeout_s\":0,\"ports\":[1,\"x\",\"y\"],\"tls\":{\"version\":1}}", &how,
			     &config, &err),
		CERTCTL_E_INVALID, "nam: unknown member, nearest: name", err);
	ASSERT_TEXT(all, "nam=unknown member, nearest: name;name=required;timeout_s=1..600 expected, got 0;"
			 "ports[1]=an integer expected, got \"x\";ports[2]=an integer expected, got \"y\";"
			 "tls.cert=required;tls.version=12..13 expected, got 1;");
}

static const char *environment(void *arg, const char *name)
{
	const char *const *pairs = arg;

	for (; pairs[0]; pairs += 2)
		if (strcmp(pairs[0], name) == 0)
			return pairs[1];
	return NULL;
}

static void the_environment_fills_in(void)
{
	const char *pairs[] = { "TEST_URL", "https://env/", "TEST_TOKEN", "from-env", "TEST_PORTS", "8080,", NULL };
	struct certctl_field_reading how = { .env = environment, .arg = pairs };
	struct config config = { 0 };
	struct certctl_error err;

	ASSERT_OK(parse("{\"name\":\"corp\",\"url\":\"https://file/\"}", &how, &config, &err), err);
	ASSERT_TEXT(config.url, "https://file/");
	ASSERT_TEXT((const char *)config.token.data, "from-env");
	CU_ASSERT_EQUAL(config.ports.count, 1);
	CU_ASSERT_EQUAL(((int64_t *)config.ports.items)[0], 8080);
}

static void bad_environment_is_refused_like_a_document(void)
{
	static const struct {
		const char *name, *value, *words;
	} rows[] = {
		{ "TEST_URL", "nonsense", "url: \"nonsense\"" }, { "TEST_URL", "\xff", "url: UTF-8 expected" },
		{ "TEST_PORTS", "80,x", "ports[1]: an integer expected" },
		{ "TEST_PORTS", "", "ports: 1..3 items expected, got 0" },
		{ "TEST_PORTS", "99999999999999999999", "ports[0]: an integer expected" },
		{ "TEST_TLS_KEY", "k", "tls.cert: required" }, /* the environment makes the object be there */
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		const char *pairs[] = { rows[i].name, rows[i].value, NULL };
		struct certctl_field_reading how = { .env = environment, .arg = pairs };
		struct config config = { 0 };
		struct certctl_error err;

		ASSERT_FAILS(parse("{\"name\":\"corp\"}", &how, &config, &err), CERTCTL_E_INVALID, rows[i].words, err);
	}
}

static int resolve(void *arg, const char *path, const char *text, TALLOC_CTX *mem, struct certctl_secret *ret,
	struct certctl_error *err)
{
	CU_ASSERT_PTR_NULL(arg);
	if (strcmp(text, "file:gone") == 0)
		return certctl_fail(err, CERTCTL_E_NOT_FOUND, "file:gone: no such file");
	char *resolved = talloc_asprintf(mem, "%s=%s", path, text);

	return certctl_secret_set(mem, ret, resolved, strlen(resolved));
}

static void secrets_are_resolved_with_their_path(void)
{
	struct certctl_field_reading how = { .path = "issuers.corp", .resolve_secret = resolve };
	struct config config = { 0 };
	struct certctl_error err;

	ASSERT_OK(parse("{\"name\":\"corp\",\"token\":\"file:a\",\"secrets\":[\"b\"]}", &how, &config, &err), err);
	ASSERT_TEXT((const char *)config.token.data, "issuers.corp.token=file:a");
	ASSERT_TEXT((const char *)((struct certctl_secret *)config.secrets.items)[0].data, "issuers.corp.secrets[0]=b");
	ASSERT_FAILS(parse("{\"name\":\"corp\",\"token\":\"file:gone\"}", &how, &config, &err), CERTCTL_E_NOT_FOUND,
		"issuers.corp.token: file:gone: no such file", err);
}

static void a_merge_patch_changes_what_it_names(void)
{
	struct certctl_field_reading how = { .is_partial = true };
	struct config config = { 0 };
	struct certctl_error err;

	ASSERT_OK(parse("{\"name\":\"corp\",\"url\":\"https://a/\",\"timeout_s\":60,\"token\":\"t\",\"ports\":[1,2,3],"
			"\"tls\":{\"cert\":\"/c\",\"key\":\"k\",\"version\":12}}",
			  NULL, &config, &err),
		err);
	ASSERT_OK(parse("{\"timeout_s\":null,\"url\":null,\"ports\":[9],\"tls\":{\"cert\":\"/d\"}}", &how, &config,
			  &err),
		err);
	ASSERT_TEXT(config.name, "corp");
	CU_ASSERT_PTR_NULL(config.url);
	CU_ASSERT_EQUAL(config.timeout_s, 30);
	ASSERT_TEXT((const char *)config.token.data, "t");
	CU_ASSERT_EQUAL(config.ports.count, 1);
	ASSERT_TEXT(config.tls.cert, "/d");
	ASSERT_TEXT((const char *)config.tls.key.data, "k");
	CU_ASSERT_EQUAL(config.tls.version, 12);
	ASSERT_OK(parse("{\"tls\":null,\"ports\":null}", &how, &config, &err), err);
	CU_ASSERT_PTR_NULL(config.tls.cert);
	CU_ASSERT_PTR_NULL(config.tls.key.data);
	CU_ASSERT_EQUAL(config.tls.version, 13);
	CU_ASSERT_EQUAL(config.ports.count, 2);
}

static void a_refused_patch_changes_nothing(void)
{
	static const char *const rows[] = { "{\"name\":null}", "{\"timeout_s\":5,\"lifetime\":\"1m\"}",
		"{\"name\":\"new\",\"x\":1}", "{\"ports\":[1,\"x\"]}", "{\"tls\":{\"version\":12,\"cert\":null}}",
		"[]" };
	struct certctl_field_reading how = { .is_partial = true };
	struct config config = { 0 }, before;
	struct certctl_error err;

	ASSERT_OK(parse("{\"name\":\"corp\",\"timeout_s\":60,\"tls\":{\"cert\":\"/c\"}}", NULL, &config, &err), err);
	memcpy(&before, &config, sizeof(config));
	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		ASSERT_FAILS(parse(rows[i], &how, &config, &err), CERTCTL_E_INVALID, NULL, err);
		CU_ASSERT_EQUAL(memcmp(&before, &config, sizeof(config)), 0);
	}
}

/* A table from an older SDK has shorter rows, one from a newer SDK longer ones. */
static void rows_are_walked_by_their_makers_size(void)
{
	struct {
		struct certctl_field field;
		char newer[64];
	} rows[3] = { { config_fields[0], "x" }, { config_fields[7], "y" }, { .newer = "z" } };
	CERTCTL_AUTO(json_decref) json_t *in = json_pack("{s:s, s:i}", "name", "corp", "timeout_s", 5);
	struct config config = { 0 };
	struct certctl_error err;

	ASSERT_OK(certctl_fields_parse(test_mem(), &rows[0].field, sizeof(rows[0]), in, NULL, &config, &err), err);
	ASSERT_TEXT(config.name, "corp");
	CU_ASSERT_EQUAL(config.timeout_s, 5);
	ASSERT_OK(certctl_fields_check(&rows[0].field, sizeof(rows[0]), sizeof(config), &err), err);
}

static void bad_input_leaves_nothing_behind(void)
{
	TALLOC_CTX *mem = talloc_new(test_mem());
	size_t before = talloc_total_blocks(mem);
	CERTCTL_AUTO(json_decref)
	json_t *in = json_pack("{s:s, s:s, s:i}", "name", "corp", "token", "t", "timeout_s", 0);
	struct config config = { 0 };
	struct certctl_error err;

	ASSERT_FAILS(certctl_fields_parse(mem, config_fields, ROW_SIZE, in, NULL, &config, &err), CERTCTL_E_INVALID,
		NULL, err);
	CU_ASSERT_EQUAL(talloc_total_blocks(mem), before);
	CU_ASSERT_EQUAL(certctl_fields_parse(mem, config_fields, ROW_SIZE, in, NULL, &config, NULL), CERTCTL_E_INVALID);
}

const struct test tests[] = {
	TEST(everything_is_read),
	TEST(what_is_absent_gets_its_default),
	TEST(bad_values_are_refused_by_path),
	TEST(all_problems_are_told),
	TEST(the_environment_fills_in),
	TEST(bad_environment_is_refused_like_a_document),
	TEST(secrets_are_resolved_with_their_path),
	TEST(a_merge_patch_changes_what_it_names),
	TEST(a_refused_patch_changes_nothing),
	TEST(rows_are_walked_by_their_makers_size),
	TEST(bad_input_leaves_nothing_behind),
	{ 0 },
};
