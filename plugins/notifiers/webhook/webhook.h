/* What the files of this plugin share. */
#ifndef WEBHOOK_H
#define WEBHOOK_H

#include <certctl/json.h>
#include <certctl/notifier.h>

#define WEBHOOK_SECRETS_MAX 4
#define WEBHOOK_HEADERS_MAX 16
#define WEBHOOK_LABELS_MAX  32

struct certctl_http_client;

struct webhook_header {
	const char *name;
	struct certctl_secret value; /* may be a token of the receiver's gateway */
};

struct webhook_label {
	const char *name, *value;
};

/** An instance. */
struct webhook_config {
	const char *url;
	struct certctl_list secrets; /* of struct certctl_secret: whsec_..., the newest first */
	struct certctl_list headers; /* of struct webhook_header */
	int64_t timeout_s;
	const char *ca_file, *client_certificate_file, *client_key_file;
	bool allow_private, allow_plain_http;
	struct certctl_list allow_networks; /* of const char * */
};

/** A route. */
struct webhook_item {
	const char *path;
	struct certctl_list headers; /* of struct webhook_header */
	struct certctl_list labels;  /* of struct webhook_label */
};

struct certctl_notifier {
	const struct webhook_config *config;
	struct certctl_secret *keys; /* one a secret */
	struct certctl_http_client *client;
	char *endpoint; /* without path and query: receivers hide tokens there */
};

extern const struct certctl_field webhook_options[];
extern const struct certctl_field webhook_item_options[];

/** The body (Standard Webhooks, "payload structure") as compact JSON; the same for every attempt. `item` may be NULL. */
int webhook_body(TALLOC_CTX *mem, const struct certctl_message *message, const struct webhook_item *item, char **ret,
	size_t *ret_len, struct certctl_error *err) CERTCTL_CHECKED;

/** The bytes behind "whsec_" of every secret, on `mem`, as many as there are secrets. */
int webhook_keys(TALLOC_CTX *mem, const struct certctl_list *secrets, struct certctl_secret **ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/** "v1,<base64>" of each key, separated by a space (Standard Webhooks, "signature scheme"). */
int webhook_sign(TALLOC_CTX *mem, const struct certctl_secret *keys, size_t count, const char *id, int64_t timestamp_s,
	const char *body, size_t body_len, char **ret, struct certctl_error *err) CERTCTL_CHECKED;

/** INVALID when a header would change the meaning of the message or is none. */
int webhook_check_headers(const struct certctl_list *headers, struct certctl_error *err) CERTCTL_CHECKED;

/** The operation `send` of a notifier. */
int webhook_send(struct certctl_notifier *self, const struct certctl_host *host, const struct certctl_message *message,
	TALLOC_CTX *mem, struct certctl_receipt *ret, struct certctl_error *err);

#endif
