/* DER: what the reader accepts, the writer writes again byte for byte. */
#include "fuzz.h"

#include <certctl/der.h>
#include <string.h>

#define DEPTH_MAX    32
#define ELEMENTS_MAX 64

/* The elements of a constructed one, the last first: the writer goes backwards. */
static void rewrite_all(struct certctl_der *der, const unsigned char *in, const unsigned char *end, int depth);

static void rewrite_element(struct certctl_der *der, const struct certctl_der_element *element, int depth)
{
	const unsigned char *in = element->content, *end = in + element->len;
	size_t mark = certctl_der_mark(der);
	struct certctl_der_element inner;
	bool is_whole = element->tag & 0x20 && depth < DEPTH_MAX;

	while (is_whole && in != end)
		is_whole = certctl_der_read(&in, end, &inner, NULL) == 0;
	if (!is_whole) {
		certctl_der_put(der, element->tag, element->content, element->len);
		return;
	}
	rewrite_all(der, element->content, end, depth + 1);
	certctl_der_wrap(der, element->tag, mark);
}

static void rewrite_all(struct certctl_der *der, const unsigned char *in, const unsigned char *end, int depth)
{
	const unsigned char *start = in;
	struct certctl_der_element elements[ELEMENTS_MAX];
	size_t count = 0;

	while (in != end && count < ELEMENTS_MAX && certctl_der_read(&in, end, &elements[count], NULL) == 0)
		count++;
	if (in != end) {
		certctl_der_raw(der, start, (size_t)(end - start));
		return;
	}
	while (count-- > 0)
		rewrite_element(der, &elements[count], depth);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	const unsigned char *in = data, *end = data + size;
	struct certctl_der_element element;
	struct certctl_error err = { 0 };

	while (in != end && certctl_der_read(&in, end, &element, &err) == 0) {
		struct certctl_bytes bytes;
		struct certctl_der der;

		certctl_der_init(&der, mem, size + 16);
		rewrite_element(&der, &element, 0);
		certctl_assert(certctl_der_finish(&der, &bytes, &err) == 0);
		certctl_assert(bytes.len == element.whole_len && memcmp(bytes.data, element.whole, bytes.len) == 0);
		talloc_free(bytes.data);
	}
	certctl_assert(in == end || err.what[0]);
	talloc_free(mem);
	return 0;
}
