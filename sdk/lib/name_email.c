/* E-mail addresses.  Never a CR, an LF or a NUL into a mail header. */
#include "names.h"

#include <string.h>

/* RFC 5322, section 3.2.3: atoms between single dots. */
static bool is_local_part(const char *text, size_t len)
{
	static const char atom[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~";

	for (size_t i = 0; i < len; i++) {
		bool is_inner_dot = text[i] == '.' && i > 0 && i + 1 < len && text[i - 1] != '.';

		if (!is_inner_dot && (!text[i] || !strchr(atom, text[i])))
			return false;
	}
	return len > 0 && len <= 64;
}

int certctl_email_parse(TALLOC_CTX *mem, const char *text, char **ret, struct certctl_error *err)
{
	const char *at = strrchr(text, '@');
	char *domain = NULL;

	if (strlen(text) > 4 * CERTCTL_EMAIL_MAX)
		return certctl_name_fail(err, text, "longer than %d characters", CERTCTL_EMAIL_MAX);
	if (!at)
		return certctl_name_fail(err, text, "an e-mail address such as ops@example.com expected");
	if (!is_local_part(text, (size_t)(at - text)))
		return certctl_name_fail(err, text,
			"letters, digits and !#$%%&'*+-/=?^_`{|}~. expected before the @, at most 64");
	int rc = certctl_name_dns(mem, at + 1, false, &domain, err);

	if (rc < 0)
		return rc;
	char *address = talloc_asprintf(mem, "%.*s@%s", (int)(at - text), text, domain);

	talloc_free(domain);
	if (!address)
		return certctl_name_no_memory(err);
	if (strlen(address) > CERTCTL_EMAIL_MAX) {
		rc = certctl_name_fail(err, address, "longer than %d characters", CERTCTL_EMAIL_MAX);
		talloc_free(address);
		return rc;
	}
	*ret = address;
	return 0;
}
