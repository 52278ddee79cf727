/* UTF-8: decoding, validity, what is safe to show.  Knows nothing of JSON, logs or names. */
#include "utf8.h"

#include <certctl/error.h>
#include <certctl/name.h>

#include <string.h>

/* RFC 3629, section 4: what the first byte says about length, its own bits and the second byte's range. */
static const struct {
	unsigned char first, last, length, mask, second_min, second_max;
} leads[] = {
	{ 0xc2, 0xdf, 2, 0x1f, 0x80, 0xbf },
	{ 0xe0, 0xe0, 3, 0x0f, 0xa0, 0xbf },
	{ 0xe1, 0xec, 3, 0x0f, 0x80, 0xbf },
	{ 0xed, 0xed, 3, 0x0f, 0x80, 0x9f },
	{ 0xee, 0xef, 3, 0x0f, 0x80, 0xbf },
	{ 0xf0, 0xf0, 4, 0x07, 0x90, 0xbf },
	{ 0xf1, 0xf3, 4, 0x07, 0x80, 0xbf },
	{ 0xf4, 0xf4, 4, 0x07, 0x80, 0x8f },
};

size_t certctl_utf8_next(const char *text, size_t left, uint32_t *ret_character)
{
	const unsigned char *byte = (const unsigned char *)text;
	size_t lead = 0;

	*ret_character = byte[0];
	if (byte[0] < 0x80)
		return 1;
	while (lead < CERTCTL_COUNT(leads) && (byte[0] < leads[lead].first || byte[0] > leads[lead].last))
		lead++;
	if (lead == CERTCTL_COUNT(leads) || left < leads[lead].length || byte[1] < leads[lead].second_min ||
		byte[1] > leads[lead].second_max)
		return 0;
	uint32_t character = byte[0] & leads[lead].mask;

	for (size_t i = 1; i < leads[lead].length; i++) {
		if ((byte[i] & 0xc0) != 0x80)
			return 0;
		character = character << 6 | (byte[i] & 0x3f);
	}
	*ret_character = character;
	return leads[lead].length;
}

/* Bytes that stand as they are in a JSON string. */
static bool is_plain(unsigned char byte)
{
	return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

/* Does one of these eight bytes need a closer look?  May say yes too often, never no. */
static bool any_special(const char *text)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), tops = UINT64_C(0x8080808080808080);
	uint64_t word;

	memcpy(&word, text, sizeof(word));
	uint64_t quote = word ^ ones * '"', backslash = word ^ ones * '\\', del = word ^ ones * 0x7f;

	/* (x - 1) & ~x has its top bit set where x was 0; word - 0x20 borrows below a space; the rest is not ASCII. */
	return (((quote - ones) & ~quote) | ((backslash - ones) & ~backslash) | ((del - ones) & ~del) |
		       (word - ones * 0x20) | word) &
	       tops;
}

/* Texts are almost nothing else, so eight bytes at a time. */
size_t certctl_utf8_plain_run(const char *text, size_t len)
{
	size_t run = 0;

	while (len - run >= 8 && !any_special(text + run))
		run += 8;
	while (run < len && is_plain((unsigned char)text[run]))
		run++;
	return run;
}

bool certctl_utf8_is_hidden(uint32_t character)
{
	/* UAX #9: the embeddings, overrides, isolates and marks that reorder or hide text ("Trojan source"). */
	static const struct {
		uint32_t first, last;
	} hidden[] = { { 0x00, 0x1f }, { 0x7f, 0x9f }, { 0x61c, 0x61c }, { 0x200e, 0x200f }, { 0x2028, 0x202e },
		{ 0x2066, 0x2069 }, { 0xfeff, 0xfeff }, { 0xfffe, 0xffff } };

	for (size_t i = 0; i < CERTCTL_COUNT(hidden); i++)
		if (character >= hidden[i].first && character <= hidden[i].last)
			return true;
	return false;
}

bool certctl_utf8_is_valid(const char *text, size_t len)
{
	uint32_t character;

	for (size_t at = certctl_utf8_plain_run(text, len); at < len;
		at += certctl_utf8_plain_run(text + at, len - at)) {
		size_t step = certctl_utf8_next(text + at, len - at, &character);

		if (step == 0 || character == 0)
			return false;
		at += step;
	}
	return true;
}

size_t certctl_utf8_cut(const char *text, size_t len, size_t max)
{
	if (len <= max)
		return len;
	size_t cut = max;

	/* At most three continuation bytes back; bytes that are no UTF-8 are cut anywhere. */
	while (cut > 0 && max - cut < 3 && ((unsigned char)text[cut] & 0xc0) == 0x80)
		cut--;
	return cut;
}

const char *certctl_utf8_show(const char *text, size_t len, char *out, size_t size)
{
	bool is_cut = len > size - 1;
	size_t keep = is_cut ? certctl_utf8_cut(text, len, size - 4) : len, used = 0;
	uint32_t character;

	for (size_t at = 0, step; at < keep; at += step) {
		step = certctl_utf8_next(text + at, keep - at, &character);
		if (step == 0 || certctl_utf8_is_hidden(character)) {
			step = step ? step : 1;
			out[used++] = '?';
			continue;
		}
		memcpy(out + used, text + at, step);
		used += step;
	}
	memcpy(out + used, is_cut ? "..." : "", is_cut ? 4 : 1);
	return out;
}
