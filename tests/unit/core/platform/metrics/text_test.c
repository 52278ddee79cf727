/* The text format, octet by octet. */
#include "core/platform/metrics/metrics.h"
#include "test.h"

static struct certctl_buffer out;

static void begin(void)
{
	certctl_buffer_init(&out, test_mem(), 65536);
}

static void assert_text(const char *expected)
{
	struct certctl_error err = { 0 };

	ASSERT_OK(certctl_buffer_finish(&out, &err), err);
	ASSERT_TEXT(out.data, expected);
}

static void a_metric_has_a_head_and_samples(void)
{
	static const struct metric metric = { "a_things", "Things, of a kind.", METRIC_GAUGE, { "kind", "state" } };
	const char *const red[] = { "red", "new" }, *const blue[] = { "blue", NULL };

	begin();
	metric_head(&out, &metric);
	metric_sample(&out, &metric, red, 3);
	metric_sample(&out, &metric, blue, 0.25);
	assert_text("# HELP a_things Things, of a kind.\n# TYPE a_things gauge\n"
		    "a_things{kind=\"red\",state=\"new\"} 3\na_things{kind=\"blue\",state=\"\"} 0.25\n");
}

static void what_would_end_a_text_early_is_escaped(void)
{
	static const struct metric metric = { "a_total", "One \\ two\nthree \"four\".", METRIC_COUNTER, { "name" } };
	const char *const name = "a\\b\"c\nd";

	begin();
	metric_head(&out, &metric);
	metric_sample_text(&out, &metric, &name, "7");
	assert_text(
		"# HELP a_total One \\\\ two\\nthree \"four\".\n# TYPE a_total counter\na_total{name=\"a\\\\b\\\"c\\nd\"} 7\n");
}

static void numbers_are_whole_as_far_as_they_are(void)
{
	static const struct metric metric = { "a_bytes", "Bytes.", METRIC_GAUGE, { 0 } };

	begin();
	metric_sample(&out, &metric, NULL, 123456789012345.0);
	metric_sample(&out, &metric, NULL, 1795455508);
	assert_text("a_bytes 123456789012345\na_bytes 1795455508\n");
}

static void buckets_of_a_histogram_add_up(void)
{
	static const struct metric metric = { "a_seconds", "Seconds.", METRIC_HISTOGRAM, { "route" } };
	static const double bounds[] = { 0.005, 1 };
	static const uint64_t counts[] = { 2, 3, 4 };
	const char *const route = "/a/{id}";

	begin();
	metric_histogram(&out, &metric, &route,
		&(struct metric_histogram){ .bounds = bounds, .bound_count = 2, .counts = counts, .sum = 12.5 });
	assert_text(
		"a_seconds_bucket{route=\"/a/{id}\",le=\"0.005\"} 2\na_seconds_bucket{route=\"/a/{id}\",le=\"1\"} 5\n"
		"a_seconds_bucket{route=\"/a/{id}\",le=\"+Inf\"} 9\na_seconds_sum{route=\"/a/{id}\"} 12.5\n"
		"a_seconds_count{route=\"/a/{id}\"} 9\n");
}

const struct test tests[] = { TEST(a_metric_has_a_head_and_samples), TEST(what_would_end_a_text_early_is_escaped),
	TEST(numbers_are_whole_as_far_as_they_are), TEST(buckets_of_a_histogram_add_up), { 0 } };
