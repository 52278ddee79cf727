/* Secrets at rest: what opens, what does not, and which key files are taken. */
#include "core/platform/sealing/sealing.h"
#include "test.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_A "0101010101010101010101010101010101010101010101010101010101010101"
#define KEY_B "ABCDEFabcdef0123456789abcdefABCDEF0123456789abcdefABCDEF01234567"

static const struct sealing_place here = { "connector_state", "issuers/corp/account", "sealed" };

static const char *key_file(const char *name, const char *text, mode_t mode)
{
	char *path = talloc_asprintf(test_mem(), "%s/%s", test_temporary_dir(), name);
	FILE *file = fopen(path, "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fputs(text, file);
	fclose(file);
	CU_ASSERT_EQUAL(chmod(path, mode), 0);
	return path;
}

static struct sealing *with_keys(const char *text)
{
	struct sealing_options options = { .key_file = key_file("keys", text, 0600) };
	struct certctl_error err = { 0 };
	struct sealing *sealing = NULL;

	ASSERT_OK(sealing_open(test_mem(), &options, &sealing, &err), err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(sealing);
	return sealing;
}

static struct sealed seal_text(const struct sealing *sealing, const char *text)
{
	struct certctl_secret secret = { (unsigned char *)(uintptr_t)text, strlen(text) };
	struct certctl_error err = { 0 };
	struct sealed sealed = { 0 };

	ASSERT_OK(sealing_seal(sealing, test_mem(), &here, &secret, &sealed, &err), err);
	return sealed;
}

/* --- Values ---------------------------------------------------------------------------------------------------------- */

static void what_was_sealed_opens_again_in_its_place(void)
{
	static const size_t lengths[] = { 0, 1, 15, 16, 17, 4096, 65536 };
	struct sealing *sealing = with_keys(KEY_A);

	for (size_t i = 0; i < CERTCTL_COUNT(lengths); i++) {
		struct certctl_secret secret = { talloc_size(test_mem(), lengths[i] + 1), lengths[i] }, opened = { 0 };
		struct certctl_error err = { 0 };
		struct sealed sealed = { 0 };

		for (size_t at = 0; at < secret.len; at++)
			secret.data[at] = (unsigned char)(at * 7);
		ASSERT_OK(sealing_seal(sealing, test_mem(), &here, &secret, &sealed, &err), err);
		CU_ASSERT_EQUAL(strlen(sealed.bytes), 2 + 2 * (lengths[i] + SEALING_OVERHEAD));
		ASSERT_TEXT(sealed.key_id, sealing_key_id(sealing));
		ASSERT_OK(sealing_unseal(sealing, test_mem(), &here, &sealed, &opened, &err), err);
		CU_ASSERT_TRUE(certctl_secret_equal(&secret, &opened));
	}
}

static void the_same_value_never_looks_the_same(void)
{
	struct sealing *sealing = with_keys(KEY_A);
	struct sealed first = seal_text(sealing, "twice"), second = seal_text(sealing, "twice");

	CU_ASSERT_STRING_NOT_EQUAL(first.bytes, second.bytes);
	CU_ASSERT_PTR_NULL(strstr(first.bytes, "7477696365")); /* "twice" */
}

static void a_value_that_was_moved_elsewhere_does_not_open(void)
{
	static const struct sealing_place places[] = {
		{ "connector_state", "issuers/other/account", "sealed" },
		{ "webhooks", "issuers/corp/account", "sealed" },
		{ "connector_state", "issuers/corp/account", "previous" },
		/* The same letters, cut at another place. */
		{ "connector_stateissuers", "/corp/account", "sealed" },
		{ "connector_state", "issuers/corp/accountsealed", "" },
		{ "connector_state", "issuers/corp/account:6:sealed", "" },
		{ "", "connector_state:20:issuers/corp/account", "sealed" },
	};
	struct sealing *sealing = with_keys(KEY_A);
	struct sealed sealed = seal_text(sealing, "the account");

	for (size_t i = 0; i < CERTCTL_COUNT(places); i++) {
		struct certctl_secret opened = { 0 };
		struct certctl_error err = { 0 };

		ASSERT_FAILS(sealing_unseal(sealing, test_mem(), &places[i], &sealed, &opened, &err), CERTCTL_E_INVALID,
			"sealed for another place", err);
		CU_ASSERT_PTR_NULL(opened.data);
	}
}

static void a_value_with_one_changed_digit_does_not_open(void)
{
	struct sealing *sealing = with_keys(KEY_A);
	struct sealed sealed = seal_text(sealing, "secret");
	size_t len = strlen(sealed.bytes);

	for (size_t at = 2; at < len; at++) {
		char *changed = talloc_strdup(test_mem(), sealed.bytes);
		struct sealed tampered = { sealed.key_id, changed };
		struct certctl_secret opened = { 0 };
		struct certctl_error err = { 0 };

		changed[at] = changed[at] == '0' ? '1' : '0';
		ASSERT_FAILS(sealing_unseal(sealing, test_mem(), &here, &tampered, &opened, &err), CERTCTL_E_INVALID,
			"connector_state.sealed of 'issuers/corp/account': ", err);
	}
}

static void what_is_no_sealed_value_is_refused(void)
{
	static const char *const rows[] = { "", "\\x", "\\x01", "01", "\\xzz", "\\x0", "secret",
		"\\x020000000000000000000000000000000000000000000000000000000000000000" };
	struct sealing *sealing = with_keys(KEY_A);

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct sealed sealed = { sealing_key_id(sealing), rows[i] };
		struct certctl_secret opened = { 0 };
		struct certctl_error err = { 0 };

		ASSERT_FAILS(sealing_unseal(sealing, test_mem(), &here, &sealed, &opened, &err), CERTCTL_E_INVALID,
			NULL, err);
	}
}

/* --- Keys ------------------------------------------------------------------------------------------------------------ */

static void the_first_key_seals_and_all_of_them_open(void)
{
	struct sealing *before = with_keys(KEY_A "\n"), *rotated = with_keys(KEY_B "\n" KEY_A "\n");
	struct sealed old = seal_text(before, "old"), new = seal_text(rotated, "new");
	struct certctl_secret opened = { 0 };
	struct certctl_error err = { 0 };

	ASSERT_OK(sealing_unseal(rotated, test_mem(), &here, &old, &opened, &err), err);
	ASSERT_TEXT((const char *)opened.data, "old");
	CU_ASSERT_STRING_NOT_EQUAL(new.key_id, old.key_id);
	ASSERT_TEXT(old.key_id, sealing_key_id(before));
	/* The id is the key's, wherever it stands. */
	ASSERT_TEXT(sealing_key_id(with_keys("# comment\n\n  " KEY_A "  \r\n" KEY_B)), old.key_id);
}

static void a_key_that_is_not_in_the_file_is_named(void)
{
	struct sealing *ours = with_keys(KEY_A), *theirs = with_keys(KEY_B);
	struct sealed sealed = seal_text(theirs, "theirs");
	struct certctl_secret opened = { 0 };
	struct certctl_error err = { 0 };

	ASSERT_FAILS(sealing_unseal(ours, test_mem(), &here, &sealed, &opened, &err), CERTCTL_E_DENIED, sealed.key_id,
		err);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "backup"));
	/* And calling it by one of ours does not help. */
	sealed.key_id = sealing_key_id(ours);
	ASSERT_FAILS(sealing_unseal(ours, test_mem(), &here, &sealed, &opened, &err), CERTCTL_E_INVALID, "changed",
		err);
}

static void a_key_is_made_once_and_for_its_owner_only(void)
{
	struct sealing_options options = { .state_dir = test_temporary_dir() };
	char *path = talloc_asprintf(test_mem(), "%s/" SEALING_KEY_FILE, options.state_dir);
	struct sealing *first = NULL, *second = NULL;
	struct certctl_error err = { 0 };
	struct stat status;

	umask(0);
	ASSERT_OK(sealing_open(test_mem(), &options, &first, &err), err);
	CU_ASSERT_EQUAL(stat(path, &status), 0);
	CU_ASSERT_EQUAL(status.st_mode & 07777, 0600);
	ASSERT_OK(sealing_open(test_mem(), &options, &second, &err), err);
	ASSERT_TEXT(sealing_key_id(second), sealing_key_id(first));
	CU_ASSERT_EQUAL(unlink(path), 0);
	ASSERT_OK(sealing_open(test_mem(), &options, &second, &err), err);
	CU_ASSERT_STRING_NOT_EQUAL(sealing_key_id(second), sealing_key_id(first));
}

static void without_a_good_key_nothing_opens(void)
{
	static const struct {
		const char *text;
		mode_t mode;
		int code;
		const char *words;
	} rows[] = {
		{ "", 0600, CERTCTL_E_INVALID, "no key in it" },
		{ "# nothing\n\n", 0600, CERTCTL_E_INVALID, "no key in it" },
		{ KEY_A "\n" KEY_A "\n", 0600, CERTCTL_E_INVALID, "line 2: this key is there twice" },
		{ KEY_A "00\n", 0600, CERTCTL_E_INVALID, "line 1: 64 hexadecimal digits expected" },
		{ "\n0101\n", 0600, CERTCTL_E_INVALID, "line 2: 64 hexadecimal" },
		{ KEY_A "\ng" KEY_A, 0600, CERTCTL_E_INVALID, "line 2" },
		{ "g101010101010101010101010101010101010101010101010101010101010101", 0600, CERTCTL_E_INVALID,
			"line 1" },
		{ KEY_A "\n", 0604, CERTCTL_E_DENIED, "mode 0604" },
		{ KEY_A "\n", 0660, CERTCTL_E_DENIED, "mode 0660" },
		{ KEY_A "\n", 0440, CERTCTL_OK, NULL }, /* a systemd credential */
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct sealing_options options = { .key_file = key_file(talloc_asprintf(test_mem(), "row%zu", i),
							   rows[i].text, rows[i].mode) };
		struct certctl_error err = { 0 };
		struct sealing *sealing = NULL;

		if (rows[i].code == CERTCTL_OK)
			ASSERT_OK(sealing_open(test_mem(), &options, &sealing, &err), err);
		else
			ASSERT_FAILS(sealing_open(test_mem(), &options, &sealing, &err), rows[i].code, rows[i].words,
				err);
	}
}

static void a_file_that_was_named_is_never_made(void)
{
	struct sealing_options options = { .state_dir = test_temporary_dir(),
		.key_file = talloc_asprintf(test_mem(), "%s/absent", test_temporary_dir()) };
	struct certctl_error err = { 0 };
	struct sealing *sealing = NULL;

	ASSERT_FAILS(sealing_open(test_mem(), &options, &sealing, &err), CERTCTL_E_NOT_FOUND, "absent", err);
	CU_ASSERT_NOT_EQUAL(access(options.key_file, F_OK), 0);
}

static void more_keys_than_anybody_needs_are_refused(void)
{
	char *text = talloc_strdup(test_mem(), "");

	for (int i = 0; i < 17; i++)
		text = talloc_asprintf_append(text, "%064d\n", i);
	struct sealing_options options = { .key_file = key_file("many", text, 0600) };
	struct certctl_error err = { 0 };
	struct sealing *sealing = NULL;

	ASSERT_FAILS(sealing_open(test_mem(), &options, &sealing, &err), CERTCTL_E_LIMIT, "line 17", err);
}

static void what_follows_from_a_key_is_its_own_for_each_purpose(void)
{
	struct sealing *one = with_keys(KEY_A), *same = with_keys(KEY_A "\n" KEY_B), *other = with_keys(KEY_B);
	const struct {
		const struct sealing *sealing;
		const char *purpose;
		bool is_same;
	} rows[] = {
		{ one, "tickets of a", true },
		{ same, "tickets of a", true },
		{ one, "tickets of b", false },
		{ other, "tickets of a", false },
	};
	unsigned char first[64], next[64];
	struct certctl_error err = { 0 };

	ASSERT_OK(sealing_derive(one, "tickets of a", first, sizeof(first), &err), err);
	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		ASSERT_OK(sealing_derive(rows[i].sealing, rows[i].purpose, next, sizeof(next), &err), err);
		CU_ASSERT_EQUAL(memcmp(first, next, sizeof(first)) == 0, rows[i].is_same);
	}
}

const struct test tests[] = {
	TEST(what_was_sealed_opens_again_in_its_place),
	TEST(the_same_value_never_looks_the_same),
	TEST(a_value_that_was_moved_elsewhere_does_not_open),
	TEST(a_value_with_one_changed_digit_does_not_open),
	TEST(what_is_no_sealed_value_is_refused),
	TEST(the_first_key_seals_and_all_of_them_open),
	TEST(a_key_that_is_not_in_the_file_is_named),
	TEST(a_key_is_made_once_and_for_its_owner_only),
	TEST(without_a_good_key_nothing_opens),
	TEST(a_file_that_was_named_is_never_made),
	TEST(more_keys_than_anybody_needs_are_refused),
	TEST(what_follows_from_a_key_is_its_own_for_each_purpose),
	{ 0 },
};
