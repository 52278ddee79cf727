/**
 * Walking through DER that somebody else wrote.  Elements point into the input and live as long as it does; nothing is
 * allocated.  `what` names the place in messages: "certificate: validity: SEQUENCE expected".
 */
#ifndef CERTCTL_DER_IN_H
#define CERTCTL_DER_IN_H

#include <certctl/der.h>
#include <string.h>

/** The rest of a constructed element's content. */
struct certctl_der_in {
	const unsigned char *at, *end;
};

static inline struct certctl_der_in certctl_der_in_of(const struct certctl_der_element *element)
{
	return (struct certctl_der_in){ element->content, element->content + element->len };
}

/** The tag of the next element, 0 at the end. */
static inline unsigned certctl_der_peek(const struct certctl_der_in *in)
{
	return in->at < in->end ? *in->at : 0;
}

static inline bool certctl_der_same(const struct certctl_der_element *element, const void *data, size_t len)
{
	return element->len == len && memcmp(element->content, data, len) == 0;
}

/** The next element, of any tag. */
int certctl_der_next(struct certctl_der_in *in, const char *what, struct certctl_der_element *ret,
	struct certctl_error *err) CERTCTL_CHECKED;
/** The next element, which must have this tag. */
int certctl_der_take(struct certctl_der_in *in, unsigned tag, const char *what, struct certctl_der_element *ret,
	struct certctl_error *err) CERTCTL_CHECKED;
/** Nothing may follow. */
int certctl_der_done(const struct certctl_der_in *in, const char *what, struct certctl_error *err) CERTCTL_CHECKED;
/** Exactly one element with this tag, and nothing behind it. */
int certctl_der_whole(const void *data, size_t len, unsigned tag, const char *what, struct certctl_der_element *ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/** An INTEGER, minimal, 0 to INT32_MAX. */
int certctl_der_small(const struct certctl_der_element *element, const char *what, int32_t *ret,
	struct certctl_error *err) CERTCTL_CHECKED;
/** BOOLEAN, 0x00 or 0xff. */
int certctl_der_flag(const struct certctl_der_element *element, const char *what, bool *ret,
	struct certctl_error *err) CERTCTL_CHECKED;
/** A BIT STRING of whole octets, without its first octet. */
int certctl_der_octets(const struct certctl_der_element *element, const char *what, struct certctl_bytes *ret,
	struct certctl_error *err) CERTCTL_CHECKED;
/** UTCTime or GeneralizedTime as RFC 5280 allows them: to the second, in UTC. */
int certctl_der_read_time(const struct certctl_der_element *element, const char *what, int64_t *ret_unix_s,
	struct certctl_error *err) CERTCTL_CHECKED;
/** "1.3.6.1"; NULL when malformed or out of memory. */
char *certctl_der_dotted(TALLOC_CTX *mem, const struct certctl_der_element *element);

#endif
