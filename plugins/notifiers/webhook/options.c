/* The option tables: what an operator may say about a receiver and about a route to it. */
#include "webhook.h"

static const struct certctl_choice schemes[] = {
	{ "https", 1, "With TLS." },
	{ "http", 2, "Without; needs allow_plain_http." },
	{ 0 },
};

static const struct certctl_field header_fields[] = {
	CERTCTL_OPTION(struct webhook_header, name, CERTCTL_TEXT, .required = true, .min = 1, .max = 100,
		.help = "Name of the header; not Content-Type and none that begins with webhook-."),
	CERTCTL_OPTION(struct webhook_header, value, CERTCTL_SECRET, .required = true, .min = 1, .max = 4000,
		.help = "Its value; kept secret, since it may be a token."),
	{ 0 },
};

static const struct certctl_field label_fields[] = {
	CERTCTL_OPTION(struct webhook_label, name, CERTCTL_TEXT, .required = true, .min = 1, .max = 100,
		.help = "Name."),
	CERTCTL_OPTION(struct webhook_label, value, CERTCTL_TEXT, .required = true, .max = 1000, .help = "Value."),
	{ 0 },
};

const struct certctl_field webhook_options[] = {
	CERTCTL_OPTION(struct webhook_config, url, CERTCTL_URL, .required = true, .choices = schemes,
		.help = "Where messages are posted."),
	CERTCTL_OPTION(struct webhook_config, secrets, CERTCTL_LIST, .item_type = CERTCTL_SECRET, .required = true,
		.min = 1, .max = WEBHOOK_SECRETS_MAX,
		.help = "Signing secrets, whsec_ and base64 of 24 to 64 bytes. While a secret is changed both are listed, and both sign."),
	CERTCTL_OPTION(struct webhook_config, headers, CERTCTL_LIST, .item_type = CERTCTL_OBJECT,
		.nested = header_fields, .nested_size = sizeof(struct webhook_header), .max = WEBHOOK_HEADERS_MAX,
		.help = "Headers added to every request, such as Authorization for a gateway."),
	CERTCTL_OPTION(struct webhook_config, timeout_s, CERTCTL_INTEGER, .fallback = "15", .min = 1, .max = 120,
		.help = "Time for one delivery, from name lookup to the end of the answer, in seconds."),
	CERTCTL_OPTION(struct webhook_config, ca_file, CERTCTL_PATH, .path_access = CERTCTL_PATH_READ,
		.help = "CA certificates in PEM that are trusted for this receiver, instead of the system's."),
	CERTCTL_OPTION(struct webhook_config, client_certificate_file, CERTCTL_PATH, .path_access = CERTCTL_PATH_READ,
		.advanced = true, .help = "Certificate in PEM to show to the receiver, its chain behind it."),
	CERTCTL_OPTION(struct webhook_config, client_key_file, CERTCTL_PATH, .path_access = CERTCTL_PATH_READ,
		.advanced = true, .help = "Key of that certificate in PEM; empty: it is in the same file."),
	CERTCTL_OPTION(struct webhook_config, allow_private, CERTCTL_BOOLEAN, .fallback = "false", .advanced = true,
		.help = "The receiver may be at a private, loopback or link-local address."),
	CERTCTL_OPTION(struct webhook_config, allow_plain_http, CERTCTL_BOOLEAN, .fallback = "false", .advanced = true,
		.help = "The URL may be http. Messages can be read on their way then; they stay signed."),
	CERTCTL_OPTION(struct webhook_config, allow_networks, CERTCTL_LIST, .item_type = CERTCTL_TEXT, .max = 16,
		.advanced = true, .help = "Networks that may be reached whatever they are, such as 10.1.0.0/16."),
	{ 0 },
};

const struct certctl_field webhook_item_options[] = {
	CERTCTL_OPTION(struct webhook_item, path, CERTCTL_TEXT, .max = 500,
		.help = "Added to the URL for this route; begins with a slash."),
	CERTCTL_OPTION(struct webhook_item, headers, CERTCTL_LIST, .item_type = CERTCTL_OBJECT, .nested = header_fields,
		.nested_size = sizeof(struct webhook_header), .max = WEBHOOK_HEADERS_MAX,
		.help = "Headers added to the requests of this route."),
	CERTCTL_OPTION(struct webhook_item, labels, CERTCTL_LIST, .item_type = CERTCTL_OBJECT, .nested = label_fields,
		.nested_size = sizeof(struct webhook_label), .max = WEBHOOK_LABELS_MAX,
		.help = "Names and values that appear in the message as data.labels, for the receiver to sort by."),
	{ 0 },
};
