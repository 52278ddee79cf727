/* Names of resources and verbs.  Pure; knows nothing of documents. */
#include "api_names.h"

#include <ctype.h>
#include <string.h>

#define PREFIX "/api/v1/"

static bool is_parameter(const char *segment)
{
	return *segment == '{';
}

/* Behind the prefix; a path without it is for people when it is one plain word: /health. */
static const char *words_of(const char *path)
{
	if (strncmp(path, PREFIX, sizeof(PREFIX) - 1) == 0)
		return path + sizeof(PREFIX) - 1;
	if (path[0] != '/' || !isalpha((unsigned char)path[1]) || strchr(path + 1, '/'))
		return NULL;
	return path + 1;
}

char *api_resource_name(TALLOC_CTX *mem, const char *path)
{
	const char *words = words_of(path);

	if (!words || !*words || is_parameter(words))
		return NULL;
	return talloc_strndup(mem, words, strcspn(words, "/"));
}

/* What a method means for a thing (or, of is_item, for one of a collection) whose bare name another method has. */
static const char *method_word(const char *method, bool is_item)
{
	static const struct {
		const char *method, *item, *whole;
	} rows[] = {
		{ "GET", "get", "get" },
		{ "PUT", "replace", "replace" },
		{ "PATCH", "patch", "patch" },
		{ "DELETE", "delete", "delete" },
		{ "POST", "post", "create" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++)
		if (strcmp(rows[i].method, method) == 0)
			return is_item ? rows[i].item : rows[i].whole;
	return method;
}

/* The fixed words behind the resource, with hyphens; the last segment decides whether one thing is meant. */
static char *join_words(TALLOC_CTX *mem, const char *rest, bool *ret_is_item)
{
	char *joined = talloc_strdup(mem, "");

	*ret_is_item = false;
	while (joined && *rest) {
		size_t len;

		rest += *rest == '/';
		len = strcspn(rest, "/");
		*ret_is_item = is_parameter(rest);
		if (len > 0 && !*ret_is_item)
			joined = talloc_asprintf_append(joined, "%s%.*s", *joined ? "-" : "", (int)len, rest);
		rest += len;
	}
	return joined;
}

char *api_verb_name(TALLOC_CTX *mem, const char *path, const char *method, bool is_list, bool is_shared)
{
	const char *words = words_of(path);
	bool is_item, is_read = strcmp(method, "GET") == 0, is_post = strcmp(method, "POST") == 0;
	char *joined = join_words(mem, words + strcspn(words, "/"), &is_item);

	if (!joined)
		return NULL;
	if (!*joined)
		return talloc_strdup(mem, is_list && is_read ? "list" : method_word(method, is_item));
	/* The bare word is the reader's, of the whole; an act on one thing has it as well. */
	if (is_item ? is_post : is_read || !is_shared)
		return joined;
	return talloc_asprintf_append(joined, "-%s", method_word(method, is_item));
}

char *api_singular(TALLOC_CTX *mem, const char *plural)
{
	size_t len = strlen(plural);

	if (len > 3 && strcmp(plural + len - 3, "ies") == 0)
		return talloc_asprintf(mem, "%.*sy", (int)len - 3, plural);
	if (len > 4 && strcmp(plural + len - 4, "sses") == 0)
		return talloc_strndup(mem, plural, len - 2);
	if (len > 2 && plural[len - 1] == 's' && plural[len - 2] != 's')
		return talloc_strndup(mem, plural, len - 1);
	return talloc_strdup(mem, plural);
}

static const char *skip_signs(const char *text)
{
	return text + strspn(text, "-_");
}

bool api_same_name(const char *a, const char *b)
{
	for (a = skip_signs(a), b = skip_signs(b); *a && *b; a = skip_signs(a + 1), b = skip_signs(b + 1))
		if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
			return false;
	return !*a && !*b;
}
