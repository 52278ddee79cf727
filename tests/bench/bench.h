/**
 * Figures beside their limit or their peer: the sides of a comparison run in turn, in one process, on the same machine, several
 * times; what is reported is the median of the rounds, their spread, CPU an operation and latencies.
 *
 *     static const struct bench_side sides[] = { { "socket pair", ping, &pair }, { "connector", call, connector }, { 0 } };
 *     bench_compare(&(struct bench){ .name = "call", .what = "empty call" }, sides);
 *
 * Results go to standard output, one JSON object a line; `tests/bench/report` makes the page of them.  Nothing here fails on a clock.
 */
#ifndef CERTCTL_BENCH_H
#define CERTCTL_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** One side: `run` does one operation on thread `thread` (from 0) and aborts when it goes wrong. */
struct bench_side {
	const char *name;
	void (*run)(void *arg, unsigned thread);
	void *arg;
	int (*cpu_pid)(void *arg);  /* another process whose CPU time belongs to this side; NULL: none */
	double (*cpu_s)(void *arg); /* CPU time of other processes, in seconds so far; NULL: none */
};

struct bench {
	const char *name;            /* of the figure: "call.empty" */
	const char *what;            /* what one operation is, for the page */
	const unsigned *concurrency; /* ended by 0; NULL: 1 alone */
	unsigned rounds;             /* 0: 5 */
	double round_s;              /* 0: 0.5 seconds a side and round */
};

/** Measure and print; rows without a name end the table.  The first side is the one that ratios are taken to. */
void bench_compare(const struct bench *bench, const struct bench_side *sides);

/** A single figure that is not a rate: memory, a size, a time to start; `values` are the repeats. */
void bench_value(const char *name, const char *what, const char *unit, const double *values, size_t count);

/** CPU time of a process so far, and that of all of its children that live now. */
double bench_cpu_s(int pid);
double bench_cpu_of_children_s(int pid);
/** Seconds, monotonic. */
double bench_now_s(void);
/** Private memory of a process in KiB (Private_* of smaps_rollup); 0 when it is gone. */
long bench_private_kib(int pid);
/** Stop with the words of an error: a bench that does not work reports nothing. */
void bench_die(const char *what, const char *why) __attribute__((noreturn));

#endif
