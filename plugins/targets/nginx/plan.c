/* Planning: which files, which commands, which probes.  Pure; sees no key and opens nothing. */
#include "nginx.h"

#include <stdlib.h>
#include <string.h>

#define FILES_MAX      5
#define HTTPS_PORT     443
#define OTHERS_MODE    0007
#define NGINX_ARGC_MAX 10

const char **nginx_argv(TALLOC_CTX *mem, const struct nginx_config *config, const char *first, const char *second)
{
	bool has_globals = config->globals && config->globals[0];
	const char *const words[] = { config->binary, first, second, config->config ? "-c" : NULL, config->config,
		config->prefix ? "-p" : NULL, config->prefix, has_globals ? "-g" : NULL,
		has_globals ? config->globals : NULL };
	const char **argv = talloc_zero_array(mem, const char *, NGINX_ARGC_MAX);
	size_t count = 0;

	for (size_t i = 0; argv && i < CERTCTL_COUNT(words); i++)
		if (words[i])
			argv[count++] = words[i];
	return argv;
}

static const char *first_of(const char *a, const char *b)
{
	return a && a[0] ? a : b && b[0] ? b : NULL;
}

static int read_mode(const char *name, const char *text, bool has_key, uint32_t *ret, struct certctl_error *err)
{
	char *end;
	unsigned long mode = strtoul(text, &end, 8);

	if (!text[0] || *end || mode > 0777 || !(mode & 0400))
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: an octal mode such as 0640 expected, got '%s'", name,
			text);
	if (has_key && (mode & OTHERS_MODE))
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: %s would show the key to everybody", name, text);
	*ret = (uint32_t)mode;
	return 0;
}

/* --- Files --------------------------------------------------------------------------------------------------------------- */

struct draft {
	TALLOC_CTX *mem;
	const char *owner, *group;
	uint32_t certificate_mode, key_mode;
	const struct certctl_plan_file *files[FILES_MAX + 1];
	size_t count;
};

static int add_file(struct draft *draft, const char *path, uint32_t mode, const struct certctl_part *const *parts,
	struct certctl_error *err)
{
	struct certctl_plan_file *file = talloc_zero(draft->mem, struct certctl_plan_file);

	if (!file)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	*file = (struct certctl_plan_file){ .path = path,
		.owner = draft->owner,
		.group = draft->group,
		.mode = mode,
		.encoding = CERTCTL_FILE_PEM,
		.parts = parts };
	draft->files[draft->count++] = file;
	return 0;
}

static const struct certctl_part leaf = { .kind = CERTCTL_PART_LEAF };
static const struct certctl_part chain = { .kind = CERTCTL_PART_CHAIN };
static const struct certctl_part key = { .kind = CERTCTL_PART_KEY };

/* "ssl_certificate /real/path; ssl_certificate_key /real/path;" with the paths of one generation. */
static int add_snippet(struct draft *draft, const char *path, const char *certificate, const char *key_path,
	struct certctl_error *err)
{
	static const struct certctl_part begin = {
		.kind = CERTCTL_PART_TEXT,
		.text = "# Written by certctl with every new certificate: changes here do not last.\nssl_certificate \""
	};
	static const struct certctl_part middle = { .kind = CERTCTL_PART_TEXT, .text = "\";\nssl_certificate_key \"" };
	static const struct certctl_part end = { .kind = CERTCTL_PART_TEXT, .text = "\";\n" };
	const struct certctl_part **parts = talloc_zero_array(draft->mem, const struct certctl_part *, 6);
	struct certctl_part *paths = talloc_zero_array(draft->mem, struct certctl_part, 2);

	if (!parts || !paths)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	paths[0] = (struct certctl_part){ .kind = CERTCTL_PART_PATH, .text = certificate };
	paths[1] = (struct certctl_part){ .kind = CERTCTL_PART_PATH, .text = key_path };
	parts[0] = &begin;
	parts[1] = &paths[0];
	parts[2] = &middle;
	parts[3] = &paths[1];
	parts[4] = &end;
	return add_file(draft, path, draft->certificate_mode, parts, err);
}

static int check_paths(const struct nginx_item *item, struct certctl_error *err)
{
	bool has_pair = item->certificate_path && item->key_path;

	if (has_pair == (item->combined_path != NULL) || (!has_pair && (item->certificate_path || item->key_path)))
		return certctl_fail(err, CERTCTL_E_INVALID,
			"binding: certificate_path and key_path expected, or combined_path alone");
	/* The paths stand between quotes in nginx's configuration. */
	const char *const quoted[] = { item->combined_path, item->certificate_path, item->key_path };

	for (size_t i = 0; item->snippet_path && i < CERTCTL_COUNT(quoted); i++)
		if (quoted[i] && strpbrk(quoted[i], "\"\\$"))
			return certctl_fail(err, CERTCTL_E_INVALID,
				"binding: a path in a snippet has no quote, backslash or dollar sign");
	return 0;
}

static int add_files(struct draft *draft, const struct nginx_item *item, struct certctl_error *err)
{
	static const struct certctl_part *const fullchain[] = { &leaf, &chain, NULL };
	static const struct certctl_part *const chain_only[] = { &chain, NULL };
	static const struct certctl_part *const key_only[] = { &key, NULL };
	static const struct certctl_part *const everything[] = { &leaf, &chain, &key, NULL };
	int rc = check_paths(item, err);

	if (rc == 0 && item->combined_path)
		rc = add_file(draft, item->combined_path, draft->key_mode, everything, err);
	if (rc == 0 && item->certificate_path)
		rc = add_file(draft, item->certificate_path, draft->certificate_mode, fullchain, err);
	if (rc == 0 && item->key_path)
		rc = add_file(draft, item->key_path, draft->key_mode, key_only, err);
	if (rc == 0 && item->chain_path)
		rc = add_file(draft, item->chain_path, draft->certificate_mode, chain_only, err);
	if (rc == 0 && item->snippet_path)
		rc = add_snippet(draft, item->snippet_path,
			item->combined_path ? item->combined_path : item->certificate_path,
			item->combined_path ? item->combined_path : item->key_path, err);
	return rc;
}

/* --- Probes -------------------------------------------------------------------------------------------------------------- */

/* A name the server will know: the first DNS name; of a wildcard, one that it covers. */
static const char *name_to_ask(TALLOC_CTX *mem, const struct certctl_bundle *bundle)
{
	const char *wildcard = NULL;

	for (const struct certctl_name *const *name = bundle->names; name && *name; name++) {
		if ((*name)->type != CERTCTL_NAME_DNS)
			continue;
		if ((*name)->text[0] != '*')
			return (*name)->text;
		wildcard = wildcard ? wildcard : (*name)->text;
	}
	return wildcard ? talloc_asprintf(mem, "www%s", wildcard + 1) : NULL;
}

static int add_probe(TALLOC_CTX *mem, const struct nginx_probe *option, const struct certctl_bundle *bundle,
	const struct certctl_probe **ret, struct certctl_error *err)
{
	struct certctl_probe *probe = talloc_zero(mem, struct certctl_probe);
	char *host = NULL;
	uint16_t port = 0;
	int rc = probe ? certctl_host_parse(mem, option->address, &host, &port, err)
		       : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	if (rc < 0)
		return rc;
	*probe = (struct certctl_probe){ .address = host,
		.port = port ? port : HTTPS_PORT,
		.server_name = first_of(option->server_name, name_to_ask(mem, bundle)),
		.starttls = (uint16_t)(option->starttls ? option->starttls : CERTCTL_STARTTLS_NONE),
		.key_type = option->by_key_type ? bundle->key_type : 0 };
	*ret = probe;
	return 0;
}

static int add_probes(TALLOC_CTX *mem, const struct nginx_item *item, const struct certctl_bundle *bundle,
	struct certctl_plan *plan, struct certctl_error *err)
{
	const struct certctl_probe **probes =
		talloc_zero_array(mem, const struct certctl_probe *, (unsigned)item->probes.count + 1);
	int rc = probes ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	for (size_t i = 0; rc == 0 && i < item->probes.count; i++)
		rc = add_probe(mem, &((const struct nginx_probe *)item->probes.items)[i], bundle, &probes[i], err);
	plan->probes = probes;
	return rc;
}

int nginx_plan(struct certctl_target *self, const struct certctl_host *host, const struct certctl_bundle *bundle,
	const void *item_options, TALLOC_CTX *mem, struct certctl_plan *ret, struct certctl_error *err)
{
	const struct nginx_config *config = self->config;
	const struct nginx_item *item = item_options;
	struct certctl_plan plan = { .validate = self->validate,
		.activate = self->reload,
		.validate_timeout_s = (int32_t)config->validate_timeout_s,
		.activate_timeout_s = (int32_t)config->reload_timeout_s,
		.probe_timeout_s = (int32_t)config->probe_timeout_s };
	int rc;

	(void)host;
	if (!item)
		return certctl_fail(err, CERTCTL_E_INVALID,
			"binding: certificate_path and key_path expected, or combined_path");

	struct draft draft = {
		.mem = mem, .owner = first_of(item->owner, config->owner), .group = first_of(item->group, config->group)
	};

	rc = read_mode("certificate_mode", item->certificate_mode, false, &draft.certificate_mode, err);
	if (rc == 0)
		rc = read_mode("key_mode", item->key_mode, true, &draft.key_mode, err);
	if (rc == 0)
		rc = add_files(&draft, item, err);
	if (rc == 0)
		rc = add_probes(mem, item, bundle, &plan, err);
	if (rc < 0)
		return rc;
	plan.files = talloc_memdup(mem, draft.files, sizeof(draft.files));
	if (!plan.files)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	*ret = plan;
	return 0;
}
