/*
 * Certificates as a resource: how each member is read, and which index a filter walks.  A filter through another table is a join
 * whose order is that of the ids, so that a page begins at its cursor and needs no sort.  Decides nothing.
 */
#include "certificates.h"
#include "core/features/access/access.h"
#include "fields.h"

/* Dates that are unset come last, names first: what is sorted by is never null. */
#define NOT_AFTER   "coalesce(r.not_after, 'infinity')"
#define EXPIRING_AT "coalesce(r.expiring_at, 'infinity')"

static const struct resource_column columns[] = {
	{ .field = "common_name", .sort = "coalesce(r.common_name, '')", .is_never_null = true },
	{ .field = "not_after", .sort = NOT_AFTER, .is_never_null = true },
	{ .field = "expiring_at", .sort = EXPIRING_AT, .is_never_null = true },
	{ .field = "key_size", .output = "key_size(r.key_type)" },
	{ 0 },
};

/* The first part of each is a range of an index; the second says it exactly, as the view does. */
static const struct resource_filter_value statuses[] = {
	{ "Pending", "r.version_id IS NULL AND r.status = 'Pending'", NULL, NULL, NULL, false },
	{ "Active", EXPIRING_AT " > clock.now() AND r.status = 'Active'", NULL, NULL, NULL, false },
	{ "Expiring", EXPIRING_AT " <= clock.now() AND r.status = 'Expiring'", "expiring_at", NULL, NULL, false },
	{ "RenewalInProgress", "r.status = 'RenewalInProgress'", NULL,
		"JOIN (SELECT DISTINCT certificate_id FROM jobs WHERE type IN ('Issuance', 'Renewal')) AS renewing "
		"ON renewing.certificate_id = r.id",
		"renewing.certificate_id", false },
	{ "Failed", "r.failure IS NOT NULL AND r.status = 'Failed'", NULL, NULL, NULL, false },
	{ "Expired", NOT_AFTER " <= clock.now() AND r.status = 'Expired'", "not_after", NULL, NULL, false },
	{ "Revoked", "r.revoked_at IS NOT NULL AND r.status = 'Revoked'", NULL, NULL, NULL, false },
	{ "Archived", "r.archived_at IS NOT NULL", NULL, NULL, NULL, true },
	{ 0 },
};

#define WORD(name_, kind_, help_)                                                                                      \
	{                                                                                                              \
		.name = (name_),                                                                                       \
		.join = "JOIN certificate_words AS with_" name_ " ON with_" name_                                      \
			".certificate_id = r.id AND with_" name_ ".kind = '" kind_ "'",                                \
		.key = "with_" name_ ".certificate_id", .is_indexed = true, .help = (help_)

static const struct resource_filter filters[] = { { .name = "status", .values = statuses, .is_indexed = true },
	WORD("san", "s", "Only those with this alternative name."), .condition = "with_san.word = lower($v)" },
				    WORD("tag", "t", "Only those with this tag."), .condition = "with_tag.word = $v"
}
,
	{ .name = "agent_id",
		.join = "JOIN placements AS placed ON placed.certificate_id = r.id",
		.condition = "placed.agent_id = $v AND placed.ended_at IS NULL",
		.key = "placed.certificate_id",
		.is_indexed = true,
		.help = "Only those that this agent keeps." },
	{ .name = "target_id",
		.join = "JOIN bindings AS bound ON bound.certificate_id = r.id",
		.condition = "bound.target_id = $v",
		.key = "bound.certificate_id",
		.is_indexed = true,
		.help = "Only those that are served here." },
	{ .name = "serial_number",
		.join = "JOIN certificate_versions AS numbered ON numbered.certificate_id = r.id",
		.condition = "numbered.serial_number = lower(replace($v, ':', ''))",
		.key = "numbered.certificate_id",
		.is_indexed = true,
		.help = "Only the one that has a version with this serial number, in force or not." },
	{ .name = "fingerprint_sha256",
		.join = "JOIN certificate_versions AS printed ON printed.certificate_id = r.id",
		.condition = "printed.fingerprint_sha256 = lower(replace($v, ':', ''))",
		.key = "printed.certificate_id",
		.is_indexed = true,
		.help = "Only the one that has this version, in force or not." },
	{ 0 },
}
;

const struct resource certificates_resource = { .kind = "certificate",
	.body = "Certificate",
	.path = "/api/v1/certificates",
	.id_prefix = "mc-",
	.table = "managed_certificates",
	.from = "certificates r",
	.members = "r.members", /* a new member: there, too (0014_inventory.sql) */
	.fields = certificate_fields,
	.size = sizeof(struct certificate),
	.verbs = RESOURCE_ALL,
	.read = PERMISSION_CERTIFICATES_READ,
	.write = PERMISSION_CERTIFICATES_WRITE,
	.is_large = true,
	.is_stamped = true,
	.usual = "r.archived_at IS NULL",
	.columns = columns,
	.filters = filters,
	.scope = { .team = "r.team_id", .issuer = "r.issuer_id", .profile = "r.profile_id" },
	.check = certificate_check,
	.written = certificate_written,
	.done = certificate_done,
	.remove = certificate_archive };
