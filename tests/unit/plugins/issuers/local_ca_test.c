/* What the CA signs, what it refuses to, and what it says about itself. */
#include "local_ca.h"

#include <pthread.h>

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

static void a_short_lived_order_has_neither_crl_nor_ocsp(void)
{
	static const char *const usages[] = { "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.4", NULL };
	struct certctl_order order = make_order(CERTCTL_ECDSA_P256, several);
	struct certctl_issuer *ca = NULL;
	struct certctl_issued issued;
	struct certctl_certificate *leaf;
	struct certctl_error err;

	ASSERT_OK(open_ca(in_directory(test_temporary_dir(), ", \"crl_url\": \"http://ca.example.com/crl\", "
							     "\"ocsp_url\": \"http://ca.example.com/ocsp\""),
			  NULL, &ca, &err),
		err);
	order.short_lived = true;
	order.extended_key_usage = usages;
	ASSERT_OK(issue(ca, &order, &issued, &err), err);
	leaf = read_pem(issued.leaf_pem);
	CU_ASSERT_TRUE(leaf->no_revocation);
	CU_ASSERT_PTR_NULL(memmem(leaf->der.data, leaf->der.len, "http://ca.example.com", 21));
	ASSERT_TEXT(leaf->extended_key_usage[0], usages[0]);
	ASSERT_TEXT(leaf->extended_key_usage[1], usages[1]);
	CU_ASSERT_PTR_NULL(leaf->extended_key_usage[2]);
	order.short_lived = false;
	ASSERT_OK(issue(ca, &order, &issued, &err), err);
	leaf = read_pem(issued.leaf_pem);
	CU_ASSERT_FALSE(leaf->no_revocation);
	CU_ASSERT_PTR_NOT_NULL(memmem(leaf->der.data, leaf->der.len, "http://ca.example.com/crl", 25));
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
	TEST(an_order_becomes_what_it_says_and_repeats_itself),
	TEST(names_without_a_host_get_a_client_certificate),
	TEST(a_short_lived_order_has_neither_crl_nor_ocsp),
	TEST(what_profile_or_ca_forbid_is_refused_before_signing),
	TEST(a_ca_signs_nothing_that_outlives_it),
	TEST(a_request_that_is_not_the_orders_is_refused),
	TEST(it_knows_its_own_certificates_and_tells_about_itself),
	TEST(more_threads_than_keys_sign_at_once),
	TEST(the_reference_page_has_the_tables_of_the_options),
	{ 0 },
};
