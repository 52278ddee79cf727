/* A notifier that leaves each message as a JSON file in a folder, for whoever collects them there.  The file is named by the
 * message's id, so a message that is sent twice is there once. */
#include <certctl/files.h>
#include <certctl/json.h>
#include <certctl/name.h>
#include <certctl/notifier.h>

struct spool_config {
	const char *folder;
};

static const struct certctl_field spool_options[] = {
	CERTCTL_OPTION(struct spool_config, folder, CERTCTL_PATH, .required = true, .path_access = CERTCTL_PATH_WRITE,
		.help = "Folder that takes the messages; it must be there."),
	{ 0 },
};

struct certctl_notifier {
	const struct spool_config *config;
};

static int spool_open(const struct certctl_host *host, const void *config, struct certctl_notifier **ret,
	struct certctl_error *err)
{
	struct certctl_notifier *self = talloc_zero(NULL, struct certctl_notifier);

	(void)host;
	if (!self)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	self->config = config;
	*ret = self;
	return 0;
}

static void spool_close(struct certctl_notifier *self)
{
	talloc_free(self);
}

static int write_message(const struct certctl_notifier *self, const char *id, const json_t *message, TALLOC_CTX *mem,
	struct certctl_error *err)
{
	static const struct certctl_file_attributes attributes = { .mode = 0640, .uid = (uid_t)-1, .gid = (gid_t)-1 };
	CERTCTL_AUTO_CLOSE int folder = -1;
	size_t len;
	char *text = certctl_json_text(mem, message, &len);

	if (!text)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	if (!certctl_id_is_valid(id))
		return certctl_fail(err, CERTCTL_E_INVALID, "message: the id is no file name");
	if (certctl_dir_open(self->config->folder, &folder, err) < 0)
		return err->code;
	return certctl_file_replace(folder, talloc_asprintf(mem, "%s.json", id), text, len, &attributes, err);
}

/* "s?" writes null for what a message does not have. */
static json_t *message_to_json(const struct certctl_message *message)
{
	char created[CERTCTL_TIME_TEXT];

	return json_pack("{s:s, s:s?, s:s?, s:s?, s:s?, s:s}", "id", message->id, "alert_id", message->alert_id,
		"event", message->event, "subject", message->subject, "text", message->text, "created_at",
		certctl_time_format(message->created_unix_s, created));
}

static int spool_send(struct certctl_notifier *self, const struct certctl_host *host,
	const struct certctl_message *message, TALLOC_CTX *mem, struct certctl_receipt *ret, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *document = message_to_json(message);

	(void)host;
	if (!document)
		return certctl_fail(err, CERTCTL_E_INVALID, "message: not UTF-8");
	if (write_message(self, message->id, document, mem, err) < 0)
		return err->code;
	ret->reference = talloc_asprintf(mem, "%s.json", message->id);
	return 0;
}

/* The message of a test: it says of itself that it is one. */
static int spool_test(struct certctl_notifier *self, const struct certctl_host *host, struct certctl_error *err)
{
	struct certctl_message message = { .id = "test",
		.kind = CERTCTL_MESSAGE_TEST,
		.event = "test",
		.subject = "This is a test of certctl",
		.created_unix_s = host->now_s(host) };
	struct certctl_receipt receipt = { 0 };
	TALLOC_CTX *mem = talloc_new(NULL);
	int rc = spool_send(self, host, &message, mem, &receipt, err);

	talloc_free(mem);
	return rc;
}

static int spool_info(struct certctl_notifier *self, const struct certctl_host *host, TALLOC_CTX *mem,
	struct certctl_info *ret, struct certctl_error *err)
{
	(void)host, (void)mem, (void)err;
	ret->endpoint = self->config->folder;
	ret->authentication = "file permissions";
	return 0;
}

static const struct certctl_notifier_ops spool_ops = {
	.size = sizeof(struct certctl_notifier_ops),
	.open = spool_open,
	.close = spool_close,
	.test = spool_test,
	.info = spool_info,
	.send = spool_send,
};

CERTCTL_PLUGIN(CERTCTL_NOTIFIER, "spool", .version = "1.0.0", .summary = "Messages as JSON files in a folder",
	.options = spool_options, .config_size = sizeof(struct spool_config), .needs = CERTCTL_NEEDS_FILES,
	.ops = &spool_ops);
