/* Profiles: what may be issued.  That a certificate obeys its profile is asked in SQL (profile_refusal() of the schema), at its
 * creation, at every change of it, and when it is issued. */
#include "core/platform/pki/pki.h"
#include "rules.h"

#define SHORT_LIVED_MAX_S 604800 /* no longer than a revocation would take to be seen: no revocation is needed */
#define RSA_BITS_MIN      2048
#define RSA_BITS_MAX      4096

struct profile {
	const char *id, *name, *description;
	struct certctl_list allowed_key_types, allowed_ekus, name_patterns;
	int64_t min_key_bits, max_ttl_seconds, approval_timeout_seconds;
	bool require_sans, short_lived, must_staple, reuse_key, requires_approval;
	struct certctl_time created_at, updated_at;
};

static const struct certctl_field fields[] = {
	CERTCTL_OPTION(struct profile, id, CERTCTL_REFERENCE, .refers_to = "profile",
		.help = "Chosen by you, or made for you."),
	CERTCTL_OPTION(struct profile, name, CERTCTL_TEXT, .required = true, .min = 1, .max = 200,
		.flags = POLICY_NAMED, .help = "For people; no two profiles have the same."),
	CERTCTL_OPTION(struct profile, description, CERTCTL_TEXT, .max = 2000, .flags = RESOURCE_SEARCHED,
		.help = "For people."),
	CERTCTL_OPTION(struct profile, allowed_key_types, CERTCTL_LIST, .item_type = CERTCTL_ENUM,
		.choices = pki_key_types, .fallback = "RSA_2048,RSA_3072,RSA_4096,ECDSA_P256,ECDSA_P384,ED25519",
		.min = 1, .max = 10, .flags = RESOURCE_FILTERED, .help = "Of the keys that agents make."),
	CERTCTL_OPTION(struct profile, min_key_bits, CERTCTL_INTEGER, .min = RSA_BITS_MIN, .max = RSA_BITS_MAX,
		.help = "Of RSA keys; unset: as the key types say."),
	CERTCTL_OPTION(struct profile, max_ttl_seconds, CERTCTL_INTEGER, .min = 60, .max = 34560000,
		.flags = RESOURCE_FILTERED | RESOURCE_SORTED,
		.help = "No certificate lives longer; one that asks for more gets this.  Unset: no limit of its own."),
	CERTCTL_OPTION(struct profile, allowed_ekus, CERTCTL_LIST, .item_type = CERTCTL_ENUM, .choices = pki_usages,
		.fallback = "serverAuth", .min = 1, .max = 6, .flags = RESOURCE_FILTERED,
		.help = "Extended key usages of its certificates: these, and no others."),
	CERTCTL_OPTION(struct profile, require_sans, CERTCTL_BOOLEAN, .fallback = "true",
		.help = "At least one subject alternative name."),
	CERTCTL_OPTION(struct profile, name_patterns, CERTCTL_LIST, .item_type = CERTCTL_TEXT, .max = 100,
		.help = "Every name must match one of them; * stands for anything: *.example.com.  Empty: any name."),
	CERTCTL_OPTION(struct profile, short_lived, CERTCTL_BOOLEAN, .fallback = "false", .flags = RESOURCE_FILTERED,
		.help = "Its certificates end before a revocation would matter: they say so (noRevAvail, RFC 9608), and have neither CRL nor OCSP.  max_ttl_seconds is at most 7 days, and must_staple is off."),
	CERTCTL_OPTION(struct profile, must_staple, CERTCTL_BOOLEAN, .fallback = "false",
		.help = "Every certificate has the TLS feature extension (RFC 7633)."),
	CERTCTL_OPTION(struct profile, reuse_key, CERTCTL_BOOLEAN, .fallback = "false",
		.help = "Renew with the key in use, for peers that pin it; otherwise every version has a new key."),
	CERTCTL_OPTION(struct profile, requires_approval, CERTCTL_BOOLEAN, .fallback = "false",
		.flags = RESOURCE_FILTERED, .help = "Somebody else than who asked approves every issuance."),
	CERTCTL_OPTION(struct profile, approval_timeout_seconds, CERTCTL_INTEGER, .fallback = "604800", .min = 60,
		.max = 31536000, .help = "After that long without an approval it is cancelled."),
	CERTCTL_OPTION(struct profile, created_at, CERTCTL_TIME, .flags = POLICY_SHOWN),
	CERTCTL_OPTION(struct profile, updated_at, CERTCTL_TIME, .flags = POLICY_SHOWN),
	{ 0 },
};

static int check(struct resource_change *change, struct certctl_error *err)
{
	const struct profile *wanted = change->wanted;
	const char *const *patterns = wanted ? wanted->name_patterns.items : NULL;
	const int *usages = wanted ? wanted->allowed_ekus.items : NULL;
	int rc = 0;

	if (!wanted)
		return 0;
	if (wanted->short_lived && (wanted->max_ttl_seconds == 0 || wanted->max_ttl_seconds > SHORT_LIVED_MAX_S))
		rc = resource_problem(change, err, "max_ttl_seconds", "at most %d expected with short_lived",
			SHORT_LIVED_MAX_S);
	if (wanted->short_lived && wanted->must_staple)
		rc = resource_problem(change, err, "must_staple",
			"false expected with short_lived: there is no OCSP to staple");
	for (size_t i = 0; i < wanted->allowed_ekus.count; i++)
		for (size_t j = 0; j < i; j++)
			if (usages[i] == usages[j])
				rc = resource_problem(change, err, "allowed_ekus", "one of them is named twice");
	for (size_t i = 0; i < wanted->name_patterns.count; i++)
		if (!patterns[i][0])
			rc = resource_problem(change, err, "name_patterns", "an empty pattern matches nothing");
	return rc;
}

static const struct resource_use uses[] = {
	{ "certificate", "certificates", "managed_certificates", "profile_id", NULL },
	{ 0 },
};

const struct resource policy_profiles = { .kind = "profile",
	.body = "Profile",
	.path = "/api/v1/profiles",
	.id_prefix = "prof-",
	.table = "profiles",
	.fields = fields,
	.size = sizeof(struct profile),
	.verbs = RESOURCE_ALL,
	.read = PERMISSION_POLICIES_READ,
	.write = PERMISSION_POLICIES_WRITE,
	.is_stamped = true,
	.uses = uses,
	.scope = { .profile = "r.id" },
	.check = check };
