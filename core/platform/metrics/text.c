/* The text format of Prometheus, 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats).  Knows no metric. */
#include "metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const type_names[] = {
	[METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"
};

/* In HELP a backslash and a line end are escaped, in values of labels a quote too. */
static void put_escaped(struct certctl_buffer *out, const char *text, const char *special)
{
	while (*text) {
		size_t len = strcspn(text, special);

		certctl_buffer_append(out, text, len);
		text += len;
		if (!*text)
			break;
		certctl_buffer_printf(out, "\\%c", *text == '\n' ? 'n' : *text);
		text++;
	}
}

void metric_head(struct certctl_buffer *out, const struct metric *metric)
{
	certctl_buffer_printf(out, "# HELP %s ", metric->name);
	put_escaped(out, metric->help, "\\\n");
	certctl_buffer_printf(out, "\n# TYPE %s %s\n", metric->name, type_names[metric->type]);
}

/* `name_suffix{label="value",...,le="bound"} ` */
static void put_name(struct certctl_buffer *out, const struct metric *metric, const char *suffix,
	const char *const *values, const char *bound)
{
	const char *before = "{";

	certctl_buffer_printf(out, "%s%s", metric->name, suffix);
	for (size_t i = 0; i < METRIC_LABELS_MAX && metric->labels[i]; i++, before = ",") {
		certctl_buffer_printf(out, "%s%s=\"", before, metric->labels[i]);
		put_escaped(out, values[i] ? values[i] : "", "\\\"\n");
		certctl_buffer_puts(out, "\"");
	}
	if (bound)
		certctl_buffer_printf(out, "%sle=\"%s\"", before, bound);
	certctl_buffer_puts(out, bound || metric->labels[0] ? "} " : " ");
}

void metric_sample_text(struct certctl_buffer *out, const struct metric *metric, const char *const *values,
	const char *value)
{
	put_name(out, metric, "", values, NULL);
	certctl_buffer_printf(out, "%s\n", value);
}

void metric_sample(struct certctl_buffer *out, const struct metric *metric, const char *const *values, double value)
{
	char text[32];

	snprintf(text, sizeof(text), "%.15g", value);
	metric_sample_text(out, metric, values, text);
}

void metric_histogram(struct certctl_buffer *out, const struct metric *metric, const char *const *values,
	const struct metric_histogram *histogram)
{
	uint64_t count = 0;
	char bound[32];

	for (size_t i = 0; i < histogram->bound_count; i++) {
		count += histogram->counts[i];
		snprintf(bound, sizeof(bound), "%.15g", histogram->bounds[i]);
		put_name(out, metric, "_bucket", values, bound);
		certctl_buffer_printf(out, "%" PRIu64 "\n", count);
	}
	count += histogram->counts[histogram->bound_count];
	put_name(out, metric, "_bucket", values, "+Inf");
	certctl_buffer_printf(out, "%" PRIu64 "\n", count);
	put_name(out, metric, "_sum", values, NULL);
	certctl_buffer_printf(out, "%.15g\n", histogram->sum);
	put_name(out, metric, "_count", values, NULL);
	certctl_buffer_printf(out, "%" PRIu64 "\n", count);
}
