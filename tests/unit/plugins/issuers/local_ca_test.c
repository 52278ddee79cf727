/* The plugin's file, loaded as its host does, called with a host of ours that keeps state in memory. */
#include "test.h"

#include <certctl/certificate.h>
#include <certctl/issuer.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOW INT64_C(1800000000)
#define DAY INT64_C(86400)

/* --- A host ------------------------------------------------------------------------------------------------------- */

struct memory {
	char value[100];
	bool is_set, is_lost; /* lost: written by another server between our look and our write */
};

static int64_t now_s(const struct certctl_host *host)
{
	(void)host;
	return NOW;
}

static int state_get(const struct certctl_host *host, const char *name, TALLOC_CTX *mem, char **ret_value,
	int64_t *ret_version, struct certctl_error *err)
{
	struct memory *memory = host->context;

	if (!memory->is_set)
		return certctl_fail(err, CERTCTL_E_NOT_FOUND, "%s", name);
	*ret_value = talloc_strdup(mem, memory->value);
	*ret_version = 1;
	return 0;
}

static int state_put(const struct certctl_host *host, const char *name, const char *value, int64_t expected_version,
	int64_t *ret_version, struct certctl_error *err)
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

static struct certctl_host make_host(struct memory *memory)
{
	return (struct certctl_host){ .size = sizeof(struct certctl_host),
		.context = memory,
		.now_s = now_s,
		.state_get = memory ? state_get : NULL,
		.state_put = memory ? state_put : NULL };
}

static const struct certctl_plugin *plugin(void)
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

static const struct certctl_issuer_ops *ops(void)
{
	return plugin()->ops;
}

static void *parse(const struct certctl_field *fields, size_t size, const char *json)
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

static int open_ca(const char *json, struct memory *memory, struct certctl_issuer **ret, struct certctl_error *err)
{
	struct certctl_host host = make_host(memory);

	return ops()->open(&host, parse(plugin()->options, plugin()->config_size, json), ret, err);
}

static const char *in_directory(const char *directory, const char *more)
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

static struct certctl_order make_order(enum certctl_key_type type, const struct certctl_name *const *names)
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

static int issue(struct certctl_issuer *ca, const struct certctl_order *order, struct certctl_issued *ret,
	struct certctl_error *err)
{
	struct memory none = { 0 };
	struct certctl_host host = make_host(&none);

	*ret = (struct certctl_issued){ 0 };
	return ops()->issue(ca, &host, order, test_mem(), ret, err);
}

static struct certctl_certificate *read_pem(const char *pem)
{
	struct certctl_certificate *certificate = NULL;
	struct certctl_error err;

	ASSERT_OK(certctl_certificate_read(test_mem(), pem, strlen(pem), &certificate, &err), err);
	return certificate;
}

static char *read_file(const char *directory, const char *name)
{
	FILE *file = fopen(talloc_asprintf(test_mem(), "%s/%s", directory, name), "re");
	char *text = talloc_zero_size(test_mem(), 20000);

	if (!file)
		return NULL;
	(void)!fread(text, 1, 19999, file);
	fclose(file);
	return text;
}

/* --- Where the CA comes from ------------------------------------------------------------------------------------------ */

static void a_ca_is_made_once_and_found_again(void)
{
	static const char *const types[] = { "RSA_2048", "ECDSA_P256", "ECDSA_P384", "ED25519" };

	for (size_t i = 0; i < CERTCTL_COUNT(types); i++) {
		const char *directory = test_temporary_dir(), *first, *config;
		struct certctl_issuer *ca = NULL;
		struct memory memory = { 0 };
		struct certctl_error err;
		struct stat status;

		config = in_directory(directory, talloc_asprintf(test_mem(), ", \"key_type\": \"%s\"", types[i]));
		ASSERT_OK(open_ca(config, &memory, &ca, &err), err);
		ops()->close(ca);
		first = read_file(directory, "ca/ca.crt");
		ASSERT_TEXT(certctl_key_type_name(read_pem(first)->key_type), types[i]);
		ASSERT_TEXT(memory.value, read_pem(first)->public_key_sha256);
		CU_ASSERT_EQUAL(stat(talloc_asprintf(test_mem(), "%s/ca/ca.key", directory), &status), 0);
		CU_ASSERT_EQUAL(status.st_mode & 07777, 0600);
		ASSERT_OK(open_ca(config, &memory, &ca, &err), err);
		ops()->close(ca);
		ASSERT_TEXT(read_file(directory, "ca/ca.crt"), first);
	}
}

static void hosts_that_start_at_once_make_one_ca(void)
{
	const char *directory = test_temporary_dir(), *config = in_directory(directory, "");
	pid_t children[6];

	plugin();
	for (size_t i = 0; i < CERTCTL_COUNT(children); i++) {
		children[i] = fork();
		if (children[i] == 0) {
			struct certctl_issuer *ca = NULL;
			struct certctl_issued issued;
			struct certctl_error err;
			struct certctl_order order = make_order(CERTCTL_ECDSA_P256, only_www);

			order.serial = NULL;
			if (open_ca(config, NULL, &ca, &err) < 0 || issue(ca, &order, &issued, &err) < 0)
				_exit(1);
			_exit(strcmp(issued.chain_pem, read_file(directory, "ca/ca.crt")) == 0 ? 0 : 2);
		}
	}
	for (size_t i = 0; i < CERTCTL_COUNT(children); i++) {
		int status = -1;

		waitpid(children[i], &status, 0);
		CU_ASSERT_EQUAL(status, 0);
	}
}

/* What a crash leaves before the rename: with its record it is finished, without it is made anew. */
static void a_crash_in_between_is_finished_or_forgotten(void)
{
	const char *directory = test_temporary_dir(), *config = in_directory(directory, ""), *made;
	struct certctl_issuer *ca = NULL;
	struct memory memory = { 0 };
	struct certctl_error err;

	ASSERT_OK(open_ca(config, &memory, &ca, &err), err);
	ops()->close(ca);
	made = read_file(directory, "ca/ca.crt");
	CU_ASSERT_EQUAL(rename(talloc_asprintf(test_mem(), "%s/ca", directory),
				talloc_asprintf(test_mem(), "%s/ca.new", directory)),
		0);
	ASSERT_OK(open_ca(config, &memory, &ca, &err), err);
	ops()->close(ca);
	ASSERT_TEXT(read_file(directory, "ca/ca.crt"), made);

	CU_ASSERT_EQUAL(rename(talloc_asprintf(test_mem(), "%s/ca", directory),
				talloc_asprintf(test_mem(), "%s/ca.new", directory)),
		0);
	unlink(talloc_asprintf(test_mem(), "%s/ca.new/ca.crt", directory));
	memory = (struct memory){ 0 };
	ASSERT_OK(open_ca(config, &memory, &ca, &err), err);
	ops()->close(ca);
	CU_ASSERT_NOT_EQUAL(strcmp(read_file(directory, "ca/ca.crt"), made), 0);
	CU_ASSERT_PTR_NULL(read_file(directory, "ca.new/ca.key"));
}

static void a_server_without_the_recorded_ca_refuses(void)
{
	const char *first = test_temporary_dir(), *second = test_temporary_dir(), *third = test_temporary_dir();
	struct certctl_issuer *ca = NULL;
	struct memory memory = { 0 }, race = { .is_lost = true };
	struct certctl_order order = make_order(CERTCTL_ECDSA_P256, only_www);
	struct certctl_host host = make_host(&memory);
	struct certctl_issued issued = { 0 };
	struct certctl_error err;

	ASSERT_OK(open_ca(in_directory(first, ""), &memory, &ca, &err), err);
	ops()->close(ca);
	ASSERT_FAILS(open_ca(in_directory(second, ""), &memory, &ca, &err), CERTCTL_E_CONFLICT, "is not in", err);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "Copy the folder ca"));
	CU_ASSERT_PTR_NULL(read_file(second, "ca/ca.key"));
	ASSERT_FAILS(open_ca(in_directory(third, ""), &race, &ca, &err), CERTCTL_E_CONFLICT, "not that of this issuer",
		err);
	CU_ASSERT_PTR_NULL(read_file(third, "ca/ca.key"));
	CU_ASSERT_PTR_NULL(read_file(third, "ca.new/ca.key"));

	/* Opened where no state was kept, asked to sign where it is. */
	ASSERT_OK(open_ca(in_directory(second, ""), NULL, &ca, &err), err);
	ASSERT_FAILS(ops()->issue(ca, &host, &order, test_mem(), &issued, &err), CERTCTL_E_CONFLICT, "not that of this",
		err);
	ops()->close(ca);
}

static const char *write_file(const char *directory, const char *name, const void *data, size_t len)
{
	const char *path = talloc_asprintf(test_mem(), "%s/%s", directory, name);
	FILE *file = fopen(path, "we");

	fwrite(data, 1, len, file);
	fclose(file);
	return path;
}

/* A root, a CA below it, and the files an operator would have. */
struct hierarchy {
	const char *directory, *certificate, *key, *chain, *other_key;
	struct certctl_certificate *root, *sub;
};

static struct certctl_certificate *make_ca(const char *subject, const struct certctl_key *key,
	const struct certctl_certificate_issuer *issuer, const char *const *permitted)
{
	static const unsigned char serial[] = { 1, 2, 3 };
	struct certctl_certificate_template template_ = { .serial = serial,
		.serial_len = 3,
		.subject = subject,
		.not_before_unix_s = NOW - 10 * DAY,
		.not_after_unix_s = NOW + 1000 * DAY,
		.key_usage = CERTCTL_KU_KEY_CERT_SIGN | CERTCTL_KU_CRL_SIGN,
		.is_ca = true,
		.path_length = issuer->certificate ? 0 : -1,
		.permitted_dns = permitted };
	struct certctl_bytes tbs = { 0 }, der = { 0 };
	struct certctl_certificate *certificate = NULL;
	struct certctl_error err;

	ASSERT_OK(certctl_key_public(test_mem(), key, &template_.public_key, &err), err);
	ASSERT_OK(certctl_certificate_tbs(test_mem(), &template_, issuer, &tbs, &err), err);
	ASSERT_OK(certctl_certificate_sign(test_mem(), &tbs, issuer, &der, &err), err);
	ASSERT_OK(certctl_certificate_read(test_mem(), (char *)der.data, der.len, &certificate, &err), err);
	return certificate;
}

static struct hierarchy make_hierarchy(void)
{
	static const char *const permitted[] = { "example.com", NULL };
	struct hierarchy all = { .directory = test_temporary_dir() };
	struct certctl_certificate_issuer root = { 0 };
	struct certctl_key *root_key = NULL, *sub_key = NULL;
	struct certctl_secret text = { 0 };
	struct certctl_error err;
	char *pem;

	ASSERT_OK(certctl_key_generate(test_mem(), CERTCTL_ECDSA_P384, &root_key, &err), err);
	ASSERT_OK(certctl_key_generate(test_mem(), CERTCTL_ECDSA_P256, &sub_key, &err), err);
	root.key = root_key;
	all.root = make_ca("CN=Root,O=Example", root_key, &root, NULL);
	root.certificate = all.root;
	all.sub = make_ca("CN=Sub,O=Example", sub_key, &root, permitted);
	pem = certctl_certificate_pem(test_mem(), all.sub);
	all.certificate = write_file(all.directory, "sub.crt", pem, strlen(pem));
	pem = certctl_certificate_pem(test_mem(), all.root);
	all.chain = write_file(all.directory, "chain.pem", pem, strlen(pem));
	ASSERT_OK(certctl_key_write(test_mem(), sub_key, CERTCTL_KEY_PKCS8_PEM, &text, &err), err);
	all.key = write_file(all.directory, "sub.key", text.data, text.len);
	ASSERT_OK(certctl_key_write(test_mem(), root_key, CERTCTL_KEY_TRADITIONAL_PEM, &text, &err), err);
	all.other_key = write_file(all.directory, "other.key", text.data, text.len);
	return all;
}

static const char *given(const struct hierarchy *all, const char *key, const char *more)
{
	return talloc_asprintf(test_mem(), "{\"ca_cert_path\": \"%s\", \"ca_key_path\": \"%s\"%s}", all->certificate,
		key, more);
}

static void a_subordinate_ca_serves_its_chain_without_the_root(void)
{
	struct hierarchy all = make_hierarchy();
	struct certctl_order order = make_order(CERTCTL_ECDSA_P256, only_www);
	struct certctl_issuer *ca = NULL;
	struct certctl_issued issued;
	struct memory memory = { 0 };
	struct certctl_host host = make_host(&memory);
	const char *chain = NULL;
	struct certctl_error err;

	ASSERT_OK(open_ca(given(&all, all.key, talloc_asprintf(test_mem(), ", \"ca_chain_path\": \"%s\"", all.chain)),
			  &memory, &ca, &err),
		err);
	ASSERT_OK(issue(ca, &order, &issued, &err), err);
	CU_ASSERT_TRUE(certctl_certificate_is_issued_by(read_pem(issued.leaf_pem), all.sub));
	ASSERT_TEXT(issued.chain_pem, certctl_certificate_pem(test_mem(), all.sub));
	ASSERT_OK(ops()->chain(ca, &host, test_mem(), &chain, &err), err);
	ASSERT_TEXT(chain, talloc_asprintf(test_mem(), "%s%s", certctl_certificate_pem(test_mem(), all.sub),
				   certctl_certificate_pem(test_mem(), all.root)));
	order = make_order(CERTCTL_ECDSA_P256, only_evil);
	ASSERT_FAILS(issue(ca, &order, &issued, &err), CERTCTL_E_DENIED, "evil.test: outside the name constraints",
		err);
	ops()->close(ca);
}

static void what_does_not_belong_together_is_refused(void)
{
	struct hierarchy all = make_hierarchy();
	const char *directory = test_temporary_dir();
	const struct {
		const char *config, *words;
		int code;
	} rows[] = {
		{ "{}", "either directory", CERTCTL_E_INVALID },
		{ in_directory(directory, ", \"ca_key_path\": \"/x\""), "either directory", CERTCTL_E_INVALID },
		{ in_directory(directory, ", \"ca_key_password\": \"x\""), "go with", CERTCTL_E_INVALID },
		{ in_directory(directory, ", \"subject\": \"nonsense\""), "subject", CERTCTL_E_INVALID },
		{ in_directory(directory, ", \"permitted_dns\": [\"a b\"]"), "permitted_dns: a b", CERTCTL_E_INVALID },
		{ in_directory("/nonexistent/ca", ""), "directory: ", CERTCTL_E_NOT_FOUND },
		{ given(&all, all.other_key, ""), "belongs to none", CERTCTL_E_INVALID },
		{ given(&all, all.certificate, ""), "got a PEM block CERTIFICATE", CERTCTL_E_INVALID },
		{ given(&all, "/nonexistent/key", ""), "ca_key_path", CERTCTL_E_NOT_FOUND },
		{ given(&all, all.key, ", \"excluded_dns\": [\"a.com\"]"), "has its own", CERTCTL_E_INVALID },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_issuer *ca = NULL;
		struct certctl_error err = { 0 };

		ASSERT_FAILS(open_ca(rows[i].config, NULL, &ca, &err), rows[i].code, rows[i].words, err);
	}
}

/* --- Issuing ------------------------------------------------------------------------------------------------------------ */

static void an_order_becomes_what_it_says_and_repeats_itself(void)
{
	static const enum certctl_key_type types[] = { CERTCTL_RSA_2048, CERTCTL_ECDSA_P256, CERTCTL_ECDSA_P384,
		CERTCTL_ED25519 };
	const char *directory = test_temporary_dir();
	struct certctl_issuer *ca = NULL;
	struct certctl_error err;

	ASSERT_OK(open_ca(in_directory(directory, ", \"crl_url\": \"http://ca.example.com/crl\""), NULL, &ca, &err),
		err);
	for (size_t i = 0; i < CERTCTL_COUNT(types); i++) {
		struct certctl_order order = make_order(types[i], several);
		struct certctl_issued issued, again;
		struct certctl_certificate *leaf;

		order.must_staple = true;
		ASSERT_OK(issue(ca, &order, &issued, &err), err);
		ASSERT_OK(issue(ca, &order, &again, &err), err);
		ASSERT_TEXT(issued.leaf_pem, again.leaf_pem);
		ASSERT_TEXT(issued.chain_pem, read_file(directory, "ca/ca.crt"));
		ASSERT_TEXT(issued.serial, order.serial);
		CU_ASSERT_EQUAL(issued.outcome, CERTCTL_ISSUED);
		leaf = read_pem(issued.leaf_pem);
		ASSERT_TEXT(leaf->serial, order.serial);
		CU_ASSERT_EQUAL(leaf->not_before_unix_s, order.not_before_unix_s);
		CU_ASSERT_EQUAL(leaf->not_after_unix_s, order.not_after_unix_s);
		CU_ASSERT(leaf->must_staple && leaf->name_count == 3 && leaf->key_type == types[i]);
		CU_ASSERT_TRUE(certctl_certificate_is_issued_by(leaf, read_pem(issued.chain_pem)));
		ASSERT_TEXT(leaf->extended_key_usage[0], "1.3.6.1.5.5.7.3.1");
		order.serial = NULL;
		ASSERT_OK(issue(ca, &order, &issued, &err), err);
		ASSERT_OK(issue(ca, &order, &again, &err), err);
		ASSERT_TEXT(issued.leaf_pem, again.leaf_pem);
		CU_ASSERT_EQUAL(strlen(issued.serial), 40);
	}
	ops()->close(ca);
}

static void names_without_a_host_get_a_client_certificate(void)
{
	struct certctl_order order = make_order(CERTCTL_ED25519, only_workload);
	struct certctl_issuer *ca = NULL;
	struct certctl_issued issued;
	struct certctl_error err;

	order.common_name = "db";
	order.organization = "Example";
	ASSERT_OK(open_ca(in_directory(test_temporary_dir(), ""), NULL, &ca, &err), err);
	ASSERT_OK(issue(ca, &order, &issued, &err), err);
	ASSERT_TEXT(read_pem(issued.leaf_pem)->extended_key_usage[0], "1.3.6.1.5.5.7.3.2");
	ASSERT_TEXT(read_pem(issued.leaf_pem)->subject, "CN=db,O=Example");
	ops()->close(ca);
}

static void what_profile_or_ca_forbid_is_refused_before_signing(void)
{
	static const char *const code_signing[] = { "1.3.6.1.5.5.7.3.3", NULL };
	static const struct {
		const char *profile; /* NULL: none */
		const struct certctl_name *const *names;
		int64_t lifetime_s;
		const char *const *usages;
		const char *words; /* NULL: signed */
	} rows[] = {
		{ "{}", several, 90 * DAY, NULL, NULL },
		{ "{\"allowed_key_types\": [\"ECDSA_P256\", \"ED25519\"]}", several, 90 * DAY, NULL, NULL },
		{ "{\"allowed_key_types\": [\"RSA_2048\"]}", several, 90 * DAY, NULL,
			"allowed_key_types does not allow ECDSA_P256" },
		{ "{\"allow_wildcards\": false}", several, 90 * DAY, NULL,
			"allow_wildcards does not allow *.example.com" },
		{ "{\"allowed_name_types\": [\"dns\"]}", several, 90 * DAY, NULL, "does not allow 192.0.2.7" },
		{ "{\"permitted_dns\": [\"example.com\"]}", several, 90 * DAY, NULL, NULL },
		{ "{\"permitted_dns\": [\"ample.com\"]}", several, 90 * DAY, NULL, "outside permitted_dns" },
		{ "{\"permitted_dns\": [\"example.com\"]}", only_evil, 90 * DAY, NULL,
			"evil.test is outside permitted_dns" },
		{ "{\"permitted_dns\": [\"example.com\"]}", only_workload, 90 * DAY, NULL, NULL },
		{ "{\"permitted_dns\": [\"example.org\"]}", only_workload, 90 * DAY, NULL, "outside permitted_dns" },
		{ "{\"max_lifetime\": \"30d\"}", several, 30 * DAY, NULL, NULL },
		{ "{\"max_lifetime\": \"30d\"}", several, 30 * DAY + 1, NULL, "max_lifetime: lifetime of" },
		{ "{\"allowed_usages\": [\"server_auth\"]}", several, 90 * DAY, NULL, NULL },
		{ "{\"allowed_usages\": [\"server_auth\"]}", several, 90 * DAY, code_signing,
			"allowed_usages does not allow" },
		{ NULL, several, 399 * DAY, NULL, "max_leaf_lifetime" },
		{ NULL, only_evil, 90 * DAY, NULL, "evil.test: excluded by the name constraints" },
	};
	struct certctl_issuer *ca = NULL;
	struct certctl_error err;

	ASSERT_OK(open_ca(in_directory(test_temporary_dir(), ", \"excluded_dns\": [\"evil.test\"]"), NULL, &ca, &err),
		err);
	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_order order = make_order(CERTCTL_ECDSA_P256, rows[i].names);
		struct certctl_issued issued;

		order.item =
			rows[i].profile ? parse(plugin()->item_options, plugin()->item_size, rows[i].profile) : NULL;
		order.extended_key_usage = rows[i].usages;
		order.not_after_unix_s = order.not_before_unix_s + rows[i].lifetime_s - 1;
		if (rows[i].words)
			ASSERT_FAILS(issue(ca, &order, &issued, &err), CERTCTL_E_DENIED, rows[i].words, err);
		else
			ASSERT_OK(issue(ca, &order, &issued, &err), err);
		CU_ASSERT_EQUAL(issued.leaf_pem == NULL, rows[i].words != NULL);
	}
	ops()->close(ca);
}

static void a_ca_signs_nothing_that_outlives_it(void)
{
	struct certctl_order order = make_order(CERTCTL_ECDSA_P256, only_www);
	struct certctl_issuer *ca = NULL;
	struct certctl_issued issued;
	struct certctl_error err;

	ASSERT_OK(open_ca(in_directory(test_temporary_dir(), ", \"lifetime\": \"30d\""), NULL, &ca, &err), err);
	ASSERT_FAILS(issue(ca, &order, &issued, &err), CERTCTL_E_DENIED, "the order ends later", err);
	order.not_after_unix_s = NOW + 10 * DAY;
	order.not_before_unix_s = NOW - 30 * DAY;
	ASSERT_FAILS(issue(ca, &order, &issued, &err), CERTCTL_E_DENIED, "the order begins earlier", err);
	ops()->close(ca);
}

static void a_request_that_is_not_the_orders_is_refused(void)
{
	struct certctl_order orders[6];
	static const char *const words[] = { "*.example.com is not in the order", "does not ask for *.example.com",
		"ordered is RSA_2048", "csr_pem is missing", "serial", "PEM" };
	static const int codes[] = { CERTCTL_E_DENIED, CERTCTL_E_DENIED, CERTCTL_E_DENIED, CERTCTL_E_INVALID,
		CERTCTL_E_INVALID, CERTCTL_E_INVALID };
	struct certctl_issuer *ca = NULL;
	struct certctl_issued issued;
	struct certctl_error err;

	ASSERT_OK(open_ca(in_directory(test_temporary_dir(), ""), NULL, &ca, &err), err);
	orders[0] = make_order(CERTCTL_ECDSA_P256, several), orders[0].names = only_www;
	orders[1] = make_order(CERTCTL_ECDSA_P256, only_www), orders[1].names = several;
	orders[2] = make_order(CERTCTL_ECDSA_P256, only_www), orders[2].key_type = CERTCTL_RSA_2048;
	orders[3] = make_order(CERTCTL_ECDSA_P256, only_www), orders[3].csr_pem = NULL;
	orders[4] = make_order(CERTCTL_ECDSA_P256, only_www), orders[4].serial = "xyz";
	orders[5] = make_order(CERTCTL_ECDSA_P256, only_www), orders[5].csr_pem = "hello";
	for (size_t i = 0; i < CERTCTL_COUNT(orders); i++)
		ASSERT_FAILS(issue(ca, &orders[i], &issued, &err), codes[i], words[i], err);
	ops()->close(ca);
}

/* --- The rest -------------------------------------------------------------------------------------------------------------- */

static void it_knows_its_own_certificates_and_tells_about_itself(void)
{
	struct certctl_order order = make_order(CERTCTL_ECDSA_P256, only_www);
	struct certctl_issuer *ca = NULL, *other = NULL;
	struct memory memory = { 0 };
	struct certctl_host host = make_host(&memory);
	struct certctl_issued issued, foreign;
	struct certctl_info info = { 0 };
	struct certctl_error err;

	ASSERT_OK(open_ca(in_directory(test_temporary_dir(), ""), &memory, &ca, &err), err);
	ASSERT_OK(open_ca(in_directory(test_temporary_dir(), ""), NULL, &other, &err), err);
	ASSERT_OK(issue(ca, &order, &issued, &err), err);
	ASSERT_OK(issue(other, &order, &foreign, &err), err);
	ASSERT_OK(ops()->test(ca, &host, &err), err);
	ASSERT_OK(ops()->revoke(ca, &host, issued.leaf_pem, 1, &err), err);
	ASSERT_OK(ops()->revoke(ca, &host, issued.leaf_pem, 1, &err), err);
	ASSERT_FAILS(ops()->revoke(ca, &host, issued.leaf_pem, 7, &err), CERTCTL_E_INVALID, "reason", err);
	ASSERT_FAILS(ops()->revoke(ca, &host, foreign.leaf_pem, 1, &err), CERTCTL_E_NOT_FOUND, "not issued by", err);
	ASSERT_OK(ops()->info(ca, &host, test_mem(), &info, &err), err);
	ASSERT_TEXT(info.endpoint, "CN=certctl local CA");
	ASSERT_TEXT(info.facts[1]->value, "root");
	ops()->close(ca);
	ops()->close(other);
}

struct worker {
	struct certctl_issuer *ca;
	struct certctl_order order;
	struct certctl_host host;
	struct memory memory;
	int failures;
};

static void *issue_many(void *arg)
{
	struct worker *worker = arg;

	for (int i = 0; i < 50; i++) {
		TALLOC_CTX *mem = talloc_new(NULL);
		struct certctl_issued issued = { 0 };
		struct certctl_certificate *leaf;

		worker->failures +=
			ops()->issue(worker->ca, &worker->host, &worker->order, mem, &issued, NULL) < 0 ||
			certctl_certificate_read(mem, issued.leaf_pem, strlen(issued.leaf_pem), &leaf, NULL) < 0;
		talloc_free(mem);
	}
	return NULL;
}

static void more_threads_than_keys_sign_at_once(void)
{
	struct worker workers[7];
	pthread_t threads[CERTCTL_COUNT(workers)];
	struct certctl_issuer *ca = NULL;
	struct certctl_error err;

	ASSERT_OK(open_ca(in_directory(test_temporary_dir(), ""), NULL, &ca, &err), err);
	for (size_t i = 0; i < CERTCTL_COUNT(workers); i++) {
		workers[i] = (struct worker){ .ca = ca, .order = make_order(CERTCTL_ECDSA_P256, only_www) };
		workers[i].host = make_host(&workers[i].memory);
		pthread_create(&threads[i], NULL, issue_many, &workers[i]);
	}
	for (size_t i = 0; i < CERTCTL_COUNT(workers); i++) {
		pthread_join(threads[i], NULL);
		CU_ASSERT_EQUAL(workers[i].failures, 0);
	}
	ops()->close(ca);
}

static void the_reference_page_has_the_tables_of_the_options(void)
{
	const struct certctl_field *const tables[] = { plugin()->options, plugin()->item_options };
	char *page = read_file(test_source_dir(), "docs/reference/connectors/local-ca.md");

	CU_ASSERT_PTR_NOT_NULL_FATAL(page);
	for (size_t i = 0; i < CERTCTL_COUNT(tables); i++) {
		struct certctl_buffer table;

		certctl_buffer_init(&table, test_mem(), 65536);
		certctl_fields_reference(tables[i], plugin()->field_size, &table);
		if (!strstr(page, table.data))
			printf("the page must have this table:\n%s", table.data);
		CU_ASSERT_PTR_NOT_NULL(strstr(page, table.data));
	}
}

const struct test tests[] = {
	TEST(a_ca_is_made_once_and_found_again),
	TEST(hosts_that_start_at_once_make_one_ca),
	TEST(a_crash_in_between_is_finished_or_forgotten),
	TEST(a_server_without_the_recorded_ca_refuses),
	TEST(a_subordinate_ca_serves_its_chain_without_the_root),
	TEST(what_does_not_belong_together_is_refused),
	TEST(an_order_becomes_what_it_says_and_repeats_itself),
	TEST(names_without_a_host_get_a_client_certificate),
	TEST(what_profile_or_ca_forbid_is_refused_before_signing),
	TEST(a_ca_signs_nothing_that_outlives_it),
	TEST(a_request_that_is_not_the_orders_is_refused),
	TEST(it_knows_its_own_certificates_and_tells_about_itself),
	TEST(more_threads_than_keys_sign_at_once),
	TEST(the_reference_page_has_the_tables_of_the_options),
	{ 0 },
};
