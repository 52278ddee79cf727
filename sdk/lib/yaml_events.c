/* YAML into a JSON tree, event by event: libfyaml scans, we decide what is allowed and count what is built. */
#include "utf8.h"
#include "yaml_in.h"

#include <libfyaml.h>
#include <string.h>

/* A value that an alias can repeat.  Its own size counts again each time: ten anchors can say a billion values. */
struct anchor {
	char *name;
	json_t *value;
	size_t nodes, height;
	struct anchor *next;
};

struct reader {
	const char *file;
	struct certctl_json_limits limits;
	struct fy_diag *diag;
	struct fy_parser *parser;
	const char *source; /* what is parsed: single quotes are resolved from it */
	struct anchor *anchors;
	size_t nodes;
	struct certctl_error *err;
};

/* What was read: the caller's to json_decref. */
struct node {
	json_t *value;
	size_t height; /* lists and objects on the way to the deepest leaf */
};

static int read_node(struct reader *reader, struct fy_event *event, size_t depth, struct certctl_yaml_places *place,
	struct node *ret);

/* --- Errors: "<file>:<line>:<column>: <what>" ------------------------------------------------------------------------ */

/* The scanner's marks count from 0, and leave out the quote or the asterisk. */
static void locate(struct fy_event *event, int *ret_line, int *ret_column)
{
	const struct fy_mark *mark = fy_event_start_mark(event);
	bool is_quoted = event->type == FYET_SCALAR && event->scalar.value &&
			 (fy_token_scalar_style(event->scalar.value) == FYSS_SINGLE_QUOTED ||
				 fy_token_scalar_style(event->scalar.value) == FYSS_DOUBLE_QUOTED);

	*ret_line = mark ? mark->line + 1 : 1;
	*ret_column = mark ? mark->column + 1 - (is_quoted || event->type == FYET_ALIAS) : 1;
}

static int fail_place(struct reader *reader, struct fy_event *event)
{
	int line, column;

	locate(event, &line, &column);
	return certctl_error_prefix(reader->err, "%s:%d:%d", reader->file, line, column);
}

static int fail_at(struct reader *reader, struct fy_event *event, enum certctl_code code, const char *format, ...)
	CERTCTL_PRINTF(4, 5);
static int fail_at(struct reader *reader, struct fy_event *event, enum certctl_code code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	certctl_failv(reader->err, code, format, args);
	va_end(args);
	fail_place(reader, event);
	return code;
}

static int fail_memory(struct reader *reader)
{
	return certctl_fail(reader->err, CERTCTL_E_NO_MEMORY, "%s: out of memory", reader->file);
}

/* The scanner's own complaint.  It says what it expected, not what it found: nothing secret can be in it. */
static int fail_syntax(struct reader *reader)
{
	void *iterator = NULL;
	const struct fy_diag_error *why = fy_diag_errors_iterate(reader->diag, &iterator);
	char words[96];

	if (!why || !why->msg)
		return certctl_fail(reader->err, CERTCTL_E_INVALID, "%s: no YAML document", reader->file);
	return certctl_fail(reader->err, CERTCTL_E_INVALID, "%s:%d:%d: %s", reader->file, why->line, why->column,
		certctl_utf8_show(why->msg, strcspn(why->msg, "\n"), words, sizeof(words)));
}

/* The event is the caller's to fy_parser_event_free(). */
static int next_event(struct reader *reader, struct fy_event **ret)
{
	*ret = fy_parser_parse(reader->parser);
	return *ret ? 0 : fail_syntax(reader);
}

/* --- Counting, anchors, aliases -------------------------------------------------------------------------------------- */

static int count_nodes(struct reader *reader, struct fy_event *event, size_t more)
{
	if (more > reader->limits.max_nodes - reader->nodes)
		return fail_at(reader, event, CERTCTL_E_LIMIT, "more than %zu values", reader->limits.max_nodes);
	reader->nodes += more;
	return 0;
}

static int check_depth(struct reader *reader, struct fy_event *event, size_t depth)
{
	if (depth > reader->limits.max_depth)
		return fail_at(reader, event, CERTCTL_E_LIMIT, "nested deeper than %zu", reader->limits.max_depth);
	return 0;
}

static char *text_of_token(TALLOC_CTX *mem, struct fy_token *token)
{
	size_t len = 0;
	const char *text = fy_token_get_text(token, &len);

	return text ? talloc_strndup(mem, text, len) : NULL;
}

static int release_anchor(struct anchor *anchor)
{
	json_decref(anchor->value);
	return 0;
}

/* A later anchor of the same name hides the earlier one. */
static int keep_anchor(struct reader *reader, struct fy_token *name, const struct node *node, size_t nodes)
{
	struct anchor *anchor = talloc_zero(reader, struct anchor);

	if (!anchor || !(anchor->name = text_of_token(anchor, name)))
		return fail_memory(reader);
	anchor->value = json_incref(node->value);
	anchor->nodes = nodes;
	anchor->height = node->height;
	anchor->next = reader->anchors;
	talloc_set_destructor(anchor, release_anchor);
	reader->anchors = anchor;
	return 0;
}

static int read_alias(struct reader *reader, struct fy_event *event, size_t depth, struct node *ret)
{
	char *name = text_of_token(reader, event->alias.anchor);
	const struct anchor *anchor = name ? reader->anchors : NULL;

	/* An anchor is known once its value is complete, so no value can contain itself. */
	while (anchor && strcmp(anchor->name, name) != 0)
		anchor = anchor->next;
	talloc_free(name);
	if (!anchor)
		return fail_at(reader, event, CERTCTL_E_INVALID, "alias without an anchor before it");
	int rc = check_depth(reader, event, depth + anchor->height);

	if (rc == 0)
		rc = count_nodes(reader, event, anchor->nodes);
	if (rc < 0)
		return rc;
	*ret = (struct node){ .value = json_deep_copy(anchor->value), .height = anchor->height };
	return ret->value ? 0 : fail_memory(reader);
}

/* --- Values ------------------------------------------------------------------------------------------------------------ */

/* The characters a scalar stands for, which live as long as its event or as `scratch`; NULL when out of memory. */
static const char *text_of_scalar(struct reader *reader, TALLOC_CTX *scratch, struct fy_token *token, size_t *ret_len)
{
	if (fy_token_scalar_style(token) != FYSS_SINGLE_QUOTED)
		return fy_token_get_text(token, ret_len);
	const struct fy_mark *start = fy_token_start_mark(token), *end = fy_token_end_mark(token);

	return certctl_yaml_unquote(scratch, reader->source + start->input_pos, end->input_pos - start->input_pos,
		ret_len);
}

/* A scalar as JSON: keys are text whatever they look like. */
static int read_text(struct reader *reader, struct fy_event *event, bool is_key, json_t **ret)
{
	struct fy_token *token = event->scalar.value;
	bool is_plain = !token || fy_token_scalar_style(token) == FYSS_PLAIN;
	TALLOC_CTX *scratch = talloc_new(reader);
	size_t len = 0;
	const char *text = token ? text_of_scalar(reader, scratch, token, &len) : "";
	int rc;

	if (!text)
		rc = fail_memory(reader);
	else if (is_plain && !is_key)
		rc = certctl_yaml_plain(text, len, ret, reader->err);
	else
		rc = certctl_yaml_quoted(text, len, ret, reader->err);
	talloc_free(scratch);
	if (rc < 0 && text)
		fail_place(reader, event);
	return rc;
}

static int read_scalar(struct reader *reader, struct fy_event *event, struct node *ret)
{
	ret->height = 0;
	return read_text(reader, event, false, &ret->value);
}

static void grow(struct node *parent, const struct node *child)
{
	if (child->height + 1 > parent->height)
		parent->height = child->height + 1;
}

static struct certctl_yaml_places *add_place(struct certctl_yaml_places *parent, struct fy_event *event,
	const char *key, size_t index)
{
	int line, column;

	locate(event, &line, &column);
	return certctl_yaml_place_add(parent, key, index, line, column);
}

static int read_item(struct reader *reader, struct fy_event *event, size_t depth, struct certctl_yaml_places *place,
	struct node *list)
{
	struct node item = { 0 };
	struct certctl_yaml_places *here = add_place(place, event, NULL, json_array_size(list->value));
	int rc = here ? read_node(reader, event, depth, here, &item) : fail_memory(reader);

	if (rc < 0)
		return rc;
	grow(list, &item);
	return json_array_append_new(list->value, item.value) < 0 ? fail_memory(reader) : 0;
}

/* The text of a key; empty, complex and merge keys are refused. */
static int read_key(struct reader *reader, struct fy_event *event, const json_t *object, json_t **ret)
{
	json_t *key = NULL;
	char shown[48];

	if (event->type != FYET_SCALAR || !event->scalar.value || event->scalar.tag)
		return fail_at(reader, event, CERTCTL_E_INVALID, "a text expected as key");
	bool is_plain = fy_token_scalar_style(event->scalar.value) == FYSS_PLAIN;
	int rc = read_text(reader, event, true, &key);

	if (rc < 0)
		return rc;
	if (is_plain && strcmp(json_string_value(key), "<<") == 0)
		rc = fail_at(reader, event, CERTCTL_E_INVALID,
			"merge keys (<<) are not part of YAML 1.2: write the members out");
	else if (json_object_get(object, json_string_value(key)))
		rc = fail_at(reader, event, CERTCTL_E_INVALID, "duplicate key \"%s\"",
			certctl_utf8_show(json_string_value(key), json_string_length(key), shown, sizeof(shown)));
	if (rc < 0)
		json_decref(key);
	else
		*ret = key;
	return rc;
}

static int read_value_of(struct reader *reader, const char *key, size_t depth, struct certctl_yaml_places *place,
	struct node *object)
{
	struct fy_event *event = NULL;
	struct node value = { 0 };
	int rc = next_event(reader, &event);

	if (rc == 0)
		rc = read_node(reader, event, depth, place, &value);
	fy_parser_event_free(reader->parser, event);
	if (rc < 0)
		return rc;
	grow(object, &value);
	return json_object_set_new_nocheck(object->value, key, value.value) < 0 ? fail_memory(reader) : 0;
}

static int read_member(struct reader *reader, struct fy_event *event, size_t depth, struct certctl_yaml_places *place,
	struct node *object)
{
	json_t *key = NULL;
	int rc = read_key(reader, event, object->value, &key);

	if (rc < 0)
		return rc;
	struct certctl_yaml_places *here = add_place(place, event, json_string_value(key), 0);

	rc = here ? read_value_of(reader, json_string_value(key), depth, here, object) : fail_memory(reader);
	json_decref(key);
	return rc;
}

/* Members or items until the end event. */
static int read_container(struct reader *reader, struct fy_event *start, size_t depth,
	struct certctl_yaml_places *place, struct node *ret)
{
	bool is_object = start->type == FYET_MAPPING_START, is_end = false;
	enum fy_event_type end = is_object ? FYET_MAPPING_END : FYET_SEQUENCE_END;
	struct node node = { .value = is_object ? json_object() : json_array(), .height = 1 };
	int rc = node.value ? check_depth(reader, start, depth + 1) : fail_memory(reader);

	while (rc == 0 && !is_end) {
		struct fy_event *event = NULL;

		rc = next_event(reader, &event);
		is_end = rc == 0 && event->type == end;
		if (rc == 0 && !is_end)
			rc = is_object ? read_member(reader, event, depth + 1, place, &node)
				       : read_item(reader, event, depth + 1, place, &node);
		fy_parser_event_free(reader->parser, event);
	}
	if (rc < 0) {
		json_decref(node.value);
		return rc;
	}
	*ret = node;
	return 0;
}

static int read_untagged(struct reader *reader, struct fy_event *event, size_t depth, struct certctl_yaml_places *place,
	struct node *ret)
{
	switch (event->type) {
	case FYET_SCALAR:
		return read_scalar(reader, event, ret);
	case FYET_MAPPING_START:
	case FYET_SEQUENCE_START:
		return read_container(reader, event, depth, place, ret);
	default:
		return fail_at(reader, event, CERTCTL_E_INVALID, "a value expected");
	}
}

static int read_node(struct reader *reader, struct fy_event *event, size_t depth, struct certctl_yaml_places *place,
	struct node *ret)
{
	size_t before = reader->nodes;
	struct node node = { 0 };

	if (event->type == FYET_ALIAS)
		return read_alias(reader, event, depth, ret);
	if (fy_event_get_tag_token(event))
		return fail_at(reader, event, CERTCTL_E_INVALID, "tags (!...) are not supported");
	int rc = count_nodes(reader, event, 1);

	if (rc == 0)
		rc = read_untagged(reader, event, depth, place, &node);
	if (rc < 0)
		return rc;
	if (fy_event_get_anchor_token(event))
		rc = keep_anchor(reader, fy_event_get_anchor_token(event), &node, reader->nodes - before);
	if (rc < 0)
		json_decref(node.value);
	else
		*ret = node;
	return rc;
}

/* --- The document ------------------------------------------------------------------------------------------------------- */

static int check_document_start(struct reader *reader, struct fy_event *event, const struct certctl_yaml *yaml)
{
	const struct fy_version *version = fy_document_state_version(event->document_start.document_state);

	if (yaml->root)
		return fail_at(reader, event, CERTCTL_E_INVALID, "a second document: one expected");
	if (version && (version->major != 1 || version->minor != 2))
		return fail_at(reader, event, CERTCTL_E_INVALID, "YAML 1.2 expected, got %d.%d", version->major,
			version->minor);
	return 0;
}

/* Events of one document: what stands around its root is checked, the root is read. */
static int read_stream(struct reader *reader, struct certctl_yaml *yaml)
{
	bool is_end = false;
	int rc = 0;

	while (rc == 0 && !is_end) {
		struct fy_event *event = NULL;
		struct node root = { 0 };

		rc = next_event(reader, &event);
		if (rc < 0)
			break;
		is_end = event->type == FYET_STREAM_END;
		if (event->type == FYET_DOCUMENT_START)
			rc = check_document_start(reader, event, yaml);
		else if (event->type != FYET_DOCUMENT_END && event->type != FYET_STREAM_START && !is_end)
			rc = read_node(reader, event, 0, yaml->places, &root);
		if (root.value)
			yaml->root = root.value;
		fy_parser_event_free(reader->parser, event);
	}
	return rc;
}

static int release_reader(struct reader *reader)
{
	if (reader->parser)
		fy_parser_destroy(reader->parser);
	if (reader->diag)
		fy_diag_destroy(reader->diag);
	return 0;
}

/* What the scanner has to say is collected, not printed. */
static void drop_output(struct fy_diag *diag, void *user, const char *text, size_t len)
{
	(void)diag, (void)user, (void)text, (void)len;
}

static struct reader *make_reader(TALLOC_CTX *mem, const char *file, const struct certctl_json_limits *limits,
	struct certctl_error *err)
{
	struct reader *reader = talloc_zero(mem, struct reader);

	if (!reader)
		return NULL;
	talloc_set_destructor(reader, release_reader);
	reader->file = file;
	reader->limits = *limits;
	reader->err = err;
	const struct fy_diag_cfg diagnostics = {
		.output_fn = drop_output, .level = FYET_ERROR, .module_mask = UINT32_MAX
	};

	reader->diag = fy_diag_create(&diagnostics);
	if (reader->diag)
		fy_diag_set_collect_errors(reader->diag, true);
	const struct fy_parse_cfg config = { .search_path = "",
		.diag = reader->diag,
		.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE };

	reader->parser = reader->diag ? fy_parser_create(&config) : NULL;
	return reader;
}

int certctl_yaml_read_tree(struct certctl_yaml *yaml, const char *text, size_t len,
	const struct certctl_json_limits *limits, struct certctl_error *err)
{
	struct reader *reader = make_reader(yaml, yaml->file, limits, err);
	int rc;

	if (reader)
		reader->source = text;
	if (!reader || !reader->parser || fy_parser_set_string(reader->parser, text, len) < 0)
		rc = certctl_fail(err, CERTCTL_E_NO_MEMORY, "%s: out of memory", yaml->file);
	else
		rc = read_stream(reader, yaml);
	talloc_free(reader);
	return rc;
}
