/**
 * Notifiers: connectors to where people look.
 */
#ifndef CERTCTL_NOTIFIER_H
#define CERTCTL_NOTIFIER_H

#include <certctl/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

struct certctl_notifier;

enum certctl_notifier_caps {
	CERTCTL_NOTIFIER_CAN_RESOLVE = 1 << 0, /* a resolve ends the alert there; otherwise it is sent as a message */
	CERTCTL_NOTIFIER_CAN_HTML = 1 << 1,    /* uses message->html */
};

enum certctl_message_kind {
	CERTCTL_MESSAGE_ALERT = 1,
	CERTCTL_MESSAGE_RESOLVE,
	CERTCTL_MESSAGE_DIGEST,
	CERTCTL_MESSAGE_TEST, /* says of itself that it is one */
};

enum certctl_severity {
	CERTCTL_SEVERITY_INFO = 1,
	CERTCTL_SEVERITY_WARNING,
	CERTCTL_SEVERITY_CRITICAL,
};

struct certctl_message_item {
	const char *title, *text, *link; /* text and link may be NULL */
};

struct certctl_message {
	const char *id;       /* of this delivery, the idempotency key: the same on every retry */
	const char *alert_id; /* stable from alert to resolve: dedup key, thread; NULL for a digest or a test */
	uint32_t kind;        /* enum certctl_message_kind */
	uint32_t severity;    /* enum certctl_severity */
	const char *event;    /* "certificate_expiring" */
	const char *subject;  /* one line */
	const char *text;     /* plain text */
	const char *html;     /* NULL: none */
	const struct certctl_message_item *const *items; /* NULL-terminated; may be NULL */
	const struct certctl_fact *const *links;         /* name and URL, NULL-terminated; may be NULL */
	int64_t created_unix_s;
	const void *item;    /* the plugin's item_options of the route: recipient, channel, routing key */
	const char *receipt; /* what send() returned for an earlier message of this alert; NULL: none */
};

struct certctl_receipt {
	const char *reference; /* Message-ID, timestamp, alias; at most 512 bytes; may be NULL */
};

/** Grows only at the end. */
struct certctl_notifier_ops {
	uint32_t size;
	uint32_t caps; /* enum certctl_notifier_caps bits */

	int (*open)(const struct certctl_host *host, const void *config, struct certctl_notifier **ret,
		struct certctl_error *err);
	void (*close)(struct certctl_notifier *self);
	/** Send a message that is marked as a test. */
	int (*test)(struct certctl_notifier *self, const struct certctl_host *host, struct certctl_error *err);
	int (*info)(struct certctl_notifier *self, const struct certctl_host *host, TALLOC_CTX *mem,
		struct certctl_info *ret, struct certctl_error *err);
	/** Errors with retryable are sent again with the same message->id, after retry_after_s when the service said so. */
	int (*send)(struct certctl_notifier *self, const struct certctl_host *host,
		const struct certctl_message *message, TALLOC_CTX *mem, struct certctl_receipt *ret,
		struct certctl_error *err);
};

#ifdef __cplusplus
}
#endif
#endif
