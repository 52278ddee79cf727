/* DNS names: IDNA2008, lengths, letters, wildcards.  Asks no name server. */
#include "names.h"
#include "utf8.h"

#include <ctype.h>
#include <idn2.h>
#include <libpsl.h>
#include <stdlib.h>
#include <string.h>

/* UTS #46 drops these without a word; a name that is not what it shows is refused instead. */
static bool is_ignored(uint32_t c)
{
	return c == 0xad || c == 0x34f || c == 0x200b || c == 0xfeff || (c >= 0x180b && c <= 0x180f) ||
	       (c >= 0x2060 && c <= 0x2065) || (c >= 0xfe00 && c <= 0xfe0f) || (c >= 0xe0000 && c <= 0xe0fff);
}

/* What can be said before the name is taken apart. */
static int check_characters(const char *text, bool *ret_is_ascii, struct certctl_error *err)
{
	size_t len = strlen(text);
	uint32_t character;

	*ret_is_ascii = true;
	if (len == 0)
		return certctl_name_fail(err, text, "empty name");
	/* An A-label is never shorter than its characters; four bytes each is the longest way to write them. */
	if (len > 4 * CERTCTL_DNS_MAX)
		return certctl_name_fail(err, text, "longer than %d characters", CERTCTL_DNS_MAX);
	for (size_t at = 0, step; at < len; at += step) {
		step = certctl_utf8_next(text + at, len - at, &character);
		if (step == 0)
			return certctl_name_fail(err, text, "not UTF-8");
		if (certctl_utf8_is_hidden(character) || is_ignored(character))
			return certctl_name_fail(err, text, "hidden character U+%04X", character);
		*ret_is_ascii &= character < 0x80;
	}
	return 0;
}

/* U-labels to A-labels, and A-labels only when they are what their U-label gives under the strict rules (RFC 5891, 5.4). */
static int to_ascii(TALLOC_CTX *mem, const char *text, char **ret, struct certctl_error *err)
{
	char *ascii = NULL, *shown = NULL, *again = NULL;
	int rc = idn2_lookup_u8((const uint8_t *)text, (uint8_t **)&ascii, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);

	if (rc == IDN2_OK)
		rc = idn2_to_unicode_8z8z(ascii, &shown, 0);
	if (rc == IDN2_OK)
		rc = idn2_lookup_u8((const uint8_t *)shown, (uint8_t **)&again, IDN2_NO_TR46 | IDN2_NFC_INPUT);
	if (rc == IDN2_OK && strcmp(ascii, again) != 0)
		rc = IDN2_ALABEL_ROUNDTRIP_FAILED;
	*ret = rc == IDN2_OK ? talloc_strdup(mem, ascii) : NULL;
	idn2_free(ascii);
	idn2_free(shown);
	idn2_free(again);
	if (rc == IDN2_MALLOC || (rc == IDN2_OK && !*ret))
		return certctl_name_no_memory(err);
	return rc == IDN2_OK ? 0 : certctl_name_fail(err, text, "IDNA2008: %s", idn2_strerror(rc));
}

/* One label of `len` characters: letters, digits and inner hyphens; "xn--" was checked by the round trip. */
static int check_label(const char *name, const char *label, size_t len, struct certctl_error *err)
{
	if (len == 0)
		return certctl_name_fail(err, name, "empty label");
	if (len > CERTCTL_LABEL_MAX)
		return certctl_name_fail(err, name, "label longer than %d characters", CERTCTL_LABEL_MAX);
	for (size_t i = 0; i < len; i++)
		if (!(label[i] >= 'a' && label[i] <= 'z') && !(label[i] >= '0' && label[i] <= '9') && label[i] != '-')
			return certctl_name_fail(err, name,
				label[i] == '*' ? "a wildcard must be the whole leftmost label"
						: "letters, digits, hyphens and dots expected");
	if (label[0] == '-' || label[len - 1] == '-')
		return certctl_name_fail(err, name, "label begins or ends with a hyphen");
	if (len >= 4 && label[2] == '-' && label[3] == '-' && strncmp(label, "xn--", 4) != 0)
		return certctl_name_fail(err, name, "hyphens in third and fourth place are reserved");
	return 0;
}

static int check_labels(const char *name, struct certctl_error *err)
{
	const char *label = name;

	if (strlen(name) > CERTCTL_DNS_MAX)
		return certctl_name_fail(err, name, "longer than %d characters", CERTCTL_DNS_MAX);
	for (;;) {
		size_t len = strcspn(label, ".");
		int rc = check_label(name, label, len, err);

		if (rc < 0)
			return rc;
		if (!label[len])
			break;
		label += len + 1;
	}
	if (strspn(label, "0123456789") == strlen(label))
		return certctl_name_fail(err, name, "last label is a number: neither a DNS name nor an IP address");
	return 0;
}

/* The name without wildcard, in its canonical form. */
static int make_plain(TALLOC_CTX *mem, const char *text, char **ret, struct certctl_error *err)
{
	bool is_ascii;
	char *name = NULL;
	int rc = check_characters(text, &is_ascii, err);

	if (rc < 0)
		return rc;
	if (is_ascii && !strcasestr(text, "xn--")) {
		name = talloc_strdup(mem, text);
		for (char *c = name; c && *c; c++)
			*c = (char)tolower((unsigned char)*c);
	} else
		rc = to_ascii(mem, text, &name, err);
	if (rc == 0 && !name)
		rc = certctl_name_no_memory(err);
	if (rc == 0)
		rc = check_labels(name, err);
	if (rc == 0)
		*ret = CERTCTL_TAKE(name);
	talloc_free(name);
	return rc;
}

static int make_wildcard(TALLOC_CTX *mem, const char *text, char **ret, struct certctl_error *err)
{
	char *plain = NULL;
	int rc = make_plain(mem, text + 2, &plain, err);

	if (rc < 0)
		return rc;
	if (strlen(plain) + 2 > CERTCTL_DNS_MAX)
		rc = certctl_name_fail(err, text, "longer than %d characters", CERTCTL_DNS_MAX);
	else if (psl_is_public_suffix(psl_builtin(), plain))
		rc = certctl_name_fail(err, text, "a wildcard directly above a public suffix");
	else if (!(*ret = talloc_asprintf(mem, "*.%s", plain)))
		rc = certctl_name_no_memory(err);
	talloc_free(plain);
	return rc;
}

int certctl_name_dns(TALLOC_CTX *mem, const char *text, bool may_wildcard, char **ret, struct certctl_error *err)
{
	return may_wildcard && strncmp(text, "*.", 2) == 0 ? make_wildcard(mem, text, ret, err)
							   : make_plain(mem, text, ret, err);
}
