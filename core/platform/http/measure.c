/* Counters of a listener: a histogram a route and class of status.  Knows nothing of how they are shown. */
#include "measure.h"

#include <certctl/buffer.h>
#include <stdlib.h>
#include <time.h>

#define CLASSES 5 /* 1xx to 5xx */

static const double bounds[] = { 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60 };
#define BOUNDS CERTCTL_COUNT(bounds)
/* Of one histogram: its buckets, the last without bound, and microseconds. */
#define CELLS (BOUNDS + 2)

struct measure {
	const struct http_route **routes; /* sorted by address */
	size_t count;
	struct counters *counters; /* a histogram a class and route, those without route last; then replies 429 */
};

static int compare(const void *a, const void *b)
{
	const struct http_route *left = *(const struct http_route *const *)a;
	const struct http_route *right = *(const struct http_route *const *)b;

	return left < right ? -1 : left > right;
}

static size_t place_of(const struct measure *measure, const struct http_route *route)
{
	const struct http_route **found =
		route ? bsearch(&route, measure->routes, measure->count, sizeof(route), compare) : NULL;

	return found ? (size_t)(found - measure->routes) : measure->count;
}

static size_t first_cell(size_t place, size_t status_class)
{
	return (place * CLASSES + status_class) * CELLS;
}

int64_t measure_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void measure_add(struct measure *measure, const struct http_route *route, unsigned status, int64_t began_us)
{
	int64_t us = measure_now_us() - began_us;
	double seconds = (double)us / 1e6;
	size_t bucket = 0;

	if (status < 100 || status > 599)
		return;
	while (bucket < BOUNDS && seconds > bounds[bucket])
		bucket++;
	size_t cell = first_cell(place_of(measure, route), status / 100 - 1);

	counters_add(measure->counters, cell + bucket, 1);
	counters_add(measure->counters, cell + BOUNDS + 1, us > 0 ? (uint64_t)us : 0);
	if (status == 429)
		counters_add(measure->counters, first_cell(measure->count + 1, 0), 1);
}

static void tell_class(const struct measure *measure, const char *listener, size_t place, size_t status_class,
	http_duration_fn *each, void *arg)
{
	static const char *const names[CLASSES] = { "1xx", "2xx", "3xx", "4xx", "5xx" };
	const struct http_route *route = place < measure->count ? measure->routes[place] : NULL;
	size_t cell = first_cell(place, status_class);
	uint64_t counts[BOUNDS + 1], total = 0;

	for (size_t i = 0; i <= BOUNDS; i++)
		total += counts[i] = counters_get(measure->counters, cell + i);
	if (total == 0)
		return;
	struct metric_histogram histogram = { .bounds = bounds,
		.bound_count = BOUNDS,
		.counts = counts,
		.sum = (double)counters_get(measure->counters, cell + BOUNDS + 1) / 1e6 };

	each(arg, listener, route, names[status_class], &histogram);
}

void measure_each(const struct measure *measure, const char *listener, http_duration_fn *each, void *arg)
{
	for (size_t place = 0; place <= measure->count; place++)
		for (size_t status_class = 0; status_class < CLASSES; status_class++)
			tell_class(measure, listener, place, status_class, each, arg);
}

uint64_t measure_rate_limited(const struct measure *measure)
{
	return counters_get(measure->counters, first_cell(measure->count + 1, 0));
}

int measure_new(TALLOC_CTX *mem, const struct http_route *const *tables, struct measure **ret,
	struct certctl_error *err)
{
	struct measure *measure = talloc_zero(mem, struct measure);
	size_t count = 0;

	for (size_t i = 0; tables[i]; i++)
		for (const struct http_route *route = tables[i]; route->path; route++)
			count++;
	if (measure)
		measure->routes = talloc_array(measure, const struct http_route *, (unsigned)count);
	if (!measure || !measure->routes) {
		talloc_free(measure);
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	}
	for (size_t i = 0; tables[i]; i++)
		for (const struct http_route *route = tables[i]; route->path; route++)
			measure->routes[measure->count++] = route;
	qsort(measure->routes, measure->count, sizeof(*measure->routes), compare);
	int rc = counters_new(measure, first_cell(count + 1, 0) + 1, &measure->counters, err);

	if (rc < 0) {
		talloc_free(measure);
		return rc;
	}
	*ret = measure;
	return 0;
}
