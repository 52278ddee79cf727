#include "fixture.h"

#include <agent/deploy/journal.h>

#define HASH_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static struct deploy_file file = {
	.path = "/etc/a.pem", .sha256 = HASH_A, .original = DEPLOY_WAS_THERE, .mode = 0640, .uid = -1, .gid = 33
};
static struct deploy_probe probe = {
	.address = "127.0.0.1", .port = 443, .starttls = CERTCTL_STARTTLS_SMTP, .before = HASH_A
};
static const char *reload[] = { "/usr/sbin/nginx", "-s", "reload" };

static struct deploy_entry sample(void)
{
	return (struct deploy_entry){ .id = "job-1",
		.binding = "bnd-1",
		.sequence = INT64_MAX,
		.store = "/etc/.certctl/bnd-1",
		.before = 1,
		.adopted = 2,
		.generation = 3,
		.files = { 1, &file },
		.activate = { 3, reload },
		.activate_timeout_s = 60,
		.probe_timeout_s = 30,
		.probes = { 1, &probe },
		.fingerprint = HASH_A,
		.content = HASH_A,
		.is_by_plugin = true };
}

static int journal_fd(char **ret_path)
{
	char *path = path_in(test_temporary_dir(), "journal");
	int fd = -1;

	ASSERT_OK(certctl_dir_make(path, 0700, &fd, &err), err);
	*ret_path = path;
	return fd;
}

static void an_entry_reads_back_in_every_phase(void)
{
	char *path;
	int fd = journal_fd(&path);
	const struct deploy_entry entry = sample();
	struct deploy_entry back;
	struct deploy_journal_item *items;
	size_t count;

	ASSERT_OK(deploy_journal_begin(fd, &entry, &err), err);
	for (enum deploy_phase phase = DEPLOY_STAGING; phase < DEPLOY_PHASE_COUNT; phase++) {
		if (phase > DEPLOY_STAGING)
			ASSERT_OK(deploy_journal_advance(fd, "job-1", phase - 1, phase, &err), err);
		ASSERT_OK(deploy_journal_list(test_mem(), fd, &items, &count, &err), err);
		CU_ASSERT_EQUAL_FATAL(count, 1);
		CU_ASSERT_EQUAL(items[0].phase, phase);
		memset(&back, 0, sizeof(back));
		ASSERT_OK(deploy_journal_read(test_mem(), fd, &items[0], &back, &err), err);
		ASSERT_TEXT(back.id, "job-1");
		CU_ASSERT_EQUAL(back.sequence, INT64_MAX);
		CU_ASSERT_EQUAL(back.generation, 3);
		CU_ASSERT_TRUE(back.is_by_plugin);
		CU_ASSERT_PTR_NULL(back.previous_fingerprint);
		CU_ASSERT_EQUAL_FATAL(back.files.count, 1);
		CU_ASSERT_EQUAL(deploy_files(&back)[0].uid, -1);
		CU_ASSERT_EQUAL(deploy_files(&back)[0].original, DEPLOY_WAS_THERE);
		ASSERT_TEXT(deploy_probes(&back)[0].before, HASH_A);
		CU_ASSERT_PTR_NULL(deploy_probes(&back)[0].server_name);
		ASSERT_TEXT(deploy_argv(test_mem(), &back.activate)[2], "reload");
		CU_ASSERT_PTR_NULL(deploy_argv(test_mem(), &back.activate)[3]);
		CU_ASSERT_PTR_NULL(deploy_argv(test_mem(), &back.validate));
	}
	ASSERT_OK(deploy_journal_end(fd, "job-1", DEPLOY_RESTORING, &err), err);
	ASSERT_OK(deploy_journal_list(test_mem(), fd, &items, &count, &err), err);
	CU_ASSERT_EQUAL(count, 0);
	close(fd);
}

static void an_entry_that_is_damaged_is_refused(void)
{
	static const char *const texts[] = { "", "{}", "[]", "{\"id\":\"job-1\"",
		"{\"id\":\"job-1\",\"binding\":\"bnd-1\",\"store\":\"relative\"}", "{\"id\":\"job-1\",\"unknown\":1}" };
	char *path;
	int fd = journal_fd(&path);

	for (size_t i = 0; i < CERTCTL_COUNT(texts); i++) {
		struct deploy_journal_item item = {
			.name = (char *)"job-1.staging", .id = (char *)"job-1", .phase = DEPLOY_STAGING
		};
		struct deploy_entry back = { 0 };

		put(path_in(path, "job-1.staging"), texts[i]);
		CU_ASSERT_EQUAL(deploy_journal_read(test_mem(), fd, &item, &back, &err), CERTCTL_E_INVALID);
	}
	close(fd);
}

static void an_entry_under_a_foreign_name_is_refused(void)
{
	char *path;
	int fd = journal_fd(&path);
	const struct deploy_entry entry = sample();
	struct deploy_journal_item item = {
		.name = (char *)"job-2.staging", .id = (char *)"job-2", .phase = DEPLOY_STAGING
	};
	struct deploy_entry back = { 0 };

	ASSERT_OK(deploy_journal_begin(fd, &entry, &err), err);
	CU_ASSERT_EQUAL(rename(path_in(path, "job-1.staging"), path_in(path, "job-2.staging")), 0);
	ASSERT_FAILS(deploy_journal_read(test_mem(), fd, &item, &back, &err), CERTCTL_E_INVALID, "job-1", err);
	close(fd);
}

static void what_could_not_be_read_again_is_not_written(void)
{
	static const char *bad[] = { "/bin/echo", "two\nlines" };
	char *path;
	int fd = journal_fd(&path);
	struct deploy_entry entry = sample();

	entry.activate = (struct certctl_list){ 2, bad };
	ASSERT_FAILS(deploy_journal_begin(fd, &entry, &err), CERTCTL_E_INVALID, "activate", err);
	CU_ASSERT_FALSE(is_there(path_in(path, "job-1.staging")));
	close(fd);
}

static void what_killed_writers_left_goes(void)
{
	char *path;
	int fd = journal_fd(&path);
	struct deploy_journal_item *items;
	size_t count;

	put(path_in(path, ".job-1.staging.certctl-new"), "half");
	put(path_in(path, "something"), "");
	put(path_in(path, "job.with.dots.restoring"), "");
	ASSERT_OK(deploy_journal_list(test_mem(), fd, &items, &count, &err), err);
	CU_ASSERT_EQUAL_FATAL(count, 1);
	ASSERT_TEXT(items[0].id, "job.with.dots");
	CU_ASSERT_EQUAL(items[0].phase, DEPLOY_RESTORING);
	CU_ASSERT_FALSE(is_there(path_in(path, ".job-1.staging.certctl-new")));
	CU_ASSERT_FALSE(is_there(path_in(path, "something")));
	close(fd);
}

const struct test tests[] = {
	TEST(an_entry_reads_back_in_every_phase),
	TEST(an_entry_that_is_damaged_is_refused),
	TEST(an_entry_under_a_foreign_name_is_refused),
	TEST(what_could_not_be_read_again_is_not_written),
	TEST(what_killed_writers_left_goes),
	{ 0 },
};
