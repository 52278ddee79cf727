/** A CA of our own: its options, its instance, and the jobs it is split into, one file each. */
#ifndef CERTCTL_LOCAL_CA_H
#define CERTCTL_LOCAL_CA_H

#include <certctl/certificate.h>
#include <certctl/issuer.h>
#include <pthread.h>

/** Signatures at once: GnuTLS keys are for one thread each, so this many copies are held. */
#define LOCAL_CA_CONCURRENCY 4

/* --- Options (options.c) ------------------------------------------------------------------------------------------- */

/** Of an instance: one CA. */
struct local_ca_config {
	const char *directory;                                  /* made here */
	const char *ca_cert_path, *ca_key_path, *ca_chain_path; /* or given */
	struct certctl_secret ca_key_password;
	const char *subject;
	int key_type; /* enum certctl_key_type */
	struct certctl_duration lifetime, max_leaf_lifetime;
	int64_t path_length;
	struct certctl_list permitted_dns, excluded_dns; /* const char * */
	const char *crl_url, *ocsp_url, *ca_issuers_url;
};
extern const struct certctl_field local_ca_options[];

/** Of a profile: what this CA signs under it. */
struct local_ca_profile {
	struct certctl_list allowed_key_types;  /* int, enum certctl_key_type */
	struct certctl_list allowed_usages;     /* int, of local_ca_usages */
	struct certctl_list allowed_name_types; /* int, enum certctl_name_type */
	struct certctl_list permitted_dns;      /* const char * */
	struct certctl_duration max_lifetime;
	bool allow_wildcards;
	struct certctl_list policy_oids; /* const char * */
};
extern const struct certctl_field local_ca_item_options[];

/** Extended key usages that have a name here. */
struct local_ca_usage {
	const char *oid;
	int value;
};
extern const struct local_ca_usage local_ca_usages[];

/** The texts of a list as a NULL-terminated array; NULL when out of memory. */
const char **local_ca_texts(TALLOC_CTX *mem, const struct certctl_list *list);

/* --- The instance ------------------------------------------------------------------------------------------------------ */

/** Copies of the CA's key, lent to one thread each (signers.c). */
struct local_ca_signers {
	pthread_mutex_t lock;
	pthread_cond_t given_back;
	struct certctl_key *keys[LOCAL_CA_CONCURRENCY];
	bool is_lent[LOCAL_CA_CONCURRENCY];
};

struct certctl_issuer {
	const struct local_ca_config *config; /* the host's, until close */
	struct certctl_certificate *ca;
	struct certctl_certificate **chain; /* from the CA to the root or as far as is known; NULL-terminated */
	size_t chain_count;
	const char *served_chain_pem; /* what goes with every leaf: without the root unless it is all there is */
	struct local_ca_signers signers;
	bool is_recorded; /* under signers.lock */
};

int local_ca_signers_init(struct certctl_issuer *self, const struct certctl_secret *key,
	const struct certctl_secret *password, struct certctl_error *err);
void local_ca_signers_done(struct certctl_issuer *self);
struct certctl_key *local_ca_signer_take(struct certctl_issuer *self);
void local_ca_signer_give(struct certctl_issuer *self, struct certctl_key *key);

/* --- Where the CA comes from -------------------------------------------------------------------------------------------- */

/** What a CA consists of, as it is read from files. */
struct local_ca_material {
	struct certctl_secret key; /* as in its file */
	const char *certificates;  /* PEM, the CA's and its chain's */
};
/** The CA in its own directory, made there at first start (store.c).  Two starting at once make one. */
int local_ca_store_open(const struct local_ca_config *config, const struct certctl_host *host, TALLOC_CTX *mem,
	struct local_ca_material *ret, struct certctl_error *err) CERTCTL_CHECKED;
/** A new key and its self-signed certificate, in PEM (root.c). */
int local_ca_root_make(const struct local_ca_config *config, int64_t now_unix_s, TALLOC_CTX *mem,
	struct local_ca_material *ret, char **ret_public_key_sha256, struct certctl_error *err) CERTCTL_CHECKED;
/** The CA that the paths name (load.c). */
int local_ca_load(const struct local_ca_config *config, TALLOC_CTX *mem, struct local_ca_material *ret,
	struct certctl_error *err) CERTCTL_CHECKED;
/** Read the material into the instance; refuse a key and certificates that do not belong together (load.c). */
int local_ca_adopt(struct certctl_issuer *self, const struct local_ca_material *material,
	struct certctl_error *err) CERTCTL_CHECKED;

/* --- Which CA this instance is, for all servers (record.c) ----------------------------------------------------------- */

/**
 * The SHA-256 of the recorded CA's public key; NULL in *ret: none yet, or this host keeps no state (*ret_is_kept false).
 */
int local_ca_record_get(const struct certctl_host *host, TALLOC_CTX *mem, char **ret, bool *ret_is_kept,
	struct certctl_error *err) CERTCTL_CHECKED;
/** Record it, or find the same recorded.  CONFLICT: another CA is. */
int local_ca_record_put(const struct certctl_host *host, const char *public_key_sha256,
	struct certctl_error *err) CERTCTL_CHECKED;
/** Before anything is signed: this CA is the recorded one. */
int local_ca_record_check(struct certctl_issuer *self, const struct certctl_host *host,
	struct certctl_error *err) CERTCTL_CHECKED;

/* --- Issuing ---------------------------------------------------------------------------------------------------------------- */

/** Is the CSR what the order says, and does the CA sign it under this profile?  Before anything is built (rules.c). */
int local_ca_rules_check(const struct certctl_issuer *self, const struct certctl_order *order,
	const struct certctl_csr *csr, const struct certctl_certificate_template *template_,
	struct certctl_error *err) CERTCTL_CHECKED;
int local_ca_issue(struct certctl_issuer *self, const struct certctl_host *host, const struct certctl_order *order,
	TALLOC_CTX *mem, struct certctl_issued *ret, struct certctl_error *err);
/** What the CA says about itself (facts.c). */
int local_ca_info(struct certctl_issuer *self, const struct certctl_host *host, TALLOC_CTX *mem,
	struct certctl_info *ret, struct certctl_error *err);

#endif
