/* The DER writer (ITU-T X.690): backwards, into one buffer.  Knows encodings, not what is encoded. */
#include <certctl/der.h>

#include <limits.h>
#include <string.h>
#include <time.h>

/* A certificate without surprises fits; doubling does the rest. */
#define FIRST_SIZE 1024

void certctl_der_init(struct certctl_der *der, TALLOC_CTX *mem, size_t max)
{
	*der = (struct certctl_der){ .mem = mem, .max = max };
}

static void latch(struct certctl_der *der, enum certctl_code code)
{
	if (!der->failed)
		der->failed = code;
}

/* Room for `len` bytes in front of what is there; wanted <= max holds. */
static bool grow(struct certctl_der *der, size_t wanted)
{
	size_t size = der->size ? der->size : FIRST_SIZE;

	while (size < wanted)
		size = size > der->max / 2 ? der->max : size * 2;
	unsigned char *data = talloc_size(der->mem, size);

	if (!data) {
		latch(der, CERTCTL_E_NO_MEMORY);
		return false;
	}
	if (der->len)
		memcpy(data + size - der->len, der->data + der->size - der->len, der->len);
	talloc_free(der->data);
	der->data = data;
	der->size = size;
	return true;
}

/* Where the next `len` bytes go; NULL when something failed. */
static unsigned char *reserve(struct certctl_der *der, size_t len)
{
	if (der->failed)
		return NULL;
	if (len > der->max - der->len) {
		latch(der, CERTCTL_E_LIMIT);
		return NULL;
	}
	if (len > der->size - der->len && !grow(der, der->len + len))
		return NULL;
	der->len += len;
	return der->data + der->size - der->len;
}

size_t certctl_der_mark(const struct certctl_der *der)
{
	return der->len;
}

void certctl_der_raw(struct certctl_der *der, const void *data, size_t len)
{
	unsigned char *to = len ? reserve(der, len) : NULL;

	if (to)
		memcpy(to, data, len);
}

void certctl_der_wrap(struct certctl_der *der, unsigned tag, size_t mark)
{
	if (der->failed)
		return;
	certctl_assert(mark <= der->len && tag <= UCHAR_MAX);
	unsigned char header[2 + sizeof(size_t)], *at = header + sizeof(header);
	size_t len = der->len - mark;

	if (len < 0x80) {
		*--at = (unsigned char)len;
	} else {
		unsigned octets = 0;

		for (; len; len >>= 8, octets++)
			*--at = (unsigned char)len;
		*--at = (unsigned char)(0x80 | octets);
	}
	*--at = (unsigned char)tag;
	certctl_der_raw(der, at, (size_t)(header + sizeof(header) - at));
}

void certctl_der_put(struct certctl_der *der, unsigned tag, const void *data, size_t len)
{
	size_t mark = certctl_der_mark(der);

	certctl_der_raw(der, data, len);
	certctl_der_wrap(der, tag, mark);
}

void certctl_der_boolean(struct certctl_der *der, bool value)
{
	certctl_der_put(der, CERTCTL_DER_BOOLEAN, value ? "\xff" : "\0", 1);
}

void certctl_der_integer(struct certctl_der *der, int64_t value)
{
	unsigned char octets[sizeof(value)];
	size_t first = 0;

	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = (unsigned char)((uint64_t)value >> (8 * (sizeof(octets) - 1 - i)));
	/* Nine equal leading bits say nothing (X.690, 8.3.2). */
	while (first + 1 < sizeof(octets) && ((octets[first] == 0 && octets[first + 1] < 0x80) ||
						     (octets[first] == 0xff && octets[first + 1] >= 0x80)))
		first++;
	certctl_der_put(der, CERTCTL_DER_INTEGER, octets + first, sizeof(octets) - first);
}

void certctl_der_unsigned(struct certctl_der *der, const void *data, size_t len)
{
	const unsigned char *octets = data;
	size_t mark = certctl_der_mark(der);

	while (len > 0 && octets[0] == 0)
		octets++, len--;
	certctl_der_raw(der, octets, len);
	if (len == 0 || octets[0] >= 0x80)
		certctl_der_raw(der, "\0", 1);
	certctl_der_wrap(der, CERTCTL_DER_INTEGER, mark);
}

/* One arc of a dotted OID, without leading zeros, followed by "." or the end. */
static bool next_arc(const char **text, uint64_t *ret)
{
	const char *at = *text;
	uint64_t arc = 0;

	if (*at < '0' || *at > '9' || (*at == '0' && at[1] >= '0' && at[1] <= '9'))
		return false;
	for (; *at >= '0' && *at <= '9'; at++) {
		uint64_t digit = (uint64_t)(*at - '0');

		if (arc > (UINT64_MAX - digit) / 10)
			return false;
		arc = arc * 10 + digit;
	}
	if (*at == '.' ? at[1] == 0 : *at != 0)
		return false;
	*text = *at ? at + 1 : at;
	*ret = arc;
	return true;
}

/* Append one base-128 number; the length so far, or 0 when it does not fit. */
static size_t put_base128(unsigned char *out, size_t len, size_t size, uint64_t value)
{
	unsigned septets = 1;

	for (uint64_t rest = value >> 7; rest; rest >>= 7)
		septets++;
	if (septets > size - len)
		return 0;
	while (septets--)
		out[len++] = (unsigned char)(((value >> (7 * septets)) & 0x7f) | (septets ? 0x80 : 0));
	return len;
}

void certctl_der_oid(struct certctl_der *der, const char *dotted)
{
	unsigned char octets[128];
	uint64_t first, second, arc;
	const char *at = dotted;
	size_t len = 0;

	if (!next_arc(&at, &first) || !next_arc(&at, &second) || first > 2 || (first < 2 && second > 39) ||
		second > UINT64_MAX - 80)
		return latch(der, CERTCTL_E_INVALID);
	len = put_base128(octets, 0, sizeof(octets), first * 40 + second);
	while (len && *at)
		len = next_arc(&at, &arc) ? put_base128(octets, len, sizeof(octets), arc) : 0;
	if (!len)
		return latch(der, CERTCTL_E_INVALID);
	certctl_der_put(der, CERTCTL_DER_OID, octets, len);
}

void certctl_der_named_bits(struct certctl_der *der, uint32_t bits)
{
	unsigned char octets[5] = { 0 }; /* unused bits, then up to 32 */
	unsigned count = 0;

	for (unsigned bit = 0; bit < 32; bit++) {
		if (!(bits & UINT32_C(1) << bit))
			continue;
		octets[1 + bit / 8] |= (unsigned char)(0x80 >> (bit % 8));
		count = bit + 1;
	}
	octets[0] = (unsigned char)((8 - count % 8) % 8);
	certctl_der_put(der, CERTCTL_DER_BIT_STRING, octets, 1 + (count + 7) / 8);
}

void certctl_der_bit_string(struct certctl_der *der, const void *data, size_t len)
{
	size_t mark = certctl_der_mark(der);

	certctl_der_raw(der, data, len);
	certctl_der_raw(der, "\0", 1);
	certctl_der_wrap(der, CERTCTL_DER_BIT_STRING, mark);
}

/* "YYYYMMDDHHMMSSZ"; the first two digits are the century, which UTCTime leaves out. */
static bool format_time(int64_t unix_s, char text[16], int *ret_year)
{
	time_t seconds = (time_t)unix_s;
	int parts[7];
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) || tm.tm_year < -1900 || tm.tm_year > 9999 - 1900)
		return false;
	*ret_year = tm.tm_year + 1900;
	parts[0] = *ret_year / 100;
	parts[1] = *ret_year % 100;
	parts[2] = tm.tm_mon + 1;
	parts[3] = tm.tm_mday;
	parts[4] = tm.tm_hour;
	parts[5] = tm.tm_min;
	parts[6] = tm.tm_sec;
	for (int i = 0; i < 7; i++) {
		text[2 * i] = (char)('0' + parts[i] / 10);
		text[2 * i + 1] = (char)('0' + parts[i] % 10);
	}
	text[14] = 'Z';
	text[15] = 0;
	return true;
}

void certctl_der_time(struct certctl_der *der, int64_t unix_s)
{
	char text[16];
	int year;

	/* What UTCTime would read as 20xx cannot be said at all before 1950. */
	if (!format_time(unix_s, text, &year) || year < 1950)
		latch(der, CERTCTL_E_INVALID);
	else if (year < 2050)
		certctl_der_put(der, CERTCTL_DER_UTC_TIME, text + 2, 13);
	else
		certctl_der_put(der, CERTCTL_DER_GENERALIZED_TIME, text, 15);
}

void certctl_der_generalized_time(struct certctl_der *der, int64_t unix_s)
{
	char text[16];
	int year;

	if (!format_time(unix_s, text, &year))
		latch(der, CERTCTL_E_INVALID);
	else
		certctl_der_put(der, CERTCTL_DER_GENERALIZED_TIME, text, 15);
}

int certctl_der_finish(struct certctl_der *der, struct certctl_bytes *ret, struct certctl_error *err)
{
	if (!der->failed && !der->len)
		(void)grow(der, 1);
	switch (der->failed) {
	case 0:
		break;
	case CERTCTL_E_NO_MEMORY:
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	case CERTCTL_E_LIMIT:
		return certctl_fail(err, CERTCTL_E_LIMIT, "encoding: more than %zu bytes", der->max);
	default:
		return certctl_fail(err, CERTCTL_E_INVALID, "encoding: malformed OID, or time out of range");
	}
	memmove(der->data, der->data + der->size - der->len, der->len);
	*ret = (struct certctl_bytes){ .data = der->data, .len = der->len };
	certctl_der_init(der, der->mem, der->max);
	return 0;
}
