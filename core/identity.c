/* Keys and certificates of our own listeners: found at start, looked at again when told to and every hour. */
#include "core/identity.h"
#include "core/features/fleet/fleet.h"

#include <certctl/files.h>
#include <certctl/log.h>
#include <certctl/time.h>
#include <certctl/x509.h>
#include <string.h>

#define PEM_MAX   65536
#define CHAIN_MAX 16
#define LOOK_MS   INT64_C(3600000)

struct own_identities {
	struct core *core;
	const char *ca_pem;
	struct settings_tls tls;
	char *shown[OWN_COUNT]; /* certificates, as they are shown now */
	int64_t looked_ms;
};

/* --- An operator's files --------------------------------------------------------------------------------------------- */

/* Paths an operator wrote may be links: that is how ACME clients swap files. */
static int read_key(TALLOC_CTX *mem, const char *path, struct certctl_secret *ret, struct certctl_error *err)
{
	char *text = NULL;
	size_t len = 0;
	int rc = certctl_file_read_path(mem, path, PEM_MAX, &text, &len, err);

	if (rc < 0)
		return rc;
	if (certctl_secret_set(mem, ret, text, len) < 0)
		rc = certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	certctl_wipe(text, len);
	talloc_free(text);
	return rc;
}

static int check_pair(TALLOC_CTX *mem, const struct certctl_secret *key_text, const char *certificate_pem, size_t len,
	struct certctl_error *err)
{
	struct certctl_certificate **chain = NULL;
	struct certctl_key *key = NULL;
	size_t count = 0;
	int rc = certctl_certificates_read(mem, certificate_pem, len, CHAIN_MAX, &chain, &count, err);

	if (rc == 0 && count == 0)
		rc = certctl_fail(err, CERTCTL_E_INVALID, "no certificate in it");
	if (rc < 0)
		return certctl_error_prefix(err, "tls.cert_path");
	rc = certctl_key_read(mem, key_text, NULL, &key, err);
	if (rc == 0 && !certctl_key_matches(key, &chain[0]->public_key))
		rc = certctl_fail(err, CERTCTL_E_INVALID, "not the key of the first certificate in tls.cert_path");
	return rc < 0 ? certctl_error_prefix(err, "tls.key_path") : 0;
}

static int read_files(TALLOC_CTX *mem, const struct settings_tls *tls, struct own_identity *ret,
	struct certctl_error *err)
{
	struct certctl_secret key = { 0 };
	char *certificate = NULL;
	size_t len = 0;
	int rc = certctl_file_read_path(mem, tls->cert_path, PEM_MAX, &certificate, &len, err);

	if (rc < 0)
		return certctl_error_prefix(err, "tls.cert_path");
	rc = read_key(mem, tls->key_path, &key, err);
	if (rc < 0)
		return certctl_error_prefix(err, "tls.key_path");
	rc = check_pair(mem, &key, certificate, len, err);
	if (rc == 0)
		*ret = (struct own_identity){ (const char *)key.data, certificate };
	return rc;
}

int own_identity_check(const struct settings_tls *tls, struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct own_identity identity;
	int rc = tls->cert_path ? read_files(mem, tls, &identity, err) : 0;

	talloc_free(mem);
	return rc;
}

/* --- What is shown --------------------------------------------------------------------------------------------------- */

/* Operators may bring their own for the API; agents trust the fleet's CA, whatever an operator renews. */
static int find(const struct own_identities *identities, TALLOC_CTX *secrets, struct own_identity ret[OWN_COUNT],
	struct certctl_error *err)
{
	struct fleet_server_identity ours = { 0 };
	int rc = fleet_server_identity(identities->core, secrets, identities->ca_pem, &ours, err);

	if (rc < 0)
		return rc;
	ret[OWN_OPERATORS] = ret[OWN_AGENTS] = (struct own_identity){ ours.key_pem, ours.certificate_pem };
	return identities->tls.cert_path ? read_files(secrets, &identities->tls, &ret[OWN_OPERATORS], err) : 0;
}

static int remember(struct own_identities *identities, size_t which, const char *certificate_pem,
	struct certctl_error *err)
{
	talloc_free(identities->shown[which]);
	identities->shown[which] = talloc_strdup(identities, certificate_pem);
	return identities->shown[which] ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}

static int set_tls(struct own_identities *identities, const struct settings_tls *tls, struct certctl_error *err)
{
	struct settings_tls copy = { .cert_path = talloc_strdup(identities, tls->cert_path),
		.key_path = talloc_strdup(identities, tls->key_path) };

	if (!copy.cert_path != !tls->cert_path || !copy.key_path != !tls->key_path)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	identities->tls = copy;
	return 0;
}

int own_identities_new(TALLOC_CTX *mem, struct core *core, const char *ca_pem, TALLOC_CTX *secrets,
	struct own_identities **ret, struct own_identity ret_identities[OWN_COUNT], struct certctl_error *err)
{
	struct own_identities *identities = talloc_zero(mem, struct own_identities);
	struct own_identity found[OWN_COUNT] = { 0 };

	if (!identities)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	identities->core = core;
	identities->ca_pem = ca_pem;
	identities->looked_ms = certctl_monotonic_ms();
	int rc = set_tls(identities, &core->settings->tls, err);

	if (rc == 0)
		rc = find(identities, secrets, found, err);
	for (size_t i = 0; rc == 0 && i < OWN_COUNT; i++)
		rc = remember(identities, i, found[i].certificate_pem, err);
	if (rc < 0) {
		talloc_free(identities);
		return rc;
	}
	memcpy(ret_identities, found, sizeof(found));
	*ret = identities;
	return 0;
}

static int replace(struct own_identities *identities, TALLOC_CTX *secrets, struct certctl_error *err)
{
	static const char *const names[OWN_COUNT] = { LISTENER_OPERATORS, LISTENER_AGENTS };
	struct own_identity found[OWN_COUNT] = { 0 };
	int rc = find(identities, secrets, found, err);

	for (size_t i = 0; rc == 0 && i < OWN_COUNT; i++) {
		if (identities->shown[i] && strcmp(identities->shown[i], found[i].certificate_pem) == 0)
			continue;
		rc = http_identity_replace(identities->core->http, names[i], found[i].key_pem, found[i].certificate_pem,
			err);
		if (rc == 0)
			rc = remember(identities, i, found[i].certificate_pem, err);
		if (rc == 0)
			certctl_log(CERTCTL_LOG_NOTICE, "server.certificate_replaced", "listener", names[i], NULL);
	}
	return rc;
}

static void look(struct own_identities *identities, const struct settings_tls *tls)
{
	TALLOC_CTX *secrets = talloc_new(NULL);
	struct certctl_error err = { 0 };
	int rc = tls ? set_tls(identities, tls, &err) : 0;

	identities->looked_ms = certctl_monotonic_ms();
	if (rc == 0)
		rc = replace(identities, secrets, &err);
	if (rc < 0)
		certctl_log_error(CERTCTL_LOG_ERROR, "server.certificate_kept", &err, NULL);
	talloc_free(secrets);
}

void own_identities_reload(struct own_identities *identities, const struct settings_tls *tls)
{
	look(identities, tls);
}

void own_identities_tick(struct own_identities *identities)
{
	if (certctl_monotonic_ms() - identities->looked_ms >= LOOK_MS)
		look(identities, NULL);
}
