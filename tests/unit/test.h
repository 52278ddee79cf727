/**
 * The frame of every unit test: a table of sentences and functions, run by CUnit.
 *
 *     static void a_number_reads_back(void) { CU_ASSERT_EQUAL(1, 1); }
 *     const struct test tests[] = { TEST(a_number_reads_back), { 0 } };
 */
#ifndef CERTCTL_TEST_H
#define CERTCTL_TEST_H

#include <CUnit/CUnit.h>
#include <certctl/error.h>
#include <talloc.h>

struct test {
	const char *name;
	void (*run)(void);
};
#define TEST(function)                                                                                                 \
	{                                                                                                              \
#function, function                                                                                    \
	}
extern const struct test tests[];

/** The build tree and the source tree, from CERTCTL_BUILD and CERTCTL_SOURCE. */
const char *test_build_dir(void);
const char *test_source_dir(void);
/** A new empty folder, removed when the program ends. */
const char *test_temporary_dir(void);
/** A context freed after the current test. */
TALLOC_CTX *test_mem(void);

/** Fails the test with the error's text when `call` is not 0. */
#define ASSERT_OK(call, err)                                                                                           \
	do {                                                                                                           \
		int rc_ = (call);                                                                                      \
		test_check(rc_ == 0, rc_, &(err), #call, __FILE__, __LINE__);                                          \
	} while (0)
/** The call must fail with this code, and the text must contain `words` (NULL: any). */
#define ASSERT_FAILS(call, code, words, err)                                                                           \
	do {                                                                                                           \
		int rc_ = (call);                                                                                      \
		test_check_failure(rc_, (code), (words), &(err), #call, __FILE__, __LINE__);                           \
	} while (0)
#define ASSERT_TEXT(actual, expected) test_check_text((actual), (expected), #actual, __FILE__, __LINE__)

void test_check(bool ok, int code, const struct certctl_error *err, const char *what, const char *file, int line);
void test_check_failure(int code, int expected, const char *words, const struct certctl_error *err, const char *what,
	const char *file, int line);
void test_check_text(const char *actual, const char *expected, const char *what, const char *file, int line);

#endif
