#include "test.h"

#include <certctl/der.h>
#include <string.h>

static char *finish_hex(struct certctl_der *der)
{
	struct certctl_bytes bytes;
	struct certctl_error err;

	if (certctl_der_finish(der, &bytes, &err) < 0)
		return talloc_strdup(test_mem(), certctl_code_name(err.code));
	return certctl_hex(test_mem(), bytes.data, bytes.len);
}

static void numbers_are_minimal(void)
{
	static const struct {
		int64_t value;
		const char *hex;
	} rows[] = {
		{ 0, "020100" },
		{ 1, "020101" },
		{ 127, "02017f" },
		{ 128, "02020080" },
		{ 256, "02020100" },
		{ -1, "0201ff" },
		{ -128, "020180" },
		{ -129, "0202ff7f" },
		{ INT64_MAX, "02087fffffffffffffff" },
		{ INT64_MIN, "02088000000000000000" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_der der;

		certctl_der_init(&der, test_mem(), 100);
		certctl_der_integer(&der, rows[i].value);
		ASSERT_TEXT(finish_hex(&der), rows[i].hex);
	}
}

static void unsigned_numbers_stay_positive(void)
{
	static const struct {
		const char *data;
		size_t len;
		const char *hex;
	} rows[] = {
		{ "\x01\x02", 2, "02020102" },
		{ "\x80", 1, "02020080" },
		{ "\0\0\x7f", 3, "02017f" },
		{ "\0\xff", 2, "020200ff" },
		{ "\0", 1, "020100" },
		{ "", 0, "020100" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_der der;

		certctl_der_init(&der, test_mem(), 100);
		certctl_der_unsigned(&der, rows[i].data, rows[i].len);
		ASSERT_TEXT(finish_hex(&der), rows[i].hex);
	}
}

static void object_identifiers_are_encoded_or_refused(void)
{
	static const struct {
		const char *dotted, *hex;
	} rows[] = {
		{ "1.3.6.1.5.5.7.3.1", "06082b06010505070301" },
		{ "2.5.29.17", "0603551d11" },
		{ "2.999.3", "0603883703" },
		{ "1.2.840.113549", "06062a864886f70d" },
		{ "2.25.18446744073709551615", "060b6981ffffffffffffffff7f" },
		{ "2.25.18446744073709551616", "invalid" },
		{ "1.40", "invalid" },
		{ "3.1", "invalid" },
		{ "1", "invalid" },
		{ "", "invalid" },
		{ "1.3.", "invalid" },
		{ "1.3..6", "invalid" },
		{ "1.03", "invalid" },
		{ "1.3.6a", "invalid" },
		{ "-1.3", "invalid" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_der der;

		certctl_der_init(&der, test_mem(), 100);
		certctl_der_oid(&der, rows[i].dotted);
		ASSERT_TEXT(finish_hex(&der), rows[i].hex);
	}
}

static void named_bits_drop_trailing_zeros(void)
{
	static const struct {
		uint32_t bits;
		const char *hex;
	} rows[] = {
		{ 0, "030100" },
		{ CERTCTL_KU_DIGITAL_SIGNATURE, "03020780" },
		{ CERTCTL_KU_DIGITAL_SIGNATURE | CERTCTL_KU_KEY_ENCIPHERMENT, "030205a0" },
		{ CERTCTL_KU_KEY_CERT_SIGN | CERTCTL_KU_CRL_SIGN, "03020106" },
		{ 1 << 7, "03020001" },
		{ 1 << 8, "0303070080" },
		{ UINT32_C(1) << 31, "03050000000001" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_der der;

		certctl_der_init(&der, test_mem(), 100);
		certctl_der_named_bits(&der, rows[i].bits);
		ASSERT_TEXT(finish_hex(&der), rows[i].hex);
	}
}

static void times_change_their_type_in_2050(void)
{
	static const struct {
		int64_t unix_s;
		const char *text; /* "" : refused */
		unsigned tag;
	} rows[] = {
		{ 0, "700101000000Z", CERTCTL_DER_UTC_TIME },
		{ INT64_C(-631152000), "500101000000Z", CERTCTL_DER_UTC_TIME },
		{ INT64_C(-631152001), "", 0 },
		{ INT64_C(2524607999), "491231235959Z", CERTCTL_DER_UTC_TIME },
		{ INT64_C(2524608000), "20500101000000Z", CERTCTL_DER_GENERALIZED_TIME },
		{ INT64_C(253402300799), "99991231235959Z", CERTCTL_DER_GENERALIZED_TIME },
		{ INT64_C(253402300800), "", 0 },
		{ INT64_MAX, "", 0 },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_bytes bytes = { 0 };
		struct certctl_error err;
		struct certctl_der der;

		certctl_der_init(&der, test_mem(), 100);
		certctl_der_time(&der, rows[i].unix_s);
		if (!rows[i].tag) {
			ASSERT_FAILS(certctl_der_finish(&der, &bytes, &err), CERTCTL_E_INVALID, "time", err);
			continue;
		}
		ASSERT_OK(certctl_der_finish(&der, &bytes, &err), err);
		CU_ASSERT_EQUAL(bytes.data[0], rows[i].tag);
		ASSERT_TEXT(talloc_strndup(test_mem(), (char *)bytes.data + 2, bytes.len - 2), rows[i].text);
	}
}

static void wraps_nest_and_lengths_take_the_octets_they_need(void)
{
	static const struct {
		size_t content, header;
	} rows[] = { { 0, 2 }, { 127, 2 }, { 128, 3 }, { 255, 3 }, { 256, 4 }, { 65535, 4 }, { 65536, 5 } };
	static char zeros[65536];

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		const unsigned char *in;
		struct certctl_der_element element;
		struct certctl_bytes bytes;
		struct certctl_error err;
		struct certctl_der der;

		certctl_der_init(&der, test_mem(), 1 << 20);
		certctl_der_raw(&der, "behind", 6);
		certctl_der_put(&der, CERTCTL_DER_OCTET_STRING, zeros, rows[i].content);
		ASSERT_OK(certctl_der_finish(&der, &bytes, &err), err);
		CU_ASSERT_EQUAL(bytes.len, rows[i].header + rows[i].content + 6);
		in = bytes.data;
		ASSERT_OK(certctl_der_read(&in, bytes.data + bytes.len, &element, &err), err);
		CU_ASSERT_EQUAL(element.len, rows[i].content);
		CU_ASSERT_EQUAL(memcmp(in, "behind", 6), 0);
	}
}

static void what_does_not_fit_latches(void)
{
	struct certctl_bytes bytes;
	struct certctl_error err;
	struct certctl_der der;

	certctl_der_init(&der, test_mem(), 4);
	certctl_der_integer(&der, 1);
	certctl_der_integer(&der, 2);
	certctl_der_oid(&der, "not an OID");
	ASSERT_FAILS(certctl_der_finish(&der, &bytes, &err), CERTCTL_E_LIMIT, "more than 4 bytes", err);
}

static void an_empty_writer_finishes_with_nothing(void)
{
	struct certctl_bytes bytes = { 0 };
	struct certctl_error err;
	struct certctl_der der;

	certctl_der_init(&der, test_mem(), 100);
	ASSERT_OK(certctl_der_finish(&der, &bytes, &err), err);
	CU_ASSERT_EQUAL(bytes.len, 0);
	CU_ASSERT_PTR_NOT_NULL(bytes.data);
}

const struct test tests[] = {
	TEST(numbers_are_minimal),
	TEST(unsigned_numbers_stay_positive),
	TEST(object_identifiers_are_encoded_or_refused),
	TEST(named_bits_drop_trailing_zeros),
	TEST(times_change_their_type_in_2050),
	TEST(wraps_nest_and_lengths_take_the_octets_they_need),
	TEST(what_does_not_fit_latches),
	TEST(an_empty_writer_finishes_with_nothing),
	{ 0 },
};
