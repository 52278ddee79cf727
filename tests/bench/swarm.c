/* The simulated fleet.  Knows nothing of what is measured. */
#include "swarm.h"
#include "bench.h"
#include "https.h"

#include <arpa/inet.h>
#include <certctl/secret.h>
#include <certctl/x509.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <jansson.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ENROLLERS  16
#define EVENTS_MAX 256

enum state {
	AWAY = 0,
	GREETING, /* in the handshake */
	ASKING,   /* a poll is under way */
	SILENT,   /* has asked once, and says nothing any more: the server lets go of it some time */
};

struct agent {
	gnutls_certificate_credentials_t credentials;
	gnutls_session_t session;
	gnutls_datum_t ticket; /* to resume its session with; none: the next handshake is a whole one */
	int fd;
	enum state state;
	int wait; /* of its polls; negative: one without waiting, and no more */
	double asked_s;
};

struct swarm {
	char operators[64], agents_at[64], key[128];
	struct sockaddr_in address;
	struct agent *agents;
	size_t count, greeting, resumed;
	atomic_size_t enrolled;
	double until_s; /* of enrolments */
	int epoll_fd;
	size_t answered;
	double *latencies; /* of answers without waiting; NULL: not wanted */
	size_t latency_count, latency_max;
};

/* --- Enrolment -------------------------------------------------------------------------------------------------------- */

static json_t *post(struct https *https, const char *path, const char *key, json_t *body, unsigned status)
{
	char *text = json_dumps(body, JSON_COMPACT), *request = NULL;
	size_t len = 0;

	if (asprintf(&request,
		    "POST %s HTTP/1.1\r\nHost: bench\r\n%s%s%sContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
		    path, key ? "Authorization: Bearer " : "", key ? key : "", key ? "\r\n" : "", strlen(text),
		    text) < 0)
		bench_die("post", "out of memory");
	const char *answer = https_ask(https, request, status, &len);
	json_t *reply = json_loadb(answer, len, 0, NULL);

	free(text);
	free(request);
	json_decref(body);
	if (!reply)
		bench_die(path, "no JSON");
	return reply;
}

static const char *member(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	if (!text)
		bench_die("reply without", name);
	return text;
}

static void make_request(TALLOC_CTX *mem, char **ret_csr, struct certctl_secret *ret_key)
{
	static const struct certctl_name *const no_names[] = { NULL };
	const struct certctl_csr_request request = { .names = no_names };
	struct certctl_error err = { 0 };
	struct certctl_key *key = NULL;

	if (certctl_key_generate(mem, CERTCTL_ECDSA_P256, &key, &err) < 0 ||
		certctl_csr_make(mem, key, &request, ret_csr, &err) < 0 ||
		certctl_key_write(mem, key, CERTCTL_KEY_PKCS8_PEM, ret_key, &err) < 0)
		bench_die("request", err.what);
}

static void take_identity(struct agent *agent, const json_t *credential, const struct certctl_secret *key)
{
	char *chain = NULL;

	if (asprintf(&chain, "%s%s", member(credential, "certificate"), member(credential, "chain")) < 0)
		bench_die("identity", "out of memory");
	gnutls_datum_t certificate = { (unsigned char *)chain, (unsigned)strlen(chain) };
	gnutls_datum_t secret = { key->data, (unsigned)key->len };

	if (gnutls_certificate_allocate_credentials(&agent->credentials) < 0 ||
		gnutls_certificate_set_x509_key_mem(agent->credentials, &certificate, &secret, GNUTLS_X509_FMT_PEM) < 0)
		bench_die("identity", "not accepted");
	free(chain);
}

static void enrol(struct swarm *swarm, size_t index, struct https *operators, struct https *agents)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct certctl_secret key = { 0 };
	char name[32], *csr = NULL;

	snprintf(name, sizeof(name), "swarm-%06zu", index);
	make_request(mem, &csr, &key);
	json_t *token =
		post(operators, "/api/v1/enrollment-tokens", swarm->key, json_pack("{s:s}", "agent_id", name), 201);
	json_t *credential = post(agents, "/api/v1/agents/enroll", NULL,
		json_pack("{s:s, s:s, s:s}", "token", member(token, "token"), "csr", csr, "name", name), 201);

	take_identity(&swarm->agents[index], credential, &key);
	json_decref(token);
	json_decref(credential);
	talloc_free(mem);
}

static void *enrol_some(void *arg)
{
	struct swarm *swarm = arg;
	struct https *operators = https_open(swarm->operators), *agents = https_open(swarm->agents_at);

	for (size_t index;
		bench_now_s() < swarm->until_s && (index = atomic_fetch_add(&swarm->enrolled, 1)) < swarm->count;)
		enrol(swarm, index, operators, agents);
	https_close(operators);
	https_close(agents);
	return NULL;
}

struct swarm *swarm_new(const char *operators, const char *agents, const char *key, size_t count, double seconds)
{
	struct swarm *swarm = calloc(1, sizeof(*swarm));
	pthread_t threads[ENROLLERS];
	const char *colon = strrchr(agents, ':');

	if (!swarm || !(swarm->agents = calloc(count, sizeof(*swarm->agents))) || !colon)
		bench_die("swarm", "out of memory");
	snprintf(swarm->operators, sizeof(swarm->operators), "%s", operators);
	snprintf(swarm->agents_at, sizeof(swarm->agents_at), "%s", agents);
	snprintf(swarm->key, sizeof(swarm->key), "%s", key);
	swarm->address = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10)),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	swarm->count = count;
	swarm->until_s = bench_now_s() + seconds;
	swarm->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	for (size_t i = 0; i < ENROLLERS; i++)
		if (pthread_create(&threads[i], NULL, enrol_some, swarm) != 0)
			bench_die("swarm", "thread");
	for (size_t i = 0; i < ENROLLERS; i++)
		pthread_join(threads[i], NULL);
	if (atomic_load(&swarm->enrolled) < count)
		swarm->count = atomic_load(&swarm->enrolled);
	return swarm;
}

size_t swarm_count(const struct swarm *swarm)
{
	return swarm->count;
}

/* --- Connections -------------------------------------------------------------------------------------------------------- */

static void ask(struct swarm *swarm, struct agent *agent)
{
	char request[160];
	int len = snprintf(request, sizeof(request),
		"GET /api/v1/agents/swarm-%06zu/work?wait=%d HTTP/1.1\r\nHost: bench\r\nAccept: application/json\r\n\r\n",
		(size_t)(agent - swarm->agents), agent->wait < 0 ? 0 : agent->wait);

	agent->state = ASKING;
	agent->asked_s = bench_now_s();
	if (gnutls_record_send(agent->session, request, (size_t)len) != len)
		bench_die("poll", "was not sent");
}

static void await_more(struct swarm *swarm, struct agent *agent, uint32_t events, int operation)
{
	struct epoll_event event = { .events = events, .data.ptr = agent };

	if (epoll_ctl(swarm->epoll_fd, operation, agent->fd, &event) < 0)
		bench_die("epoll", strerror(errno));
}

static void begin(struct swarm *swarm, struct agent *agent)
{
	int on = 1;

	agent->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (agent->fd < 0 ||
		(connect(agent->fd, (const struct sockaddr *)&swarm->address, sizeof(swarm->address)) < 0 &&
			errno != EINPROGRESS))
		bench_die("connect", strerror(errno));
	setsockopt(agent->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (gnutls_init(&agent->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK) < 0 ||
		gnutls_set_default_priority(agent->session) < 0 ||
		gnutls_credentials_set(agent->session, GNUTLS_CRD_CERTIFICATE, agent->credentials) < 0)
		bench_die("session", "out of memory");
	if (agent->ticket.size > 0)
		gnutls_session_set_data(agent->session, agent->ticket.data, agent->ticket.size);
	gnutls_transport_set_int(agent->session, agent->fd);
	agent->state = GREETING;
	swarm->greeting++;
	await_more(swarm, agent, EPOLLOUT, EPOLL_CTL_ADD);
}

static void greet(struct swarm *swarm, struct agent *agent)
{
	int rc = gnutls_handshake(agent->session);

	if (rc == GNUTLS_E_AGAIN || rc == GNUTLS_E_INTERRUPTED) {
		await_more(swarm, agent, gnutls_record_get_direction(agent->session) ? EPOLLOUT : EPOLLIN,
			EPOLL_CTL_MOD);
		return;
	}
	if (rc < 0)
		bench_die("handshake", gnutls_strerror(rc));
	swarm->greeting--;
	swarm->resumed += gnutls_session_is_resumed(agent->session) != 0;
	await_more(swarm, agent, EPOLLIN, EPOLL_CTL_MOD);
	ask(swarm, agent);
}

/* A ticket comes before the first answer; each is used once. */
static void keep_ticket(struct agent *agent)
{
	if (!(gnutls_session_get_flags(agent->session) & GNUTLS_SFLAGS_SESSION_TICKET))
		return;
	gnutls_free(agent->ticket.data);
	agent->ticket = (gnutls_datum_t){ 0 };
	if (gnutls_session_get_data2(agent->session, &agent->ticket) < 0)
		agent->ticket = (gnutls_datum_t){ 0 };
}

static void note_answer(struct swarm *swarm, struct agent *agent, const char *answer)
{
	bool is_busy = strncmp(answer, "HTTP/1.1 503", 12) == 0; /* come again: a real agent waits a moment */

	if (strncmp(answer, "HTTP/1.1 ", 9) != 0)
		return; /* the body of such an answer */
	if (!is_busy && strncmp(answer, "HTTP/1.1 204", 12) != 0)
		bench_die("poll", answer);
	swarm->answered += !is_busy;
	if (!is_busy && swarm->latencies && agent->wait == 0 && swarm->latency_count < swarm->latency_max)
		swarm->latencies[swarm->latency_count++] = bench_now_s() - agent->asked_s;
	if (agent->wait >= 0)
		ask(swarm, agent);
	else
		agent->state = SILENT;
}

static void hang_up(struct agent *agent)
{
	if (agent->state == AWAY)
		return;
	keep_ticket(agent);
	close(agent->fd);
	gnutls_deinit(agent->session);
	agent->state = AWAY;
}

/* An answer without a body comes in one record. */
static void listen_to(struct swarm *swarm, struct agent *agent)
{
	char answer[4096];
	ssize_t len;

	while ((len = gnutls_record_recv(agent->session, answer, sizeof(answer) - 1)) > 0) {
		answer[len] = '\0';
		note_answer(swarm, agent, answer);
	}
	/* The server lets go of who says nothing. */
	if (len == 0 && agent->state == SILENT) {
		hang_up(agent);
		return;
	}
	if (len == 0 || (len != GNUTLS_E_AGAIN && len != GNUTLS_E_INTERRUPTED && gnutls_error_is_fatal((int)len)))
		bench_die("connection", len == 0 ? "the server closed it" : gnutls_strerror((int)len));
}

static void go_on(struct swarm *swarm, int timeout_ms)
{
	struct epoll_event events[EVENTS_MAX];
	int count = epoll_wait(swarm->epoll_fd, events, EVENTS_MAX, timeout_ms);

	for (int i = 0; i < count; i++) {
		struct agent *agent = events[i].data.ptr;

		if (agent->state == GREETING)
			greet(swarm, agent);
		else
			listen_to(swarm, agent);
	}
}

double swarm_connect(struct swarm *swarm, unsigned at_once, int wait)
{
	double began_s = bench_now_s();
	size_t next = 0;

	swarm->resumed = 0;
	while (next < swarm->count || swarm->greeting > 0) {
		for (; next < swarm->count && swarm->greeting < at_once; next++) {
			swarm->agents[next].wait = next < SWARM_FREE ? -1 : wait;
			begin(swarm, &swarm->agents[next]);
		}
		go_on(swarm, 1000);
	}
	return bench_now_s() - began_s;
}

size_t swarm_resumed(const struct swarm *swarm)
{
	return swarm->resumed;
}

size_t swarm_hold(struct swarm *swarm, double seconds)
{
	double until_s = bench_now_s() + seconds;
	size_t before = swarm->answered;

	while (bench_now_s() < until_s)
		go_on(swarm, 100);
	return swarm->answered - before;
}

void swarm_disconnect(struct swarm *swarm)
{
	for (size_t i = 0; i < swarm->count; i++)
		hang_up(&swarm->agents[i]);
}

/* --- Peaks ------------------------------------------------------------------------------------------------------------------ */

static int compare_doubles(const void *a, const void *b)
{
	double one = *(const double *)a, other = *(const double *)b;

	return (one > other) - (one < other);
}

/* Those that hold no poll: one that was left behind on a dead connection would be woken with theirs. */
struct swarm_peak swarm_peak(struct swarm *swarm, unsigned at_once, double seconds)
{
	struct swarm_peak peak = { 0 };
	size_t max = 4000000;

	for (size_t i = 0; i < at_once; i++) {
		hang_up(&swarm->agents[i]);
		swarm->agents[i].wait = 0;
		begin(swarm, &swarm->agents[i]);
	}
	while (swarm->greeting > 0)
		go_on(swarm, 1000);
	swarm_hold(swarm, 0.5);
	swarm->latencies = malloc(max * sizeof(double));
	swarm->latency_max = swarm->latencies ? max : 0;
	swarm->latency_count = 0;
	double began_s = bench_now_s();

	swarm_hold(swarm, seconds);
	double took_s = bench_now_s() - began_s;

	qsort(swarm->latencies, swarm->latency_count, sizeof(double), compare_doubles);
	if (swarm->latency_count > 0)
		peak = (struct swarm_peak){ .per_s = (double)swarm->latency_count / took_s,
			.p50_ms = swarm->latencies[swarm->latency_count / 2] * 1000,
			.p99_ms = swarm->latencies[swarm->latency_count * 99 / 100] * 1000 };
	free(swarm->latencies);
	swarm->latencies = NULL;
	return peak;
}
