#include "test.h"

#include <certctl/certificate.h>
#include <string.h>

#define NOW INT64_C(1800000000)
#define DAY INT64_C(86400)

static const struct certctl_name www = { CERTCTL_NAME_DNS, "www.example.com" },
				 other = { CERTCTL_NAME_DNS, "other.test" };
static const struct certctl_name *const names[] = { &www, NULL };

/* One certificate with its key. */
struct node {
	struct certctl_key *key;
	struct certctl_certificate *certificate;
};

static struct node make(const char *name, const struct node *parent, bool is_ca, int64_t not_after_unix_s)
{
	static unsigned char serial = 0;
	struct node node = { 0 };
	struct certctl_certificate_issuer issuer = { 0 };
	struct certctl_certificate_template template_ = { .serial = &serial,
		.serial_len = 1,
		.common_name = name,
		.names = is_ca ? NULL : names,
		.not_before_unix_s = NOW - DAY,
		.not_after_unix_s = not_after_unix_s,
		.key_usage = is_ca ? CERTCTL_KU_KEY_CERT_SIGN : CERTCTL_KU_DIGITAL_SIGNATURE,
		.is_ca = is_ca,
		.path_length = -1 };
	struct certctl_bytes tbs = { 0 }, der = { 0 };
	struct certctl_error err;

	serial++;
	ASSERT_OK(certctl_key_generate(test_mem(), CERTCTL_ECDSA_P256, &node.key, &err), err);
	ASSERT_OK(certctl_key_public(test_mem(), node.key, &template_.public_key, &err), err);
	issuer.key = parent ? parent->key : node.key;
	issuer.certificate = parent ? parent->certificate : NULL;
	ASSERT_OK(certctl_certificate_tbs(test_mem(), &template_, &issuer, &tbs, &err), err);
	ASSERT_OK(certctl_certificate_sign(test_mem(), &tbs, &issuer, &der, &err), err);
	ASSERT_OK(certctl_certificate_read(test_mem(), (char *)der.data, der.len, &node.certificate, &err), err);
	return node;
}

struct family {
	struct node root, high, low, leaf;
};

static struct family make_family(void)
{
	struct family all;

	all.root = make("Root", NULL, true, NOW + 1000 * DAY);
	all.high = make("High", &all.root, true, NOW + 900 * DAY);
	all.low = make("Low", &all.high, true, NOW + 800 * DAY);
	all.leaf = make("www.example.com", &all.low, false, NOW + 90 * DAY);
	return all;
}

static void any_order_becomes_leaf_first_without_the_root(void)
{
	struct family all = make_family();
	struct certctl_certificate *others[] = { all.root.certificate, all.low.certificate, all.high.certificate,
		all.low.certificate, all.leaf.certificate };
	struct certctl_certificate **chain = NULL;
	struct certctl_error err;
	size_t count = 0;

	ASSERT_OK(certctl_chain_order(test_mem(), all.leaf.certificate, others, CERTCTL_COUNT(others), &chain, &count,
			  &err),
		err);
	CU_ASSERT_EQUAL_FATAL(count, 3);
	CU_ASSERT_PTR_EQUAL(chain[0], all.leaf.certificate);
	CU_ASSERT_PTR_EQUAL(chain[1], all.low.certificate);
	CU_ASSERT_PTR_EQUAL(chain[2], all.high.certificate);
	CU_ASSERT_PTR_NULL(chain[3]);
}

static void the_root_stays_when_it_is_all_there_is(void)
{
	struct node root = make("Root", NULL, true, NOW + 1000 * DAY),
		    leaf = make("www.example.com", &root, false, NOW + DAY);
	struct certctl_certificate **chain = NULL;
	struct certctl_error err;
	size_t count = 0;

	ASSERT_OK(certctl_chain_order(test_mem(), leaf.certificate, &root.certificate, 1, &chain, &count, &err), err);
	CU_ASSERT_EQUAL(count, 2);
	ASSERT_OK(certctl_chain_order(test_mem(), root.certificate, &root.certificate, 1, &chain, &count, &err), err);
	CU_ASSERT_EQUAL(count, 1);
	ASSERT_OK(certctl_chain_order(test_mem(), leaf.certificate, &leaf.certificate, 1, &chain, &count, &err), err);
	CU_ASSERT_EQUAL(count, 1);
	ASSERT_OK(certctl_chain_order(test_mem(), leaf.certificate, NULL, 0, &chain, &count, &err), err);
	CU_ASSERT_EQUAL(count, 1);
}

static void what_belongs_to_no_chain_is_refused(void)
{
	struct family all = make_family();
	struct node stranger = make("Stranger", NULL, true, NOW + DAY), twin = make("Low", &all.high, true, NOW + DAY);
	struct certctl_certificate *with_stranger[] = { all.low.certificate, stranger.certificate };
	struct certctl_certificate *missing[] = { all.high.certificate, all.root.certificate };
	struct certctl_certificate **chain = NULL;
	struct certctl_error err;
	size_t count = 0;

	ASSERT_FAILS(certctl_chain_order(test_mem(), all.leaf.certificate, with_stranger, 2, &chain, &count, &err),
		CERTCTL_E_INVALID, "CN=Stranger belongs to nothing", err);
	ASSERT_FAILS(certctl_chain_order(test_mem(), all.leaf.certificate, missing, 2, &chain, &count, &err),
		CERTCTL_E_INVALID, "none of its certificates", err);
	/* The right name with another key. */
	ASSERT_FAILS(certctl_chain_order(test_mem(), all.leaf.certificate, &twin.certificate, 1, &chain, &count, &err),
		CERTCTL_E_INVALID, "none of its certificates", err);
}

static void issuing_takes_a_ca_a_name_and_a_signature(void)
{
	struct family all = make_family();
	struct node twin = make("Low", &all.high, true, NOW + DAY);

	CU_ASSERT_TRUE(certctl_certificate_is_issued_by(all.leaf.certificate, all.low.certificate));
	CU_ASSERT_TRUE(certctl_certificate_is_issued_by(all.root.certificate, all.root.certificate));
	CU_ASSERT_FALSE(certctl_certificate_is_issued_by(all.leaf.certificate, all.high.certificate));
	CU_ASSERT_FALSE(certctl_certificate_is_issued_by(all.leaf.certificate, twin.certificate));
	CU_ASSERT_FALSE(certctl_certificate_is_issued_by(all.low.certificate, all.leaf.certificate));
	all.leaf.certificate->der.data[all.leaf.certificate->der.len - 1] ^= 1; /* the signature's last byte */
	CU_ASSERT_FALSE(certctl_certificate_is_issued_by(all.leaf.certificate, all.low.certificate));
}

static void a_bundle_says_which_part_does_not_belong(void)
{
	static const struct certctl_name *const wrong[] = { &www, &other, NULL };
	struct family all = make_family();
	struct certctl_certificate *chain[] = { all.low.certificate, all.high.certificate };
	struct certctl_certificate *swapped[] = { all.high.certificate, all.low.certificate };
	const struct certctl_certificate *leaf = all.leaf.certificate;
	struct certctl_error err;

	ASSERT_OK(certctl_bundle_check(all.leaf.key, leaf, chain, 2, names, NOW, &err), err);
	ASSERT_OK(certctl_bundle_check(NULL, leaf, NULL, 0, NULL, NOW, &err), err);
	ASSERT_FAILS(certctl_bundle_check(all.low.key, leaf, chain, 2, names, NOW, &err), CERTCTL_E_INVALID,
		"private key", err);
	ASSERT_FAILS(certctl_bundle_check(all.leaf.key, leaf, swapped, 2, names, NOW, &err), CERTCTL_E_INVALID,
		"chain: certificate 1", err);
	ASSERT_FAILS(certctl_bundle_check(all.leaf.key, leaf, chain, 2, wrong, NOW, &err), CERTCTL_E_INVALID,
		"does not name other.test", err);
	ASSERT_FAILS(certctl_bundle_check(all.leaf.key, leaf, chain, 2, names, NOW - 3 * DAY, &err), CERTCTL_E_INVALID,
		"certificate: not valid before", err);
	CU_ASSERT_FALSE(err.retryable);
	ASSERT_FAILS(certctl_bundle_check(all.leaf.key, leaf, chain, 2, names, leaf->not_before_unix_s - 7, &err),
		CERTCTL_E_INVALID, "certificate: not valid before", err);
	CU_ASSERT_TRUE(err.retryable);
	CU_ASSERT_EQUAL(err.retry_after_s, 7);
	ASSERT_FAILS(certctl_bundle_check(all.leaf.key, leaf, chain, 2, names, NOW + 91 * DAY, &err), CERTCTL_E_INVALID,
		"certificate: expired at", err);
}

const struct test tests[] = {
	TEST(any_order_becomes_leaf_first_without_the_root),
	TEST(the_root_stays_when_it_is_all_there_is),
	TEST(what_belongs_to_no_chain_is_refused),
	TEST(issuing_takes_a_ca_a_name_and_a_signature),
	TEST(a_bundle_says_which_part_does_not_belong),
	{ 0 },
};
