/* The DER reader: strict, allocation-free.  Knows encodings, not what they mean. */
#include "der_in.h"

#include <limits.h>
#include <time.h>

/* The length octets at *at; false unless definite, minimal and within the input. */
static bool read_length(const unsigned char **at, const unsigned char *end, size_t *ret)
{
	if (*at == end)
		return false;
	size_t first = *(*at)++, len = first;

	if (first >= 0x80) {
		size_t octets = first & 0x7f;

		if (octets == 0 || octets > 4 || (size_t)(end - *at) < octets || **at == 0)
			return false;
		for (len = 0; octets--;)
			len = len << 8 | *(*at)++;
		if (len < 0x80)
			return false;
	}
	if (len > (size_t)(end - *at))
		return false;
	*ret = len;
	return true;
}

int certctl_der_read(const unsigned char **in, const unsigned char *end, struct certctl_der_element *ret,
	struct certctl_error *err)
{
	const unsigned char *at = *in;
	size_t len;

	if (at == end)
		return certctl_fail(err, CERTCTL_E_INVALID, "unexpected end");
	unsigned tag = *at++;

	if ((tag & 0x1f) == 0x1f || tag == 0)
		return certctl_fail(err, CERTCTL_E_INVALID, "tag 0x%02x is not expected anywhere", tag);
	if (!read_length(&at, end, &len))
		return certctl_fail(err, CERTCTL_E_INVALID, "length is not DER or exceeds the input");
	*ret = (struct certctl_der_element){
		.tag = tag, .content = at, .len = len, .whole = *in, .whole_len = (size_t)(at - *in) + len
	};
	*in = at + len;
	return 0;
}

int certctl_der_next(struct certctl_der_in *in, const char *what, struct certctl_der_element *ret,
	struct certctl_error *err)
{
	if (certctl_der_read(&in->at, in->end, ret, err) < 0)
		return certctl_error_prefix(err, "%s", what);
	return 0;
}

int certctl_der_take(struct certctl_der_in *in, unsigned tag, const char *what, struct certctl_der_element *ret,
	struct certctl_error *err)
{
	if (certctl_der_peek(in) != tag)
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: tag 0x%02x expected, got 0x%02x", what, tag,
			certctl_der_peek(in));
	return certctl_der_next(in, what, ret, err);
}

int certctl_der_done(const struct certctl_der_in *in, const char *what, struct certctl_error *err)
{
	if (in->at != in->end)
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: %zu bytes too many", what, (size_t)(in->end - in->at));
	return 0;
}

int certctl_der_whole(const void *data, size_t len, unsigned tag, const char *what, struct certctl_der_element *ret,
	struct certctl_error *err)
{
	struct certctl_der_in in = { data, (const unsigned char *)data + len };
	int rc = certctl_der_take(&in, tag, what, ret, err);

	return rc < 0 ? rc : certctl_der_done(&in, what, err);
}

int certctl_der_small(const struct certctl_der_element *element, const char *what, int32_t *ret,
	struct certctl_error *err)
{
	const unsigned char *octets = element->content;
	uint32_t value = 0;

	if (element->len == 0 || element->len > 4 || octets[0] >= 0x80 ||
		(element->len > 1 && octets[0] == 0 && octets[1] < 0x80))
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: number out of range or not DER", what);
	for (size_t i = 0; i < element->len; i++)
		value = value << 8 | octets[i];
	*ret = (int32_t)value;
	return 0;
}

int certctl_der_flag(const struct certctl_der_element *element, const char *what, bool *ret, struct certctl_error *err)
{
	if (element->len != 1 || (element->content[0] != 0 && element->content[0] != 0xff))
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: BOOLEAN is not DER", what);
	*ret = element->content[0] != 0;
	return 0;
}

int certctl_der_octets(const struct certctl_der_element *element, const char *what, struct certctl_bytes *ret,
	struct certctl_error *err)
{
	if (element->len < 1 || element->content[0] != 0)
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: BIT STRING of whole octets expected", what);
	*ret = (struct certctl_bytes){ (unsigned char *)element->content + 1, element->len - 1 };
	return 0;
}

static bool read_digits(const unsigned char **at, int count, int *ret)
{
	int value = 0;

	for (; count--; (*at)++) {
		if (**at < '0' || **at > '9')
			return false;
		value = value * 10 + (**at - '0');
	}
	*ret = value;
	return true;
}

/* Month to second, then "Z".  timegm() accepts the 31st of February, so the result is read back. */
static bool read_time_rest(const unsigned char *at, int year, int64_t *ret)
{
	struct tm tm = { .tm_year = year - 1900 }, back;

	if (!read_digits(&at, 2, &tm.tm_mon) || !read_digits(&at, 2, &tm.tm_mday) ||
		!read_digits(&at, 2, &tm.tm_hour) || !read_digits(&at, 2, &tm.tm_min) ||
		!read_digits(&at, 2, &tm.tm_sec) || *at != 'Z')
		return false;
	tm.tm_mon--;
	struct tm wanted = tm;
	time_t seconds = timegm(&tm);

	*ret = seconds;
	return gmtime_r(&seconds, &back) && back.tm_year == wanted.tm_year && back.tm_mon == wanted.tm_mon &&
	       back.tm_mday == wanted.tm_mday && back.tm_hour == wanted.tm_hour && back.tm_min == wanted.tm_min &&
	       back.tm_sec == wanted.tm_sec;
}

int certctl_der_read_time(const struct certctl_der_element *element, const char *what, int64_t *ret_unix_s,
	struct certctl_error *err)
{
	const unsigned char *at = element->content;
	int64_t unix_s;
	int year;

	if (element->tag == CERTCTL_DER_UTC_TIME && element->len == 13 && read_digits(&at, 2, &year)) {
		if (read_time_rest(at, year < 50 ? 2000 + year : 1900 + year, &unix_s)) {
			*ret_unix_s = unix_s;
			return 0;
		}
	} else if (element->tag == CERTCTL_DER_GENERALIZED_TIME && element->len == 15 && read_digits(&at, 4, &year)) {
		if (read_time_rest(at, year, &unix_s)) {
			*ret_unix_s = unix_s;
			return 0;
		}
	}
	return certctl_fail(err, CERTCTL_E_INVALID, "%s: not a time of RFC 5280", what);
}

char *certctl_der_dotted(TALLOC_CTX *mem, const struct certctl_der_element *element)
{
	char *text = talloc_strdup(mem, "");
	bool is_first = true, is_open = false;
	uint64_t arc = 0;

	for (size_t i = 0; text && i < element->len; i++) {
		if (arc > UINT64_MAX >> 7 || (!is_open && element->content[i] == 0x80))
			goto malformed;
		arc = arc << 7 | (element->content[i] & 0x7f);
		is_open = element->content[i] & 0x80;
		if (is_open)
			continue;
		if (is_first) {
			uint64_t root = arc < 80 ? arc / 40 : 2;

			text = talloc_asprintf_append_buffer(text, "%d.%llu", (int)root,
				(unsigned long long)(arc - root * 40));
		} else {
			text = talloc_asprintf_append_buffer(text, ".%llu", (unsigned long long)arc);
		}
		is_first = false;
		arc = 0;
	}
	if (text && !is_first && !is_open)
		return text;
malformed:
	talloc_free(text);
	return NULL;
}
