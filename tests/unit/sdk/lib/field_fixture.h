/* One table with every type of field, for the tests about fields. */
#ifndef FIELD_FIXTURE_H
#define FIELD_FIXTURE_H

#include <certctl/field.h>

enum mode {
	MODE_SLOW = 1,
	MODE_FAST,
};

struct tls {
	const char *cert;
	struct certctl_secret key;
	int64_t version;
};

struct probe {
	const char *address;
	int64_t port;
};

struct config {
	const char *name, *url, *webhook, *host, *path, *mail, *owner;
	int64_t timeout_s, count;
	bool verify;
	struct certctl_duration lifetime;
	struct certctl_size cache;
	struct certctl_time since;
	int mode;
	struct certctl_secret token;
	struct certctl_list ports, modes, probes, secrets;
	struct tls tls;
};

static const struct certctl_choice modes[] = { { "slow", MODE_SLOW, "Takes its time." }, { "fast", MODE_FAST, NULL },
	{ 0 } };
static const struct certctl_choice web_schemes[] = { { "https", 1, NULL }, { "http", 2, NULL }, { 0 } };

static const struct certctl_field tls_fields[] = {
	CERTCTL_OPTION(struct tls, cert, CERTCTL_PATH, .required = true, .path_access = CERTCTL_PATH_READ,
		.help = "Certificate."),
	CERTCTL_OPTION(struct tls, key, CERTCTL_SECRET, .env = "TEST_TLS_KEY", .help = "Its key."),
	CERTCTL_OPTION(struct tls, version, CERTCTL_INTEGER, .fallback = "13", .min = 12, .max = 13,
		.help = "Lowest version."),
	{ 0 },
};

static const struct certctl_field probe_fields[] = {
	CERTCTL_OPTION(struct probe, address, CERTCTL_HOST, .required = true, .help = "Where to look."),
	CERTCTL_OPTION(struct probe, port, CERTCTL_INTEGER, .fallback = "443", .min = 1, .max = 65535,
		.help = "Its port."),
	{ 0 },
};

static const struct certctl_field config_fields[] = {
	CERTCTL_OPTION(struct config, name, CERTCTL_TEXT, .required = true, .min = 2, .max = 8,
		.help = "What it is called."),
	CERTCTL_OPTION(struct config, url, CERTCTL_URL, .env = "TEST_URL", .help = "Where the CA is."),
	CERTCTL_OPTION(struct config, webhook, CERTCTL_URL, .choices = web_schemes, .help = "Where to post."),
	CERTCTL_OPTION(struct config, host, CERTCTL_HOST, .fallback = "localhost:8443", .help = "Where to listen."),
	CERTCTL_OPTION(struct config, path, CERTCTL_PATH, .fallback = "/var/lib/certctl",
		.path_access = CERTCTL_PATH_WRITE, .help = "Where state is kept."),
	CERTCTL_OPTION(struct config, mail, CERTCTL_EMAIL, .help = "Who is told."),
	CERTCTL_OPTION(struct config, owner, CERTCTL_REFERENCE, .refers_to = "owner", .help = "Whose it is."),
	CERTCTL_OPTION(struct config, timeout_s, CERTCTL_INTEGER, .fallback = "30", .min = 1, .max = 600,
		.help = "Request timeout in seconds."),
	CERTCTL_OPTION(struct config, count, CERTCTL_INTEGER, .min = 1, .help = "How many."),
	CERTCTL_OPTION(struct config, verify, CERTCTL_BOOLEAN, .fallback = "true", .help = "Check the other side."),
	CERTCTL_OPTION(struct config, lifetime, CERTCTL_DURATION, .fallback = "90d", .min = 3600, .max = 31536000,
		.help = "How long it lives."),
	CERTCTL_OPTION(struct config, cache, CERTCTL_SIZE, .fallback = "64KiB", .max = 1048576, .advanced = true,
		.help = "How much is kept."),
	CERTCTL_OPTION(struct config, since, CERTCTL_TIME, .help = "Not before."),
	CERTCTL_OPTION(struct config, mode, CERTCTL_ENUM, .choices = modes, .fallback = "slow", .help = "How fast."),
	CERTCTL_OPTION(struct config, token, CERTCTL_SECRET, .env = "TEST_TOKEN", .help = "The password | of the CA."),
	CERTCTL_OPTION(struct config, ports, CERTCTL_LIST, .item_type = CERTCTL_INTEGER, .fallback = "80, 443",
		.min = 1, .max = 3, .env = "TEST_PORTS", .help = "Ports."),
	CERTCTL_OPTION(struct config, modes, CERTCTL_LIST, .item_type = CERTCTL_ENUM, .choices = modes,
		.help = "Modes."),
	CERTCTL_OPTION(struct config, probes, CERTCTL_LIST, .item_type = CERTCTL_OBJECT, .nested = probe_fields,
		.nested_size = sizeof(struct probe), .help = "Where to look afterwards."),
	CERTCTL_OPTION(struct config, secrets, CERTCTL_LIST, .item_type = CERTCTL_SECRET, .help = "More passwords."),
	CERTCTL_OPTION(struct config, tls, CERTCTL_OBJECT, .nested = tls_fields, .nested_size = sizeof(struct tls),
		.help = "Transport."),
	{ 0 },
};

#define ROW_SIZE sizeof(struct certctl_field)

#endif
