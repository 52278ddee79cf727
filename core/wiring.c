/* Walks the list of features and gathers what each adds to the house.  Knows no feature but the one that records changes. */
#include "core/wiring.h"
#include "core/features/audit/audit.h"

static struct db_pool *database_of(const struct http_request *request)
{
	return core_of(request)->db;
}

static int collect_routes(TALLOC_CTX *mem, struct core *core, struct wiring *wiring, struct certctl_error *err)
{
	struct resource_services *services = &core->resources;
	struct feature_routes *tables = NULL;
	int rc = resource_services_init(mem, services, err);

	if (rc < 0)
		return rc;
	services->db = database_of;
	services->record = audit_record_change;
	rc = features_routes(mem, services, &tables, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; tables[i].feature; i++) {
		certctl_assert(i < WIRING_FEATURES_MAX);
		wiring->routes[i] = tables[i].routes;
	}
	return 0;
}

static void collect_tables(struct wiring *wiring)
{
	size_t agent_routes = 0, steps = 0, timers = 0;

	for (size_t i = 0; features[i]; i++) {
		const struct feature *feature = features[i];

		certctl_assert(i < WIRING_FEATURES_MAX);
		if (feature->agent_routes)
			wiring->agent_routes[agent_routes++] = feature->agent_routes;
		if (feature->steps)
			wiring->steps[steps++] = feature->steps;
		if (feature->timers)
			wiring->timers[timers++] = feature->timers;
	}
}

/* What one feature at most may be. */
static void collect_single(struct wiring *wiring)
{
	for (size_t i = 0; features[i]; i++) {
		const struct feature *feature = features[i];

		certctl_assert(!wiring->finished || !feature->finished);
		certctl_assert(!wiring->around || !feature->around);
		wiring->finished = feature->finished ? feature->finished : wiring->finished;
		wiring->around = feature->around ? feature->around : wiring->around;
	}
}

int wiring_collect(TALLOC_CTX *mem, struct core *core, struct wiring *ret, struct certctl_error *err)
{
	*ret = (struct wiring){ 0 };
	collect_tables(ret);
	collect_single(ret);
	return collect_routes(mem, core, ret, err);
}

int wiring_start(TALLOC_CTX *mem, struct core *core, struct certctl_error *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && features[i]; i++)
		if (features[i]->start)
			rc = features[i]->start(core, mem, err);
	return rc;
}

void wiring_stop(struct core *core)
{
	for (size_t i = 0; features[i]; i++)
		if (features[i]->stop)
			features[i]->stop(core);
}

void wiring_woken(void *context)
{
	for (size_t i = 0; features[i]; i++)
		if (features[i]->woken)
			features[i]->woken(context);
}

void wiring_ended(void *context, const char *job_id)
{
	for (size_t i = 0; features[i]; i++)
		if (features[i]->job_ended)
			features[i]->job_ended(context, job_id);
}
