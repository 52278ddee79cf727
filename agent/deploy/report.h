/** A report as it grows, step by step. */
#ifndef CERTCTL_DEPLOY_REPORT_H
#define CERTCTL_DEPLOY_REPORT_H

#include <agent/deploy/deploy.h>

/** Begin: no outcome yet, no steps. */
void deploy_report_init(struct certctl_deploy_report *report);
/** A step has ended.  `detail` is copied onto `mem`; at most DEPLOY_DETAIL_MAX bytes of it. */
#define DEPLOY_DETAIL_MAX 2000
void deploy_report_step(TALLOC_CTX *mem, struct certctl_deploy_report *report, const char *name, bool ok,
	int64_t began_ms, const char *detail);

#endif
