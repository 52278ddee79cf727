/* The growing text, and the one encoder of JSON strings.  Knows nothing of who writes what into it. */
#include "buffer_private.h"

#include "utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FIRST_SIZE 256

void certctl_buffer_init(struct certctl_buffer *buffer, TALLOC_CTX *mem, size_t max)
{
	certctl_assert(max > 0 && max < SIZE_MAX / 4); /* so that no sum or doubling below overflows */
	*buffer = (struct certctl_buffer){ .mem = mem, .max = max };
}

/* Room for `more` bytes and a NUL; false when the buffer has failed, now or earlier. */
static bool reserve(struct certctl_buffer *buffer, size_t more)
{
	if (buffer->failed)
		return false;
	if (more > buffer->max - buffer->len) {
		buffer->failed = CERTCTL_E_LIMIT;
		return false;
	}
	if (buffer->len + more < buffer->size)
		return true;
	size_t size = buffer->size ? buffer->size : FIRST_SIZE;

	while (size <= buffer->len + more)
		size *= 2;
	if (size > buffer->max + 1)
		size = buffer->max + 1;
	char *data = talloc_realloc_size(buffer->mem, buffer->data, size);

	if (!data) {
		buffer->failed = CERTCTL_E_NO_MEMORY;
		return false;
	}
	buffer->data = data;
	buffer->size = size;
	return true;
}

void certctl_buffer_append(struct certctl_buffer *buffer, const void *data, size_t len)
{
	if (!reserve(buffer, len))
		return;
	if (len > 0)
		memcpy(buffer->data + buffer->len, data, len);
	buffer->len += len;
	buffer->data[buffer->len] = 0;
}

void certctl_buffer_puts(struct certctl_buffer *buffer, const char *text)
{
	certctl_buffer_append(buffer, text, strlen(text));
}

void certctl_buffer_printf(struct certctl_buffer *buffer, const char *format, ...)
{
	va_list args, again;

	if (!reserve(buffer, 0))
		return;
	va_start(args, format);
	va_copy(again, args);
	int wanted = vsnprintf(buffer->data + buffer->len, buffer->size - buffer->len, format, args);

	certctl_assert(wanted >= 0);
	if ((size_t)wanted < buffer->size - buffer->len)
		buffer->len += (size_t)wanted;
	else if (reserve(buffer, (size_t)wanted))
		buffer->len += (size_t)vsnprintf(buffer->data + buffer->len, buffer->size - buffer->len, format, again);
	else
		buffer->data[buffer->len] = 0; /* not half a number */
	va_end(again);
	va_end(args);
}

static void escape(struct certctl_buffer *buffer, uint32_t character)
{
	static const char digits[] = "0123456789abcdef";
	static const char shorts[][3] = { ['"'] = "\\\"",
		['\\'] = "\\\\",
		['\n'] = "\\n",
		['\r'] = "\\r",
		['\t'] = "\\t",
		['\b'] = "\\b",
		['\f'] = "\\f" };

	if (character < CERTCTL_COUNT(shorts) && shorts[character][0]) {
		certctl_buffer_append(buffer, shorts[character], 2);
		return;
	}
	/* Everything that is escaped lies in the basic plane: no surrogates needed. */
	const char text[6] = { '\\', 'u', digits[character >> 12 & 15], digits[character >> 8 & 15],
		digits[character >> 4 & 15], digits[character & 15] };

	certctl_buffer_append(buffer, text, sizeof(text));
}

/* From the last digit on: numbers are short, and printf() is not. */
void certctl_buffer_integer(struct certctl_buffer *buffer, int64_t number)
{
	char digits[24];
	size_t at = sizeof(digits);
	uint64_t left = number < 0 ? -(uint64_t)number : (uint64_t)number;

	do
		digits[--at] = (char)('0' + left % 10);
	while ((left /= 10) > 0);
	if (number < 0)
		digits[--at] = '-';
	certctl_buffer_append(buffer, digits + at, sizeof(digits) - at);
}

/* One character that is not plain; how many bytes it took.  0: it is no character, and something stands in its place. */
static size_t append_character(struct certctl_buffer *buffer, const char *text, size_t left)
{
	uint32_t character;
	size_t step = certctl_utf8_next(text, left, &character);

	if (step == 0) {
		certctl_buffer_append(buffer, "\xef\xbf\xbd", 3); /* U+FFFD */
		return 0;
	}
	if (character == '"' || character == '\\' || certctl_utf8_is_hidden(character))
		escape(buffer, character);
	else
		certctl_buffer_append(buffer, text, step);
	return step;
}

bool certctl_buffer_json_exactly(struct certctl_buffer *buffer, const char *text, size_t len)
{
	bool is_exact = true;
	size_t at = 0;

	/* No encoding is shorter than its text: one question about room, and most strings are one copy. */
	if (len > SIZE_MAX - 2 || !reserve(buffer, len + 2)) {
		buffer->failed = buffer->failed ? buffer->failed : CERTCTL_E_LIMIT;
		return true;
	}
	buffer->data[buffer->len++] = '"';
	while (at < len && !buffer->failed) {
		size_t run = certctl_utf8_plain_run(text + at, len - at);

		certctl_buffer_append(buffer, text + at, run);
		at += run;
		if (at == len)
			break;
		size_t step = append_character(buffer, text + at, len - at);

		is_exact = is_exact && step > 0;
		at += step > 0 ? step : 1;
	}
	certctl_buffer_append(buffer, "\"", 1);
	return is_exact;
}

void certctl_buffer_json_string(struct certctl_buffer *buffer, const char *text, size_t len)
{
	certctl_buffer_json_exactly(buffer, text, len);
}

int certctl_buffer_finish(struct certctl_buffer *buffer, struct certctl_error *err)
{
	reserve(buffer, 0);
	if (buffer->failed == CERTCTL_E_LIMIT)
		return certctl_fail(err, CERTCTL_E_LIMIT, "text longer than %zu bytes", buffer->max);
	if (buffer->failed)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory for a text of %zu bytes", buffer->len);
	buffer->data[buffer->len] = 0;
	return 0;
}
