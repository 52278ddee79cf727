/*
 * What a control plane with a million certificates needs: memory, idle and after load; what a connection that waits costs, beside nginx; how
 * long it takes to start.
 */
#include "bench.h"
#include "plane.h"

#include <certctl/log.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT   "1000000"
#define CLIENTS 64
#define PAGES   100 /* that each of them asks for */
#define IDLE    2000

static struct plane plane;

/* --- Load ------------------------------------------------------------------------------------------------------------ */

static void *ask_pages(void *arg)
{
	struct https *client = NULL;

	for (int i = 0; i < PAGES; i++)
		plane_get(&plane, &client, "/api/v1/certificates?limit=100");
	https_close(client);
	return arg;
}

static void load(void)
{
	pthread_t threads[CLIENTS];

	for (int i = 0; i < CLIENTS; i++)
		if (pthread_create(&threads[i], NULL, ask_pages, NULL) != 0)
			bench_die("load", "no thread");
	for (int i = 0; i < CLIENTS; i++)
		pthread_join(threads[i], NULL);
}

/* --- Memory and start ------------------------------------------------------------------------------------------------ */

static double mib(int pid)
{
	return (double)bench_private_kib(pid) / 1024;
}

/* Kilobytes that each of many connections adds, once they do nothing any more. */
static double idle_kb(const char *address, int pid)
{
	static struct https *held[IDLE];
	long before = bench_private_kib(pid);

	for (int i = 0; i < IDLE; i++)
		held[i] = https_open(address);
	usleep(300000);
	double each = (double)(bench_private_kib(pid) - before) * 1024 / 1000 / IDLE;

	for (int i = 0; i < IDLE; i++)
		https_close(held[i]);
	usleep(500000);
	return each;
}

/* nginx as its manual has it, one worker; its pid, by its pid file. */
static int start_nginx(char ret_address[64])
{
	char path[128], text[1024], key[160], certificate[160];
	const char *argv[] = { "/usr/sbin/nginx", "-p", plane.folder, "-c", path, NULL };

	snprintf(path, sizeof(path), "%s/nginx.conf", plane.folder);
	snprintf(key, sizeof(key), "%s/server.key", plane.state);
	snprintf(certificate, sizeof(certificate), "%s/server.pem", plane.state);
	snprintf(ret_address, 64, "127.0.0.1:%d", 20000 + getpid() % 20000);
	snprintf(text, sizeof(text),
		"daemon off; master_process off; pid %s/nginx.pid; error_log /dev/null; worker_rlimit_nofile 20000;\n"
		"events { worker_connections 10000; }\n"
		"http { access_log off; client_body_temp_path %s/b; proxy_temp_path %s/p; fastcgi_temp_path %s/f; uwsgi_temp_path %s/u; scgi_temp_path %s/s;\n"
		"  keepalive_timeout 600s; client_header_timeout 600s;\n"
		"  server { listen %s ssl; ssl_certificate %s; ssl_certificate_key %s; return 204; } }\n",
		plane.folder, plane.folder, plane.folder, plane.folder, plane.folder, plane.folder, ret_address,
		certificate, key);
	FILE *file = fopen(path, "w");

	if (!file || access(argv[0], X_OK) != 0 || access(key, R_OK) != 0)
		return 0;
	fputs(text, file);
	fclose(file);
	int pid = plane_spawn(argv);

	usleep(500000);
	return pid;
}

/* What was given back is used again: each crowd meets a process that has not seen one. */
static void measure_connections(void)
{
	double ours[3], theirs[3];
	char address[64];
	int nginx = 0;

	for (int i = 0; i < 3; i++) {
		plane_stop(&plane, SIGKILL);
		plane_start(&plane);
		https_close(https_open(plane.agents_address));
		ours[i] = idle_kb(plane.agents_address, plane.pid);
		nginx = start_nginx(address);
		if (nginx <= 0)
			continue;
		https_close(https_open(address));
		theirs[i] = idle_kb(address, nginx);
		kill(nginx, SIGTERM);
		waitpid(nginx, NULL, 0);
	}
	bench_value("needs.connection", "memory of an idle TLS connection, agents' port", "KB", ours, 3);
	if (nginx > 0)
		bench_value("needs.connection", "the same: nginx", "KB", theirs, 3);
}

static void measure_starts(void)
{
	double seconds[5], answers[5];

	for (int i = 0; i < 5; i++) {
		struct https *client = NULL;

		/* Killed: its database goes on, and is adopted. */
		plane_stop(&plane, SIGKILL);
		double begin = bench_now_s();

		seconds[i] = plane_start(&plane) * 1000;
		plane_get(&plane, &client, "/api/v1/certificates?limit=1");
		answers[i] = (bench_now_s() - begin) * 1000;
		https_close(client);
	}
	bench_value("needs.start", "start to ready, 1,000,000 certificates, database running", "ms", seconds, 5);
	bench_value("needs.start", "start to the first answered page", "ms", answers, 5);
}

int main(void)
{
	double idle, loaded;

	signal(SIGPIPE, SIG_IGN);
	certctl_log_setup(&(struct certctl_log_options){ .level = CERTCTL_LOG_ERROR, .fd = 2 });
	plane_seed(&plane, COUNT);
	plane_start(&plane);
	talloc_free(plane_database(&plane, 1));
	sleep(2);
	idle = mib(plane.pid);
	load();
	loaded = mib(plane.pid);
	bench_value("needs.memory", "private memory of certctld, idle after its start", "MiB", &idle, 1);
	bench_value("needs.memory", "the same after the load of 64 clients", "MiB", &loaded, 1);
	measure_connections();
	measure_starts();
	plane_end(&plane);
	return 0;
}
