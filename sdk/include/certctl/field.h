/**
 * Fields, declared once.  One row says what a member of a struct is called, what it may hold and what it means.  From
 * the same rows come parsing with the path of the bad member in the message, defaults, bounds, masking of secrets, JSON
 * Schema, `--help`, sample configuration and reference pages: for a plugin's options, for configuration files and for
 * REST resources alike.
 *
 *     static const struct certctl_field web_options[] = {
 *             CERTCTL_OPTION(struct web_config, url,       CERTCTL_URL,      .required = true, .help = "Where to post."),
 *             CERTCTL_OPTION(struct web_config, timeout_s, CERTCTL_INTEGER,  .fallback = "30", .min = 1, .max = 600,
 *                            .help = "Request timeout in seconds."),
 *             { 0 }
 *     };
 */
#ifndef CERTCTL_FIELD_H
#define CERTCTL_FIELD_H

#include <certctl/buffer.h>
#include <certctl/error.h>
#include <certctl/secret.h>
#include <certctl/time.h>
#include <jansson.h>
#include <stdio.h>
#include <talloc.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a field holds; beside it the C type of the struct member, checked when the row is compiled. */
enum certctl_field_type {
	CERTCTL_TEXT = 1, /* const char *: UTF-8, no control characters; min and max bound its length in bytes */
	CERTCTL_INTEGER,  /* int64_t */
	CERTCTL_BOOLEAN,  /* bool */
	CERTCTL_DURATION, /* struct certctl_duration: text such as "90d", or a number of seconds; bounds in seconds */
	CERTCTL_SIZE,     /* struct certctl_size: text such as "1MiB", or a number of bytes; bounds in bytes */
	CERTCTL_URL,      /* const char *: absolute, with a host; schemes as `choices` say (default: https only) */
	CERTCTL_HOST,     /* const char *: DNS name or IP address, optionally with `:port`; canonical form */
	CERTCTL_PATH,     /* const char *: absolute, without "." and ".." parts; path_access says what happens to it */
	CERTCTL_EMAIL,    /* const char *: one address, RFC 5321 mailbox */
	CERTCTL_ENUM,     /* int: the value of one of `choices` */
	CERTCTL_SECRET, /* struct certctl_secret: literal, "base64:..." for bytes, or a reference that the reader resolves */
	CERTCTL_LIST,      /* struct certctl_list: of item_type; min and max bound the count */
	CERTCTL_OBJECT,    /* a struct of nested_size described by `nested` */
	CERTCTL_TIME,      /* struct certctl_time: RFC 3339 */
	CERTCTL_REFERENCE, /* const char *: id of another object, of the kind that `refers_to` names */
	CERTCTL_FIELD_TYPE_COUNT,
};

/** What an operation does with the file a CERTCTL_PATH names: the sandbox opens that and nothing else. */
enum certctl_path_access {
	CERTCTL_PATH_NONE = 0, /* only a text to us */
	CERTCTL_PATH_READ,     /* this file or everything below this directory is read */
	CERTCTL_PATH_WRITE,    /* it is read, written, created and removed */
};

struct certctl_choice {
	const char *name; /* a row with NULL ends the table */
	int value;        /* not 0 */
	const char *help;
};

/** `count` items side by side, of the C type of item_type.  Frozen since ABI 1.0. */
struct certctl_list {
	size_t count;
	void *items;
};

/** One row.  A row without a name ends the table.  Grows only at the end: tables are walked by the size of their maker. */
struct certctl_field {
	const char *name;
	uint32_t type;      /* enum certctl_field_type */
	uint32_t item_type; /* of a CERTCTL_LIST: any type but LIST */
	uint32_t offset;    /* of the member in the struct */
	uint32_t length;    /* sizeof the member */
	bool required;
	bool advanced;        /* left out of the short help and of sample files */
	uint32_t path_access; /* enum certctl_path_access */
	const char *fallback; /* the default, as it would be written; NULL: zero, empty */
	int64_t min, max;     /* both 0: the type's own bounds; min alone: nothing above it */
	const struct certctl_choice *choices;
	const struct certctl_field *nested; /* of an OBJECT, or of a LIST of OBJECT */
	size_t nested_size;
	const char *refers_to; /* "owner", "profile", ... */
	const char *env;  /* environment variable that supplies it when the document does not; read by the core only */
	const char *help; /* a sentence for operators */
	uint64_t flags;   /* for the owner of the table; 0 in a plugin's options */
};

#define CERTCTL_OPTION(T, member, TYPE, ...)                                                                           \
	{                                                                                                              \
		.name = #member, .type = (TYPE), .offset = (uint32_t)offsetof(T, member),                              \
		.length = (uint32_t)(sizeof(((T *)0)->member) + CERTCTL_FIELD_CHECK(((T *)0)->member, TYPE)),          \
		__VA_ARGS__                                                                                            \
	}

/* 0, or a compile-time error when the C type of the member is not the one that the field type needs. */
#define CERTCTL_FIELD_CHECK(member, TYPE)                                                                              \
	(0 * sizeof(struct {                                                                                           \
		_Static_assert(CERTCTL_FIELD_MEMBER_FITS(member, TYPE), "member has the wrong C type for its field");  \
		int unused_;                                                                                           \
	}))
/* clang-format off */
#define CERTCTL_FIELD_MEMBER_FITS(member, TYPE)                                                                        \
	_Generic((member),                                                                                             \
		const char *: (TYPE) == CERTCTL_TEXT || (TYPE) == CERTCTL_URL || (TYPE) == CERTCTL_HOST ||             \
			(TYPE) == CERTCTL_PATH || (TYPE) == CERTCTL_EMAIL || (TYPE) == CERTCTL_REFERENCE,              \
		int64_t: (TYPE) == CERTCTL_INTEGER,                                                                    \
		bool: (TYPE) == CERTCTL_BOOLEAN,                                                                       \
		struct certctl_duration: (TYPE) == CERTCTL_DURATION,                                                   \
		struct certctl_size: (TYPE) == CERTCTL_SIZE,                                                           \
		struct certctl_time: (TYPE) == CERTCTL_TIME,                                                           \
		int: (TYPE) == CERTCTL_ENUM,                                                                           \
		struct certctl_secret: (TYPE) == CERTCTL_SECRET,                                                       \
		struct certctl_list: (TYPE) == CERTCTL_LIST,                                                           \
		default: (TYPE) == CERTCTL_OBJECT)
/* clang-format on */

CERTCTL_API const char *certctl_field_type_name(uint32_t type);

/** Turn the text of a secret option into its bytes ("file:..." and "credential:..." in configuration files). */
typedef int certctl_secret_resolver_fn(void *arg, const char *path, const char *text, TALLOC_CTX *mem,
	struct certctl_secret *ret, struct certctl_error *err);
/** The value of an environment alias, or NULL.  Borrowed until the parse returns. */
typedef const char *certctl_env_fn(void *arg, const char *name);
/** Told of every bad member, when more than the first one is wanted. `path` is "issuers.corp.timeout_s". */
typedef void certctl_problem_fn(void *arg, const char *path, const char *detail);

/** How a document is read.  All zero: strictly, with defaults, secrets literal, no environment. */
struct certctl_field_reading {
	const char *path; /* what the document is called in messages: "issuers.corp"; NULL: nothing */
	bool is_partial;  /* a merge patch: absent members keep what the struct holds, null resets to the default */
	certctl_secret_resolver_fn *resolve_secret;
	certctl_env_fn *env;
	certctl_problem_fn *problem;
	void *arg; /* of the three */
};

/**
 * Fill `config` (zeroed, or current values when is_partial) from a JSON object.  Unknown members, wrong types, values
 * out of bounds and missing required members are refused: INVALID, "issuers.corp.timeout_s: 1..600 expected, got 0".
 * An optional object that is absent gets its members' defaults and none of them is asked for.  null stands for absent.
 * The mask "***" is refused as a secret.
 * @param row_size  sizeof(struct certctl_field) where the table was compiled
 * @param mem       owns every string and list put into `config`; secrets are wiped with it
 * @return 0, or the first problem; `config` is unchanged then when is_partial, undefined otherwise
 */
CERTCTL_API int certctl_fields_parse(TALLOC_CTX *mem, const struct certctl_field *fields, size_t row_size,
	const json_t *in, const struct certctl_field_reading *how, void *config,
	struct certctl_error *err) CERTCTL_CHECKED;

/** Check the table itself: types, bounds, that every default parses.  For plugins that come from elsewhere. */
CERTCTL_API int certctl_fields_check(const struct certctl_field *fields, size_t row_size, size_t config_size,
	struct certctl_error *err) CERTCTL_CHECKED;

enum certctl_field_show {
	CERTCTL_SHOW_MASKED = 1, /* secrets that are set print as "***" */
	CERTCTL_SHOW_SECRETS,    /* as they are; for the pipe to the plugin's own process alone */
};
/** The struct as a JSON object that reads back as the same struct; what is unset is null.  NULL when out of memory.  Caller json_decref()s. */
CERTCTL_API json_t *certctl_fields_to_json(const struct certctl_field *fields, size_t row_size, const void *config,
	enum certctl_field_show show);
/** A document as it was written, with every secret member masked; unknown members are kept out. */
CERTCTL_API json_t *certctl_fields_mask(const struct certctl_field *fields, size_t row_size, const json_t *document);

/**
 * What a text of the environment or of a command line stands for, as the type of its row says: "8" is a number, "a,b" a list, anything
 * else a text, which parsing then judges.  NULL: out of memory, or not UTF-8.
 */
CERTCTL_API json_t *certctl_field_json_of_text(const struct certctl_field *row, const char *text);

/** JSON Schema 2020-12 of the object.  NULL when out of memory. */
CERTCTL_API json_t *certctl_fields_schema(const struct certctl_field *fields, size_t row_size);
/** `--help`: one paragraph a field, wrapped at 100 columns. */
CERTCTL_API void certctl_fields_help(const struct certctl_field *fields, size_t row_size, struct certctl_buffer *out);
/** A Markdown table for the reference pages. */
CERTCTL_API void certctl_fields_reference(const struct certctl_field *fields, size_t row_size,
	struct certctl_buffer *out);
/** Commented YAML with every default, `indent` spaces deep, for sample configuration. */
CERTCTL_API void certctl_fields_sample(const struct certctl_field *fields, size_t row_size, int indent,
	struct certctl_buffer *out);

/**
 * The table as JSON and back: how a plugin's process tells its parent what the plugin's options are, so that the parent
 * validates without ever loading the plugin.  Rows made from JSON are allocated on `mem` and have
 * sizeof(struct certctl_field) as their row size; offsets are kept.
 */
CERTCTL_API json_t *certctl_fields_describe(const struct certctl_field *fields, size_t row_size);
CERTCTL_API int certctl_fields_from_description(TALLOC_CTX *mem, const json_t *description,
	const struct certctl_field **ret_fields, size_t *ret_config_size, struct certctl_error *err) CERTCTL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
