/** Options of instances that are made over the API, and of targets with secrets: sealed as a whole, in their row. */
#ifndef CORE_CONNECTORS_ROWS_H
#define CORE_CONNECTORS_ROWS_H

#include "connectors.h"

int connector_row_seal(const struct sealing *sealing, TALLOC_CTX *mem, enum certctl_plugin_kind kind, const char *id,
	const json_t *options, struct sealed *ret, struct certctl_error *err) CERTCTL_CHECKED;
/** @param ret  the caller's to json_decref */
int connector_row_unseal(const struct sealing *sealing, enum certctl_plugin_kind kind, const char *id,
	const struct sealed *sealed, json_t **ret, struct certctl_error *err) CERTCTL_CHECKED;

#endif
