/* Enrolment: a single-use token becomes an agent with a client certificate, which it renews itself. */
#include "enroll.h"
#include "ca.h"
#include "core/features/access/access.h"
#include "core/features/audit/audit.h"
#include "core/features/fleet/fleet.sql.h"
#include "core/platform/pki/pki.h"

#include <string.h>

/* Renewed by itself at two thirds; an agent that was away for longer enrols again. */
#define LIFETIME_S (90 * INT64_C(86400))

/* --- Certificates ---------------------------------------------------------------------------------------------------- */

static const struct certctl_field credential_fields[] = {
	RESOURCE_SHOWN("agent_id", CERTCTL_TEXT),
	RESOURCE_SHOWN("certificate", CERTCTL_TEXT),
	RESOURCE_SHOWN("chain", CERTCTL_TEXT),
	RESOURCE_SHOWN("not_after", CERTCTL_TIME),
	{ 0 },
};
const struct http_body fleet_credential_body = { "AgentCredential", credential_fields };

static int reserve(struct db *db, const char *agent_id, const char *csr_sha256, struct certctl_error *err)
{
	char serial[41];
	int rc = pki_serial_make(serial, err);

	return rc < 0 ? rc
		      : db_run(db, NULL, &query_credential_reserve,
				DB_VALUES(db_text(agent_id), db_text(csr_sha256), db_text(serial),
					db_integer(LIFETIME_S)),
				NULL, err);
}

/* The intent is committed; ask the CA, or answer what it said the first time. */
static int issue(struct http_request *request, struct http_reply *reply, unsigned status, const char *agent_id,
	const char *csr_pem, const char *csr_sha256, struct certctl_error *err)
{
	struct core *core = core_of(request);
	struct db_result *rows = NULL;
	struct certctl_issued issued = { 0 };
	int rc = db_once(core->db, request, &query_credential_get, DB_VALUES(db_text(agent_id), db_text(csr_sha256)),
		&rows, err);

	if (rc == 0 && db_is_null(rows, 0, "certificate")) {
		struct fleet_order order = { .id = agent_id,
			.common_name = agent_id,
			.usage = FLEET_CLIENT_AUTH,
			.csr_pem = csr_pem,
			.serial = db_get_text(rows, 0, "serial"),
			.not_before_unix_s = db_get_integer(rows, 0, "not_before_s"),
			.not_after_unix_s = db_get_integer(rows, 0, "not_after_s") };

		rc = fleet_ca_issue(core, request, &order, &issued, err);
	}
	if (rc == 0)
		rc = db_once(core->db, request, &query_credential_store,
			DB_VALUES(db_text(agent_id), db_text(csr_sha256), db_text(issued.leaf_pem),
				db_text(issued.chain_pem)),
			&rows, err);
	return rc < 0 ? rc : resource_reply(reply, status, credential_fields, rows, "agent", agent_id, err);
}

/* --- Enrolling ------------------------------------------------------------------------------------------------------- */

struct enrolment {
	const char *token, *csr, *name, *hostname, *os, *architecture, *version;
};

static const struct certctl_field enrolment_fields[] = {
	CERTCTL_OPTION(struct enrolment, token, CERTCTL_TEXT, .required = true, .max = 200),
	CERTCTL_OPTION(struct enrolment, csr, CERTCTL_TEXT, .required = true, .max = 16384,
		.flags = RESOURCE_TEXT_BLOCK),
	CERTCTL_OPTION(struct enrolment, name, CERTCTL_REFERENCE, .required = true),
	CERTCTL_OPTION(struct enrolment, hostname, CERTCTL_TEXT, .max = 255),
	CERTCTL_OPTION(struct enrolment, os, CERTCTL_TEXT, .max = 200),
	CERTCTL_OPTION(struct enrolment, architecture, CERTCTL_TEXT, .max = 63),
	CERTCTL_OPTION(struct enrolment, version, CERTCTL_TEXT, .max = 63),
	{ 0 },
};
const struct http_body fleet_enrolment_body = { "Enrollment", enrolment_fields };

/* What one transaction needs, and what it found out. */
struct enrolling {
	const struct enrolment *in;
	const char *csr_sha256, *source_ip;
	struct audit_actor actor;
	TALLOC_CTX *mem;
	const char *agent_id;
};

static int refuse(struct certctl_error *err)
{
	return certctl_fail(err, CERTCTL_E_DENIED, "token: unknown, expired or used");
}

/* An agent that is there already has lost its identity: what it had is refused from now on. */
static int replace_credential(struct db *db, struct enrolling *work, struct certctl_error *err)
{
	int rc = db_run(db, NULL, &query_credentials_revoke, DB_VALUES(db_text(work->agent_id)), NULL, err);

	return rc < 0 ? rc
		      : audit_record(db, &work->actor,
				&(struct audit_event){
					"agent_updated", "agent", work->agent_id, "{\"certificate\":\"replaced\"}" },
				err);
}

static int add_agent(struct db *db, struct enrolling *work, const char *wanted_id, struct certctl_error *err)
{
	const struct enrolment *in = work->in;
	struct db_result *rows = NULL;
	int rc = db_run(db, work->mem, &query_agent_insert,
		DB_VALUES(db_text(wanted_id), db_text(in->name), db_text(in->hostname), db_text(in->os),
			db_text(in->architecture), db_text(in->version), db_text(work->source_ip)),
		&rows, err);

	if (rc < 0)
		return rc;
	if (db_rows(rows) == 0)
		return certctl_fail(err, CERTCTL_E_CONFLICT, "agent '%s' was retired", wanted_id);
	work->agent_id = db_get_text(rows, 0, "id");
	work->actor = (struct audit_actor){ .name = work->agent_id, .type = "agent", .source_ip = work->source_ip };
	if (db_get_boolean(rows, 0, "was_there"))
		return replace_credential(db, work, err);
	return audit_record(db, &work->actor, &(struct audit_event){ "agent_created", "agent", work->agent_id, NULL },
		err);
}

static int spend_token(struct db *db, void *arg, struct certctl_error *err)
{
	struct enrolling *work = arg;
	struct db_result *rows = NULL;
	char lookup[17];

	if (!access_secret_lookup(work->in->token, "et", lookup))
		return refuse(err);
	int rc = db_run(db, work->mem, &query_token_take, DB_VALUES(db_text(lookup)), &rows, err);

	if (rc < 0)
		return rc;
	if (db_rows(rows) == 0 || !access_secret_matches(work->in->token, db_get_text(rows, 0, "sha256")))
		return refuse(err);
	if (!db_is_null(rows, 0, "used_by")) {
		/* The reply was lost: the same request is answered again. */
		work->agent_id = db_get_text(rows, 0, "used_by");
		return strcmp(db_get_text(rows, 0, "csr_sha256"), work->csr_sha256) == 0 ? 0 : refuse(err);
	}
	if (!db_get_boolean(rows, 0, "is_valid"))
		return refuse(err);
	rc = add_agent(db, work, db_get_text(rows, 0, "agent_id"), err);
	if (rc == 0)
		rc = db_run(db, NULL, &query_token_spend,
			DB_VALUES(db_text(db_get_text(rows, 0, "id")), db_text(work->agent_id),
				db_text(work->csr_sha256)),
			NULL, err);
	return rc < 0 ? rc : reserve(db, work->agent_id, work->csr_sha256, err);
}

int fleet_enroll(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	struct enrolment in = { 0 };
	struct enrolling work = { .in = &in, .source_ip = request->source_ip, .mem = request };
	struct certctl_csr *csr = NULL;
	int rc = resource_read(request, reply, enrolment_fields, &in, err);

	if (rc == 0 && (rc = certctl_csr_read(request, in.csr, strlen(in.csr), &csr, err)) < 0)
		certctl_error_prefix(err, "csr");
	if (rc == 0) {
		work.csr_sha256 = csr->sha256;
		rc = db_transaction(core_of(request)->db, spend_token, &work, err);
	}
	return rc < 0 ? rc : issue(request, reply, 201, work.agent_id, in.csr, csr->sha256, err);
}

/* --- Renewing -------------------------------------------------------------------------------------------------------- */

struct renewal {
	const char *csr;
};

static const struct certctl_field renewal_fields[] = {
	CERTCTL_OPTION(struct renewal, csr, CERTCTL_TEXT, .required = true, .max = 16384, .flags = RESOURCE_TEXT_BLOCK),
	{ 0 },
};
const struct http_body fleet_renewal_body = { "AgentRenewal", renewal_fields };

struct renewing {
	struct audit_actor actor;
	const char *agent_id, *csr_sha256;
};

static int reserve_renewal(struct db *db, void *arg, struct certctl_error *err)
{
	struct renewing *work = arg;
	int rc = reserve(db, work->agent_id, work->csr_sha256, err);

	return rc < 0 ? rc
		      : audit_record(db, &work->actor,
				&(struct audit_event){
					"agent_updated", "agent", work->agent_id, "{\"certificate\":\"renewed\"}" },
				err);
}

int fleet_renew(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	struct renewal in = { 0 };
	struct renewing work = { .actor = audit_actor_of(request), .agent_id = request->actor };
	struct certctl_csr *csr = NULL;
	int rc = resource_read(request, reply, renewal_fields, &in, err);

	if (rc == 0 && (rc = certctl_csr_read(request, in.csr, strlen(in.csr), &csr, err)) < 0)
		certctl_error_prefix(err, "csr");
	if (rc == 0) {
		work.csr_sha256 = csr->sha256;
		rc = db_transaction(core_of(request)->db, reserve_renewal, &work, err);
	}
	return rc < 0 ? rc : issue(request, reply, 200, request->actor, in.csr, csr->sha256, err);
}
