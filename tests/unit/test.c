/* Runs the table `tests` with CUnit and keeps the few things that tests share. */
#include "test.h"

#include <CUnit/Basic.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char temporary[64];
static pid_t temporary_owner; /* a forked child must not remove what its parent uses */
static TALLOC_CTX *mem;

const char *test_build_dir(void)
{
	const char *dir = getenv("CERTCTL_BUILD");

	return dir ? dir : ".build/dev";
}

const char *test_source_dir(void)
{
	const char *dir = getenv("CERTCTL_SOURCE");

	return dir ? dir : ".";
}

TALLOC_CTX *test_mem(void)
{
	if (!mem)
		mem = talloc_new(NULL);
	return mem;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
	(void)status, (void)kind, (void)walk;
	return remove(path);
}

static void remove_temporary(void)
{
	if (getpid() == temporary_owner)
		nftw(temporary, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *test_temporary_dir(void)
{
	static char path[128];

	if (!temporary[0]) {
		const char *base = getenv("TMPDIR");

		snprintf(temporary, sizeof(temporary), "%s/certctl-test-XXXXXX",
			base && strlen(base) < 32 ? base : "/tmp");
		if (!mkdtemp(temporary))
			abort();
		temporary_owner = getpid();
		atexit(remove_temporary);
	}
	snprintf(path, sizeof(path), "%s/XXXXXX", temporary);
	if (!mkdtemp(path))
		abort();
	return talloc_strdup(test_mem(), path);
}

void test_check(bool ok, int code, const struct certctl_error *err, const char *what, const char *file, int line)
{
	char text[600];

	snprintf(text, sizeof(text), "%s: %s: %s", what, certctl_code_name(code), ok ? "" : err->what);
	CU_assertImplementation(ok, (unsigned)line, text, file, "", CU_FALSE);
}

void test_check_failure(int code, int expected, const char *words, const struct certctl_error *err, const char *what,
	const char *file, int line)
{
	bool ok = code == expected && err->code == expected && err->what[0] && (!words || strstr(err->what, words));
	char text[900];

	snprintf(text, sizeof(text), "%s: expected %s \"%s\", got %s \"%s\"", what, certctl_code_name(expected),
		words ? words : "", certctl_code_name(code), code < 0 ? err->what : "");
	CU_assertImplementation(ok, (unsigned)line, text, file, "", CU_FALSE);
}

void test_check_text(const char *actual, const char *expected, const char *what, const char *file, int line)
{
	bool ok = actual && expected ? strcmp(actual, expected) == 0 : actual == expected;
	char text[2000];

	snprintf(text, sizeof(text), "%s: expected \"%s\", got \"%s\"", what, expected ? expected : "NULL",
		actual ? actual : "NULL");
	CU_assertImplementation(ok, (unsigned)line, text, file, "", CU_FALSE);
}

static void free_mem(void)
{
	talloc_free(mem);
	mem = NULL;
}

int main(void)
{
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 1;
	CU_pSuite suite = CU_add_suite_with_setup_and_teardown("unit", NULL, NULL, NULL, free_mem);

	for (const struct test *test = tests; test->name; test++)
		if (!CU_add_test(suite, test->name, test->run))
			return 1;
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned failed = CU_get_number_of_failures();
	unsigned ran = CU_get_number_of_tests_run();

	CU_cleanup_registry();
	return failed > 0 || ran == 0;
}
