/** How resources and verbs are called: from the paths and methods of the document. */
#ifndef CORE_CLI_API_NAMES_H
#define CORE_CLI_API_NAMES_H

#include <certctl/error.h>
#include <talloc.h>

/** "certificates" of "/api/v1/certificates/{id}/renew"; NULL: not for people (well-known files, other versions). */
char *api_resource_name(TALLOC_CTX *mem, const char *path);
/**
 * "renew" of the above, "list" of "/api/v1/certificates", "export-pem" of ".../{id}/export/pem".
 * @param is_list    several come back
 * @param is_shared  another method of this path reads: the bare word is its
 */
char *api_verb_name(TALLOC_CTX *mem, const char *path, const char *method, bool is_list, bool is_shared);
/** "policy" of "policies". */
char *api_singular(TALLOC_CTX *mem, const char *plural);
/** Equal but for case, hyphens and underscores. */
bool api_same_name(const char *a, const char *b);

#endif
