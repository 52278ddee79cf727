/* Names of all types: which rules apply to which, order, and ids.  The rules themselves stand in one file a type. */
#include "names.h"
#include "utf8.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static const char *const type_names[CERTCTL_NAME_TYPE_COUNT] = {
	[CERTCTL_NAME_DNS] = "dns",
	[CERTCTL_NAME_IP] = "ip",
	[CERTCTL_NAME_EMAIL] = "email",
	[CERTCTL_NAME_URI] = "uri",
};

const char *certctl_name_type_name(uint32_t type)
{
	return type > 0 && type < CERTCTL_NAME_TYPE_COUNT ? type_names[type] : "unknown";
}

enum certctl_name_type certctl_name_type_from_name(const char *name)
{
	for (int type = CERTCTL_NAME_DNS; name && type < CERTCTL_NAME_TYPE_COUNT; type++)
		if (strcmp(type_names[type], name) == 0)
			return (enum certctl_name_type)type;
	return (enum certctl_name_type)0;
}

int certctl_name_fail(struct certctl_error *err, const char *text, const char *rule, ...)
{
	char shown[64], why[96];
	va_list args;

	va_start(args, rule);
	vsnprintf(why, sizeof(why), rule, args);
	va_end(args);
	return certctl_fail(err, CERTCTL_E_INVALID, "\"%s\": %s",
		certctl_utf8_show(text, strlen(text), shown, sizeof(shown)), why);
}

int certctl_name_no_memory(struct certctl_error *err)
{
	return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory for a name");
}

char *certctl_name_ip(TALLOC_CTX *mem, const char *text)
{
	unsigned char address[sizeof(struct in6_addr)];
	char canonical[INET6_ADDRSTRLEN];
	int family = strchr(text, ':') ? AF_INET6 : AF_INET;

	if (inet_pton(family, text, address) != 1)
		return NULL;
	return talloc_strdup(mem, inet_ntop(family, address, canonical, sizeof(canonical)));
}

static int make_ip(TALLOC_CTX *mem, const char *text, char **ret, struct certctl_error *err)
{
	*ret = certctl_name_ip(mem, text);
	return *ret ? 0 : certctl_name_fail(err, text, "not an IP address");
}

static int make_text(TALLOC_CTX *mem, enum certctl_name_type type, const char *text, char **ret,
	struct certctl_error *err)
{
	switch (type) {
	case CERTCTL_NAME_DNS:
		return certctl_name_dns(mem, text, true, ret, err);
	case CERTCTL_NAME_IP:
		return make_ip(mem, text, ret, err);
	case CERTCTL_NAME_EMAIL:
		return certctl_email_parse(mem, text, ret, err);
	case CERTCTL_NAME_URI:
		return certctl_name_uri(mem, text, ret, err);
	default:
		return certctl_name_fail(err, text, "type of name unknown");
	}
}

int certctl_name_make(TALLOC_CTX *mem, enum certctl_name_type type, const char *text, struct certctl_name *ret,
	struct certctl_error *err)
{
	char *canonical = NULL;
	int rc = make_text(mem, type, text, &canonical, err);

	if (rc == 0)
		*ret = (struct certctl_name){ .type = type, .text = canonical };
	return rc;
}

static enum certctl_name_type guess_type(const char *text)
{
	unsigned char address[sizeof(struct in6_addr)];

	if (inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1)
		return CERTCTL_NAME_IP;
	if (strstr(text, "://"))
		return CERTCTL_NAME_URI;
	return strchr(text, '@') ? CERTCTL_NAME_EMAIL : CERTCTL_NAME_DNS;
}

int certctl_name_guess(TALLOC_CTX *mem, const char *text, struct certctl_name *ret, struct certctl_error *err)
{
	return certctl_name_make(mem, guess_type(text), text, ret, err);
}

int certctl_name_compare(const struct certctl_name *a, const struct certctl_name *b)
{
	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	return strcmp(a->text, b->text);
}

int certctl_name_host(TALLOC_CTX *mem, const char *text, char **ret, struct certctl_error *err)
{
	char *address = certctl_name_ip(mem, text);

	if (!address)
		return certctl_name_dns(mem, text, false, ret, err);
	*ret = address;
	return 0;
}

bool certctl_id_is_valid(const char *id)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz0123456789",
			  rest[] = "abcdefghijklmnopqrstuvwxyz0123456789.-";
	size_t len = id ? strnlen(id, 64) : 0;

	return len > 0 && len < 64 && strchr(first, id[0]) && strspn(id, rest) == len;
}
