/*
 * The pool: how many plugin processes run, and the keeper, the one thread that starts them and stops those idle too long.  Knows
 * nothing of calls.
 */
#include "caller.h"

#include <certctl/time.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>

#define HOSTS_MAX_DEFAULT 64
#define IDLE_S_DEFAULT    300
/* How often the keeper looks for idle processes while there are any. */
#define LOOK_EVERY_MS 1000

/* --- Starting a process ------------------------------------------------------------------------------------------- */

static int add_actions(posix_spawn_file_actions_t *actions, const struct spawn_request *request)
{
	int rc = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);

	if (rc == 0)
		rc = posix_spawn_file_actions_addopen(actions, 1, "/dev/null", O_WRONLY, 0);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(actions, request->errors, 2);
	for (unsigned i = 0; rc == 0 && i < request->lane_count; i++)
		rc = posix_spawn_file_actions_adddup2(actions, request->lanes[i], CERTCTL_PROTOCOL_FD + (int)i);
	if (rc == 0)
		rc = posix_spawn_file_actions_addclosefrom_np(actions, CERTCTL_PROTOCOL_FD + (int)request->lane_count);
	return rc;
}

/* No environment, no descriptors but ours, default signals, a session of its own: Ctrl-C is not for plugins. */
static int spawn(struct spawn_request *request)
{
	char *const argv[] = { (char *)(uintptr_t)request->program, NULL }, *const environment[] = { NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int rc;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
	rc = add_actions(&actions, request);
	if (rc == 0)
		rc = posix_spawn(&request->pid, request->program, &actions, &attributes, argv, environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return rc;
}

/* --- The keeper --------------------------------------------------------------------------------------------------- */

/* With slots_lock. */
static void serve_requests(struct certctl_pool *pool)
{
	while (pool->requests) {
		struct spawn_request *request = pool->requests;

		pool->requests = request->next;
		pthread_mutex_unlock(&pool->slots_lock);
		int rc = spawn(request);

		pthread_mutex_lock(&pool->slots_lock);
		request->error_number = rc;
		request->is_done = true;
		pthread_cond_broadcast(&pool->spawned);
	}
}

static struct certctl_connector *longest_idle(struct certctl_pool *pool, int64_t since_before_ms)
{
	struct certctl_connector *found = NULL;

	for (struct certctl_connector *at = pool->connectors; at; at = at->next) {
		int64_t since_ms = connector_idle_since(at);

		if (since_ms > 0 && since_ms < since_before_ms) {
			since_before_ms = since_ms;
			found = at;
		}
	}
	return found;
}

static bool stop_one_idle(struct certctl_pool *pool, int64_t since_before_ms)
{
	pthread_mutex_lock(&pool->lock);
	struct certctl_connector *found = longest_idle(pool, since_before_ms);
	bool is_stopped = found && connector_stop_idle(found);

	pthread_mutex_unlock(&pool->lock);
	return is_stopped;
}

static void *keep(void *arg)
{
	struct certctl_pool *pool = arg;

	pthread_mutex_lock(&pool->slots_lock);
	while (!pool->is_ending) {
		serve_requests(pool);
		pthread_mutex_unlock(&pool->slots_lock);
		while (stop_one_idle(pool, certctl_monotonic_ms() - (int64_t)pool->options.idle_s * 1000))
			;
		pthread_mutex_lock(&pool->slots_lock);
		if (!pool->requests && !pool->is_ending)
			certctl_cond_wait_until(&pool->slots_changed, &pool->slots_lock,
				pool->hosts > 0 ? certctl_monotonic_ms() + LOOK_EVERY_MS : CERTCTL_FRAME_FOREVER);
	}
	pthread_mutex_unlock(&pool->slots_lock);
	return NULL;
}

int pool_spawn(struct certctl_pool *pool, struct spawn_request *request, struct certctl_error *err)
{
	pthread_mutex_lock(&pool->slots_lock);
	if (!pool->has_keeper && pthread_create(&pool->keeper, NULL, keep, pool) != 0) {
		pthread_mutex_unlock(&pool->slots_lock);
		return certctl_fail(err, CERTCTL_E_UNAVAILABLE, "no thread to start plugin processes");
	}
	pool->has_keeper = true;
	request->next = pool->requests;
	pool->requests = request;
	pthread_cond_broadcast(&pool->slots_changed);
	while (!request->is_done)
		pthread_cond_wait(&pool->spawned, &pool->slots_lock);
	pthread_mutex_unlock(&pool->slots_lock);
	if (request->error_number != 0)
		return certctl_fail_errno(err, request->error_number, "%s", request->program);
	return 0;
}

/* --- Slots -------------------------------------------------------------------------------------------------------- */

static bool try_slot(struct certctl_pool *pool)
{
	pthread_mutex_lock(&pool->slots_lock);
	bool is_free = pool->hosts < pool->options.hosts_max;

	pool->hosts += is_free;
	pthread_mutex_unlock(&pool->slots_lock);
	return is_free;
}

int pool_take_slot(struct certctl_pool *pool, int64_t deadline_ms, struct certctl_error *err)
{
	while (!try_slot(pool)) {
		if (stop_one_idle(pool, INT64_MAX))
			continue;
		if (certctl_monotonic_ms() >= deadline_ms) {
			certctl_fail(err, CERTCTL_E_UNAVAILABLE, "%u plugin processes run, all of them busy",
				(unsigned)pool->options.hosts_max);
			return certctl_hint(err, "Raise hosts_max if the machine has the memory.");
		}
		/* A process that becomes idle is not announced: look again soon. */
		pthread_mutex_lock(&pool->slots_lock);
		certctl_cond_wait_until(&pool->slots_changed, &pool->slots_lock, certctl_monotonic_ms() + 50);
		pthread_mutex_unlock(&pool->slots_lock);
	}
	return 0;
}

void pool_give_slot(struct certctl_pool *pool)
{
	pthread_mutex_lock(&pool->slots_lock);
	pool->hosts--;
	pthread_cond_broadcast(&pool->slots_changed);
	pthread_mutex_unlock(&pool->slots_lock);
}

/* --- The pool ----------------------------------------------------------------------------------------------------- */

void pool_log(struct certctl_pool *pool, enum certctl_log_level level, const char *event, const char *const *pairs,
	size_t count)
{
	if (pool->options.log)
		pool->options.log(pool->options.arg, level, event, pairs, count);
	else
		certctl_log_pairs(level, event, pairs, count);
}

static int pool_free(struct certctl_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	for (struct certctl_connector *at = pool->connectors; at; at = at->next) {
		connector_orphan(at);
	}
	pthread_mutex_unlock(&pool->lock);
	pthread_mutex_lock(&pool->slots_lock);
	pool->is_ending = true;
	pthread_cond_broadcast(&pool->slots_changed);
	pthread_mutex_unlock(&pool->slots_lock);
	if (pool->has_keeper)
		pthread_join(pool->keeper, NULL);
	pool_forget_descriptions(pool);
	pthread_mutex_destroy(&pool->describe_lock);
	pthread_mutex_destroy(&pool->slots_lock);
	pthread_mutex_destroy(&pool->lock);
	pthread_cond_destroy(&pool->spawned);
	pthread_cond_destroy(&pool->slots_changed);
	return 0;
}

static const char *const *copy_list(TALLOC_CTX *mem, const char *const *list)
{
	size_t count = 0;

	while (list && list[count])
		count++;
	const char **copy = talloc_zero_size(mem, (count + 1) * sizeof(*copy));

	for (size_t i = 0; copy && i < count; i++)
		copy[i] = talloc_strdup(copy, list[i]);
	return copy;
}

int certctl_pool_new(TALLOC_CTX *mem, const struct certctl_pool_options *options, struct certctl_pool **ret,
	struct certctl_error *err)
{
	struct certctl_pool *pool = talloc_zero(mem, struct certctl_pool);

	if (!pool)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "pool: no memory");
	certctl_assert(options->host_program && options->plugin_dirs);
	pool->options = *options;
	pool->options.plugin_dirs = copy_list(pool, options->plugin_dirs);
	pool->options.enabled = options->enabled ? copy_list(pool, options->enabled) : NULL;
	pool->options.host_program = talloc_strdup(pool, options->host_program);
	pool->options.cache_dir = options->cache_dir ? talloc_strdup(pool, options->cache_dir) : NULL;
	pool->options.hosts_max = options->hosts_max ? options->hosts_max : HOSTS_MAX_DEFAULT;
	pool->options.idle_s = options->idle_s > 0 ? options->idle_s : IDLE_S_DEFAULT;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_mutex_init(&pool->slots_lock, NULL);
	pthread_mutex_init(&pool->describe_lock, NULL);
	certctl_cond_init(&pool->slots_changed);
	certctl_cond_init(&pool->spawned);
	talloc_set_destructor(pool, pool_free);
	*ret = pool;
	return 0;
}
