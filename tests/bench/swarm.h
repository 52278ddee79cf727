/*
 * Many agents in one process, each with its own identity and connection, speaking the real protocol: enrolled with a token of its own,
 * polling with its own client certificate.  One thread drives all connections.
 */
#ifndef CERTCTL_BENCH_SWARM_H
#define CERTCTL_BENCH_SWARM_H

#include <stdbool.h>
#include <stddef.h>

struct swarm;

/*
 * `operators` and `agents` are "127.0.0.1:8443" and "127.0.0.1:8444"; `key` is an administrator's.  Enrols `count`, or as many as it can
 * in `seconds`; aborts when it cannot.
 */
struct swarm *swarm_new(const char *operators, const char *agents, const char *key, size_t count, double seconds);
size_t swarm_count(const struct swarm *swarm);

/* The first ones hold no polls: they are for swarm_peak(). */
#define SWARM_FREE 64

/* Connect all, `at_once` handshakes under way; each then polls with `wait` again and again, or once when it is negative.  Seconds it took. */
double swarm_connect(struct swarm *swarm, unsigned at_once, int wait);
/* How many of these were spared the whole handshake: all that had been connected before, when the server allows it. */
size_t swarm_resumed(const struct swarm *swarm);
/* Go on polling for `seconds`; how many polls were answered. */
size_t swarm_hold(struct swarm *swarm, double seconds);
void swarm_disconnect(struct swarm *swarm);

struct swarm_peak {
	double per_s, p50_ms, p99_ms;
};
/* `at_once` of them, at most SWARM_FREE, ask again and again without waiting, for `seconds`; the others stay as they are. */
struct swarm_peak swarm_peak(struct swarm *swarm, unsigned at_once, double seconds);

#endif
