/*
 * A certificate of local-ca: its operation called in this process, and through the process that it really runs in.  Between them what
 * no process of its own can beat: the call in this process, and frames as large there and back, of which nothing is read.
 */
#include "bench.h"
#include "echo.h"

#include "sdk/host/connector.h"

#include <certctl/certificate.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Each thread asks with its own order; the CSR is the same, as a CA does not care. */
struct fixture {
	struct certctl_connector *connector;
	const struct certctl_issuer_ops *ops;
	struct certctl_issuer *issuer;
	struct certctl_order order;
	struct echo echo;
};

/* As large as the frames of this order and its certificate. */
#define REQUEST_BYTES 825
#define REPLY_BYTES   1473

static void check(int rc, const char *what, const struct certctl_error *err)
{
	if (rc < 0)
		bench_die(what, err->what);
}

static int64_t now_s(const struct certctl_host *host)
{
	(void)host;
	return (int64_t)time(NULL);
}

static bool never_cancelled(const struct certctl_host *host)
{
	(void)host;
	return false;
}

static const struct certctl_host bare_host = {
	.size = sizeof(bare_host), .now_s = now_s, .cancelled = never_cancelled
};

static void expect_leaf(int rc, const struct certctl_issued *issued, const struct certctl_error *err)
{
	check(rc, "issue", err);
	if (issued->outcome != CERTCTL_ISSUED || !issued->leaf_pem)
		bench_die("issue", "no certificate");
}

static void issue_direct(void *arg, unsigned thread)
{
	struct fixture *fixture = arg;
	struct certctl_issued issued = { 0 };
	struct certctl_error err = { 0 };
	TALLOC_CTX *mem = talloc_new(NULL);

	(void)thread;
	expect_leaf(fixture->ops->issue(fixture->issuer, &bare_host, &fixture->order, mem, &issued, &err), &issued,
		&err);
	talloc_free(mem);
}

static void issue_direct_and_echo(void *arg, unsigned thread)
{
	issue_direct(arg, thread);
	echo_round_trip(&((const struct fixture *)arg)->echo);
}

static int echo_pid(void *arg)
{
	return ((const struct fixture *)arg)->echo.pid;
}

static void issue_through_process(void *arg, unsigned thread)
{
	struct fixture *fixture = arg;
	struct certctl_issued issued = { 0 };
	struct certctl_error err = { 0 };
	TALLOC_CTX *mem = talloc_new(NULL);

	(void)thread;
	expect_leaf(certctl_issuer_issue(fixture->connector, &fixture->order, NULL, NULL, mem, &issued, &err), &issued,
		&err);
	talloc_free(mem);
}

static int host_pid(void *arg)
{
	return certctl_connector_pid(((struct fixture *)arg)->connector);
}

static void make_order(TALLOC_CTX *mem, struct certctl_order *ret)
{
	const struct certctl_name **names = talloc_zero_array(mem, const struct certctl_name *, 2);
	struct certctl_name *name = talloc(mem, struct certctl_name);
	struct certctl_error err = { 0 };
	struct certctl_key *key;
	unsigned char serial[20];
	char *csr;

	check(certctl_name_make(mem, CERTCTL_NAME_DNS, "bench.example.com", name, &err), "name", &err);
	names[0] = name;
	check(certctl_key_generate(mem, CERTCTL_ECDSA_P256, &key, &err), "key", &err);
	check(certctl_csr_make(mem, key, &(struct certctl_csr_request){ .common_name = name->text, .names = names },
		      &csr, &err),
		"csr", &err);
	check(certctl_serial_make(serial, &err), "serial", &err);
	*ret = (struct certctl_order){ .id = "job-bench",
		.kind = CERTCTL_ORDER_ISSUE,
		.key_type = CERTCTL_ECDSA_P256,
		.csr_pem = csr,
		.names = names,
		.common_name = name->text,
		.serial = certctl_hex(mem, serial, sizeof(serial)),
		.not_before_unix_s = time(NULL) - 300,
		.not_after_unix_s = time(NULL) + 90 * 86400 };
}

/* The plugin in this process: what no program of ours does, to know what the process around it costs. */
static void open_direct(struct fixture *fixture, TALLOC_CTX *mem, const char *build, const json_t *config)
{
	void *library =
		dlopen(talloc_asprintf(mem, "%s/plugins/certctl-issuer-local-ca.so", build), RTLD_NOW | RTLD_LOCAL);
	certctl_plugin_fn *entry = NULL;
	struct certctl_error err = { 0 };

	if (!library)
		bench_die("local-ca", dlerror());
	*(void **)&entry = dlsym(library, CERTCTL_PLUGIN_SYMBOL);
	if (!entry)
		bench_die("local-ca", dlerror());
	const struct certctl_plugin *plugin = entry();
	void *options = talloc_zero_size(mem, plugin->config_size);

	check(certctl_fields_parse(mem, plugin->options, plugin->field_size, config,
		      &(struct certctl_field_reading){ 0 }, options, &err),
		"options", &err);
	fixture->ops = plugin->ops;
	check(fixture->ops->open(&bare_host, options, &fixture->issuer, &err), "open", &err);
}

int main(void)
{
	static const unsigned alone[] = { 1, 0 }, four[] = { 4, 0 };
	const char *build = getenv("CERTCTL_BUILD") ? getenv("CERTCTL_BUILD") : ".build/release";
	char directory[] = "/tmp/certctl-bench-XXXXXX";
	TALLOC_CTX *mem = talloc_new(NULL);
	struct fixture fixture = { 0 };
	struct certctl_error err = { 0 };
	struct certctl_pool *pool;
	const struct certctl_description *description;

	echo_start(&fixture.echo, REQUEST_BYTES, REPLY_BYTES);
	if (!mkdtemp(directory))
		bench_die("mkdtemp", directory);
	CERTCTL_AUTO(json_decref)
	json_t *config = json_pack("{s:s,s:s}", "directory", directory, "key_type", "ECDSA_P256");
	const char *plugin_dirs[] = { talloc_asprintf(mem, "%s/plugins", build), NULL };
	struct certctl_pool_options options = { .plugin_dirs = plugin_dirs,
		.host_program = talloc_asprintf(mem, "%s/bin/certctl-plugin-host", build) };

	check(certctl_pool_new(mem, &options, &pool, &err), "pool", &err);
	check(certctl_plugin_describe(pool, CERTCTL_ISSUER, "local-ca", &description, &err), "describe", &err);
	struct certctl_connector_options connector = {
		.name = "issuers/bench", .description = description, .config = config
	};

	check(certctl_connector_new(mem, pool, &connector, &fixture.connector, &err), "connector", &err);
	make_order(mem, &fixture.order);
	check(certctl_connector_test(fixture.connector, NULL, &err), "test", &err); /* makes the CA */
	open_direct(&fixture, mem, build, config);

	const struct bench_side direct = { .name = "local-ca called direct", .run = issue_direct, .arg = &fixture },
				echoed = { .name = "direct, and a bare round trip",
					.run = issue_direct_and_echo,
					.arg = &fixture,
					.cpu_pid = echo_pid },
				through = { .name = "through its process",
					.run = issue_through_process,
					.arg = &fixture,
					.cpu_pid = host_pid };
	static const char what[] = "one P-256 certificate, request to signed and linted PEM";

	bench_compare(&(struct bench){ .name = "issue", .what = what, .concurrency = alone },
		(struct bench_side[]){ direct, echoed, through, { 0 } });
	bench_compare(&(struct bench){ .name = "issue", .what = what, .concurrency = four },
		(struct bench_side[]){ direct, through, { 0 } });
	echo_stop(&fixture.echo);
	fixture.ops->close(fixture.issuer);
	talloc_free(mem);
	return execlp("rm", "rm", "-rf", directory, (char *)NULL);
}
