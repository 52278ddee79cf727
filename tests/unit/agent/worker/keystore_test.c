/* The key store: same job, same request; a key in use changes only when told to; what is over goes. */
#include "agent/worker/keystore.h"

#include "test.h"

#include <certctl/files.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int64_t now_s;
static char destroyed[512];

static int64_t fake_now(const struct certctl_clock *clock)
{
	(void)clock;
	return now_s;
}
static const struct certctl_clock fake_clock = { .now_s = fake_now };

static void note_destroyed(void *arg, const char *certificate_id, const char *public_key_sha256)
{
	size_t len = strlen(destroyed);

	(void)arg;
	snprintf(destroyed + len, sizeof(destroyed) - len, "%s:%s ", certificate_id, public_key_sha256);
}

static struct certctl_keystore *open_store(const char *dir, int64_t rollback_hours)
{
	struct certctl_keystore_options options = { .dir = dir,
		.rollback_hours = rollback_hours,
		.staged_hours = 720,
		.clock = &fake_clock,
		.destroyed = note_destroyed };
	struct certctl_keystore *store = NULL;
	struct certctl_error err = { 0 };

	now_s = certctl_clock_now_s(certctl_clock_system());
	destroyed[0] = '\0';
	ASSERT_OK(certctl_keystore_open(test_mem(), &options, &store, &err), err);
	return store;
}

static const struct certctl_name example = { CERTCTL_NAME_DNS, "web.example.com" };
static const struct certctl_name *const names[] = { &example, NULL };

static struct certctl_key_order order_of(const char *certificate_id, const char *job_id)
{
	return (struct certctl_key_order){ .certificate_id = certificate_id,
		.job_id = job_id,
		.key_type = CERTCTL_ECDSA_P256,
		.request = { .common_name = "web.example.com", .names = names } };
}

static struct certctl_key_staged stage(struct certctl_keystore *store, const char *job_id)
{
	struct certctl_key_order order = order_of("mc-web", job_id);
	struct certctl_key_staged staged = { 0 };
	struct certctl_error err = { 0 };

	ASSERT_OK(certctl_keystore_csr(store, test_mem(), &order, &staged, &err), err);
	return staged;
}

static void activate(struct certctl_keystore *store, const char *public_key_sha256)
{
	struct certctl_error err = { 0 };

	ASSERT_OK(certctl_keystore_activate(store, "mc-web", public_key_sha256, &err), err);
}

/* The hash of the key in use, "" without one. */
static const char *in_use(const char *dir)
{
	struct certctl_secret text = { 0 };
	struct certctl_key *key = NULL;
	struct certctl_bytes public_key;
	struct certctl_error err;
	char *hex = talloc_zero_size(test_mem(), 65);
	int fd = -1;

	if (certctl_dir_open(dir, &fd, &err) == 0 &&
		certctl_file_read_secret(test_mem(), fd, "mc-web.key", 10000, &text, &err) == 0 &&
		certctl_key_read(test_mem(), &text, NULL, &key, &err) == 0 &&
		certctl_key_public(test_mem(), key, &public_key, &err) == 0)
		certctl_sha256_hex(public_key.data, public_key.len, hex);
	certctl_close_auto(&fd);
	return hex;
}

static unsigned count_files(const char *dir, const char *folder)
{
	char path[512];
	unsigned count = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, folder);
	DIR *stream = opendir(path);

	for (struct dirent *entry; stream && (entry = readdir(stream));)
		count += entry->d_name[0] != '.';
	if (stream)
		closedir(stream);
	return count;
}

static void the_same_job_gets_the_same_key_and_request(void)
{
	const char *dir = test_temporary_dir();
	struct certctl_keystore *store = open_store(dir, 24);
	struct certctl_key_staged first = stage(store, "job-1"), again = stage(store, "job-1");

	CU_ASSERT_TRUE(first.is_new);
	CU_ASSERT_FALSE(again.is_new);
	ASSERT_TEXT(again.csr_pem, first.csr_pem);
	talloc_free(store);
	store = open_store(dir, 24); /* also after a restart */
	ASSERT_TEXT(stage(store, "job-1").csr_pem, first.csr_pem);
	CU_ASSERT_STRING_NOT_EQUAL(stage(store, "job-2").public_key_sha256, first.public_key_sha256);
}

static void a_request_lost_in_a_crash_is_made_again_with_the_same_key(void)
{
	const char *dir = test_temporary_dir();
	struct certctl_keystore *store = open_store(dir, 24);
	struct certctl_key_staged first = stage(store, "job-1");
	char path[512];

	snprintf(path, sizeof(path), "%s/staged/mc-web_job-1.csr", dir);
	CU_ASSERT_EQUAL(unlink(path), 0);
	ASSERT_TEXT(stage(store, "job-1").public_key_sha256, first.public_key_sha256);
}

static void the_request_has_the_names_and_the_key_of_the_order(void)
{
	struct certctl_keystore *store = open_store(test_temporary_dir(), 24);
	struct certctl_key_staged staged = stage(store, "job-1");
	struct certctl_csr *csr = NULL;
	struct certctl_error err = { 0 };

	ASSERT_OK(certctl_csr_read(test_mem(), staged.csr_pem, strlen(staged.csr_pem), &csr, &err), err);
	ASSERT_TEXT(csr->common_name, "web.example.com");
	ASSERT_TEXT(csr->names[0]->text, "web.example.com");
	ASSERT_TEXT(csr->public_key_sha256, staged.public_key_sha256);
	CU_ASSERT_EQUAL(csr->key_type, CERTCTL_ECDSA_P256);
}

static void a_job_that_changes_its_mind_is_refused(void)
{
	static const struct certctl_name other = { CERTCTL_NAME_DNS, "evil.example.com" };
	static const struct certctl_name *const more[] = { &other, &example, NULL }, *const others[] = { &other, NULL };
	struct certctl_keystore *store = open_store(test_temporary_dir(), 24);
	struct certctl_key_order orders[4];
	struct certctl_key_staged staged;
	struct certctl_error err = { 0 };

	stage(store, "job-1");
	for (size_t i = 0; i < CERTCTL_COUNT(orders); i++)
		orders[i] = order_of("mc-web", "job-1");
	orders[0].request.names = more;
	orders[1].request.names = others;
	orders[2].request.must_staple = true;
	orders[3].key_type = CERTCTL_ED25519;
	for (size_t i = 0; i < CERTCTL_COUNT(orders); i++)
		ASSERT_FAILS(certctl_keystore_csr(store, test_mem(), &orders[i], &staged, &err), CERTCTL_E_CONFLICT,
			"another request than before", err);
}

static void ids_that_are_paths_are_refused_and_touch_nothing(void)
{
	static const char *const bad[] = { "../../etc/passwd", "", ".", "..", "a/b", "a_b", "/etc", "A", "a b", "-a",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" };
	const char *dir = test_temporary_dir();
	struct certctl_keystore *store = open_store(dir, 24);
	struct certctl_key_staged staged;
	struct certctl_key *key;
	struct certctl_error err = { 0 };

	for (size_t i = 0; i < CERTCTL_COUNT(bad); i++) {
		struct certctl_key_order certificate = order_of(bad[i], "job-1"), job = order_of("mc-web", bad[i]);

		ASSERT_FAILS(certctl_keystore_csr(store, test_mem(), &certificate, &staged, &err), CERTCTL_E_INVALID,
			"certificate: not an id", err);
		ASSERT_FAILS(certctl_keystore_csr(store, test_mem(), &job, &staged, &err), CERTCTL_E_INVALID,
			"job: not an id", err);
		ASSERT_FAILS(certctl_keystore_find(store, test_mem(), bad[i], "00", &key, &err), CERTCTL_E_INVALID,
			NULL, err);
		ASSERT_FAILS(certctl_keystore_activate(store, bad[i], "00", &err), CERTCTL_E_INVALID, NULL, err);
	}
	CU_ASSERT_EQUAL(count_files(dir, "staged"), 0);
	CU_ASSERT_EQUAL(count_files(dir, ""), 2); /* the two folders */
}

static void a_staged_key_leaves_the_one_in_use_alone_until_it_is_activated(void)
{
	const char *dir = test_temporary_dir();
	struct certctl_keystore *store = open_store(dir, 24);
	struct certctl_key_staged first = stage(store, "job-1");

	ASSERT_TEXT(in_use(dir), "");
	activate(store, first.public_key_sha256);
	ASSERT_TEXT(in_use(dir), first.public_key_sha256);
	struct certctl_key_staged second = stage(store, "job-2");

	ASSERT_TEXT(in_use(dir), first.public_key_sha256);
	activate(store, second.public_key_sha256);
	ASSERT_TEXT(in_use(dir), second.public_key_sha256);
	CU_ASSERT_EQUAL(count_files(dir, "staged"), 0);
	CU_ASSERT_EQUAL(count_files(dir, "previous"), 1);
}

static void activating_again_changes_nothing(void)
{
	const char *dir = test_temporary_dir();
	struct certctl_keystore *store = open_store(dir, 24);
	struct certctl_key_staged first = stage(store, "job-1"), second = stage(store, "job-2");

	activate(store, first.public_key_sha256);
	activate(store, second.public_key_sha256);
	activate(store, second.public_key_sha256);
	ASSERT_TEXT(in_use(dir), second.public_key_sha256);
	CU_ASSERT_EQUAL(count_files(dir, "previous"), 1);
}

static void a_roll_back_finds_the_previous_key_and_swaps_both(void)
{
	const char *dir = test_temporary_dir();
	struct certctl_keystore *store = open_store(dir, 24);
	struct certctl_key_staged first = stage(store, "job-1"), second = stage(store, "job-2");
	struct certctl_key *key = NULL;
	struct certctl_error err = { 0 };

	activate(store, first.public_key_sha256);
	activate(store, second.public_key_sha256);
	ASSERT_OK(certctl_keystore_find(store, test_mem(), "mc-web", first.public_key_sha256, &key, &err), err);
	activate(store, first.public_key_sha256);
	ASSERT_TEXT(in_use(dir), first.public_key_sha256);
	ASSERT_OK(certctl_keystore_find(store, test_mem(), "mc-web", second.public_key_sha256, &key, &err), err);
	CU_ASSERT_EQUAL(count_files(dir, "previous"), 1);
}

static void a_key_nobody_made_is_not_found(void)
{
	struct certctl_keystore *store = open_store(test_temporary_dir(), 24);
	struct certctl_key_staged staged = stage(store, "job-1");
	struct certctl_key *key;
	struct certctl_error err = { 0 };

	staged.public_key_sha256[0] = staged.public_key_sha256[0] == '0' ? '1' : '0';
	ASSERT_FAILS(certctl_keystore_activate(store, "mc-web", staged.public_key_sha256, &err), CERTCTL_E_NOT_FOUND,
		"no key on this host", err);
	ASSERT_FAILS(certctl_keystore_find(store, test_mem(), "mc-other", staged.public_key_sha256, &key, &err),
		CERTCTL_E_NOT_FOUND, "no key on this host", err);
}

static void files_are_private(void)
{
	static const struct {
		const char *name;
		mode_t mode;
	} rows[] = { { "", 0700 }, { "staged", 0700 }, { "previous", 0700 }, { "mc-web.key", 0600 },
		{ "staged/mc-web_job-2.key", 0600 }, { "staged/mc-web_job-2.csr", 0600 } };
	const char *dir = talloc_asprintf(test_mem(), "%s/keys", test_temporary_dir());
	struct certctl_keystore *store = open_store(dir, 24);

	activate(store, stage(store, "job-1").public_key_sha256);
	stage(store, "job-2");
	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct stat status;
		char path[512];

		snprintf(path, sizeof(path), "%s/%s", dir, rows[i].name);
		CU_ASSERT_EQUAL_FATAL(stat(path, &status), 0);
		CU_ASSERT_EQUAL(status.st_mode & 07777, rows[i].mode);
	}
}

static void a_previous_key_goes_when_its_time_is_over_and_is_told(void)
{
	const char *dir = test_temporary_dir();
	struct certctl_keystore *store = open_store(dir, 24);
	struct certctl_key_staged first = stage(store, "job-1"), second = stage(store, "job-2");
	struct certctl_error err = { 0 };
	int64_t next = 0;

	activate(store, first.public_key_sha256);
	activate(store, second.public_key_sha256);
	ASSERT_OK(certctl_keystore_expire(store, &next, &err), err);
	CU_ASSERT_EQUAL(next, now_s + 24 * 3600);
	CU_ASSERT_EQUAL(count_files(dir, "previous"), 1);
	now_s = next;
	ASSERT_OK(certctl_keystore_expire(store, &next, &err), err);
	CU_ASSERT_EQUAL(count_files(dir, "previous"), 0);
	CU_ASSERT_EQUAL(next, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(destroyed, first.public_key_sha256));
	CU_ASSERT_PTR_NULL(strstr(destroyed, second.public_key_sha256));
}

static void without_rollback_the_old_key_goes_at_once(void)
{
	const char *dir = test_temporary_dir();
	struct certctl_keystore *store = open_store(dir, 0);
	struct certctl_key_staged first = stage(store, "job-1"), second = stage(store, "job-2");

	activate(store, first.public_key_sha256);
	activate(store, second.public_key_sha256);
	CU_ASSERT_EQUAL(count_files(dir, "previous"), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(destroyed, first.public_key_sha256));
}

static void a_staged_key_is_dropped_when_a_newer_one_comes_into_use_or_its_time_is_over(void)
{
	const char *dir = test_temporary_dir();
	struct certctl_keystore *store = open_store(dir, 24);
	struct certctl_key_staged failed = stage(store, "job-1"), good = stage(store, "job-2"),
				  next_one = stage(store, "job-3");
	struct certctl_error err = { 0 };
	int64_t next = 0;

	activate(store, good.public_key_sha256);
	CU_ASSERT_PTR_NOT_NULL(strstr(destroyed, failed.public_key_sha256));
	CU_ASSERT_EQUAL(count_files(dir, "staged"), 2); /* key and request of job-3 */
	now_s += 721 * 3600;
	ASSERT_OK(certctl_keystore_expire(store, &next, &err), err);
	CU_ASSERT_EQUAL(count_files(dir, "staged"), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(destroyed, next_one.public_key_sha256));
	ASSERT_TEXT(in_use(dir), good.public_key_sha256);
}

static void a_damaged_staged_key_is_put_aside_and_made_anew(void)
{
	const char *dir = test_temporary_dir();
	struct certctl_keystore *store = open_store(dir, 24);
	struct certctl_key_staged first = stage(store, "job-1");
	char path[512];

	snprintf(path, sizeof(path), "%s/staged/mc-web_job-1.key", dir);
	CU_ASSERT_EQUAL(truncate(path, 20), 0);
	struct certctl_key_staged again = stage(store, "job-1");

	CU_ASSERT_TRUE(again.is_new);
	CU_ASSERT_STRING_NOT_EQUAL(again.public_key_sha256, first.public_key_sha256);
}

static void a_damaged_key_hides_no_other(void)
{
	const char *dir = test_temporary_dir();
	struct certctl_keystore *store = open_store(dir, 24);
	struct certctl_key *key = NULL;
	struct certctl_error err = { 0 };
	char path[512];
	int64_t next = 0;

	stage(store, "job-1");
	struct certctl_key_staged good = stage(store, "job-2");

	snprintf(path, sizeof(path), "%s/staged/mc-web_job-1.key", dir);
	CU_ASSERT_EQUAL(truncate(path, 20), 0);
	ASSERT_OK(certctl_keystore_find(store, test_mem(), "mc-web", good.public_key_sha256, &key, &err), err);
	stage(store, "job-1");
	CU_ASSERT_EQUAL(truncate(path, 20), 0);
	now_s += 721 * 3600;
	ASSERT_OK(certctl_keystore_expire(store, &next, &err), err);
	CU_ASSERT_PTR_NOT_NULL(strstr(destroyed, good.public_key_sha256));
}

static void a_full_store_makes_no_more_keys_and_finds_those_it_has(void)
{
	const char *dir = test_temporary_dir();
	struct certctl_keystore *store = open_store(dir, 24);
	struct certctl_key_staged first = stage(store, "job-1");
	struct certctl_key_order order = order_of("mc-web", "job-2");
	struct certctl_key_staged staged = { 0 };
	struct certctl_key *key = NULL;
	struct certctl_error err = { 0 };
	char from[512], to[512];

	snprintf(from, sizeof(from), "%s/staged/mc-web_job-1.key", dir);
	for (int i = 1; i < 10000; i++) {
		snprintf(to, sizeof(to), "%s/staged/mc-%d_job-1.key", dir, i);
		CU_ASSERT_EQUAL_FATAL(link(from, to), 0);
	}
	ASSERT_FAILS(certctl_keystore_csr(store, test_mem(), &order, &staged, &err), CERTCTL_E_LIMIT, "10000 keys wait",
		err);
	ASSERT_TEXT(stage(store, "job-1").csr_pem, first.csr_pem);
	ASSERT_OK(certctl_keystore_find(store, test_mem(), "mc-web", first.public_key_sha256, &key, &err), err);
}

static struct certctl_key_staged stage_again(struct certctl_keystore *store, const char *job_id,
	enum certctl_key_type key_type)
{
	struct certctl_key_order order = order_of("mc-web", job_id);
	struct certctl_key_staged staged = { 0 };
	struct certctl_error err = { 0 };

	order.reuse_key = true;
	order.key_type = key_type;
	ASSERT_OK(certctl_keystore_csr(store, test_mem(), &order, &staged, &err), err);
	return staged;
}

static void a_key_that_stays_is_asked_with_again_and_never_told_as_destroyed(void)
{
	const char *dir = test_temporary_dir();
	struct certctl_keystore *store = open_store(dir, 24);
	struct certctl_error err = { 0 };
	int64_t next = 0;

	/* Nothing in use yet: a new one. */
	struct certctl_key_staged first = stage_again(store, "job-1", CERTCTL_ECDSA_P256);

	CU_ASSERT_TRUE(first.is_new);
	activate(store, first.public_key_sha256);
	struct certctl_key_staged second = stage_again(store, "job-2", CERTCTL_ECDSA_P256);

	CU_ASSERT_FALSE(second.is_new);
	ASSERT_TEXT(second.public_key_sha256, first.public_key_sha256);
	stage_again(store, "job-3", CERTCTL_ECDSA_P256);
	activate(store, second.public_key_sha256);
	now_s += 721 * 3600;
	ASSERT_OK(certctl_keystore_expire(store, &next, &err), err);
	CU_ASSERT_EQUAL(count_files(dir, "staged"), 0);
	CU_ASSERT_EQUAL(count_files(dir, "previous"), 0);
	ASSERT_TEXT(in_use(dir), first.public_key_sha256);
	ASSERT_TEXT(destroyed, "");
	/* Another type cannot be the same key. */
	CU_ASSERT_TRUE(stage_again(store, "job-4", CERTCTL_ECDSA_P384).is_new);
}

static void the_list_says_what_is_in_use_waits_and_is_kept(void)
{
	const char *dir = test_temporary_dir();
	struct certctl_keystore *store = open_store(dir, 24);
	struct certctl_key_staged first = stage(store, "job-1");
	struct certctl_key_listed *rows = NULL;
	struct certctl_error err = { 0 };
	size_t count = 0, total = 0;

	activate(store, first.public_key_sha256);
	struct certctl_key_staged second = stage(store, "job-2");

	activate(store, second.public_key_sha256);
	stage(store, "job-3");
	ASSERT_OK(certctl_keystore_list(store, test_mem(), 10, &rows, &count, &total, &err), err);
	CU_ASSERT_EQUAL(total, 1);
	CU_ASSERT_EQUAL_FATAL(count, 1);
	ASSERT_TEXT(rows[0].certificate_id, "mc-web");
	ASSERT_TEXT(rows[0].public_key_sha256, second.public_key_sha256);
	CU_ASSERT_EQUAL(rows[0].staged_count, 1);
	CU_ASSERT_EQUAL(rows[0].previous_count, 1);
	CU_ASSERT_EQUAL(rows[0].previous_until_unix_s, now_s + 24 * 3600);
}

static void a_second_process_is_kept_out(void)
{
	const char *dir = test_temporary_dir();
	struct certctl_keystore *store = open_store(dir, 24), *second = NULL;
	struct certctl_keystore_options options = { .dir = dir };
	struct certctl_error err = { 0 };

	ASSERT_FAILS(certctl_keystore_open(test_mem(), &options, &second, &err), CERTCTL_E_CONFLICT,
		"in use by another", err);
	talloc_free(store);
	ASSERT_OK(certctl_keystore_open(test_mem(), &options, &second, &err), err);
}

const struct test tests[] = {
	TEST(the_same_job_gets_the_same_key_and_request),
	TEST(a_request_lost_in_a_crash_is_made_again_with_the_same_key),
	TEST(the_request_has_the_names_and_the_key_of_the_order),
	TEST(a_job_that_changes_its_mind_is_refused),
	TEST(ids_that_are_paths_are_refused_and_touch_nothing),
	TEST(a_staged_key_leaves_the_one_in_use_alone_until_it_is_activated),
	TEST(activating_again_changes_nothing),
	TEST(a_roll_back_finds_the_previous_key_and_swaps_both),
	TEST(a_key_nobody_made_is_not_found),
	TEST(files_are_private),
	TEST(a_previous_key_goes_when_its_time_is_over_and_is_told),
	TEST(without_rollback_the_old_key_goes_at_once),
	TEST(a_staged_key_is_dropped_when_a_newer_one_comes_into_use_or_its_time_is_over),
	TEST(a_damaged_staged_key_is_put_aside_and_made_anew),
	TEST(a_damaged_key_hides_no_other),
	TEST(a_full_store_makes_no_more_keys_and_finds_those_it_has),
	TEST(a_key_that_stays_is_asked_with_again_and_never_told_as_destroyed),
	TEST(the_list_says_what_is_in_use_waits_and_is_kept),
	TEST(a_second_process_is_kept_out),
	{ 0 },
};
