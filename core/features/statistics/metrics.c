/* A scrape: the tables of all features, one after the other.  Knows no metric. */
#include "core/features/feature.h"
#include "core/platform/resource/resource.h"
#include "statistics_routes.h"

#include <string.h>

#define PAGE_MAX (16 << 20)

struct making {
	struct core *core;
	const struct metric *metric;
};

/* --- Samples from the database --------------------------------------------------------------------------------------- */

static void write_rows(const struct metric *metric, const struct db_result *rows, struct certctl_buffer *out)
{
	for (size_t row = 0; row < db_rows(rows); row++) {
		const char *labels[METRIC_LABELS_MAX] = { 0 }, *value = db_get_text(rows, row, "value");

		for (size_t i = 0; i < METRIC_LABELS_MAX && metric->labels[i]; i++)
			labels[i] = db_get_text(rows, row, metric->labels[i]);
		if (value)
			metric_sample_text(out, metric, labels, value);
	}
}

static int make_samples(void *arg, TALLOC_CTX *mem, const char **ret, struct certctl_error *err)
{
	struct making *making = arg;
	struct db_result *rows = NULL;
	struct certctl_buffer out;
	int rc = db_once(making->core->db, mem, making->metric->query, DB_NO_VALUES, &rows, err);

	if (rc < 0)
		return rc;
	certctl_buffer_init(&out, mem, PAGE_MAX);
	write_rows(making->metric, rows, &out);
	rc = certctl_buffer_finish(&out, err);
	if (rc == 0)
		*ret = out.data;
	return rc;
}

/* --- The page -------------------------------------------------------------------------------------------------------- */

/* A metric without samples is left out whole, and so is one that the database cannot say now. */
static void write_metric(struct http_request *request, const struct metric *metric, bool *has_database,
	struct certctl_buffer *out)
{
	struct core *core = core_of(request);
	struct making making = { .core = core, .metric = metric };
	struct certctl_error err = { 0 };
	struct certctl_buffer samples;
	const char *text = NULL;

	certctl_buffer_init(&samples, request, PAGE_MAX);
	if (metric->read)
		metric->read(core, metric, &samples);
	/* The first that fails has waited; the others need not. */
	if (metric->query && *has_database)
		*has_database = cache_get(core->statistics->cache, metric->name, metric->every_s * 1000, make_samples,
					&making, request, &text, &err) != CERTCTL_E_UNAVAILABLE;
	certctl_buffer_puts(&samples, text ? text : "");
	if (certctl_buffer_finish(&samples, &err) < 0 || samples.len == 0)
		return;
	metric_head(out, metric);
	certctl_buffer_puts(out, samples.data);
}

static void write_table(struct http_request *request, const struct metric *table, bool *has_database,
	struct certctl_buffer *out)
{
	for (; table && table->name; table++)
		write_metric(request, table, has_database, out);
}

int metrics_get(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	struct certctl_buffer *out = &reply->body;
	bool has_database = true;

	(void)err;
	write_table(request, platform_metrics, &has_database, out);
	for (size_t i = 0; features[i]; i++)
		write_table(request, features[i]->metrics, &has_database, out);
	reply->status = 200;
	reply->content_type = "text/plain; version=0.0.4; charset=utf-8";
	return HTTP_DONE;
}
