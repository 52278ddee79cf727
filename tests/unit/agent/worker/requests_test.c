/* Requests of the socket: what is accepted, and the words for what is not. */
#include "agent/worker/requests.h"

#include "test.h"

#include <stdio.h>
#include <string.h>

#define CERTIFICATE                                                                                                    \
	"\"certificate\":{\"id\":\"mc-web\",\"key_type\":\"ECDSA_P256\",\"common_name\":null,"                         \
	"\"names\":[{\"type\":\"dns\",\"value\":\"Web.Example.com\"}]}"
#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define VERSION                                                                                                        \
	"\"version\":{\"id\":\"ver-1\",\"sequence\":3,\"leaf\":\"-----BEGIN\\nX\",\"chain\":\"\","                     \
	"\"fingerprint_sha256\":\"" HASH "\",\"public_key_sha256\":\"" HASH                                            \
	"\",\"not_after\":\"2026-12-01T00:00:00Z\"}"
#define TARGET  "\"target\":{\"id\":\"tgt-web\",\"plugin\":\"nginx\",\"options\":{\"prefix\":\"/x\"}}"
#define BINDING "\"binding\":{\"id\":\"bnd-1\",\"options\":{}}"

static json_t *parse(const char *text)
{
	json_t *value = NULL;
	struct certctl_error err = { 0 };

	ASSERT_OK(certctl_json_parse(text, strlen(text), NULL, &value, &err), err);
	return value;
}

static void a_csr_request_is_read_with_canonical_names(void)
{
	CERTCTL_AUTO(json_decref) json_t *argument = parse("{\"job_id\":\"job-1\"," CERTIFICATE "}");
	struct certctl_key_order order = { 0 };
	struct certctl_error err = { 0 };

	ASSERT_OK(certctl_request_csr(test_mem(), argument, &order, &err), err);
	ASSERT_TEXT(order.certificate_id, "mc-web");
	ASSERT_TEXT(order.job_id, "job-1");
	ASSERT_TEXT(order.request.names[0]->text, "web.example.com");
	ASSERT_TEXT(order.request.common_name, NULL);
	CU_ASSERT_PTR_NULL(order.request.names[1]);
	CU_ASSERT_EQUAL(order.key_type, CERTCTL_ECDSA_P256);
}

static void bad_csr_requests_are_refused_by_name(void)
{
	static const struct {
		const char *json, *words;
	} rows[] = {
		{ "{}", "job_id" },
		{ "{\"job_id\":\"job-1\"}", "certificate: object expected" },
		{ "{\"job_id\":\"../../etc/passwd\"," CERTIFICATE "}", "job_id" },
		{ "{\"job_id\":\"job-1\",\"certificate\":{\"id\":\"../../etc/passwd\",\"key_type\":\"ED25519\","
		  "\"names\":[{\"type\":\"dns\",\"value\":\"a.example\"}]}}",
			"certificate.id" },
		{ "{\"job_id\":\"job-1\",\"certificate\":{\"id\":\"mc\",\"key_type\":\"ED25519\",\"names\":[]}}",
			"certificate.names" },
		{ "{\"job_id\":\"job-1\",\"certificate\":{\"id\":\"mc\",\"key_type\":\"RSA_1024\","
		  "\"names\":[{\"type\":\"dns\",\"value\":\"a.example\"}]}}",
			"certificate.key_type" },
		{ "{\"job_id\":\"job-1\",\"certificate\":{\"id\":\"mc\",\"key_type\":\"ED25519\","
		  "\"names\":[{\"type\":\"ip\",\"value\":\"a.example\"}]}}",
			"certificate.names[0]" },
		{ "{\"job_id\":\"job-1\",\"extra\":1," CERTIFICATE "}", "extra" },
		{ "{\"job_id\":1," CERTIFICATE "}", "job_id" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		CERTCTL_AUTO(json_decref) json_t *argument = parse(rows[i].json);
		struct certctl_key_order order;
		struct certctl_error err = { 0 };

		ASSERT_FAILS(certctl_request_csr(test_mem(), argument, &order, &err), CERTCTL_E_INVALID, rows[i].words,
			err);
	}
}

static void a_deployment_is_read_whole(void)
{
	CERTCTL_AUTO(json_decref)
	json_t *one =
		parse("{\"job_id\":\"job-1\",\"is_rollback\":true," CERTIFICATE "," VERSION "," TARGET "," BINDING "}");
	struct certctl_request_deployment request = { 0 };
	struct certctl_error err = { 0 };

	ASSERT_OK(certctl_request_deployment(test_mem(), one, &request, &err), err);
	ASSERT_TEXT(request.job_id, "job-1");
	ASSERT_TEXT(request.target.id, "tgt-web");
	ASSERT_TEXT(request.target.plugin, "nginx");
	ASSERT_TEXT(request.binding_id, "bnd-1");
	ASSERT_TEXT(request.leaf_pem, "-----BEGIN\nX");
	ASSERT_TEXT(certctl_json_text_or(request.target.options, "prefix", ""), "/x");
	CU_ASSERT_EQUAL(request.sequence, 3);
	CU_ASSERT_TRUE(request.is_rollback);
}

static void a_deployment_without_a_target_has_neither_plugin_nor_binding(void)
{
	CERTCTL_AUTO(json_decref)
	json_t *one = parse("{\"job_id\":\"job-1\"," CERTIFICATE "," VERSION ",\"target\":null,\"binding\":null}");
	struct certctl_request_deployment request = { 0 };
	struct certctl_error err = { 0 };

	ASSERT_OK(certctl_request_deployment(test_mem(), one, &request, &err), err);
	ASSERT_TEXT(request.target.id, NULL);
	ASSERT_TEXT(request.binding_id, NULL);
}

static void bad_deployments_are_refused_by_name(void)
{
	static const struct {
		const char *json, *words;
	} rows[] = {
		{ "{\"job_id\":\"job-1\"," CERTIFICATE "," TARGET "," BINDING "}", "version: object expected" },
		{ "{\"job_id\":\"job-1\"," CERTIFICATE "," VERSION "," TARGET "}", "binding: object expected" },
		{ "{\"job_id\":\"job-1\"," CERTIFICATE "," VERSION ",\"target\":7," BINDING "}",
			"target: object expected" },
		{ "{\"job_id\":\"job-1\"," CERTIFICATE "," VERSION
		  ",\"target\":{\"id\":\"tgt-1\",\"plugin\":\"../x\",\"options\":{}}," BINDING "}",
			"target.plugin" },
		{ "{\"job_id\":\"job-1\"," CERTIFICATE "," VERSION
		  ",\"target\":{\"id\":\"tgt-1\",\"plugin\":\"nginx\",\"options\":[]}," BINDING "}",
			"target.options: object expected" },
		{ "{\"job_id\":\"job-1\"," CERTIFICATE "," VERSION "," TARGET
		  ",\"binding\":{\"id\":\"../b\",\"options\":{}}}",
			"binding.id" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		CERTCTL_AUTO(json_decref) json_t *one = parse(rows[i].json);
		struct certctl_request_deployment request;
		struct certctl_error err = { 0 };

		ASSERT_FAILS(certctl_request_deployment(test_mem(), one, &request, &err), CERTCTL_E_INVALID,
			rows[i].words, err);
	}
}

static void a_test_names_a_target_and_nothing_else(void)
{
	static const char *const bad[] = { "{}", "{\"target\":null}", "{\"target\":{\"id\":\"tgt-1\"}}",
		"{\"target\":{\"id\":\"tgt-1\",\"plugin\":\"../x\"}}", "{" TARGET ",\"job_id\":\"job-1\"}",
		"{\"target\":{\"id\":\"tgt-1\",\"plugin\":\"nginx\",\"options\":[]}}" };
	CERTCTL_AUTO(json_decref) json_t *good = parse("{" TARGET "}");
	struct certctl_request_target target = { 0 };
	struct certctl_error err = { 0 };

	ASSERT_OK(certctl_request_test(test_mem(), good, &target, &err), err);
	ASSERT_TEXT(target.id, "tgt-web");
	ASSERT_TEXT(target.plugin, "nginx");
	ASSERT_TEXT(certctl_json_text_or(target.options, "prefix", ""), "/x");
	for (size_t i = 0; i < CERTCTL_COUNT(bad); i++) {
		CERTCTL_AUTO(json_decref) json_t *argument = parse(bad[i]);

		ASSERT_FAILS(certctl_request_test(test_mem(), argument, &target, &err), CERTCTL_E_INVALID, "", err);
	}
}

const struct test tests[] = {
	TEST(a_csr_request_is_read_with_canonical_names),
	TEST(bad_csr_requests_are_refused_by_name),
	TEST(a_deployment_is_read_whole),
	TEST(a_deployment_without_a_target_has_neither_plugin_nor_binding),
	TEST(bad_deployments_are_refused_by_name),
	TEST(a_test_names_a_target_and_nothing_else),
	{ 0 },
};
