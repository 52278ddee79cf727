/* The fleet's own CA: an issuer like every other, open to nobody else.  Knows nothing of agents. */
#include "ca.h"
#include "core/platform/pki/pki.h"

#include <certctl/files.h>
#include <string.h>

#define CALL_MS 20000

int fleet_ca_open(struct core *core, TALLOC_CTX *mem, const char **ret_ca_pem, struct certctl_error *err)
{
	char *directory = talloc_asprintf(mem, "%s/fleet-ca", core->settings->state_dir);
	CERTCTL_AUTO(json_decref)
	json_t *options = json_pack("{s:s, s:s, s:s}", "directory", directory ? directory : "", "subject",
		"CN=certctl fleet CA", "max_leaf_lifetime", "398d");
	struct certctl_call call = { .timeout_ms = CALL_MS };
	CERTCTL_AUTO_CLOSE int fd = -1;
	int rc = directory && options ? certctl_dir_make(directory, 0700, &fd, err)
				      : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	if (rc == 0)
		rc = connectors_open(core->connectors, CERTCTL_ISSUER, "fleet", "local-ca", options,
			&core->fleet_issuer, err);
	return rc < 0 ? rc : certctl_issuer_chain(core->fleet_issuer, &call, mem, ret_ca_pem, err);
}

int fleet_ca_issue(struct core *core, TALLOC_CTX *mem, const struct fleet_order *in, struct certctl_issued *ret,
	struct certctl_error *err)
{
	static const struct certctl_name *const no_names[] = { NULL };
	const char *usages[] = { in->usage, NULL };
	struct certctl_call call = { .timeout_ms = CALL_MS };
	struct certctl_csr *csr = NULL;
	struct certctl_certificate *leaf = NULL;
	struct certctl_issued issued = { 0 };
	int rc = certctl_csr_read(mem, in->csr_pem, strlen(in->csr_pem), &csr, err);

	if (rc < 0)
		return certctl_error_prefix(err, "csr");
	struct certctl_order order = { .id = in->id,
		.kind = CERTCTL_ORDER_ISSUE,
		.key_type = csr->key_type,
		.csr_pem = in->csr_pem,
		.names = in->names ? in->names : no_names,
		.common_name = in->common_name,
		.extended_key_usage = usages,
		.serial = in->serial,
		.not_before_unix_s = in->not_before_unix_s,
		.not_after_unix_s = in->not_after_unix_s };

	rc = certctl_issuer_issue(core->fleet_issuer, &order, NULL, &call, mem, &issued, err);
	if (rc == 0 && issued.outcome != CERTCTL_ISSUED)
		rc = certctl_fail(err, CERTCTL_E_PROTOCOL, "fleet CA: no certificate");
	if (rc == 0)
		rc = certctl_certificate_read(mem, issued.leaf_pem, strlen(issued.leaf_pem), &leaf, err);
	if (rc == 0)
		rc = pki_issued_check(leaf, csr->public_key_sha256, &order, true, err);
	if (rc == 0)
		*ret = issued;
	return rc;
}
