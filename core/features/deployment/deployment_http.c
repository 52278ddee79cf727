/* The routes of deployments. */
#include "core/features/access/access.h"
#include "core/features/deployment/deployment.sql.h"
#include "core/features/jobs/jobs.h"
#include "demand.h"
#include "deployment.h"
#include "deployments.h"
#include "target_test.h"
#include "targets.h"

static const struct http_route routes[] = {
	{ "GET", "/api/v1/deployments", PERMISSION_CERTIFICATES_READ, deployments_list,
		.summary = "List deployments, newest first", .gives = &deployment_body, .is_list = true,
		.filters = deployment_filters },
	{ "GET", "/api/v1/deployments/{id}", PERMISSION_CERTIFICATES_READ, deployments_get,
		.summary = "Get a deployment with what the agent reported", .gives = &deployment_body },
	{ "POST", "/api/v1/deployments", PERMISSION_CERTIFICATES_DEPLOY, deployment_demand_any,
		.summary = "Deploy a certificate to some of its targets", .takes = &deployment_demand_any_body,
		.gives = &jobs_body, .is_list = true, .status = 202 },
	{ "POST", "/api/v1/targets/{id}/test", PERMISSION_TARGETS_WRITE, target_test,
		.summary =
			"Let the agent beside a target ask its plugin, and look at the certificates in it; nothing is changed",
		.gives = &jobs_body, .status = 202 },
	{ "GET", "/api/v1/certificates/{id}/deployments", PERMISSION_CERTIFICATES_READ, deployments_of_certificate,
		.summary = "List a certificate's deployments, newest first", .gives = &deployment_body,
		.is_list = true },
	{ "GET", "/api/v1/certificates/{id}/bindings", PERMISSION_CERTIFICATES_READ, bindings_of_certificate,
		.summary =
			"List where a certificate is to be served: what should be there, was put there, was seen there",
		.gives = &binding_body, .is_list = true },
	{ "POST", "/api/v1/certificates/{id}/deploy", PERMISSION_CERTIFICATES_DEPLOY, deployment_demand,
		.summary = "Deploy a certificate now, or roll back to an earlier version",
		.takes = &deployment_demand_body, .gives = &jobs_body, .is_list = true, .status = 202 },
	{ 0 },
};

/* Failed ones come back at their time: looking costs one index probe. */
static const struct job_timer timers[] = { { "deployment.scan", 5, &query_deployment_scan }, { 0 } };

static const struct resource *const resources[] = { &deployment_targets, NULL };

const struct feature deployment_feature = { .name = "deployment",
	.about = "Where certificates are served, and how they got there.",
	.resources = resources,
	.routes = routes,
	.timers = timers };
