/**
 * PEM blocks (RFC 7468), for the files that read more than one kind of them.
 */
#ifndef CERTCTL_PEM_H
#define CERTCTL_PEM_H

#include <certctl/x509.h>

/** One block in a text; pointers into it. */
struct certctl_pem_block {
	const char *label, *body; /* neither ends in NUL */
	size_t label_len, body_len;
	const char *begin, *end; /* with both boundary lines and the newline behind */
};

/**
 * The next block at or after *at, which is moved behind it.
 * @return 0; NOT_FOUND: no more blocks; INVALID: a BEGIN line without its END line
 */
int certctl_pem_next(const char **at, const char *end, struct certctl_pem_block *ret,
	struct certctl_error *err) CERTCTL_CHECKED;
bool certctl_pem_is(const struct certctl_pem_block *block, const char *label);
/** Is there anything but white space? */
bool certctl_pem_is_blank(const char *from, const char *to);
/** Does a text hold a PEM block?  Otherwise it is taken for DER. */
bool certctl_pem_is_text(const void *data, size_t len);
/** Decode the base64 of a block into `out`, which holds block->body_len bytes; the length is returned through ret_len. */
int certctl_pem_body(const struct certctl_pem_block *block, unsigned char *out, size_t *ret_len,
	struct certctl_error *err) CERTCTL_CHECKED;

/**
 * The DER of one object in PEM (one of `labels`, NULL-terminated) or DER, and nothing behind it; at most `max` bytes of input.
 * Text before the first block is passed over, as RFC 7468, section 2 allows.
 */
int certctl_pem_or_der(TALLOC_CTX *mem, const char *const *labels, const char *data, size_t len, size_t max,
	struct certctl_bytes *ret, struct certctl_error *err) CERTCTL_CHECKED;

#endif
