/** Inside access: roles and permissions by name. */
#ifndef CORE_ACCESS_ROLES_H
#define CORE_ACCESS_ROLES_H

#include "access.h"

#include <certctl/buffer.h>
#include <certctl/field.h>

/** What a key of that role may do with these limits (JSON, as PostgreSQL writes it; NULL: none); 0: no such role. */
uint64_t access_permissions(const char *role, const char *scope);

/** ["certificates.read",...] */
void access_permissions_write(struct certctl_buffer *out, uint64_t permissions);

/** For field tables: the roles a key may have; their values are 1 and up. */
extern const struct certctl_choice access_role_choices[];
const char *access_role_name(int choice);

/** Markdown: a row a permission, a column a role; what docs/operator/access.md has. */
void access_roles_table(struct certctl_buffer *out);

#endif
