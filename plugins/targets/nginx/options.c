/* The option tables: what an operator may say about an nginx and about a certificate in it. */
#include "nginx.h"

static const struct certctl_choice reloads[] = {
	{ "signal", NGINX_RELOAD_SIGNAL, "nginx -s reload, with the same -c, -p and -g as the check." },
	{ "systemd", NGINX_RELOAD_SYSTEMD, "systemctl reload of the unit." },
	{ 0 },
};

static const struct certctl_choice starttls[] = {
	{ "none", CERTCTL_STARTTLS_NONE, "TLS from the first byte." },
	{ "smtp", CERTCTL_STARTTLS_SMTP, "nginx's mail proxy, SMTP." },
	{ "imap", CERTCTL_STARTTLS_IMAP, "nginx's mail proxy, IMAP." },
	{ "pop3", CERTCTL_STARTTLS_POP3, "nginx's mail proxy, POP3." },
	{ 0 },
};

const struct certctl_field nginx_options[] = {
	CERTCTL_OPTION(struct nginx_config, binary, CERTCTL_PATH, .fallback = "/usr/sbin/nginx",
		.help = "The nginx program."),
	CERTCTL_OPTION(struct nginx_config, config, CERTCTL_PATH,
		.help = "Its configuration file (-c); empty: the one it was built with."),
	CERTCTL_OPTION(struct nginx_config, prefix, CERTCTL_PATH,
		.help = "Its prefix (-p); empty: the one it was built with."),
	CERTCTL_OPTION(struct nginx_config, globals, CERTCTL_TEXT, .max = 1000, .advanced = true,
		.help = "Global directives it was started with (-g), such as \"pid /run/nginx-edge.pid;\"."),
	CERTCTL_OPTION(struct nginx_config, reload, CERTCTL_ENUM, .fallback = "signal", .choices = reloads,
		.help = "How it is told to use new certificates."),
	CERTCTL_OPTION(struct nginx_config, unit, CERTCTL_TEXT, .fallback = "nginx.service", .max = 255,
		.help = "Its systemd unit, for reload: systemd."),
	CERTCTL_OPTION(struct nginx_config, systemctl, CERTCTL_PATH, .fallback = "/usr/bin/systemctl", .advanced = true,
		.help = "The systemctl program, for reload: systemd."),
	CERTCTL_OPTION(struct nginx_config, owner, CERTCTL_TEXT, .max = 64,
		.help = "User that owns the files, unless the binding says another; empty: the worker's."),
	CERTCTL_OPTION(struct nginx_config, group, CERTCTL_TEXT, .max = 64,
		.help = "Group that owns the files, unless the binding says another; empty: the worker's."),
	CERTCTL_OPTION(struct nginx_config, validate_timeout_s, CERTCTL_INTEGER, .fallback = "60", .min = 1, .max = 600,
		.advanced = true, .help = "Time limit of nginx -t in seconds."),
	CERTCTL_OPTION(struct nginx_config, reload_timeout_s, CERTCTL_INTEGER, .fallback = "60", .min = 1, .max = 600,
		.advanced = true, .help = "Time limit of the reload command in seconds."),
	CERTCTL_OPTION(struct nginx_config, probe_timeout_s, CERTCTL_INTEGER, .fallback = "30", .min = 1, .max = 600,
		.help = "How long after the reload the new certificate may take to be served, in seconds."),
	{ 0 },
};

static const struct certctl_field probe_fields[] = {
	CERTCTL_OPTION(struct nginx_probe, address, CERTCTL_HOST, .required = true,
		.help = "Where this host reaches the server, with its port: 127.0.0.1:443. Without a port: 443."),
	CERTCTL_OPTION(struct nginx_probe, server_name, CERTCTL_TEXT, .max = 253,
		.help = "Name to ask for (SNI); empty: the certificate's first DNS name."),
	CERTCTL_OPTION(struct nginx_probe, starttls, CERTCTL_ENUM, .fallback = "none", .choices = starttls,
		.help = "Protocol in front of TLS."),
	CERTCTL_OPTION(struct nginx_probe, by_key_type, CERTCTL_BOOLEAN,
		.help = "The server has an RSA and an ECDSA certificate for this name: ask for the kind that is deployed."),
	{ 0 },
};

const struct certctl_field nginx_item_options[] = {
	CERTCTL_OPTION(struct nginx_item, certificate_path, CERTCTL_PATH,
		.help = "File that ssl_certificate names: the leaf, then its chain."),
	CERTCTL_OPTION(struct nginx_item, key_path, CERTCTL_PATH, .help = "File that ssl_certificate_key names."),
	CERTCTL_OPTION(struct nginx_item, combined_path, CERTCTL_PATH,
		.help = "File that both name, instead of the two above: leaf, chain, key."),
	CERTCTL_OPTION(struct nginx_item, chain_path, CERTCTL_PATH, .advanced = true,
		.help = "File with the chain alone, for ssl_trusted_certificate."),
	CERTCTL_OPTION(struct nginx_item, snippet_path, CERTCTL_PATH,
		.help = "Configuration file to be included in the server block: it names certificate and key of one generation, so that no "
			"reload of anybody's can come between the two."),
	CERTCTL_OPTION(struct nginx_item, owner, CERTCTL_TEXT, .max = 64, .help = "User that owns the files."),
	CERTCTL_OPTION(struct nginx_item, group, CERTCTL_TEXT, .max = 64, .help = "Group that owns the files."),
	CERTCTL_OPTION(struct nginx_item, certificate_mode, CERTCTL_TEXT, .fallback = "0644", .min = 3, .max = 4,
		.advanced = true, .help = "Mode of files without a key, octal."),
	CERTCTL_OPTION(struct nginx_item, key_mode, CERTCTL_TEXT, .fallback = "0600", .min = 3, .max = 4,
		.advanced = true,
		.help = "Mode of files with the key, octal; nobody but owner and group may be let in."),
	CERTCTL_OPTION(struct nginx_item, probes, CERTCTL_LIST, .item_type = CERTCTL_OBJECT, .nested = probe_fields,
		.nested_size = sizeof(struct nginx_probe), .max = 16,
		.help = "Where the new certificate must be seen; none: the deployment ends unverified."),
	{ 0 },
};
