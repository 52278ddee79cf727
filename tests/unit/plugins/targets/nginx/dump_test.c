#include "test.h"

/* A plugin is no library to link: its reader is compiled in. */
#include <plugins/targets/nginx/dump.c>

static struct certctl_error err;

/* "certificate key names address source", one item a line. */
static const char *read_dump(const char *text)
{
	const struct certctl_inventory_item *const *items = NULL;
	char *out = talloc_strdup(test_mem(), "");

	ASSERT_OK(nginx_dump_read(test_mem(), text, strlen(text), &items, &err), err);
	for (; items && *items; items++) {
		out = talloc_asprintf_append(out, "%s %s ", (*items)->certificate_path,
			(*items)->key_path ? (*items)->key_path : "-");
		for (const char *const *name = (*items)->server_names; *name; name++)
			out = talloc_asprintf_append(out, "%s,", *name);
		out = talloc_asprintf_append(out, " %s %s\n", (*items)->address ? (*items)->address : "-",
			(*items)->source);
	}
	return out;
}

static void what_is_served_is_read(void)
{
	static const struct {
		const char *dump, *expected;
	} rows[] = {
		{ "", "" },
		{ "# configuration file /etc/nginx/nginx.conf:\n"
		  "http {\n\tserver {\n\t\tlisten 80;\n\t\tlisten 443 ssl http2;\n\t\tserver_name a.example b.example;\n"
		  "\t\tssl_certificate certs/a.pem; # not this: ssl_certificate x;\n\t\tssl_certificate_key \"certs/a key.pem\";\n\t}\n}\n\n"
		  "# configuration file /etc/nginx/sites/b:\n"
		  "server { listen [::]:8443 ssl; server_name \"\" ;\n ssl_certificate /b.pem; ssl_certificate_key /b.key;\n"
		  " ssl_certificate '/c.pem'; ssl_certificate_key /c.key; }\n",
			"/etc/nginx/certs/a.pem /etc/nginx/certs/a key.pem a.example,b.example, 0.0.0.0:443 /etc/nginx/nginx.conf:6\n"
			"/b.pem /b.key  [::]:8443 /etc/nginx/sites/b:2\n"
			"/c.pem /c.key  [::]:8443 /etc/nginx/sites/b:3\n" },
		{ "http { ssl_certificate /all.pem; ssl_certificate_key /all.key; server { listen 1; } }",
			"/all.pem /all.key  - nginx -T:1\n" },
		{ "ssl_certificate $ssl_server_name.pem; ssl_certificate ${x}/y; ssl_certificate data:abc; ssl_certificate engine:e:k;",
			"" },
		{ "server { listen *:1 ssl; ssl_certificate /a; } server { listen 10.0.0.1; ssl_certificate /b; }"
		  "server { listen unix:/run/x ssl; ssl_certificate /c; } server { listen [::1]; ssl_certificate /d; }",
			"/a -  0.0.0.0:1 nginx -T:1\n/b -  10.0.0.1:80 nginx -T:1\n/c -  unix:/run/x nginx -T:1\n/d -  [::1]:80 nginx -T:1\n" },
		{ "upstream x { server 127.0.0.1:80; } server { location / { return 200 \"}\"; } ssl_certificate /a; }",
			"/a -  - nginx -T:1\n" },
		{ "server { ssl_certificate \"a\\\"b", "" },
		{ "}}} server { ssl_certificate /x; }}", "/x -  - nginx -T:1\n" },
		{ "server { map ${a} { ssl_certificate; } ssl_certificate /x;", "/x -  - nginx -T:1\n" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++)
		ASSERT_TEXT(read_dump(rows[i].dump), rows[i].expected);
}

static void a_dump_without_end_is_a_limit(void)
{
	char *text = talloc_strdup(test_mem(), "");
	const struct certctl_inventory_item *const *items = NULL;

	for (int i = 0; i < 10001; i++)
		text = talloc_strdup_append_buffer(text, "server{ssl_certificate /x;}");
	ASSERT_FAILS(nginx_dump_read(test_mem(), text, strlen(text), &items, &err), CERTCTL_E_LIMIT, "10000", err);
}

const struct test tests[] = {
	TEST(what_is_served_is_read),
	TEST(a_dump_without_end_is_a_limit),
	{ 0 },
};
