/* Operations of notifiers: argument from JSON, call, result to JSON. */
#include "process.h"

static const struct certctl_notifier_ops *ops_of(const struct call *call)
{
	return &call->server->instance.plugin->ops.notifier;
}

static int open_notifier(const struct plugin *plugin, const struct certctl_host *host, const void *config, void **ret,
	struct certctl_error *err)
{
	struct certctl_notifier *self = NULL;
	int rc = plugin->ops.notifier.open(host, config, &self, err);

	if (rc == 0)
		*ret = self;
	return rc;
}

static void close_notifier(const struct plugin *plugin, void *self)
{
	plugin->ops.notifier.close(self);
}

static int run_test(struct call *call, const json_t *argument, json_t **ret, struct certctl_error *err)
{
	(void)argument;
	*ret = json_null();
	return ops_of(call)->test(call->self, &call->api, err);
}

static int run_info(struct call *call, const json_t *argument, json_t **ret, struct certctl_error *err)
{
	struct certctl_info info = { 0 };
	int rc = ops_of(call)->info(call->self, &call->api, call->mem, &info, err);

	(void)argument;
	return rc < 0 ? rc : call_result(&certctl_wire_info, &info, ret, err);
}

static int run_send(struct call *call, const json_t *argument, json_t **ret, struct certctl_error *err)
{
	struct certctl_message message = { 0 };
	struct certctl_receipt receipt = { 0 };
	int rc = certctl_wire_from_json(call->mem, &certctl_wire_message, json_object_get(argument, "message"),
		&message, err);

	if (rc < 0 || (rc = call_item(call, argument, &message.item, err)) < 0)
		return rc;
	rc = ops_of(call)->send(call->self, &call->api, &message, call->mem, &receipt, err);
	return rc < 0 ? rc : call_result(&certctl_wire_receipt, &receipt, ret, err);
}

#define AT(member) offsetof(struct certctl_notifier_ops, member)
static const struct operation operations[] = {
	{ "open", AT(open), 0, true, NULL },
	{ "close", AT(close), 0, true, NULL },
	{ "test", AT(test), 0, true, run_test },
	{ "info", AT(info), 0, true, run_info },
	{ "send", AT(send), 0, true, run_send },
	{ 0 },
};

const struct kind notifier_kind = { CERTCTL_NOTIFIER, sizeof(struct certctl_notifier_ops),
	CERTCTL_NOTIFIER_CAN_RESOLVE | CERTCTL_NOTIFIER_CAN_HTML, operations, open_notifier, close_notifier };
