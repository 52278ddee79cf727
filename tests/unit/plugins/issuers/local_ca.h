/** local-ca as its host loads it, with a host of ours that keeps state in memory; orders for it. */
#ifndef CERTCTL_TEST_LOCAL_CA_H
#define CERTCTL_TEST_LOCAL_CA_H

#include "test.h"

#include <certctl/certificate.h>
#include <certctl/issuer.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW INT64_C(1800000000)
#define DAY INT64_C(86400)

/* --- A host ------------------------------------------------------------------------------------------------------- */

struct memory {
	char value[100];
	bool is_set, is_lost; /* lost: written by another server between our look and our write */
};

static inline int64_t now_s(const struct certctl_host *host)
{
	(void)host;
	return NOW;
}

static inline int state_get(const struct certctl_host *host, const char *name, TALLOC_CTX *mem, char **ret_value,
	int64_t *ret_version, struct certctl_error *err)
{
	struct memory *memory = host->context;

	if (!memory->is_set)
		return certctl_fail(err, CERTCTL_E_NOT_FOUND, "%s", name);
	*ret_value = talloc_strdup(mem, memory->value);
	*ret_version = 1;
	return 0;
}

static inline int state_put(const struct certctl_host *host, const char *name, const char *value,
	int64_t expected_version, int64_t *ret_version, struct certctl_error *err)
{
	struct memory *memory = host->context;

	if (memory->is_lost) {
		memory->is_set = true;
		snprintf(memory->value, sizeof(memory->value), "%064d", 0);
	}
	if (memory->is_set || expected_version != 0)
		return certctl_fail(err, CERTCTL_E_CONFLICT, "%s", name);
	snprintf(memory->value, sizeof(memory->value), "%s", value);
	memory->is_set = true;
	*ret_version = 1;
	return 0;
}

static inline struct certctl_host make_host(struct memory *memory)
{
	return (struct certctl_host){ .size = sizeof(struct certctl_host),
		.context = memory,
		.now_s = now_s,
		.state_get = memory ? state_get : NULL,
		.state_put = memory ? state_put : NULL };
}

static inline const struct certctl_plugin *plugin(void)
{
	static const struct certctl_plugin *descriptor;

	if (!descriptor) {
		void *file =
			dlopen(talloc_asprintf(test_mem(), "%s/plugins/certctl-issuer-local-ca.so", test_build_dir()),
				RTLD_NOW | RTLD_LOCAL);
		certctl_plugin_fn *function = NULL;

		if (!file) {
			fprintf(stderr, "%s\n", dlerror());
			abort();
		}
		*(void **)&function = dlsym(file, CERTCTL_PLUGIN_SYMBOL);
		descriptor = function();
	}
	return descriptor;
}

static inline const struct certctl_issuer_ops *ops(void)
{
	return plugin()->ops;
}

static inline void *parse(const struct certctl_field *fields, size_t size, const char *json)
{
	void *config = talloc_zero_size(test_mem(), size);
	json_t *document = json_loads(json, 0, NULL);
	struct certctl_error err;

	CU_ASSERT_PTR_NOT_NULL_FATAL(document);
	ASSERT_OK(certctl_fields_parse(test_mem(), fields, plugin()->field_size, document,
			  &(struct certctl_field_reading){ 0 }, config, &err),
		err);
	json_decref(document);
	return config;
}

static inline int open_ca(const char *json, struct memory *memory, struct certctl_issuer **ret,
	struct certctl_error *err)
{
	struct certctl_host host = make_host(memory);

	return ops()->open(&host, parse(plugin()->options, plugin()->config_size, json), ret, err);
}

static inline const char *in_directory(const char *directory, const char *more)
{
	return talloc_asprintf(test_mem(), "{\"directory\": \"%s\"%s}", directory, more);
}

/* --- Orders --------------------------------------------------------------------------------------------------------- */

static const struct certctl_name www = { CERTCTL_NAME_DNS, "www.example.com" },
				 any = { CERTCTL_NAME_DNS, "*.example.com" }, evil = { CERTCTL_NAME_DNS, "evil.test" },
				 address = { CERTCTL_NAME_IP, "192.0.2.7" },
				 workload = { CERTCTL_NAME_URI, "spiffe://example.com/db" };
static const struct certctl_name *const only_www[] = { &www, NULL }, *const several[] = { &any, &www, &address, NULL },
					*const only_evil[] = { &evil, NULL },
					*const only_workload[] = { &workload, NULL };

static inline struct certctl_order make_order(enum certctl_key_type type, const struct certctl_name *const *names)
{
	struct certctl_csr_request request = { .names = names };
	struct certctl_key *key = NULL;
	struct certctl_error err;
	char *pem = NULL;

	ASSERT_OK(certctl_key_generate(test_mem(), type, &key, &err), err);
	ASSERT_OK(certctl_csr_make(test_mem(), key, &request, &pem, &err), err);
	return (struct certctl_order){ .id = "job-1",
		.kind = CERTCTL_ORDER_ISSUE,
		.key_type = type,
		.csr_pem = pem,
		.names = names,
		.serial = "4a0102030405060708090a0b0c0d0e0f10111213",
		.not_before_unix_s = NOW - 300,
		.not_after_unix_s = NOW - 300 + 90 * DAY - 1 };
}

static inline int issue(struct certctl_issuer *ca, const struct certctl_order *order, struct certctl_issued *ret,
	struct certctl_error *err)
{
	struct memory none = { 0 };
	struct certctl_host host = make_host(&none);

	*ret = (struct certctl_issued){ 0 };
	return ops()->issue(ca, &host, order, test_mem(), ret, err);
}

static inline struct certctl_certificate *read_pem(const char *pem)
{
	struct certctl_certificate *certificate = NULL;
	struct certctl_error err;

	ASSERT_OK(certctl_certificate_read(test_mem(), pem, strlen(pem), &certificate, &err), err);
	return certificate;
}

static inline char *read_file(const char *directory, const char *name)
{
	FILE *file = fopen(talloc_asprintf(test_mem(), "%s/%s", directory, name), "re");
	char *text = talloc_zero_size(test_mem(), 20000);

	if (!file)
		return NULL;
	(void)!fread(text, 1, 19999, file);
	fclose(file);
	return text;
}

#endif
