#include "field_fixture.h"
#include "test.h"

#include <string.h>

static void good_tables_pass(void)
{
	static const struct certctl_field none[] = { { 0 } };
	struct certctl_error err;

	ASSERT_OK(certctl_fields_check(config_fields, ROW_SIZE, sizeof(struct config), &err), err);
	ASSERT_OK(certctl_fields_check(none, ROW_SIZE, 0, &err), err);
}

/* Rows of a struct of 64 bytes; each is wrong in one way. */
static void bad_rows_are_named(void)
{
	static const struct certctl_choice no_choices[] = { { 0 } };
	static const struct certctl_choice zero[] = { { "a", 0, NULL }, { 0 } };
	static const struct certctl_choice twice[] = { { "a", 1, NULL }, { "a", 2, NULL }, { 0 } };
	static const struct certctl_choice hidden[] = { { "a\n", 1, NULL }, { 0 } };
	static const struct certctl_field self[] = { { .name = "x",
							     .type = CERTCTL_LIST,
							     .item_type = CERTCTL_OBJECT,
							     .length = 16,
							     .nested = self,
							     .nested_size = 64 },
		{ 0 } };
	static const struct {
		struct certctl_field row;
		const char *words;
	} rows[] = {
		{ { .name = "Big", .type = CERTCTL_INTEGER, .length = 8 }, "field \"Big\": name must be" },
		{ { .name = "", .type = CERTCTL_INTEGER, .length = 8 }, "name must be" },
		{ { .name = "a\x1b", .type = CERTCTL_INTEGER, .length = 8 }, "field \"a?\": name must be" },
		{ { .name = "x", .length = 8 }, "field \"x\": type 0 is none" },
		{ { .name = "x", .type = CERTCTL_FIELD_TYPE_COUNT, .length = 8 }, "type 16 is none" },
		{ { .name = "x", .type = UINT32_MAX, .length = 8 }, "type 4294967295 is none" },
		{ { .name = "x", .type = CERTCTL_LIST, .length = 16 }, "item type 0" },
		{ { .name = "x", .type = CERTCTL_LIST, .item_type = CERTCTL_LIST, .length = 16 }, "item type 12" },
		{ { .name = "x", .type = CERTCTL_INTEGER, .length = 4 }, "length 4, but type integer has 8" },
		{ { .name = "x", .type = CERTCTL_INTEGER, .length = 8, .offset = 64 },
			"ends behind the configuration of 64" },
		{ { .name = "x", .type = CERTCTL_INTEGER, .length = 8, .offset = UINT32_MAX - 7 }, "ends behind" },
		{ { .name = "x", .type = CERTCTL_INTEGER, .length = 8, .offset = 4 }, "not aligned" },
		{ { .name = "y", .type = CERTCTL_INTEGER, .length = 8, .offset = 8 }, "field \"y\": is there twice" },
		{ { .name = "x", .type = CERTCTL_SECRET, .length = 16, .offset = 0 }, "overlaps \"y\"" },
		{ { .name = "x", .type = CERTCTL_OBJECT, .length = 8 }, "needs nested fields" },
		{ { .name = "x", .type = CERTCTL_OBJECT, .length = 8, .nested = tls_fields }, "needs nested fields" },
		{ { .name = "x", .type = CERTCTL_OBJECT, .length = 8, .nested = tls_fields, .nested_size = 8 },
			"x: field \"key\": ends" },
		{ { .name = "x",
			  .type = CERTCTL_LIST,
			  .item_type = CERTCTL_OBJECT,
			  .length = 16,
			  .nested = self,
			  .nested_size = 64 },
			"nested deeper" },
		{ { .name = "x", .type = CERTCTL_ENUM, .length = 4 }, "without choices" },
		{ { .name = "x", .type = CERTCTL_ENUM, .length = 4, .choices = no_choices }, "without choices" },
		{ { .name = "x", .type = CERTCTL_ENUM, .length = 4, .choices = zero }, "value 0" },
		{ { .name = "x", .type = CERTCTL_ENUM, .length = 4, .choices = twice }, "there twice" },
		{ { .name = "x", .type = CERTCTL_ENUM, .length = 4, .choices = hidden }, "choice 1: name and help" },
		{ { .name = "x", .type = CERTCTL_TEXT, .length = 8, .choices = modes }, "choices belong to" },
		{ { .name = "x", .type = CERTCTL_INTEGER, .length = 8, .min = 5, .max = 4 }, "bounds 5..4" },
		{ { .name = "x", .type = CERTCTL_TEXT, .length = 8, .min = -1, .max = 4 }, "bounds -1..4" },
		{ { .name = "x", .type = CERTCTL_BOOLEAN, .length = 1, .max = 4 }, "has no bounds" },
		{ { .name = "x", .type = CERTCTL_TEXT, .length = 8, .path_access = CERTCTL_PATH_READ }, "path_access" },
		{ { .name = "x", .type = CERTCTL_PATH, .length = 8, .path_access = 3 }, "path_access" },
		{ { .name = "x", .type = CERTCTL_REFERENCE, .length = 8 }, "refers_to" },
		{ { .name = "x", .type = CERTCTL_TEXT, .length = 8, .refers_to = "owner" }, "refers_to" },
		{ { .name = "x", .type = CERTCTL_TEXT, .length = 8, .env = "lower" }, "environment alias" },
		{ { .name = "x", .type = CERTCTL_TEXT, .length = 8, .help = "a\xe2\x80\xae" }, "help must be" },
		{ { .name = "x", .type = CERTCTL_TEXT, .length = 8, .help = "\xff" }, "help must be" },
		{ { .name = "x", .type = CERTCTL_INTEGER, .length = 8, .fallback = "many" },
			"default: x: an integer expected" },
		{ { .name = "x", .type = CERTCTL_INTEGER, .length = 8, .fallback = "0", .min = 1, .max = 2 },
			"default: x: 1..2" },
		{ { .name = "x", .type = CERTCTL_DURATION, .length = 8, .fallback = "soon" },
			"default: x: a duration" },
		{ { .name = "x", .type = CERTCTL_ENUM, .length = 4, .choices = modes, .fallback = "quick" },
			"default: x: slow or fast" },
		{ { .name = "x", .type = CERTCTL_URL, .length = 8, .fallback = "http://a" },
			"default: x: a URL with https" },
		{ { .name = "x", .type = CERTCTL_LIST, .item_type = CERTCTL_INTEGER, .length = 16, .fallback = "1,x" },
			"default: x[1]: an integer" },
		{ { .name = "x", .type = CERTCTL_TEXT, .length = 8, .fallback = "a", .required = true },
			"required, yet" },
		{ { .name = "x", .type = CERTCTL_SECRET, .length = 16, .fallback = "a" }, "has no default" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_field table[] = { { .name = "y", .type = CERTCTL_BOOLEAN, .length = 1 }, rows[i].row,
			{ 0 } };
		struct certctl_error err = { 0 };

		if (table[1].offset == 0 && !strstr(rows[i].words, "overlaps"))
			table[1].offset = 8;
		ASSERT_FAILS(certctl_fields_check(table, ROW_SIZE, 64, &err), CERTCTL_E_INVALID, rows[i].words, err);
	}
}

static void bad_row_sizes_are_refused(void)
{
	static const size_t sizes[] = { 0, 8, ROW_SIZE - 8, ROW_SIZE + 1 };
	struct certctl_error err;

	for (size_t i = 0; i < CERTCTL_COUNT(sizes); i++)
		ASSERT_FAILS(certctl_fields_check(config_fields, sizes[i], sizeof(struct config), &err),
			CERTCTL_E_INVALID, "row of", err);
	ASSERT_FAILS(certctl_fields_check(NULL, ROW_SIZE, 0, &err), CERTCTL_E_INVALID, "no table", err);
}

static void endless_tables_are_refused(void)
{
	struct certctl_field *rows = talloc_zero_array(test_mem(), struct certctl_field, 300);
	struct certctl_error err;

	for (unsigned i = 0; i < 300; i++)
		rows[i] = (struct certctl_field){
			.name = talloc_asprintf(test_mem(), "f%u", i), .type = CERTCTL_BOOLEAN, .length = 1, .offset = i
		};
	ASSERT_FAILS(certctl_fields_check(rows, ROW_SIZE, 300, &err), CERTCTL_E_INVALID, "at most 256 rows", err);
}

const struct test tests[] = {
	TEST(good_tables_pass),
	TEST(bad_rows_are_named),
	TEST(bad_row_sizes_are_refused),
	TEST(endless_tables_are_refused),
	{ 0 },
};
