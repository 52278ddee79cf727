/* Secrets of targets on their way to the one agent that needs them.  What is opened here goes into a reply to it, and nowhere else. */
#include "core/platform/connectors/options.h"
#include "core/platform/connectors/rows.h"
#include "deployment.h"

#include <certctl/json.h>
#include <string.h>

int deployment_reveal(struct core *core, TALLOC_CTX *mem, const struct db_result *rows, size_t row, const char *column,
	const char **ret, struct certctl_error *err)
{
	const struct sealed sealed = { db_get_text(rows, row, "key_id"), db_get_text(rows, row, "sealed") };
	const char *text = db_get_text(rows, row, column);
	CERTCTL_AUTO(json_decref) json_t *document = NULL, *full = NULL;

	if (!sealed.bytes) {
		*ret = text;
		return 0;
	}
	int rc = certctl_json_parse(text, strlen(text), NULL, &document, err);

	if (rc == 0)
		rc = connector_row_unseal(core->sealing, CERTCTL_TARGET, db_get_text(rows, row, "target_id"), &sealed,
			&full, err);
	if (rc == 0)
		rc = connector_options_reveal(connectors_settings(core->connectors),
			json_object_get(json_object_get(document, "target"), "options"), full, err);
	const char *whole = rc == 0 ? certctl_json_text(mem, document, NULL) : NULL;

	if (rc == 0 && !whole)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	*ret = whole;
	return rc < 0 ? certctl_error_prefix(err, "target '%s'", db_get_text(rows, row, "target_id")) : 0;
}
