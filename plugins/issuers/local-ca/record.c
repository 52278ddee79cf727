/*
 * Which CA this instance is: the hash of its public key, kept by the host for all servers.  A server that was restored from
 * the wrong backup, or pointed at an empty folder, must not sign under another CA.
 */
#include "local_ca.h"

#include <string.h>

#define RECORD "ca-public-key-sha256"

int local_ca_record_get(const struct certctl_host *host, TALLOC_CTX *mem, char **ret, bool *ret_is_kept,
	struct certctl_error *err)
{
	char *value = NULL;
	int64_t version = 0;
	int rc = CERTCTL_HAS(host, state_get) ? host->state_get(host, RECORD, mem, &value, &version, err)
					      : CERTCTL_E_UNSUPPORTED;

	if (rc < 0 && rc != CERTCTL_E_NOT_FOUND && rc != CERTCTL_E_UNSUPPORTED)
		return rc;
	*ret = rc == 0 ? value : NULL;
	*ret_is_kept = rc != CERTCTL_E_UNSUPPORTED;
	return 0;
}

static int fail_other_ca(const char *recorded, const char *ours, struct certctl_error *err)
{
	certctl_fail(err, CERTCTL_E_CONFLICT,
		"the key here (public key %.16s...) is not that of this issuer's CA (%.16s...)", ours, recorded);
	certctl_hint(err,
		"Bring key and certificate of the recorded CA to this server, or set up a new issuer for the new CA.");
	return CERTCTL_E_CONFLICT;
}

int local_ca_record_put(const struct certctl_host *host, const char *public_key_sha256, struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	char *recorded = NULL;
	bool is_kept = false;
	int64_t version = 0;
	int rc = mem ? local_ca_record_get(host, mem, &recorded, &is_kept, err)
		     : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	if (rc == 0 && is_kept && !recorded) {
		rc = host->state_put(host, RECORD, public_key_sha256, 0, &version, err);
		/* Another server was first: what counts is what it recorded. */
		if (rc == CERTCTL_E_CONFLICT)
			rc = local_ca_record_get(host, mem, &recorded, &is_kept, err);
	}
	if (rc == 0 && recorded && strcmp(recorded, public_key_sha256) != 0)
		rc = fail_other_ca(recorded, public_key_sha256, err);
	talloc_free(mem);
	return rc;
}

int local_ca_record_check(struct certctl_issuer *self, const struct certctl_host *host, struct certctl_error *err)
{
	bool is_recorded;
	int rc;

	pthread_mutex_lock(&self->signers.lock);
	is_recorded = self->is_recorded;
	pthread_mutex_unlock(&self->signers.lock);
	if (is_recorded)
		return 0;
	rc = local_ca_record_put(host, self->ca->public_key_sha256, err);
	if (rc < 0)
		return rc;
	pthread_mutex_lock(&self->signers.lock);
	self->is_recorded = true;
	pthread_mutex_unlock(&self->signers.lock);
	return 0;
}
