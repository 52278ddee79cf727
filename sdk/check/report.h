/**
 * What `check` found: one line a check as it ends, for people or as TAP 13, and the verdict.
 */
#ifndef CERTCTL_CHECK_REPORT_H
#define CERTCTL_CHECK_REPORT_H

#include <certctl/error.h>

struct report {
	bool is_tap;
	unsigned passed, failed, not_run;
};

void report_passed(struct report *report, const char *check);
void report_failed(struct report *report, const char *check, const char *format, ...) CERTCTL_PRINTF(3, 4);
void report_not_run(struct report *report, const char *check, const char *why);
/** Passed when `rc` is 0, otherwise failed with the error's text.  Returns whether it passed. */
bool report_result(struct report *report, const char *check, int rc, const struct certctl_error *err);
/** Passed when `why` is NULL, otherwise failed because of it. */
void report_judged(struct report *report, const char *check, const char *why);
/** Print the verdict; the exit code that goes with it. */
int report_verdict(const struct report *report, bool is_form_only);

#endif
