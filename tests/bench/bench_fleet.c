/*
 * A fleet on one control plane: what held polls of many agents cost, what it costs when all come back, how many polls a second can be
 * answered at a peak, what a waiting agent needs of the server's memory; what an agent needs itself; and how long it takes from asking
 * for a certificate until nginx serves it.
 */
#include "bench.h"
#include "swarm.h"

#include "core/platform/db/cluster.h"

#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Each is a descriptor here and one in the server: as many as the limit of open files allows, CERTCTL_BENCH_AGENTS is fewer. */
#define AGENTS_MAX  15000
#define FLEET       100000 /* what is extrapolated to */
#define FLEET_S     60     /* everybody polls once in, or comes back within */
#define CORES       2
#define BASE_S      5
#define ENROL_S     60
#define HELD_S      60
#define PEAK_S      8
#define PEAK_ROUNDS 3

static char folder[] = "/tmp/certctl-bench-XXXXXX", state[sizeof(folder) + 16], ready[sizeof(folder) + 16];
static const char *build;
static int server_pid, postmaster;
static char operators[64], agents[64], key[128];

/* --- The server ---------------------------------------------------------------------------------------------------------- */

static int spawn(const char *const *argv, bool is_output_ours)
{
	int pid = fork();

	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY);

		if (!is_output_ours)
			dup2(null, 1);
		if (!getenv("CERTCTL_BENCH_VERBOSE"))
			dup2(null, 2);
		setenv("CERTCTL_HTTP_KEY_RATE", "0", 1);
		execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	return pid;
}

static const char *after_scheme(const json_t *about, const char *name)
{
	const char *url = json_string_value(json_object_get(about, name));

	if (!url || strncmp(url, "https://", 8) != 0)
		bench_die("ready file", name);
	return url + strlen("https://");
}

static void read_ready(void)
{
	json_t *about = json_load_file(ready, 0, NULL);
	char path[sizeof(state) + 16];

	snprintf(path, sizeof(path), "%s/admin.key", state);
	FILE *file = fopen(path, "r");

	if (!about || !file || !fgets(key, sizeof(key), file))
		bench_die("ready file", ready);
	fclose(file);
	key[strcspn(key, "\r\n")] = '\0';
	snprintf(operators, sizeof(operators), "%s", after_scheme(about, "url"));
	snprintf(agents, sizeof(agents), "%s", after_scheme(about, "agents_url"));
	json_decref(about);
}

/* The first line of the private cluster's pid file. */
static void find_postmaster(void)
{
	char path[sizeof(state) + 32];

	snprintf(path, sizeof(path), "%s/postgres/postmaster.pid", state);
	FILE *file = fopen(path, "r");

	if (!file || fscanf(file, "%d", &postmaster) != 1)
		bench_die("postmaster", path);
	fclose(file);
}

static void start_server(void)
{
	char program[512];
	const char *argv[] = { program, "dev", "--dir", state, "--listen", "127.0.0.1:0", "--agents-listen",
		"127.0.0.1:0", "--ready-file", ready, NULL };

	if (!mkdtemp(folder) || chmod(folder, 0711) < 0)
		bench_die("folder", folder);
	snprintf(state, sizeof(state), "%s/state", folder);
	snprintf(ready, sizeof(ready), "%s/ready.json", folder);
	snprintf(program, sizeof(program), "%s/bin/certctld", build);
	server_pid = spawn(argv, false);
	for (int i = 0; access(ready, R_OK) != 0; i++) {
		if (waitpid(server_pid, NULL, WNOHANG) != 0 || i > 6000)
			bench_die("certctld", "did not start; CERTCTL_BENCH_VERBOSE=1 shows why");
		usleep(10000);
	}
	read_ready();
	find_postmaster();
}

static void end_server(void)
{
	const char *argv[] = { "/bin/rm", "-rf", folder, NULL };

	kill(server_pid, SIGTERM);
	waitpid(server_pid, NULL, 0);
	waitpid(spawn(argv, false), NULL, 0);
}

static double cpu_s(void)
{
	return bench_cpu_s(server_pid) + bench_cpu_of_children_s(postmaster);
}

/* --- The fleet ----------------------------------------------------------------------------------------------------------- */

static size_t wanted_agents(void)
{
	struct rlimit limit;
	const char *text = getenv("CERTCTL_BENCH_AGENTS");
	size_t count = text ? strtoul(text, NULL, 10) : AGENTS_MAX;

	getrlimit(RLIMIT_NOFILE, &limit);
	/* The server inherits it. */
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (count + 1000 > limit.rlim_cur)
		count = limit.rlim_cur - 1000;
	return count;
}

static void one_value(const char *name, const char *what, const char *unit, double value)
{
	bench_value(name, what, unit, &value, 1);
}

/* What the server needs for itself, a second: not to be multiplied with the fleet. */
static double base;

static void measure_base(void)
{
	sleep(BASE_S); /* what follows a start is not the base */
	double begin_s = cpu_s();

	sleep(BASE_S);
	base = (cpu_s() - begin_s) / BASE_S;
	one_value("fleet.base", "server and database without any agent: share of 2 cores", "%", base / CORES * 100);
}

/* Of two cores, when FLEET agents do in FLEET_S what `count` did with so much CPU. */
static double share(double used_s, size_t count)
{
	return (used_s / (double)count * FLEET / FLEET_S + base) / CORES * 100;
}

/* All connect and poll once each; what the server and the database need for one. */
static double measure_coming(struct swarm *swarm, int wait, const char *what)
{
	size_t count = swarm_count(swarm);
	char text[160], rate[64], cpu[64];
	double begin_s = cpu_s(), took_s = swarm_connect(swarm, 64, wait);

	swarm_hold(swarm, 2);
	double used_s = cpu_s() - begin_s - base * (took_s + 2);

	snprintf(rate, sizeof(rate), "fleet.%s_rate", what);
	snprintf(cpu, sizeof(cpu), "fleet.%s_cpu", what);
	snprintf(text, sizeof(text), "%s: handshake and first poll, %zu agents (%zu of them resumed), 64 at once", what,
		count, swarm_resumed(swarm));
	one_value(rate, text, "a second", (double)count / took_s);
	one_value(cpu, "the same, CPU of server and database", "us", used_s / (double)count * 1e6);
	return used_s;
}

static void measure_connections(struct swarm *swarm)
{
	size_t count = swarm_count(swarm);
	long before_kib = bench_private_kib(server_pid);

	double whole_s = measure_coming(swarm, -1, "connect");

	one_value("fleet.idle", "server memory, an idle connection on the agents' port (mTLS)", "KB",
		(double)(bench_private_kib(server_pid) - before_kib) * 1.024 / (double)count);
	swarm_disconnect(swarm);
	sleep(3);
	/* Once more, as a fleet comes back: the server knows who they are, and each polls at once. */
	double used_s = measure_coming(swarm, 55, "reconnect");

	one_value("fleet.reconnecting", "100,000 agents come back within 60 s: share of 2 cores", "%",
		share(used_s, count));
	one_value("fleet.reconnecting_whole",
		"the same with whole handshakes: agents with a libcurl that asks for no tickets", "%",
		share(whole_s, count));
	one_value("fleet.held", "server memory, an agent whose poll waits", "KB",
		(double)(bench_private_kib(server_pid) - before_kib) * 1.024 / (double)count);
}

static void measure_held(struct swarm *swarm)
{
	double begin_s = cpu_s();
	size_t answered = swarm_hold(swarm, HELD_S);
	double used_s = cpu_s() - begin_s - base * HELD_S;
	char what[160];

	snprintf(what, sizeof(what), "polls held for 55 s and asked again, %zu agents, answered in %d s",
		swarm_count(swarm), HELD_S);
	one_value("fleet.polls", what, "polls", (double)answered);
	one_value("fleet.holding", "100,000 agents polling, signs of life durable: share of 2 cores", "%",
		share(used_s / HELD_S * FLEET_S, swarm_count(swarm)));
}

static void measure_peak(struct swarm *swarm)
{
	double rates[PEAK_ROUNDS], p50[PEAK_ROUNDS], p99[PEAK_ROUNDS], cpu_us[PEAK_ROUNDS];

	for (size_t i = 0; i < PEAK_ROUNDS; i++) {
		double begin_s = cpu_s();
		struct swarm_peak peak = swarm_peak(swarm, 64, PEAK_S);

		cpu_us[i] = (cpu_s() - begin_s - base * PEAK_S) / (peak.per_s * PEAK_S) * 1e6;

		rates[i] = peak.per_s;
		p50[i] = peak.p50_ms;
		p99[i] = peak.p99_ms;
	}
	bench_value("fleet.peak", "polls that find nothing, 64 at once beside those held", "a second", rates,
		PEAK_ROUNDS);
	bench_value("fleet.peak_cpu", "the same, CPU of server and database", "us", cpu_us, PEAK_ROUNDS);
	bench_value("fleet.peak_p50", "the same, p50", "ms", p50, PEAK_ROUNDS);
	bench_value("fleet.peak_p99", "the same, p99", "ms", p99, PEAK_ROUNDS);
}

/* --- From asked for to served ---------------------------------------------------------------------------------------------- */

/* A host with agent, worker and nginx: the stories' library knows how to start them. Prints results of its own. */
static void measure_host(void)
{
	const char *argv[] = { "/usr/bin/python3", "-B", "tests/bench/host", NULL };
	int status = 0;

	fflush(stdout);
	waitpid(spawn(argv, true), &status, 0);
	if (status != 0)
		bench_die("tests/bench/host", "failed; CERTCTL_BENCH_VERBOSE=1 shows why");
}

int main(void)
{
	build = getenv("CERTCTL_BUILD") ? getenv("CERTCTL_BUILD") : ".build/release";
	signal(SIGPIPE, SIG_IGN);
	size_t count = wanted_agents();

	start_server();
	measure_base();
	fprintf(stderr, "bench: %zu agents enrol\n", count);
	double begin_s = bench_now_s();
	struct swarm *swarm = swarm_new(operators, agents, key, count, ENROL_S);

	one_value("fleet.agents", "agents enrolled, each with its own identity and connection", "agents",
		(double)swarm_count(swarm));
	one_value("fleet.enrol", "enrolments: token, key, client certificate", "a second",
		(double)swarm_count(swarm) / (bench_now_s() - begin_s));
	measure_connections(swarm);
	measure_held(swarm);
	measure_peak(swarm);
	swarm_disconnect(swarm);
	end_server();
	measure_host();
	return 0;
}
