/* Key types by name. */
#include "pki.h"

#include <certctl/x509.h>

const struct certctl_choice pki_key_types[] = {
	{ "RSA_2048", CERTCTL_RSA_2048, NULL },
	{ "RSA_3072", CERTCTL_RSA_3072, NULL },
	{ "RSA_4096", CERTCTL_RSA_4096, NULL },
	{ "ECDSA_P256", CERTCTL_ECDSA_P256, NULL },
	{ "ECDSA_P384", CERTCTL_ECDSA_P384, NULL },
	{ "ED25519", CERTCTL_ED25519, NULL },
	{ 0 },
};
