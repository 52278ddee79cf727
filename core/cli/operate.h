/** Verbs of resources. */
#ifndef CORE_CLI_OPERATE_H
#define CORE_CLI_OPERATE_H

#include "cli.h"

/** `certctl RESOURCE VERB ...`: argv[0] is how it is called in messages, the rest is behind the verb. */
int operate(struct cli *cli, const struct api_operation *operation, int argc, char **argv,
	struct certctl_error *err) CERTCTL_CHECKED;

/** `certctl RESOURCE edit ID`: with members as options a change without an editor. */
int edit(struct cli *cli, const struct api_resource *resource, int argc, char **argv,
	struct certctl_error *err) CERTCTL_CHECKED;
/** Has the resource this verb, which is made of reading and changing? */
bool edit_is_possible(const struct api_resource *resource);

/**
 * Every page of a list, one call of `take` each; what is left of a page without its rows comes with the last one.
 * @param wants_all  false: the first page
 */
struct call;
typedef int operate_page_fn(void *arg, json_t *rows, json_t *rest, struct certctl_error *err);
int operate_pages(struct cli *cli, const struct call *call, bool wants_all, operate_page_fn *take, void *arg,
	struct certctl_error *err) CERTCTL_CHECKED;

#endif
