/* Runs the sides of a comparison in turn and prints what came out.  Knows nothing of what is measured. */
#include "bench.h"

#include <ctype.h>
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define SAMPLES_MAX 65536 /* latencies kept a thread and round: the last ones */
#define ROUNDS_MAX  32
#define SIDES_MAX   8

struct result {
	double per_s, cpu_us, p50_us, p99_us;
};

struct thread {
	const struct bench_side *side;
	unsigned index;
	double end_s;
	uint64_t count;
	uint32_t *samples_ns;
	size_t sample_count;
};

double bench_now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void bench_die(const char *what, const char *why)
{
	fprintf(stderr, "bench: %s: %s\n", what, why);
	exit(1);
}

/* User and system time of another process, in seconds (fields 14 and 15 of /proc/PID/stat), and whose child it is (field 4). */
static double read_stat(int pid, int *ret_parent)
{
	char path[64], text[1024];
	unsigned long user, system;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	FILE *file = pid > 0 ? fopen(path, "r") : NULL;
	size_t len = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

	if (file)
		fclose(file);
	text[len] = 0;
	const char *after = strrchr(text, ')');

	*ret_parent = 0;
	if (!after || sscanf(after + 1, " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", ret_parent, &user,
			      &system) != 3)
		return 0;
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

double bench_cpu_s(int pid)
{
	int parent;

	return read_stat(pid, &parent);
}

double bench_cpu_of_children_s(int pid)
{
	DIR *processes = opendir("/proc");
	const struct dirent *entry;
	double sum = 0;

	while (processes && (entry = readdir(processes)) != NULL) {
		int parent = 0;
		double seconds = isdigit((unsigned char)entry->d_name[0])
					 ? read_stat((int)strtol(entry->d_name, NULL, 10), &parent)
					 : 0;

		sum += parent == pid ? seconds : 0;
	}
	if (processes)
		closedir(processes);
	return sum;
}

static double cpu_s(const struct bench_side *side)
{
	struct rusage use;

	getrusage(RUSAGE_SELF, &use);
	return (double)use.ru_utime.tv_sec + (double)use.ru_stime.tv_sec +
	       (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6 +
	       (side->cpu_pid ? bench_cpu_s(side->cpu_pid(side->arg)) : 0) + (side->cpu_s ? side->cpu_s(side->arg) : 0);
}

static void *run_thread(void *arg)
{
	struct thread *thread = arg;
	double before = bench_now_s();

	while (before < thread->end_s) {
		thread->side->run(thread->side->arg, thread->index);
		double after = bench_now_s();

		/* When the samples are full the newest overwrite the oldest: a sliding window over the round. */
		thread->samples_ns[thread->count % SAMPLES_MAX] = (uint32_t)((after - before) * 1e9);
		thread->count++;
		before = after;
	}
	thread->sample_count = thread->count < SAMPLES_MAX ? thread->count : SAMPLES_MAX;
	return NULL;
}

static int by_number(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int by_sample(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Latencies of all threads in one row, sorted; the caller frees. */
static uint32_t *sorted_samples(const struct thread *threads, unsigned thread_count, size_t *ret_count)
{
	size_t count = 0;

	for (unsigned i = 0; i < thread_count; i++)
		count += threads[i].sample_count;
	uint32_t *all = calloc(count + 1, sizeof(*all));

	if (!all)
		bench_die("samples", "out of memory");
	*ret_count = 0;
	for (unsigned i = 0; i < thread_count; i++) {
		memcpy(all + *ret_count, threads[i].samples_ns, threads[i].sample_count * sizeof(*all));
		*ret_count += threads[i].sample_count;
	}
	qsort(all, count, sizeof(*all), by_sample);
	return all;
}

static struct result run_round(const struct bench_side *side, unsigned thread_count, double round_s)
{
	struct thread *threads = calloc(thread_count, sizeof(*threads));
	pthread_t *ids = calloc(thread_count, sizeof(*ids));
	double begin = bench_now_s(), cpu = cpu_s(side);
	uint64_t count = 0;
	size_t sample_count;

	if (!threads || !ids)
		bench_die(side->name, "out of memory");
	for (unsigned i = 0; i < thread_count; i++) {
		threads[i] = (struct thread){ .side = side, .index = i, .end_s = begin + round_s };
		threads[i].samples_ns = calloc(SAMPLES_MAX, sizeof(uint32_t));
		if (!threads[i].samples_ns || pthread_create(&ids[i], NULL, run_thread, &threads[i]) != 0)
			bench_die(side->name, "cannot start a thread");
	}
	for (unsigned i = 0; i < thread_count; i++) {
		pthread_join(ids[i], NULL);
		count += threads[i].count;
	}
	double elapsed = bench_now_s() - begin;

	cpu = cpu_s(side) - cpu;
	uint32_t *samples = sorted_samples(threads, thread_count, &sample_count);
	struct result result = { .per_s = (double)count / elapsed,
		.cpu_us = cpu * 1e6 / (double)count,
		.p50_us = samples[sample_count / 2] / 1e3,
		.p99_us = samples[sample_count * 99 / 100] / 1e3 };

	for (unsigned i = 0; i < thread_count; i++)
		free(threads[i].samples_ns);
	free(samples);
	free(threads);
	free(ids);
	return result;
}

static double median(const struct result *rounds, unsigned count, size_t offset, double *ret_min, double *ret_max)
{
	double values[ROUNDS_MAX];

	for (unsigned i = 0; i < count; i++)
		values[i] = *(const double *)((const char *)&rounds[i] + offset);
	qsort(values, count, sizeof(values[0]), by_number);
	if (ret_min)
		*ret_min = values[0];
	if (ret_max)
		*ret_max = values[count - 1];
	return values[count / 2];
}

static void print_side(const struct bench *bench, const struct bench_side *side, unsigned concurrency,
	const struct result *rounds, unsigned count, double *first_per_s)
{
	double low, high, per_s = median(rounds, count, offsetof(struct result, per_s), &low, &high);

	if (*first_per_s == 0)
		*first_per_s = per_s;
	printf("{\"bench\":\"%s\",\"what\":\"%s\",\"side\":\"%s\",\"concurrency\":%u,\"rounds\":%u,\"per_s\":%.1f,\"min\":%.1f,"
	       "\"max\":%.1f,\"ratio\":%.3f,\"cpu_us\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f}\n",
		bench->name, bench->what, side->name, concurrency, count, per_s, low, high, per_s / *first_per_s,
		median(rounds, count, offsetof(struct result, cpu_us), NULL, NULL),
		median(rounds, count, offsetof(struct result, p50_us), NULL, NULL),
		median(rounds, count, offsetof(struct result, p99_us), NULL, NULL));
	fflush(stdout);
}

static void compare_at(const struct bench *bench, const struct bench_side *sides, unsigned concurrency)
{
	static struct result results[SIDES_MAX][ROUNDS_MAX];
	unsigned rounds = bench->rounds ? bench->rounds : 5;
	double round_s = bench->round_s > 0 ? bench->round_s : 0.5, first_per_s = 0;

	if (rounds > ROUNDS_MAX)
		rounds = ROUNDS_MAX;
	for (size_t i = 0; sides[i].name; i++) /* warm up, once */
		run_round(&sides[i], concurrency, round_s / 4);
	for (unsigned round = 0; round < rounds; round++)
		for (size_t i = 0; sides[i].name && i < SIDES_MAX; i++)
			results[i][round] = run_round(&sides[i], concurrency, round_s);
	for (size_t i = 0; sides[i].name && i < SIDES_MAX; i++)
		print_side(bench, &sides[i], concurrency, results[i], rounds, &first_per_s);
}

void bench_compare(const struct bench *bench, const struct bench_side *sides)
{
	static const unsigned alone[] = { 1, 0 };

	for (const unsigned *at = bench->concurrency ? bench->concurrency : alone; *at; at++)
		compare_at(bench, sides, *at);
}

void bench_value(const char *name, const char *what, const char *unit, const double *values, size_t count)
{
	double sorted[256];

	if (count == 0 || count > sizeof(sorted) / sizeof(sorted[0]))
		bench_die(name, "1 to 256 repeats expected");
	memcpy(sorted, values, count * sizeof(*values));
	qsort(sorted, count, sizeof(sorted[0]), by_number);
	printf("{\"bench\":\"%s\",\"what\":\"%s\",\"unit\":\"%s\",\"rounds\":%zu,\"value\":%.3f,\"min\":%.3f,\"max\":%.3f}\n",
		name, what, unit, count, sorted[count / 2], sorted[0], sorted[count - 1]);
	fflush(stdout);
}

long bench_private_kib(int pid)
{
	char path[64], line[256];
	long total = 0, value;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	FILE *file = fopen(path, "r");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Private_Clean: %ld", &value) == 1 || sscanf(line, "Private_Dirty: %ld", &value) == 1)
			total += value;
	if (file)
		fclose(file);
	return total;
}
