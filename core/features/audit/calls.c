/* The writer of API calls.  Knows nothing of what they asked for. */
#include "calls.h"
#include "core/features/audit/audit.sql.h"

#include <certctl/buffer.h>
#include <certctl/log.h>
#include <certctl/time.h>
#include <certctl/x509.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#define GROUP_MAX       500
#define UNHELD_MAX      10000 /* refused calls that wait to be written; more are dropped, and that is said */
#define RESOURCE_ID_MAX 200   /* an index has room for that much */
#define COUNTED_MS      3600000
#define PAUSE_MS        200 /* after a failure */
#define GROUP_BYTES_MAX (64 << 20)

struct call {
	struct call *next;
	struct http_request *held; /* NULL: its reply has left */
	bool is_read, was_tried;   /* it may be written already */
	struct certctl_buffer row; /* JSON */
};

struct audit_calls {
	struct db_pool *db;
	const struct certctl_list *exclude;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct call *first, **end;
	unsigned unheld;
	atomic_bool must_stop;
	bool is_running;
	pthread_t thread;
	atomic_llong quiet, dropped; /* since they were last written down */
	atomic_ullong dropped_in_all;
	int64_t counted_ms;
};

/* --- From a request to a row ----------------------------------------------------------------------------------------- */

static void put_text(struct certctl_buffer *row, const char *name, const char *text, size_t max)
{
	certctl_buffer_printf(row, "\"%s\":", name);
	if (text)
		certctl_buffer_json_string(row, text, strnlen(text, max));
	else
		certctl_buffer_puts(row, "null");
}

/* Its id and time are given here, not by the database: a group whose outcome is unknown is written again, and is there once. */
static void put_id(struct certctl_buffer *row)
{
	struct timespec now;
	unsigned char random[6] = { 0 };

	clock_gettime(CLOCK_REALTIME, &now);
	long long ms = (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;

	if (certctl_random(random, sizeof(random), NULL) < 0)
		row->failed = CERTCTL_E_IO;
	certctl_buffer_printf(row, "\"id\":\"ae-%012llx%02x%02x%02x%02x%02x%02x\",\"ms\":%lld,", ms, random[0],
		random[1], random[2], random[3], random[4], random[5], ms);
}

static void put_details(struct certctl_buffer *row, const struct http_request *request, const struct http_reply *reply)
{
	certctl_buffer_puts(row, ",\"details\":{");
	put_text(row, "method", request->method, SIZE_MAX);
	certctl_buffer_puts(row, ",");
	put_text(row, "path", request->path, SIZE_MAX);
	certctl_buffer_printf(row, ",\"status_code\":%u,\"latency_ms\":%lld", reply->status,
		(long long)(certctl_monotonic_ms() - request->received_ms));
	if (request->body_len > 0 && !(request->route && request->route->flags & HTTP_SECRET_BODY)) {
		char hash[65];

		certctl_sha256_hex(request->body, request->body_len, hash);
		certctl_buffer_printf(row, ",\"body_hash\":\"%s\"", hash);
	}
	certctl_buffer_puts(row, "}");
}

/* On no context of the request's: the row outlives it when its reply is not held. */
static struct call *make_call(const struct http_request *request, const struct http_reply *reply)
{
	struct call *call = talloc_zero(NULL, struct call);

	if (!call)
		return NULL;
	certctl_buffer_init(&call->row, call, 1 << 20);
	certctl_buffer_puts(&call->row, "{");
	put_id(&call->row);
	put_text(&call->row, "actor", request->actor ? request->actor : "anonymous", SIZE_MAX);
	certctl_buffer_puts(&call->row, ",");
	put_text(&call->row, "actor_type", request->actor_type ? request->actor_type : "anonymous", SIZE_MAX);
	certctl_buffer_puts(&call->row, ",");
	put_text(&call->row, "source_ip", request->source_ip, SIZE_MAX);
	certctl_buffer_puts(&call->row, ",");
	put_text(&call->row, "request_id", request->id, SIZE_MAX);
	certctl_buffer_puts(&call->row, ",");
	put_text(&call->row, "resource_id", request->path, RESOURCE_ID_MAX);
	put_details(&call->row, request, reply);
	certctl_buffer_puts(&call->row, "}");
	if (certctl_buffer_finish(&call->row, NULL) == 0)
		return call;
	talloc_free(call);
	return NULL;
}

/* --- The queue ------------------------------------------------------------------------------------------------------- */

static void drop(struct audit_calls *calls)
{
	atomic_fetch_add(&calls->dropped, 1);
	atomic_fetch_add(&calls->dropped_in_all, 1);
}

uint64_t audit_calls_dropped(const struct audit_calls *calls)
{
	return atomic_load(&calls->dropped_in_all);
}

static bool is_left_out(struct audit_calls *calls, const struct http_request *request, const struct http_reply *reply,
	bool is_read)
{
	if (request->route && request->route->flags & HTTP_QUIET && reply->status == 204) {
		atomic_fetch_add(&calls->quiet, 1);
		return true;
	}
	if (request->route && request->route->flags & HTTP_SCRAPE && reply->status == 200)
		return true;
	return is_read && audit_exclude_matches(calls->exclude, request->path);
}

static bool put(struct audit_calls *calls, struct call *call)
{
	pthread_mutex_lock(&calls->lock);
	bool fits = !calls->must_stop && (call->held || calls->unheld < UNHELD_MAX);

	if (fits) {
		*calls->end = call;
		calls->end = &call->next;
		calls->unheld += !call->held;
		pthread_cond_signal(&calls->changed);
	}
	pthread_mutex_unlock(&calls->lock);
	return fits;
}

bool audit_calls_take(struct audit_calls *calls, struct http_request *request, const struct http_reply *reply,
	bool can_hold)
{
	bool is_read = strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;

	if (is_left_out(calls, request, reply, is_read))
		return false;
	struct call *call = make_call(request, reply);

	if (call) {
		call->held = can_hold ? request : NULL;
		call->is_read = is_read;
		if (put(calls, call))
			return can_hold;
		talloc_free(call);
	}
	drop(calls);
	return false;
}

/* --- The writer ------------------------------------------------------------------------------------------------------ */

/* A group, or NULL when the time for counting has come or everything is over. */
static struct call *take_group(struct audit_calls *calls, bool *ret_is_over)
{
	struct timespec until = { .tv_sec = calls->counted_ms / 1000 };
	struct call *group, *last = NULL;
	unsigned count = 0;

	pthread_mutex_lock(&calls->lock);
	while (!calls->first && !calls->must_stop)
		if (pthread_cond_timedwait(&calls->changed, &calls->lock, &until) == ETIMEDOUT)
			break;
	group = calls->first;
	for (struct call *call = group; call && count < GROUP_MAX; call = call->next, count++) {
		calls->unheld -= !call->held;
		last = call;
	}
	if (last) {
		calls->first = last->next;
		last->next = NULL;
	}
	if (!calls->first)
		calls->end = &calls->first;
	*ret_is_over = !group && calls->must_stop;
	pthread_mutex_unlock(&calls->lock);
	return group;
}

static int write_group(struct audit_calls *calls, TALLOC_CTX *mem, const struct call *group, struct certctl_error *err)
{
	struct certctl_buffer rows;
	bool was_tried = false;

	certctl_buffer_init(&rows, mem, GROUP_BYTES_MAX);
	for (const struct call *call = group; call; call = call->next) {
		was_tried |= call->was_tried;
		certctl_buffer_puts(&rows, call == group ? "[" : ",");
		certctl_buffer_append(&rows, call->row.data, call->row.len);
	}
	certctl_buffer_puts(&rows, "]");
	int rc = certctl_buffer_finish(&rows, err);

	return rc < 0 ? rc
		      : db_once(calls->db, NULL,
				was_tried ? &query_audit_calls_record_again : &query_audit_calls_record,
				DB_VALUES(db_text(rows.data)), NULL, err);
}

static void put_back(struct audit_calls *calls, struct call *call)
{
	call->was_tried = true;
	pthread_mutex_lock(&calls->lock);
	call->next = calls->first;
	if (!calls->first)
		calls->end = &call->next;
	calls->first = call;
	calls->unheld++;
	pthread_mutex_unlock(&calls->lock);
}

/*
 * Nothing is shown that is not recorded: a read gets the failure.  A change has its own event from its own transaction, so
 * saying that it failed would be wrong: it is answered, and its call written as soon as that is possible.
 */
static void let_go(struct audit_calls *calls, struct call *group, const struct certctl_error *failure)
{
	bool may_repeat = failure && failure->retryable && !calls->must_stop;

	while (group) {
		struct call *call = group;
		bool is_kept = may_repeat && !(call->held && call->is_read);

		group = call->next;
		if (call->held)
			http_finish(call->held, call->is_read ? failure : NULL);
		call->held = NULL;
		if (is_kept) {
			put_back(calls, call);
			continue;
		}
		if (failure)
			drop(calls);
		talloc_free(call);
	}
}

/* Calls that were not recorded one by one, as one event. */
static void write_counts(struct audit_calls *calls)
{
	struct certctl_error err = { 0 };
	long long quiet = atomic_exchange(&calls->quiet, 0), dropped = atomic_exchange(&calls->dropped, 0);

	calls->counted_ms = certctl_monotonic_ms() + COUNTED_MS;
	if ((quiet || dropped) && db_once(calls->db, NULL, &query_audit_calls_counted,
					  DB_VALUES(db_integer(quiet), db_integer(dropped)), NULL, &err) < 0) {
		atomic_fetch_add(&calls->quiet, quiet);
		atomic_fetch_add(&calls->dropped, dropped);
		certctl_log_error(CERTCTL_LOG_ERROR, "audit.not_counted", &err, NULL);
	}
}

static void *run(void *arg)
{
	struct audit_calls *calls = arg;
	static const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };
	bool is_over = false;

	while (!is_over) {
		struct call *group = take_group(calls, &is_over);
		TALLOC_CTX *mem = talloc_new(NULL);
		struct certctl_error err = { 0 };
		int rc = group ? write_group(calls, mem, group, &err) : 0;

		if (rc < 0)
			certctl_log_error(CERTCTL_LOG_ERROR, "audit.not_recorded", &err, NULL);
		talloc_free(mem);
		let_go(calls, group, rc < 0 ? &err : NULL);
		if (rc < 0)
			nanosleep(&pause, NULL);
		if (is_over || certctl_monotonic_ms() >= calls->counted_ms)
			write_counts(calls);
	}
	return NULL;
}

/* --- In and out ------------------------------------------------------------------------------------------------------ */

static int destroy(struct audit_calls *calls)
{
	pthread_mutex_lock(&calls->lock);
	calls->must_stop = true;
	pthread_cond_signal(&calls->changed);
	pthread_mutex_unlock(&calls->lock);
	if (calls->is_running)
		pthread_join(calls->thread, NULL);
	pthread_cond_destroy(&calls->changed);
	pthread_mutex_destroy(&calls->lock);
	return 0;
}

int audit_calls_start(TALLOC_CTX *mem, struct db_pool *db, const struct certctl_list *exclude, struct audit_calls **ret,
	struct certctl_error *err)
{
	struct audit_calls *calls = talloc_zero(mem, struct audit_calls);
	pthread_condattr_t monotonic;

	if (!calls)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	calls->db = db;
	calls->exclude = exclude;
	calls->end = &calls->first;
	calls->counted_ms = certctl_monotonic_ms() + COUNTED_MS;
	pthread_mutex_init(&calls->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&calls->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	talloc_set_destructor(calls, destroy);
	int error_number = pthread_create(&calls->thread, NULL, run, calls);

	if (error_number) {
		talloc_free(calls);
		return certctl_fail_errno(err, error_number, "audit: thread");
	}
	calls->is_running = true;
	*ret = calls;
	return 0;
}
