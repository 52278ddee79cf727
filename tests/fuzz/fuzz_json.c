/* JSON: what is accepted lies within the limits and survives being written; what is written as a string reads back. */
#include "fuzz.h"

#include <certctl/buffer.h>
#include <certctl/json.h>
#include <certctl/name.h>
#include <stdlib.h>
#include <string.h>

/* Values in a tree; asserts the depth on the way. */
static size_t count(const json_t *value, size_t depth)
{
	const char *key;
	json_t *inner;
	size_t nodes = 1, i;

	certctl_assert(depth <= 32);
	json_object_foreach((json_t *)(uintptr_t)value, key, inner) nodes += count(inner, depth + 1);
	json_array_foreach(value, i, inner) nodes += count(inner, depth + 1);
	return nodes;
}

/* There are two ways through a document, and one verdict: Jansson's. */
static void check_verdict(const char *text, size_t len, const json_t *got)
{
	CERTCTL_AUTO(json_decref)
	json_t *wanted = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);

	certctl_assert((wanted != NULL) == (got != NULL) || (!got && memchr(text, 0, len)));
	certctl_assert(!got || json_equal(got, wanted));
	/* Members in the same order, too. */
	char *a = json_dumps(got, JSON_ENCODE_ANY), *b = json_dumps(wanted, JSON_ENCODE_ANY);

	certctl_assert(!got || (a && b && strcmp(a, b) == 0));
	free(a);
	free(b);
}

static void check_document(TALLOC_CTX *mem, const char *text, size_t len)
{
	CERTCTL_AUTO(json_decref) json_t *first = NULL;
	CERTCTL_AUTO(json_decref) json_t *second = NULL;
	struct certctl_error err = { 0 };
	size_t out_len = 0;
	int rc = certctl_json_parse(text, len, NULL, &first, &err);

	certctl_assert((rc == 0) == (first != NULL));
	certctl_assert(rc == 0 || (err.code == rc && err.what[0]));
	if (rc != CERTCTL_E_LIMIT)
		check_verdict(text, len, first);
	if (rc < 0)
		return;
	certctl_assert(count(first, 0) <= 10000);
	char *out = certctl_json_text(mem, first, &out_len);
	const struct certctl_json_limits wide = { .max_bytes = 8 << 20 }; /* escapes make a text longer */

	certctl_assert(out && certctl_json_parse(out, out_len, &wide, &second, &err) == 0);
	certctl_assert(json_equal(first, second));
}

static void check_string(TALLOC_CTX *mem, const char *text, size_t len)
{
	struct certctl_buffer buffer;
	CERTCTL_AUTO(json_decref) json_t *value = NULL;

	certctl_buffer_init(&buffer, mem, 16 << 20);
	certctl_buffer_json_string(&buffer, text, len);
	certctl_assert(certctl_buffer_finish(&buffer, NULL) == 0);
	for (size_t i = 0; i < buffer.len; i++)
		certctl_assert((unsigned char)buffer.data[i] >= 0x20 && buffer.data[i] != 0x7f);
	value = json_loadb(buffer.data, buffer.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	certctl_assert(value);
	if (certctl_utf8_is_valid(text, len))
		certctl_assert(json_string_length(value) == len && memcmp(json_string_value(value), text, len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	TALLOC_CTX *mem = talloc_new(NULL);

	check_document(mem, (const char *)data, size);
	check_string(mem, (const char *)data, size);
	talloc_free(mem);
	return 0;
}
