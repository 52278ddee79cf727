/** What `nginx -T` prints, read for its certificates: which files, for which names, on which address, from which line. */
#ifndef CERTCTL_NGINX_DUMP_H
#define CERTCTL_NGINX_DUMP_H

#include <certctl/target.h>

/**
 * Reads any bytes: what is no configuration gives no items.  Files that are included stand on their own in a dump, so a
 * certificate outside of a server block is an item without names.  Certificates in variables, "data:" or engines are left out.
 * @param ret  NULL-terminated, on `mem`
 * @return 0; LIMIT (more than 10,000 items), NO_MEMORY
 */
int nginx_dump_read(TALLOC_CTX *mem, const char *text, size_t len, const struct certctl_inventory_item *const **ret,
	struct certctl_error *err) CERTCTL_CHECKED;

#endif
