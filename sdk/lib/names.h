/* What the files about names share.  Private to the library; certctl/name.h is the public part. */
#ifndef CERTCTL_LIB_NAMES_H
#define CERTCTL_LIB_NAMES_H

#include <certctl/name.h>

/* Longer than any of them may be (RFC 1035; RFC 5321; a customary bound for URIs): refused before it is looked at. */
#define CERTCTL_DNS_MAX   253
#define CERTCTL_LABEL_MAX 63
#define CERTCTL_EMAIL_MAX 254
#define CERTCTL_URI_MAX   2048

/** A DNS name made canonical; with `may_wildcard` also "*." before one. */
int certctl_name_dns(TALLOC_CTX *mem, const char *text, bool may_wildcard, char **ret, struct certctl_error *err);
/** An IP address as inet_ntop writes it; NULL on `mem` when `text` is none (or when out of memory). */
char *certctl_name_ip(TALLOC_CTX *mem, const char *text);
/** A DNS name or an IP address, without brackets. */
int certctl_name_host(TALLOC_CTX *mem, const char *text, char **ret, struct certctl_error *err);
/** An absolute URI with canonical scheme and host. */
int certctl_name_uri(TALLOC_CTX *mem, const char *text, char **ret, struct certctl_error *err);

/** Digits for a port, 1 to 65535, all of `text`. */
bool certctl_port_read(const char *text, uint16_t *ret);

/** INVALID: `"<text>": <rule>`, the text made safe to show. */
int certctl_name_fail(struct certctl_error *err, const char *text, const char *rule, ...) CERTCTL_PRINTF(3, 4);
int certctl_name_no_memory(struct certctl_error *err);

#endif
