/*
 * From a name to a description: find the file, hash it, and look that up in memory, in the cache directory, or ask a process with
 * nothing open.  A cache file that cannot be read is thrown away; the plugin itself knows best.
 */
#include "caller.h"

#include <certctl/files.h>
#include <certctl/name.h>
#include <certctl/time.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "plugin_file.h"

#define DESCRIBE_TIMEOUT_MS 10000
#define FILE_MAX            ((size_t)64 * 1024 * 1024)
#define CACHE_FILE_MAX      ((size_t)1024 * 1024)

struct known {
	struct known *next;
	struct certctl_description *description;
};

static int hash_file(const char *path, char ret_hex[65], struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_named_const(NULL, 0, "hash");
	char *data;
	size_t len;
	int rc = certctl_file_read_path(mem, path, FILE_MAX, &data, &len, err);

	if (rc == 0)
		certctl_sha256_hex(data, len, ret_hex);
	talloc_free(mem);
	return rc;
}

int description_check_file(const struct certctl_description *description, struct certctl_error *err)
{
	char sha256[65];
	int rc = certctl_plugin_file_check(description->file, err);

	if (rc < 0 || (rc = hash_file(description->file, sha256, err)) < 0)
		return rc;
	if (strcmp(sha256, description->sha256) == 0)
		return 0;
	certctl_fail(err, CERTCTL_E_CONFLICT, "%s: has changed since it was described", description->file);
	return certctl_hint(err, "Reload the configuration, or restart."), CERTCTL_E_CONFLICT;
}

/* --- The cache directory ------------------------------------------------------------------------------------------ */

/* A description holds for this program on this kernel: either may check or enforce more than another. */
static void made_by(char *text, size_t size)
{
	struct utsname system;

	if (uname(&system) < 0)
		snprintf(system.release, sizeof(system.release), "unknown");
	snprintf(text, size, "certctl " CERTCTL_VERSION ", protocol %d, %s", CERTCTL_PROTOCOL_MAX, system.release);
}

static int read_cache(struct certctl_pool *pool, const char *path, const char *sha256, struct certctl_description **ret,
	struct certctl_error *err)
{
	const struct certctl_json_limits limits = { .max_bytes = CACHE_FILE_MAX, .max_nodes = 100000 };
	TALLOC_CTX *mem = talloc_named_const(NULL, 0, "cache");
	CERTCTL_AUTO_CLOSE int dir = -1;
	CERTCTL_AUTO(json_decref) json_t *cached = NULL;
	char maker[256], name[80], *text;
	size_t len;
	int rc = certctl_dir_open(pool->options.cache_dir, &dir, err);

	snprintf(name, sizeof(name), "%s.json", sha256);
	made_by(maker, sizeof(maker));
	if (rc == 0)
		rc = certctl_file_read(mem, dir, name, CACHE_FILE_MAX, &text, &len, err);
	if (rc == 0)
		rc = certctl_json_parse(text, len, &limits, &cached, err);
	if (rc == 0 && strcmp(certctl_json_text_or(cached, "made_by", ""), maker) != 0)
		rc = certctl_fail(err, CERTCTL_E_NOT_FOUND, "%s: made by another version", name);
	if (rc == 0)
		rc = description_make(path, sha256, json_object_get(cached, "description"),
			json_object_get(cached, "enforced"), ret, err);
	talloc_free(mem);
	return rc;
}

static int write_cache(struct certctl_pool *pool, const char *sha256, const json_t *hello, struct certctl_error *err)
{
	const struct certctl_file_attributes attributes = { .mode = 0600, .uid = (uid_t)-1, .gid = (gid_t)-1 };
	CERTCTL_AUTO_CLOSE int dir = -1;
	char maker[256], name[80];
	int rc = certctl_dir_make(pool->options.cache_dir, 0700, &dir, err);

	made_by(maker, sizeof(maker));
	snprintf(name, sizeof(name), "%s.json", sha256);
	CERTCTL_AUTO(json_decref)
	json_t *document = json_pack("{s:s, s:O, s:O}", "made_by", maker, "description",
		json_object_get(hello, "description"), "enforced", json_object_get(hello, "enforced"));
	size_t len;
	char *text = certctl_json_text(NULL, document, &len);

	if (rc == 0 && text)
		rc = certctl_file_replace(dir, name, text, len, &attributes, err);
	talloc_free(text);
	return rc;
}

/* --- Asking the plugin -------------------------------------------------------------------------------------------- */

/* Whatever becomes of a plugin while it is looked at, it is the plugin that is not valid. */
static int not_valid(int rc, struct certctl_error *err)
{
	if (rc != CERTCTL_E_CRASHED && rc != CERTCTL_E_TIMEOUT && rc != CERTCTL_E_PROTOCOL)
		return rc;
	if (err) {
		err->code = CERTCTL_E_INVALID;
		err->retryable = false;
	}
	return CERTCTL_E_INVALID;
}

static int ask_plugin(struct certctl_pool *pool, const char *path, json_t **ret, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *hello = json_pack("{s:s, s:s}", "mode", "describe", "file", path);
	const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
	const struct child_names names = { file, file };
	struct child *child;
	int rc = child_start(pool, &names, 1, hello, certctl_monotonic_ms() + DESCRIBE_TIMEOUT_MS, &child, ret, err);

	if (rc < 0)
		return not_valid(rc, err);
	child_reap(child, 100);
	child_free(child);
	return 0;
}

/* A plugin is not refused for what the kernel lacks, but nobody shall learn of it by accident. */
static void warn_if_reduced(const json_t *hello, const char *path)
{
	const json_t *enforced = json_object_get(hello, "enforced");
	bool has_landlock = certctl_json_integer_or(enforced, "landlock", 0) > 0;
	bool has_seccomp = json_is_true(json_object_get(enforced, "seccomp"));

	if (!has_landlock || !has_seccomp)
		certctl_log(CERTCTL_LOG_WARNING, "plugin.confinement_reduced", "file", path, "landlock",
			has_landlock ? "yes" : "no", "seccomp", has_seccomp ? "yes" : "no", NULL);
}

/* With describe_lock. */
static int describe_fresh(struct certctl_pool *pool, const char *path, const char *sha256,
	struct certctl_description **ret, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *hello = NULL;
	struct certctl_error why;
	int rc;

	if (pool->options.cache_dir && read_cache(pool, path, sha256, ret, NULL) == 0)
		return 0;
	if ((rc = ask_plugin(pool, path, &hello, err)) < 0)
		return rc;
	rc = description_make(path, sha256, json_object_get(hello, "description"), json_object_get(hello, "enforced"),
		ret, err);
	if (rc < 0)
		return not_valid(rc, err);
	warn_if_reduced(hello, path);
	if (pool->options.cache_dir && write_cache(pool, sha256, hello, &why) < 0)
		certctl_log_error(CERTCTL_LOG_WARNING, "plugin.cache_failed", &why, "file", path, NULL);
	return 0;
}

static int describe_locked(struct certctl_pool *pool, const char *path, const struct certctl_description **ret,
	struct certctl_error *err)
{
	struct certctl_description *description;
	char sha256[65];
	int rc = certctl_plugin_file_check(path, err);

	if (rc < 0 || (rc = hash_file(path, sha256, err)) < 0)
		return rc;
	for (const struct known *at = pool->known; at; at = at->next)
		if (strcmp(at->description->file, path) == 0 && strcmp(at->description->sha256, sha256) == 0) {
			*ret = at->description;
			return 0;
		}
	if ((rc = describe_fresh(pool, path, sha256, &description, err)) < 0)
		return rc;
	struct known *known = talloc_zero(description, struct known);

	if (!known) {
		talloc_free(description);
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "%s: no memory", path);
	}
	known->description = description;
	known->next = pool->known;
	pool->known = known;
	*ret = description;
	return 0;
}

void pool_forget_descriptions(struct certctl_pool *pool)
{
	while (pool->known) {
		struct certctl_description *description = pool->known->description;

		pool->known = pool->known->next;
		talloc_free(description);
	}
}

int certctl_plugin_describe_file(struct certctl_pool *pool, const char *path, const struct certctl_description **ret,
	struct certctl_error *err)
{
	char *absolute = realpath(path, NULL);
	int rc;

	if (!absolute)
		return certctl_fail_errno(err, errno, "%s", path);
	pthread_mutex_lock(&pool->describe_lock);
	rc = describe_locked(pool, absolute, ret, err);
	pthread_mutex_unlock(&pool->describe_lock);
	free(absolute);
	return rc;
}

/* --- By name ------------------------------------------------------------------------------------------------------ */

static bool is_enabled(const struct certctl_pool *pool, enum certctl_plugin_kind kind, const char *id)
{
	char name[96];

	snprintf(name, sizeof(name), "%s/%s", certctl_wire_kinds[kind], id);
	for (const char *const *row = pool->options.enabled; row && *row; row++)
		if (strcmp(*row, name) == 0)
			return true;
	return !pool->options.enabled;
}

static int not_enabled(enum certctl_plugin_kind kind, const char *id, struct certctl_error *err)
{
	certctl_fail(err, CERTCTL_E_DENIED, "plugin %s/%s is not enabled", certctl_wire_kinds[kind], id);
	return certctl_hint(err, "Add it to the list of enabled plugins."), CERTCTL_E_DENIED;
}

static int not_found(const struct certctl_pool *pool, enum certctl_plugin_kind kind, const char *id,
	struct certctl_error *err)
{
	char directories[128] = "";
	size_t len = 0;

	for (const char *const *dir = pool->options.plugin_dirs; *dir && len < sizeof(directories); dir++)
		len += (size_t)snprintf(directories + len, sizeof(directories) - len, "%s%s", len ? ", " : "", *dir);
	certctl_fail(err, CERTCTL_E_NOT_FOUND, "no file certctl-%s-%s.so in %s", certctl_wire_kinds[kind], id,
		directories);
	return certctl_hint(err, "Install the package of the plugin, or correct its name."), CERTCTL_E_NOT_FOUND;
}

int certctl_plugin_describe(struct certctl_pool *pool, enum certctl_plugin_kind kind, const char *id,
	const struct certctl_description **ret, struct certctl_error *err)
{
	certctl_assert(kind > 0 && kind < CERTCTL_PLUGIN_KIND_COUNT);
	if (!certctl_id_is_valid(id))
		return certctl_fail(err, CERTCTL_E_INVALID, "plugin names are [a-z0-9][a-z0-9.-]{0,62}");
	if (!is_enabled(pool, kind, id))
		return not_enabled(kind, id, err);
	for (const char *const *dir = pool->options.plugin_dirs; *dir; dir++) {
		char *path = talloc_asprintf(NULL, "%s/certctl-%s-%s.so", *dir, certctl_wire_kinds[kind], id);
		bool is_there = path && access(path, F_OK) == 0;
		int rc = is_there ? certctl_plugin_describe_file(pool, path, ret, err) : 0;

		talloc_free(path);
		if (is_there)
			return rc;
	}
	return not_found(pool, kind, id, err);
}

/* --- All of them -------------------------------------------------------------------------------------------------- */

struct listing {
	struct certctl_pool *pool;
	TALLOC_CTX *mem;
	char **seen; /* "issuer/local-ca" with the directory it was in: name, directory, name, directory ... */
	size_t seen_count;
	void (*each)(void *arg, const char *file, const struct certctl_description *description,
		const struct certctl_error *why);
	void *arg;
};

static const char *seen_in(const struct listing *listing, const char *name)
{
	for (size_t i = 0; i < listing->seen_count; i += 2)
		if (strcmp(listing->seen[i], name) == 0)
			return listing->seen[i + 1];
	return NULL;
}

static void remember(struct listing *listing, const char *name, const char *dir)
{
	char **seen = talloc_realloc_size(listing->mem, listing->seen, (listing->seen_count + 2) * sizeof(*seen));

	if (!seen)
		return;
	listing->seen = seen;
	seen[listing->seen_count++] = talloc_strdup(listing->mem, name);
	seen[listing->seen_count++] = talloc_strdup(listing->mem, dir);
}

static void list_file(struct listing *listing, const char *dir, const char *file)
{
	const struct certctl_description *description = NULL;
	struct certctl_error why = { 0 };
	char *path = talloc_asprintf(listing->mem, "%s/%s", dir, file), *id = NULL;
	enum certctl_plugin_kind kind = 0;
	int rc = certctl_plugin_file_name(listing->mem, path, &kind, &id, &why);
	char *name = rc == 0 ? talloc_asprintf(listing->mem, "%s/%s", certctl_wire_kinds[kind], id) : NULL;
	const char *earlier = name ? seen_in(listing, name) : NULL;

	if (earlier)
		rc = certctl_fail(&why, CERTCTL_E_CONFLICT, "%s: %s was found in %s already, which comes first", path,
			name, earlier);
	else if (rc == 0 && !is_enabled(listing->pool, kind, id))
		rc = not_enabled(kind, id, &why);
	else if (rc == 0)
		rc = certctl_plugin_describe_file(listing->pool, path, &description, &why);
	if (name && !earlier)
		remember(listing, name, dir);
	listing->each(listing->arg, path, rc == 0 ? description : NULL, rc == 0 ? NULL : &why);
}

/* Other files may lie about; what is named like a plugin must be one. */
static int is_candidate(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return strncmp(entry->d_name, "certctl-", 8) == 0 && len > 3 && strcmp(entry->d_name + len - 3, ".so") == 0;
}

int certctl_plugins_list(struct certctl_pool *pool,
	void (*each)(void *arg, const char *file, const struct certctl_description *description,
		const struct certctl_error *why),
	void *arg, struct certctl_error *err)
{
	struct listing listing = {
		.pool = pool, .mem = talloc_named_const(NULL, 0, "listing"), .each = each, .arg = arg
	};
	int rc = 0;

	for (const char *const *dir = pool->options.plugin_dirs; rc == 0 && *dir; dir++) {
		struct dirent **entries = NULL;
		int count = scandir(*dir, &entries, is_candidate, alphasort);

		/* A directory that is not there holds no plugins. */
		if (count < 0 && errno != ENOENT)
			rc = certctl_fail_errno(err, errno, "%s", *dir);
		for (int i = 0; i < count; i++) {
			list_file(&listing, *dir, entries[i]->d_name);
			free(entries[i]);
		}
		free(entries);
	}
	talloc_free(listing.mem);
	return rc;
}
