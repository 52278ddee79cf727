/* A target that is one PEM file and, where the server wants to be told, one command.  It only plans: the agent writes the file,
 * runs the command, looks at what is served, and puts everything back when that fails. */
#include <certctl/target.h>
#include <string.h>

struct pem_file_config {
	struct certctl_list reload;
	const char *probe_address;
	int64_t probe_port;
};

static const struct certctl_field pem_file_options[] = {
	CERTCTL_OPTION(struct pem_file_config, reload, CERTCTL_LIST, .item_type = CERTCTL_TEXT, .max = 16,
		.help = "Program and arguments that make the server use the file; empty: it notices by itself."),
	CERTCTL_OPTION(struct pem_file_config, probe_address, CERTCTL_HOST, .fallback = "127.0.0.1",
		.help = "Where the certificate must be seen afterwards."),
	CERTCTL_OPTION(struct pem_file_config, probe_port, CERTCTL_INTEGER, .min = 0, .max = 65535,
		.help = "Port of the probe; 0: the deployment ends unverified."),
	{ 0 },
};

/* Of a binding: one certificate in one file. */
struct pem_file_item {
	const char *path;
	const char *owner, *group;
};

static const struct certctl_field pem_file_item_options[] = {
	CERTCTL_OPTION(struct pem_file_item, path, CERTCTL_PATH, .required = true,
		.help = "File that holds key, certificate and chain, as the server's configuration names it."),
	CERTCTL_OPTION(struct pem_file_item, owner, CERTCTL_TEXT, .help = "User that owns it; empty: the worker's."),
	CERTCTL_OPTION(struct pem_file_item, group, CERTCTL_TEXT, .help = "Group that owns it; empty: the worker's."),
	{ 0 },
};

struct certctl_target {
	const struct pem_file_config *config;
	const char **reload; /* argv; NULL: none */
};

static void pem_file_close(struct certctl_target *self)
{
	talloc_free(self);
}

static int pem_file_open(const struct certctl_host *host, const void *config, struct certctl_target **ret,
	struct certctl_error *err)
{
	struct certctl_target *self = talloc_zero(NULL, struct certctl_target);

	(void)host;
	if (!self)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	self->config = config;

	const struct certctl_list *words = &self->config->reload;

	if (words->count && ((const char *const *)words->items)[0][0] != '/') {
		pem_file_close(self);
		return certctl_fail(err, CERTCTL_E_INVALID, "reload: the program's absolute path expected first");
	}
	if (words->count) {
		self->reload = talloc_zero_array(self, const char *, (unsigned)words->count + 1);
		if (!self->reload) {
			pem_file_close(self);
			return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
		}
		memcpy(self->reload, words->items, words->count * sizeof(*self->reload));
	}
	*ret = self;
	return 0;
}

/* There is nothing to ask before the first deployment: the agent says whether it may write and run. */
static int pem_file_test(struct certctl_target *self, const struct certctl_host *host, struct certctl_error *err)
{
	(void)self, (void)host, (void)err;
	return 0;
}

static int pem_file_info(struct certctl_target *self, const struct certctl_host *host, TALLOC_CTX *mem,
	struct certctl_info *ret, struct certctl_error *err)
{
	(void)host, (void)mem, (void)err;
	ret->endpoint = self->reload ? self->reload[0] : "a file";
	ret->authentication = "file permissions";
	return 0;
}

static void plan_probe(const struct pem_file_config *config, const struct certctl_bundle *bundle, TALLOC_CTX *mem,
	struct certctl_plan *ret)
{
	struct certctl_probe *probe = talloc_zero(mem, struct certctl_probe);
	const struct certctl_probe **probes = talloc_zero_array(mem, const struct certctl_probe *, 2);

	probe->address = config->probe_address;
	probe->port = (uint16_t)config->probe_port;
	probe->starttls = CERTCTL_STARTTLS_NONE;
	if (bundle->names[0] && bundle->names[0]->type == CERTCTL_NAME_DNS)
		probe->server_name = bundle->names[0]->text;
	probes[0] = probe;
	ret->probes = probes;
}

static int pem_file_plan(struct certctl_target *self, const struct certctl_host *host,
	const struct certctl_bundle *bundle, const void *item, TALLOC_CTX *mem, struct certctl_plan *ret,
	struct certctl_error *err)
{
	static const struct certctl_part key = { .kind = CERTCTL_PART_KEY };
	static const struct certctl_part leaf = { .kind = CERTCTL_PART_LEAF };
	static const struct certctl_part chain = { .kind = CERTCTL_PART_CHAIN };
	static const struct certctl_part *const parts[] = { &key, &leaf, &chain, NULL };
	const struct pem_file_item *binding = item;
	struct certctl_plan_file *file = talloc_zero(mem, struct certctl_plan_file);
	const struct certctl_plan_file **files = talloc_zero_array(mem, const struct certctl_plan_file *, 2);

	(void)host;
	if (!binding || !binding->path)
		return certctl_fail(err, CERTCTL_E_INVALID, "path: required in the binding");
	if (!file || !files)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	file->path = binding->path;
	file->owner = binding->owner;
	file->group = binding->group;
	file->mode = 0600;
	file->encoding = CERTCTL_FILE_PEM;
	file->parts = parts;
	files[0] = file;
	ret->files = files;
	ret->activate = self->reload;
	if (self->config->probe_port)
		plan_probe(self->config, bundle, mem, ret);
	return 0;
}

static const struct certctl_target_ops pem_file_ops = {
	.size = sizeof(struct certctl_target_ops),
	.open = pem_file_open,
	.close = pem_file_close,
	.test = pem_file_test,
	.info = pem_file_info,
	.plan = pem_file_plan,
};

CERTCTL_PLUGIN(CERTCTL_TARGET, "pem-file", .version = "1.0.0",
	.summary = "One PEM file with key, certificate and chain", .options = pem_file_options,
	.config_size = sizeof(struct pem_file_config), .item_options = pem_file_item_options,
	.item_size = sizeof(struct pem_file_item), .ops = &pem_file_ops);
