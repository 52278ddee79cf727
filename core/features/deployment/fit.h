/* Inside deployment: does what is written fit the plugin that an agent has told of? */
#ifndef CORE_DEPLOYMENT_FIT_H
#define CORE_DEPLOYMENT_FIT_H

#include "core/features/feature.h"
#include "core/platform/connectors/options.h"

/* A plugin as an agent has told it. */
struct fit_plugin {
	/* Of targets and of bindings; `options` is NULL when nothing is known: what is written is the agent's to judge then. */
	const struct certctl_field *options, *items;
	size_t options_size, items_size;
	const char *refusal; /* the agent has other plugins and not this one; NULL: it has, or has not told of any */
};
/* @param told  column `plugins` of agents */
int fit_find_plugin(TALLOC_CTX *mem, const json_t *told, const char *type, struct fit_plugin *ret,
	struct certctl_error *err) CERTCTL_CHECKED;
/* From the tables as they were told; those that are not understood are not known. */
int fit_read_plugin(TALLOC_CTX *mem, const json_t *plugin, struct fit_plugin *ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/* INVALID: they do not, "options.x: ..."; with `problem` each bad member is told. */
int fit_target(const struct connectors_options *settings, const struct fit_plugin *plugin, const json_t *options,
	certctl_problem_fn *problem, void *arg, struct certctl_error *err) CERTCTL_CHECKED;
/* The same: "binding_options.x: ...". */
int fit_binding(TALLOC_CTX *mem, const struct fit_plugin *plugin, const json_t *options, certctl_problem_fn *problem,
	void *arg, struct certctl_error *err) CERTCTL_CHECKED;

/* Options of a target as they are shown: secrets masked, and every text while nobody says which are secrets. */
json_t *fit_shown(const struct fit_plugin *plugin, const json_t *options);

#endif
