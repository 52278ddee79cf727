/* What a server remembers of agents' certificates: nothing but what the database said and did not take back. */
#include "core/features/fleet/credentials.h"
#include "test.h"

#include <string.h>

#define HASH_A "aa00000000000000000000000000000000000000000000000000000000000000"
#define HASH_B "aa00000000000000000000000000000000000000000000000000000000000001" /* of the same bucket */
#define HASH_C "0c00000000000000000000000000000000000000000000000000000000000000"
#define HASH_Z "ff00000000000000000000000000000000000000000000000000000000000000"

static struct credentials *three(void)
{
	struct credentials *credentials = NULL;
	struct certctl_error err = { 0 };

	ASSERT_OK(credentials_new(test_mem(), &credentials, &err), err);
	credentials_remember(credentials, HASH_A, "agent-a", credentials_changes(credentials));
	credentials_remember(credentials, HASH_B, "agent-b", credentials_changes(credentials));
	credentials_remember(credentials, HASH_C, "agent-c", credentials_changes(credentials));
	return credentials;
}

static bool is_of(struct credentials *credentials, const char *sha256, const char *agent_id)
{
	const char *id = credentials_recall(credentials, sha256, test_mem());

	return agent_id ? id && strcmp(id, agent_id) == 0 : id == NULL;
}

static void a_certificate_is_of_who_the_database_said(void)
{
	struct credentials *credentials = three();

	CU_ASSERT_TRUE(is_of(credentials, HASH_A, "agent-a"));
	CU_ASSERT_TRUE(is_of(credentials, HASH_B, "agent-b"));
	CU_ASSERT_TRUE(is_of(credentials, HASH_C, "agent-c"));
	CU_ASSERT_TRUE(is_of(credentials, HASH_Z, NULL));
}

static void who_changed_is_asked_for_again_and_others_are_not(void)
{
	static const char *const changed[] = { "agent-a", "agent-c" };
	struct credentials *credentials = three();

	credentials_forget(credentials, changed, CERTCTL_COUNT(changed));
	CU_ASSERT_TRUE(is_of(credentials, HASH_A, NULL));
	CU_ASSERT_TRUE(is_of(credentials, HASH_B, "agent-b"));
	CU_ASSERT_TRUE(is_of(credentials, HASH_C, NULL));
	credentials_forget(credentials, NULL, 0);
	CU_ASSERT_TRUE(is_of(credentials, HASH_B, NULL));
}

static void an_answer_of_before_a_change_is_not_believed(void)
{
	static const char *const changed[] = { "agent-z" };
	struct credentials *credentials = three();
	uint64_t before = credentials_changes(credentials);

	credentials_forget(credentials, changed, 1);
	credentials_remember(credentials, HASH_Z, "agent-z", before);
	CU_ASSERT_TRUE(is_of(credentials, HASH_Z, NULL));
}

const struct test tests[] = {
	TEST(a_certificate_is_of_who_the_database_said),
	TEST(who_changed_is_asked_for_again_and_others_are_not),
	TEST(an_answer_of_before_a_change_is_not_believed),
	{ 0 },
};
