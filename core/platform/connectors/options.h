/**
 * Options of an instance as people write them: secrets that stand somewhere else, what may not come over the API, masks that
 * stand for what is there already.  Pure but for the files that secrets are read from.
 */
#ifndef CORE_CONNECTORS_OPTIONS_H
#define CORE_CONNECTORS_OPTIONS_H

#include "connectors.h"

enum connector_source {
	CONNECTOR_FILE = 1, /* "file:/path" and "credential:name" lead to secrets */
	CONNECTOR_API,      /* "secret:name", below secrets_dir; anything else is the secret itself */
};

/**
 * Check options and replace what leads to a secret by the secret.  INVALID names the bad member: "options.url: ...".
 * @param problem  NULL: the first one is enough  @param ret  the caller's to json_decref; what the instance is opened with
 */
int connector_options_resolve(const struct connectors_options *settings, const struct certctl_field *fields,
	size_t config_size, enum connector_source source, const json_t *options, certctl_problem_fn *problem, void *arg,
	json_t **ret, struct certctl_error *err) CERTCTL_CHECKED;

/**
 * What may be said in files alone: paths, and ways into private networks that `api_networks` does not have.
 * @param each  told of every member that may not be there
 * @return how many there are
 */
size_t connector_options_refuse(const struct connectors_options *settings, const struct certctl_field *fields,
	const json_t *options, certctl_problem_fn *each, void *arg);

/**
 * Put the secrets of `old` where `options` has masks.  Where the other side has changed, nothing is put in: whoever may change
 * where a secret is sent must know it.  @param old  NULL: there is none
 */
void connector_options_unmask(const struct certctl_field *fields, json_t *options, const json_t *old);

/** Does a mask stand anywhere in it? */
bool connector_options_have_mask(const json_t *options);

/** A copy with a mask for every text: of options whose table is not known.  NULL when out of memory. */
json_t *connector_options_mask_texts(const json_t *options);

/**
 * Put the secrets of `full` where `shown` has masks; those that stand in files of secrets_dir are read there.
 * INVALID: one of them cannot be read.
 */
int connector_options_reveal(const struct connectors_options *settings, json_t *shown, const json_t *full,
	struct certctl_error *err) CERTCTL_CHECKED;

/** Does a network ("10.1.0.0/16") lie within one of these? */
bool connector_network_within(const char *network, const char *const *networks);

#endif
