/* The private cluster: killed, adopted, brought back, refused. */
#include "core/database.h"

#include <certctl/time.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const struct db_query one = { .name = "one", .sql = "SELECT 1 AS one" };

/* Until the database answers again, at most a minute. */
static bool answers(struct db_pool *pool)
{
	static const struct timespec pause = { .tv_nsec = 100000000 };

	for (int i = 0; i < 600; i++, nanosleep(&pause, NULL)) {
		struct certctl_error err = { 0 };

		if (db_once(pool, NULL, &one, DB_NO_VALUES, NULL, &err) == 0)
			return true;
	}
	return false;
}

static void a_killed_postmaster_is_brought_back_with_what_was_committed(void)
{
	struct db_pool *pool = test_database();
	int pid = db_cluster_pid(test_cluster);

	test_sql("INSERT INTO issuers (id, name, type, source) VALUES ('iss-kept', 'kept', 'x', 'api')");
	CU_ASSERT_EQUAL_FATAL(kill(pid, SIGKILL), 0);
	CU_ASSERT_TRUE(answers(pool));
	CU_ASSERT_NOT_EQUAL(db_cluster_pid(test_cluster), pid);
	ASSERT_TEXT(test_value("SELECT name FROM issuers WHERE id = 'iss-kept'"), "kept");
}

/* Another process starts a cluster and is killed at once; its postmaster lives on. */
static int start_and_be_killed(const char *directory)
{
	int channel[2], pid = 0;

	if (pipe(channel) < 0)
		return -1;
	pid_t child = fork();

	if (child == 0) {
		struct db_cluster_options options = { .directory = directory };
		struct certctl_error err = { 0 };
		struct db_cluster *cluster = NULL;

		if (db_cluster_start(NULL, &options, &cluster, &err) == 0)
			pid = db_cluster_pid(cluster);
		else
			fprintf(stderr, "%s\n", err.what);
		if (write(channel[1], &pid, sizeof(pid)) < 0)
			_exit(1);
		raise(SIGKILL);
	}
	close(channel[1]);
	ssize_t len = read(channel[0], &pid, sizeof(pid));

	close(channel[0]);
	waitpid(child, NULL, 0);
	return len == sizeof(pid) ? pid : -1;
}

static void a_live_postmaster_is_adopted_and_stopped_cleanly(void)
{
	const char *directory = talloc_asprintf(test_mem(), "%s/adopted", test_passable_dir());
	struct db_cluster_options options = { .directory = directory };
	struct certctl_error err = { 0 };
	struct db_cluster *cluster = NULL;
	int pid = start_and_be_killed(directory);

	CU_ASSERT_TRUE_FATAL(pid > 0);
	CU_ASSERT_EQUAL(kill(pid, 0), 0);
	ASSERT_OK(db_cluster_start(NULL, &options, &cluster, &err), err);
	CU_ASSERT_EQUAL(db_cluster_pid(cluster), pid);
	ASSERT_OK(db_cluster_stop(cluster, &err), err);
	talloc_free(cluster);
	CU_ASSERT_NOT_EQUAL(access(talloc_asprintf(test_mem(), "%s/postmaster.pid", directory), F_OK), 0);
}

static void a_half_made_cluster_is_made_again(void)
{
	const char *folder = test_passable_dir();
	const char *directory = talloc_asprintf(test_mem(), "%s/half", folder);
	struct db_cluster_options options = { .directory = directory };
	struct certctl_error err = { 0 };
	struct db_cluster *cluster = NULL;
	const char *draft = talloc_asprintf(test_mem(), "%s.new", directory);

	CU_ASSERT_EQUAL_FATAL(mkdir(draft, 0700), 0);
	close(open(talloc_asprintf(test_mem(), "%s/PG_VERSION", draft), O_CREAT | O_WRONLY, 0600));
	ASSERT_OK(db_cluster_start(NULL, &options, &cluster, &err), err);
	ASSERT_OK(db_cluster_stop(cluster, &err), err);
	talloc_free(cluster);
}

static void another_major_version_is_named(void)
{
	const char *directory = talloc_asprintf(test_mem(), "%s/old", test_passable_dir());
	struct db_cluster_options options = { .directory = directory };
	struct certctl_error err = { 0 };
	struct db_cluster *cluster = NULL;
	FILE *file;

	CU_ASSERT_EQUAL_FATAL(mkdir(directory, 0700), 0);
	file = fopen(talloc_asprintf(test_mem(), "%s/PG_VERSION", directory), "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fputs("9.6\n", file);
	fclose(file);
	ASSERT_FAILS(db_cluster_start(NULL, &options, &cluster, &err), CERTCTL_E_UNSUPPORTED, "PostgreSQL 9.6", err);
}

static void a_folder_that_the_database_user_cannot_enter_is_named(void)
{
	const char *folder = test_passable_dir();
	struct db_cluster_options options = { .directory = talloc_asprintf(test_mem(), "%s/data", folder) };
	struct certctl_error err = { 0 };
	struct db_cluster *cluster = NULL;

	if (geteuid() != 0)
		return; /* nobody else runs it then */
	chmod(folder, 0700);
	ASSERT_FAILS(db_cluster_start(NULL, &options, &cluster, &err), CERTCTL_E_DENIED, folder, err);
	CU_ASSERT_NOT_EQUAL(err.hint[0], '\0');
}

static void only_absolute_folders_are_taken(void)
{
	struct db_cluster_options options = { .directory = "data" };
	struct certctl_error err = { 0 };
	struct db_cluster *cluster = NULL;

	ASSERT_FAILS(db_cluster_start(NULL, &options, &cluster, &err), CERTCTL_E_INVALID, "absolute", err);
}

const struct test tests[] = {
	TEST(a_killed_postmaster_is_brought_back_with_what_was_committed),
	TEST(a_live_postmaster_is_adopted_and_stopped_cleanly),
	TEST(a_half_made_cluster_is_made_again),
	TEST(another_major_version_is_named),
	TEST(a_folder_that_the_database_user_cannot_enter_is_named),
	TEST(only_absolute_folders_are_taken),
	{ 0 },
};
