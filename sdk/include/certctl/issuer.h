/**
 * Issuers: connectors to certification authorities.
 *
 * Every operation may be called again with the same input: after a crash, a timeout or a lost reply.  Outputs are zeroed
 * by the host, set on success only, and allocated on `mem`.  Inputs are borrowed for the call.
 */
#ifndef CERTCTL_ISSUER_H
#define CERTCTL_ISSUER_H

#include <certctl/name.h>
#include <certctl/plugin.h>
#include <certctl/x509.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The plugin's own instance. */
struct certctl_issuer;

enum certctl_issuer_caps {
	CERTCTL_ISSUER_CAN_FIND = 1 << 0,           /* find */
	CERTCTL_ISSUER_CAN_REVOKE = 1 << 1,         /* revoke */
	CERTCTL_ISSUER_CAN_CHAIN = 1 << 2,          /* chain */
	CERTCTL_ISSUER_CAN_RENEWAL_WINDOW = 1 << 3, /* renewal_window */
	CERTCTL_ISSUER_CAN_ABANDON = 1 << 4,        /* abandon */
	CERTCTL_ISSUER_CAN_SIGN = 1 << 5,           /* sign and responder: CRL and OCSP of a CA of ours */
	CERTCTL_ISSUER_REPEATABLE = 1 << 16,        /* asking issue() twice for one order gives one certificate */
	CERTCTL_ISSUER_TAKES_SERIAL = 1 << 17,      /* serial and dates of the order are used as they are */
};

enum certctl_order_kind {
	CERTCTL_ORDER_ISSUE = 1,
	CERTCTL_ORDER_RENEW, /* same names, same key */
	CERTCTL_ORDER_REKEY, /* same names, new key */
};

/** One certificate to be issued.  Committed before issue() is called; the same order gives the same request to the CA. */
struct certctl_order {
	const char *id;                          /* "job-..." */
	uint32_t kind;                           /* enum certctl_order_kind */
	uint32_t key_type;                       /* enum certctl_key_type */
	const char *csr_pem;                     /* checked against the order by the core */
	const struct certctl_name *const *names; /* canonical, sorted, NULL-terminated */
	const char *common_name;                 /* NULL: none */
	const char *organization;                /* NULL: none */
	uint32_t key_usage;                      /* enum certctl_key_usage; 0: the CA's default */
	bool must_staple;
	const char *const *extended_key_usage; /* OIDs, NULL-terminated; NULL: the CA's default */
	const char *serial;                    /* reserved, hex; NULL: the CA chooses */
	int64_t not_before_unix_s, not_after_unix_s;
	const char *replaces_pem; /* the certificate it follows, only one that this instance issued; NULL: none */
	const char *profile_id, *profile_hash; /* which rules, and the SHA-256 of their content */
	const void *item;  /* the plugin's item_options of the profile, item_size bytes; NULL without item_options */
	const char *input; /* what an operator supplied, for a CA that is a person; NULL: nothing */
	const char *state; /* from checkpoint() or `pending` of an earlier try; NULL: first try */
	const char *state_version; /* version of the plugin that wrote it */
	bool short_lived; /* its profile wants no revocation: no CRL, no OCSP, noRevAvail (RFC 9608) where the CA can */
};

enum certctl_issue_outcome {
	CERTCTL_ISSUED = 1, /* leaf and chain are set */
	CERTCTL_PENDING,    /* ask again after retry_after_s, with state */
	CERTCTL_UNKNOWN,    /* asked, and the answer was lost: find(), or repeat if REPEATABLE */
};

struct certctl_issued {
	uint32_t outcome; /* enum certctl_issue_outcome */
	int32_t retry_after_s;
	const char *leaf_pem;
	const char *chain_pem; /* issuing CA first; without the root unless it is all there is; may be "" */
	const char *serial;    /* hex */
	const char *state;     /* of a pending order, at most CERTCTL_STATE_MAX */
};

/** RFC 9773.  Times in seconds since the epoch. */
struct certctl_renewal_window {
	bool has_answer; /* false: this CA gives none for this certificate */
	int64_t start_unix_s, end_unix_s;
	int32_t retry_after_s;
	const char *explanation_url; /* may be NULL */
};

/** What a CA of ours signs beside certificates. */
enum certctl_sign_kind {
	CERTCTL_SIGN_CRL = 1,       /* a TBSCertList whose issuer is this CA */
	CERTCTL_SIGN_OCSP_RESPONSE, /* a ResponseData whose responder is this CA or its responder certificate */
};

/** Grows only at the end.  Operations without "optional" are required. */
struct certctl_issuer_ops {
	uint32_t size; /* sizeof(struct certctl_issuer_ops) where it was compiled */
	uint32_t caps; /* enum certctl_issuer_caps bits; must agree with the operations that are set */

	/** Make an instance from `config` (config_size bytes, borrowed until close).  No network here. */
	int (*open)(const struct certctl_host *host, const void *config, struct certctl_issuer **ret,
		struct certctl_error *err);
	void (*close)(struct certctl_issuer *self);
	/** Can the CA be reached and would it accept us?  Issues nothing. */
	int (*test)(struct certctl_issuer *self, const struct certctl_host *host, struct certctl_error *err);
	int (*info)(struct certctl_issuer *self, const struct certctl_host *host, TALLOC_CTX *mem,
		struct certctl_info *ret, struct certctl_error *err);
	/** Errors: DENIED and INVALID end the order; UNAVAILABLE, TIMEOUT and LIMIT with retryable are tried again. */
	int (*issue)(struct certctl_issuer *self, const struct certctl_host *host, const struct certctl_order *order,
		TALLOC_CTX *mem, struct certctl_issued *ret, struct certctl_error *err);
	/** Optional: look an order up without issuing.  NOT_FOUND: the CA never issued it. */
	int (*find)(struct certctl_issuer *self, const struct certctl_host *host, const struct certctl_order *order,
		TALLOC_CTX *mem, struct certctl_issued *ret, struct certctl_error *err);
	/** Optional: the order is given up; tidy what order->state says is open at the CA. */
	int (*abandon)(struct certctl_issuer *self, const struct certctl_host *host, const struct certctl_order *order,
		struct certctl_error *err);
	/** Optional: `reason` is an RFC 5280 CRLReason, never 7.  Already revoked is success. */
	int (*revoke)(struct certctl_issuer *self, const struct certctl_host *host, const char *certificate_pem,
		int reason, struct certctl_error *err);
	/** Optional: the CA's certificates, the one that signs leaves first, the root last. */
	int (*chain)(struct certctl_issuer *self, const struct certctl_host *host, TALLOC_CTX *mem,
		const char **ret_pem, struct certctl_error *err);
	/** Optional: when this CA wants the certificate renewed. */
	int (*renewal_window)(struct certctl_issuer *self, const struct certctl_host *host, const char *certificate_pem,
		TALLOC_CTX *mem, struct certctl_renewal_window *ret, struct certctl_error *err);
	/** Optional: parse `tbs`, refuse all but its kind and its own CA, and sign it. */
	int (*sign)(struct certctl_issuer *self, const struct certctl_host *host, enum certctl_sign_kind kind,
		const struct certctl_bytes *tbs, TALLOC_CTX *mem, struct certctl_bytes *ret_signature,
		struct certctl_error *err);
	/** Optional: a certificate for an OCSP responder's key. */
	int (*responder)(struct certctl_issuer *self, const struct certctl_host *host, const char *csr_pem,
		TALLOC_CTX *mem, const char **ret_pem, struct certctl_error *err);
};

#ifdef __cplusplus
}
#endif
#endif
