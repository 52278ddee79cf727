/**
 * What every plugin exports, whatever its kind.
 *
 * A plugin is a shared object with one exported function, made by CERTCTL_PLUGIN.  It always runs in a process of its
 * own, one process an instance; certctl starts that process, confines it to what `needs` and the path options say, and talks
 * to it in frames.  The plugin sees none of that: it fills an ops table and is called.
 *
 * Plugin ABI history.  Add something: minor + 1.  Change or remove something: major + 1.  Newest first.
 * 1.0  first public version
 */
#ifndef CERTCTL_PLUGIN_H
#define CERTCTL_PLUGIN_H

#include <certctl/error.h>
#include <certctl/exec.h>
#include <certctl/field.h>
#include <certctl/log.h>
#include <talloc.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CERTCTL_PLUGIN_MAGIC UINT32_C(0x43544c50) /* "CTLP", for all time */
#define CERTCTL_ABI_MAJOR    1
#define CERTCTL_ABI_MINOR    0
/** Where a plugin writes durable state at most this much: state_put(), an order's saved state. */
#define CERTCTL_STATE_MAX 65536

enum certctl_plugin_kind {
	CERTCTL_ISSUER = 1,
	CERTCTL_TARGET,
	CERTCTL_NOTIFIER,
	CERTCTL_PLUGIN_KIND_COUNT,
};

/** What stays open in the plugin's process.  Paths are not among them: the path options say which. */
enum certctl_needs {
	CERTCTL_NEEDS_NETWORK = 1 << 0,  /* TCP and UDP to the outside, name resolution, the system's CA certificates */
	CERTCTL_NEEDS_FILES = 1 << 1,    /* the files and directories named by its path options */
	CERTCTL_NEEDS_COMMANDS = 1 << 2, /* host->run(), within the local allow-list */
	CERTCTL_NEEDS_KEY = 1 << 3,      /* a target whose operations are given the private key */
};

/** The descriptor.  The first four fields never move: they protect the rest. */
struct certctl_plugin {
	uint32_t magic;
	uint16_t abi_major, abi_minor;
	uint32_t size;       /* sizeof(struct certctl_plugin) where it was compiled */
	uint32_t kind;       /* enum certctl_plugin_kind */
	const char *id;      /* [a-z0-9][a-z0-9.-]{0,62}; the file is certctl-<kind>-<id>.so */
	const char *version; /* of the plugin, "1.4.2" */
	const char *summary; /* one line */
	uint32_t field_size; /* sizeof(struct certctl_field) where it was compiled */
	uint32_t config_size;
	const struct certctl_field *options; /* of an instance; required, may be an empty table */
	const struct certctl_field
		*item_options; /* per profile (issuer), binding (target), route (notifier); may be NULL */
	uint32_t item_size;
	uint32_t needs;       /* enum certctl_needs bits */
	uint32_t concurrency; /* calls in flight in one instance, 1 to 64; 0 means 1 */
	uint32_t reserved;
	const void *ops; /* struct certctl_issuer_ops, certctl_target_ops or certctl_notifier_ops */
};
CERTCTL_STATIC_ASSERT(offsetof(struct certctl_plugin, size) == 8, "descriptor prefix is frozen");
CERTCTL_STATIC_ASSERT(offsetof(struct certctl_plugin, kind) == 12, "descriptor prefix is frozen");

#ifdef __cplusplus
#define CERTCTL_EXTERN_C extern "C"
#else
#define CERTCTL_EXTERN_C
#endif

/** Name of the exported function, and its type. */
#define CERTCTL_PLUGIN_SYMBOL "certctl_plugin"
typedef const struct certctl_plugin *certctl_plugin_fn(void);
CERTCTL_EXTERN_C CERTCTL_API const struct certctl_plugin *certctl_plugin(void);

/**
 * Export the descriptor:
 *     CERTCTL_PLUGIN(CERTCTL_ISSUER, "mine", .version = "1.0.0", .summary = "My CA", .options = mine_options,
 *                    .config_size = sizeof(struct mine_config), .needs = CERTCTL_NEEDS_NETWORK, .ops = &mine_ops);
 */
#define CERTCTL_PLUGIN(kind_, id_, ...)                                                                                \
	CERTCTL_EXTERN_C CERTCTL_API const struct certctl_plugin *certctl_plugin(void)                                 \
	{                                                                                                              \
		static const struct certctl_plugin descriptor = { .magic = CERTCTL_PLUGIN_MAGIC,                       \
			.abi_major = CERTCTL_ABI_MAJOR,                                                                \
			.abi_minor = CERTCTL_ABI_MINOR,                                                                \
			.size = sizeof(struct certctl_plugin),                                                         \
			.kind = (kind_),                                                                               \
			.id = (id_),                                                                                   \
			.field_size = sizeof(struct certctl_field),                                                    \
			__VA_ARGS__ };                                                                                 \
		return &descriptor;                                                                                    \
	}                                                                                                              \
	struct certctl_semicolon_eater

/** Is this member there (the table's maker knew it) and set?  For ops tables and for struct certctl_host alike. */
#define CERTCTL_HAS(table, member)                                                                                     \
	((table)->size >= offsetof(__typeof__(*(table)), member) + sizeof((table)->member) && (table)->member)

struct certctl_challenge;

/* clang knows the attribute for functions only. */
#ifdef __clang__
#define CERTCTL_SENTINEL_MEMBER
#else
#define CERTCTL_SENTINEL_MEMBER __attribute__((sentinel))
#endif

/**
 * What the host offers to an operation.  Each call gets its own, valid until the call returns; a plugin may hand it to threads
 * of its own that end before the call does.  Functions may be called from any such thread.  Ask CERTCTL_HAS before you
 * use one that is newer than the ABI you need.
 */
struct certctl_host {
	uint32_t size;
	uint32_t reserved;
	void *context; /* the host's own */

	/** A record of this instance's log, at debug to warning; pairs of key and value, ended by NULL.  Cut at 4 KiB. */
	void (*log)(const struct certctl_host *host, enum certctl_log_level level, const char *event,
		...) CERTCTL_SENTINEL_MEMBER;
	/** The time that decisions take, in seconds since the epoch. */
	int64_t (*now_s)(const struct certctl_host *host);
	/** Has the caller given up?  Ask in every long wait; then return CANCELLED. */
	bool (*cancelled)(const struct certctl_host *host);
	/** Milliseconds until the deadline of this call; at 0 the process is killed. */
	int64_t (*remaining_ms)(const struct certctl_host *host);

	/**
	 * Make `state` (at most CERTCTL_STATE_MAX bytes of UTF-8) durable under the job's fencing token before going on: it comes
	 * back as order->state when the order is tried again.  Any error: stop at once and do nothing more outside.
	 */
	int (*checkpoint)(const struct certctl_host *host, const char *state, struct certctl_error *err);

	/** Small durable values of the instance, shared by all servers, sealed at rest.  NOT_FOUND when there is none. */
	int (*state_get)(const struct certctl_host *host, const char *name, TALLOC_CTX *mem, char **ret_value,
		int64_t *ret_version, struct certctl_error *err);
	/** Compare and swap: expected_version 0 creates.  CONFLICT: somebody else was first, read again. */
	int (*state_put)(const struct certctl_host *host, const char *name, const char *value, int64_t expected_version,
		int64_t *ret_version, struct certctl_error *err);

	/** Returns once every place that must answer the challenge does, or with an error at the deadline. */
	int (*publish_challenge)(const struct certctl_host *host, const struct certctl_challenge *challenge,
		struct certctl_error *err);
	int (*withdraw_challenge)(const struct certctl_host *host, const struct certctl_challenge *challenge,
		struct certctl_error *err);

	/** Run a command (CERTCTL_NEEDS_COMMANDS) through the runner.  DENIED: the local allow-list does not have it. */
	int (*run)(const struct certctl_host *host, const struct certctl_command *command, TALLOC_CTX *mem,
		struct certctl_command_result *ret, struct certctl_error *err);
};

/** A proof of control that a CA asks for (RFC 8555, section 8). */
struct certctl_challenge {
	const char *type;       /* "http-01", "dns-01", "tls-alpn-01" */
	const char *identifier; /* the name, without "*." */
	const char *token;
	const char *value; /* what must be served */
	bool is_wildcard;
};

/** A fact for people: shown by the API in this order. */
struct certctl_fact {
	const char *name, *value;
};

/** What an instance says about itself. */
struct certctl_info {
	const char *endpoint;       /* URL, socket or file of the other side */
	const char *authentication; /* how we prove who we are: "JWK provisioner", "file permissions" */
	const char *key_storage;    /* where the key of an issuer lives */
	const struct certctl_fact *const *constraints; /* NULL-terminated; may be NULL */
	const struct certctl_fact *const *facts;       /* NULL-terminated; may be NULL */
};

#ifdef __cplusplus
}
#endif
#endif
