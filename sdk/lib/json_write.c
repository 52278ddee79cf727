/* Writing a tree as compact JSON into a buffer.  Knows nothing of where the text goes. */
#include <certctl/json.h>

#include "buffer_private.h"

#include <string.h>

static bool append_members(struct certctl_buffer *buffer, const json_t *object)
{
	json_t *owner = (json_t *)(uintptr_t)object;
	char before = '{';

	for (void *at = json_object_iter(owner); at; at = json_object_iter_next(owner, at), before = ',') {
		const char *key = json_object_iter_key(at);

		certctl_buffer_append(buffer, &before, 1);
		if (!certctl_buffer_json_exactly(buffer, key, strlen(key)))
			return false;
		certctl_buffer_append(buffer, ":", 1);
		if (!certctl_json_append(buffer, json_object_iter_value(at)))
			return false;
	}
	certctl_buffer_puts(buffer, before == '{' ? "{}" : "}");
	return true;
}

static bool append_items(struct certctl_buffer *buffer, const json_t *array)
{
	const json_t *item;
	size_t i;

	certctl_buffer_append(buffer, "[", 1);
	json_array_foreach(array, i, item)
	{
		if (i > 0)
			certctl_buffer_append(buffer, ",", 1);
		if (!certctl_json_append(buffer, item))
			return false;
	}
	certctl_buffer_append(buffer, "]", 1);
	return true;
}

/* Digits that read back as the same number are Jansson's business. */
static bool append_real(struct certctl_buffer *buffer, const json_t *value)
{
	char digits[64];
	size_t len = json_dumpb(value, digits, sizeof(digits), JSON_ENCODE_ANY);

	certctl_buffer_append(buffer, digits, len <= sizeof(digits) ? len : 0);
	return len > 0 && len <= sizeof(digits);
}

bool certctl_json_append(struct certctl_buffer *buffer, const json_t *value)
{
	if (!value)
		return false;
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return append_members(buffer, value);
	case JSON_ARRAY:
		return append_items(buffer, value);
	case JSON_STRING:
		return certctl_buffer_json_exactly(buffer, json_string_value(value), json_string_length(value));
	case JSON_INTEGER:
		certctl_buffer_integer(buffer, json_integer_value(value));
		return true;
	case JSON_REAL:
		return append_real(buffer, value);
	default:
		certctl_buffer_puts(buffer, json_is_true(value) ? "true" : json_is_false(value) ? "false" : "null");
		return true;
	}
}

char *certctl_json_text(TALLOC_CTX *mem, const json_t *value, size_t *ret_len)
{
	struct certctl_buffer buffer;

	certctl_buffer_init(&buffer, mem, SIZE_MAX / 8);
	if (!certctl_json_append(&buffer, value) || certctl_buffer_finish(&buffer, NULL) < 0) {
		talloc_free(buffer.data);
		return NULL;
	}
	if (ret_len)
		*ret_len = buffer.len;
	return buffer.data;
}
