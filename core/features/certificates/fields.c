/* The tables of certificates and their versions. */
#include "fields.h"

#include <certctl/x509.h>

static const struct certctl_choice key_types[] = {
	{ "RSA_2048", CERTCTL_RSA_2048, NULL },
	{ "RSA_3072", CERTCTL_RSA_3072, NULL },
	{ "RSA_4096", CERTCTL_RSA_4096, NULL },
	{ "ECDSA_P256", CERTCTL_ECDSA_P256, NULL },
	{ "ECDSA_P384", CERTCTL_ECDSA_P384, NULL },
	{ "ED25519", CERTCTL_ED25519, NULL },
	{ 0 },
};

#define SHOWN .flags = RESOURCE_READ_ONLY

const struct certctl_field certificate_fields[] = {
	CERTCTL_OPTION(struct certificate, id, CERTCTL_REFERENCE, .refers_to = "certificate",
		.help = "Chosen by you, or made for you."),
	CERTCTL_OPTION(struct certificate, name, CERTCTL_TEXT, .required = true, .min = 1, .max = 200,
		.help = "For people."),
	CERTCTL_OPTION(struct certificate, common_name, CERTCTL_TEXT, .min = 1, .max = 64,
		.help = "Subject common name; always one of the alternative names too."),
	CERTCTL_OPTION(struct certificate, sans, CERTCTL_LIST, .item_type = CERTCTL_TEXT, .required = true, .min = 1,
		.max = 100, .help = "DNS names, IP addresses, e-mail addresses and URIs."),
	CERTCTL_OPTION(struct certificate, subject, CERTCTL_TEXT, SHOWN),
	CERTCTL_OPTION(struct certificate, issuer_id, CERTCTL_REFERENCE, .fallback = "iss-local", .refers_to = "issuer",
		.help = "Who issues it."),
	CERTCTL_OPTION(struct certificate, issuer_dn, CERTCTL_TEXT, SHOWN),
	CERTCTL_OPTION(struct certificate, serial_number, CERTCTL_TEXT, SHOWN),
	CERTCTL_OPTION(struct certificate, key_type, CERTCTL_ENUM, .fallback = "ECDSA_P256", .choices = key_types,
		.help = "Of the key that the agent makes."),
	CERTCTL_OPTION(struct certificate, not_before, CERTCTL_TIME, SHOWN),
	CERTCTL_OPTION(struct certificate, not_after, CERTCTL_TIME, SHOWN),
	CERTCTL_OPTION(struct certificate, fingerprint_sha256, CERTCTL_TEXT, SHOWN),
	CERTCTL_OPTION(struct certificate, status, CERTCTL_TEXT, SHOWN),
	CERTCTL_OPTION(struct certificate, status_reason, CERTCTL_TEXT, SHOWN),
	CERTCTL_OPTION(struct certificate, next_action_at, CERTCTL_TIME, SHOWN),
	CERTCTL_OPTION(struct certificate, lifetime_seconds, CERTCTL_INTEGER, .fallback = "4060800", .min = 60,
		.max = 34560000, .help = "How long each version lives; 47 days when not given."),
	CERTCTL_OPTION(struct certificate, must_staple, CERTCTL_BOOLEAN, .fallback = "false",
		.help = "Ask for the TLS feature extension (RFC 7633)."),
	CERTCTL_OPTION(struct certificate, environment, CERTCTL_TEXT, .max = 63, .help = "production, staging, ..."),
	CERTCTL_OPTION(struct certificate, tags, CERTCTL_LIST, .item_type = CERTCTL_TEXT, .max = 50,
		.help = "Your own words."),
	CERTCTL_OPTION(struct certificate, target_ids, CERTCTL_LIST, .item_type = CERTCTL_REFERENCE, .max = 1000,
		.refers_to = "target", .help = "Where it is served."),
	CERTCTL_OPTION(struct certificate, agent_ids, CERTCTL_LIST, .item_type = CERTCTL_REFERENCE, .max = 1000,
		.refers_to = "agent", .help = "Agents that keep it without serving it, beside those of its targets."),
	CERTCTL_OPTION(struct certificate, binding_options, CERTCTL_TEXT, .fallback = "{}", .max = 65536,
		.flags = RESOURCE_DOCUMENT | RESOURCE_WRITE_ONLY, .help = "Item options of the targets' plugin."),
	CERTCTL_OPTION(struct certificate, issued_at, CERTCTL_TIME, SHOWN),
	CERTCTL_OPTION(struct certificate, renewed_at, CERTCTL_TIME, SHOWN),
	CERTCTL_OPTION(struct certificate, deployed_at, CERTCTL_TIME, SHOWN),
	CERTCTL_OPTION(struct certificate, created_at, CERTCTL_TIME, SHOWN),
	CERTCTL_OPTION(struct certificate, updated_at, CERTCTL_TIME, SHOWN),
	CERTCTL_OPTION(struct certificate, version_id, CERTCTL_TEXT, SHOWN),
	{ 0 },
};

/* Versions are made by issuers alone. */
const struct certctl_field version_fields[] = {
	RESOURCE_SHOWN("id", CERTCTL_TEXT),
	RESOURCE_SHOWN("certificate_id", CERTCTL_TEXT),
	RESOURCE_SHOWN("agent_id", CERTCTL_TEXT),
	RESOURCE_SHOWN("sequence", CERTCTL_INTEGER),
	RESOURCE_SHOWN("serial_number", CERTCTL_TEXT),
	RESOURCE_SHOWN("subject", CERTCTL_TEXT),
	RESOURCE_SHOWN("issuer_id", CERTCTL_TEXT),
	RESOURCE_SHOWN("issuer_dn", CERTCTL_TEXT),
	RESOURCE_SHOWN("key_type", CERTCTL_TEXT),
	RESOURCE_SHOWN("not_before", CERTCTL_TIME),
	RESOURCE_SHOWN("not_after", CERTCTL_TIME),
	RESOURCE_SHOWN("fingerprint_sha256", CERTCTL_TEXT),
	RESOURCE_SHOWN("public_key_sha256", CERTCTL_TEXT),
	RESOURCE_SHOWN("csr_sha256", CERTCTL_TEXT),
	RESOURCE_SHOWN("certificate", CERTCTL_TEXT),
	RESOURCE_SHOWN("chain", CERTCTL_TEXT),
	RESOURCE_SHOWN("job_id", CERTCTL_TEXT),
	RESOURCE_SHOWN("issued_at", CERTCTL_TIME),
	{ 0 },
};
