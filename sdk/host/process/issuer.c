/* Operations of issuers: argument from JSON, call, result to JSON. */
#include "kind.h"

#include <certctl/x509.h>

KIND_FUNCTIONS(issuer);

static int read_order(struct call *call, const json_t *argument, struct certctl_order *ret, struct certctl_error *err)
{
	int rc = certctl_wire_from_json(call->mem, &certctl_wire_order, json_object_get(argument, "order"), ret, err);

	return rc < 0 ? rc : call_item(call, argument, &ret->item, err);
}

static int run_issue(struct call *call, const json_t *argument, struct certctl_error *err)
{
	struct certctl_order order = { 0 };
	struct certctl_issued issued = { 0 };
	int rc = read_order(call, argument, &order, err);

	if (rc == 0)
		rc = ops_of(call)->issue(call->self, &call->api, &order, call->mem, &issued, err);
	return rc < 0 ? rc : call_result(call, &certctl_wire_issued, &issued, err);
}

static int run_find(struct call *call, const json_t *argument, struct certctl_error *err)
{
	struct certctl_order order = { 0 };
	struct certctl_issued issued = { 0 };
	int rc = read_order(call, argument, &order, err);

	if (rc == 0)
		rc = ops_of(call)->find(call->self, &call->api, &order, call->mem, &issued, err);
	return rc < 0 ? rc : call_result(call, &certctl_wire_issued, &issued, err);
}

static int run_abandon(struct call *call, const json_t *argument, struct certctl_error *err)
{
	struct certctl_order order = { 0 };
	int rc = read_order(call, argument, &order, err);

	return rc < 0 ? rc : ops_of(call)->abandon(call->self, &call->api, &order, err);
}

static int run_revoke(struct call *call, const json_t *argument, struct certctl_error *err)
{
	const char *certificate;
	int64_t reason;
	int rc = certctl_json_get_text(argument, "certificate", &certificate, err);

	if (rc == 0)
		rc = certctl_json_get_integer(argument, "reason", 0, 10, &reason, err);
	return rc < 0 ? rc : ops_of(call)->revoke(call->self, &call->api, certificate, (int)reason, err);
}

static int run_chain(struct call *call, const json_t *argument, struct certctl_error *err)
{
	const char *pem = NULL;
	int rc = ops_of(call)->chain(call->self, &call->api, call->mem, &pem, err);

	(void)argument;
	return rc < 0 ? rc : call_text_result(call, "chain", pem, err);
}

static int run_renewal_window(struct call *call, const json_t *argument, struct certctl_error *err)
{
	struct certctl_renewal_window window = { 0 };
	const char *certificate;
	int rc = certctl_json_get_text(argument, "certificate", &certificate, err);

	if (rc == 0)
		rc = ops_of(call)->renewal_window(call->self, &call->api, certificate, call->mem, &window, err);
	return rc < 0 ? rc : call_result(call, &certctl_wire_renewal_window, &window, err);
}

static int run_sign(struct call *call, const json_t *argument, struct certctl_error *err)
{
	struct certctl_bytes tbs = { 0 }, signature = { 0 };
	const char *kind_name, *hex;
	int rc = certctl_json_get_text(argument, "kind", &kind_name, err);

	if (rc < 0 || (rc = certctl_json_get_text(argument, "tbs", &hex, err)) < 0 ||
		(rc = certctl_unhex(call->mem, hex, &tbs, err)) < 0)
		return rc;
	uint32_t kind = certctl_wire_value_of(certctl_wire_sign_kinds, kind_name);

	if (kind == 0)
		return certctl_fail(err, CERTCTL_E_INVALID, "kind: crl or ocsp_response expected");
	rc = ops_of(call)->sign(call->self, &call->api, (enum certctl_sign_kind)kind, &tbs, call->mem, &signature, err);
	return rc < 0 ? rc
		      : call_text_result(call, "signature", certctl_hex(call->mem, signature.data, signature.len), err);
}

static int run_responder(struct call *call, const json_t *argument, struct certctl_error *err)
{
	const char *csr, *pem = NULL;
	int rc = certctl_json_get_text(argument, "csr", &csr, err);

	if (rc == 0)
		rc = ops_of(call)->responder(call->self, &call->api, csr, call->mem, &pem, err);
	return rc < 0 ? rc : call_text_result(call, "certificate", pem, err);
}

#define AT(member) offsetof(struct certctl_issuer_ops, member)
static const struct operation operations[] = {
	KIND_ROWS(issuer),
	{ "issue", AT(issue), 0, true, run_issue },
	{ "find", AT(find), CERTCTL_ISSUER_CAN_FIND, false, run_find },
	{ "abandon", AT(abandon), CERTCTL_ISSUER_CAN_ABANDON, false, run_abandon },
	{ "revoke", AT(revoke), CERTCTL_ISSUER_CAN_REVOKE, false, run_revoke },
	{ "chain", AT(chain), CERTCTL_ISSUER_CAN_CHAIN, false, run_chain },
	{ "renewal_window", AT(renewal_window), CERTCTL_ISSUER_CAN_RENEWAL_WINDOW, false, run_renewal_window },
	{ "sign", AT(sign), CERTCTL_ISSUER_CAN_SIGN, false, run_sign },
	{ "responder", AT(responder), CERTCTL_ISSUER_CAN_SIGN, false, run_responder },
	{ 0 },
};

const struct kind issuer_kind = { CERTCTL_ISSUER, sizeof(struct certctl_issuer_ops),
	CERTCTL_ISSUER_REPEATABLE | CERTCTL_ISSUER_TAKES_SERIAL, operations, open_one, close_one };
