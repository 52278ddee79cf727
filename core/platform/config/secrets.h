/* Inside platform/config: secrets that stand somewhere else. */
#ifndef CORE_CONFIG_SECRETS_H
#define CORE_CONFIG_SECRETS_H

#include <certctl/field.h>

/**
 * The text of a secret setting: "file:/run/secrets/url", "credential:url"
 * (systemd, LoadCredential=), or the secret itself.
 * @param credentials  $CREDENTIALS_DIRECTORY; NULL: none
 */
int settings_secret(TALLOC_CTX *mem, const char *credentials, const char *text, struct certctl_secret *ret,
	struct certctl_error *err) CERTCTL_CHECKED;

#endif
