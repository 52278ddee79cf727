/* Growing a report.  A report that cannot grow for want of memory stays as it is: the outcome matters more. */
#include "report.h"

#include <certctl/time.h>

void deploy_report_init(struct certctl_deploy_report *report)
{
	static const struct certctl_deploy_step *const none[] = { NULL };

	*report = (struct certctl_deploy_report){ .steps = none };
}

void deploy_report_step(TALLOC_CTX *mem, struct certctl_deploy_report *report, const char *name, bool ok,
	int64_t began_ms, const char *detail)
{
	size_t count = 0;

	while (report->steps[count])
		count++;

	const struct certctl_deploy_step **steps =
		talloc_array(mem, const struct certctl_deploy_step *, (unsigned)count + 2);
	struct certctl_deploy_step *step = steps ? talloc_zero(steps, struct certctl_deploy_step) : NULL;
	char *text = step ? talloc_strndup(step, detail ? detail : "", DEPLOY_DETAIL_MAX) : NULL;

	if (!text) {
		talloc_free(steps);
		return;
	}
	*step = (struct certctl_deploy_step){
		.name = name, .ok = ok, .detail = text, .elapsed_ms = certctl_monotonic_ms() - began_ms
	};
	for (size_t i = 0; i < count; i++)
		steps[i] = report->steps[i];
	steps[count] = step;
	steps[count + 1] = NULL;
	report->steps = steps;
}
