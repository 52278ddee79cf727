/* A member that no row has, and what its writer may have meant. */
#include "fields.h"

#include <string.h>

#define NAME_MAX_LEN 64

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	unsigned ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Levenshtein distance, one row of the matrix at a time; names longer than NAME_MAX_LEN are far from everything. */
static unsigned distance(const char *a, const char *b)
{
	size_t a_len = strnlen(a, NAME_MAX_LEN + 1), b_len = strnlen(b, NAME_MAX_LEN + 1);
	unsigned row[NAME_MAX_LEN + 1];

	if (a_len > NAME_MAX_LEN || b_len > NAME_MAX_LEN)
		return NAME_MAX_LEN;
	for (size_t j = 0; j <= b_len; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= a_len; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b_len; j++) {
			unsigned above = row[j];

			row[j] = least(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[b_len];
}

/* A name that begins like the other is near, however much is missing: "timeout" for "timeout_s". */
static unsigned remoteness(const char *written, const char *known)
{
	size_t len = strlen(written);

	return len >= 3 && strncmp(written, known, len) == 0 ? 1 : distance(written, known);
}

static void list_names(const struct certctl_field *fields, size_t row_size, const char *name, unsigned within,
	char *text, size_t size)
{
	struct certctl_field_walk walk = certctl_field_walk(fields, row_size);
	size_t len = 0;

	text[0] = 0;
	while (certctl_field_next(&walk) && len < size)
		if (remoteness(name, walk.row.name) <= within)
			len += (size_t)snprintf(text + len, size - len, "%s%s", len > 0 ? ", " : "", walk.row.name);
	if (len >= size)
		memcpy(text + size - 4, "...", 4);
}

int certctl_field_unknown(const struct certctl_field *fields, size_t row_size, const char *name,
	struct certctl_error *err)
{
	struct certctl_field_walk walk = certctl_field_walk(fields, row_size);
	unsigned nearest = NAME_MAX_LEN;
	char names[90];

	while (certctl_field_next(&walk)) {
		unsigned far = remoteness(name, walk.row.name);

		if (strcmp(name, walk.row.name) == 0)
			return 0;
		nearest = far < nearest ? far : nearest;
	}
	bool is_near = nearest <= 2 || nearest <= strlen(name) / 3;

	list_names(fields, row_size, name, is_near ? nearest : NAME_MAX_LEN, names, sizeof(names));
	return certctl_fail(err, CERTCTL_E_INVALID, "unknown member, %s: %s", is_near ? "nearest" : "known", names);
}
