/* Distinguished names (RFC 5280, section 4.1.2.4) as text (RFC 4514).  Knows nothing of alternative names. */
#include "x509_parts.h"

#include <certctl/buffer.h>

#define ID_AT(last) { 0x55, 4, last }, 3
#define DN_TEXT_MAX 16384

enum string_tag {
	TAG_NUMERIC = 0x12,
	TAG_TELETEX = 0x14,
	TAG_VISIBLE = 0x1a,
	TAG_UNIVERSAL = 0x1c,
	TAG_BMP = 0x1e,
};

static const struct attribute {
	const char *name;
	unsigned char oid[10];
	size_t oid_len;
} attributes[] = {
	{ "CN", ID_AT(3) },
	{ "O", ID_AT(10) },
	{ "OU", ID_AT(11) },
	{ "C", ID_AT(6) },
	{ "L", ID_AT(7) },
	{ "ST", ID_AT(8) },
	{ "STREET", ID_AT(9) },
	{ "serialNumber", ID_AT(5) },
	{ "SN", ID_AT(4) },
	{ "GN", ID_AT(42) },
	{ "title", ID_AT(12) },
	{ "DC", { 0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25 }, 10 },
	{ "UID", { 0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1 }, 10 },
	{ "emailAddress", { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1 }, 9 },
};

static const struct attribute *find_attribute(const struct certctl_der_element *oid)
{
	for (size_t i = 0; i < CERTCTL_COUNT(attributes); i++)
		if (certctl_der_same(oid, attributes[i].oid, attributes[i].oid_len))
			return &attributes[i];
	return NULL;
}

/* One AttributeTypeAndValue. */
static int read_pair(struct certctl_der_in *in, struct certctl_der_element *ret_oid,
	struct certctl_der_element *ret_value, struct certctl_error *err)
{
	struct certctl_der_element sequence;
	struct certctl_der_in inner;
	int rc = certctl_der_take(in, CERTCTL_DER_SEQUENCE, "name", &sequence, err);

	if (rc < 0)
		return rc;
	inner = certctl_der_in_of(&sequence);
	if ((rc = certctl_der_take(&inner, CERTCTL_DER_OID, "name: attribute", ret_oid, err)) < 0 ||
		(rc = certctl_der_next(&inner, "name: attribute", ret_value, err)) < 0)
		return rc;
	return certctl_der_done(&inner, "name: attribute", err);
}

static char *append_character(char *to, uint32_t c)
{
	if (c < 0x80) {
		*to++ = (char)c;
	} else if (c < 0x800) {
		*to++ = (char)(0xc0 | c >> 6);
		*to++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*to++ = (char)(0xe0 | c >> 12);
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
		*to++ = (char)(0x80 | (c & 0x3f));
	} else {
		*to++ = (char)(0xf0 | (c >> 18 & 7));
		*to++ = (char)(0x80 | (c >> 12 & 0x3f));
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
		*to++ = (char)(0x80 | (c & 0x3f));
	}
	return to;
}

/* Octets a character in the string types whose units are not UTF-8; 0: the others. */
static size_t unit_of(unsigned tag)
{
	return tag == TAG_TELETEX ? 1 : tag == TAG_BMP ? 2 : tag == TAG_UNIVERSAL ? 4 : 0;
}

static bool is_plain_string(unsigned tag)
{
	return tag == CERTCTL_DER_UTF8 || tag == CERTCTL_DER_PRINTABLE || tag == CERTCTL_DER_IA5 ||
	       tag == TAG_NUMERIC || tag == TAG_VISIBLE;
}

/* The value as UTF-8 with a NUL behind; NULL when it is no such string, has a NUL in it, or memory ran out. */
static char *value_text(TALLOC_CTX *mem, const struct certctl_der_element *value, size_t *ret_len)
{
	size_t unit = unit_of(value->tag);

	if ((!unit && !is_plain_string(value->tag)) || (unit && value->len % unit))
		return NULL;
	/* One octet of Latin-1 takes two in UTF-8, two of UCS-2 three, four of UCS-4 four. */
	char *text = talloc_size(mem, 2 * value->len + 1), *to = text;

	if (!text)
		return NULL;
	if (!unit)
		to = mempcpy(to, value->content, value->len);
	for (size_t i = 0; unit && i < value->len; i += unit) {
		uint32_t c = 0;

		for (size_t k = 0; k < unit; k++)
			c = c << 8 | value->content[i + k];
		to = append_character(to, c);
	}
	*to = 0;
	*ret_len = (size_t)(to - text);
	if (certctl_utf8_is_valid(text, *ret_len))
		return text;
	talloc_free(text);
	return NULL;
}

/* RFC 4514, section 2.4; control characters as hex pairs, so that a text of ours never holds one. */
static void append_escaped(struct certctl_buffer *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		bool is_edge = (c == ' ' && (i == 0 || i + 1 == len)) || (c == '#' && i == 0);

		if (c < 0x20 || c == 0x7f) {
			certctl_buffer_printf(out, "\\%02X", c);
		} else {
			if (is_edge || strchr("\"+,;<>\\", c))
				certctl_buffer_append(out, "\\", 1);
			certctl_buffer_append(out, &text[i], 1);
		}
	}
}

static void append_pair(struct certctl_buffer *out, const struct certctl_der_element *oid,
	const struct certctl_der_element *value)
{
	const struct attribute *attribute = find_attribute(oid);
	size_t len = 0;
	char *dotted = attribute ? NULL : certctl_der_dotted(out->mem, oid);
	char *text = attribute ? value_text(out->mem, value, &len) : NULL;

	certctl_buffer_puts(out, attribute ? attribute->name : dotted ? dotted : "?");
	certctl_buffer_puts(out, "=");
	if (text) {
		append_escaped(out, text, len);
	} else {
		certctl_buffer_puts(out, "#");
		for (size_t i = 0; i < value->whole_len; i++)
			certctl_buffer_printf(out, "%02x", value->whole[i]);
	}
	talloc_free(text);
	talloc_free(dotted);
}

static int append_rdn(struct certctl_buffer *out, const struct certctl_der_element *set, struct certctl_error *err)
{
	struct certctl_der_in in = certctl_der_in_of(set);
	struct certctl_der_element oid, value;

	if (set->len == 0)
		return certctl_fail(err, CERTCTL_E_INVALID, "name: empty RDN");
	for (bool is_first = true; in.at != in.end; is_first = false) {
		int rc = read_pair(&in, &oid, &value, err);

		if (rc < 0)
			return rc;
		if (!is_first)
			certctl_buffer_puts(out, "+");
		append_pair(out, &oid, &value);
	}
	return 0;
}

/* More than any name in use has. */
#define RDNS_MAX 64

int certctl_dn_text(TALLOC_CTX *mem, const struct certctl_der_element *name, char **ret, struct certctl_error *err)
{
	struct certctl_der_in in = certctl_der_in_of(name);
	struct certctl_der_element rdns[RDNS_MAX];
	struct certctl_buffer out;
	size_t count = 0;
	int rc = 0;

	for (; rc >= 0 && in.at != in.end; count++) {
		if (count == RDNS_MAX)
			return certctl_fail(err, CERTCTL_E_LIMIT, "name: more than %d RDNs", RDNS_MAX);
		if ((rc = certctl_der_take(&in, CERTCTL_DER_SET, "name: RDN", &rdns[count], err)) < 0)
			return rc;
	}
	certctl_buffer_init(&out, mem, DN_TEXT_MAX);
	certctl_buffer_puts(&out, "");
	for (size_t i = count; rc >= 0 && i-- > 0;) {
		rc = append_rdn(&out, &rdns[i], err);
		if (i > 0)
			certctl_buffer_puts(&out, ",");
	}
	if (rc >= 0)
		rc = certctl_buffer_finish(&out, err);
	if (rc < 0) {
		talloc_free(out.data);
		return rc;
	}
	*ret = out.data;
	return 0;
}

static int take_common_name(TALLOC_CTX *mem, const struct certctl_der_element *value, char **ret,
	struct certctl_error *err)
{
	size_t len = 0;
	char *text = value_text(mem, value, &len);

	if (!text)
		return certctl_fail(err, CERTCTL_E_INVALID, "common name: not a string, or a NUL in it");
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
			talloc_free(text);
			return certctl_fail(err, CERTCTL_E_INVALID, "common name: control character");
		}
	talloc_free(*ret);
	*ret = text;
	return 0;
}

int certctl_dn_common_name(TALLOC_CTX *mem, const struct certctl_der_element *name, bool only_one, char **ret,
	struct certctl_error *err)
{
	struct certctl_der_in sets = certctl_der_in_of(name);
	struct certctl_der_element set, oid, value;
	char *found = NULL;
	int rc = 0;

	while (rc >= 0 && sets.at != sets.end) {
		if ((rc = certctl_der_take(&sets, CERTCTL_DER_SET, "name: RDN", &set, err)) < 0)
			break;
		for (struct certctl_der_in pairs = certctl_der_in_of(&set); rc >= 0 && pairs.at != pairs.end;) {
			rc = read_pair(&pairs, &oid, &value, err);
			if (rc < 0 || !certctl_der_same(&oid, attributes[0].oid, attributes[0].oid_len))
				continue;
			if (found && only_one)
				rc = certctl_fail(err, CERTCTL_E_INVALID, "subject: several common names");
			else
				rc = take_common_name(mem, &value, &found, err);
		}
	}
	if (rc < 0) {
		talloc_free(found);
		return rc;
	}
	*ret = found;
	return 0;
}
