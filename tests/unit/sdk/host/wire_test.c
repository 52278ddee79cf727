/* Structs as JSON and back; what is missing, wrong or not to be written is named. */
#include "test.h"

#include <string.h>
#include <wire.h>

/* Fill every member of a struct through its own table, so that a member that is added is tested without a word here. */
static json_t *sample(const struct certctl_wire *wire)
{
	json_t *object = json_object();

	for (const struct certctl_wire_member *member = wire->members; member->name; member++) {
		json_t *value = NULL;

		switch (member->type) {
		case CERTCTL_WIRE_TEXT:
		case CERTCTL_WIRE_SECRET:
			value = json_string(member->name);
			break;
		case CERTCTL_WIRE_BOOL:
			value = json_true();
			break;
		case CERTCTL_WIRE_TEXTS:
			value = json_pack("[s, s]", member->name, "");
			break;
		case CERTCTL_WIRE_BYTES:
			value = json_string("00ff10");
			break;
		case CERTCTL_WIRE_ROWS:
			value = json_pack("[o, o]", sample(member->rows), sample(member->rows));
			break;
		case CERTCTL_WIRE_NAMED:
			value = json_string(member->names[1]);
			break;
		default:
			value = json_integer(member->type == CERTCTL_WIRE_U16 ? UINT16_MAX : INT32_MAX);
			break;
		}
		json_object_set_new(object, member->name, value);
	}
	return object;
}

static const struct certctl_wire *const wires[] = { &certctl_wire_name, &certctl_wire_fact, &certctl_wire_info,
	&certctl_wire_challenge, &certctl_wire_order, &certctl_wire_issued, &certctl_wire_renewal_window,
	&certctl_wire_bundle, &certctl_wire_plan, &certctl_wire_inventory_item, &certctl_wire_message,
	&certctl_wire_receipt };

static void every_struct_reads_back_as_it_was_written(void)
{
	for (size_t i = 0; i < CERTCTL_COUNT(wires); i++) {
		void *value = talloc_zero_size(test_mem(), wires[i]->size);
		json_t *in = sample(wires[i]), *out = NULL;
		struct certctl_error err = { 0 };

		ASSERT_OK(certctl_wire_from_json(test_mem(), wires[i], in, value, &err), err);
		ASSERT_OK(certctl_wire_to_json(wires[i], value, &out, &err), err);
		CU_ASSERT(json_equal(in, out));
		json_decref(in);
		json_decref(out);
	}
}

static void an_empty_struct_has_empty_json_and_back(void)
{
	struct certctl_plan plan = { 0 }, again = { 0 };
	struct certctl_error err = { 0 };
	json_t *out = NULL;

	ASSERT_OK(certctl_wire_to_json(&certctl_wire_plan, &plan, &out, &err), err);
	CU_ASSERT_EQUAL(json_object_size(out), 3); /* the three timeouts */
	ASSERT_OK(certctl_wire_from_json(test_mem(), &certctl_wire_plan, out, &again, &err), err);
	CU_ASSERT_EQUAL(memcmp(&plan, &again, sizeof(plan)), 0);
	json_decref(out);
}

static void what_is_wrong_is_named(void)
{
	static const struct {
		const struct certctl_wire *wire;
		const char *json, *words;
	} rows[] = {
		{ &certctl_wire_order, "[]", "order: an object expected" },
		{ &certctl_wire_order, "{}", "order.id: missing" },
		{ &certctl_wire_order, "{\"id\": 5}", "order.id: a text expected" },
		{ &certctl_wire_order, "{\"id\": \"a\", \"kind\": \"buy\"}", "order.kind: \"issue\" or another name" },
		{ &certctl_wire_order, "{\"id\": \"a\", \"key_usage\": 4294967296}",
			"order.key_usage: a smaller number" },
		{ &certctl_wire_order, "{\"id\": \"a\", \"key_usage\": -1}", "order.key_usage: a smaller number" },
		{ &certctl_wire_order, "{\"id\": \"a\", \"must_staple\": 1}", "order.must_staple: true or false" },
		{ &certctl_wire_order, "{\"id\": \"a\", \"extended_key_usage\": [1]}", "a list of texts expected" },
		{ &certctl_wire_order, "{\"id\": \"a\", \"names\": [{\"type\": \"dns\"}]}",
			"order.names: name.text: missing" },
		{ &certctl_wire_plan, "{\"probes\": [{\"address\": \"a\", \"port\": 65536}]}",
			"probe.port: a smaller number" },
		{ &certctl_wire_plan, "{\"files\": {}}", "plan.files: a list expected" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		void *value = talloc_zero_size(test_mem(), rows[i].wire->size);
		json_t *in = json_loads(rows[i].json, 0, NULL);
		struct certctl_error err = { 0 };

		ASSERT_FAILS(certctl_wire_from_json(test_mem(), rows[i].wire, in, value, &err), CERTCTL_E_INVALID,
			rows[i].words, err);
		json_decref(in);
	}
}

static void what_cannot_be_written_is_named(void)
{
	const struct certctl_order bad_text = { .id = "\xff" }, bad_kind = { .id = "a", .kind = 77 };
	struct certctl_error err = { 0 };
	json_t *out = NULL;

	ASSERT_FAILS(certctl_wire_to_json(&certctl_wire_order, &bad_text, &out, &err), CERTCTL_E_INVALID,
		"order.id: not UTF-8", err);
	ASSERT_FAILS(certctl_wire_to_json(&certctl_wire_order, &bad_kind, &out, &err), CERTCTL_E_INVALID,
		"order.kind: ", err);
}

static void members_of_a_newer_side_are_passed_over(void)
{
	struct certctl_receipt receipt = { 0 };
	struct certctl_error err = { 0 };
	json_t *in = json_pack("{s:s, s:{s:i}}", "reference", "r", "of_next_year", "a", 1);

	ASSERT_OK(certctl_wire_from_json(test_mem(), &certctl_wire_receipt, in, &receipt, &err), err);
	ASSERT_TEXT(receipt.reference, "r");
	json_decref(in);
}

static void names_on_the_wire_are_the_names_of_the_toolbox(void)
{
	for (uint32_t i = 1; i < CERTCTL_KEY_TYPE_COUNT; i++)
		ASSERT_TEXT(certctl_wire_key_types[i], certctl_key_type_name(i));
	CU_ASSERT_PTR_NULL(certctl_wire_key_types[CERTCTL_KEY_TYPE_COUNT]);
	CU_ASSERT_PTR_NULL(certctl_wire_kinds[CERTCTL_PLUGIN_KIND_COUNT]);
}

struct with_bytes {
	struct certctl_bytes bytes;
};
static const struct certctl_wire_member bytes_members[] = { CERTCTL_WIRE(struct with_bytes, bytes), { 0 } };
static const struct certctl_wire bytes_wire = { "with_bytes", sizeof(struct with_bytes), bytes_members };

static void bytes_that_are_not_hexadecimal_are_refused(void)
{
	static const char *const rows[] = { "0", "0G", "xy" };
	struct with_bytes got;

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_error err = { 0 };
		json_t *in = json_pack("{s:s}", "bytes", rows[i]);

		ASSERT_FAILS(certctl_wire_from_json(test_mem(), &bytes_wire, in, &got, &err), CERTCTL_E_INVALID,
			"with_bytes.bytes: hexadecimal", err);
		json_decref(in);
	}
}

static void bytes_of_any_length_read_back(void)
{
	static const size_t lengths[] = { 0, 1, 2, 127, 128, 129, 255, 256, 257, 1000 };
	unsigned char data[1000];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char)(i * 7);
	for (size_t i = 0; i < CERTCTL_COUNT(lengths); i++) {
		struct with_bytes sent = { { data, lengths[i] } }, got = { 0 };
		struct certctl_error err = { 0 };
		json_t *out = NULL;

		ASSERT_OK(certctl_wire_to_json(&bytes_wire, &sent, &out, &err), err);
		ASSERT_OK(certctl_wire_from_json(test_mem(), &bytes_wire, out, &got, &err), err);
		CU_ASSERT(got.bytes.len == lengths[i] && memcmp(got.bytes.data, data, lengths[i]) == 0);
		json_decref(out);
	}
}

static void errors_travel_whole_and_clean(void)
{
	struct certctl_error sent = { .code = CERTCTL_E_DENIED,
		.retryable = true,
		.retry_after_s = 9,
		.what = "no\n\033[1m",
		.hint = "ask \xff" },
			     got = { 0 };
	json_t *json = certctl_wire_error_to_json(&sent), *strange = json_pack("{s:s}", "code", "ok");

	CU_ASSERT_EQUAL(certctl_wire_error_from_json(json, &got), CERTCTL_E_DENIED);
	CU_ASSERT(got.retryable && got.retry_after_s == 9);
	ASSERT_TEXT(got.what, "no??[1m");
	ASSERT_TEXT(got.hint, "ask ?");
	/* An error that says it is none stays one. */
	CU_ASSERT_EQUAL(certctl_wire_error_from_json(strange, &got), CERTCTL_E_INTERNAL);
	json_decref(json);
	json_decref(strange);
}

static void a_text_is_never_cut_within_a_character(void)
{
	char out[6];

	certctl_wire_clean(out, sizeof(out), "abc\xc3\xa4\xc3\xa4");
	ASSERT_TEXT(out, "abc\xc3\xa4");
	certctl_wire_clean(out, sizeof(out), "abcd\xc3\xa4");
	ASSERT_TEXT(out, "abcd");
}

static void a_wiped_tree_holds_no_text_any_more(void)
{
	json_t *tree = json_pack("{s:s, s:[s, {s:s}], s:i}", "a", "secret", "b", "secret", "c", "secret", "d", 1);
	char *text;

	certctl_wire_wipe(tree);
	text = certctl_json_text(test_mem(), tree, NULL);
	CU_ASSERT_PTR_NOT_NULL(text);
	CU_ASSERT(text && !strstr(text, "secret"));
	certctl_wire_wipe(NULL);
	json_decref(tree);
}

const struct test tests[] = {
	TEST(every_struct_reads_back_as_it_was_written),
	TEST(an_empty_struct_has_empty_json_and_back),
	TEST(what_is_wrong_is_named),
	TEST(what_cannot_be_written_is_named),
	TEST(members_of_a_newer_side_are_passed_over),
	TEST(names_on_the_wire_are_the_names_of_the_toolbox),
	TEST(bytes_that_are_not_hexadecimal_are_refused),
	TEST(bytes_of_any_length_read_back),
	TEST(errors_travel_whole_and_clean),
	TEST(a_text_is_never_cut_within_a_character),
	TEST(a_wiped_tree_holds_no_text_any_more),
	{ 0 },
};
