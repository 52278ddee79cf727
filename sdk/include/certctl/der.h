/**
 * A writer of DER (ITU-T X.690): enough for to-be-signed certificates, CRLs and OCSP responses.  It writes backwards into
 * one growing buffer, so lengths are known when they are needed.  Errors latch; ask once, in certctl_der_finish().
 *
 * What comes last in the encoding is written first, because the buffer grows towards its front:
 *     size_t mark = certctl_der_mark(&der);
 *     certctl_der_integer(&der, 2);
 *     certctl_der_wrap(&der, CERTCTL_DER_CONTEXT(0), mark);
 */
#ifndef CERTCTL_DER_H
#define CERTCTL_DER_H

#include <certctl/error.h>
#include <certctl/x509.h>
#include <talloc.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CERTCTL_DER_BOOLEAN              0x01
#define CERTCTL_DER_INTEGER              0x02
#define CERTCTL_DER_BIT_STRING           0x03
#define CERTCTL_DER_OCTET_STRING         0x04
#define CERTCTL_DER_NULL                 0x05
#define CERTCTL_DER_OID                  0x06
#define CERTCTL_DER_ENUMERATED           0x0a
#define CERTCTL_DER_UTF8                 0x0c
#define CERTCTL_DER_SEQUENCE             0x30
#define CERTCTL_DER_SET                  0x31
#define CERTCTL_DER_PRINTABLE            0x13
#define CERTCTL_DER_IA5                  0x16
#define CERTCTL_DER_UTC_TIME             0x17
#define CERTCTL_DER_GENERALIZED_TIME     0x18
#define CERTCTL_DER_CONTEXT(n)           (0xa0 | (n)) /* constructed */
#define CERTCTL_DER_CONTEXT_PRIMITIVE(n) (0x80 | (n))

struct certctl_der {
	TALLOC_CTX *mem;
	unsigned char *data; /* the text is the last `len` of `size` bytes */
	size_t len, size, max;
	int failed; /* 0, or the enum certctl_code of the first thing that did not fit */
};

/** Start empty; the buffer is allocated on `mem` at the first write and holds at most `max` bytes. */
CERTCTL_API void certctl_der_init(struct certctl_der *der, TALLOC_CTX *mem, size_t max);
/** Where we are: everything written after this call is what certctl_der_wrap() encloses. */
CERTCTL_API size_t certctl_der_mark(const struct certctl_der *der);
/** Put tag and length before all that was written since `mark`. */
CERTCTL_API void certctl_der_wrap(struct certctl_der *der, unsigned tag, size_t mark);
/** Bytes as they are: already encoded, or content for a wrap. */
CERTCTL_API void certctl_der_raw(struct certctl_der *der, const void *data, size_t len);
/** tag, length, content. */
CERTCTL_API void certctl_der_put(struct certctl_der *der, unsigned tag, const void *data, size_t len);
CERTCTL_API void certctl_der_boolean(struct certctl_der *der, bool value);
CERTCTL_API void certctl_der_integer(struct certctl_der *der, int64_t value);
/** Unsigned big-endian octets as a positive INTEGER: leading zeros dropped, a sign octet added where needed. */
CERTCTL_API void certctl_der_unsigned(struct certctl_der *der, const void *data, size_t len);
/** "1.3.6.1.5.5.7.3.1"; a malformed one latches the error. */
CERTCTL_API void certctl_der_oid(struct certctl_der *der, const char *dotted);
/** Named bits as in KeyUsage: bit n of `bits` is named bit n; trailing zero bits are dropped (X.690, 11.2.2). */
CERTCTL_API void certctl_der_named_bits(struct certctl_der *der, uint32_t bits);
CERTCTL_API void certctl_der_bit_string(struct certctl_der *der, const void *data, size_t len);
/** UTCTime until 2049, GeneralizedTime from 2050 (RFC 5280, section 4.1.2.5). */
CERTCTL_API void certctl_der_time(struct certctl_der *der, int64_t unix_s);
CERTCTL_API void certctl_der_generalized_time(struct certctl_der *der, int64_t unix_s);
/** The bytes, a talloc chunk of their own on der->mem; the writer is empty again.  NO_MEMORY, LIMIT or INVALID. */
CERTCTL_API int certctl_der_finish(struct certctl_der *der, struct certctl_bytes *ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/**
 * Read one element: its tag, and where its content is.  Single-octet tags and definite minimal lengths only; nothing is
 * allocated, the element points into the input.
 * @param in   advanced behind the element on success
 * @return 0; INVALID
 */
struct certctl_der_element {
	unsigned tag;
	const unsigned char *content, *whole; /* whole: with tag and length */
	size_t len, whole_len;
};
CERTCTL_API int certctl_der_read(const unsigned char **in, const unsigned char *end, struct certctl_der_element *ret,
	struct certctl_error *err) CERTCTL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
