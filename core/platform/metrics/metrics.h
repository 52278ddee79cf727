/**
 * What is measured: counters that threads add to without waiting for each other, and the text format of Prometheus (0.0.4).
 * A metric is one row of a feature's table; who walks the tables and answers scrapes is features/statistics.
 */
#ifndef CORE_METRICS_H
#define CORE_METRICS_H

#include <certctl/buffer.h>
#include <certctl/error.h>
#include <stdint.h>
#include <talloc.h>

struct db_query;

/* --- Metrics --------------------------------------------------------------------------------------------------------- */

enum metric_type { METRIC_COUNTER = 1, METRIC_GAUGE, METRIC_HISTOGRAM };

#define METRIC_LABELS_MAX 4

struct metric;
/** Append the samples that there are now, with metric_sample() or metric_histogram(). `context`: struct core. */
typedef void metric_read_fn(void *context, const struct metric *metric, struct certctl_buffer *out);

/** One metric.  A row without name ends a table. */
struct metric {
	const char *name; /* "certctl_jobs", "..._total" of a counter, with its unit: "..._seconds", "..._bytes" */
	const char *help; /* a sentence */
	enum metric_type type;
	const char *labels[METRIC_LABELS_MAX]; /* names, as many as there are */

	/* Where the samples are from: memory, the database, or some from each. */
	metric_read_fn *read;
	/** Without parameters; a row a sample: a column a label, and `value`.  Null values are left out. */
	const struct db_query *query;
	int64_t every_s; /* the query is not asked more often; one that takes long more seldom still */
};

/* --- Text ------------------------------------------------------------------------------------------------------------ */

/** HELP and TYPE, before the samples. */
void metric_head(struct certctl_buffer *out, const struct metric *metric);
/** @param values  of the labels, as many as the metric has; NULL when it has none */
void metric_sample(struct certctl_buffer *out, const struct metric *metric, const char *const *values, double value);
/** The same with the value as it came from the database. */
void metric_sample_text(struct certctl_buffer *out, const struct metric *metric, const char *const *values,
	const char *value);

/** How often it took how long. */
struct metric_histogram {
	const double *bounds; /* upper ones in seconds, rising; the last bucket has none */
	size_t bound_count;
	const uint64_t *counts; /* a bucket, bound_count + 1 of them */
	double sum;
};
void metric_histogram(struct certctl_buffer *out, const struct metric *metric, const char *const *values,
	const struct metric_histogram *histogram);

/* --- Counters -------------------------------------------------------------------------------------------------------- */

/** Numbers that only rise.  Adding takes no lock and shares no cache line with what other threads add to. */
struct counters;
int counters_new(TALLOC_CTX *mem, size_t count, struct counters **ret, struct certctl_error *err) CERTCTL_CHECKED;
void counters_add(struct counters *counters, size_t index, uint64_t amount);
uint64_t counters_get(const struct counters *counters, size_t index);

#endif
