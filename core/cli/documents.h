/** Documents of files: YAML (several in a file, with `---` between) or JSON. */
#ifndef CORE_CLI_DOCUMENTS_H
#define CORE_CLI_DOCUMENTS_H

#include <certctl/error.h>
#include <jansson.h>
#include <talloc.h>

struct document {
	const char *place; /* "shop.yaml:12", for messages */
	json_t *content;   /* an object */
};

struct documents {
	struct document *rows; /* in the order of the files */
	size_t count;
};

/**
 * @param path  a file; a folder, of which *.yaml, *.yml and *.json are read by name; "-" for standard input
 * @return 0; INVALID with the place; NOT_FOUND, IO
 */
int documents_read(TALLOC_CTX *mem, const char *path, struct documents **ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/** The same from a text that was read already. */
int documents_parse(TALLOC_CTX *mem, const char *name, const char *text, size_t len, struct documents **ret,
	struct certctl_error *err) CERTCTL_CHECKED;

#endif
