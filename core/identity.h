/** What our listeners show: the files an operator gave for the API, or certificates of the fleet's own CA. */
#ifndef CORE_IDENTITY_H
#define CORE_IDENTITY_H

#include "core/features/feature.h"

/** Names of the two listeners, and their places in what is below. */
#define LISTENER_OPERATORS "operators"
#define LISTENER_AGENTS    "agents"
enum { OWN_OPERATORS, OWN_AGENTS, OWN_COUNT };

struct own_identity {
	const char *key_pem, *certificate_pem; /* the key is wiped with its context */
};

/** Which ones there are, and which are shown.  One thread uses it. */
struct own_identities;

/** Find those of the start; keys are on `secrets`. */
int own_identities_new(TALLOC_CTX *mem, struct core *core, const char *ca_pem, TALLOC_CTX *secrets,
	struct own_identities **ret, struct own_identity ret_identities[OWN_COUNT],
	struct certctl_error *err) CERTCTL_CHECKED;
/** Look again, with these settings from now on.  What cannot be used is logged, and the old ones stay. */
void own_identities_reload(struct own_identities *identities, const struct settings_tls *tls);
/** The same, once an hour however often it is called: certificates are renewed before they end. */
void own_identities_tick(struct own_identities *identities);

/** Can tls.cert_path and tls.key_path be used, when they are set?  INVALID, NOT_FOUND, DENIED name the setting. */
int own_identity_check(const struct settings_tls *tls, struct certctl_error *err) CERTCTL_CHECKED;

#endif
