/* The list of open connections and their deadlines.  Shuts sockets down, and leaves closing them to the library. */
#include "watch.h"

#include <certctl/time.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

struct watch {
	pthread_mutex_t lock;
	struct http_connection *first;
	atomic_size_t count; /* open ones */
	size_t crowded;      /* more than that is a crowd */
};

static int destroy(struct watch *watch)
{
	pthread_mutex_destroy(&watch->lock);
	return 0;
}

int watch_new(TALLOC_CTX *mem, size_t connections_max, struct watch **ret, struct certctl_error *err)
{
	struct watch *watch = talloc_zero(mem, struct watch);

	if (!watch)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	watch->crowded = connections_max - connections_max / 8;
	pthread_mutex_init(&watch->lock, NULL);
	talloc_set_destructor(watch, destroy);
	*ret = watch;
	return 0;
}

void watch_add(struct watch *watch, struct http_connection *connection)
{
	pthread_mutex_lock(&watch->lock);
	connection->deadline_ms = certctl_monotonic_ms() + WATCH_HEADERS_MS;
	connection->next = watch->first;
	if (watch->first)
		watch->first->previous = connection;
	watch->first = connection;
	atomic_fetch_add(&watch->count, 1);
	pthread_mutex_unlock(&watch->lock);
}

void watch_remove(struct watch *watch, struct http_connection *connection)
{
	pthread_mutex_lock(&watch->lock);
	if (connection->previous)
		connection->previous->next = connection->next;
	else
		watch->first = connection->next;
	if (connection->next)
		connection->next->previous = connection->previous;
	atomic_fetch_sub(&watch->count, 1);
	pthread_mutex_unlock(&watch->lock);
}

bool watch_is_crowded(struct watch *watch)
{
	return atomic_load(&watch->count) > watch->crowded;
}

void watch_set(struct watch *watch, struct http_connection *connection, int64_t after_ms)
{
	pthread_mutex_lock(&watch->lock);
	/* A request that had been sent before its time was up is answered; another is not waited for. */
	if (connection->is_ending && after_ms > WATCH_ENDING_MS)
		after_ms = WATCH_ENDING_MS;
	connection->deadline_ms = after_ms ? certctl_monotonic_ms() + after_ms : 0;
	connection->is_kept = after_ms == WATCH_IDLE_MS;
	pthread_mutex_unlock(&watch->lock);
}

/*
 * The library takes the end of what it reads for the client's: it sends close_notify (RFC 8446, section 6.1) and closes.  A client that goes
 * on sending could keep it from seeing that end.
 */
static void end(struct http_connection *connection, int64_t now_ms)
{
	shutdown(connection->socket, connection->is_ending ? SHUT_RDWR : SHUT_RD);
	connection->deadline_ms = connection->is_ending ? 0 : now_ms + WATCH_ENDING_MS;
	connection->is_ending = true;
}

size_t watch_expire(struct watch *watch, int64_t now_ms)
{
	bool is_crowded = watch_is_crowded(watch);
	size_t count = 0;

	/* Under the lock: the library closes a socket only after watch_remove(), so the number is still this connection's. */
	pthread_mutex_lock(&watch->lock);
	for (struct http_connection *connection = watch->first; connection; connection = connection->next) {
		if (is_crowded && connection->is_kept && connection->deadline_ms > now_ms + WATCH_CROWDED_MS)
			connection->deadline_ms = now_ms + WATCH_CROWDED_MS;
		if (connection->deadline_ms && connection->deadline_ms <= now_ms) {
			count += !connection->is_ending;
			end(connection, now_ms);
		}
	}
	pthread_mutex_unlock(&watch->lock);
	return count;
}
