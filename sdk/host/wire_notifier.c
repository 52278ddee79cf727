/* JSON of what goes to and comes from notifiers. */
#include "wire.h"

static const char *const message_kinds[] = { NULL, "alert", "resolve", "digest", "test", NULL };
static const char *const severities[] = { NULL, "info", "warning", "critical", NULL };

static const struct certctl_wire_member item_members[] = {
	CERTCTL_WIRE(struct certctl_message_item, title, .required = true),
	CERTCTL_WIRE(struct certctl_message_item, text),
	CERTCTL_WIRE(struct certctl_message_item, link),
	{ 0 },
};
static const struct certctl_wire wire_item = { "item", sizeof(struct certctl_message_item), item_members };

/* `item` is not here: it is the plugin's own struct and travels beside the message, as JSON. */
static const struct certctl_wire_member message_members[] = {
	CERTCTL_WIRE(struct certctl_message, id, .required = true),
	CERTCTL_WIRE(struct certctl_message, alert_id),
	CERTCTL_WIRE_ENUM(struct certctl_message, kind, message_kinds),
	CERTCTL_WIRE_ENUM(struct certctl_message, severity, severities),
	CERTCTL_WIRE(struct certctl_message, event),
	CERTCTL_WIRE(struct certctl_message, subject),
	CERTCTL_WIRE(struct certctl_message, text),
	CERTCTL_WIRE(struct certctl_message, html),
	CERTCTL_WIRE_ROWS_OF(struct certctl_message, items, &wire_item),
	CERTCTL_WIRE_ROWS_OF(struct certctl_message, links, &certctl_wire_fact),
	CERTCTL_WIRE(struct certctl_message, created_unix_s),
	CERTCTL_WIRE(struct certctl_message, receipt),
	{ 0 },
};
const struct certctl_wire certctl_wire_message = { "message", sizeof(struct certctl_message), message_members };

static const struct certctl_wire_member receipt_members[] = {
	CERTCTL_WIRE(struct certctl_receipt, reference),
	{ 0 },
};
const struct certctl_wire certctl_wire_receipt = { "receipt", sizeof(struct certctl_receipt), receipt_members };
