/* Alternative names (RFC 5280, section 4.2.1.6) read into the canonical names of name.h. */
#include "x509_parts.h"

#include <arpa/inet.h>
#include <stdlib.h>

/* GeneralName tags that have a type of ours. */
static enum certctl_name_type type_of_tag(unsigned tag)
{
	switch (tag) {
	case CERTCTL_DER_CONTEXT_PRIMITIVE(1):
		return CERTCTL_NAME_EMAIL;
	case CERTCTL_DER_CONTEXT_PRIMITIVE(2):
		return CERTCTL_NAME_DNS;
	case CERTCTL_DER_CONTEXT_PRIMITIVE(6):
		return CERTCTL_NAME_URI;
	case CERTCTL_DER_CONTEXT_PRIMITIVE(7):
		return CERTCTL_NAME_IP;
	default:
		return 0;
	}
}

static int read_address(TALLOC_CTX *mem, const struct certctl_der_element *element, struct certctl_name *ret,
	struct certctl_error *err)
{
	char text[INET6_ADDRSTRLEN];

	if (element->len != 4 && element->len != 16)
		return certctl_fail(err, CERTCTL_E_INVALID, "subjectAltName: address of %zu octets", element->len);
	ret->text = talloc_strdup(mem,
		inet_ntop(element->len == 4 ? AF_INET : AF_INET6, element->content, text, sizeof(text)));
	return ret->text ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}

/* IA5String: printable ASCII, or what follows would be misread by somebody. */
static int read_text(TALLOC_CTX *mem, const struct certctl_der_element *element, bool is_strict,
	struct certctl_name *ret, struct certctl_error *err)
{
	for (size_t i = 0; i < element->len; i++)
		if (element->content[i] <= 0x20 || element->content[i] >= 0x7f)
			return certctl_fail(err, CERTCTL_E_INVALID, "subjectAltName: octet 0x%02x in a %s name",
				element->content[i], certctl_name_type_name(ret->type));
	char *text = talloc_strndup(mem, (const char *)element->content, element->len);

	if (!text)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	struct certctl_error why;
	int rc = certctl_name_make(mem, ret->type, text, ret, &why);

	if (rc < 0 && !is_strict && rc != CERTCTL_E_NO_MEMORY) {
		ret->text = text;
		return 0;
	}
	talloc_free(text);
	if (rc < 0)
		return certctl_fail(err, rc, "subjectAltName: %s", why.what);
	return 0;
}

static int compare_pointers(const void *a, const void *b)
{
	return certctl_name_compare(*(struct certctl_name *const *)a, *(struct certctl_name *const *)b);
}

/* Sort and drop doubles. */
static void make_set(struct certctl_name_list *list)
{
	size_t kept = 0;

	if (list->count > 1)
		qsort(list->items, list->count, sizeof(list->items[0]), compare_pointers);
	for (size_t i = 0; i < list->count; i++)
		if (kept == 0 || certctl_name_compare(list->items[kept - 1], list->items[i]) != 0)
			list->items[kept++] = list->items[i];
	list->items[kept] = NULL;
	list->count = kept;
}

static int read_names(struct certctl_der_in in, bool is_strict, struct certctl_name *storage,
	struct certctl_name_list *list, struct certctl_error *err)
{
	while (in.at != in.end) {
		struct certctl_der_element element;
		int rc = certctl_der_next(&in, "subjectAltName", &element, err);

		if (rc < 0)
			return rc;
		struct certctl_name *name = &storage[list->count];

		name->type = type_of_tag(element.tag);
		if (!name->type && is_strict)
			return certctl_fail(err, CERTCTL_E_INVALID,
				"subjectAltName: only DNS, IP, e-mail and URI names are accepted, got type %u",
				element.tag & 0x1f);
		if (!name->type)
			continue;
		rc = name->type == CERTCTL_NAME_IP ? read_address(list->items, &element, name, err)
						   : read_text(list->items, &element, is_strict, name, err);
		if (rc < 0)
			return rc;
		list->items[list->count++] = name;
	}
	return 0;
}

int certctl_alt_names_read(TALLOC_CTX *mem, const struct certctl_extension *extension, bool is_strict,
	struct certctl_name_list *ret, struct certctl_error *err)
{
	struct certctl_name_list list = { 0 };
	struct certctl_der_element sequence = { 0 };
	int rc = 0;

	if (extension->is_present)
		rc = certctl_der_whole(extension->value.content, extension->value.len, CERTCTL_DER_SEQUENCE,
			"subjectAltName", &sequence, err);
	if (rc < 0)
		return rc;
	if (extension->is_present && sequence.len == 0)
		return certctl_fail(err, CERTCTL_E_INVALID, "subjectAltName: empty");
	/* Every name takes two octets at least; the input is at most CERTCTL_X509_MAX. */
	unsigned room = (unsigned)sequence.len / 2 + 1;
	struct certctl_name *storage = NULL;

	list.items = talloc_array(mem, struct certctl_name *, room);
	if (list.items)
		storage = talloc_zero_array(list.items, struct certctl_name, room);
	if (!storage) {
		talloc_free(list.items);
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	}
	if (sequence.len)
		rc = read_names(certctl_der_in_of(&sequence), is_strict, storage, &list, err);
	if (rc < 0) {
		talloc_free(list.items);
		return rc;
	}
	make_set(&list);
	*ret = list;
	return 0;
}
