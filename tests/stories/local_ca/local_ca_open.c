/* local_ca_open PLUGIN DIRECTORY STATE: open local-ca on DIRECTORY, its record in the file STATE; prints what `info` says of its key. */
#include <certctl/issuer.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t now_s(const struct certctl_host *host)
{
	(void)host;
	return time(NULL);
}

static int state_get(const struct certctl_host *host, const char *name, TALLOC_CTX *mem, char **ret_value,
	int64_t *ret_version, struct certctl_error *err)
{
	char *text = talloc_zero_size(mem, 200);
	int fd = open(host->context, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return certctl_fail(err, CERTCTL_E_NOT_FOUND, "%s", name);
	ssize_t len = read(fd, text, 199);

	close(fd);
	if (len < 0)
		return certctl_fail_errno(err, errno, "%s", name);
	*ret_value = text;
	*ret_version = 1;
	return 0;
}

/* All or nothing, and only the first: a finished file is linked to its name. */
static int state_put(const struct certctl_host *host, const char *name, const char *value, int64_t expected_version,
	int64_t *ret_version, struct certctl_error *err)
{
	char temporary[512];
	size_t len = strlen(value);

	snprintf(temporary, sizeof(temporary), "%s.%d", (const char *)host->context, (int)getpid());
	int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (expected_version != 0 || fd < 0 || write(fd, value, len) != (ssize_t)len)
		return certctl_fail_errno(err, errno, "%s", name);
	close(fd);
	int rc = link(temporary, host->context);

	if (rc < 0)
		rc = errno == EEXIST ? certctl_fail(err, CERTCTL_E_CONFLICT, "%s", name)
				     : certctl_fail_errno(err, errno, "%s", name);
	unlink(temporary);
	*ret_version = 1;
	return rc;
}

static const struct certctl_plugin *load(const char *path)
{
	void *file = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	certctl_plugin_fn *function = NULL;

	if (!file) {
		fprintf(stderr, "%s\n", dlerror());
		exit(2);
	}
	*(void **)&function = dlsym(file, CERTCTL_PLUGIN_SYMBOL);
	return function();
}

static int fail(const struct certctl_error *err)
{
	fprintf(stderr, "%s: %s\n", certctl_code_name(err->code), err->what);
	return 1;
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	const struct certctl_plugin *plugin = load(argv[1]);
	const struct certctl_issuer_ops *ops = plugin->ops;
	const struct certctl_host host = {
		.size = sizeof(host), .context = argv[3], .now_s = now_s, .state_get = state_get, .state_put = state_put
	};
	TALLOC_CTX *mem = talloc_new(NULL);
	void *config = talloc_zero_size(mem, plugin->config_size);
	json_t *document = json_pack("{s:s}", "directory", argv[2]);
	struct certctl_issuer *issuer = NULL;
	struct certctl_info info = { 0 };
	struct certctl_error err;

	if (certctl_fields_parse(mem, plugin->options, plugin->field_size, document,
		    &(struct certctl_field_reading){ 0 }, config, &err) < 0 ||
		ops->open(&host, config, &issuer, &err) < 0 || ops->info(issuer, &host, mem, &info, &err) < 0)
		return fail(&err);
	for (const struct certctl_fact *const *fact = info.facts; *fact; fact++)
		if (strncmp((*fact)->name, "public key", 10) == 0)
			puts((*fact)->value);
	ops->close(issuer);
	json_decref(document);
	talloc_free(mem);
	return 0;
}
