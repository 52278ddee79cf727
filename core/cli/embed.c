/* Build tool: an OpenAPI document in YAML as a C string of JSON, `certctl-cli-embed FILE`.  Not installed. */
#include <certctl/yaml.h>
#include <stdio.h>

#define LINE 110

/* Octal escapes end after three digits, whatever follows. */
static void print_literal(const char *text)
{
	for (size_t i = 0; text[i]; i++) {
		unsigned char c = (unsigned char)text[i];

		if (i % LINE == 0)
			printf("%s\"", i ? "\"\n" : "");
		if (c < ' ' || c > '~' || c == '"' || c == '\\' || c == '?')
			printf("\\%03o", c);
		else
			putchar(c);
	}
	printf("\";\n");
}

int main(int argc, char **argv)
{
	static const struct certctl_json_limits limits = { 16 << 20, 64, 1000000 };
	struct certctl_error err = { 0 };
	struct certctl_yaml *yaml;
	char *text;

	if (argc != 2 || certctl_yaml_read_file(NULL, argv[1], &limits, &yaml, &err) < 0) {
		fprintf(stderr, "%s: %s\n", argv[0], argc == 2 ? err.what : "one FILE expected");
		return 1;
	}
	text = certctl_json_text(yaml, yaml->root, NULL);
	printf("#include \"core/cli/api.h\"\n\nconst char api_document[] =\n");
	print_literal(text);
	talloc_free(yaml);
	return 0;
}
