/* Reading documents.  Knows no kinds and no server. */
#include "documents.h"
#include "values.h"

#include <certctl/buffer.h>
#include <certctl/files.h>
#include <certctl/yaml.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX ((size_t)16 * 1024 * 1024)

static const struct certctl_json_limits limits = { FILE_MAX, 32, 1000000 };

static int add(struct documents *documents, const char *name, int line, json_t *content, struct certctl_error *err)
{
	struct document *rows =
		talloc_realloc(documents, documents->rows, struct document, (unsigned)documents->count + 1);

	if (!json_is_object(content)) {
		json_decref(content);
		return certctl_fail(err, CERTCTL_E_INVALID, "%s:%d: a mapping expected", name, line);
	}
	if (!rows) {
		json_decref(content);
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory for documents");
	}
	documents->rows = rows;
	rows[documents->count++] =
		(struct document){ talloc_asprintf(documents, "%s:%d", name, line), value_keep(documents, content) };
	return 0;
}

/* --- YAML ---------------------------------------------------------------------------------------------------------------- */

/* Three of the sign at the beginning of a line, where no text of YAML 1.2 may have them (section 9.1.2). */
static bool is_marker(const char *line, char sign)
{
	return line[0] == sign && line[1] == sign && line[2] == sign && strchr(" \t\r\n", line[3]);
}

static const char *next_line(const char *line)
{
	line += strcspn(line, "\n");
	return line + (*line == '\n');
}

/* Past blanks and comments: where something begins. */
static const char *skip_blank(const char *text, const char *end)
{
	while (text < end) {
		const char *start = text + strspn(text, " \t\r\n");

		if (start >= end)
			return end;
		if (*start != '#')
			return text + strspn(text, "\n");
		text = next_line(start);
	}
	return end;
}

static int count_lines(const char *text, const char *end)
{
	int count = 0;

	for (; text < end; text++)
		count += *text == '\n';
	return count;
}

/* Parsed behind as many line ends as stand before it, so that messages name the line of the file. */
static int add_yaml(struct documents *documents, const char *name, const char *text, size_t len, int lines_before,
	struct certctl_error *err)
{
	char *moved = talloc_size(documents, (size_t)lines_before + len + 1);
	const char *start = skip_blank(text, text + len);
	struct certctl_yaml *yaml = NULL;

	if (!moved)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory for documents");
	memset(moved, '\n', (size_t)lines_before);
	memcpy(moved + lines_before, text, len);
	moved[(size_t)lines_before + len] = '\0';
	int rc = certctl_yaml_parse(documents, name, moved, (size_t)lines_before + len, &limits, &yaml, err);

	talloc_free(moved);
	if (rc < 0)
		return rc;
	rc = add(documents, name, 1 + lines_before + count_lines(text, start), json_incref(yaml->root), err);
	talloc_free(yaml);
	return rc;
}

static int split_yaml(struct documents *documents, const char *name, const char *text, struct certctl_error *err)
{
	int rc = 0, line = 0;

	while (rc == 0 && *text) {
		const char *end = text;
		int lines = 0;

		for (; *end && !is_marker(end, '-') && !is_marker(end, '.'); lines++)
			end = next_line(end);
		if (skip_blank(text, end) < end)
			rc = add_yaml(documents, name, text, (size_t)(end - text), line, err);
		line += lines + (*end != '\0');
		text = next_line(end);
	}
	return rc;
}

/* --- JSON ---------------------------------------------------------------------------------------------------------------- */

static int add_json(struct documents *documents, const char *name, const char *text, size_t len,
	struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *root = NULL;
	json_t *one;
	size_t i;
	int rc = certctl_json_parse(text, len, &limits, &root, err);

	if (rc < 0)
		return certctl_error_prefix(err, "%s", name);
	if (json_is_object(root))
		return add(documents, name, 1, json_incref(root), err);
	json_array_foreach(root, i, one) if (rc == 0) rc = add(documents, name, 1, json_incref(one), err);
	return rc;
}

/* --- Files --------------------------------------------------------------------------------------------------------------- */

static int parse(struct documents *documents, const char *name, const char *text, size_t len, struct certctl_error *err)
{
	const char *start = text + strspn(text, " \t\r\n");

	if (strlen(text) != len)
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: a NUL byte in it", name);
	return *start == '{' || *start == '[' ? add_json(documents, name, text, len, err)
					      : split_yaml(documents, name, text, err);
}

static int read_input(TALLOC_CTX *mem, char **ret, size_t *ret_len, struct certctl_error *err)
{
	struct certctl_buffer text;
	char piece[16384];
	size_t len;

	certctl_buffer_init(&text, mem, FILE_MAX);
	while ((len = fread(piece, 1, sizeof(piece), stdin)) > 0)
		certctl_buffer_append(&text, piece, len);
	if (ferror(stdin))
		return certctl_fail(err, CERTCTL_E_IO, "standard input cannot be read");
	int rc = certctl_buffer_finish(&text, err);

	if (rc == 0) {
		*ret = text.data;
		*ret_len = text.len;
	}
	return rc;
}

static int read_one(struct documents *documents, const char *path, struct certctl_error *err)
{
	char *text = NULL;
	size_t len = 0;
	bool is_input = strcmp(path, "-") == 0;
	int rc = is_input ? read_input(documents, &text, &len, err)
			  : certctl_file_read_path(documents, path, FILE_MAX, &text, &len, err);

	if (rc == 0)
		rc = parse(documents, is_input ? "standard input" : path, text, len, err);
	talloc_free(text);
	return rc;
}

static int is_ours(const struct dirent *entry)
{
	static const char *const endings[] = { ".yaml", ".yml", ".json" };
	size_t len = strlen(entry->d_name);

	for (size_t i = 0; i < CERTCTL_COUNT(endings); i++) {
		size_t ending = strlen(endings[i]);

		if (*entry->d_name != '.' && len > ending && strcmp(entry->d_name + len - ending, endings[i]) == 0)
			return 1;
	}
	return 0;
}

static int read_folder(struct documents *documents, const char *path, struct certctl_error *err)
{
	struct dirent **entries = NULL;
	int count = scandir(path, &entries, is_ours, alphasort), rc = 0;

	if (count < 0)
		return certctl_fail_errno(err, errno, "%s", path);
	for (int i = 0; i < count; i++) {
		char *file = talloc_asprintf(documents, "%s/%s", path, entries[i]->d_name);

		if (rc == 0)
			rc = read_one(documents, file, err);
		free(entries[i]);
	}
	free(entries);
	return rc;
}

static int begin(TALLOC_CTX *mem, struct documents **ret, struct certctl_error *err)
{
	*ret = talloc_zero(mem, struct documents);
	return *ret ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory for documents");
}

int documents_read(TALLOC_CTX *mem, const char *path, struct documents **ret, struct certctl_error *err)
{
	struct stat is;
	int rc = begin(mem, ret, err);

	if (rc < 0)
		return rc;
	if (strcmp(path, "-") != 0 && stat(path, &is) == 0 && S_ISDIR(is.st_mode))
		return read_folder(*ret, path, err);
	return read_one(*ret, path, err);
}

int documents_parse(TALLOC_CTX *mem, const char *name, const char *text, size_t len, struct documents **ret,
	struct certctl_error *err)
{
	int rc = begin(mem, ret, err);

	return rc < 0 ? rc : parse(*ret, name, text, len, err);
}
