/* The pool: who may have a connection now.  Knows nothing of what is asked over it. */
#include "connection.h"

#include <certctl/time.h>
#include <errno.h>
#include <pthread.h>

struct db_pool {
	struct db_pool_options options;
	pthread_mutex_t lock;
	pthread_cond_t came_back;
	struct db *idle; /* most recently used first */
	unsigned lent, waiting;
	uint64_t refused;
	struct db_unit *unit; /* NULL: a pool of its own; else it has nothing but this */
};

struct db_unit *db_unit_of(const struct db_pool *pool)
{
	return pool->unit;
}

struct db_pool *db_pool_of_unit(TALLOC_CTX *mem, struct db_unit *unit)
{
	struct db_pool *pool = talloc_zero(mem, struct db_pool);

	if (pool)
		pool->unit = unit;
	return pool;
}

static int destroy(struct db_pool *pool)
{
	certctl_assert(pool->lent == 0);
	while (pool->idle) {
		struct db *db = pool->idle;

		pool->idle = db->next;
		talloc_free(db);
	}
	pthread_cond_destroy(&pool->came_back);
	pthread_mutex_destroy(&pool->lock);
	return 0;
}

int db_pool_new(TALLOC_CTX *mem, const struct db_pool_options *options, struct db_pool **ret, struct certctl_error *err)
{
	struct db_pool *pool = talloc_zero(mem, struct db_pool);
	pthread_condattr_t monotonic;

	if (!pool)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "database: out of memory");
	pool->options = *options;
	pool->options.conninfo = talloc_strdup(pool, options->conninfo);
	pool->options.program = talloc_strdup(pool, options->program ? options->program : "certctl");
	pool->options.size = options->size ? options->size : 8;
	pool->options.connect_ms = options->connect_ms ? options->connect_ms : 2000;
	pool->options.statement_ms = options->statement_ms ? options->statement_ms : 30000;
	if (!pool->options.conninfo || !pool->options.program) {
		talloc_free(pool);
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "database: out of memory");
	}
	pthread_mutex_init(&pool->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&pool->came_back, &monotonic);
	pthread_condattr_destroy(&monotonic);
	talloc_set_destructor(pool, destroy);
	*ret = pool;
	return 0;
}

/* Take a slot, and with it an idle connection when there is one.  The lock is held. */
static bool take_slot(struct db_pool *pool, int64_t deadline_ms, struct db **ret)
{
	struct timespec until = { .tv_sec = deadline_ms / 1000, .tv_nsec = deadline_ms % 1000 * 1000000 };

	while (pool->lent >= pool->options.size) {
		pool->waiting++;
		int rc = pthread_cond_timedwait(&pool->came_back, &pool->lock, &until);

		pool->waiting--;
		if (rc == ETIMEDOUT) {
			pool->refused++;
			return false;
		}
	}
	pool->lent++;
	*ret = pool->idle;
	if (pool->idle)
		pool->idle = pool->idle->next;
	return true;
}

void db_pool_measure(struct db_pool *pool, struct db_pool_measures *ret)
{
	pthread_mutex_lock(&pool->lock);
	*ret = (struct db_pool_measures){
		.size = pool->options.size, .lent = pool->lent, .waiting = pool->waiting, .refused = pool->refused
	};
	for (const struct db *db = pool->idle; db; db = db->next)
		ret->idle++;
	pthread_mutex_unlock(&pool->lock);
}

static void give_slot(struct db_pool *pool, struct db *idle)
{
	pthread_mutex_lock(&pool->lock);
	if (idle) {
		idle->next = pool->idle;
		pool->idle = idle;
	}
	pool->lent--;
	pthread_cond_signal(&pool->came_back);
	pthread_mutex_unlock(&pool->lock);
}

int db_acquire(struct db_pool *pool, struct db **ret, struct certctl_error *err)
{
	struct db *db = NULL;

	if (pool->unit)
		return db_unit_acquire(pool->unit, ret, err);
	pthread_mutex_lock(&pool->lock);
	bool got = take_slot(pool, certctl_monotonic_ms() + pool->options.connect_ms, &db);

	pthread_mutex_unlock(&pool->lock);
	if (!got)
		return certctl_fail(err, CERTCTL_E_UNAVAILABLE, "database: all %u connections are busy",
			pool->options.size);
	if (db && !db_is_alive(db)) {
		talloc_free(db);
		db = NULL;
	}
	/* Not a child of the pool: a talloc tree belongs to one thread at a time. */
	int rc = db ? 0 : db_open(NULL, &pool->options, &db, err);

	if (rc < 0) {
		give_slot(pool, NULL);
		return rc;
	}
	db->pool = pool;
	*ret = db;
	return 0;
}

void db_release(struct db *db)
{
	struct db_pool *pool = db->pool;

	if (db->is_of_unit)
		return;
	if (!db_is_alive(db)) {
		talloc_free(db);
		db = NULL;
	}
	give_slot(pool, db);
}
