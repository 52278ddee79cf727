/* The list of features: one row each.  To add one: its folder, its row here, its migration. */
#include "core/features/access/access.h"
#include "core/features/alarms/alarms.h"
#include "core/features/audit/audit.h"
#include "core/features/certificates/certificates.h"
#include "core/features/connectors/connectors_feature.h"
#include "core/features/deployment/deployment.h"
#include "core/features/doctor/doctor.h"
#include "core/features/fleet/fleet.h"
#include "core/features/issuance/issuance.h"
#include "core/features/jobs/jobs.h"
#include "core/features/organization/organization.h"
#include "core/features/policy/policy.h"
#include "core/features/statistics/statistics.h"
#include "core/features/system/system.h"

const struct feature *const features[] = {
	&system_feature,
	&access_feature,
	&audit_feature,
	&organization_feature,
	&policy_feature,
	&connectors_feature,
	&certificates_feature,
	&issuance_feature,
	&fleet_feature,
	&deployment_feature,
	&jobs_feature,
	&alarms_feature,
	&doctor_feature,
	&statistics_feature,
	NULL,
};
