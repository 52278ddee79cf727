/* JSON of what goes to and comes from targets. */
#include "wire.h"

static const char *const part_kinds[] = { NULL, "leaf", "chain", "key", "text", "path", NULL };
static const char *const encodings[] = { NULL, "pem", "pem_traditional", "der", "pkcs12", NULL };
static const char *const starttls[] = { NULL, "none", "smtp", "imap", "pop3", "ldap", "postgres", "mysql", NULL };

static const struct certctl_wire_member bundle_members[] = {
	CERTCTL_WIRE(struct certctl_bundle, certificate_id),
	CERTCTL_WIRE(struct certctl_bundle, version_id),
	CERTCTL_WIRE_ROWS_OF(struct certctl_bundle, names, &certctl_wire_name),
	CERTCTL_WIRE(struct certctl_bundle, fingerprint_sha256),
	CERTCTL_WIRE(struct certctl_bundle, leaf_pem),
	CERTCTL_WIRE(struct certctl_bundle, chain_pem),
	CERTCTL_WIRE_ENUM(struct certctl_bundle, key_type, certctl_wire_key_types),
	CERTCTL_WIRE(struct certctl_bundle, not_after_unix_s),
	CERTCTL_WIRE(struct certctl_bundle, key_pem),
	{ 0 },
};
const struct certctl_wire certctl_wire_bundle = { "bundle", sizeof(struct certctl_bundle), bundle_members };

static const struct certctl_wire_member part_members[] = {
	CERTCTL_WIRE_ENUM(struct certctl_part, kind, part_kinds),
	CERTCTL_WIRE(struct certctl_part, text),
	{ 0 },
};
static const struct certctl_wire wire_part = { "part", sizeof(struct certctl_part), part_members };

static const struct certctl_wire_member file_members[] = {
	CERTCTL_WIRE(struct certctl_plan_file, path, .required = true),
	CERTCTL_WIRE(struct certctl_plan_file, owner),
	CERTCTL_WIRE(struct certctl_plan_file, group),
	CERTCTL_WIRE(struct certctl_plan_file, mode),
	CERTCTL_WIRE_ENUM(struct certctl_plan_file, encoding, encodings),
	CERTCTL_WIRE_ROWS_OF(struct certctl_plan_file, parts, &wire_part),
	CERTCTL_WIRE(struct certctl_plan_file, password),
	CERTCTL_WIRE(struct certctl_plan_file, alias),
	{ 0 },
};
static const struct certctl_wire wire_file = { "file", sizeof(struct certctl_plan_file), file_members };

static const struct certctl_wire_member probe_members[] = {
	CERTCTL_WIRE(struct certctl_probe, address, .required = true),
	CERTCTL_WIRE(struct certctl_probe, server_name),
	CERTCTL_WIRE(struct certctl_probe, port, .required = true),
	CERTCTL_WIRE_ENUM(struct certctl_probe, starttls, starttls),
	CERTCTL_WIRE_ENUM(struct certctl_probe, key_type, certctl_wire_key_types),
	{ 0 },
};
static const struct certctl_wire wire_probe = { "probe", sizeof(struct certctl_probe), probe_members };

static const struct certctl_wire_member plan_members[] = {
	CERTCTL_WIRE_ROWS_OF(struct certctl_plan, files, &wire_file),
	CERTCTL_WIRE(struct certctl_plan, validate),
	CERTCTL_WIRE(struct certctl_plan, activate),
	CERTCTL_WIRE_ROWS_OF(struct certctl_plan, probes, &wire_probe),
	CERTCTL_WIRE(struct certctl_plan, validate_timeout_s),
	CERTCTL_WIRE(struct certctl_plan, activate_timeout_s),
	CERTCTL_WIRE(struct certctl_plan, probe_timeout_s),
	{ 0 },
};
const struct certctl_wire certctl_wire_plan = { "plan", sizeof(struct certctl_plan), plan_members };

static const struct certctl_wire_member inventory_members[] = {
	CERTCTL_WIRE(struct certctl_inventory_item, certificate_path, .required = true),
	CERTCTL_WIRE(struct certctl_inventory_item, key_path),
	CERTCTL_WIRE(struct certctl_inventory_item, server_names),
	CERTCTL_WIRE(struct certctl_inventory_item, address),
	CERTCTL_WIRE(struct certctl_inventory_item, source),
	{ 0 },
};
const struct certctl_wire certctl_wire_inventory_item = { "inventory", sizeof(struct certctl_inventory_item),
	inventory_members };
