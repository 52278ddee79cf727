/* What the files that read YAML share.  Private to the library; certctl/yaml.h is the public part. */
#ifndef CERTCTL_LIB_YAML_IN_H
#define CERTCTL_LIB_YAML_IN_H

#include <certctl/yaml.h>

/* --- Places (yaml_places.c) ------------------------------------------------------------------------------------------ */

/** Where a member or an item stands, and what is below it.  Lines and columns count from 1. */
struct certctl_yaml_places {
	char *key; /* NULL: an item of a list */
	size_t index;
	int line, column;
	struct certctl_yaml_places *first, *last, *next;
};

/** A new last child of `parent`, allocated on it; NULL when out of memory.  `key` is copied. */
struct certctl_yaml_places *certctl_yaml_place_add(struct certctl_yaml_places *parent, const char *key, size_t index,
	int line, int column);

/* --- Events (yaml_events.c) ------------------------------------------------------------------------------------------ */

/** Fill root and places of a new document; root stays NULL when the text holds none.  All limits are set. */
int certctl_yaml_read_tree(struct certctl_yaml *yaml, const char *text, size_t len,
	const struct certctl_json_limits *limits, struct certctl_error *err);

/* --- Quotes (yaml_quotes.c) ------------------------------------------------------------------------------------------ */

/** What stands between single quotes, doubled quotes and folded lines resolved; NULL when out of memory. */
char *certctl_yaml_unquote(TALLOC_CTX *mem, const char *raw, size_t len, size_t *ret_len);

/* --- Scalars (yaml_scalar.c) ----------------------------------------------------------------------------------------- */

/**
 * A plain scalar by the core schema (YAML 1.2.2, section 10.3.2): null, boolean, integer, number or text.
 * INVALID for what JSON cannot hold: .inf, .nan, integers beyond 64 bits, bytes that are no text.
 */
int certctl_yaml_plain(const char *text, size_t len, json_t **ret, struct certctl_error *err);
/** A quoted or block scalar: text, whatever it looks like. */
int certctl_yaml_quoted(const char *text, size_t len, json_t **ret, struct certctl_error *err);

#endif
