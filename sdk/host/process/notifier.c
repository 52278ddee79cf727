/* Operations of notifiers: argument from JSON, call, result to JSON. */
#include "kind.h"

KIND_FUNCTIONS(notifier);

static int run_send(struct call *call, const json_t *argument, struct certctl_error *err)
{
	struct certctl_message message = { 0 };
	struct certctl_receipt receipt = { 0 };
	int rc = certctl_wire_from_json(call->mem, &certctl_wire_message, json_object_get(argument, "message"),
		&message, err);

	if (rc < 0 || (rc = call_item(call, argument, &message.item, err)) < 0)
		return rc;
	rc = ops_of(call)->send(call->self, &call->api, &message, call->mem, &receipt, err);
	return rc < 0 ? rc : call_result(call, &certctl_wire_receipt, &receipt, err);
}

#define AT(member) offsetof(struct certctl_notifier_ops, member)
static const struct operation operations[] = {
	KIND_ROWS(notifier),
	{ "send", AT(send), 0, true, run_send },
	{ 0 },
};

const struct kind notifier_kind = { CERTCTL_NOTIFIER, sizeof(struct certctl_notifier_ops),
	CERTCTL_NOTIFIER_CAN_RESOLVE | CERTCTL_NOTIFIER_CAN_HTML, operations, open_one, close_one };
