/* Structs as JSON text, driven by tables of members.  Knows no struct by name: those are in wire_*.c. */
#include "wire.h"

#include <string.h>

/* As large as any frame, and more: an escape takes six bytes. */
#define TREE_MAX ((size_t)48 * 1024 * 1024)

static const void *at(const struct certctl_wire_member *member, const void *value)
{
	return (const char *)value + member->offset;
}

/* The pointer a member holds, whatever it points to. */
static const void *pointer_at(const struct certctl_wire_member *member, const void *value)
{
	const void *pointer;

	memcpy(&pointer, at(member, value), sizeof(pointer));
	return pointer;
}

static uint32_t unsigned_at(const struct certctl_wire_member *member, const void *value)
{
	uint16_t narrow;
	uint32_t wide;

	if (member->length == sizeof(narrow)) {
		memcpy(&narrow, at(member, value), sizeof(narrow));
		return narrow;
	}
	memcpy(&wide, at(member, value), sizeof(wide));
	return wide;
}

static int64_t signed_at(const struct certctl_wire_member *member, const void *value)
{
	int32_t narrow;
	int64_t wide;

	if (member->length == sizeof(narrow)) {
		memcpy(&narrow, at(member, value), sizeof(narrow));
		return narrow;
	}
	memcpy(&wide, at(member, value), sizeof(wide));
	return wide;
}

/* These return false for what has no JSON. */

static bool append_text(struct certctl_buffer *out, const char *text, size_t len)
{
	if (!certctl_utf8_is_valid(text, len))
		return false;
	certctl_buffer_json_string(out, text, len);
	return true;
}

static bool append_texts(struct certctl_buffer *out, const char *const *texts)
{
	char before = '[';

	for (; *texts; texts++, before = ',') {
		certctl_buffer_append(out, &before, 1);
		if (!append_text(out, *texts, strlen(*texts)))
			return false;
	}
	certctl_buffer_puts(out, before == '[' ? "[]" : "]");
	return true;
}

static void put_hex(char *to, const unsigned char *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		to[2 * i] = digits[bytes[i] >> 4];
		to[2 * i + 1] = digits[bytes[i] & 15];
	}
}

static bool append_hex(struct certctl_buffer *out, const struct certctl_bytes *bytes)
{
	char digits[256];
	size_t piece;

	certctl_buffer_append(out, "\"", 1);
	for (size_t done = 0; done < bytes->len; done += piece) {
		piece = bytes->len - done < sizeof(digits) / 2 ? bytes->len - done : sizeof(digits) / 2;
		put_hex(digits, bytes->data + done, piece);
		certctl_buffer_append(out, digits, 2 * piece);
	}
	certctl_buffer_append(out, "\"", 1);
	return true;
}

static bool append_named(struct certctl_buffer *out, const struct certctl_wire_member *member, uint32_t value)
{
	for (uint32_t i = 1; member->names[i]; i++)
		if (i == value)
			return append_text(out, member->names[i], strlen(member->names[i]));
	return false;
}

static bool append_simple(struct certctl_buffer *out, const struct certctl_wire_member *member, const void *value)
{
	const struct certctl_secret *secret;
	const char *text;

	switch (member->type) {
	case CERTCTL_WIRE_TEXT:
		text = pointer_at(member, value);
		return append_text(out, text, strlen(text));
	case CERTCTL_WIRE_BOOL:
		certctl_buffer_puts(out, *(const bool *)at(member, value) ? "true" : "false");
		return true;
	case CERTCTL_WIRE_I32:
	case CERTCTL_WIRE_I64:
		certctl_buffer_integer(out, signed_at(member, value));
		return true;
	case CERTCTL_WIRE_U16:
	case CERTCTL_WIRE_U32:
		certctl_buffer_integer(out, unsigned_at(member, value));
		return true;
	case CERTCTL_WIRE_TEXTS:
		return append_texts(out, pointer_at(member, value));
	case CERTCTL_WIRE_SECRET:
		secret = pointer_at(member, value);
		return append_text(out, (const char *)secret->data, secret->len);
	case CERTCTL_WIRE_BYTES:
		return append_hex(out, at(member, value));
	default:
		return append_named(out, member, unsigned_at(member, value));
	}
}

static bool is_left_out(const struct certctl_wire_member *member, const void *value)
{
	switch (member->type) {
	case CERTCTL_WIRE_TEXT:
	case CERTCTL_WIRE_TEXTS:
	case CERTCTL_WIRE_SECRET:
	case CERTCTL_WIRE_ROWS:
		return !pointer_at(member, value);
	case CERTCTL_WIRE_NAMED:
		return unsigned_at(member, value) == 0;
	default:
		return false;
	}
}

static int append_member(struct certctl_buffer *out, const struct certctl_wire *wire,
	const struct certctl_wire_member *member, const void *value, struct certctl_error *err)
{
	/* Names of members in C need no quoting. */
	certctl_buffer_append(out, "\"", 1);
	certctl_buffer_puts(out, member->name);
	certctl_buffer_append(out, "\":", 2);
	if (member->type == CERTCTL_WIRE_ROWS) {
		int rc = certctl_wire_append_rows(out, member->rows, pointer_at(member, value), err);

		return rc < 0 ? certctl_error_prefix(err, "%s.%s", wire->name, member->name), rc : 0;
	}
	return append_simple(out, member, value)
		       ? 0
		       : certctl_fail(err, CERTCTL_E_INVALID, "%s.%s: not UTF-8, or a value out of range", wire->name,
				 member->name);
}

int certctl_wire_append(struct certctl_buffer *out, const struct certctl_wire *wire, const void *value,
	struct certctl_error *err)
{
	char before = '{';

	if (!value) {
		certctl_buffer_puts(out, "null");
		return 0;
	}
	for (const struct certctl_wire_member *member = wire->members; member->name; member++) {
		if (is_left_out(member, value))
			continue;
		certctl_buffer_append(out, &before, 1);
		before = ',';
		int rc = append_member(out, wire, member, value, err);

		if (rc < 0)
			return rc;
	}
	certctl_buffer_puts(out, before == '{' ? "{}" : "}");
	return 0;
}

int certctl_wire_append_rows(struct certctl_buffer *out, const struct certctl_wire *wire, const void *rows,
	struct certctl_error *err)
{
	char before = '[';

	for (const void *const *row = rows; row && *row; row++, before = ',') {
		certctl_buffer_append(out, &before, 1);
		int rc = certctl_wire_append(out, wire, *row, err);

		if (rc < 0)
			return rc;
	}
	certctl_buffer_puts(out, before == '[' ? "[]" : "]");
	return 0;
}

/* A tree is the text, read: for the few who change or compare it.  Takes the text. */
static int text_to_tree(struct certctl_buffer *text, int rc, const char *name, json_t **ret, struct certctl_error *err)
{
	static const struct certctl_json_limits limits = {
		.max_bytes = TREE_MAX, .max_depth = 40, .max_nodes = 200000
	};

	if (rc == 0 && (rc = certctl_buffer_finish(text, err)) < 0)
		certctl_error_prefix(err, "%s", name);
	if (rc == 0)
		rc = certctl_json_parse(text->data, text->len, &limits, ret, err);
	certctl_wipe(text->data, text->len);
	talloc_free(text->data);
	return rc;
}

int certctl_wire_to_json(const struct certctl_wire *wire, const void *value, json_t **ret, struct certctl_error *err)
{
	struct certctl_buffer text;

	certctl_buffer_init(&text, NULL, TREE_MAX);
	return text_to_tree(&text, certctl_wire_append(&text, wire, value, err), wire->name, ret, err);
}

int certctl_wire_rows_to_json(const struct certctl_wire *wire, const void *rows, json_t **ret,
	struct certctl_error *err)
{
	struct certctl_buffer text;

	certctl_buffer_init(&text, NULL, TREE_MAX);
	return text_to_tree(&text, certctl_wire_append_rows(&text, wire, rows, err), wire->name, ret, err);
}
