/**
 * What this room writes down, as field tables: the journal entry of a deployment that is under way, and the record of a binding
 * that is in service.  An entry says all that recovery needs, so recovery needs no plugin.
 */
#ifndef CERTCTL_DEPLOY_RECORD_H
#define CERTCTL_DEPLOY_RECORD_H

#include <certctl/field.h>
#include <certctl/target.h>

/** What a configured path was before this deployment. */
enum deploy_original {
	DEPLOY_WAS_LINKED = 1, /* our own link: nothing to adopt */
	DEPLOY_WAS_THERE,      /* a file or somebody's symlink: kept beside it until the deployment has ended */
	DEPLOY_WAS_MISSING,
};

struct deploy_file {
	const char *path;       /* as the server's configuration names it */
	const char *sha256;     /* of the content in the new generation */
	int original;           /* enum deploy_original */
	int64_t mode, uid, gid; /* uid and gid: -1 leaves them to the worker */
};

struct deploy_probe {
	const char *address, *server_name; /* server_name: NULL: none */
	int64_t port, starttls, key_type;
	const char *before; /* fingerprint served when the deployment began; NULL: nothing was */
};

/** A deployment under way.  Generations are numbers; 0 is none. */
struct deploy_entry {
	const char *id, *binding;
	int64_t sequence;
	const char *store;         /* "/etc/nginx/certs/.certctl/bnd-web" */
	int64_t before;            /* what `current` was */
	int64_t adopted;           /* made of what stood at the paths, because not all of them were our links */
	int64_t generation;        /* the new one */
	struct certctl_list files; /* struct deploy_file */
	struct certctl_list validate, activate; /* argv, const char * */
	int64_t validate_timeout_s, activate_timeout_s, probe_timeout_s;
	struct certctl_list probes; /* struct deploy_probe */
	const char *fingerprint;
	const char *previous_fingerprint; /* of the generation before; NULL: not known */
	const char *content;              /* SHA-256 over all that was asked for */
	bool is_by_plugin;                /* activated or looked at by operations of its plugin */
};

struct deploy_old {
	const char *path; /* of a generation */
	int64_t until_unix_s;
};

/** A binding in service. */
struct deploy_binding {
	const char *deployment; /* id of the last one that was completed */
	const char *store, *content, *fingerprint;
	int64_t sequence, generation;
	struct certctl_list files; /* struct deploy_file */
	struct certctl_list old;   /* struct deploy_old */
};

extern const struct certctl_field deploy_entry_fields[];
extern const struct certctl_field deploy_binding_fields[];

#define deploy_files(owner)  ((struct deploy_file *)(owner)->files.items)
#define deploy_probes(owner) ((struct deploy_probe *)(owner)->probes.items)
#define deploy_olds(owner)   ((struct deploy_old *)(owner)->old.items)

/**
 * A record of `size` bytes as durable file `name` in `dir_fd`, old or new whatever happens.
 * INVALID: it could not be read again (a control character in an argument), so it is not written.
 */
int deploy_record_write(int dir_fd, const char *name, const struct certctl_field *fields, const void *record,
	size_t size, struct certctl_error *err) CERTCTL_CHECKED;
/** NOT_FOUND; INVALID when the text is no such record. */
int deploy_record_read(TALLOC_CTX *mem, int dir_fd, const char *name, const struct certctl_field *fields, void *record,
	struct certctl_error *err) CERTCTL_CHECKED;

/** The NULL-terminated argument vector in a list; NULL when the list is empty. On `mem`. */
const char *const *deploy_argv(TALLOC_CTX *mem, const struct certctl_list *list);

#endif
