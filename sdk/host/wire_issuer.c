/* JSON of what goes to and comes from issuers. */
#include "wire.h"

const char *const certctl_wire_sign_kinds[] = { NULL, "crl", "ocsp_response", NULL };
static const char *const order_kinds[] = { NULL, "issue", "renew", "rekey", NULL };
static const char *const outcomes[] = { NULL, "issued", "pending", "unknown", NULL };

/* `item` is not here: it is the plugin's own struct and travels beside the order, as JSON. */
static const struct certctl_wire_member order_members[] = {
	CERTCTL_WIRE(struct certctl_order, id, .required = true),
	CERTCTL_WIRE_ENUM(struct certctl_order, kind, order_kinds),
	CERTCTL_WIRE_ENUM(struct certctl_order, key_type, certctl_wire_key_types),
	CERTCTL_WIRE(struct certctl_order, csr_pem),
	CERTCTL_WIRE_ROWS_OF(struct certctl_order, names, &certctl_wire_name),
	CERTCTL_WIRE(struct certctl_order, common_name),
	CERTCTL_WIRE(struct certctl_order, organization),
	CERTCTL_WIRE(struct certctl_order, key_usage),
	CERTCTL_WIRE(struct certctl_order, must_staple),
	CERTCTL_WIRE(struct certctl_order, extended_key_usage),
	CERTCTL_WIRE(struct certctl_order, serial),
	CERTCTL_WIRE(struct certctl_order, not_before_unix_s),
	CERTCTL_WIRE(struct certctl_order, not_after_unix_s),
	CERTCTL_WIRE(struct certctl_order, replaces_pem),
	CERTCTL_WIRE(struct certctl_order, profile_id),
	CERTCTL_WIRE(struct certctl_order, profile_hash),
	CERTCTL_WIRE(struct certctl_order, input),
	CERTCTL_WIRE(struct certctl_order, state),
	CERTCTL_WIRE(struct certctl_order, state_version),
	CERTCTL_WIRE(struct certctl_order, short_lived),
	{ 0 },
};
const struct certctl_wire certctl_wire_order = { "order", sizeof(struct certctl_order), order_members };

static const struct certctl_wire_member issued_members[] = {
	CERTCTL_WIRE_ENUM(struct certctl_issued, outcome, outcomes),
	CERTCTL_WIRE(struct certctl_issued, retry_after_s),
	CERTCTL_WIRE(struct certctl_issued, leaf_pem),
	CERTCTL_WIRE(struct certctl_issued, chain_pem),
	CERTCTL_WIRE(struct certctl_issued, serial),
	CERTCTL_WIRE(struct certctl_issued, state),
	{ 0 },
};
const struct certctl_wire certctl_wire_issued = { "issued", sizeof(struct certctl_issued), issued_members };

static const struct certctl_wire_member renewal_window_members[] = {
	CERTCTL_WIRE(struct certctl_renewal_window, has_answer, .required = true),
	CERTCTL_WIRE(struct certctl_renewal_window, start_unix_s),
	CERTCTL_WIRE(struct certctl_renewal_window, end_unix_s),
	CERTCTL_WIRE(struct certctl_renewal_window, retry_after_s),
	CERTCTL_WIRE(struct certctl_renewal_window, explanation_url),
	{ 0 },
};
const struct certctl_wire certctl_wire_renewal_window = { "renewal_window", sizeof(struct certctl_renewal_window),
	renewal_window_members };
