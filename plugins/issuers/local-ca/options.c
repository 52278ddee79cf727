/* The tables of options: of an instance and of a profile. */
#include "local_ca.h"

static const struct certctl_choice key_types[] = {
	{ "RSA_2048", CERTCTL_RSA_2048, NULL },
	{ "RSA_3072", CERTCTL_RSA_3072, NULL },
	{ "RSA_4096", CERTCTL_RSA_4096, NULL },
	{ "ECDSA_P256", CERTCTL_ECDSA_P256, NULL },
	{ "ECDSA_P384", CERTCTL_ECDSA_P384, NULL },
	{ "ED25519", CERTCTL_ED25519, NULL },
	{ 0 },
};

/* Validators fetch these over plain HTTP on purpose: what they fetch is signed (RFC 5280, section 8). */
static const struct certctl_choice schemes[] = { { "http", 1, NULL }, { "https", 2, NULL }, { 0 } };

static const struct certctl_choice name_types[] = {
	{ "dns", CERTCTL_NAME_DNS, NULL },
	{ "ip", CERTCTL_NAME_IP, NULL },
	{ "email", CERTCTL_NAME_EMAIL, NULL },
	{ "uri", CERTCTL_NAME_URI, NULL },
	{ 0 },
};

enum usage { SERVER_AUTH = 1, CLIENT_AUTH, CODE_SIGNING, EMAIL_PROTECTION, TIME_STAMPING };

static const struct certctl_choice usages[] = {
	{ "server_auth", SERVER_AUTH, "TLS servers" },
	{ "client_auth", CLIENT_AUTH, "TLS clients" },
	{ "code_signing", CODE_SIGNING, NULL },
	{ "email_protection", EMAIL_PROTECTION, "S/MIME" },
	{ "time_stamping", TIME_STAMPING, NULL },
	{ 0 },
};

const struct local_ca_usage local_ca_usages[] = {
	{ "1.3.6.1.5.5.7.3.1", SERVER_AUTH },
	{ "1.3.6.1.5.5.7.3.2", CLIENT_AUTH },
	{ "1.3.6.1.5.5.7.3.3", CODE_SIGNING },
	{ "1.3.6.1.5.5.7.3.4", EMAIL_PROTECTION },
	{ "1.3.6.1.5.5.7.3.8", TIME_STAMPING },
	{ 0 },
};

#define DAY_S  INT64_C(86400)
#define YEAR_S (365 * DAY_S)

/* clang-format off */
const struct certctl_field local_ca_options[] = {
	CERTCTL_OPTION(struct local_ca_config, directory, CERTCTL_PATH, .path_access = CERTCTL_PATH_WRITE,
		.help = "Folder in which the CA is made at first start and kept: ca/ca.key (0600) and ca/ca.crt. Either this or ca_cert_path and ca_key_path."),
	CERTCTL_OPTION(struct local_ca_config, ca_cert_path, CERTCTL_PATH, .path_access = CERTCTL_PATH_READ, .env = "CERTCTL_CA_CERT_PATH",
		.help = "Certificate of an existing CA in PEM; its chain up to the root may stand in the same file."),
	CERTCTL_OPTION(struct local_ca_config, ca_key_path, CERTCTL_PATH, .path_access = CERTCTL_PATH_READ, .env = "CERTCTL_CA_KEY_PATH",
		.help = "Private key of that CA: PKCS#8, PKCS#1 or SEC1, in PEM or DER."),
	CERTCTL_OPTION(struct local_ca_config, ca_key_password, CERTCTL_SECRET,
		.help = "Password of an encrypted PKCS#8 key."),
	CERTCTL_OPTION(struct local_ca_config, ca_chain_path, CERTCTL_PATH, .path_access = CERTCTL_PATH_READ,
		.help = "For a subordinate CA: the certificates above it, in PEM, in any order."),
	CERTCTL_OPTION(struct local_ca_config, subject, CERTCTL_TEXT, .fallback = "CN=certctl local CA", .min = 4, .max = 512,
		.help = "Subject of a CA that is made, as RFC 4514 writes it, for example CN=Example CA,O=Example,C=DE."),
	CERTCTL_OPTION(struct local_ca_config, key_type, CERTCTL_ENUM, .fallback = "ECDSA_P256", .choices = key_types,
		.help = "Key of a CA that is made."),
	CERTCTL_OPTION(struct local_ca_config, lifetime, CERTCTL_DURATION, .fallback = "3650d", .min = DAY_S, .max = 50 * YEAR_S,
		.help = "Lifetime of a CA that is made."),
	CERTCTL_OPTION(struct local_ca_config, path_length, CERTCTL_INTEGER, .min = 0, .max = 8, .fallback = "0", .advanced = true,
		.help = "How many CAs may stand between a CA that is made and a leaf."),
	CERTCTL_OPTION(struct local_ca_config, permitted_dns, CERTCTL_LIST, .item_type = CERTCTL_TEXT, .max = 100, .advanced = true,
		.help = "Name constraints of a CA that is made: only these domains and what is below them."),
	CERTCTL_OPTION(struct local_ca_config, excluded_dns, CERTCTL_LIST, .item_type = CERTCTL_TEXT, .max = 100, .advanced = true,
		.help = "Name constraints of a CA that is made: never these domains."),
	CERTCTL_OPTION(struct local_ca_config, max_leaf_lifetime, CERTCTL_DURATION, .fallback = "398d", .min = 60, .max = 50 * YEAR_S,
		.help = "Longest lifetime of a certificate that this CA signs, whatever a profile says."),
	CERTCTL_OPTION(struct local_ca_config, crl_url, CERTCTL_URL, .choices = schemes,
		.help = "Where the revocation list is: the CRL distribution point in every leaf."),
	CERTCTL_OPTION(struct local_ca_config, ocsp_url, CERTCTL_URL, .choices = schemes,
		.help = "Where OCSP answers: in the authority information of every leaf."),
	CERTCTL_OPTION(struct local_ca_config, ca_issuers_url, CERTCTL_URL, .choices = schemes,
		.help = "Where the CA's own certificate is: in the authority information of every leaf."),
	{ 0 },
};

const struct certctl_field local_ca_item_options[] = {
	CERTCTL_OPTION(struct local_ca_profile, allowed_key_types, CERTCTL_LIST, .item_type = CERTCTL_ENUM, .choices = key_types, .max = 6,
		.help = "Key types that are signed; empty: all."),
	CERTCTL_OPTION(struct local_ca_profile, allowed_usages, CERTCTL_LIST, .item_type = CERTCTL_ENUM, .choices = usages, .max = 5,
		.help = "Extended key usages that are signed; empty: all."),
	CERTCTL_OPTION(struct local_ca_profile, allowed_name_types, CERTCTL_LIST, .item_type = CERTCTL_ENUM, .choices = name_types, .max = 4,
		.help = "Types of names that are signed; empty: all."),
	CERTCTL_OPTION(struct local_ca_profile, permitted_dns, CERTCTL_LIST, .item_type = CERTCTL_TEXT, .max = 100,
		.help = "Domains: DNS names, and the hosts of e-mail addresses and URIs, must be one of them or below one; empty: all."),
	CERTCTL_OPTION(struct local_ca_profile, max_lifetime, CERTCTL_DURATION, .max = 50 * YEAR_S,
		.help = "Longest lifetime under this profile; 0: what the CA allows."),
	CERTCTL_OPTION(struct local_ca_profile, allow_wildcards, CERTCTL_BOOLEAN, .fallback = "true",
		.help = "Whether names such as *.example.com are signed."),
	CERTCTL_OPTION(struct local_ca_profile, policy_oids, CERTCTL_LIST, .item_type = CERTCTL_TEXT, .max = 8, .advanced = true,
		.help = "Certificate policies to put into the certificate, as OIDs."),
	{ 0 },
};
/* clang-format on */

const char **local_ca_texts(TALLOC_CTX *mem, const struct certctl_list *list)
{
	const char **texts = talloc_zero_array(mem, const char *, (unsigned)list->count + 1);

	for (size_t i = 0; texts && i < list->count; i++)
		texts[i] = ((const char *const *)list->items)[i];
	return texts;
}
