/* What `check` asks of a notifier: every kind of message is taken, and a repeated one is no second message's trouble. */
#include "conformance.h"

#include <certctl/time.h>

static struct certctl_message message_of(uint32_t kind, const char *id)
{
	static const struct certctl_message_item item = { "web.example.com", "expires in 7 days",
		"https://certctl.example.com/c/1" };
	static const struct certctl_message_item *const items[] = { &item, NULL };
	static const struct certctl_fact link = { "Certificate", "https://certctl.example.com/c/1" };
	static const struct certctl_fact *const links[] = { &link, NULL };

	return (struct certctl_message){ .id = id,
		.alert_id = kind == CERTCTL_MESSAGE_ALERT || kind == CERTCTL_MESSAGE_RESOLVE ? "alert-check-1" : NULL,
		.kind = kind,
		.severity = CERTCTL_SEVERITY_WARNING,
		.event = "certificate_expiring",
		.subject = "web.example.com expires in 7 days",
		.text = "The certificate of web.example.com expires in 7 days.\nUmlauts: \xc3\xa4\xc3\xb6\xc3\xbc.",
		.items = items,
		.links = links,
		.created_unix_s = certctl_clock_now_s(certctl_clock_system()) };
}

static const char *send_one(struct trial *trial, const char *check, struct certctl_message *message)
{
	struct certctl_receipt receipt = { 0 };
	struct certctl_error err = { 0 };
	int rc = certctl_notifier_send(trial->connector, message, trial->setup->item, &trial->caller->call, trial->mem,
		&receipt, &err);

	report_result(trial->report, check, rc, &err);
	return rc == 0 ? receipt.reference : NULL;
}

static void check_unreachable(struct trial *trial)
{
	static const char check[] = "send: with the other side away it fails in words, without secrets";
	struct certctl_message message = message_of(CERTCTL_MESSAGE_ALERT, "msg-check-lost");
	struct certctl_receipt receipt = { 0 };
	struct certctl_error err = { 0 };

	if (!setup_end_peer(trial->setup)) {
		report_not_run(trial->report, check, "there is no peer to end");
		return;
	}
	int rc = certctl_notifier_send(trial->connector, &message, trial->setup->item, &trial->caller->call, trial->mem,
		&receipt, &err);

	check_error(trial, check, rc, &err);
	if (rc < 0)
		report_judged(trial->report, "send: with the other side away it is worth trying again",
			err.retryable ? NULL : "the error says it is not");
}

void check_notifier(struct trial *trial)
{
	struct certctl_message alert = message_of(CERTCTL_MESSAGE_ALERT, "msg-check-1");
	struct certctl_message resolve = message_of(CERTCTL_MESSAGE_RESOLVE, "msg-check-2");
	struct certctl_message digest = message_of(CERTCTL_MESSAGE_DIGEST, "msg-check-3");

	resolve.receipt = send_one(trial, "send: an alert", &alert);
	certctl_connector_stop(trial->connector);
	send_one(trial, "send: the same message again, after a lost reply", &alert);
	send_one(trial, "send: the resolve of that alert, with its receipt", &resolve);
	send_one(trial, "send: a digest with items", &digest);
	check_unreachable(trial);
}
