#include "test.h"

#include <certctl/x509.h>
#include <string.h>

static void every_length_reads_back(void)
{
	unsigned char data[200];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char)(i * 7 + 3);
	for (size_t len = 1; len <= sizeof(data); len++) {
		char *pem = certctl_pem_encode(test_mem(), "THING", data, len);
		struct certctl_bytes bytes = { 0 };
		struct certctl_error err;

		ASSERT_OK(certctl_pem_decode(test_mem(), "THING", pem, strlen(pem), &bytes, &err), err);
		CU_ASSERT_EQUAL(bytes.len, len);
		CU_ASSERT_EQUAL(memcmp(bytes.data, data, len), 0);
	}
}

static void the_text_is_what_rfc_7468_shows(void)
{
	static const char expected[] = "-----BEGIN X-----\n"
				       "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
				       "AAA=\n"
				       "-----END X-----\n";
	unsigned char zeros[50] = { 0 };

	ASSERT_TEXT(certctl_pem_encode(test_mem(), "X", zeros, sizeof(zeros)), expected);
}

static void other_ways_to_write_it_are_accepted(void)
{
	static const char *const rows[] = {
		"-----BEGIN X-----\nAQID\n-----END X-----",
		"-----BEGIN X-----\r\nAQID\r\n-----END X-----\r\n",
		"-----BEGIN X-----\nAQ\n ID\n-----END X-----  \n\n",
		"subject: who\n\n-----BEGIN X-----\nAQID\n-----END X-----\n",
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_bytes bytes = { 0 };
		struct certctl_error err;

		ASSERT_OK(certctl_pem_decode(test_mem(), "X", rows[i], strlen(rows[i]), &bytes, &err), err);
		CU_ASSERT(bytes.len == 3 && memcmp(bytes.data, "\1\2\3", 3) == 0);
	}
}

static void anything_else_is_refused(void)
{
	static const struct {
		const char *pem, *words;
	} rows[] = {
		{ "", "no line" },
		{ "AQID", "no line" },
		{ "x -----BEGIN X-----\nAQID\n-----END X-----\n", "no line" },
		{ "-----BEGIN X----\nAQID\n-----END X-----\n", "BEGIN" },
		{ "-----BEGIN X-----AQID\n-----END X-----\n", "BEGIN" },
		{ "-----BEGIN X-----\nAQID\n", "does not end" },
		{ "-----BEGIN X-----\nAQID\n-----END Y-----\n", "does not end" },
		{ "-----BEGIN Y-----\nAQID\n-----END Y-----\n", "X expected, got Y" },
		{ "-----BEGIN X-----\nAQID\n-----END X-----\nbehind", "something behind" },
		{ "-----BEGIN X-----\nAQID\n-----END X-----\n-----BEGIN X-----\nAQID\n-----END X-----\n",
			"something behind" },
		{ "-----BEGIN X-----\nA*ID\n-----END X-----\n", "not base64" },
		{ "-----BEGIN X-----\nAQI\n-----END X-----\n", "ends in the middle" },
		{ "-----BEGIN X-----\nAQ==AQID\n-----END X-----\n", "not base64" },
		{ "-----BEGIN X-----\nAQ===\n-----END X-----\n", "not base64" },
		{ "-----BEGIN X-----\nAR==\n-----END X-----\n", "ends in the middle" },
		{ "-----BEGIN X-----\n-----END X-----\n", "empty" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_bytes bytes;
		struct certctl_error err;

		ASSERT_FAILS(certctl_pem_decode(test_mem(), "X", rows[i].pem, strlen(rows[i].pem), &bytes, &err),
			CERTCTL_E_INVALID, rows[i].words, err);
	}
}

static void a_nul_is_refused(void)
{
	static const char pem[] = "-----BEGIN X-----\nAQID\n-----END X-----\n\0";
	struct certctl_bytes bytes;
	struct certctl_error err;

	ASSERT_FAILS(certctl_pem_decode(test_mem(), "X", pem, sizeof(pem), &bytes, &err), CERTCTL_E_INVALID, "NUL",
		err);
}

const struct test tests[] = {
	TEST(every_length_reads_back),
	TEST(the_text_is_what_rfc_7468_shows),
	TEST(other_ways_to_write_it_are_accepted),
	TEST(anything_else_is_refused),
	TEST(a_nul_is_refused),
	{ 0 },
};
