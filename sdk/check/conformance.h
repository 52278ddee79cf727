/**
 * The conformance list (docs/plugins/contract.md), divided: what every plugin must do, and what its kind must.
 */
#ifndef CERTCTL_CONFORMANCE_H
#define CERTCTL_CONFORMANCE_H

#include "report.h"
#include "setup.h"

/** One run of `check`, once there is an instance to operate. */
struct trial {
	TALLOC_CTX *mem;
	struct certctl_pool *pool;
	const struct certctl_description *plugin;
	struct setup *setup;
	struct certctl_connector *connector;
	struct caller *caller;
	struct report *report;
	const char **secrets; /* values that must show up nowhere, NULL-terminated */
};

/** Descriptor and option tables: nothing is operated. */
void check_form(TALLOC_CTX *mem, const struct certctl_description *plugin, struct report *report);
/** Every bound, choice and type of a table refuses what lies outside, and every default parses. */
void check_options(TALLOC_CTX *mem, const char *title, const struct certctl_field *fields, size_t config_size,
	struct report *report);

void check_issuer(struct trial *trial);
void check_target(struct trial *trial);
void check_notifier(struct trial *trial);

/** Does the plugin have the operation? */
bool plugin_has(const struct certctl_description *plugin, const char *operation);
/** Texts of the instance's options that are secret. */
const char **secrets_of(TALLOC_CTX *mem, const struct certctl_description *plugin, const json_t *options);
/** An error of the plugin as it must be: a known code, a text, no secret in it.  Reported under `check`. */
void check_error(struct trial *trial, const char *check, int rc, const struct certctl_error *err);

#endif
