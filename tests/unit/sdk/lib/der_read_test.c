#include "test.h"

#include <certctl/der.h>

static void elements_are_read_one_by_one(void)
{
	static const unsigned char data[] = { 0x02, 0x01, 0x05, 0x30, 0x81, 0x80 };
	unsigned char text[3 + 3 + 128] = { 0 };
	const unsigned char *in = text;
	struct certctl_der_element element;
	struct certctl_error err;

	for (size_t i = 0; i < sizeof(data); i++)
		text[i] = data[i];
	ASSERT_OK(certctl_der_read(&in, text + sizeof(text), &element, &err), err);
	CU_ASSERT_EQUAL(element.tag, CERTCTL_DER_INTEGER);
	CU_ASSERT_EQUAL(element.len, 1);
	CU_ASSERT_EQUAL(element.whole_len, 3);
	CU_ASSERT_EQUAL(element.content[0], 5);
	ASSERT_OK(certctl_der_read(&in, text + sizeof(text), &element, &err), err);
	CU_ASSERT_EQUAL(element.tag, CERTCTL_DER_SEQUENCE);
	CU_ASSERT_EQUAL(element.len, 128);
	CU_ASSERT_PTR_EQUAL(in, text + sizeof(text));
	ASSERT_FAILS(certctl_der_read(&in, text + sizeof(text), &element, &err), CERTCTL_E_INVALID, "unexpected end",
		err);
}

static void what_is_not_der_is_refused_and_moves_nothing(void)
{
	static const struct {
		const char *what;
		unsigned char data[8];
		size_t len;
	} rows[] = {
		{ "no length", { 0x30 }, 1 },
		{ "content cut", { 0x30, 2, 0 }, 3 },
		{ "indefinite length", { 0x30, 0x80, 0, 0 }, 4 },
		{ "long form for a short length", { 0x04, 0x81, 0x01, 0 }, 4 },
		{ "leading zero in the length", { 0x04, 0x82, 0x00, 0x81, 0 }, 5 },
		{ "length octets cut", { 0x04, 0x82, 0x01 }, 3 },
		{ "length of five octets", { 0x04, 0x85, 1, 0, 0, 0, 0 }, 7 },
		{ "length of 4 GiB", { 0x04, 0x84, 0xff, 0xff, 0xff, 0xff }, 6 },
		{ "tag of several octets", { 0x1f, 0x81, 0x01, 0 }, 4 },
		{ "end of contents", { 0, 0 }, 2 },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		/* A block of its own, so that a sanitizer sees a read behind it. */
		unsigned char *data = talloc_memdup(test_mem(), rows[i].data, rows[i].len);
		const unsigned char *in = data;
		struct certctl_der_element element;
		struct certctl_error err;

		ASSERT_FAILS(certctl_der_read(&in, data + rows[i].len, &element, &err), CERTCTL_E_INVALID, NULL, err);
		CU_ASSERT_PTR_EQUAL(in, data);
	}
}

const struct test tests[] = {
	TEST(elements_are_read_one_by_one),
	TEST(what_is_not_der_is_refused_and_moves_nothing),
	{ 0 },
};
