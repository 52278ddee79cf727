/* PEM (RFC 7468): boundaries, labels, base64.  Knows nothing of what is inside. */
#include "pem.h"

#include <certctl/der.h>

#include <string.h>

#define BEGIN  "-----BEGIN "
#define END    "-----END "
#define DASHES "-----"
#define LINE   64 /* characters of base64 a line, RFC 7468, section 2 */

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool certctl_pem_is_blank(const char *from, const char *to)
{
	while (from < to && is_space(*from))
		from++;
	return from == to;
}

/* The first `boundary` at the start of a line. */
static const char *find_line(const char *at, const char *end, const char *start_of_text, const char *boundary)
{
	size_t len = strlen(boundary);

	while (at < end && (at = memmem(at, (size_t)(end - at), boundary, len))) {
		if (at == start_of_text || at[-1] == '\n' || at[-1] == '\r')
			return at;
		at += len;
	}
	return NULL;
}

/* The label of a boundary line that starts at `at`, and the end of that line. */
static bool read_boundary(const char *at, const char *end, const char *boundary, const char **ret_label,
	size_t *ret_len, const char **ret_end)
{
	const char *label = at + strlen(boundary), *stop = label;

	while (stop < end && *stop != '-' && *stop >= ' ' && *stop < 0x7f)
		stop++;
	if (end - stop < 5 || memcmp(stop, DASHES, 5) != 0)
		return false;
	*ret_label = label;
	*ret_len = (size_t)(stop - label);
	for (stop += 5; stop < end && (*stop == ' ' || *stop == '\t' || *stop == '\r');)
		stop++;
	if (stop < end && *stop++ != '\n')
		return false;
	*ret_end = stop;
	return true;
}

int certctl_pem_next(const char **at, const char *end, struct certctl_pem_block *ret, struct certctl_error *err)
{
	const char *begin = find_line(*at, end, *at, BEGIN), *closing, *label;
	struct certctl_pem_block block = { .begin = begin };
	size_t label_len;

	if (!begin)
		return certctl_fail(err, CERTCTL_E_NOT_FOUND, "no PEM block");
	if (!read_boundary(begin, end, BEGIN, &block.label, &block.label_len, &block.body))
		return certctl_fail(err, CERTCTL_E_INVALID, "PEM: malformed BEGIN line");
	closing = find_line(block.body, end, block.body, END);
	if (!closing || !read_boundary(closing, end, END, &label, &label_len, &block.end) ||
		label_len != block.label_len || memcmp(label, block.label, label_len) != 0)
		return certctl_fail(err, CERTCTL_E_INVALID, "PEM: %.*s does not end",
			block.label_len > 40 ? 40 : (int)block.label_len, block.label);
	block.body_len = (size_t)(closing - block.body);
	*at = block.end;
	*ret = block;
	return 0;
}

bool certctl_pem_is(const struct certctl_pem_block *block, const char *label)
{
	return block->label_len == strlen(label) && memcmp(block->label, label, block->label_len) == 0;
}

bool certctl_pem_is_text(const void *data, size_t len)
{
	return memmem(data, len, BEGIN, strlen(BEGIN)) != NULL;
}

static int sextet(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int certctl_pem_body(const struct certctl_pem_block *block, unsigned char *out, size_t *ret_len,
	struct certctl_error *err)
{
	unsigned bits = 0, count = 0, padding = 0;
	size_t len = 0;

	for (const char *at = block->body; at < block->body + block->body_len; at++) {
		int value = sextet(*at);

		if (is_space(*at))
			continue;
		if (*at == '=' && ++padding <= 2)
			continue;
		if (value < 0 || padding)
			return certctl_fail(err, CERTCTL_E_INVALID, "PEM: not base64");
		bits = bits << 6 | (unsigned)value;
		if (++count % 4 == 0) {
			out[len++] = (unsigned char)(bits >> 16);
			out[len++] = (unsigned char)(bits >> 8);
			out[len++] = (unsigned char)bits;
			bits = 0;
		}
	}
	/* What is left over must be padded, and its unused bits zero (RFC 4648, section 3.5). */
	unsigned rest = count % 4;

	if ((rest + padding) % 4 || rest == 1 || (rest == 2 && bits & 0xf) || (rest == 3 && bits & 0x3))
		return certctl_fail(err, CERTCTL_E_INVALID, "PEM: base64 ends in the middle");
	if (rest >= 2)
		out[len++] = (unsigned char)(rest == 2 ? bits >> 4 : bits >> 10);
	if (rest == 3)
		out[len++] = (unsigned char)(bits >> 2);
	if (!len)
		return certctl_fail(err, CERTCTL_E_INVALID, "PEM: empty");
	*ret_len = len;
	return 0;
}

static int decode_block(TALLOC_CTX *mem, const struct certctl_pem_block *block, struct certctl_bytes *ret,
	struct certctl_error *err)
{
	struct certctl_bytes der = { .data = talloc_size(mem, block->body_len + 1) };

	if (!der.data)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	if (certctl_pem_body(block, der.data, &der.len, err) < 0) {
		talloc_free(der.data);
		return err ? err->code : CERTCTL_E_INVALID;
	}
	*ret = der;
	return 0;
}

static bool has_label(const struct certctl_pem_block *block, const char *const *labels)
{
	for (; *labels; labels++)
		if (certctl_pem_is(block, *labels))
			return true;
	return false;
}

/* The only block of the text, which must have one of the labels. */
static int read_only_block(const char *const *labels, const char *pem, size_t len, struct certctl_pem_block *ret,
	struct certctl_error *err)
{
	const char *at = pem, *end = pem + len;

	if (memchr(pem, 0, len))
		return certctl_fail(err, CERTCTL_E_INVALID, "PEM: NUL in the text");
	int rc = certctl_pem_next(&at, end, ret, err);

	if (rc < 0)
		return rc == CERTCTL_E_NOT_FOUND ? certctl_fail(err, CERTCTL_E_INVALID,
							   "PEM: no line \"" BEGIN "%s" DASHES "\"", labels[0])
						 : rc;
	if (!has_label(ret, labels))
		return certctl_fail(err, CERTCTL_E_INVALID, "PEM: %s expected, got %.*s", labels[0],
			ret->label_len > 40 ? 40 : (int)ret->label_len, ret->label);
	if (!certctl_pem_is_blank(at, end))
		return certctl_fail(err, CERTCTL_E_INVALID, "PEM: something behind the first %s", labels[0]);
	return 0;
}

int certctl_pem_decode(TALLOC_CTX *mem, const char *label, const char *pem, size_t len, struct certctl_bytes *ret,
	struct certctl_error *err)
{
	const char *const labels[] = { label, NULL };
	struct certctl_pem_block block;
	int rc = read_only_block(labels, pem, len, &block, err);

	return rc < 0 ? rc : decode_block(mem, &block, ret, err);
}

int certctl_pem_or_der(TALLOC_CTX *mem, const char *const *labels, const char *data, size_t len, size_t max,
	struct certctl_bytes *ret, struct certctl_error *err)
{
	struct certctl_pem_block block;

	if (len > max)
		return certctl_fail(err, CERTCTL_E_LIMIT, "%zu bytes, more than %zu", len, max);
	if (!certctl_pem_is_text(data, len)) {
		if (len == 0 || (unsigned char)data[0] != CERTCTL_DER_SEQUENCE)
			return certctl_fail(err, CERTCTL_E_INVALID, "neither PEM (%s) nor DER", labels[0]);
		unsigned char *copy = talloc_memdup(mem, data, len);

		if (!copy)
			return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
		*ret = (struct certctl_bytes){ copy, len };
		return 0;
	}
	int rc = read_only_block(labels, data, len, &block, err);

	return rc < 0 ? rc : decode_block(mem, &block, ret, err);
}

/* The groups of three and the padded rest of one line. */
static char *put_line(char *out, const unsigned char *in, size_t len)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (; len; len -= len < 3 ? len : 3, in += 3) {
		unsigned bits = (unsigned)in[0] << 16 | (len > 1 ? (unsigned)in[1] << 8 : 0) | (len > 2 ? in[2] : 0);

		*out++ = alphabet[bits >> 18];
		*out++ = alphabet[bits >> 12 & 63];
		*out++ = len > 1 ? alphabet[bits >> 6 & 63] : '=';
		*out++ = len > 2 ? alphabet[bits & 63] : '=';
	}
	*out++ = '\n';
	return out;
}

char *certctl_pem_encode(TALLOC_CTX *mem, const char *label, const void *der, size_t len)
{
	size_t label_len = strlen(label), lines = len / (LINE / 4 * 3) + 1;
	size_t fixed = strlen(BEGIN) + strlen(END) + 2 * (label_len + strlen(DASHES) + 1) + 1;
	char *text = len < SIZE_MAX / 4 ? talloc_size(mem, fixed + lines * (LINE + 1)) : NULL, *at = text;
	const unsigned char *in = der;

	if (!text)
		return NULL;
	at = mempcpy(mempcpy(mempcpy(at, BEGIN, strlen(BEGIN)), label, label_len), DASHES "\n", strlen(DASHES) + 1);
	for (size_t take; len; in += take, len -= take) {
		take = len < LINE / 4 * 3 ? len : LINE / 4 * 3;
		at = put_line(at, in, take);
	}
	at = mempcpy(mempcpy(mempcpy(at, END, strlen(END)), label, label_len), DASHES "\n", strlen(DASHES) + 2);
	certctl_assert(at <= text + fixed + lines * (LINE + 1));
	return text;
}
