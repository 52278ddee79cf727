/*
 * The plugin: open, close, test, info.  A deployment needs only its plan; the commands here are for `test` and `info`, run by
 * the host and only when the local allow-list has them.
 */
#include "nginx.h"

#include "dump.h"

#include <string.h>

#define COMMAND_TIMEOUT_S 20
#define DUMP_MAX          (4 * 1024 * 1024)

static void nginx_close(struct certctl_target *self)
{
	talloc_free(self);
}

static int nginx_open(const struct certctl_host *host, const void *options, struct certctl_target **ret,
	struct certctl_error *err)
{
	struct certctl_target *self = talloc_zero(NULL, struct certctl_target);
	const struct nginx_config *config = options;

	(void)host;
	if (!self)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	self->config = config;
	self->validate = nginx_argv(self, config, "-t", NULL);
	self->dump = nginx_argv(self, config, "-T", "-q");
	if (config->reload == NGINX_RELOAD_SYSTEMD) {
		self->reload = talloc_zero_array(self, const char *, 4);
		if (self->reload) {
			self->reload[0] = config->systemctl;
			self->reload[1] = "reload";
			self->reload[2] = config->unit;
		}
	} else {
		self->reload = nginx_argv(self, config, "-s", "reload");
	}
	if (!self->validate || !self->dump || !self->reload) {
		nginx_close(self);
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	}
	*ret = self;
	return 0;
}

static const char *first_line(char *output)
{
	output[strcspn(output, "\n")] = 0;
	return output;
}

static int nginx_test(struct certctl_target *self, const struct certctl_host *host, struct certctl_error *err)
{
	const struct certctl_command command = { .argv = self->validate, .timeout_s = COMMAND_TIMEOUT_S };
	struct certctl_command_result result = { 0 };
	TALLOC_CTX *mem = talloc_new(NULL);
	int rc = host->run(host, &command, mem, &result, err);

	if (rc == 0 && result.exit_code != 0) {
		rc = certctl_fail(err, CERTCTL_E_DENIED, "%s -t: %.120s", self->config->binary,
			first_line(result.output));
		certctl_hint(err, "nginx refuses its configuration as it is now: a deployment would be put back.");
	}
	talloc_free(mem);
	return rc;
}

/* "nginx version: nginx/1.22.1" */
static const char *ask_version(const struct certctl_target *self, const struct certctl_host *host, TALLOC_CTX *mem)
{
	const char *const argv[] = { self->config->binary, "-v", NULL };
	const struct certctl_command command = { .argv = argv, .timeout_s = COMMAND_TIMEOUT_S };
	struct certctl_command_result result = { 0 };

	if (host->run(host, &command, mem, &result, NULL) < 0 || result.exit_code != 0)
		return "unknown: the command is not permitted, or failed";
	const char *version = strstr(first_line(result.output), "nginx/");

	return version ? version : result.output;
}

static int nginx_info(struct certctl_target *self, const struct certctl_host *host, TALLOC_CTX *mem,
	struct certctl_info *ret, struct certctl_error *err)
{
	struct certctl_fact *facts = talloc_zero_array(mem, struct certctl_fact, 2);
	const struct certctl_fact **rows = talloc_zero_array(mem, const struct certctl_fact *, 3);

	if (!facts || !rows)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	facts[0] = (struct certctl_fact){ "version", ask_version(self, host, mem) };
	facts[1] = (struct certctl_fact){ "reload", certctl_command_text(mem, self->reload) };
	rows[0] = &facts[0];
	rows[1] = &facts[1];
	ret->endpoint = self->config->config ? self->config->config : self->config->binary;
	ret->authentication = "file permissions";
	ret->facts = rows;
	return 0;
}

static int nginx_inventory(struct certctl_target *self, const struct certctl_host *host, TALLOC_CTX *mem,
	const struct certctl_inventory_item *const **ret, struct certctl_error *err)
{
	const struct certctl_command command = {
		.argv = self->dump, .timeout_s = COMMAND_TIMEOUT_S, .output_max = DUMP_MAX
	};
	struct certctl_command_result result = { 0 };
	int rc = host->run(host, &command, mem, &result, err);

	if (rc < 0)
		return rc;
	if (result.exit_code != 0)
		return certctl_fail(err, CERTCTL_E_DENIED, "%s -T: %.120s", self->config->binary,
			first_line(result.output));
	if (result.output_cut)
		return certctl_fail(err, CERTCTL_E_LIMIT, "%s -T: more than %d bytes of configuration",
			self->config->binary, DUMP_MAX);
	return nginx_dump_read(mem, result.output, result.output_len, ret, err);
}

static const struct certctl_target_ops nginx_ops = {
	.size = sizeof(struct certctl_target_ops),
	.caps = CERTCTL_TARGET_CAN_INVENTORY,
	.open = nginx_open,
	.close = nginx_close,
	.test = nginx_test,
	.info = nginx_info,
	.plan = nginx_plan,
	.inventory = nginx_inventory,
};

CERTCTL_PLUGIN(CERTCTL_TARGET, "nginx", .version = "1.0.0", .summary = "nginx: certificate files, nginx -t, reload",
	.options = nginx_options, .config_size = sizeof(struct nginx_config), .item_options = nginx_item_options,
	.item_size = sizeof(struct nginx_item), .needs = CERTCTL_NEEDS_COMMANDS, .ops = &nginx_ops);
