/* Requests to the control plane.  Knows the protocol; knows nothing of what the answers lead to. */
#include "control.h"
#include "witness.h"

#include <certctl/http.h>
#include <certctl/name.h>
#include <certctl/time.h>
#include <stdio.h>
#include <string.h>

#define REQUEST_TIMEOUT_S 30
#define POLL_EXTRA_S      15
#define REPLY_MAX         ((size_t)4 * 1024 * 1024)

struct certctl_control {
	struct certctl_control_options options;
	int64_t witnessed; /* the last batch of the audit trail that was kept */
	struct certctl_http_client *client;
	bool is_retired;
};

bool certctl_control_is_retired(const struct certctl_control *control)
{
	return control && control->is_retired;
}

int certctl_control_new(TALLOC_CTX *mem, const struct certctl_control_options *options, struct certctl_control **ret,
	struct certctl_error *err)
{
	struct certctl_control *control = talloc_zero(mem, struct certctl_control);
	struct certctl_http_options http = {
		.ca_bundle_file = options->ca_file,
		.client_certificate_file = options->identity_file,
		.client_key_file = options->identity_file,
		.egress = { .allow_private = true }, /* the operator named the server; it usually is a neighbour */
		.user_agent = "certctl-agent/" CERTCTL_VERSION,
	};

	if (!control)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "control plane");
	control->options = *options;
	int rc = certctl_http_client_new(control, &http, &control->client, err);

	if (rc < 0) {
		talloc_free(control);
		return rc;
	}
	*ret = control;
	return 0;
}

/* --- One exchange ------------------------------------------------------------------------------------------------ */

struct exchange {
	const char *method;
	const char *path; /* below /api/v1/agents */
	const json_t *body;
	int timeout_s;
};

/* The control plane says why in the detail of a problem document; the status has chosen the code. */
static void read_problem(struct certctl_control *control, const struct certctl_http_response *response,
	struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *problem = NULL;

	if (certctl_json_parse(response->body, response->body_len, NULL, &problem, NULL) < 0)
		return;
	const char *detail = certctl_json_text_or(problem, "detail", "");

	control->is_retired =
		response->status == 403 && strcmp(certctl_json_text_or(problem, "code", ""), "agent_retired") == 0;
	if (detail[0] && err)
		snprintf(err->what, sizeof(err->what), "control plane: %s", detail);
}

static int read_reply(const struct certctl_http_response *response, json_t **ret, struct certctl_error *err)
{
	static const struct certctl_json_limits limits = { .max_bytes = REPLY_MAX, .max_nodes = 200000 };

	if (response->status == 204 || response->body_len == 0) {
		*ret = json_object();
		return 0;
	}
	int rc = certctl_json_parse(response->body, response->body_len, &limits, ret, err);

	if (rc == CERTCTL_E_INVALID)
		rc = certctl_fail(err, CERTCTL_E_PROTOCOL, "control plane: its answer is not JSON");
	return rc;
}

static int exchange(struct certctl_control *control, const struct exchange *what, json_t **ret,
	struct certctl_error *err)
{
	static const char *const json_headers[] = { "Content-Type: application/json", "Accept: application/json",
		NULL };
	TALLOC_CTX *mem = talloc_new(NULL);
	struct certctl_http_response response = { 0 };
	char *body = what->body ? certctl_json_text(mem, what->body, NULL) : NULL;
	struct certctl_http_request request = {
		.method = what->method,
		.url = talloc_asprintf(mem, "%s/api/v1/agents%s", control->options.server, what->path),
		.headers = json_headers,
		.body = body,
		.body_len = body ? strlen(body) : 0,
		.timeout_s = what->timeout_s > 0 ? what->timeout_s : REQUEST_TIMEOUT_S,
		.response_max = REPLY_MAX,
		.is_cancelled = control->options.is_cancelled,
		.arg = control->options.arg,
	};
	int rc = certctl_http_send(control->client, mem, &request, &response, err);

	const char *checkpoint = rc == 0 ? certctl_http_header(&response, CERTCTL_WITNESS_HEADER) : NULL;

	if (checkpoint && control->options.witness_file)
		certctl_witness_keep(control->options.witness_file, checkpoint, &control->witnessed);
	if (rc == 0 && response.status < 500 && control->options.contact_unix_s)
		atomic_store(control->options.contact_unix_s, certctl_clock_now_s(certctl_clock_system()));
	if (rc == 0) {
		rc = certctl_http_check(&response, "control plane", err);
		if (rc < 0)
			read_problem(control, &response, err);
		else
			rc = read_reply(&response, ret, err);
	}
	talloc_free(mem);
	return rc;
}

/* A request of this agent, by the path behind its id.  `body` is taken. */
static int own_exchange(struct certctl_control *control, const char *method, const char *rest, json_t *body,
	int timeout_s, json_t **ret, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *taken = body;
	CERTCTL_AUTO(json_decref) json_t *reply = NULL;
	char *path = talloc_asprintf(NULL, "/%s/%s", control->options.agent_id, rest);
	int rc = path ? exchange(control, &(struct exchange){ method, path, taken, timeout_s }, &reply, err)
		      : certctl_fail(err, CERTCTL_E_NO_MEMORY, "control plane");

	talloc_free(path);
	if (rc == 0 && ret)
		*ret = CERTCTL_TAKE(reply);
	return rc;
}

/* --- Identity ---------------------------------------------------------------------------------------------------- */

static int read_certificate(TALLOC_CTX *mem, const json_t *reply, struct certctl_control_certificate *ret,
	struct certctl_error *err)
{
	const char *certificate;
	int rc = certctl_json_get_text(reply, "certificate", &certificate, err);

	if (rc < 0)
		return certctl_fail(err, CERTCTL_E_PROTOCOL, "control plane: no certificate in its answer");
	*ret = (struct certctl_control_certificate){
		.agent_id = talloc_strdup(mem, certctl_json_text_or(reply, "agent_id", "")),
		.certificate = talloc_strdup(mem, certificate),
		.chain = talloc_strdup(mem, certctl_json_text_or(reply, "chain", "")),
	};
	return 0;
}

int certctl_control_enrol(struct certctl_control *control, TALLOC_CTX *mem,
	const struct certctl_control_enrolment *enrolment, struct certctl_control_certificate *ret,
	struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *reply = NULL;
	CERTCTL_AUTO(json_decref)
	json_t *body = json_pack("{s:s%, s:s, s:s, s:s, s:s, s:s, s:s}", "token", enrolment->token->data,
		enrolment->token->len, "csr", enrolment->csr_pem, "name", enrolment->name, "hostname",
		enrolment->hostname, "os", enrolment->os, "architecture", enrolment->architecture, "version",
		CERTCTL_VERSION);

	if (!body)
		return certctl_fail(err, CERTCTL_E_INVALID, "enrolment: token, name or hostname is not UTF-8");
	int rc =
		exchange(control, &(struct exchange){ .method = "POST", .path = "/enroll", .body = body }, &reply, err);

	return rc == 0 ? read_certificate(mem, reply, ret, err) : rc;
}

int certctl_control_renew(struct certctl_control *control, TALLOC_CTX *mem, const char *csr_pem,
	struct certctl_control_certificate *ret, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *reply = NULL;
	int rc = own_exchange(control, "POST", "renew", json_pack("{s:s}", "csr", csr_pem), 0, &reply, err);

	return rc == 0 ? read_certificate(mem, reply, ret, err) : rc;
}

/* --- Work -------------------------------------------------------------------------------------------------------- */

int certctl_control_heartbeat(struct certctl_control *control, const json_t *body, struct certctl_error *err)
{
	return own_exchange(control, "POST", "heartbeat", json_incref((json_t *)body), 0, NULL, err);
}

int certctl_control_work(struct certctl_control *control, const char *held, int wait_s, json_t **ret_jobs,
	struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *reply = NULL;
	char *rest = talloc_asprintf(NULL, "work?wait=%d%s%s", wait_s, held[0] ? "&held=" : "", held);
	int rc = rest ? own_exchange(control, "GET", rest, NULL, wait_s + POLL_EXTRA_S, &reply, err)
		      : certctl_fail(err, CERTCTL_E_NO_MEMORY, "control plane");

	talloc_free(rest);
	if (rc < 0)
		return rc;
	json_t *jobs = json_object_get(reply, "jobs");

	*ret_jobs = json_is_array(jobs) ? json_incref(jobs) : json_array();
	return 0;
}

int certctl_control_csr(struct certctl_control *control, const char *job_id, int64_t token, const char *csr_pem,
	struct certctl_error *err)
{
	return own_exchange(control, "POST", "csr",
		json_pack("{s:s, s:I, s:s}", "job_id", job_id, "token", (json_int_t)token, "csr", csr_pem), 0, NULL,
		err);
}

int certctl_control_status(struct certctl_control *control, const char *job_id, const json_t *body,
	struct certctl_error *err)
{
	char rest[128];

	snprintf(rest, sizeof(rest), "jobs/%s/status", job_id);
	return own_exchange(control, "POST", rest, json_incref((json_t *)body), 0, NULL, err);
}

/* --- Beside the work ------------------------------------------------------------------------------------------------- */

int certctl_control_plan(struct certctl_control *control, TALLOC_CTX *mem, const char *target_id, const char *after,
	json_t **ret_rows, const char **ret_after, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *reply = NULL;
	char *rest = talloc_asprintf(mem, "plan%s%s%s%s", target_id ? "?target_id=" : "", target_id ? target_id : "",
		after ? target_id ? "&after=" : "?after=" : "", after ? after : "");
	int rc = rest ? own_exchange(control, "GET", rest, NULL, 0, &reply, err)
		      : certctl_fail(err, CERTCTL_E_NO_MEMORY, "control plane");

	if (rc < 0)
		return rc;
	json_t *rows = json_object_get(reply, "data");
	const char *next = certctl_json_text_or(reply, "next", "");

	*ret_rows = json_is_array(rows) ? json_incref(rows) : json_array();
	*ret_after = certctl_id_is_valid(next) ? talloc_strdup(mem, next) : NULL;
	return 0;
}

int certctl_control_observe(struct certctl_control *control, json_t *observations, struct certctl_error *err)
{
	return own_exchange(control, "POST", "observations", json_pack("{s:O}", "observations", observations), 0, NULL,
		err);
}

int certctl_control_destroyed(struct certctl_control *control, json_t *keys, struct certctl_error *err)
{
	return own_exchange(control, "POST", "destroyed-keys", json_pack("{s:O}", "keys", keys), 0, NULL, err);
}
