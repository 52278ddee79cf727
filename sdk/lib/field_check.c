/* Is a table sound?  Asked of every table that comes from elsewhere before any row of it is used. */
#include "fields.h"
#include "utf8.h"

#include <certctl/name.h>

#include <string.h>

#define ROWS_MAX    256
#define CHOICES_MAX 256
#define DEPTH_MAX   8 /* also ends a table that nests itself */
#define STRUCT_MAX  (1 << 20)

struct check {
	size_t row_size, config_size;
	unsigned depth;
	struct certctl_error *err;
};

static int check_table(const struct certctl_field *fields, const struct check *check);

static int fail(const struct check *check, const struct certctl_field *row, const char *format, ...)
	CERTCTL_PRINTF(3, 4);
static int fail(const struct check *check, const struct certctl_field *row, const char *format, ...)
{
	char name[48];
	va_list args;

	va_start(args, format);
	int rc = certctl_failv(check->err, CERTCTL_E_INVALID, format, args);

	va_end(args);
	certctl_error_prefix(check->err, "field \"%s\"",
		certctl_utf8_show(row->name, strlen(row->name), name, sizeof(name)));
	return rc;
}

static bool is_word(const char *text, const char *first, const char *rest, size_t max)
{
	size_t len = strlen(text);

	return len > 0 && len <= max && strchr(first, text[0]) && strspn(text, rest) == len;
}

static bool is_field_name(const char *name)
{
	return is_word(name, "abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwxyz0123456789_", 63);
}

static bool is_variable(const char *name)
{
	return is_word(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_", "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", 127);
}

/* Texts that end up in help, schemas and pages. */
static bool is_showable(const char *text)
{
	size_t len = text ? strlen(text) : 0;
	uint32_t character;

	for (size_t at = 0, step; at < len; at += step) {
		step = certctl_utf8_next(text + at, len - at, &character);
		if (step == 0 || certctl_utf8_is_hidden(character))
			return false;
	}
	return len <= 4096;
}

static bool is_of(const struct certctl_field *row, uint32_t type)
{
	return row->type == type || (row->type == CERTCTL_LIST && row->item_type == type);
}

static int check_type(const struct certctl_field *row, const struct check *check)
{
	const struct certctl_field_kind *kind = certctl_field_kind(row->type);

	if (!kind)
		return fail(check, row, "type %u is none", row->type);
	if (row->type == CERTCTL_LIST && (!certctl_field_kind(row->item_type) || row->item_type == CERTCTL_LIST))
		return fail(check, row, "item type %u is none for a list", row->item_type);
	if (is_of(row, CERTCTL_OBJECT) && (!row->nested || row->nested_size == 0 || row->nested_size > STRUCT_MAX))
		return fail(check, row, "an object needs nested fields and their size");
	if (row->length != certctl_field_size(row, row->type))
		return fail(check, row, "length %u, but type %s has %zu", row->length, kind->name,
			certctl_field_size(row, row->type));
	if (row->offset > check->config_size || row->length > check->config_size - row->offset)
		return fail(check, row, "ends behind the configuration of %zu bytes", check->config_size);
	if (row->offset % kind->alignment != 0)
		return fail(check, row, "offset %u is not aligned for type %s", row->offset, kind->name);
	return 0;
}

static int check_texts(const struct certctl_field *row, const struct check *check)
{
	if (!is_field_name(row->name))
		return fail(check, row, "name must be [a-z][a-z0-9_]{0,62}");
	if (row->env && (!is_variable(row->env) || is_of(row, CERTCTL_OBJECT)))
		return fail(check, row, "environment alias must be [A-Z_][A-Z0-9_]* and not of an object");
	if (!is_showable(row->help))
		return fail(check, row, "help must be UTF-8 without control characters");
	if (is_of(row, CERTCTL_REFERENCE) ? !certctl_id_is_valid(row->refers_to) : row->refers_to != NULL)
		return fail(check, row, "refers_to belongs to references, and names their kind");
	if (row->path_access > CERTCTL_PATH_WRITE || (row->path_access && !is_of(row, CERTCTL_PATH)))
		return fail(check, row, "path_access %u is none, or not of a path", row->path_access);
	return 0;
}

static int check_bounds(const struct certctl_field *row, const struct check *check)
{
	const struct certctl_field_kind *kind = certctl_field_kind(row->type);
	int64_t min, max;

	certctl_field_bounds(row, &min, &max);
	if (!kind->has_bounds && (row->min || row->max))
		return fail(check, row, "type %s has no bounds", kind->name);
	if (kind->has_bounds && (min > max || min < kind->min))
		return fail(check, row, "bounds %lld..%lld make no sense", (long long)min, (long long)max);
	return 0;
}

static bool is_repeated(const struct certctl_choice *choices, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (strcmp(choices[i].name, choices[at].name) == 0)
			return true;
	return false;
}

static int check_choices(const struct certctl_field *row, const struct check *check)
{
	bool is_enum = is_of(row, CERTCTL_ENUM);
	size_t count = 0;

	if (row->choices && !is_enum && !is_of(row, CERTCTL_URL))
		return fail(check, row, "choices belong to enums and URLs");
	for (; row->choices && row->choices[count].name; count++) {
		const struct certctl_choice *choice = &row->choices[count];

		if (count == CHOICES_MAX)
			return fail(check, row, "more than %d choices", CHOICES_MAX);
		if (!choice->name[0] || !is_showable(choice->name) || !is_showable(choice->help))
			return fail(check, row, "choice %zu: name and help must be UTF-8 without control characters",
				count + 1);
		if (is_enum && choice->value == 0)
			return fail(check, row, "choice \"%s\": value 0 means not set", choice->name);
		if (is_repeated(row->choices, count))
			return fail(check, row, "choice \"%s\" is there twice", choice->name);
	}
	if (count == 0 && (is_enum || row->choices))
		return fail(check, row, "without choices");
	return 0;
}

/* The default goes the way of every value, into memory of the member's size. */
static int check_fallback(const struct certctl_field *row, const struct check *check)
{
	static const struct certctl_field_reading plain = { 0 };
	struct certctl_field only[2] = { *row, { 0 } };
	struct certctl_error why;

	if (!row->fallback)
		return 0;
	if (row->required)
		return fail(check, row, "required, yet with a default");
	if (is_of(row, CERTCTL_SECRET) || is_of(row, CERTCTL_OBJECT))
		return fail(check, row, "type %s has no default", certctl_field_type_name(row->type));
	TALLOC_CTX *scratch = talloc_new(NULL);
	CERTCTL_AUTO(json_decref) json_t *empty = json_object();

	only[0].offset = 0;
	void *member = talloc_zero_size(scratch, row->length);
	int rc = member && empty ? certctl_fields_parse(scratch, only, sizeof(only[0]), empty, &plain, member, &why)
				 : certctl_fail(&why, CERTCTL_E_NO_MEMORY, "out of memory");

	talloc_free(scratch);
	return rc < 0 ? fail(check, row, "default: %s", why.what) : 0;
}

static int check_nested(const struct certctl_field *row, const struct check *check)
{
	struct check inner = *check;

	if (!is_of(row, CERTCTL_OBJECT))
		return 0;
	if (check->depth == DEPTH_MAX)
		return fail(check, row, "nested deeper than %d", DEPTH_MAX);
	inner.config_size = row->nested_size;
	inner.depth++;
	int rc = check_table(row->nested, &inner);

	return rc < 0 ? certctl_error_prefix(check->err, "%s", row->name) : 0;
}

/* Against every earlier row: two members on the same bytes, or of one name. */
static int check_neighbours(const struct certctl_field *fields, size_t index, const struct certctl_field *row,
	const struct check *check)
{
	struct certctl_field_walk walk = certctl_field_walk(fields, check->row_size);

	for (size_t i = 0; i < index && certctl_field_next(&walk); i++) {
		if (strcmp(walk.row.name, row->name) == 0)
			return fail(check, row, "is there twice");
		if (row->offset < walk.row.offset + walk.row.length && walk.row.offset < row->offset + row->length)
			return fail(check, row, "overlaps \"%s\"", walk.row.name);
	}
	return 0;
}

static int check_table(const struct certctl_field *fields, const struct check *check)
{
	static int (*const checks[])(const struct certctl_field *, const struct check *) = { check_texts, check_type,
		check_bounds, check_choices, check_nested, check_fallback };
	struct certctl_field_walk walk = certctl_field_walk(fields, check->row_size);

	for (size_t index = 0; certctl_field_next(&walk); index++) {
		if (index == ROWS_MAX)
			return fail(check, &walk.row, "a table has at most %d rows", ROWS_MAX);
		for (size_t i = 0; i < CERTCTL_COUNT(checks); i++) {
			int rc = checks[i](&walk.row, check);

			if (rc < 0)
				return rc;
		}
		int rc = check_neighbours(fields, index, &walk.row, check);

		if (rc < 0)
			return rc;
	}
	return 0;
}

int certctl_fields_check(const struct certctl_field *fields, size_t row_size, size_t config_size,
	struct certctl_error *err)
{
	struct check check = { .row_size = row_size, .config_size = config_size, .err = err };

	if (!fields)
		return certctl_fail(err, CERTCTL_E_INVALID, "fields: no table");
	if (row_size < CERTCTL_FIELD_SIZE_1_0 || row_size % sizeof(void *) != 0)
		return certctl_fail(err, CERTCTL_E_INVALID, "fields: a row of %zu bytes, at least %zu expected",
			row_size, CERTCTL_FIELD_SIZE_1_0);
	return check_table(fields, &check);
}
