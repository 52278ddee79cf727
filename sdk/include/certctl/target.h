/**
 * Targets: connectors to what serves certificates.  They run beside an agent.
 *
 * Most targets are files and two commands, so that is what a plugin states, in plan(); the transaction around it (stage,
 * swap, validate, activate, probe, or put everything back) is the agent's, written once.  A plan names the parts of a bundle;
 * a plugin that only plans never sees a key.
 */
#ifndef CERTCTL_TARGET_H
#define CERTCTL_TARGET_H

#include <certctl/name.h>
#include <certctl/plugin.h>
#include <certctl/x509.h>

#ifdef __cplusplus
extern "C" {
#endif

struct certctl_target;

enum certctl_target_caps {
	CERTCTL_TARGET_CAN_VALIDATE = 1 << 0,  /* validate, instead of the argv */
	CERTCTL_TARGET_CAN_ACTIVATE = 1 << 1,  /* activate, instead of the argv */
	CERTCTL_TARGET_CAN_SERVED = 1 << 2,    /* served, instead of the TLS probe */
	CERTCTL_TARGET_CAN_INVENTORY = 1 << 3, /* inventory */
};

/** What is to be deployed, by description.  The key stays with the agent. */
struct certctl_bundle {
	const char *certificate_id, *version_id;
	const struct certctl_name *const *names; /* canonical, NULL-terminated */
	const char *fingerprint_sha256;          /* of the leaf */
	const char *leaf_pem, *chain_pem;
	uint32_t key_type; /* enum certctl_key_type */
	uint32_t reserved;
	int64_t not_after_unix_s;
	const struct certctl_secret *key_pem; /* PKCS#8; NULL unless the plugin has CERTCTL_NEEDS_KEY */
};

enum certctl_part_kind {
	CERTCTL_PART_LEAF = 1,
	CERTCTL_PART_CHAIN, /* issuing CA first; empty when the leaf's issuer is a root */
	CERTCTL_PART_KEY,
	CERTCTL_PART_TEXT, /* `text`, as it is */
	/**
	 * Where the file of this plan whose path is `text` really lies: in the new generation, not behind the link that swaps.  For a
	 * configuration snippet that names certificate and key: whoever reads it once sees a pair that belongs together.
	 */
	CERTCTL_PART_PATH,
};
struct certctl_part {
	uint32_t kind; /* enum certctl_part_kind */
	uint32_t reserved;
	const char *text;
};

enum certctl_file_encoding {
	CERTCTL_FILE_PEM = 1,         /* parts one after the other; keys as PKCS#8 */
	CERTCTL_FILE_PEM_TRADITIONAL, /* keys as PKCS#1 or SEC1 */
	CERTCTL_FILE_DER,             /* exactly one part; a key as PKCS#8 */
	CERTCTL_FILE_PKCS12,          /* all parts in one store, with password and alias */
};
struct certctl_plan_file {
	const char *path;                        /* absolute, as the server's configuration names it */
	const char *owner, *group;               /* NULL: the worker's own */
	uint32_t mode;                           /* 0: 0600 with a key in it, 0644 without */
	uint32_t encoding;                       /* enum certctl_file_encoding */
	const struct certctl_part *const *parts; /* in this order, NULL-terminated */
	const struct certctl_secret *password;   /* of a PKCS12 */
	const char *alias;
};

enum certctl_starttls {
	CERTCTL_STARTTLS_NONE = 1,
	CERTCTL_STARTTLS_SMTP,
	CERTCTL_STARTTLS_IMAP,
	CERTCTL_STARTTLS_POP3,
	CERTCTL_STARTTLS_LDAP,
	CERTCTL_STARTTLS_POSTGRES,
	CERTCTL_STARTTLS_MYSQL,
};
/** A place where the new certificate must be seen before the deployment is done. */
struct certctl_probe {
	const char *address;     /* host or IP address, as seen from the agent */
	const char *server_name; /* SNI; NULL: none */
	uint16_t port;
	uint16_t starttls; /* enum certctl_starttls; 0: none */
	uint32_t key_type; /* offer only signatures of this kind, for servers with two certificates; 0: any */
};

/** What putting a bundle into service means. */
struct certctl_plan {
	const struct certctl_plan_file *const *files; /* NULL-terminated */
	const char *const *validate; /* argv, with the new files in place and nothing reloaded yet; NULL: none */
	const char *const *activate; /* argv; NULL: none */
	const struct certctl_probe *const *probes; /* NULL-terminated; NULL or empty: the deployment ends unverified */
	int32_t validate_timeout_s, activate_timeout_s, probe_timeout_s; /* 0: 60, 60, 30 */
	uint32_t reserved;
};

/** Something a server is configured to serve. */
struct certctl_inventory_item {
	const char *certificate_path, *key_path; /* key_path may be NULL */
	const char *const *server_names;         /* NULL-terminated */
	const char *address;                     /* "0.0.0.0:443" */
	const char *source;                      /* "file:line" in the server's configuration */
};

/** Grows only at the end. */
struct certctl_target_ops {
	uint32_t size;
	uint32_t caps; /* enum certctl_target_caps bits; must agree with the operations that are set */

	int (*open)(const struct certctl_host *host, const void *config, struct certctl_target **ret,
		struct certctl_error *err);
	void (*close)(struct certctl_target *self);
	/** Is the server there and would a deployment be allowed?  Changes nothing. */
	int (*test)(struct certctl_target *self, const struct certctl_host *host, struct certctl_error *err);
	int (*info)(struct certctl_target *self, const struct certctl_host *host, TALLOC_CTX *mem,
		struct certctl_info *ret, struct certctl_error *err);
	/** Pure: the same bundle, item and config give the same plan; needs nothing open.  `item` as in struct certctl_order. */
	int (*plan)(struct certctl_target *self, const struct certctl_host *host, const struct certctl_bundle *bundle,
		const void *item, TALLOC_CTX *mem, struct certctl_plan *ret, struct certctl_error *err);
	/** Optional: would the server accept the files that are in place now?  DENIED with its words when not. */
	int (*validate)(struct certctl_target *self, const struct certctl_host *host,
		const struct certctl_bundle *bundle, const struct certctl_plan *plan, struct certctl_error *err);
	/** Optional: make the server use what is in place; all plans of this instance at once, NULL-terminated. */
	int (*activate)(struct certctl_target *self, const struct certctl_host *host,
		const struct certctl_bundle *const *bundles, const struct certctl_plan *const *plans,
		struct certctl_error *err);
	/** Optional: hex SHA-256 of the leaf that is served for this bundle now. */
	int (*served)(struct certctl_target *self, const struct certctl_host *host, const struct certctl_bundle *bundle,
		const void *item, TALLOC_CTX *mem, const char **ret_fingerprint, struct certctl_error *err);
	/** Optional: what this server is configured to serve, NULL-terminated. */
	int (*inventory)(struct certctl_target *self, const struct certctl_host *host, TALLOC_CTX *mem,
		const struct certctl_inventory_item *const **ret, struct certctl_error *err);
};

#ifdef __cplusplus
}
#endif
#endif
