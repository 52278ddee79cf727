/*
 * The quick way through JSON that programs write: frames, bodies of machines.  Jansson reads a byte at a time and takes a fifth of
 * the time that a certificate costs.  This file reads what is plain and gives up on everything else, mistakes above all: Jansson
 * then reads the text from its beginning, so what is valid, and what is said about it when it is not, is Jansson's alone.
 * Must accept nothing that Jansson refuses, and make the same tree (tests/fuzz/fuzz_json.c compares).
 */
#include "json_plain.h"

#include "utf8.h"

#include <string.h>

#define DEPTH_MAX  64
#define KEY_MAX    127
#define DIGITS_MAX 18 /* of any number that fits 64 bits */

struct text {
	const char *at, *end;
	char *scratch; /* Jansson's memory, wiped where that is: strings may be secrets */
	size_t depth_left;
};

static json_t *read_value(struct text *in);

static void skip_space(struct text *in)
{
	while (in->at < in->end && (*in->at == ' ' || *in->at == '\n' || *in->at == '\t' || *in->at == '\r'))
		in->at++;
}

/* Behind white space: is this the next byte?  Then it is taken. */
static bool take(struct text *in, char byte)
{
	skip_space(in);
	if (in->at == in->end || *in->at != byte)
		return false;
	in->at++;
	return true;
}

/* Past bytes that stand for themselves, to a quote, a backslash or the end; false at a byte that may not stand in a string. */
static bool skip_plain(struct text *in)
{
	uint32_t character;

	for (;;) {
		in->at += certctl_utf8_plain_run(in->at, (size_t)(in->end - in->at));
		if (in->at == in->end || *in->at == '"' || *in->at == '\\')
			return true;
		size_t step = (unsigned char)*in->at < ' '
				      ? 0
				      : certctl_utf8_next(in->at, (size_t)(in->end - in->at), &character);

		if (step == 0)
			return false;
		in->at += step;
	}
}

/* What a backslash and this byte stand for; 0: not plain. */
static char unescape(char byte)
{
	static const char from[] = "nrt\"\\/bf", to[] = "\n\r\t\"\\/\b\f";
	const char *found = byte ? strchr(from, byte) : NULL;

	return found ? to[found - from] : 0;
}

static void *json_memory(size_t size)
{
	json_malloc_t allocate;

	json_get_alloc_funcs(&allocate, NULL);
	return allocate(size);
}

/* The rest of a string whose first escape is at hand: `begin` is where it began, behind the quote. */
static json_t *read_escaped(struct text *in, const char *begin)
{
	size_t used = 0;

	/* No string is longer than what is left; one piece of memory serves all of them. */
	if (!in->scratch && !(in->scratch = json_memory((size_t)(in->end - begin))))
		return NULL;
	for (;;) {
		memcpy(in->scratch + used, begin, (size_t)(in->at - begin));
		used += (size_t)(in->at - begin);
		if (in->at == in->end)
			return NULL;
		if (*in->at++ == '"')
			return json_stringn_nocheck(in->scratch, used);
		char byte = in->at < in->end ? unescape(*in->at) : 0;

		if (!byte)
			return NULL;
		in->scratch[used++] = byte;
		begin = ++in->at;
		if (!skip_plain(in))
			return NULL;
	}
}

static json_t *read_string(struct text *in)
{
	const char *begin = in->at;

	if (!skip_plain(in) || in->at == in->end)
		return NULL;
	if (*in->at == '\\')
		return read_escaped(in, begin);
	return json_stringn_nocheck(begin, (size_t)(in->at++ - begin));
}

static json_t *read_integer(struct text *in)
{
	bool is_negative = *in->at == '-';
	const char *first = in->at + is_negative;
	json_int_t number = 0;

	for (in->at = first; in->at < in->end && *in->at >= '0' && *in->at <= '9'; in->at++) {
		if (in->at - first == DIGITS_MAX)
			return NULL;
		number = number * 10 + (*in->at - '0');
	}
	if (in->at == first || (*first == '0' && in->at - first > 1))
		return NULL;
	if (in->at < in->end && (*in->at == '.' || *in->at == 'e' || *in->at == 'E'))
		return NULL;
	return json_integer(is_negative ? -number : number);
}

static json_t *read_word(struct text *in, const char *word, json_t *value)
{
	size_t len = strlen(word);

	if ((size_t)(in->end - in->at) < len || memcmp(in->at, word, len) != 0)
		return NULL;
	in->at += len;
	return value;
}

static bool read_key(struct text *in, char key[KEY_MAX + 1])
{
	if (!take(in, '"'))
		return false;
	const char *begin = in->at;

	if (!skip_plain(in) || in->at == in->end || *in->at != '"' || in->at - begin > KEY_MAX)
		return false;
	memcpy(key, begin, (size_t)(in->at - begin));
	key[in->at - begin] = 0;
	in->at++;
	return take(in, ':');
}

/* One member; false also for one that is there already. */
static bool read_member(struct text *in, json_t *object)
{
	char key[KEY_MAX + 1];
	size_t before = json_object_size(object);

	if (!read_key(in, key))
		return false;
	json_t *value = read_value(in);

	return value && json_object_set_new_nocheck(object, key, value) == 0 && json_object_size(object) > before;
}

static bool read_members(struct text *in, json_t *object)
{
	if (take(in, '}'))
		return true;
	do
		if (!read_member(in, object))
			return false;
	while (take(in, ','));
	return take(in, '}');
}

static bool read_items(struct text *in, json_t *array)
{
	if (take(in, ']'))
		return true;
	do
		if (json_array_append_new(array, read_value(in)) < 0)
			return false;
	while (take(in, ','));
	return take(in, ']');
}

static json_t *read_container(struct text *in, json_t *container, bool (*read)(struct text *in, json_t *container))
{
	in->at++;
	if (!container || in->depth_left == 0) {
		json_decref(container);
		return NULL;
	}
	in->depth_left--;
	if (!read(in, container)) {
		json_decref(container);
		return NULL;
	}
	in->depth_left++;
	return container;
}

static json_t *read_value(struct text *in)
{
	skip_space(in);
	if (in->at == in->end)
		return NULL;
	switch (*in->at) {
	case '{':
		return read_container(in, json_object(), read_members);
	case '[':
		return read_container(in, json_array(), read_items);
	case '"':
		in->at++;
		return read_string(in);
	case 't':
		return read_word(in, "true", json_true());
	case 'f':
		return read_word(in, "false", json_false());
	case 'n':
		return read_word(in, "null", json_null());
	default:
		return read_integer(in);
	}
}

json_t *certctl_json_read_plain(const char *text, size_t len, size_t max_depth)
{
	struct text in = { .at = text, .end = text + len, .depth_left = max_depth < DEPTH_MAX ? max_depth : DEPTH_MAX };
	json_t *value = read_value(&in);
	json_free_t give_back;

	json_get_alloc_funcs(NULL, &give_back);
	give_back(in.scratch);
	skip_space(&in);
	if (in.at == in.end)
		return value;
	json_decref(value);
	return NULL;
}
