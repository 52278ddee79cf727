/* A notifier that is right in everything; its receipt shows what reached it. */
#include <certctl/notifier.h>

struct config {
	const char *sender;
};
static const struct certctl_field options[] = {
	CERTCTL_OPTION(struct config, sender, CERTCTL_EMAIL, .fallback = "certctl@example.com", .help = "Who sends."),
	{ 0 },
};

struct item {
	const char *recipient;
};
static const struct certctl_field item_options[] = {
	CERTCTL_OPTION(struct item, recipient, CERTCTL_EMAIL, .required = true, .help = "Who is told."),
	{ 0 },
};

struct certctl_notifier {
	const struct config *config;
};

static int open_notifier(const struct certctl_host *host, const void *config, struct certctl_notifier **ret,
	struct certctl_error *err)
{
	struct certctl_notifier *self = talloc_zero(NULL, struct certctl_notifier);

	(void)host;
	if (!self)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "no memory");
	self->config = config;
	*ret = self;
	return 0;
}

static void close_notifier(struct certctl_notifier *self)
{
	talloc_free(self);
}

static int test_notifier(struct certctl_notifier *self, const struct certctl_host *host, struct certctl_error *err)
{
	(void)self, (void)host, (void)err;
	return 0;
}

static int info(struct certctl_notifier *self, const struct certctl_host *host, TALLOC_CTX *mem,
	struct certctl_info *ret, struct certctl_error *err)
{
	(void)host, (void)mem, (void)err;
	ret->endpoint = self->config->sender;
	return 0;
}

static int send_message(struct certctl_notifier *self, const struct certctl_host *host,
	const struct certctl_message *message, TALLOC_CTX *mem, struct certctl_receipt *ret, struct certctl_error *err)
{
	const struct item *item = message->item;
	size_t items = 0;

	(void)host;
	while (message->items && message->items[items])
		items++;
	ret->reference = talloc_asprintf(mem, "%s: %s to %s: %s (%zu items)", message->id, self->config->sender,
		item->recipient, message->subject, items);
	return ret->reference ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "no memory");
}

static const struct certctl_notifier_ops ops = {
	.size = sizeof(ops),
	.caps = CERTCTL_NOTIFIER_CAN_RESOLVE,
	.open = open_notifier,
	.close = close_notifier,
	.test = test_notifier,
	.info = info,
	.send = send_message,
};

CERTCTL_PLUGIN(CERTCTL_NOTIFIER, "good", .version = "1.0.0", .summary = "A notifier that is right in everything",
	.options = options, .config_size = sizeof(struct config), .item_options = item_options,
	.item_size = sizeof(struct item), .ops = &ops);
