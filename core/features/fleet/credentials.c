/* A table in memory from the hash of a certificate to its agent.  Knows nothing of requests, nor of what agents do. */
#include "credentials.h"

#include <pthread.h>
#include <string.h>

#define BUCKETS 16384
#define ID_SIZE 64

struct credential {
	struct credential *next; /* of its bucket */
	char sha256[65];
	char agent_id[ID_SIZE];
};

struct credentials {
	pthread_mutex_t lock;
	struct credential *buckets[BUCKETS];
	uint64_t changes;
};

static int destroy(struct credentials *credentials)
{
	pthread_mutex_destroy(&credentials->lock);
	return 0;
}

int credentials_new(TALLOC_CTX *mem, struct credentials **ret, struct certctl_error *err)
{
	struct credentials *credentials = talloc_zero(mem, struct credentials);

	if (!credentials)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	pthread_mutex_init(&credentials->lock, NULL);
	talloc_set_destructor(credentials, destroy);
	*ret = credentials;
	return 0;
}

/* Its first digits are as good as any hash of it. */
static size_t bucket_of(const char *sha256)
{
	size_t bucket = 0;

	for (int i = 0; i < 4 && sha256[i]; i++)
		bucket = bucket << 4 | (size_t)(sha256[i] <= '9' ? sha256[i] - '0' : sha256[i] - 'a' + 10);
	return bucket % BUCKETS;
}

static struct credential *find(struct credentials *credentials, const char *sha256)
{
	struct credential *credential = credentials->buckets[bucket_of(sha256)];

	while (credential && strcmp(credential->sha256, sha256) != 0)
		credential = credential->next;
	return credential;
}

const char *credentials_recall(struct credentials *credentials, const char *sha256, TALLOC_CTX *mem)
{
	pthread_mutex_lock(&credentials->lock);
	const struct credential *credential = find(credentials, sha256);
	const char *id = credential ? talloc_strdup(mem, credential->agent_id) : NULL;

	pthread_mutex_unlock(&credentials->lock);
	return id;
}

uint64_t credentials_changes(struct credentials *credentials)
{
	pthread_mutex_lock(&credentials->lock);
	uint64_t changes = credentials->changes;

	pthread_mutex_unlock(&credentials->lock);
	return changes;
}

void credentials_remember(struct credentials *credentials, const char *sha256, const char *agent_id, uint64_t changes)
{
	struct credential *credential = talloc_zero(NULL, struct credential);

	if (!credential)
		return;
	memcpy(credential->sha256, sha256, sizeof(credential->sha256));
	memcpy(credential->agent_id, agent_id, strnlen(agent_id, ID_SIZE - 1));
	pthread_mutex_lock(&credentials->lock);
	/* Something changed while the database answered: its answer may be of before. */
	bool is_wanted = credentials->changes == changes && !find(credentials, sha256);

	if (is_wanted) {
		struct credential **bucket = &credentials->buckets[bucket_of(sha256)];

		talloc_steal(credentials, credential);
		credential->next = *bucket;
		*bucket = credential;
	}
	pthread_mutex_unlock(&credentials->lock);
	if (!is_wanted)
		talloc_free(credential);
}

static bool is_one_of(const char *id, const char *const *ids, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(id, ids[i]) == 0)
			return true;
	return !ids;
}

void credentials_forget(struct credentials *credentials, const char *const *agent_ids, size_t count)
{
	pthread_mutex_lock(&credentials->lock);
	credentials->changes++;
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct credential **at = &credentials->buckets[i], *credential; (credential = *at) != NULL;) {
			if (!is_one_of(credential->agent_id, agent_ids, count)) {
				at = &credential->next;
				continue;
			}
			*at = credential->next;
			talloc_free(credential);
		}
	pthread_mutex_unlock(&credentials->lock);
}
