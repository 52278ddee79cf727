/*
 * From a file to a plugin that may be called: opened, its descriptor checked field by field before anything it points to is used,
 * copied.  Every refusal names the file and both sides.  Must not know what operations do.
 */
#include "process.h"

#include <certctl/name.h>
#include <dlfcn.h>
#include <ltdl.h>
#include <string.h>

#include "plugin_file.h"

static const struct kind *const kinds[] = { NULL, &issuer_kind, &target_kind, &notifier_kind };

/* --- Opening ------------------------------------------------------------------------------------------------------ */

/* The linker's words without the path, which the message has already. */
static const char *linker_reason(const char *path)
{
	const char *reason = dlerror();
	size_t len = strlen(path);

	if (!reason)
		return "no reason given";
	return strncmp(reason, path, len) == 0 && reason[len] == ':' ? reason + len + 2 : reason;
}

/*
 * libltdl binds lazily (a missing symbol would end us in the middle of a call) and blames a missing file for everything.  So the
 * linker itself is asked first, to bind now and say the true reason.
 */
static int open_file(const char *path, const char *file, certctl_plugin_fn **ret, struct certctl_error *err)
{
	lt_dladvise advice;

	if (!dlopen(path, RTLD_NOW | RTLD_LOCAL))
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: cannot be loaded: %s", file, linker_reason(path));
	if (lt_dlinit() != 0 || lt_dladvise_init(&advice) != 0 || lt_dladvise_local(&advice) != 0 ||
		lt_dladvise_resident(&advice) != 0)
		return certctl_fail(err, CERTCTL_E_INTERNAL, "%s: libltdl: %s", file, lt_dlerror());
	lt_dlhandle handle = lt_dlopenadvise(path, advice);

	lt_dladvise_destroy(&advice);
	if (!handle)
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: cannot be loaded: %s", file, lt_dlerror());
	void *symbol = lt_dlsym(handle, CERTCTL_PLUGIN_SYMBOL);

	if (!symbol) {
		certctl_fail(err, CERTCTL_E_INVALID, "%s: exports no function %s: not a certctl plugin", file,
			CERTCTL_PLUGIN_SYMBOL);
		return certctl_hint(err, "A plugin ends in one CERTCTL_PLUGIN(...) line; see docs/plugins.");
	}
	memcpy(ret, &symbol, sizeof(symbol)); /* ISO C has no conversion from object to function pointer */
	return 0;
}

/* --- The descriptor ----------------------------------------------------------------------------------------------- */

static int check_abi(const char *file, const struct certctl_plugin *theirs, struct certctl_error *err)
{
	if (theirs->magic != CERTCTL_PLUGIN_MAGIC)
		return certctl_fail(err, CERTCTL_E_INVALID,
			"%s: magic number 0x%08x, 0x%08x expected: not a certctl plugin", file, (unsigned)theirs->magic,
			(unsigned)CERTCTL_PLUGIN_MAGIC);
	if (theirs->abi_major != CERTCTL_ABI_MAJOR || theirs->abi_minor > CERTCTL_ABI_MINOR) {
		certctl_fail(err, CERTCTL_E_UNSUPPORTED, "%s: built for plugin ABI %u.%u, this certctl has %u.%u", file,
			theirs->abi_major, theirs->abi_minor, CERTCTL_ABI_MAJOR, CERTCTL_ABI_MINOR);
		return certctl_hint(err, theirs->abi_major < CERTCTL_ABI_MAJOR ? "Build the plugin again with this SDK."
									       : "Install a newer certctl.");
	}
	if (theirs->size < offsetof(struct certctl_plugin, ops) + sizeof(theirs->ops) ||
		theirs->size > sizeof(struct certctl_plugin))
		return certctl_fail(err, CERTCTL_E_UNSUPPORTED,
			"%s: descriptor of %u bytes, this certctl knows %zu: built with a different SDK than it says",
			file, (unsigned)theirs->size, sizeof(struct certctl_plugin));
	return 0;
}

/* The file name is what operators configure and packages own; the descriptor must not say something else. */
static int check_identity(const char *file, const struct certctl_plugin *ours, struct certctl_error *err)
{
	enum certctl_plugin_kind kind = 0;
	char *id = NULL;

	if (ours->kind == 0 || ours->kind >= CERTCTL_PLUGIN_KIND_COUNT)
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: kind %u; 1 (issuer) to %d (notifier) expected", file,
			(unsigned)ours->kind, CERTCTL_PLUGIN_KIND_COUNT - 1);
	if (!ours->id || !certctl_id_is_valid(ours->id))
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: %s; [a-z0-9][a-z0-9.-]{0,62} expected", file,
			ours->id ? "its id is not valid" : "it has no id");
	int rc = certctl_plugin_file_name(NULL, file, &kind, &id, err);

	if (rc == 0 && (kind != ours->kind || strcmp(id, ours->id) != 0))
		rc = certctl_fail(err, CERTCTL_E_CONFLICT,
			"%s: calls itself %s %s: the file name must be certctl-%s-%s.so", file,
			certctl_wire_kinds[ours->kind], ours->id, certctl_wire_kinds[ours->kind], ours->id);
	talloc_free(id);
	return rc;
}

static int check_tables(const char *file, const struct certctl_plugin *ours, struct certctl_error *err)
{
	int rc;

	if (!ours->version || !ours->summary)
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: version and summary are required", file);
	if (ours->concurrency > 64)
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: concurrency %u, at most 64", file,
			(unsigned)ours->concurrency);
	if (ours->field_size == 0 || ours->field_size > sizeof(struct certctl_field))
		return certctl_fail(err, CERTCTL_E_UNSUPPORTED, "%s: option rows of %u bytes, this certctl knows %zu",
			file, (unsigned)ours->field_size, sizeof(struct certctl_field));
	if (!ours->options)
		return certctl_fail(err, CERTCTL_E_INVALID,
			"%s: no table of options (it may be empty, but must be there)", file);
	if ((rc = certctl_fields_check(ours->options, ours->field_size, ours->config_size, err)) < 0)
		return certctl_error_prefix(err, "%s: options", file), rc;
	if (ours->item_options &&
		(rc = certctl_fields_check(ours->item_options, ours->field_size, ours->item_size, err)) < 0)
		return certctl_error_prefix(err, "%s: item_options", file), rc;
	return 0;
}

/* --- The operations ----------------------------------------------------------------------------------------------- */

bool plugin_has(const struct plugin *plugin, const struct operation *operation)
{
	static const unsigned char none[sizeof(void (*)(void))];

	return memcmp((const char *)&plugin->ops + operation->offset, none, sizeof(none)) != 0;
}

const struct operation *plugin_operation(const struct plugin *plugin, const char *name)
{
	for (const struct operation *operation = plugin->kind->operations; operation->name; operation++)
		if (operation->run && strcmp(operation->name, name) == 0 && plugin_has(plugin, operation))
			return operation;
	return NULL;
}

/* Bits and operations must say the same, so that nobody has to look twice. */
static int check_operations(const struct plugin *plugin, struct certctl_error *err)
{
	uint32_t known = plugin->kind->flags;

	for (const struct operation *operation = plugin->kind->operations; operation->name; operation++) {
		bool is_there = plugin_has(plugin, operation), has_cap = (plugin->caps & operation->cap) != 0;

		known |= operation->cap;
		if (operation->required && !is_there)
			return certctl_fail(err, CERTCTL_E_INVALID, "%s: required operation %s is missing",
				plugin->file, operation->name);
		if (operation->cap && has_cap && !is_there)
			return certctl_fail(err, CERTCTL_E_INVALID, "%s: capability without operation: %s",
				plugin->file, operation->name);
		if (operation->cap && is_there && !has_cap)
			return certctl_fail(err, CERTCTL_E_INVALID, "%s: operation without capability: %s",
				plugin->file, operation->name);
	}
	if (plugin->caps & ~known)
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: capability bits 0x%x mean nothing", plugin->file,
			(unsigned)(plugin->caps & ~known));
	return 0;
}

static int copy_operations(struct plugin *plugin, struct certctl_error *err)
{
	const uint32_t *theirs = plugin->descriptor.ops;

	if (!theirs)
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: no table of operations", plugin->file);
	uint32_t size = theirs[0];

	if (size < 2 * sizeof(uint32_t) || size > plugin->kind->ops_size)
		return certctl_fail(err, CERTCTL_E_UNSUPPORTED,
			"%s: table of operations of %u bytes, this certctl knows %zu", plugin->file, (unsigned)size,
			plugin->kind->ops_size);
	plugin->caps = theirs[1];
	memcpy(&plugin->ops, theirs, size);
	return check_operations(plugin, err);
}

int plugin_load(const char *path, struct plugin *ret, struct certctl_error *err)
{
	const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
	struct plugin plugin = { .file = talloc_strdup(NULL, file) }; /* for as long as the plugin: for ever */
	certctl_plugin_fn *describe = NULL;
	int rc = open_file(path, file, &describe, err);

	if (rc < 0)
		return rc;
	const struct certctl_plugin *theirs = describe();

	if (!theirs)
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: %s() returned nothing", file, CERTCTL_PLUGIN_SYMBOL);
	if ((rc = check_abi(file, theirs, err)) < 0)
		return rc;
	memcpy(&plugin.descriptor, theirs, theirs->size);
	if ((rc = check_identity(file, &plugin.descriptor, err)) < 0 ||
		(rc = check_tables(file, &plugin.descriptor, err)) < 0)
		return rc;
	plugin.kind = kinds[plugin.descriptor.kind];
	if (plugin.descriptor.concurrency == 0)
		plugin.descriptor.concurrency = 1;
	if ((rc = copy_operations(&plugin, err)) < 0)
		return rc;
	*ret = plugin;
	return 0;
}
