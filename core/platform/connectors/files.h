/* Inside platform/connectors: what the files say. */
#ifndef CORE_CONNECTORS_FILES_H
#define CORE_CONNECTORS_FILES_H

#include <certctl/field.h>

struct connector_file_row {
	const char *id, *name, *type;
	const char *options; /* JSON */
	/* of issuers */
	int64_t unknown_hold_seconds, rate_per_hour;
	/* of notifiers */
	struct certctl_list events;
	const char *item_options; /* JSON */
};

/** All files together. */
struct connector_files {
	struct certctl_list issuers, notifiers; /* of struct connector_file_row */
};

/** Every *.yaml below `directory`, in the order of their names; a directory that is not there is empty. */
int connector_files_read(TALLOC_CTX *mem, const char *directory, struct connector_files *ret,
	struct certctl_error *err) CERTCTL_CHECKED;

#endif
