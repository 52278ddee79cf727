/* The tables of certificates and of what hangs on them. */
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

/* What an index serves, what two seconds are enough for, what is only shown. */
#define FAST (RESOURCE_FILTERED | RESOURCE_SORTED | RESOURCE_INDEXED)
#define SLOW (RESOURCE_FILTERED | RESOURCE_SORTED)

#define SHOWN_AS(name_, type_, flags_)                                                                                 \
	{                                                                                                              \
		.name = (name_), .type = (type_), .flags = RESOURCE_READ_ONLY | (flags_)                               \
	}

const struct certctl_field certificate_fields[] = {
	CERTCTL_OPTION(struct certificate, id, CERTCTL_REFERENCE, .refers_to = "certificate",
		.help = "Chosen by you, or made for you."),
	CERTCTL_OPTION(struct certificate, name, CERTCTL_TEXT, .required = true, .min = 1, .max = 200,
		.flags = FAST | RESOURCE_SEARCHED, .help = "For people; no two that are not archived have the same."),
	CERTCTL_OPTION(struct certificate, common_name, CERTCTL_TEXT, .min = 1, .max = 64,
		.flags = FAST | RESOURCE_SEARCHED,
		.help = "Subject common name; always one of the alternative names too."),
	CERTCTL_OPTION(struct certificate, sans, CERTCTL_LIST, .item_type = CERTCTL_TEXT, .required = true, .min = 1,
		.max = 100, .flags = RESOURCE_ELSEWHERE | RESOURCE_SEARCHED,
		.help = "DNS names, IP addresses, e-mail addresses and URIs."),
	SHOWN_AS("subject", CERTCTL_TEXT, 0),
	CERTCTL_OPTION(struct certificate, issuer_id, CERTCTL_REFERENCE, .fallback = "iss-local", .refers_to = "issuer",
		.flags = FAST, .help = "Who issues it."),
	SHOWN_AS("issuer_dn", CERTCTL_TEXT, 0),
	SHOWN_AS("serial_number", CERTCTL_TEXT, RESOURCE_SORTED),
	CERTCTL_OPTION(struct certificate, key_type, CERTCTL_ENUM, .fallback = "ECDSA_P256", .choices = key_types,
		.flags = SLOW, .help = "Of the key that the agent makes."),
	SHOWN_AS("key_size", CERTCTL_INTEGER, 0),
	SHOWN_AS("not_before", CERTCTL_TIME, SLOW),
	SHOWN_AS("not_after", CERTCTL_TIME, FAST),
	SHOWN_AS("expiring_at", CERTCTL_TIME, FAST),
	SHOWN_AS("fingerprint_sha256", CERTCTL_TEXT, 0),
	SHOWN_AS("status", CERTCTL_TEXT, RESOURCE_SORTED),
	SHOWN_AS("status_reason", CERTCTL_TEXT, 0),
	SHOWN_AS("next_action_at", CERTCTL_TIME, SLOW),
	CERTCTL_OPTION(struct certificate, lifetime_seconds, CERTCTL_INTEGER, .fallback = "4060800", .min = 60,
		.max = 34560000, .flags = RESOURCE_SORTED,
		.help = "How long each version lives; 47 days when not given."),
	CERTCTL_OPTION(struct certificate, must_staple, CERTCTL_BOOLEAN, .fallback = "false",
		.help = "Ask for the TLS feature extension (RFC 7633)."),
	CERTCTL_OPTION(struct certificate, environment, CERTCTL_TEXT, .max = 63, .flags = FAST,
		.help = "production, staging, ..."),
	CERTCTL_OPTION(struct certificate, owner_id, CERTCTL_REFERENCE, .refers_to = "owner", .flags = FAST,
		.help = "Who hears of it."),
	CERTCTL_OPTION(struct certificate, team_id, CERTCTL_REFERENCE, .refers_to = "team", .flags = FAST,
		.help = "Who it belongs to; keys may be limited to teams."),
	CERTCTL_OPTION(struct certificate, profile_id, CERTCTL_REFERENCE, .refers_to = "profile", .flags = FAST,
		.help = "What it may look like."),
	CERTCTL_OPTION(struct certificate, policy_id, CERTCTL_REFERENCE, .refers_to = "policy", .flags = FAST,
		.help = "When it is renewed, and who is told."),
	CERTCTL_OPTION(struct certificate, tags, CERTCTL_LIST, .item_type = CERTCTL_TEXT, .max = 50,
		.help = "Your own words."),
	CERTCTL_OPTION(struct certificate, target_ids, CERTCTL_LIST, .item_type = CERTCTL_REFERENCE, .max = 1000,
		.refers_to = "target", .flags = RESOURCE_ELSEWHERE, .help = "Where it is served."),
	CERTCTL_OPTION(struct certificate, agent_ids, CERTCTL_LIST, .item_type = CERTCTL_REFERENCE, .max = 1000,
		.refers_to = "agent", .flags = RESOURCE_ELSEWHERE,
		.help = "Agents that keep it without serving it, beside those of its targets."),
	CERTCTL_OPTION(struct certificate, binding_options, CERTCTL_TEXT, .fallback = "{}", .max = 65536,
		.flags = RESOURCE_DOCUMENT | RESOURCE_WRITE_ONLY | RESOURCE_ELSEWHERE,
		.help = "Item options of the targets' plugin; of targets that have it already, from their next deployment on."),
	CERTCTL_OPTION(struct certificate, names, CERTCTL_TEXT, .flags = RESOURCE_DERIVED),
	SHOWN_AS("issued_at", CERTCTL_TIME, SLOW),
	SHOWN_AS("renewed_at", CERTCTL_TIME, SLOW),
	SHOWN_AS("deployed_at", CERTCTL_TIME, SLOW),
	SHOWN_AS("revoked_at", CERTCTL_TIME, 0),
	SHOWN_AS("revocation_reason", CERTCTL_TEXT, 0),
	SHOWN_AS("archived_at", CERTCTL_TIME, 0),
	SHOWN_AS("created_at", CERTCTL_TIME, FAST),
	SHOWN_AS("updated_at", CERTCTL_TIME, SLOW),
	SHOWN_AS("version_id", CERTCTL_TEXT, 0),
	{ 0 },
};

/* Versions are made by issuers alone. */
const struct certctl_field version_fields[] = {
	RESOURCE_SHOWN("id", CERTCTL_TEXT),
	RESOURCE_SHOWN("certificate_id", CERTCTL_TEXT),
	RESOURCE_SHOWN("agent_id", CERTCTL_TEXT),
	RESOURCE_SHOWN("is_in_force", CERTCTL_BOOLEAN),
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

const struct certctl_field placement_fields[] = {
	RESOURCE_SHOWN("id", CERTCTL_TEXT),
	RESOURCE_SHOWN("certificate_id", CERTCTL_TEXT),
	RESOURCE_SHOWN("agent_id", CERTCTL_TEXT),
	RESOURCE_SHOWN("version_id", CERTCTL_TEXT),
	RESOURCE_SHOWN("serial_number", CERTCTL_TEXT),
	RESOURCE_SHOWN("not_after", CERTCTL_TIME),
	RESOURCE_SHOWN("renew_at", CERTCTL_TIME),
	RESOURCE_SHOWN("failure", CERTCTL_TEXT),
	RESOURCE_SHOWN("ended_at", CERTCTL_TIME),
	{ 0 },
};
