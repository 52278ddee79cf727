/* Commands of a plugin: run beside it, from the allow-list alone, and nothing is left behind but by activate. */
#include "hosting.h"

#include <certctl/time.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>

static const char *const sh_row[] = { "/bin/sh", "-c", "*", NULL };
static const char *const true_row[] = { "/usr/bin/true", NULL };
static const char *const *const commands[] = { sh_row, true_row, NULL };

static struct certctl_connector *target(void)
{
	return zoo_open_in(zoo_pool(), CERTCTL_TARGET, "good", NULL, commands);
}

static int validate(struct certctl_connector *connector, const char *const *argv, const struct certctl_call *call,
	struct certctl_error *err)
{
	struct certctl_bundle bundle = { .certificate_id = "mc-web" };
	struct certctl_plan plan = { .validate = argv };

	return certctl_target_validate(connector, &bundle, &plan, call, err);
}

static int activate(struct certctl_connector *connector, const char *const *argv, struct certctl_error *err)
{
	const struct certctl_bundle bundle = { .certificate_id = "mc-web" };
	const struct certctl_bundle *bundles[] = { &bundle, NULL };
	const struct certctl_plan plan = { .activate = argv };
	const struct certctl_plan *plans[] = { &plan, NULL };

	return certctl_target_activate(connector, bundles, plans, NULL, err);
}

/* A shell command that leaves a process behind in a session of its own and writes its number to a file. */
static const char *const *leaving(const char *file)
{
	const char **argv = talloc_zero_array(test_mem(), const char *, 4);

	argv[0] = "/bin/sh";
	argv[1] = "-c";
	argv[2] = talloc_asprintf(test_mem(), "setsid sleep 600 >/dev/null 2>&1 & echo $! > %s", file);
	return argv;
}

static int number_in(const char *file)
{
	char text[32] = "";
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	CU_ASSERT(got > 0);
	close(fd);
	return (int)strtol(text, NULL, 10);
}

static bool ends(int pid)
{
	int64_t until_ms = certctl_monotonic_ms() + 20000;

	while (kill(pid, 0) == 0 && certctl_monotonic_ms() < until_ms)
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	return kill(pid, 0) < 0;
}

static void a_command_of_the_list_runs_and_its_output_comes_back(void)
{
	struct certctl_connector *connector = target();
	const char *const fine[] = { "/usr/bin/true", NULL }, *const fails[] = { "/bin/sh", "-c",
		"echo no such file; exit 3", NULL };
	struct certctl_error err = { 0 };

	ASSERT_OK(validate(connector, fine, NULL, &err), err);
	ASSERT_FAILS(validate(connector, fails, NULL, &err), CERTCTL_E_DENIED, "/bin/sh: exit 3: no such file", err);
	talloc_free(connector);
}

static void another_command_is_refused_by_name(void)
{
	struct certctl_connector *connector = target(),
				 *none = zoo_open_in(zoo_pool(), CERTCTL_TARGET, "good", NULL, NULL);
	const char *const argv[] = { "/usr/bin/id", NULL }, *const fine[] = { "/usr/bin/true", NULL };
	struct certctl_error err = { 0 };

	ASSERT_FAILS(validate(connector, argv, NULL, &err), CERTCTL_E_DENIED,
		"command /usr/bin/id: not in the local allow-list", err);
	ASSERT_FAILS(validate(none, fine, NULL, &err), CERTCTL_E_DENIED, "not in the local allow-list", err);
	talloc_free(none);
	talloc_free(connector);
}

static void what_validate_leaves_behind_is_ended(void)
{
	struct certctl_connector *connector = target();
	char *file = talloc_asprintf(test_mem(), "%s/pid", test_temporary_dir());
	struct certctl_error err = { 0 };

	ASSERT_OK(validate(connector, leaving(file), NULL, &err), err);
	CU_ASSERT(ends(number_in(file)));
	talloc_free(connector);
}

static void what_activate_leaves_behind_stays(void)
{
	struct certctl_connector *connector = target();
	char *file = talloc_asprintf(test_mem(), "%s/pid", test_temporary_dir());
	const char *const fine[] = { "/usr/bin/true", NULL };
	struct certctl_error err = { 0 };

	ASSERT_OK(activate(connector, leaving(file), &err), err);
	int pid = number_in(file);

	ASSERT_OK(validate(connector, fine, NULL, &err), err);
	talloc_free(connector);
	CU_ASSERT_EQUAL(kill(pid, 0), 0);
	kill(pid, SIGKILL);
}

static void a_command_ends_with_the_deadline_of_its_call(void)
{
	struct certctl_connector *connector = target();
	char *file = talloc_asprintf(test_mem(), "%s/pid", test_temporary_dir());
	const char *const argv[] = { "/bin/sh", "-c", talloc_asprintf(test_mem(), "echo $$ > %s; exec sleep 600", file),
		NULL };
	struct certctl_call call = { .timeout_ms = 1500 };
	struct certctl_error err = { 0 };

	ASSERT_FAILS(validate(connector, argv, &call, &err), CERTCTL_E_TIMEOUT, "did not end in time", err);
	CU_ASSERT(ends(number_in(file)));
	talloc_free(connector);
}

static bool is_enough(void *arg)
{
	return certctl_monotonic_ms() > *(int64_t *)arg;
}

static void a_cancelled_call_calls_its_command_off(void)
{
	struct certctl_connector *connector = target();
	const char *const argv[] = { "/bin/sh", "-c", "exec sleep 600", NULL }, *const fine[] = { "/usr/bin/true",
		NULL };
	int64_t until_ms = certctl_monotonic_ms() + 500;
	struct certctl_call call = { .timeout_ms = 60000, .is_cancelled = is_enough, .arg = &until_ms };
	struct certctl_error err = { 0 };

	ASSERT_FAILS(validate(connector, argv, &call, &err), CERTCTL_E_CANCELLED, NULL, err);
	ASSERT_OK(validate(connector, fine, NULL, &err), err);
	talloc_free(connector);
}

static void the_pool_ends_all_it_started(void)
{
	end_pool(zoo_pool());
}

const struct test tests[] = {
	TEST(a_command_of_the_list_runs_and_its_output_comes_back),
	TEST(another_command_is_refused_by_name),
	TEST(what_validate_leaves_behind_is_ended),
	TEST(what_activate_leaves_behind_stays),
	TEST(a_command_ends_with_the_deadline_of_its_call),
	TEST(a_cancelled_call_calls_its_command_off),
	TEST(the_pool_ends_all_it_started),
	{ 0 },
};
