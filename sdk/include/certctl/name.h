/**
 * Names that certificates, URLs and messages carry: checked and brought into one canonical form.
 */
#ifndef CERTCTL_NAME_H
#define CERTCTL_NAME_H

#include <certctl/error.h>
#include <talloc.h>

#ifdef __cplusplus
extern "C" {
#endif

enum certctl_name_type {
	CERTCTL_NAME_DNS = 1,
	CERTCTL_NAME_IP,
	CERTCTL_NAME_EMAIL,
	CERTCTL_NAME_URI,
	CERTCTL_NAME_TYPE_COUNT,
};

/** A subject alternative name in canonical form (RFC 5280, section 4.2.1.6). */
struct certctl_name {
	uint32_t type; /* enum certctl_name_type */
	const char *text;
};

/**
 * Bring a name into the form that is compared and stored: DNS names as lower-case A-labels (IDNA2008, RFC 5891), at most
 * 253 characters, labels at most 63, letters, digits and inner hyphens; a wildcard is a whole leftmost label and not directly
 * above a public suffix (RFC 6125, section 6.4.3); IP addresses as inet_ntop writes them; e-mail with a canonical domain;
 * URIs absolute (RFC 3986).  INVALID names the rule that was broken.
 */
CERTCTL_API int certctl_name_make(TALLOC_CTX *mem, enum certctl_name_type type, const char *text,
	struct certctl_name *ret, struct certctl_error *err) CERTCTL_CHECKED;

/** As an operator writes them: an IP address, a URI with "://" , an address with "@", otherwise DNS. */
CERTCTL_API int certctl_name_guess(TALLOC_CTX *mem, const char *text, struct certctl_name *ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/** Order by type, then text, for sets of names.  Both canonical. */
CERTCTL_API int certctl_name_compare(const struct certctl_name *a, const struct certctl_name *b);
CERTCTL_API const char *certctl_name_type_name(uint32_t type);                    /* "dns", "ip", "email", "uri" */
CERTCTL_API enum certctl_name_type certctl_name_type_from_name(const char *name); /* 0: none */

/** `host` or `host:port` or `[v6]:port`.  Port 0 when absent. */
CERTCTL_API int certctl_host_parse(TALLOC_CTX *mem, const char *text, char **ret_host, uint16_t *ret_port,
	struct certctl_error *err) CERTCTL_CHECKED;

struct certctl_url {
	char *scheme, *host, *path_and_query; /* host without brackets, canonical; user information is refused */
	uint16_t port;                        /* the scheme's own when the URL says none */
};
CERTCTL_API int certctl_url_parse(TALLOC_CTX *mem, const char *text, struct certctl_url *ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/** One mailbox (RFC 5321, section 4.1.2, without quoted local parts), domain made canonical; no CR, LF or NUL ever passes. */
CERTCTL_API int certctl_email_parse(TALLOC_CTX *mem, const char *text, char **ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/** An absolute path without empty, "." or ".." parts and without control characters. */
CERTCTL_API int certctl_path_check(const char *path, struct certctl_error *err) CERTCTL_CHECKED;

/** Ids of our objects and names of plugins: [a-z0-9][a-z0-9.-]{0,62}. */
CERTCTL_API bool certctl_id_is_valid(const char *id);

/** Valid UTF-8 (RFC 3629), no NUL within `len`. */
CERTCTL_API bool certctl_utf8_is_valid(const char *text, size_t len);

#ifdef __cplusplus
}
#endif
#endif
