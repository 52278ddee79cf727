/* Name constraints (RFC 5280, section 4.2.1.10): may this CA sign these names? */
#include "x509_parts.h"

#include <arpa/inet.h>
#include <certctl/certificate.h>
#include <strings.h>

#define TAG_EMAIL     CERTCTL_DER_CONTEXT_PRIMITIVE(1)
#define TAG_DNS       CERTCTL_DER_CONTEXT_PRIMITIVE(2)
#define TAG_DIRECTORY CERTCTL_DER_CONTEXT(4)
#define TAG_URI       CERTCTL_DER_CONTEXT_PRIMITIVE(6)
#define TAG_IP        CERTCTL_DER_CONTEXT_PRIMITIVE(7)

static const unsigned tags[CERTCTL_NAME_TYPE_COUNT] = {
	[CERTCTL_NAME_EMAIL] = TAG_EMAIL,
	[CERTCTL_NAME_DNS] = TAG_DNS,
	[CERTCTL_NAME_URI] = TAG_URI,
	[CERTCTL_NAME_IP] = TAG_IP,
};

/* Text within an element or a name. */
struct slice {
	const char *at;
	size_t len;
};

static bool same(struct slice a, struct slice b)
{
	return a.len == b.len && strncasecmp(a.at, b.at, a.len) == 0;
}

/* Does `host` end in "." and `domain`? */
static bool is_below(struct slice host, struct slice domain)
{
	return host.len > domain.len && host.at[host.len - domain.len - 1] == '.' &&
	       strncasecmp(host.at + host.len - domain.len, domain.at, domain.len) == 0;
}

/* "example.com" is itself and all below, ".example.com" all below, "" everything. */
static bool dns_within(struct slice name, struct slice base)
{
	if (base.len && base.at[0] == '.')
		return is_below(name, (struct slice){ base.at + 1, base.len - 1 });
	return base.len == 0 || same(name, base) || is_below(name, base);
}

/* A wildcard also stands for a host of an excluded tree one label further down. */
static bool wildcard_reaches(struct slice name, struct slice base)
{
	if (base.len && base.at[0] == '.')
		base = (struct slice){ base.at + 1, base.len - 1 };
	return name.len > 2 && name.at[0] == '*' && is_below(base, (struct slice){ name.at + 2, name.len - 2 });
}

/* E-mail and URI hosts: "host" is that host alone, ".domain" every host below. */
static bool host_within(struct slice host, struct slice base)
{
	if (base.len && base.at[0] == '.')
		return is_below(host, (struct slice){ base.at + 1, base.len - 1 });
	return same(host, base);
}

static bool email_within(struct slice name, struct slice base)
{
	const char *at = memrchr(name.at, '@', name.len);

	if (memchr(base.at, '@', base.len))
		return same(name, base);
	return at && host_within((struct slice){ at + 1, (size_t)(name.at + name.len - at - 1) }, base);
}

/* The host of "scheme://user@host:port/path"; empty when there is none. */
static struct slice uri_host(struct slice uri)
{
	const char *at = memmem(uri.at, uri.len, "://", 3), *end = uri.at + uri.len;

	if (!at)
		return (struct slice){ uri.at, 0 };
	at += 3;
	for (const char *stop = at; stop < end; stop++)
		if (strchr("/?#", *stop))
			end = stop;
	const char *user = memrchr(at, '@', (size_t)(end - at)), *port;

	at = user ? user + 1 : at;
	port = memrchr(at, ':', (size_t)(end - at));
	return (struct slice){ at, (size_t)((port ? port : end) - at) };
}

static bool ip_within(const char *text, struct slice base)
{
	bool is_v6 = strchr(text, ':');
	size_t len = is_v6 ? 16 : 4;
	unsigned char address[16];

	if (base.len != 2 * len || inet_pton(is_v6 ? AF_INET6 : AF_INET, text, address) != 1)
		return false;
	for (size_t i = 0; i < len; i++)
		if ((address[i] ^ (unsigned char)base.at[i]) & (unsigned char)base.at[len + i])
			return false;
	return true;
}

static bool is_within(const struct certctl_name *name, struct slice base, bool is_exclusion)
{
	struct slice text = { name->text, strlen(name->text) };

	switch (name->type) {
	case CERTCTL_NAME_DNS:
		return dns_within(text, base) || (is_exclusion && wildcard_reaches(text, base));
	case CERTCTL_NAME_EMAIL:
		return email_within(text, base);
	case CERTCTL_NAME_URI:
		return host_within(uri_host(text), base);
	default:
		return ip_within(name->text, base);
	}
}

/* GeneralSubtrees: is the name in one of its type (*ret_within), and is there one of its type at all (*ret_any)? */
static int search(const struct certctl_der_element *trees, unsigned tag, const struct certctl_name *name,
	bool is_exclusion, bool *ret_any, bool *ret_within, struct certctl_error *err)
{
	struct certctl_der_in in = certctl_der_in_of(trees), inner;
	struct certctl_der_element tree, base;

	*ret_any = *ret_within = false;
	while (in.at && in.at != in.end) {
		int rc = certctl_der_take(&in, CERTCTL_DER_SEQUENCE, "nameConstraints", &tree, err);

		if (rc < 0)
			return rc;
		inner = certctl_der_in_of(&tree);
		if ((rc = certctl_der_next(&inner, "nameConstraints", &base, err)) < 0 ||
			(rc = certctl_der_done(&inner, "nameConstraints: minimum and maximum", err)) < 0)
			return rc;
		if (base.tag != tag)
			continue;
		*ret_any = true;
		if (name && is_within(name, (struct slice){ (const char *)base.content, base.len }, is_exclusion))
			*ret_within = true;
	}
	return 0;
}

static int check_name(const struct certctl_der_element *permitted, const struct certctl_der_element *excluded,
	const struct certctl_name *name, const char *ca, struct certctl_error *err)
{
	unsigned tag = name->type < CERTCTL_NAME_TYPE_COUNT ? tags[name->type] : 0;
	bool any, within;
	int rc = search(excluded, tag, name, true, &any, &within, err);

	if (rc >= 0 && within)
		return certctl_fail(err, CERTCTL_E_DENIED, "%.80s: excluded by the name constraints of %.40s",
			name->text, ca);
	if (rc >= 0)
		rc = search(permitted, tag, name, false, &any, &within, err);
	if (rc >= 0 && any && !within)
		return certctl_fail(err, CERTCTL_E_DENIED, "%.80s: outside the name constraints of %.40s", name->text,
			ca);
	return rc;
}

static int check_directory(const struct certctl_der_element *trees, const char *ca, struct certctl_error *err)
{
	bool any, within;
	int rc = search(trees, TAG_DIRECTORY, NULL, false, &any, &within, err);

	if (rc >= 0 && any)
		return certctl_fail(err, CERTCTL_E_DENIED,
			"subject: %.60s constrains directory names, which are not evaluated", ca);
	return rc;
}

static int read_trees(const struct certctl_certificate *ca, struct certctl_der_element *ret_permitted,
	struct certctl_der_element *ret_excluded, struct certctl_error *err)
{
	const struct certctl_extension *extension;
	struct certctl_certificate_parts parts;
	struct certctl_extensions extensions;
	struct certctl_der_element sequence;
	struct certctl_der_in in;
	int rc;

	if ((rc = certctl_certificate_split(&ca->der, &parts, err)) < 0 ||
		(rc = certctl_extensions_read(&parts.extensions, &extensions, err)) < 0)
		return rc;
	extension = &extensions.by_id[CERTCTL_EXT_NAME_CONSTRAINTS];
	if (!extension->is_present)
		return 0;
	rc = certctl_der_whole(extension->value.content, extension->value.len, CERTCTL_DER_SEQUENCE, "nameConstraints",
		&sequence, err);
	if (rc < 0)
		return rc;
	in = certctl_der_in_of(&sequence);
	if (certctl_der_peek(&in) == CERTCTL_DER_CONTEXT(0) &&
		(rc = certctl_der_next(&in, "nameConstraints", ret_permitted, err)) < 0)
		return rc;
	if (certctl_der_peek(&in) == CERTCTL_DER_CONTEXT(1) &&
		(rc = certctl_der_next(&in, "nameConstraints", ret_excluded, err)) < 0)
		return rc;
	return certctl_der_done(&in, "nameConstraints", err);
}

int certctl_certificate_permits(const struct certctl_certificate *ca, const struct certctl_name *const *names,
	bool has_subject, struct certctl_error *err)
{
	struct certctl_der_element permitted = { 0 }, excluded = { 0 };
	int rc = read_trees(ca, &permitted, &excluded, err);

	if (rc < 0 || (!permitted.content && !excluded.content))
		return rc;
	for (; rc >= 0 && names && *names; names++)
		rc = check_name(&permitted, &excluded, *names, ca->subject, err);
	if (rc >= 0 && has_subject)
		rc = check_directory(&permitted, ca->subject, err);
	if (rc >= 0 && has_subject)
		rc = check_directory(&excluded, ca->subject, err);
	return rc;
}
