/* What the platform measures, as metrics. */
#include "statistics_routes.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* What callbacks of the platform write to. */
struct writing {
	const struct metric *metric;
	struct certctl_buffer *out;
};

static struct core *core_from(void *context)
{
	return context;
}

/* --- HTTP ------------------------------------------------------------------------------------------------------------ */

static void write_duration(void *arg, const char *listener, const struct http_route *route, const char *status_class,
	const struct metric_histogram *histogram)
{
	const struct writing *writing = arg;
	const char *const labels[] = { listener, route ? route->method : "", route ? route->path : "", status_class };

	metric_histogram(writing->out, writing->metric, labels, histogram);
}

static void read_durations(void *context, const struct metric *metric, struct certctl_buffer *out)
{
	http_each_duration(core_from(context)->http, write_duration, &(struct writing){ metric, out });
}

static void write_connections(void *arg, const char *listener, unsigned connections, uint64_t rate_limited)
{
	const struct writing *writing = arg;

	(void)rate_limited;
	metric_sample(writing->out, writing->metric, &listener, connections);
}

static void read_connections(void *context, const struct metric *metric, struct certctl_buffer *out)
{
	http_each_listener(core_from(context)->http, write_connections, &(struct writing){ metric, out });
}

static void write_rate_limited(void *arg, const char *listener, unsigned connections, uint64_t rate_limited)
{
	const struct writing *writing = arg;

	(void)connections;
	metric_sample(writing->out, writing->metric, &listener, (double)rate_limited);
}

static void read_rate_limited(void *context, const struct metric *metric, struct certctl_buffer *out)
{
	http_each_listener(core_from(context)->http, write_rate_limited, &(struct writing){ metric, out });
}

static void read_workers(void *context, const struct metric *metric, struct certctl_buffer *out)
{
	struct http_measures now;
	static const char *const busy = "busy", *const idle = "idle";

	http_measure(core_from(context)->http, &now);
	metric_sample(out, metric, &busy, now.busy);
	metric_sample(out, metric, &idle, now.workers - now.busy);
}

static void read_queue(void *context, const struct metric *metric, struct certctl_buffer *out)
{
	struct http_measures now;

	http_measure(core_from(context)->http, &now);
	metric_sample(out, metric, NULL, now.queued);
}

static void read_queue_max(void *context, const struct metric *metric, struct certctl_buffer *out)
{
	struct http_measures now;

	http_measure(core_from(context)->http, &now);
	metric_sample(out, metric, NULL, now.queue_max);
}

static void read_open(void *context, const struct metric *metric, struct certctl_buffer *out)
{
	struct http_measures now;

	http_measure(core_from(context)->http, &now);
	metric_sample(out, metric, NULL, now.open);
}

/* --- Database -------------------------------------------------------------------------------------------------------- */

static void read_up(void *context, const struct metric *metric, struct certctl_buffer *out)
{
	metric_sample(out, metric, NULL, jobs_is_connected(core_from(context)->jobs));
}

static void read_pool(void *context, const struct metric *metric, struct certctl_buffer *out)
{
	struct db_pool_measures now;
	static const char *const states[] = { "lent", "idle" };

	db_pool_measure(core_from(context)->db, &now);
	metric_sample(out, metric, &states[0], now.lent);
	metric_sample(out, metric, &states[1], now.idle);
}

static void read_pool_max(void *context, const struct metric *metric, struct certctl_buffer *out)
{
	struct db_pool_measures now;

	db_pool_measure(core_from(context)->db, &now);
	metric_sample(out, metric, NULL, now.size);
}

static void read_pool_waiting(void *context, const struct metric *metric, struct certctl_buffer *out)
{
	struct db_pool_measures now;

	db_pool_measure(core_from(context)->db, &now);
	metric_sample(out, metric, NULL, now.waiting);
}

static void read_pool_refused(void *context, const struct metric *metric, struct certctl_buffer *out)
{
	struct db_pool_measures now;

	db_pool_measure(core_from(context)->db, &now);
	metric_sample(out, metric, NULL, (double)now.refused);
}

/* --- Timers ---------------------------------------------------------------------------------------------------------- */

static void write_timer_run(void *arg, const struct job_timer_state *state)
{
	const struct writing *writing = arg;

	if (state->last_run_unix_s)
		metric_sample(writing->out, writing->metric, &state->name, (double)state->last_run_unix_s);
}

static void read_timer_runs(void *context, const struct metric *metric, struct certctl_buffer *out)
{
	jobs_each_timer(core_from(context)->jobs, write_timer_run, &(struct writing){ metric, out });
}

static void write_timer_failures(void *arg, const struct job_timer_state *state)
{
	const struct writing *writing = arg;

	metric_sample(writing->out, writing->metric, &state->name, (double)state->failures);
}

static void read_timer_failures(void *context, const struct metric *metric, struct certctl_buffer *out)
{
	jobs_each_timer(core_from(context)->jobs, write_timer_failures, &(struct writing){ metric, out });
}

/* --- The process ----------------------------------------------------------------------------------------------------- */

static void read_version(void *context, const struct metric *metric, struct certctl_buffer *out)
{
	static const char *const version = CERTCTL_VERSION;

	(void)context;
	metric_sample(out, metric, &version, 1);
}

static void read_cpu(void *context, const struct metric *metric, struct certctl_buffer *out)
{
	struct rusage used;

	(void)context;
	getrusage(RUSAGE_SELF, &used);
	metric_sample(out, metric, NULL,
		(double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
			(double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
}

/* Field `number`, from 1, of /proc/self/stat behind the name, which may have spaces in it; -1: not to be had. */
static double own_stat(unsigned number)
{
	char text[1024] = "";
	FILE *file = fopen("/proc/self/stat", "re");
	double value = -1;

	if (!file)
		return -1;
	size_t len = fread(text, 1, sizeof(text) - 1, file);

	fclose(file);
	text[len] = '\0';
	const char *at = strrchr(text, ')');

	for (; at && number > 2; number--)
		at = strchr(at + 1, ' ');
	return at && sscanf(at, " %lf", &value) == 1 ? value : -1;
}

static void read_memory(void *context, const struct metric *metric, struct certctl_buffer *out)
{
	double pages = own_stat(24);

	(void)context;
	if (pages >= 0)
		metric_sample(out, metric, NULL, pages * (double)sysconf(_SC_PAGESIZE));
}

static void read_threads(void *context, const struct metric *metric, struct certctl_buffer *out)
{
	double threads = own_stat(20);

	(void)context;
	if (threads >= 0)
		metric_sample(out, metric, NULL, threads);
}

/* Ticks since the machine started; its own start is what both clocks differ by. */
static void read_start(void *context, const struct metric *metric, struct certctl_buffer *out)
{
	double ticks = own_stat(22);
	struct timespec now, up;

	(void)context;
	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_BOOTTIME, &up);
	if (ticks >= 0)
		metric_sample(out, metric, NULL,
			(double)(now.tv_sec - up.tv_sec) + ticks / (double)sysconf(_SC_CLK_TCK));
}

static void read_files(void *context, const struct metric *metric, struct certctl_buffer *out)
{
	DIR *folder = opendir("/proc/self/fd");
	double count = -3; /* itself, "." and ".." */

	(void)context;
	if (!folder)
		return;
	while (readdir(folder))
		count++;
	closedir(folder);
	metric_sample(out, metric, NULL, count);
}

const struct metric platform_metrics[] = {
	{ "certctl_build_info", "Always 1; the version is its label.", METRIC_GAUGE, { "version" }, read_version },
	{ "certctl_http_request_duration_seconds",
		"How long requests took, from their first octet to the last of the reply; long polls included.",
		METRIC_HISTOGRAM, { "listener", "method", "route", "status" }, read_durations },
	{ "certctl_http_connections", "Open connections.", METRIC_GAUGE, { "listener" }, read_connections },
	{ "certctl_http_rate_limited_total", "Requests that were answered 429.", METRIC_COUNTER, { "listener" },
		read_rate_limited },
	{ "certctl_http_requests_open", "Requests without a reply yet, those that wait for work included.",
		METRIC_GAUGE, { 0 }, read_open },
	{ "certctl_http_workers", "Threads that run handlers.", METRIC_GAUGE, { "state" }, read_workers },
	{ "certctl_http_queue_length", "Requests that wait for a worker.", METRIC_GAUGE, { 0 }, read_queue },
	{ "certctl_http_queue_limit", "As many may wait; more are answered 503.", METRIC_GAUGE, { 0 }, read_queue_max },
	{ "certctl_database_up", "Does the job engine have its connection?", METRIC_GAUGE, { 0 }, read_up },
	{ "certctl_database_connections", "Connections of the pool.", METRIC_GAUGE, { "state" }, read_pool },
	{ "certctl_database_connections_limit", "As many connections may be open.", METRIC_GAUGE, { 0 },
		read_pool_max },
	{ "certctl_database_waiting", "Threads that wait for a connection.", METRIC_GAUGE, { 0 }, read_pool_waiting },
	{ "certctl_database_refused_total", "Times that no connection came free in time.", METRIC_COUNTER, { 0 },
		read_pool_refused },
	{ "certctl_timer_last_run_timestamp_seconds", "When a timer last ran to its end on this server.", METRIC_GAUGE,
		{ "timer" }, read_timer_runs },
	{ "certctl_timer_failures_total", "Runs of a timer that failed.", METRIC_COUNTER, { "timer" },
		read_timer_failures },
	{ "process_cpu_seconds_total", "Processor time, user and system.", METRIC_COUNTER, { 0 }, read_cpu },
	{ "process_resident_memory_bytes", "Memory in use.", METRIC_GAUGE, { 0 }, read_memory },
	{ "process_threads", "Threads.", METRIC_GAUGE, { 0 }, read_threads },
	{ "process_open_fds", "Open file descriptors.", METRIC_GAUGE, { 0 }, read_files },
	{ "process_start_time_seconds", "When the process began, in seconds since 1970.", METRIC_GAUGE, { 0 },
		read_start },
	{ 0 },
};
