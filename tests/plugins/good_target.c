/* A target that is right in everything; it runs the commands of the plan through its host, so that tests can see the runner. */
#include <certctl/target.h>

#include <string.h>

struct config {
	const char *directory;
	struct certctl_secret password;
};
static const struct certctl_field options[] = {
	CERTCTL_OPTION(struct config, directory, CERTCTL_PATH, .fallback = "/srv/tls", .help = "Where the files go."),
	CERTCTL_OPTION(struct config, password, CERTCTL_SECRET,
		.help = "Of a PKCS#12 store beside them; empty: there is none."),
	{ 0 },
};

struct item {
	const char *server_name;
};
static const struct certctl_field item_options[] = {
	CERTCTL_OPTION(struct item, server_name, CERTCTL_HOST, .fallback = "www.example.com",
		.help = "Which name to probe."),
	{ 0 },
};

struct certctl_target {
	const struct config *config;
};

static int open_target(const struct certctl_host *host, const void *config, struct certctl_target **ret,
	struct certctl_error *err)
{
	struct certctl_target *self = talloc_zero(NULL, struct certctl_target);

	(void)host;
	if (!self)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "no memory");
	self->config = config;
	*ret = self;
	return 0;
}

static void close_target(struct certctl_target *self)
{
	talloc_free(self);
}

static int test_target(struct certctl_target *self, const struct certctl_host *host, struct certctl_error *err)
{
	(void)self, (void)host, (void)err;
	return 0;
}

static int info(struct certctl_target *self, const struct certctl_host *host, TALLOC_CTX *mem, struct certctl_info *ret,
	struct certctl_error *err)
{
	(void)host, (void)mem, (void)err;
	ret->endpoint = self->config->directory;
	return 0;
}

static int plan(struct certctl_target *self, const struct certctl_host *host, const struct certctl_bundle *bundle,
	const void *item_options_, TALLOC_CTX *mem, struct certctl_plan *ret, struct certctl_error *err)
{
	static const struct certctl_part leaf = { .kind = CERTCTL_PART_LEAF }, key = { .kind = CERTCTL_PART_KEY },
					 text = { .kind = CERTCTL_PART_TEXT, .text = "# made by certctl\n" };
	static const struct certctl_part *const parts[] = { &text, &leaf, &key, NULL };
	static const struct certctl_part *const store_parts[] = { &leaf, &key, NULL };
	static const char *const validate_argv[] = { "/usr/bin/true", NULL };
	const struct item *item = item_options_;
	struct certctl_plan_file *file = talloc_zero(mem, struct certctl_plan_file);
	struct certctl_plan_file *store = talloc_zero(mem, struct certctl_plan_file);
	const struct certctl_plan_file **files = talloc_zero_array(mem, const struct certctl_plan_file *, 3);
	struct certctl_probe *probe = talloc_zero(mem, struct certctl_probe);
	const struct certctl_probe **probes = talloc_zero_array(mem, const struct certctl_probe *, 2);

	(void)host;
	if (!file || !store || !files || !probe || !probes)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "no memory");
	if (bundle->key_pem)
		return certctl_fail(err, CERTCTL_E_INTERNAL, "a key reached a plugin that did not ask for one");
	file->path = talloc_asprintf(mem, "%s/%s.pem", self->config->directory, bundle->certificate_id);
	file->mode = 0640;
	file->encoding = CERTCTL_FILE_PEM;
	file->parts = parts;
	probe->address = "127.0.0.1";
	probe->port = 443;
	probe->server_name = item->server_name;
	probe->starttls = CERTCTL_STARTTLS_SMTP;
	store->path = talloc_asprintf(mem, "%s/%s.p12", self->config->directory, bundle->certificate_id);
	store->encoding = CERTCTL_FILE_PKCS12;
	store->parts = store_parts;
	store->password = &self->config->password;
	store->alias = bundle->certificate_id;
	files[0] = file;
	files[1] = self->config->password.len ? store : NULL;
	probes[0] = probe;
	ret->files = files;
	ret->probes = probes;
	ret->validate = validate_argv;
	ret->activate_timeout_s = 5;
	return 0;
}

static int run(const struct certctl_host *host, const char *const *argv, bool leave, struct certctl_error *err)
{
	struct certctl_command command = { .argv = argv, .timeout_s = 20, .leave_descendants = leave };
	struct certctl_command_result result = { 0 };
	TALLOC_CTX *mem = talloc_new(NULL);
	int rc = host->run(host, &command, mem, &result, err);

	if (rc == 0 && result.exit_code != 0)
		rc = certctl_fail(err, CERTCTL_E_DENIED, "%s: exit %d: %s", argv[0], result.exit_code, result.output);
	talloc_free(mem);
	return rc;
}

/* Both ask to leave what they start; the host grants it to activate alone. */
static int validate(struct certctl_target *self, const struct certctl_host *host, const struct certctl_bundle *bundle,
	const struct certctl_plan *what, struct certctl_error *err)
{
	(void)self, (void)bundle;
	return run(host, what->validate, true, err);
}

static int activate(struct certctl_target *self, const struct certctl_host *host,
	const struct certctl_bundle *const *bundles, const struct certctl_plan *const *plans, struct certctl_error *err)
{
	int rc = 0;

	(void)self, (void)bundles;
	for (; rc == 0 && *plans; plans++)
		if ((*plans)->activate)
			rc = run(host, (*plans)->activate, true, err);
	return rc;
}

static int served(struct certctl_target *self, const struct certctl_host *host, const struct certctl_bundle *bundle,
	const void *item, TALLOC_CTX *mem, const char **ret_fingerprint, struct certctl_error *err)
{
	(void)self, (void)host, (void)item, (void)err;
	*ret_fingerprint = talloc_strdup(mem, bundle->fingerprint_sha256);
	return 0;
}

static int inventory(struct certctl_target *self, const struct certctl_host *host, TALLOC_CTX *mem,
	const struct certctl_inventory_item *const **ret, struct certctl_error *err)
{
	static const char *const names[] = { "www.example.com", "example.com", NULL };
	static const struct certctl_inventory_item item = { .certificate_path = "/srv/tls/www.pem",
		.server_names = names,
		.address = "0.0.0.0:443",
		.source = "/etc/server.conf:12" };
	static const struct certctl_inventory_item *const items[] = { &item, NULL };

	(void)self, (void)host, (void)mem, (void)err;
	*ret = items;
	return 0;
}

static const struct certctl_target_ops ops = {
	.size = sizeof(ops),
	.caps = CERTCTL_TARGET_CAN_VALIDATE | CERTCTL_TARGET_CAN_ACTIVATE | CERTCTL_TARGET_CAN_SERVED |
		CERTCTL_TARGET_CAN_INVENTORY,
	.open = open_target,
	.close = close_target,
	.test = test_target,
	.info = info,
	.plan = plan,
	.validate = validate,
	.activate = activate,
	.served = served,
	.inventory = inventory,
};

CERTCTL_PLUGIN(CERTCTL_TARGET, "good", .version = "1.0.0", .summary = "A target that is right in everything",
	.options = options, .config_size = sizeof(struct config), .item_options = item_options,
	.item_size = sizeof(struct item), .needs = CERTCTL_NEEDS_COMMANDS, .ops = &ops);
