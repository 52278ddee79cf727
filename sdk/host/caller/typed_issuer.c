/* Calls to issuers in the terms of issuer.h. */
#include "typed.h"

#include <string.h>

/* What a plugin says it issued must be usable before anybody stores it. */
static int check_issued(const struct certctl_issued *issued, struct certctl_error *err)
{
	if (issued->outcome == 0)
		return certctl_fail(err, CERTCTL_E_PROTOCOL, "issued.outcome: missing");
	if (issued->outcome == CERTCTL_ISSUED && !issued->leaf_pem)
		return certctl_fail(err, CERTCTL_E_PROTOCOL, "issued.leaf_pem: missing");
	if (issued->state && strlen(issued->state) > CERTCTL_STATE_MAX)
		return certctl_fail(err, CERTCTL_E_LIMIT, "issued.state: at most %d bytes", CERTCTL_STATE_MAX);
	return 0;
}

static int call_for_issued(struct certctl_connector *connector, const char *operation,
	const struct certctl_order *order, const json_t *item, const struct certctl_call *call, TALLOC_CTX *mem,
	struct certctl_issued *ret, struct certctl_error *err)
{
	const struct part parts[] = { { .name = "order", .wire = &certctl_wire_order, .value = order },
		{ .name = "item", .json = item }, { 0 } };
	struct certctl_issued issued = { 0 };
	int rc = typed_call(connector, operation, parts, call, mem, &certctl_wire_issued, &issued, err);

	if (rc < 0 || (rc = check_issued(&issued, err)) < 0)
		return rc;
	*ret = issued;
	return 0;
}

int certctl_issuer_issue(struct certctl_connector *connector, const struct certctl_order *order, const json_t *item,
	const struct certctl_call *call, TALLOC_CTX *mem, struct certctl_issued *ret, struct certctl_error *err)
{
	return call_for_issued(connector, "issue", order, item, call, mem, ret, err);
}

int certctl_issuer_find(struct certctl_connector *connector, const struct certctl_order *order, const json_t *item,
	const struct certctl_call *call, TALLOC_CTX *mem, struct certctl_issued *ret, struct certctl_error *err)
{
	return call_for_issued(connector, "find", order, item, call, mem, ret, err);
}

int certctl_issuer_abandon(struct certctl_connector *connector, const struct certctl_order *order, const json_t *item,
	const struct certctl_call *call, struct certctl_error *err)
{
	const struct part parts[] = { { .name = "order", .wire = &certctl_wire_order, .value = order },
		{ .name = "item", .json = item }, { 0 } };

	return typed_call(connector, "abandon", parts, call, NULL, NULL, NULL, err);
}

int certctl_issuer_revoke(struct certctl_connector *connector, const char *certificate_pem, int reason,
	const struct certctl_call *call, struct certctl_error *err)
{
	const struct part parts[] = { { .name = "certificate", .text = certificate_pem },
		{ .name = "reason", .number = &reason }, { 0 } };

	return typed_call(connector, "revoke", parts, call, NULL, NULL, NULL, err);
}

int certctl_issuer_chain(struct certctl_connector *connector, const struct certctl_call *call, TALLOC_CTX *mem,
	const char **ret_pem, struct certctl_error *err)
{
	static const struct part nothing[] = { { 0 } };

	return typed_call_for_text(connector, "chain", nothing, call, mem, "chain", ret_pem, err);
}

int certctl_issuer_renewal_window(struct certctl_connector *connector, const char *certificate_pem,
	const struct certctl_call *call, TALLOC_CTX *mem, struct certctl_renewal_window *ret, struct certctl_error *err)
{
	const struct part parts[] = { { .name = "certificate", .text = certificate_pem }, { 0 } };
	struct certctl_renewal_window window = { 0 };
	int rc = typed_call(connector, "renewal_window", parts, call, mem, &certctl_wire_renewal_window, &window, err);

	if (rc == 0)
		*ret = window;
	return rc;
}
