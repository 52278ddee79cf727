#include "test.h"

#include <certctl/yaml.h>
#include <string.h>
#include <unistd.h>

static int parse(const char *text, const struct certctl_json_limits *limits, struct certctl_yaml **ret,
	struct certctl_error *err)
{
	return certctl_yaml_parse(test_mem(), "a.yaml", text, strlen(text), limits, ret, err);
}

static void documents_become_json(void)
{
	static const struct {
		const char *yaml, *json;
	} rows[] = {
		{ "", "null" },
		{ "# nothing\n", "null" },
		{ "---\na: 1\n...\n", "{\"a\":1}" },
		{ "a: 1\nb:\n  - x\n  - {c: d}\n", "{\"a\":1,\"b\":[\"x\",{\"c\":\"d\"}]}" },
		{ "{\"a\": [1, 2.5, \"x\", null, true]}", "{\"a\":[1,2.5,\"x\",null,true]}" },
		{ "[~, null, Null, NULL, '', \"\"]", "[null,null,null,null,\"\",\"\"]" },
		{ "a:\nb: ~\n", "{\"a\":null,\"b\":null}" },
		{ "[true, True, TRUE, false, False, FALSE]", "[true,true,true,false,false,false]" },
		{ "[yes, no, on, off, y, n, tRue]", "[\"yes\",\"no\",\"on\",\"off\",\"y\",\"n\",\"tRue\"]" },
		{ "['null', \"true\", '1', \"0x10\", '1.5']", "[\"null\",\"true\",\"1\",\"0x10\",\"1.5\"]" },
		{ "[0, -0, +12, 007, 0o17, 0xFf, 1_000, 12:30, 2026-11-23]",
			"[0,0,12,7,15,255,\"1_000\",\"12:30\",\"2026-11-23\"]" },
		{ "[9223372036854775807, -9223372036854775808]", "[9223372036854775807,-9223372036854775808]" },
		{ "[1.0, -1.5e3, .5, 1., 1e3, 0o8, 0xg, +, '.', 1.2.3]",
			"[1.0,-1500.0,0.5,1.0,1000.0,\"0o8\",\"0xg\",\"+\",\".\",\"1.2.3\"]" },
		{ "a: |\n  one\n  two\nb: >-\n  one\n  two\n", "{\"a\":\"one\\ntwo\\n\",\"b\":\"one two\"}" },
		{ "a: \"\\t\\u00fc\\x41\"\n", "{\"a\":\"\\t\xc3\xbc"
					      "A\"}" },
		{ "80: x\ntrue: y\n'': z\n", "{\"80\":\"x\",\"true\":\"y\",\"\":\"z\"}" },
		{ "a: &x {b: [1]}\nc: *x\nd: [*x, *x]\n",
			"{\"a\":{\"b\":[1]},\"c\":{\"b\":[1]},\"d\":[{\"b\":[1]},{\"b\":[1]}]}" },
		{ "[&x 1, &x 2, *x]", "[1,2,2]" },
		{ "\"<<\": 1\n", "{\"<<\":1}" },
		{ "\xef\xbb\xbf"
		  "a: 'b'\n",
			"{\"a\":\"b\"}" },
		{ "['', 'it''s', '''''''''''''''''''''', ' a ', 'a\n  b\n\n\n  c ']",
			"[\"\",\"it's\",\"''''''''''\",\" a \",\"a b\\n\\nc \"]" },
		{ "'a''b': 'c\r\n  d'\n", "{\"a'b\":\"c d\"}" },
		{ "[[[[''''',','x']]]]", "[[[[\"'',\",\"x\"]]]]" },
		/* written by the one encoder, which shows what a terminal would obey */
		{ "\"\\u2028\\u202e\\N\"", "\"\\u2028\\u202e\\u0085\"" },
		{ "%YAML 1.2\n---\na: no\n", "{\"a\":\"no\"}" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_yaml *yaml = NULL;
		struct certctl_error err;

		ASSERT_OK(parse(rows[i].yaml, NULL, &yaml, &err), err);
		if (yaml)
			ASSERT_TEXT(certctl_json_text(test_mem(), yaml->root, NULL), rows[i].json);
	}
}

static void bad_documents_are_refused_with_their_place(void)
{
	static const struct {
		const char *yaml;
		size_t len;
		const char *words;
	} rows[] = {
		{ "a: 1\nb: 2\na: 3\n", 0, "a.yaml:3:1: duplicate key \"a\"" },
		{ "{a: 1, 'a': 2}", 0, "a.yaml:1:8: duplicate key \"a\"" },
		{ "a:\n  b: !!str 1\n", 0, "a.yaml:2:" },
		{ "a: !custom {b: 1}\n", 0, "tags (!...) are not supported" },
		{ "!!python/object a\n", 0, "tags" },
		{ "!x a: 1\n", 0, "a text expected as key" },
		{ "a: *nowhere\n", 0, "a.yaml:1:4: alias without an anchor" },
		{ "a: &x [*x]\n", 0, "alias without an anchor" },
		{ "b: &x {a: 1}\nc:\n  <<: *x\n", 0, "a.yaml:3:3: merge keys" },
		{ "? [a, b]\n: 1\n", 0, "a text expected as key" },
		{ "? {a: b}\n: 1\n", 0, "a text expected as key" },
		{ "a: &x 1\n*x : 2\n", 0, "a text expected as key" },
		{ "--- a\n--- b\n", 0, "a second document" },
		{ "a: .inf\n", 0, "a.yaml:1:4: .inf is no number" },
		{ "a: -.INF\n", 0, "is no number" },
		{ "a: .NaN\n", 0, "is no number" },
		{ "a: 1e999\n", 0, "number out of range" },
		{ "a: 9223372036854775808\n", 0, "integer beyond 64 bits" },
		{ "a: -9223372036854775809\n", 0, "integer beyond 64 bits" },
		{ "a: 0xfffffffffffffffff\n", 0, "integer beyond 64 bits" },
		{ "a: \"\\0\"\n", 0, "NUL" },
		{ "a: \"\\ud800\"\n", 0, "a.yaml:1:" },
		{ "a: b\0c\n", 7, "a.yaml:1:5: control character U+0000" },
		{ "a: 1\nb: \xff\n", 0, "a.yaml:2:4: not UTF-8" },
		{ "a: \x01\n", 0, "a.yaml:1:4: control character U+0001" },
		{ "a: [1, 2\n", 0, "a.yaml:" },
		{ "a: 1\n b: 2\n", 0, "a.yaml:1:" },
		{ "a: \"hunter2\n", 0, "a.yaml:" },
		{ "\ta: 1\n", 0, "a.yaml:" },
		{ "a: {b: 1]\n", 0, "a.yaml:1:" },
		{ "a: \"x\xe2\x80\xae\"\n", 0, "a.yaml:1:6: control character U+202E is not allowed" },
		{ "a: \"x\xe2\x80\xa8\"\n", 0, "a.yaml:1:6: control character U+2028 is not allowed" },
		{ "%YAML 1.1\n---\na: no\n", 0, "YAML 1.2 expected, got 1.1" },
		{ "%YAML 9.9\n---\na: 1\n", 0, "a.yaml" },
		{ "@a: 1\n", 0, "a.yaml:1:" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_yaml *yaml = NULL;
		struct certctl_error err;
		size_t len = rows[i].len ? rows[i].len : strlen(rows[i].yaml);

		ASSERT_FAILS(certctl_yaml_parse(test_mem(), "a.yaml", rows[i].yaml, len, NULL, &yaml, &err),
			CERTCTL_E_INVALID, rows[i].words, err);
		CU_ASSERT_PTR_NULL(yaml);
		CU_ASSERT_PTR_NULL(strstr(err.what, "hunter2"));
	}
}

static void limits_are_exact(void)
{
	static const struct {
		const char *yaml;
		struct certctl_json_limits limits;
		const char *words; /* NULL: accepted */
	} rows[] = {
		{ "[[[]]]", { .max_depth = 3 }, NULL },
		{ "[[[[]]]]", { .max_depth = 3 }, "a.yaml:1:4: nested deeper than 3" },
		{ "a:\n  b:\n    c: 1\n", { .max_depth = 2 }, "nested deeper than 2" },
		{ "[&x [[]], [*x]]", { .max_depth = 3 }, "nested deeper than 3" },
		{ "[&x [[]], *x]", { .max_depth = 3 }, NULL },
		{ "[1, 2, 3]", { .max_nodes = 4 }, NULL },
		{ "[1, 2, 3]", { .max_nodes = 3 }, "more than 3 values" },
		{ "{a: 1, b: 2}", { .max_nodes = 3 }, NULL },
		{ "[&x [1, 2], *x]", { .max_nodes = 7 }, NULL },
		{ "[&x [1, 2], *x]", { .max_nodes = 6 }, "more than 6 values" },
		{ "a: 1\n", { .max_bytes = 5 }, NULL },
		{ "a: 12\n", { .max_bytes = 5 }, "longer than 5 bytes" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_yaml *yaml = NULL;
		struct certctl_error err;
		int rc = parse(rows[i].yaml, &rows[i].limits, &yaml, &err);

		if (rows[i].words)
			ASSERT_FAILS(rc, CERTCTL_E_LIMIT, rows[i].words, err);
		else
			ASSERT_OK(rc, err);
	}
}

static void a_billion_laughs_are_not_built(void)
{
	char *text = talloc_strdup(test_mem(), "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
	struct certctl_yaml *yaml = NULL;
	struct certctl_error err;

	for (int i = 1; i < 10; i++) {
		text = talloc_asprintf_append(text, "a%d: &a%d [", i, i);
		for (int j = 0; j < 10; j++)
			text = talloc_asprintf_append(text, "%s*a%d", j ? ", " : "", i - 1);
		text = talloc_strdup_append(text, "]\n");
	}
	ASSERT_FAILS(parse(text, NULL, &yaml, &err), CERTCTL_E_LIMIT, "more than 10000 values", err);
	char *deep = talloc_array(test_mem(), char, 200001);

	memset(deep, '[', 200000);
	deep[200000] = 0;
	CU_ASSERT(parse(deep, NULL, &yaml, &err) < 0);
	memset(deep, '-', 200000);
	for (size_t i = 1; i < 200000; i += 2)
		deep[i] = ' ';
	CU_ASSERT(parse(deep, NULL, &yaml, &err) < 0);
	CU_ASSERT_PTR_NULL(yaml);
}

static void members_are_located(void)
{
	static const char text[] =
		"issuers:\n  corp:\n    url: x\n    timeout_s: 0\ntargets:\n  - path: /a\n    mode: 1\n  - path: /b\n"
		"a.b:\n  c: 1\n\"quoted\": {x: 1, y: 2}\n";
	static const struct {
		const char *path;
		int line, column;
	} rows[] = {
		{ "", 1, 1 },
		{ "issuers", 1, 1 },
		{ "issuers.corp.timeout_s", 4, 5 },
		{ "issuers.corp.missing", 2, 3 },
		{ "issuers.corp.url.deeper", 3, 5 },
		{ "issuers.cor", 1, 1 },
		{ "nothing.at.all", 1, 1 },
		{ "targets[0].mode", 7, 5 },
		{ "targets[1].path", 8, 5 },
		{ "targets[1]", 8, 5 },
		{ "targets[9].path", 5, 1 },
		{ "a.b.c", 10, 3 },
		{ "quoted", 11, 1 },
		{ "quoted.y", 11, 18 },
	};
	struct certctl_yaml *yaml = NULL;
	struct certctl_error err;

	ASSERT_OK(parse(text, NULL, &yaml, &err), err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(yaml);
	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		int line = 0, column = 0;

		certctl_yaml_locate(yaml, rows[i].path, &line, &column);
		CU_ASSERT_EQUAL(line, rows[i].line);
		CU_ASSERT_EQUAL(column, rows[i].column);
	}
}

static void files_are_read_by_name(void)
{
	char *path = talloc_asprintf(test_mem(), "%s/x.yaml", test_temporary_dir());
	struct certctl_yaml *yaml = NULL;
	struct certctl_error err;
	FILE *file = fopen(path, "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fputs("a: b\n", file);
	fclose(file);
	ASSERT_OK(certctl_yaml_read_file(test_mem(), path, NULL, &yaml, &err), err);
	ASSERT_TEXT(yaml->file, path);
	ASSERT_TEXT(certctl_json_text_or(yaml->root, "a", NULL), "b");
	unlink(path);
	ASSERT_FAILS(certctl_yaml_read_file(test_mem(), path, NULL, &yaml, &err), CERTCTL_E_NOT_FOUND, "x.yaml", err);
}

static void written_yaml_is_block_style(void)
{
	CERTCTL_AUTO(json_decref)
	json_t *value = json_loads(
		"{\"name\":\"corp\",\"on\":\"no\",\"list\":[\"a\",{\"b\":1,\"c\":[true]},[1,2],{},[]],\"empty\":{},\"pem\":\"x\\ny\\n\","
		"\"number\":1.0,\"none\":null,\"text\":\"1\"}",
		0, NULL);
	struct certctl_error err;
	char *text = NULL;

	ASSERT_OK(certctl_yaml_write(test_mem(), value, &text, &err), err);
	ASSERT_TEXT(text,
		"name: corp\n\"on\": \"no\"\nlist:\n  - a\n  - b: 1\n    c:\n      - true\n  -\n    - 1\n    - 2\n  - {}\n"
		"  - []\nempty: {}\npem: \"x\\ny\\n\"\nnumber: 1.0\nnone: null\ntext: \"1\"\n");
}

static void what_is_written_reads_back_the_same(void)
{
	static const char *const texts[] = { "", " ", "a", "null", "NULL", "~", "true", "no", "Yes", "1", "-1", "0x10",
		"0o7", "1.5", "1e3", ".5", ".inf", "1_000", "2026-11-23", "12:30", "a: b", "a:b", "# c", "a #b", "- a",
		"-", "--", "---", "...", "? a", "!x", "&x", "*x", "%x", "@x", "`x", "{a}", "[a]", "a,b", "'q'", "\"q\"",
		"|", ">", "\\", "/etc/x", "a b", " a", "a ", "a\nb", "a\n", "\n", "\t", "\r\n", "\x01", "\x7f",
		"\xc2\x85", "\xe2\x80\xa8", "\xef\xbb\xbf", "\xc3\xbc", "\xf0\x9f\x94\x91", "\xef\xbf\xbe",
		"\xef\xbf\xbf", "\xf4\x8f\xbf\xbf", "=", "<<", "a@b.c", "https://a/b?c=d&e#f", "inf", "nan", "y" };

	for (size_t i = 0; i < CERTCTL_COUNT(texts); i++) {
		CERTCTL_AUTO(json_decref)
		json_t *value = json_pack("{s:s, s:[s, [s], {s:s}], s:{s:{}}}", "t", texts[i], "l", texts[i], texts[i],
			"x", texts[i], texts[i], texts[i]);
		struct certctl_yaml *yaml = NULL;
		struct certctl_error err;
		char *text = NULL;

		CU_ASSERT_PTR_NOT_NULL_FATAL(value);
		ASSERT_OK(certctl_yaml_write(test_mem(), value, &text, &err), err);
		int rc = certctl_yaml_parse(test_mem(), text, text, strlen(text), NULL, &yaml, &err);

		ASSERT_OK(rc, err);
		if (rc == 0 && !json_equal(value, yaml->root))
			ASSERT_TEXT(certctl_json_text(test_mem(), yaml->root, NULL),
				certctl_json_text(test_mem(), value, NULL));
	}
}

static void roots_of_every_type_are_written(void)
{
	static const char *const rows[] = { "null", "true", "-5", "0.1", "1e300", "-0.0", "\"x y\"", "[]", "{}",
		"[[[1]]]", "[{\"a\":{\"b\":[{}]}}]" };

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		CERTCTL_AUTO(json_decref) json_t *value = json_loads(rows[i], JSON_DECODE_ANY, NULL);
		struct certctl_yaml *yaml = NULL;
		struct certctl_error err;
		char *text = NULL;

		ASSERT_OK(certctl_yaml_write(test_mem(), value, &text, &err), err);
		ASSERT_OK(parse(text, NULL, &yaml, &err), err);
		CU_ASSERT(yaml && json_equal(value, yaml->root));
	}
}

const struct test tests[] = {
	TEST(documents_become_json),
	TEST(bad_documents_are_refused_with_their_place),
	TEST(limits_are_exact),
	TEST(a_billion_laughs_are_not_built),
	TEST(members_are_located),
	TEST(files_are_read_by_name),
	TEST(written_yaml_is_block_style),
	TEST(what_is_written_reads_back_the_same),
	TEST(roots_of_every_type_are_written),
	{ 0 },
};
