/* What the files about fields share.  Private to the library; certctl/field.h is the public part. */
#ifndef CERTCTL_LIB_FIELDS_H
#define CERTCTL_LIB_FIELDS_H

#include <certctl/field.h>
#include <certctl/json.h>

/* --- Tables (field.c) ------------------------------------------------------------------------------------------- */

/** The smallest row there is: what ABI 1.0 had. */
#define CERTCTL_FIELD_SIZE_1_0 (offsetof(struct certctl_field, flags) + sizeof(uint64_t))

/** A walk over the rows of a table, whatever the size its maker gave them; `row` is the current one, zero-extended. */
struct certctl_field_walk {
	const char *at;
	size_t row_size;
	struct certctl_field row;
};
struct certctl_field_walk certctl_field_walk(const struct certctl_field *fields, size_t row_size);
bool certctl_field_next(struct certctl_field_walk *walk);
bool certctl_field_find(const struct certctl_field *fields, size_t row_size, const char *name,
	struct certctl_field *ret);
/** Bytes of the struct that the rows speak of. */
size_t certctl_field_extent(const struct certctl_field *fields, size_t row_size);

/** What all fields of one type share. */
struct certctl_field_kind {
	const char *name;
	uint32_t size, alignment; /* of the C type; 0 for OBJECT */
	bool is_text;             /* a const char * */
	bool has_bounds;          /* min and max mean something */
	int64_t min, max;         /* the type's own bounds */
	const char *schema_type;  /* "type" in JSON Schema; NULL: text or integer */
	const char *schema_format;
	const char *pattern;
};
/** NULL when the type is none. */
const struct certctl_field_kind *certctl_field_kind(uint32_t type);
/** sizeof a member, or an item, of this type. */
size_t certctl_field_size(const struct certctl_field *row, uint32_t type);
/** The bounds in force: the row's, or the type's own. */
void certctl_field_bounds(const struct certctl_field *row, int64_t *ret_min, int64_t *ret_max);
/** "1..600", "at least 1", in the type's own notation; "" when nothing but the type bounds it. */
void certctl_field_bounds_text(const struct certctl_field *row, char *text, size_t size);
/** The row that the items of a LIST follow. */
struct certctl_field certctl_field_item(const struct certctl_field *list);
const struct certctl_choice *certctl_field_choice_by_value(const struct certctl_field *row, int value);

/** "integer, 1..600", "list of host", "a or b": what may stand there, for people. */
void certctl_field_put_type(struct certctl_buffer *out, const struct certctl_field *row);

/* --- Reading ---------------------------------------------------------------------------------------------------- */

/** Where in the document we are, from the leaf up; a place without a name is an item of a list. */
struct certctl_field_place {
	const struct certctl_field_place *parent;
	const char *name;
	size_t index;
};
#define CERTCTL_FIELD_PATH 256
/** "issuers.corp.names[2]", safe to show. */
const char *certctl_field_path(const struct certctl_field_place *place, char path[CERTCTL_FIELD_PATH]);

/** One reading of one document. */
struct certctl_field_reader {
	TALLOC_CTX *mem;
	const struct certctl_field_reading *how;
	struct certctl_error *err;
	int rc; /* the first problem's code */
};

/** One value of a type that is neither LIST nor OBJECT into `member`.  err->what says what is wrong, without the path. */
int certctl_field_read_scalar(struct certctl_field_reader *reader, const struct certctl_field_place *place,
	const struct certctl_field *row, const json_t *value, void *member, struct certctl_error *err);
/** "text", "list", ... for messages. */
const char *certctl_json_type_text(const json_t *value);

/** INVALID "unknown, nearest: ..." for a member that no row has. */
int certctl_field_unknown(const struct certctl_field *fields, size_t row_size, const char *name,
	struct certctl_error *err);

/* --- Secrets in JSON (field_secret.c) --------------------------------------------------------------------------- */

/** The text of a secret: itself, or "base64:..." when it is no UTF-8 or begins like that. */
json_t *certctl_secret_to_json(const struct certctl_secret *secret);
int certctl_secret_from_text(TALLOC_CTX *mem, const char *text, struct certctl_secret *ret, struct certctl_error *err);

#endif
