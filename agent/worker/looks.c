/* The operation "look": what deployments would do, and what is served now.  Changes nothing. */
#include "agent/shared/link.h"
#include "prepared.h"

#define LOOKS_MAX 100

static const char *outcome_name(const struct certctl_deploy_look *look)
{
	switch (look->outcome) {
	case CERTCTL_LOOK_IN_PLACE:
		return "in_place";
	case CERTCTL_LOOK_WOULD_DEPLOY:
		return "would_deploy";
	case CERTCTL_LOOK_WOULD_REFUSE:
		return "would_refuse";
	}
	return "unknown";
}

static json_t *look_json(const char *job_id, const struct certctl_deploy_look *look)
{
	json_t *would = json_array();

	for (const char *const *sentence = look->would; sentence && *sentence; sentence++)
		json_array_append_new(would, json_string(*sentence));
	return json_pack("{s:s, s:s, s:b, s:s?, s:o, s:o}", "job_id", job_id, "outcome", outcome_name(look),
		"has_probe", look->has_probe, "served_fingerprint", look->served_fingerprint, "would", would, "error",
		look->outcome == CERTCTL_LOOK_WOULD_REFUSE ? certctl_link_error_json(&look->error) : json_null());
}

/* Of one: what cannot be made ready would be refused; what no server uses only changes which key is in use. */
static int look_at(struct certctl_worker *worker, TALLOC_CTX *mem, const json_t *one, struct certctl_prepared *items,
	size_t index, struct certctl_deploy_look *ret, struct certctl_error *err)
{
	static const char *const take_key[] = { "take the new key into use", NULL };
	struct certctl_prepared *item = &items[index];
	struct certctl_deploy_look look = { .outcome = CERTCTL_LOOK_WOULD_REFUSE }, *looks;
	int rc = certctl_request_job_id(one, &item->job_id, err);

	if (rc < 0)
		return certctl_error_prefix(err, "deployments[%zu]", index);
	if (certctl_prepare(worker, mem, one, items, index, &look.error) < 0) {
		*ret = look;
		return 0;
	}
	if (item->is_over) {
		*ret = (struct certctl_deploy_look){ .outcome = CERTCTL_LOOK_WOULD_DEPLOY, .would = take_key };
		return 0;
	}
	rc = certctl_deploy_look(worker->deployer, mem,
		(const struct certctl_deployment *const[]){ &item->deployment, NULL }, &looks, err);
	if (rc == 0)
		*ret = looks[0];
	return rc;
}

int certctl_worker_look(struct certctl_worker *worker, TALLOC_CTX *mem, const json_t *argument, json_t **ret,
	struct certctl_error *err)
{
	const json_t *list = json_object_get(argument, "deployments");
	size_t count = json_array_size(list);

	if (count == 0 || count > LOOKS_MAX || json_object_size(argument) != 1)
		return certctl_fail(err, CERTCTL_E_INVALID, "deployments: a list of 1..%d expected", LOOKS_MAX);
	CERTCTL_AUTO(json_decref) json_t *rows = json_array();
	struct certctl_prepared *items = talloc_zero_array(mem, struct certctl_prepared, (unsigned)count);
	int rc = items ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "looks");

	for (size_t i = 0; rc == 0 && i < count; i++) {
		struct certctl_deploy_look look = { 0 };

		rc = look_at(worker, mem, json_array_get(list, i), items, i, &look, err);
		if (rc == 0)
			json_array_append_new(rows, look_json(items[i].job_id, &look));
	}
	if (rc < 0)
		return rc;
	*ret = json_pack("{s:O}", "looks", rows);
	return *ret ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "looks");
}
