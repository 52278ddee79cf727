/*
 * A connector call through its process, an empty operation, beside a bare round trip of a byte over a socket pair to a process that
 * echoes; the start of a plugin process; its private memory.
 */
#include "bench.h"

#include "echo.h"

#include <connector.h>
#include <stdlib.h>

#define STARTS 20

/* As large as the frame of an empty call, so that both sides copy the same. */
#define FRAME_BYTES 72

static void run_echo(void *arg, unsigned thread)
{
	(void)thread;
	echo_round_trip(arg);
}

static int echo_pid(void *arg)
{
	return ((const struct echo *)arg)->pid;
}

static void run_call(void *arg, unsigned thread)
{
	struct certctl_error err = { 0 };

	(void)thread;
	if (certctl_connector_test(arg, NULL, &err) < 0)
		bench_die("test", err.what);
}

static int call_pid(void *arg)
{
	return certctl_connector_pid(arg);
}

static struct certctl_pool *open_pool(TALLOC_CTX *mem, const char *build)
{
	const char *dirs[] = { talloc_asprintf(mem, "%s/zoo", build), NULL };
	struct certctl_pool_options options = { .plugin_dirs = dirs,
		.host_program = talloc_asprintf(mem, "%s/bin/certctl-plugin-host", build) };
	struct certctl_pool *pool;
	struct certctl_error err = { 0 };

	if (certctl_pool_new(mem, &options, &pool, &err) < 0)
		bench_die("pool", err.what);
	return pool;
}

static struct certctl_connector *open_plugin(TALLOC_CTX *mem, struct certctl_pool *pool, enum certctl_plugin_kind kind)
{
	const struct certctl_description *description;
	struct certctl_connector_options options = { .name = "bench/good" };
	struct certctl_connector *connector;
	struct certctl_error err = { 0 };

	if (certctl_plugin_describe(pool, kind, "good", &description, &err) < 0)
		bench_die("describe", err.what);
	options.description = description;
	if (certctl_connector_new(mem, pool, &options, &connector, &err) < 0)
		bench_die("connector", err.what);
	return connector;
}

/* From nothing to the first answer. */
static void measure_start(struct certctl_connector *connector)
{
	double values[STARTS];

	for (size_t i = 0; i < STARTS; i++) {
		certctl_connector_stop(connector);
		double begin_s = bench_now_s();

		run_call(connector, 0);
		values[i] = (bench_now_s() - begin_s) * 1000;
	}
	bench_value("call.start", "start of a plugin process to its first answer", "ms", values, STARTS);
}

static void measure_memory(struct certctl_connector *connector)
{
	double mib = (double)bench_private_kib(certctl_connector_pid(connector)) / 1024;

	bench_value("call.memory", "private memory of a plugin process", "MiB", &mib, 1);
}

int main(void)
{
	TALLOC_CTX *mem = talloc_named_const(NULL, 0, "bench");
	const char *build = getenv("CERTCTL_BUILD");
	struct certctl_pool *pool = open_pool(mem, build ? build : ".build/release");
	struct certctl_connector *one = open_plugin(mem, pool, CERTCTL_NOTIFIER),
				 *four = open_plugin(mem, pool, CERTCTL_ISSUER);
	struct echo echo;

	echo_start(&echo, FRAME_BYTES, FRAME_BYTES);
	const struct bench_side sides[] = {
		{ "socket pair", run_echo, &echo, echo_pid },
		{ "connector, one call at a time", run_call, one, call_pid },
		{ "connector, four at a time", run_call, four, call_pid },
		{ 0 },
	};

	run_call(one, 0);
	run_call(four, 0);
	bench_compare(&(struct bench){ .name = "call.empty", .what = "an empty call through a plugin process" }, sides);
	measure_memory(one);
	measure_start(one);
	echo_stop(&echo);
	talloc_free(mem);
	return 0;
}
