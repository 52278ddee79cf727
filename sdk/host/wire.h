/**
 * The structs of issuer.h, target.h and notifier.h as JSON and back, for the frames between a plugin's process and its parent.
 * A struct is a table of its members; both directions walk the same table, so they cannot disagree.
 *
 *     static const struct certctl_wire_member probe_members[] = {
 *             CERTCTL_WIRE(struct certctl_probe, address, .required = true),
 *             CERTCTL_WIRE(struct certctl_probe, port),
 *             CERTCTL_WIRE_ENUM(struct certctl_probe, key_type, certctl_wire_key_types),
 *             { 0 }
 *     };
 *
 * Reading ignores members it does not know, so either side may be newer than the other.
 */
#ifndef CERTCTL_WIRE_H
#define CERTCTL_WIRE_H

#include <certctl/buffer.h>
#include <certctl/issuer.h>
#include <certctl/json.h>
#include <certctl/notifier.h>
#include <certctl/target.h>

/** What a member is in C; in JSON a text, boolean, number, array or object, as one would expect. */
enum certctl_wire_type {
	CERTCTL_WIRE_TEXT = 1, /* const char *; NULL is left out */
	CERTCTL_WIRE_BOOL,
	CERTCTL_WIRE_I32,
	CERTCTL_WIRE_I64,
	CERTCTL_WIRE_U16,
	CERTCTL_WIRE_U32,
	CERTCTL_WIRE_TEXTS,  /* const char *const *, NULL-terminated; NULL is left out */
	CERTCTL_WIRE_SECRET, /* const struct certctl_secret *: UTF-8, as text */
	CERTCTL_WIRE_BYTES,  /* struct certctl_bytes: hexadecimal */
	CERTCTL_WIRE_ROWS,   /* pointers to structs of `rows`, NULL-terminated; NULL is left out */
	CERTCTL_WIRE_NAMED,  /* uint32_t or uint16_t with a name for each value; 0 is left out */
};

struct certctl_wire;
struct certctl_wire_member {
	const char *name;
	uint32_t type;   /* enum certctl_wire_type */
	uint32_t offset; /* in the struct */
	uint32_t length; /* sizeof the member */
	bool required;   /* reading without it fails */
	const struct certctl_wire *rows;
	const char *const *names; /* by value, from 0 (NULL); ended by a second NULL */
};
struct certctl_wire {
	const char *name; /* for messages: "order" */
	size_t size;
	const struct certctl_wire_member *members;
};

/* clang-format off */
#define CERTCTL_WIRE_TYPE_OF(member)                                                                                   \
	_Generic((member),                                                                                             \
		const char *: CERTCTL_WIRE_TEXT, char *: CERTCTL_WIRE_TEXT, bool: CERTCTL_WIRE_BOOL,                   \
		int32_t: CERTCTL_WIRE_I32, int64_t: CERTCTL_WIRE_I64,                                                  \
		uint16_t: CERTCTL_WIRE_U16, uint32_t: CERTCTL_WIRE_U32,                                                \
		const char *const *: CERTCTL_WIRE_TEXTS,                                                               \
		const struct certctl_secret *: CERTCTL_WIRE_SECRET,                                                    \
		struct certctl_bytes: CERTCTL_WIRE_BYTES)
/* clang-format on */
#define CERTCTL_WIRE_AT(T, member)                                                                                     \
	.name = #member, .offset = (uint32_t)offsetof(T, member), .length = (uint32_t)sizeof(((T *)0)->member)
#define CERTCTL_WIRE(T, member, ...)                                                                                   \
	{                                                                                                              \
		CERTCTL_WIRE_AT(T, member), .type = CERTCTL_WIRE_TYPE_OF(((T *)0)->member), __VA_ARGS__                \
	}
#define CERTCTL_WIRE_ROWS_OF(T, member, row_wire)                                                                      \
	{                                                                                                              \
		CERTCTL_WIRE_AT(T, member), .type = CERTCTL_WIRE_ROWS, .rows = (row_wire)                              \
	}
#define CERTCTL_WIRE_ENUM(T, member, value_names)                                                                      \
	{                                                                                                              \
		CERTCTL_WIRE_AT(T, member), .type = CERTCTL_WIRE_NAMED, .names = (value_names)                         \
	}

/** Append the struct's text.  INVALID names the member that has no JSON (not UTF-8, no name for its value).  NULL: null. */
int certctl_wire_append(struct certctl_buffer *out, const struct certctl_wire *wire, const void *value,
	struct certctl_error *err) CERTCTL_CHECKED;
/** The same for NULL-terminated arrays of pointers. */
int certctl_wire_append_rows(struct certctl_buffer *out, const struct certctl_wire *wire, const void *rows,
	struct certctl_error *err) CERTCTL_CHECKED;
/** Both as trees. */
int certctl_wire_to_json(const struct certctl_wire *wire, const void *value, json_t **ret,
	struct certctl_error *err) CERTCTL_CHECKED;
int certctl_wire_rows_to_json(const struct certctl_wire *wire, const void *rows, json_t **ret,
	struct certctl_error *err) CERTCTL_CHECKED;
/** Fill a zeroed struct; everything in it is on `mem`.  INVALID names the member that is missing or wrong. */
int certctl_wire_from_json(TALLOC_CTX *mem, const struct certctl_wire *wire, const json_t *in, void *ret,
	struct certctl_error *err) CERTCTL_CHECKED;
/** The same for NULL-terminated arrays of pointers. */
int certctl_wire_rows_from_json(TALLOC_CTX *mem, const struct certctl_wire *wire, const json_t *in, const void **ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/** Overwrite every text in a tree that nobody else holds: it carried secrets and is about to go. */
void certctl_wire_wipe(json_t *tree);

/** A value that is one text, of {"<name>": text}. */
int certctl_wire_text_from_json(TALLOC_CTX *mem, const char *name, const json_t *in, const char **ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/** Copy a text that may hold anything: cut to `size`, control characters and what is not UTF-8 as "?". */
void certctl_wire_clean(char *out, size_t size, const char *text);

/** Errors travel whole; what comes from a plugin's side is cut and cleaned of control characters. */
json_t *certctl_wire_error_to_json(const struct certctl_error *err);
int certctl_wire_error_from_json(const json_t *in, struct certctl_error *err);

/* wire_common.c */
extern const struct certctl_wire certctl_wire_name, certctl_wire_fact, certctl_wire_info, certctl_wire_challenge;
extern const char *const certctl_wire_key_types[];
extern const char *const certctl_wire_kinds[]; /* enum certctl_plugin_kind: NULL "issuer" "target" "notifier" */
/* wire_issuer.c */
extern const struct certctl_wire certctl_wire_order, certctl_wire_issued, certctl_wire_renewal_window;
extern const char *const certctl_wire_sign_kinds[];
/* wire_target.c */
extern const struct certctl_wire certctl_wire_bundle, certctl_wire_plan, certctl_wire_inventory_item;
/* wire_notifier.c */
extern const struct certctl_wire certctl_wire_message, certctl_wire_receipt;

/** The value with this name, 0 when there is none. */
uint32_t certctl_wire_value_of(const char *const *names, const char *name);

#endif
