/* The body of a message as the Standard Webhooks specification shapes it: type, timestamp, data.  Sends nothing. */
#include "webhook.h"

#include <certctl/time.h>

static const char *const kinds[] = {
	[CERTCTL_MESSAGE_ALERT] = "alert",
	[CERTCTL_MESSAGE_RESOLVE] = "resolve",
	[CERTCTL_MESSAGE_DIGEST] = "digest",
	[CERTCTL_MESSAGE_TEST] = "test",
};

static const char *const severities[] = {
	[CERTCTL_SEVERITY_INFO] = "info",
	[CERTCTL_SEVERITY_WARNING] = "warning",
	[CERTCTL_SEVERITY_CRITICAL] = "critical",
};

/* Every function below gives NULL when a text is no UTF-8 or memory is out, and takes such a NULL from the one below it. */

static json_t *items_to_json(const struct certctl_message_item *const *items)
{
	json_t *array = json_array();

	for (; items && *items; items++)
		if (json_array_append_new(array, json_pack("{s:s, s:s*, s:s*}", "title", (*items)->title, "text",
							 (*items)->text, "link", (*items)->link)) < 0) {
			json_decref(array);
			return NULL;
		}
	return array;
}

static json_t *links_to_json(const struct certctl_fact *const *links)
{
	json_t *array = json_array();

	for (; links && *links; links++)
		if (json_array_append_new(array,
			    json_pack("{s:s, s:s}", "name", (*links)->name, "url", (*links)->value)) < 0) {
			json_decref(array);
			return NULL;
		}
	return array;
}

static json_t *labels_to_json(const struct webhook_item *item)
{
	const struct webhook_label *labels = item ? item->labels.items : NULL;
	json_t *object = json_object();

	for (size_t i = 0; item && i < item->labels.count; i++)
		if (json_object_set_new(object, labels[i].name, json_string(labels[i].value)) < 0) {
			json_decref(object);
			return NULL;
		}
	return object;
}

static json_t *data_to_json(const struct certctl_message *message, const struct webhook_item *item)
{
	/* "o" takes the three, also when packing fails. */
	return json_pack("{s:s, s:s*, s:s, s:s, s:s, s:s*, s:s*, s:o, s:o, s:o}", "id", message->id, "alert_id",
		message->alert_id, "kind", kinds[message->kind], "severity", severities[message->severity], "subject",
		message->subject, "text", message->text, "html", message->html, "items", items_to_json(message->items),
		"links", links_to_json(message->links), "labels", labels_to_json(item));
}

static int check_message(const struct certctl_message *message, struct certctl_error *err)
{
	if (message->kind >= CERTCTL_COUNT(kinds) || !kinds[message->kind])
		return certctl_fail(err, CERTCTL_E_INVALID, "message: unknown kind %u", (unsigned)message->kind);
	if (message->severity >= CERTCTL_COUNT(severities) || !severities[message->severity])
		return certctl_fail(err, CERTCTL_E_INVALID, "message: unknown severity %u",
			(unsigned)message->severity);
	if (!message->id || !message->id[0] || !message->event || !message->subject)
		return certctl_fail(err, CERTCTL_E_INVALID, "message: id, event and subject expected");
	return 0;
}

int webhook_body(TALLOC_CTX *mem, const struct certctl_message *message, const struct webhook_item *item, char **ret,
	size_t *ret_len, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *body = NULL;
	char created[CERTCTL_TIME_TEXT], *text;
	int rc = check_message(message, err);

	if (rc < 0)
		return rc;
	body = json_pack("{s:s, s:s, s:o}", "type", message->event, "timestamp",
		certctl_time_format(message->created_unix_s, created), "data", data_to_json(message, item));
	if (!body)
		return certctl_fail(err, CERTCTL_E_INVALID, "message: a text is missing or no UTF-8");
	text = certctl_json_text(mem, body, ret_len);
	if (!text)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	*ret = text;
	return 0;
}
