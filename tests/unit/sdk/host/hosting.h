/** What tests of plugin processes share: a pool over the zoo, and connectors to its animals. */
#ifndef CERTCTL_TEST_HOSTING_H
#define CERTCTL_TEST_HOSTING_H

#include "test.h"

#include <certctl/time.h>
#include <connector.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HOSTING_UNUSED __attribute__((unused))

static inline char *zoo_dir(void)
{
	return talloc_asprintf(test_mem(), "%s/zoo", test_build_dir());
}

static inline char *zoo_file(const char *name)
{
	return talloc_asprintf(test_mem(), "%s/certctl-%s.so", zoo_dir(), name);
}

/** `options` supplies what the caller wants different; plugin_dirs and host_program are filled when missing. */
static inline struct certctl_pool *zoo_pool_with(struct certctl_pool_options options)
{
	const char *dirs[] = { zoo_dir(), NULL };
	struct certctl_pool *pool = NULL;
	struct certctl_error err;

	if (!options.plugin_dirs)
		options.plugin_dirs = dirs;
	if (!options.host_program)
		options.host_program = talloc_asprintf(test_mem(), "%s/bin/certctl-plugin-host", test_build_dir());
	ASSERT_OK(certctl_pool_new(NULL, &options, &pool, &err), err);
	return pool;
}

/** One pool a program, so that each animal is described once. */
static inline struct certctl_pool *zoo_pool(void)
{
	static struct certctl_pool *pool;

	if (!pool)
		pool = zoo_pool_with((struct certctl_pool_options){ 0 });
	return pool;
}

/** A connector to zoo/certctl-<kind>-<id>.so; `config` in JSON with ' for ", or NULL. */
static inline struct certctl_connector *zoo_open_in(struct certctl_pool *pool, enum certctl_plugin_kind kind,
	const char *id, const char *config, const char *const *const *commands)
{
	const struct certctl_description *description = NULL;
	struct certctl_connector *connector = NULL;
	struct certctl_error err = { 0 };
	char *text = talloc_strdup(test_mem(), config ? config : "{}");

	for (char *quote = strchr(text, '\''); quote; quote = strchr(quote, '\''))
		*quote = '"';
	json_t *document = json_loads(text, 0, NULL);

	CU_ASSERT_PTR_NOT_NULL(document);
	ASSERT_OK(certctl_plugin_describe(pool, kind, id, &description, &err), err);
	if (description) {
		struct certctl_connector_options options = { .name = talloc_asprintf(test_mem(), "zoo/%s", id),
			.description = description,
			.config = document,
			.commands = commands };

		ASSERT_OK(certctl_connector_new(NULL, pool, &options, &connector, &err), err);
	}
	json_decref(document);
	CU_ASSERT_PTR_NOT_NULL_FATAL(connector);
	return connector;
}

static inline struct certctl_connector *zoo_issuer(const char *id, const char *config)
{
	return zoo_open_in(zoo_pool(), CERTCTL_ISSUER, id, config, NULL);
}

/** issue() of the good issuer, doing `deed` for `wait_ms`. */
static inline int issue_deed(struct certctl_connector *connector, const char *deed, int wait_ms,
	const struct certctl_call *call, struct certctl_issued *ret, struct certctl_error *err)
{
	struct certctl_order order = { .id = "job-1", .kind = CERTCTL_ORDER_ISSUE, .serial = "0a" };
	json_t *item = json_pack("{s:s, s:i}", "deed", deed, "wait_ms", wait_ms);
	int rc = certctl_issuer_issue(connector, &order, item, call, test_mem(), ret, err);

	json_decref(item);
	return rc;
}

/** A neighbour that must not notice anything. */
static inline void good_still_answers(struct certctl_connector *good)
{
	struct certctl_error err = { 0 };

	ASSERT_OK(certctl_connector_test(good, NULL, &err), err);
}

/** Tests that start processes end them all, or the next test counts them. */
static inline void end_pool(struct certctl_pool *pool)
{
	talloc_free(pool);
}

static inline void sleep_ms(long ms)
{
	nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
}

/* Generous: a machine under load is slow, not wrong. */
static inline bool becomes(bool (*is_so)(void *arg), void *arg)
{
	int64_t until_ms = certctl_monotonic_ms() + 20000;

	while (!is_so(arg) && certctl_monotonic_ms() < until_ms)
		sleep_ms(5);
	return is_so(arg);
}

static inline bool has_gone(void *arg)
{
	return kill(*(int *)arg, 0) < 0;
}

/** A call of its own thread. */
struct job {
	struct certctl_connector *connector;
	const char *deed;
	int wait_ms;
	struct certctl_call call;
	int rc;
	struct certctl_error err;
	char leaf[64];
};

/* On its own memory: contexts of one parent belong to one thread. */
static inline void *do_job(void *arg)
{
	struct job *job = arg;
	struct certctl_order order = { .id = "job-1" };
	struct certctl_issued issued = { 0 };
	TALLOC_CTX *mem = talloc_new(NULL);
	json_t *item = json_pack("{s:s, s:i}", "deed", job->deed, "wait_ms", job->wait_ms);

	job->rc = certctl_issuer_issue(job->connector, &order, item, &job->call, mem, &issued, &job->err);
	snprintf(job->leaf, sizeof(job->leaf), "%s", job->rc == 0 && issued.leaf_pem ? issued.leaf_pem : "");
	json_decref(item);
	talloc_free(mem);
	return NULL;
}

#endif
