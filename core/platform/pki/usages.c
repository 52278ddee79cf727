/* Extended key usages by name (RFC 5280, section 4.2.1.12).  Knows nothing of who may have which. */
#include "pki.h"

#include <string.h>

/* The value is the last arc of id-kp. */
const struct certctl_choice pki_usages[] = {
	{ "serverAuth", 1, "TLS servers." },
	{ "clientAuth", 2, "TLS clients." },
	{ "codeSigning", 3, NULL },
	{ "emailProtection", 4, NULL },
	{ "timeStamping", 8, NULL },
	{ "OCSPSigning", 9, "Its holder may answer OCSP for all that the CA issues." },
	{ 0 },
};

static const struct certctl_choice *find(const char *name, size_t len)
{
	for (const struct certctl_choice *usage = pki_usages; usage->name; usage++)
		if (strlen(usage->name) == len && memcmp(usage->name, name, len) == 0)
			return usage;
	return NULL;
}

int pki_usages_read(TALLOC_CTX *mem, const char *names, const char *const **ret, struct certctl_error *err)
{
	const char **oids = talloc_zero_array(mem, const char *, CERTCTL_COUNT(pki_usages));
	size_t count = 0;

	*ret = NULL;
	if (!names)
		return 0;
	for (const char *at = names; oids && *at; at += strspn(at, ",")) {
		size_t len = strcspn(at, ",");
		const struct certctl_choice *usage = find(at, len);

		if (!usage || count + 1 >= CERTCTL_COUNT(pki_usages))
			return certctl_fail(err, CERTCTL_E_INTERNAL, "extended key usages: not as we wrote them");
		oids[count] = talloc_asprintf(oids, "1.3.6.1.5.5.7.3.%d", usage->value);
		if (!oids[count++])
			break;
		at += len;
	}
	if (!oids || (count > 0 && !oids[count - 1]))
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	*ret = oids;
	return 0;
}
