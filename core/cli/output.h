/** What came back, as the caller wants it: a table for people, tab-separated for pipes, JSON, YAML or CSV. */
#ifndef CORE_CLI_OUTPUT_H
#define CORE_CLI_OUTPUT_H

#include "api.h"

#include <stdio.h>

enum output_format { OUTPUT_TABLE = 1, OUTPUT_JSON, OUTPUT_YAML, OUTPUT_CSV };
/** 0 when there is none of that name. */
enum output_format output_format_from_name(const char *name);

struct output {
	FILE *to;
	enum output_format format;
	bool is_terminal;   /* somebody looks at it */
	const char *fields; /* members wanted, with commas, as in ?fields=; NULL: a choice */
};

/** One thing. */
int output_value(const struct output *output, const struct api *api, json_t *schema, json_t *value,
	struct certctl_error *err) CERTCTL_CHECKED;

/** Rows of a list, a page at a time: memory for one page. */
struct output_rows;
int output_rows_begin(TALLOC_CTX *mem, const struct output *output, const struct api *api, json_t *schema,
	struct output_rows **ret, struct certctl_error *err) CERTCTL_CHECKED;
int output_rows_add(struct output_rows *rows, json_t *page, struct certctl_error *err) CERTCTL_CHECKED;
/** @param rest  the last page without its rows: next_cursor, total; NULL: the list has no pages */
int output_rows_end(struct output_rows *rows, json_t *rest, struct certctl_error *err) CERTCTL_CHECKED;

/** Columns of a table: the members of `fields`, or a few that tell most.  NULL-terminated, on `mem`. */
const char **output_columns(TALLOC_CTX *mem, const struct api *api, json_t *schema, const char *fields,
	bool all_members, json_t *page);

/** Heads and cells as a table (on a terminal) or with tabs. */
int table_print(const struct output *output, const char *const *columns, json_t *rows, bool with_head,
	struct certctl_error *err) CERTCTL_CHECKED;
/** One thing as lines of name and value. */
int table_print_one(const struct output *output, json_t *value, struct certctl_error *err) CERTCTL_CHECKED;

#endif
