/* Prints what `check` finds.  Knows nothing of plugins. */
#include "report.h"

#include "check.h"

#include <stdio.h>

static unsigned count(const struct report *report)
{
	return report->passed + report->failed + report->not_run;
}

void report_passed(struct report *report, const char *check)
{
	report->passed++;
	if (report->is_tap)
		printf("ok %u - %s\n", count(report), check);
	else
		printf("  ok       %s\n", check);
	fflush(stdout);
}

void report_failed(struct report *report, const char *check, const char *format, ...)
{
	char why[600];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	report->failed++;
	if (report->is_tap)
		printf("not ok %u - %s\n# %s\n", count(report), check, why);
	else
		printf("  FAILED   %s: %s\n", check, why);
	fflush(stdout);
}

void report_not_run(struct report *report, const char *check, const char *why)
{
	report->not_run++;
	if (report->is_tap)
		printf("ok %u - %s # SKIP not run: %s\n", count(report), check, why);
	else
		printf("  not run  %s: %s\n", check, why);
	fflush(stdout);
}

bool report_result(struct report *report, const char *check, int rc, const struct certctl_error *err)
{
	if (rc == 0)
		report_passed(report, check);
	else
		report_failed(report, check, "%s: %s", certctl_code_name(rc), err->what);
	return rc == 0;
}

void report_judged(struct report *report, const char *check, const char *why)
{
	if (why)
		report_failed(report, check, "%s", why);
	else
		report_passed(report, check);
}

int report_verdict(const struct report *report, bool is_form_only)
{
	const char *verdict = report->failed ? "does not conform" : is_form_only ? "form only" : "conforms";

	if (report->is_tap)
		printf("1..%u\n# %s\n", count(report), verdict);
	else
		printf("%s: %u passed, %u failed, %u not run\n", verdict, report->passed, report->failed,
			report->not_run);
	return report->failed ? EXIT_FAILED : is_form_only ? EXIT_FORM_ONLY : EXIT_GOOD;
}
