/* What an operator may leave out of the trail, and what not. */
#include "core/features/audit/calls.h"
#include "test.h"

static struct certctl_list list_of(const char **item)
{
	return (struct certctl_list){ .count = 1, .items = item };
}

static const struct {
	const char *pattern;
	bool is_allowed;
} patterns[] = {
	{ "/api/v1/jobs", true },
	{ "/api/v1/jobs/*", true },
	{ "/api/v1/agents*", true },
	{ "/api/v1/certificate-profiles", true },
	{ "/api/v1/certificates", false },
	{ "/api/v1/certificates/mc-web", false },
	{ "/api/v1/certificates/*", false },
	{ "/api/v1/certificates*", false },
	{ "/api/v1/cert*", false },
	{ "/api/v1/*", false },
	{ "/*", false },
	{ "*", false },
	{ "/api/v1/audit", false },
	{ "/api/v1/audit/export", false },
	{ "/api/*/jobs", false },
	{ "api/v1/jobs", false },
	{ "", false },
};

static void certificates_and_the_trail_are_never_left_out(void)
{
	for (size_t i = 0; i < CERTCTL_COUNT(patterns); i++) {
		const char *item = patterns[i].pattern;
		struct certctl_list list = list_of(&item);
		struct certctl_error err = { 0 };

		if (patterns[i].is_allowed)
			ASSERT_OK(audit_exclude_check(&list, &err), err);
		else
			ASSERT_FAILS(audit_exclude_check(&list, &err), CERTCTL_E_INVALID, "audit.exclude_paths", err);
	}
}

static const struct {
	const char *pattern, *path;
	bool matches;
} paths[] = {
	{ "/api/v1/jobs", "/api/v1/jobs", true },
	{ "/api/v1/jobs", "/api/v1/jobs/job-1", false },
	{ "/api/v1/jobs", "/api/v1/job", false },
	{ "/api/v1/jobs/*", "/api/v1/jobs/job-1", true },
	{ "/api/v1/jobs/*", "/api/v1/jobs", false },
	{ "/api/v1/agents*", "/api/v1/agents/a/work", true },
};

static void a_star_stands_for_anything_and_only_at_the_end(void)
{
	for (size_t i = 0; i < CERTCTL_COUNT(paths); i++) {
		const char *item = paths[i].pattern;
		struct certctl_list list = list_of(&item);

		CU_ASSERT_EQUAL(audit_exclude_matches(&list, paths[i].path), paths[i].matches);
	}
}

const struct test tests[] = {
	TEST(certificates_and_the_trail_are_never_left_out),
	TEST(a_star_stands_for_anything_and_only_at_the_end),
	{ 0 },
};
