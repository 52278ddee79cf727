#include "fixture.h"

#include <agent/deploy/render.h>

static const struct certctl_part leaf = { .kind = CERTCTL_PART_LEAF };
static const struct certctl_part chain = { .kind = CERTCTL_PART_CHAIN };
static const struct certctl_part key = { .kind = CERTCTL_PART_KEY };
static const struct certctl_part text = { .kind = CERTCTL_PART_TEXT, .text = "# words\n" };
static const struct certctl_part place = { .kind = CERTCTL_PART_PATH, .text = "/etc/site.pem" };

static struct deploy_material material_of(const struct pair *pair)
{
	struct deploy_material material = { 0 };

	ASSERT_OK(deploy_material_read(test_mem(), &pair->bundle, pair->leaf.key,
			  certctl_clock_now_s(certctl_clock_system()), &material, &err),
		err);
	return material;
}

static const char *place_of(void *arg, const char *path)
{
	(void)arg;
	return strcmp(path, "/etc/site.pem") == 0 ? "/etc/.certctl/b/7/site.pem" : NULL;
}

static int render(const struct deploy_material *material, uint32_t encoding, const struct certctl_part *const *parts,
	struct certctl_secret *ret)
{
	const struct certctl_plan_file file = { .path = "/etc/site.pem", .encoding = encoding, .parts = parts };

	return deploy_render(test_mem(), material, &file, place_of, NULL, ret, &err);
}

static void parts_stand_in_the_order_of_the_plan(void)
{
	const struct certctl_part *const parts[] = { &text, &leaf, &chain, &place, NULL };
	struct pair *pair = make_pair();
	struct deploy_material material = material_of(pair);
	struct certctl_secret content = { 0 };

	ASSERT_OK(render(&material, CERTCTL_FILE_PEM, parts, &content), err);
	char *expected = talloc_asprintf(test_mem(), "# words\n%s%s/etc/.certctl/b/7/site.pem",
		certctl_certificate_pem(test_mem(), pair->leaf.certificate),
		certctl_certificate_pem(test_mem(), pair->intermediate.certificate));

	ASSERT_TEXT((const char *)content.data, expected);
}

static void a_chain_may_be_empty(void)
{
	const struct certctl_part *const parts[] = { &chain, NULL };
	struct pair *pair = make_pair();
	struct identity alone = make_identity(NULL, FIXTURE_NAME, false);
	struct deploy_material material;
	struct certctl_secret content = { 0 };

	pair->bundle.leaf_pem = alone.pem;
	pair->bundle.chain_pem = "";
	pair->bundle.fingerprint_sha256 = NULL;
	pair->leaf.key = alone.key;
	material = material_of(pair);
	ASSERT_OK(render(&material, CERTCTL_FILE_PEM, parts, &content), err);
	CU_ASSERT_PTR_NOT_NULL(content.data);
	CU_ASSERT_EQUAL(content.len, 0);
}

static void keys_come_in_both_pem_forms(void)
{
	const struct certctl_part *const parts[] = { &key, NULL };
	struct pair *pair = make_pair();
	struct deploy_material material = material_of(pair);
	struct certctl_secret content = { 0 };

	ASSERT_OK(render(&material, CERTCTL_FILE_PEM, parts, &content), err);
	CU_ASSERT_PTR_NOT_NULL(strstr((const char *)content.data, "-----BEGIN PRIVATE KEY-----"));
	ASSERT_OK(render(&material, CERTCTL_FILE_PEM_TRADITIONAL, parts, &content), err);
	CU_ASSERT_PTR_NOT_NULL(strstr((const char *)content.data, "-----BEGIN EC PRIVATE KEY-----"));
}

static void der_holds_one_part(void)
{
	const struct certctl_part *const one[] = { &leaf, NULL }, *const two[] = { &leaf, &chain, NULL },
					 *const words[] = { &text, NULL };
	struct pair *pair = make_pair();
	struct deploy_material material = material_of(pair);
	struct certctl_secret content = { 0 };

	ASSERT_OK(render(&material, CERTCTL_FILE_DER, one, &content), err);
	CU_ASSERT_EQUAL_FATAL(content.len, pair->leaf.certificate->der.len);
	CU_ASSERT_EQUAL(memcmp(content.data, pair->leaf.certificate->der.data, content.len), 0);
	ASSERT_FAILS(render(&material, CERTCTL_FILE_DER, two, &content), CERTCTL_E_INVALID, "exactly one part", err);
	ASSERT_FAILS(render(&material, CERTCTL_FILE_DER, words, &content), CERTCTL_E_INVALID, "DER holds", err);
}

static void what_makes_no_sense_is_refused(void)
{
	const struct certctl_part nobody = { .kind = CERTCTL_PART_PATH, .text = "/etc/other.pem" },
				  unknown = { .kind = 99 };
	const struct certctl_part *const elsewhere[] = { &nobody, NULL }, *const strange[] = { &unknown, NULL },
					 *const none[] = { NULL }, *const one[] = { &leaf, NULL };
	struct deploy_material material = material_of(make_pair());
	struct certctl_secret content = { 0 };

	ASSERT_FAILS(render(&material, CERTCTL_FILE_PEM, elsewhere, &content), CERTCTL_E_INVALID, "no file of the plan",
		err);
	ASSERT_FAILS(render(&material, CERTCTL_FILE_PEM, strange, &content), CERTCTL_E_UNSUPPORTED, "part 99", err);
	ASSERT_FAILS(render(&material, CERTCTL_FILE_PEM, none, &content), CERTCTL_E_INVALID, "nothing", err);
	ASSERT_FAILS(render(&material, 99, one, &content), CERTCTL_E_UNSUPPORTED, "encoding 99", err);
}

static void a_bundle_that_does_not_belong_together_is_refused(void)
{
	struct pair *pair = make_pair(), *other = make_pair();
	struct deploy_material material;
	int64_t now_s = certctl_clock_now_s(certctl_clock_system());

	CU_ASSERT(deploy_material_read(test_mem(), &pair->bundle, other->leaf.key, now_s, &material, &err) < 0);
	CU_ASSERT(deploy_material_read(test_mem(), &pair->bundle, pair->leaf.key, now_s + 10 * 86400, &material, &err) <
		  0);
	struct certctl_bundle bundle = pair->bundle;

	bundle.chain_pem = other->intermediate.pem;
	CU_ASSERT(deploy_material_read(test_mem(), &bundle, pair->leaf.key, now_s, &material, &err) < 0);
	bundle = pair->bundle;
	bundle.fingerprint_sha256 = other->bundle.fingerprint_sha256;
	ASSERT_FAILS(deploy_material_read(test_mem(), &bundle, pair->leaf.key, now_s, &material, &err),
		CERTCTL_E_INVALID, "fingerprint", err);
}

static void the_hash_tells_every_difference(void)
{
	const struct certctl_part *const parts[] = { &leaf, NULL }, *const more[] = { &leaf, &text, NULL };
	struct certctl_secret password = { (unsigned char *)"a", 1 };
	const struct certctl_plan_file rows[] = {
		{ .path = "/a", .encoding = CERTCTL_FILE_PEM, .parts = parts },
		{ .path = "/b", .encoding = CERTCTL_FILE_PEM, .parts = parts },
		{ .path = "/a", .encoding = CERTCTL_FILE_DER, .parts = parts },
		{ .path = "/a", .encoding = CERTCTL_FILE_PEM, .parts = more },
		{ .path = "/a", .encoding = CERTCTL_FILE_PEM, .parts = parts, .mode = 0600 },
		{ .path = "/a", .encoding = CERTCTL_FILE_PEM, .parts = parts, .owner = "root" },
		{ .path = "/a", .encoding = CERTCTL_FILE_PEM, .parts = parts, .group = "root" },
		{ .path = "/a", .encoding = CERTCTL_FILE_PEM, .parts = parts, .password = &password },
		{ .path = "/a", .encoding = CERTCTL_FILE_PEM, .parts = parts, .alias = "root" },
	};
	struct deploy_material material = material_of(make_pair()), other = material_of(make_pair());
	char hashes[CERTCTL_COUNT(rows) + 1][65];

	for (size_t i = 0; i <= CERTCTL_COUNT(rows); i++) {
		const struct certctl_plan_file *const files[] = { &rows[i % CERTCTL_COUNT(rows)], NULL };
		const struct certctl_plan plan = { .files = files };

		ASSERT_OK(deploy_content_hash(i < CERTCTL_COUNT(rows) ? &material : &other, &plan, hashes[i], &err),
			err);
		for (size_t k = 0; k < i; k++)
			CU_ASSERT_STRING_NOT_EQUAL(hashes[i], hashes[k]);
	}
}

const struct test tests[] = {
	TEST(parts_stand_in_the_order_of_the_plan),
	TEST(a_chain_may_be_empty),
	TEST(keys_come_in_both_pem_forms),
	TEST(der_holds_one_part),
	TEST(what_makes_no_sense_is_refused),
	TEST(a_bundle_that_does_not_belong_together_is_refused),
	TEST(the_hash_tells_every_difference),
	{ 0 },
};
