#include "test.h"

#include <certctl/name.h>
#include <string.h>

#define LONG_LABEL "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" /* 63 */
#define LONG_NAME  LONG_LABEL "." LONG_LABEL "." LONG_LABEL "."                      /* 192 */

static void good_names_become_canonical(void)
{
	static const struct {
		enum certctl_name_type type;
		const char *text, *canonical; /* NULL: as written */
	} rows[] = {
		{ CERTCTL_NAME_DNS, "www.example.com", NULL },
		{ CERTCTL_NAME_DNS, "WWW.Example.COM", "www.example.com" },
		{ CERTCTL_NAME_DNS, "localhost", NULL },
		{ CERTCTL_NAME_DNS, "a-b.1x.x1", NULL },
		{ CERTCTL_NAME_DNS, "*.Example.com", "*.example.com" },
		{ CERTCTL_NAME_DNS, "*.corp.internal", NULL },
		{ CERTCTL_NAME_DNS, "*.city.kawasaki.jp", NULL },
		{ CERTCTL_NAME_DNS,
			"b\xc3\xbc"
			"cher.example",
			"xn--bcher-kva.example" },
		{ CERTCTL_NAME_DNS,
			"B\xc3\x9c"
			"CHER.example",
			"xn--bcher-kva.example" },
		{ CERTCTL_NAME_DNS,
			"bu\xcc\x88"
			"cher.example",
			"xn--bcher-kva.example" },
		{ CERTCTL_NAME_DNS, "xn--BCHER-kva.example", "xn--bcher-kva.example" },
		{ CERTCTL_NAME_DNS, "fa\xc3\x9f.de", "xn--fa-hia.de" },
		{ CERTCTL_NAME_IP, "192.0.2.1", NULL },
		{ CERTCTL_NAME_IP, "2001:DB8:0:0::1", "2001:db8::1" },
		{ CERTCTL_NAME_IP, "::ffff:192.0.2.1", NULL },
		{ CERTCTL_NAME_EMAIL, "Ops+tls@EXAMPLE.com", "Ops+tls@example.com" },
		{ CERTCTL_NAME_EMAIL,
			"a.b@b\xc3\xbc"
			"cher.example",
			"a.b@xn--bcher-kva.example" },
		{ CERTCTL_NAME_URI, "SPIFFE://Example.org/ns/a", "spiffe://example.org/ns/a" },
		{ CERTCTL_NAME_URI, "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6", NULL },
		{ CERTCTL_NAME_URI, "https://[2001:DB8::1]:8443/x?y=%20z", "https://[2001:db8::1]:8443/x?y=%20z" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_name name = { 0 };
		struct certctl_error err;

		ASSERT_OK(certctl_name_make(test_mem(), rows[i].type, rows[i].text, &name, &err), err);
		CU_ASSERT_EQUAL(name.type, rows[i].type);
		ASSERT_TEXT(name.text, rows[i].canonical ? rows[i].canonical : rows[i].text);
	}
}

static void bad_names_name_the_rule(void)
{
	static const struct {
		enum certctl_name_type type;
		const char *text, *words;
	} rows[] = {
		{ CERTCTL_NAME_DNS, "", "empty name" },
		{ CERTCTL_NAME_DNS, ".", "empty label" },
		{ CERTCTL_NAME_DNS, "example.com.", "empty label" },
		{ CERTCTL_NAME_DNS, "a..b", "empty label" },
		{ CERTCTL_NAME_DNS, "-a.example", "hyphen" },
		{ CERTCTL_NAME_DNS, "a-.example", "hyphen" },
		{ CERTCTL_NAME_DNS, "ab--cd.example", "reserved" },
		{ CERTCTL_NAME_DNS, "a_b.example", "letters, digits" },
		{ CERTCTL_NAME_DNS, "_a.b\xc3\xbc.example", "letters, digits" },
		{ CERTCTL_NAME_DNS, "a b.example", "letters, digits" },
		{ CERTCTL_NAME_DNS, "a/../b", "letters, digits" },
		{ CERTCTL_NAME_DNS, "a\n.example", "hidden character U+000A" },
		{ CERTCTL_NAME_DNS, "a\xe2\x80\xae.example", "hidden character U+202E" },
		{ CERTCTL_NAME_DNS,
			"ex\xc2\xad"
			"ample.com",
			"hidden character U+00AD" },
		{ CERTCTL_NAME_DNS,
			"ex\xe2\x80\x8b"
			"ample.com",
			"hidden character U+200B" },
		{ CERTCTL_NAME_DNS, "\xff.example", "not UTF-8" },
		{ CERTCTL_NAME_DNS, "\xe2\x98\x95.example", "IDNA2008" },
		{ CERTCTL_NAME_DNS, "xn--53h.example", "IDNA2008" },
		{ CERTCTL_NAME_DNS, "xn--a.example", "IDNA2008" },
		{ CERTCTL_NAME_DNS, "xn--.example", "IDNA2008" },
		{ CERTCTL_NAME_DNS, "xn--abc-.example", "IDNA2008" },
		{ CERTCTL_NAME_DNS, "a" LONG_LABEL ".example", "label longer than 63" },
		{ CERTCTL_NAME_DNS, LONG_NAME LONG_LABEL, "longer than 253" },
		{ CERTCTL_NAME_DNS, "192.0.2.1", "last label is a number" },
		{ CERTCTL_NAME_DNS, "192.0.2", "last label is a number" },
		{ CERTCTL_NAME_DNS, "*", "wildcard must be the whole" },
		{ CERTCTL_NAME_DNS, "*.", "empty name" },
		{ CERTCTL_NAME_DNS, "*.com", "public suffix" },
		{ CERTCTL_NAME_DNS, "*.co.uk", "public suffix" },
		{ CERTCTL_NAME_DNS, "*.internal", "public suffix" },
		{ CERTCTL_NAME_DNS, "*.github.io", "public suffix" },
		{ CERTCTL_NAME_DNS, "*.\xe4\xb8\xad\xe5\x9b\xbd", "public suffix" },
		{ CERTCTL_NAME_DNS, "*.*.example.com", "wildcard must be the whole" },
		{ CERTCTL_NAME_DNS, "www.*.example.com", "wildcard must be the whole" },
		{ CERTCTL_NAME_DNS, "w*.example.com", "wildcard must be the whole" },
		{ CERTCTL_NAME_DNS, "*.192.0.2.1", "last label is a number" },
		{ CERTCTL_NAME_IP, "192.0.2.256", "not an IP" },
		{ CERTCTL_NAME_IP, "192.0.2.01", "not an IP" },
		{ CERTCTL_NAME_IP, "192.0.2.0/24", "not an IP" },
		{ CERTCTL_NAME_IP, "fe80::1%eth0", "not an IP" },
		{ CERTCTL_NAME_IP, "[::1]", "not an IP" },
		{ CERTCTL_NAME_IP, "", "not an IP" },
		{ CERTCTL_NAME_EMAIL, "ops", "e-mail address" },
		{ CERTCTL_NAME_EMAIL, "@example.com", "before the @" },
		{ CERTCTL_NAME_EMAIL, "a..b@example.com", "before the @" },
		{ CERTCTL_NAME_EMAIL, ".a@example.com", "before the @" },
		{ CERTCTL_NAME_EMAIL, "a.@example.com", "before the @" },
		{ CERTCTL_NAME_EMAIL, "a b@example.com", "before the @" },
		{ CERTCTL_NAME_EMAIL, "\"a\"@example.com", "before the @" },
		{ CERTCTL_NAME_EMAIL, "a@b@example.com", "before the @" },
		{ CERTCTL_NAME_EMAIL, "a\r\nBcc: b@example.com", "before the @" },
		{ CERTCTL_NAME_EMAIL, "a@example.com\r\nBcc: b", "hidden character U+000D" },
		{ CERTCTL_NAME_EMAIL, "a@*.example.com", "wildcard" },
		{ CERTCTL_NAME_EMAIL, "a@", "empty name" },
		{ CERTCTL_NAME_EMAIL, "a@[192.0.2.1]", "letters, digits" },
		{ CERTCTL_NAME_EMAIL, "a" LONG_LABEL "b@example.com", "at most 64" },
		{ CERTCTL_NAME_EMAIL, "a@" LONG_NAME LONG_LABEL, "longer than 253" },
		{ CERTCTL_NAME_URI, "/relative", "absolute URI" },
		{ CERTCTL_NAME_URI, "1a:b", "absolute URI" },
		{ CERTCTL_NAME_URI, "https:", "absolute URI" },
		{ CERTCTL_NAME_URI, "https://a b/", "percent-encoded" },
		{ CERTCTL_NAME_URI, "https://b\xc3\xbc.de/", "percent-encoded" },
		{ CERTCTL_NAME_URI, "https://a/%zz", "hexadecimal" },
		{ CERTCTL_NAME_URI, "https://a/%0", "hexadecimal" },
		{ CERTCTL_NAME_URI, "https://a/%00", "%00" },
		{ CERTCTL_NAME_URI, "https://a/#b", "fragment" },
		{ CERTCTL_NAME_URI, "https:///path", "without a host" },
		{ CERTCTL_NAME_URI, "https://user@a/", "user information" },
		{ (enum certctl_name_type)99, "x", "type of name" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_name name = { .text = "untouched" };
		struct certctl_error err;

		ASSERT_FAILS(certctl_name_make(test_mem(), rows[i].type, rows[i].text, &name, &err), CERTCTL_E_INVALID,
			rows[i].words, err);
		ASSERT_TEXT(name.text, "untouched");
		CU_ASSERT_EQUAL(strcspn(err.what, "\r\n"), strlen(err.what));
	}
}

static void lengths_are_exact(void)
{
	struct certctl_name name;
	struct certctl_error err;
	const char *longest = LONG_NAME "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"; /* 192 + 61 */

	CU_ASSERT_EQUAL(strlen(longest), 253);
	ASSERT_OK(certctl_name_make(test_mem(), CERTCTL_NAME_DNS, longest, &name, &err), err);
	ASSERT_FAILS(certctl_name_make(test_mem(), CERTCTL_NAME_DNS, talloc_asprintf(test_mem(), "%sa", longest), &name,
			     &err),
		CERTCTL_E_INVALID, "longer than 253", err);
	ASSERT_OK(certctl_name_make(test_mem(), CERTCTL_NAME_DNS, talloc_asprintf(test_mem(), "*.%s", longest + 2),
			  &name, &err),
		err);
	ASSERT_FAILS(certctl_name_make(test_mem(), CERTCTL_NAME_DNS, talloc_asprintf(test_mem(), "*.%s", longest),
			     &name, &err),
		CERTCTL_E_INVALID, "longer than 253", err);
	char *huge = talloc_array(test_mem(), char, 1 << 20);

	memset(huge, 'a', (1 << 20) - 1);
	huge[(1 << 20) - 1] = 0;
	for (int type = CERTCTL_NAME_DNS; type < CERTCTL_NAME_TYPE_COUNT; type++)
		ASSERT_FAILS(certctl_name_make(test_mem(), (enum certctl_name_type)type, huge, &name, &err),
			CERTCTL_E_INVALID, NULL, err);
}

static void the_type_is_guessed_as_operators_write(void)
{
	static const struct {
		const char *text;
		enum certctl_name_type type;
	} rows[] = {
		{ "example.com", CERTCTL_NAME_DNS },
		{ "*.example.com", CERTCTL_NAME_DNS },
		{ "192.0.2.1", CERTCTL_NAME_IP },
		{ "::1", CERTCTL_NAME_IP },
		{ "ops@example.com", CERTCTL_NAME_EMAIL },
		{ "spiffe://example.org/a", CERTCTL_NAME_URI },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_name name = { 0 };
		struct certctl_error err;

		ASSERT_OK(certctl_name_guess(test_mem(), rows[i].text, &name, &err), err);
		CU_ASSERT_EQUAL(name.type, rows[i].type);
		CU_ASSERT_EQUAL(certctl_name_type_from_name(certctl_name_type_name(name.type)), name.type);
	}
	CU_ASSERT_EQUAL(certctl_name_type_from_name("smtp"), 0);
	ASSERT_TEXT(certctl_name_type_name(0), "unknown");
}

static void names_have_an_order(void)
{
	struct certctl_name a = { CERTCTL_NAME_DNS, "b" }, b = { CERTCTL_NAME_IP, "a" }, c = { CERTCTL_NAME_DNS, "c" };

	CU_ASSERT(certctl_name_compare(&a, &b) < 0 && certctl_name_compare(&b, &a) > 0);
	CU_ASSERT(certctl_name_compare(&a, &c) < 0 && certctl_name_compare(&a, &a) == 0);
}

static void hosts_have_an_optional_port(void)
{
	static const struct {
		const char *text, *host; /* host NULL: refused with `words` */
		uint16_t port;
		const char *words;
	} rows[] = {
		{ "Example.com", "example.com", 0, NULL },
		{ "example.com:443", "example.com", 443, NULL },
		{ "192.0.2.1:65535", "192.0.2.1", 65535, NULL },
		{ "::1", "::1", 0, NULL },
		{ "[::1]", "::1", 0, NULL },
		{ "[2001:DB8::1]:8443", "2001:db8::1", 8443, NULL },
		{ "", NULL, 0, "empty name" },
		{ ":443", NULL, 0, "empty name" },
		{ "example.com:", NULL, 0, "port from 1" },
		{ "example.com:0", NULL, 0, "port from 1" },
		{ "example.com:65536", NULL, 0, "port from 1" },
		{ "example.com:+443", NULL, 0, "port from 1" },
		{ "example.com:443x", NULL, 0, "port from 1" },
		{ "example.com:999999999999", NULL, 0, "port from 1" },
		{ "[::1", NULL, 0, "IPv6" },
		{ "[::1]443", NULL, 0, "IPv6" },
		{ "[192.0.2.1]:443", NULL, 0, "IPv6" },
		{ "[example.com:1]", NULL, 0, "letters, digits" },
		{ "::1::2", NULL, 0, "letters, digits" },
		{ "*.example.com", NULL, 0, "wildcard" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_error err;
		char *host = NULL;
		uint16_t port = 7;
		int rc = certctl_host_parse(test_mem(), rows[i].text, &host, &port, &err);

		if (rows[i].host) {
			ASSERT_OK(rc, err);
			ASSERT_TEXT(host, rows[i].host);
			CU_ASSERT_EQUAL(port, rows[i].port);
		} else
			ASSERT_FAILS(rc, CERTCTL_E_INVALID, rows[i].words, err);
	}
}

static void urls_are_taken_apart(void)
{
	static const struct {
		const char *text;
		const char *scheme, *host, *path_and_query;
		uint16_t port;
	} rows[] = {
		{ "HTTPS://CA.Example.com", "https", "ca.example.com", "/", 443 },
		{ "https://ca.example.com:9000/acme/dir?x=1", "https", "ca.example.com", "/acme/dir?x=1", 9000 },
		{ "http://192.0.2.1?x", "http", "192.0.2.1", "/?x", 80 },
		{ "https://[::1]:443/", "https", "::1", "/", 443 },
		{ "tcp://example.com", "tcp", "example.com", "/", 0 },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_url url = { 0 };
		struct certctl_error err;

		ASSERT_OK(certctl_url_parse(test_mem(), rows[i].text, &url, &err), err);
		ASSERT_TEXT(url.scheme, rows[i].scheme);
		ASSERT_TEXT(url.host, rows[i].host);
		ASSERT_TEXT(url.path_and_query, rows[i].path_and_query);
		CU_ASSERT_EQUAL(url.port, rows[i].port);
	}
}

static void bad_urls_are_refused(void)
{
	static const struct {
		const char *text, *words;
	} rows[] = {
		{ "", "absolute URI" },
		{ "example.com", "absolute URI" },
		{ "urn:a", "a URL such as" },
		{ "https:/example.com", "a URL such as" },
		{ "https://", "without a host" },
		{ "https://:443/", "empty name" },
		{ "https://::1/", "in brackets" },
		{ "https://hunter2:secret@example.com/", "user information" },
		{ "https://example.com\\@evil.com/", "user information" },
		{ "https://example.com/\r\nHost: evil", "percent-encoded" },
		{ "https://user:hunter2@exam ple.com/", "user information" },
		{ "https://user:hunter2@#", "user information" },
		{ "https://exa%6dple.com/", "letters, digits" },
		{ "https://example.com:0/", "port from 1" },
		{ "https://0x7f.1/", "last label is a number" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_url url;
		struct certctl_error err;

		ASSERT_FAILS(certctl_url_parse(test_mem(), rows[i].text, &url, &err), CERTCTL_E_INVALID, rows[i].words,
			err);
		CU_ASSERT_PTR_NULL(strstr(err.what, "hunter2"));
	}
}

static void paths_are_absolute_and_plain(void)
{
	static const char *const good[] = { "/a", "/etc/nginx/certs", "/a/..b/.c", "/gr\xc3\xbc\xc3\x9f e" };
	static const char *const bad[] = { "", "/", "a", "./a", "/a/", "//a", "/a//b", "/a/./b", "/a/..", "/../a",
		"/a\nb", "/a\xff", "/a\xe2\x80\xae" };
	struct certctl_error err;

	for (size_t i = 0; i < CERTCTL_COUNT(good); i++)
		ASSERT_OK(certctl_path_check(good[i], &err), err);
	for (size_t i = 0; i < CERTCTL_COUNT(bad); i++)
		ASSERT_FAILS(certctl_path_check(bad[i], &err), CERTCTL_E_INVALID, NULL, err);
	char *longest = talloc_array(test_mem(), char, 5000);

	memset(longest, 'a', 4999);
	longest[0] = '/';
	longest[4999] = 0;
	ASSERT_FAILS(certctl_path_check(longest, &err), CERTCTL_E_INVALID, "longer than 4095", err);
}

static void ids_are_short_and_plain(void)
{
	static const char *const good[] = { "a", "0", "mc-1.b", LONG_LABEL };
	static const char *const bad[] = { "", "-a", ".a", "A", "a_b", "a/b", "a b", "a\n", LONG_LABEL "a",
		"\xc3\xbc" };

	for (size_t i = 0; i < CERTCTL_COUNT(good); i++)
		CU_ASSERT(certctl_id_is_valid(good[i]));
	for (size_t i = 0; i < CERTCTL_COUNT(bad); i++)
		CU_ASSERT(!certctl_id_is_valid(bad[i]));
	CU_ASSERT(!certctl_id_is_valid(NULL));
}

static void utf8_is_exact(void)
{
	static const struct {
		const char *text;
		size_t len;
		bool valid;
	} rows[] = {
		{ "", 0, true },
		{ "abc", 3, true },
		{ "a\0b", 3, false },
		{ "\xc2\x80", 2, true },
		{ "\xed\x9f\xbf", 3, true },
		{ "\xf4\x8f\xbf\xbf", 4, true },
		{ "\xc1\xbf", 2, false },
		{ "\xe0\x9f\xbf", 3, false },
		{ "\xed\xa0\x80", 3, false },
		{ "\xf0\x8f\xbf\xbf", 4, false },
		{ "\xf4\x90\x80\x80", 4, false },
		{ "\xf5\x80\x80\x80", 4, false },
		{ "\x80", 1, false },
		{ "\xe2\x82", 2, false },
		{ "\xf0\x9f\x94(", 4, false },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++)
		CU_ASSERT_EQUAL(certctl_utf8_is_valid(rows[i].text, rows[i].len), rows[i].valid);
}

const struct test tests[] = {
	TEST(good_names_become_canonical),
	TEST(bad_names_name_the_rule),
	TEST(lengths_are_exact),
	TEST(the_type_is_guessed_as_operators_write),
	TEST(names_have_an_order),
	TEST(hosts_have_an_optional_port),
	TEST(urls_are_taken_apart),
	TEST(bad_urls_are_refused),
	TEST(paths_are_absolute_and_plain),
	TEST(ids_are_short_and_plain),
	TEST(utf8_is_exact),
	{ 0 },
};
