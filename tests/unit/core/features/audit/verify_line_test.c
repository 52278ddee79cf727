/* Lines of an export as somebody else may have written them: refused by name, never believed, never followed. */
#include "core/features/audit/verify.h"
#include "test.h"

#include <string.h>

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define EPOCH                                                                                                           \
	"\"origin\":\"o\",\"system_identifier\":\"1\",\"first_seq\":1,\"reason\":\"r\",\"time\":\"t\",\"key\":\"" ZEROS \
	"\",\"signature\":\"00\""
#define BATCH                                                                                                          \
	"\"epoch\":1,\"size\":1,\"last_txid\":\"1\",\"last_seq\":1,\"root\":\"" ZEROS "\",\"previous\":\"" ZEROS       \
	"\",\"head\":\"" ZEROS "\""

static const struct {
	const char *line, *words;
} lines[] = {
	{ "", NULL },
	{ "x", NULL },
	{ "[]", "expected" },
	{ "{}", "expected" },
	{ "{\"other\":{}}", "expected" },
	{ "{\"event\":{},\"batch\":{}}", "expected" },
	{ "{\"event\":7}", "event: txid: text or null expected" },
	{ "{\"event\":{\"txid\":1}}", "event: txid: text or null expected" },
	{ "{\"batch\":{}}", "batch: an integer expected" },
	{ "{\"batch\":{\"batch\":\"1\"}}", "batch: an integer expected" },
	{ "{\"batch\":{\"batch\":1,\"count\":1,\"leaves\":7," BATCH "}}", "leaves: text expected" },
	{ "{\"batch\":{\"batch\":1,\"count\":1," BATCH "}}", "which no record links" },
	{ "{\"selection\":7}", "selection: an object expected" },
	{ "{\"archive\":{}}", "origin: text expected" },
	{ "{\"archive\":{\"origin\":\"o\",\"from_id\":\"ae-\",\"until_id\":\"ae-1\",\"events\":1,\"last_batch\":1,"
	  "\"file_sha256\":\"00\",\"time\":\"t\",\"key\":\"k\",\"signature\":\"s\"}}",
		"not of this trail" },
	{ "{\"batch\":{\"batch\":1,\"count\":1,\"leaves\":\"zz\"," BATCH "}}", NULL },
	{ "{\"batch\":{\"batch\":1,\"count\":2,\"leaves\":\"" ZEROS "\"," BATCH "}}", "not as many as its count" },
	{ "{\"batch\":{\"batch\":1,\"count\":-1,\"leaves\":\"\"," BATCH "}}", "not as many as its count" },
	{ "{\"batch\":{\"batch\":1,\"count\":9223372036854775807,\"leaves\":\"" ZEROS "\"," BATCH "}}",
		"not as many as its count" },
	{ "{\"batch\":{\"batch\":1,\"count\":0,\"leaves\":\"\"," BATCH "}}", "do not add up" },
	{ "{\"batch\":{\"batch\":1,\"count\":1,\"leaves\":\"" ZEROS "\"," BATCH "}}", "which no record links" },
	{ "{\"batch\":{\"batch\":2,\"count\":1,\"leaves\":\"" ZEROS "\"," BATCH "}}", "batch 2 follows it" },
	{ "{\"epoch\":{\"epoch\":2,\"previous_batch\":0,\"size\":0,\"previous\":\"" ZEROS "\"," EPOCH "}}",
		"follows epoch 0" },
	{ "{\"epoch\":{\"epoch\":1,\"previous_batch\":5,\"size\":0,\"previous\":\"" ZEROS "\"," EPOCH "}}",
		"another head" },
	{ "{\"epoch\":{\"epoch\":1,\"previous_batch\":0,\"size\":0,\"previous\":\"00\"," EPOCH "}}",
		"64 hexadecimal digits" },
	{ "{\"epoch\":{\"epoch\":1,\"previous_batch\":0,\"size\":0,\"previous\":\"" ZEROS "\"," EPOCH "}}",
		"not signed" },
	{ "{\"checkpoint\":{\"origin\":\"o\",\"batch\":0,\"size\":0,\"head\":\"" ZEROS
	  "\",\"time\":\"t\",\"key\":\"k\",\"signature\":\"s\"}}",
		"of another trail" },
};

static void what_is_no_line_of_the_trail_is_refused(void)
{
	struct audit_keys *keys = NULL;
	struct certctl_error err = { 0 };

	ASSERT_OK(audit_keys_new(test_mem(), &keys, &err), err);
	for (size_t i = 0; i < CERTCTL_COUNT(lines); i++) {
		struct audit_verifier *verifier = NULL;

		ASSERT_OK(audit_verifier_new(test_mem(), keys, &verifier, &err), err);
		ASSERT_FAILS(audit_verify_line(verifier, lines[i].line, strlen(lines[i].line), &err), CERTCTL_E_INVALID,
			lines[i].words, err);
	}
}

/* Neither good nor bad: it cannot be looked at. */
static void an_export_without_proof_is_told_apart(void)
{
	static const char line[] = "{\"id\":\"ae-1\",\"action\":\"team_created\"}";
	struct audit_keys *keys = NULL;
	struct audit_verifier *verifier = NULL;
	struct certctl_error err = { 0 };

	ASSERT_OK(audit_keys_new(test_mem(), &keys, &err), err);
	ASSERT_OK(audit_verifier_new(test_mem(), keys, &verifier, &err), err);
	ASSERT_FAILS(audit_verify_line(verifier, line, strlen(line), &err), CERTCTL_E_UNSUPPORTED, "without proof",
		err);
}

static void an_event_without_a_batch_is_refused(void)
{
	static const char event[] =
		"{\"event\":{\"txid\":\"1\",\"seq\":\"1\",\"id\":\"ae-1\",\"timestamp\":\"t\",\"action\":\"a\",\"actor\":\"a\","
		"\"actor_type\":\"a\",\"source_ip\":null,\"request_id\":null,\"resource_type\":\"a\",\"resource_id\":\"a\","
		"\"details\":\"{}\"}}";
	struct audit_keys *keys = NULL;
	struct audit_verifier *verifier = NULL;
	struct certctl_error err = { 0 };

	ASSERT_OK(audit_keys_new(test_mem(), &keys, &err), err);
	ASSERT_OK(audit_verifier_new(test_mem(), keys, &verifier, &err), err);
	ASSERT_FAILS(audit_verify_line(verifier, event, strlen(event), &err), CERTCTL_E_INVALID, "event ae-1 (seq 1)",
		err);
}

const struct test tests[] = {
	TEST(what_is_no_line_of_the_trail_is_refused),
	TEST(an_event_without_a_batch_is_refused),
	TEST(an_export_without_proof_is_told_apart),
	{ 0 },
};
