/* A JSON object into a struct: unknown and missing members, defaults, lists, nested objects, merge patches. */
#include "fields.h"
#include "utf8.h"

#include <certctl/name.h>

#include <string.h>

/* How the members of an object are taken. */
enum mode {
	WHOLE = 1, /* absent members get their defaults; required ones must be there */
	PARTIAL,   /* absent members stay as they are */
	ABSENT,    /* the object itself is not there and need not be: defaults only */
};

static size_t append_place(const struct certctl_field_place *place, char *path, size_t size)
{
	char name[64];
	size_t len = place->parent ? append_place(place->parent, path, size) : 0;

	if (!place->name)
		len += (size_t)snprintf(path + len, size - len, "[%zu]", place->index);
	else if (place->name[0])
		len += (size_t)snprintf(path + len, size - len, "%s%s", len > 0 ? "." : "",
			certctl_utf8_show(place->name, strlen(place->name), name, sizeof(name)));
	return len < size ? len : size - 1;
}

const char *certctl_field_path(const struct certctl_field_place *place, char path[CERTCTL_FIELD_PATH])
{
	path[0] = 0;
	append_place(place, path, CERTCTL_FIELD_PATH);
	return path;
}

/* Tell of a problem: the first becomes the reader's error, all go to the callback. */
static void report(struct certctl_field_reader *reader, const struct certctl_field_place *place,
	const struct certctl_error *why)
{
	char path[CERTCTL_FIELD_PATH];

	certctl_field_path(place, path);
	if (reader->rc == 0) {
		reader->rc = why->code;
		if (reader->err)
			*reader->err = *why;
		if (path[0])
			certctl_error_prefix(reader->err, "%s", path);
	}
	if (reader->how->problem)
		reader->how->problem(reader->how->arg, path, why->what);
}

static void report_text(struct certctl_field_reader *reader, const struct certctl_field_place *place,
	enum certctl_code code, const char *text)
{
	struct certctl_error why;

	certctl_fail(&why, code, "%s", text);
	report(reader, place, &why);
}

static bool is_done(const struct certctl_field_reader *reader)
{
	return reader->rc == CERTCTL_E_NO_MEMORY || (reader->rc < 0 && !reader->how->problem);
}

static void read_members(struct certctl_field_reader *reader, const struct certctl_field_place *place,
	const struct certctl_field *fields, size_t row_size, const json_t *in, void *base, enum mode mode);

static void read_item(struct certctl_field_reader *reader, const struct certctl_field_place *place,
	const struct certctl_field *row, size_t row_size, const json_t *value, void *member)
{
	struct certctl_error why;

	if (row->type != CERTCTL_OBJECT) {
		if (certctl_field_read_scalar(reader, place, row, value, member, &why) < 0)
			report(reader, place, &why);
		return;
	}
	if (json_is_object(value))
		read_members(reader, place, row->nested, row_size, value, member, WHOLE);
	else
		report_text(reader, place, CERTCTL_E_INVALID, "object expected");
}

static bool list_has_room(struct certctl_field_reader *reader, const struct certctl_field_place *place,
	const struct certctl_field *row, size_t count)
{
	char bounds[80];
	int64_t min, max;
	struct certctl_error why;

	certctl_field_bounds(row, &min, &max);
	if ((int64_t)count >= min && (int64_t)count <= max)
		return true;
	certctl_field_bounds_text(row, bounds, sizeof(bounds));
	if (bounds[0])
		certctl_fail(&why, CERTCTL_E_INVALID, "%s items expected, got %zu", bounds, count);
	else
		certctl_fail(&why, CERTCTL_E_LIMIT, "more than %lld items", (long long)max);
	report(reader, place, &why);
	return false;
}

static void read_list(struct certctl_field_reader *reader, const struct certctl_field_place *place,
	const struct certctl_field *row, size_t row_size, const json_t *value, struct certctl_list *list)
{
	struct certctl_field item = certctl_field_item(row);
	size_t count = json_array_size(value);

	if (!json_is_array(value)) {
		struct certctl_error why;

		certctl_fail(&why, CERTCTL_E_INVALID, "list expected, got %s", certctl_json_type_text(value));
		report(reader, place, &why);
		return;
	}
	if (!list_has_room(reader, place, row, count))
		return;
	char *items = talloc_zero_size(reader->mem, count * item.length); /* both small: bounded above, uint32_t */

	if (!items) {
		report_text(reader, place, CERTCTL_E_NO_MEMORY, "out of memory");
		return;
	}
	for (size_t i = 0; i < count && !is_done(reader); i++) {
		struct certctl_field_place here = { .parent = place, .index = i };

		read_item(reader, &here, &item, row_size, json_array_get(value, i), items + i * item.length);
	}
	*list = (struct certctl_list){ .count = count, .items = items };
}

static const char *from_environment(const struct certctl_field_reader *reader, const struct certctl_field *row)
{
	return row->env && reader->how->env ? reader->how->env(reader->how->arg, row->env) : NULL;
}

/* Does the environment supply a member of an object that the document does not have? */
static bool environment_has_some(const struct certctl_field_reader *reader, const struct certctl_field *fields,
	size_t row_size)
{
	struct certctl_field_walk walk = certctl_field_walk(fields, row_size);

	while (certctl_field_next(&walk))
		if (from_environment(reader, &walk.row) ||
			(walk.row.type == CERTCTL_OBJECT && environment_has_some(reader, walk.row.nested, row_size)))
			return true;
	return false;
}

static void read_object(struct certctl_field_reader *reader, const struct certctl_field_place *place,
	const struct certctl_field *row, size_t row_size, const json_t *value, void *member, enum mode mode)
{
	bool is_there = value && !json_is_null(value);

	if (is_there && !json_is_object(value)) {
		struct certctl_error why;

		certctl_fail(&why, CERTCTL_E_INVALID, "object expected, got %s", certctl_json_type_text(value));
		report(reader, place, &why);
		return;
	}
	/* A required object that is not there is read as {}: the message then names the member that is missing. */
	enum mode inner = is_there && mode == PARTIAL ? PARTIAL : WHOLE;

	if (!is_there && (!row->required || mode == ABSENT) && !environment_has_some(reader, row->nested, row_size))
		inner = ABSENT;
	read_members(reader, place, row->nested, row_size, is_there ? value : NULL, member, inner);
}

/* What stands for a member that is not there, as JSON of our own; NULL: nothing does, or a problem was reported. */
static json_t *substitute(struct certctl_field_reader *reader, const struct certctl_field_place *place,
	const struct certctl_field *row, enum mode mode)
{
	const char *text = from_environment(reader, row);

	if (!text)
		text = row->fallback;
	if (!text) {
		if (row->required && mode != ABSENT)
			report_text(reader, place, CERTCTL_E_INVALID, "required");
		return NULL;
	}
	json_t *value = certctl_field_json_of_text(row, text);

	if (!value && certctl_utf8_is_valid(text, strlen(text)))
		report_text(reader, place, CERTCTL_E_NO_MEMORY, "out of memory");
	else if (!value)
		report_text(reader, place, CERTCTL_E_INVALID, "UTF-8 expected in the environment");
	return value;
}

static void read_member(struct certctl_field_reader *reader, const struct certctl_field_place *place,
	const struct certctl_field *row, size_t row_size, const json_t *value, void *member, enum mode mode)
{
	CERTCTL_AUTO(json_decref) json_t *own = NULL;

	if (!value && mode == PARTIAL)
		return;
	if (mode == PARTIAL && (json_is_null(value) || row->type == CERTCTL_LIST))
		memset(member, 0, row->length);
	if (row->type == CERTCTL_OBJECT) {
		read_object(reader, place, row, row_size, value, member, mode);
		return;
	}
	if (!value || json_is_null(value)) {
		own = substitute(reader, place, row, mode);
		if (!own)
			return;
		value = own;
	}
	if (row->type == CERTCTL_LIST)
		read_list(reader, place, row, row_size, value, member);
	else
		read_item(reader, place, row, row_size, value, member);
}

static void refuse_unknown(struct certctl_field_reader *reader, const struct certctl_field_place *place,
	const struct certctl_field *fields, size_t row_size, const json_t *in)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)in, name, value)
	{
		struct certctl_field_place here = { .parent = place, .name = name };
		struct certctl_error why;

		if (certctl_field_unknown(fields, row_size, name, &why) < 0)
			report(reader, &here, &why);
		if (is_done(reader))
			return;
	}
}

static void read_members(struct certctl_field_reader *reader, const struct certctl_field_place *place,
	const struct certctl_field *fields, size_t row_size, const json_t *in, void *base, enum mode mode)
{
	struct certctl_field_walk walk = certctl_field_walk(fields, row_size);

	refuse_unknown(reader, place, fields, row_size, in);
	while (!is_done(reader) && certctl_field_next(&walk)) {
		struct certctl_field_place here = { .parent = place, .name = walk.row.name };

		read_member(reader, &here, &walk.row, row_size, json_object_get(in, walk.row.name),
			(char *)base + walk.row.offset, mode);
	}
}

int certctl_fields_parse(TALLOC_CTX *mem, const struct certctl_field *fields, size_t row_size, const json_t *in,
	const struct certctl_field_reading *how, void *config, struct certctl_error *err)
{
	static const struct certctl_field_reading plain = { 0 };
	struct certctl_field_reader reader = { .mem = talloc_new(mem), .how = how ? how : &plain, .err = err };
	struct certctl_field_place place = { .name = reader.how->path ? reader.how->path : "" };
	size_t extent = certctl_field_extent(fields, row_size);
	/* A merge patch works on a copy, so that a refused one changes nothing. */
	void *copy = reader.how->is_partial ? talloc_memdup(reader.mem, config, extent) : config;

	if (!reader.mem || (!copy && extent > 0)) {
		talloc_free(reader.mem);
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	}
	if (json_is_object(in))
		read_members(&reader, &place, fields, row_size, in, copy, reader.how->is_partial ? PARTIAL : WHOLE);
	else
		report_text(&reader, &place, CERTCTL_E_INVALID, "object expected");
	if (reader.rc < 0) {
		talloc_free(reader.mem);
		return reader.rc;
	}
	if (reader.how->is_partial && extent > 0) {
		memcpy(config, copy, extent);
		talloc_free(copy);
	}
	return 0;
}
