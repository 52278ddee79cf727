/* Calls to notifiers in the terms of notifier.h. */
#include "typed.h"

int certctl_notifier_send(struct certctl_connector *connector, const struct certctl_message *message,
	const json_t *item, const struct certctl_call *call, TALLOC_CTX *mem, struct certctl_receipt *ret,
	struct certctl_error *err)
{
	const struct part parts[] = { { .name = "message", .wire = &certctl_wire_message, .value = message },
		{ .name = "item", .json = item }, { 0 } };
	struct certctl_receipt receipt = { 0 };
	int rc = typed_call(connector, "send", parts, call, mem, &certctl_wire_receipt, &receipt, err);

	if (rc == 0)
		*ret = receipt;
	return rc;
}
