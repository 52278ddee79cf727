/* A YAML document: its text is checked, its tree and places are kept.  The events are read in yaml_events.c. */
#include "json_limits.h"
#include "utf8.h"
#include "yaml_in.h"

#include <certctl/files.h>
#include <certctl/secret.h>

#include <string.h>

/*
 * What a text may consist of: YAML 1.2.2, section 5.1, without what hides or reorders text, and without NEL, LS and PS, which
 * are line ends to some readers and nothing to others.  All of them may stand as escapes in double quotes.
 */
static bool is_printable(uint32_t character)
{
	return character == '\t' || character == '\n' || character == '\r' || !certctl_utf8_is_hidden(character);
}

/* The scanner lets some of them pass. */
static int check_characters(const char *file, const char *text, size_t len, struct certctl_error *err)
{
	int line = 1;
	size_t start = 0;
	uint32_t character;

	for (size_t at = 0, step; at < len; at += step) {
		step = certctl_utf8_next(text + at, len - at, &character);
		if (step == 0)
			return certctl_fail(err, CERTCTL_E_INVALID, "%s:%d:%zu: not UTF-8", file, line, at - start + 1);
		if (!is_printable(character))
			return certctl_fail(err, CERTCTL_E_INVALID,
				"%s:%d:%zu: control character U+%04X is not allowed", file, line, at - start + 1,
				character);
		if (character == '\n') {
			line++;
			start = at + 1;
		}
	}
	return 0;
}

static int release_root(struct certctl_yaml *yaml)
{
	json_decref(yaml->root);
	return 0;
}

static struct certctl_yaml *make_yaml(TALLOC_CTX *mem, const char *file)
{
	struct certctl_yaml *yaml = talloc_zero(mem, struct certctl_yaml);

	if (!yaml)
		return NULL;
	talloc_set_destructor(yaml, release_root);
	yaml->file = talloc_strdup(yaml, file);
	yaml->places = talloc_zero(yaml, struct certctl_yaml_places);
	if (!yaml->file || !yaml->places) {
		talloc_free(yaml);
		return NULL;
	}
	yaml->places->line = yaml->places->column = 1;
	return yaml;
}

int certctl_yaml_parse(TALLOC_CTX *mem, const char *file, const char *text, size_t len,
	const struct certctl_json_limits *limits, struct certctl_yaml **ret, struct certctl_error *err)
{
	struct certctl_json_limits full = certctl_json_limits_full(limits);
	static const char mark[] = "\xef\xbb\xbf"; /* the byte order mark some editors put first */

	if (len >= 3 && memcmp(text, mark, 3) == 0) {
		text += 3;
		len -= 3;
	}
	int rc = check_characters(file, text, len <= full.max_bytes ? len : 0, err);

	if (len > full.max_bytes)
		return certctl_fail(err, CERTCTL_E_LIMIT, "%s: longer than %zu bytes", file, full.max_bytes);
	if (rc < 0)
		return rc;
	struct certctl_yaml *yaml = make_yaml(mem, file);

	if (!yaml)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "%s: out of memory", file);
	rc = certctl_yaml_read_tree(yaml, text, len, &full, err);
	/* Nothing but comments: a document all the same. */
	if (rc == 0 && !yaml->root)
		yaml->root = json_null();
	if (rc < 0)
		talloc_free(yaml);
	else
		*ret = yaml;
	return rc;
}

int certctl_yaml_read_file(TALLOC_CTX *mem, const char *path, const struct certctl_json_limits *limits,
	struct certctl_yaml **ret, struct certctl_error *err)
{
	struct certctl_json_limits full = certctl_json_limits_full(limits);
	char *text = NULL;
	size_t len = 0;
	int rc = certctl_file_read_path(mem, path, full.max_bytes, &text, &len, err);

	if (rc == 0)
		rc = certctl_yaml_parse(mem, path, text, len, limits, ret, err);
	if (text)
		certctl_wipe(text, len); /* a configuration file may hold secrets */
	talloc_free(text);
	return rc;
}
