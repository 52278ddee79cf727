/*
 * TLS sessions: how clients resume them, and whose certificate they show.  Knows nothing of requests.
 *
 * A ticket holds its session, sealed with a key that servers behind one address share: a client that comes back shows it, and both
 * sides are spared signatures.  GnuTLS derives a new key from ours every three lifetimes of a ticket, by the clock.
 */
#include "sessions.h"

#include <certctl/secret.h>
#include <certctl/time.h>
#include <pthread.h>
#include <string.h>

/* Everybody who was connected a moment ago has a ticket; see sessions_is_old() for those who stay. */
#define TICKET_S 172800
#define OLD_MS   (TICKET_S / 2 * INT64_C(1000))
/* A certificate is not verified again for so long, nor after its end: an hour of a fleet that comes back. */
#define VERIFIED_S 3600
/* Half of the slots are empty until there are no more of them; of those that share a set one is hardly ever displaced. */
#define SLOTS_MIN 256U
#define SLOTS_MAX 262144U
#define SET       8U

/* A certificate that was verified. */
struct verified {
	unsigned char sha256[32];
	int64_t until_s;
};

struct sessions {
	gnutls_datum_t key; /* size 0: none */
	pthread_mutex_t lock;
	struct verified *verified; /* each in the set of slots that its hash says */
	uint32_t slots, used;
};

static int destroy(struct sessions *sessions)
{
	pthread_mutex_destroy(&sessions->lock);
	return 0;
}

int sessions_new(TALLOC_CTX *mem, const unsigned char *key, struct sessions **ret, struct certctl_error *err)
{
	struct sessions *sessions = talloc_zero(mem, struct sessions);

	if (!sessions)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	pthread_mutex_init(&sessions->lock, NULL);
	talloc_set_destructor(sessions, destroy);
	sessions->slots = SLOTS_MIN;
	sessions->verified = talloc_zero_array(sessions, struct verified, SLOTS_MIN);
	if (key)
		sessions->key.data = certctl_secret_alloc(sessions, HTTP_TICKET_KEY_SIZE);
	if (!sessions->verified || (key && !sessions->key.data)) {
		talloc_free(sessions);
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	}
	if (key) {
		memcpy(sessions->key.data, key, HTTP_TICKET_KEY_SIZE);
		sessions->key.size = HTTP_TICKET_KEY_SIZE;
	}
	*ret = sessions;
	return 0;
}

void sessions_begin(struct sessions *sessions, gnutls_session_t session)
{
	if (sessions->key.size == 0)
		return;
	gnutls_db_set_cache_expiration(session, TICKET_S);
	/* Without it the client starts anew, which is no harm. */
	gnutls_session_ticket_enable_server(session, &sessions->key);
}

bool sessions_is_old(const struct sessions *sessions, const struct http_connection *connection, int64_t now_ms)
{
	return sessions->key.size > 0 && now_ms - connection->began_ms > OLD_MS;
}

/* --- Certificates ------------------------------------------------------------------------------------------------------- */

/* The slot that has it, else one that it may have.  The lock is held by who calls these. */
static struct verified *slot_of(const struct sessions *sessions, const unsigned char sha256[32])
{
	uint32_t number;

	memcpy(&number, sha256, sizeof(number));
	struct verified *set = &sessions->verified[number % (sessions->slots / SET) * SET], *oldest = set;

	for (uint32_t i = 0; i < SET; i++) {
		if (memcmp(set[i].sha256, sha256, sizeof(set[i].sha256)) == 0)
			return &set[i];
		if (set[i].until_s < oldest->until_s)
			oldest = &set[i];
	}
	return oldest;
}

static void put(struct sessions *sessions, const struct verified *verified)
{
	struct verified *slot = slot_of(sessions, verified->sha256);

	sessions->used += slot->until_s == 0;
	*slot = *verified;
}

/* Out of memory leaves it as it is. */
static void grow(struct sessions *sessions)
{
	uint32_t slots = sessions->slots;
	struct verified *old = sessions->verified, *new = talloc_zero_array(sessions, struct verified, 2 * slots);

	if (!new)
		return;
	sessions->verified = new;
	sessions->slots = 2 * slots;
	sessions->used = 0;
	for (uint32_t i = 0; i < slots; i++)
		if (old[i].until_s != 0)
			put(sessions, &old[i]);
	talloc_free(old);
}

static bool was_verified(struct sessions *sessions, const unsigned char sha256[32], int64_t now_s)
{
	pthread_mutex_lock(&sessions->lock);
	const struct verified *slot = slot_of(sessions, sha256);
	bool is_good = slot->until_s > now_s && memcmp(slot->sha256, sha256, sizeof(slot->sha256)) == 0;

	pthread_mutex_unlock(&sessions->lock);
	return is_good;
}

static void note_verified(struct sessions *sessions, const struct verified *verified)
{
	pthread_mutex_lock(&sessions->lock);
	if (2 * sessions->used >= sessions->slots && sessions->slots < SLOTS_MAX)
		grow(sessions);
	put(sessions, verified);
	pthread_mutex_unlock(&sessions->lock);
}

/* The listener's CA is the same for as long as it is open, so only time can make another answer. */
static bool verify(struct sessions *sessions, gnutls_session_t session, const gnutls_datum_t *leaf)
{
	int64_t now_s = certctl_clock_now_s(NULL);
	struct verified verified = { .until_s = now_s + VERIFIED_S };
	size_t len = sizeof(verified.sha256);
	unsigned status = 0;

	if (gnutls_fingerprint(GNUTLS_DIG_SHA256, leaf, verified.sha256, &len) < 0)
		return false;
	if (was_verified(sessions, verified.sha256, now_s))
		return true;
	if (gnutls_certificate_verify_peers2(session, &status) < 0 || status != 0)
		return false;
	int64_t end_s = gnutls_certificate_expiration_time_peers(session);

	if (end_s < verified.until_s)
		verified.until_s = end_s;
	note_verified(sessions, &verified);
	return true;
}

const void *sessions_certificate(struct sessions *sessions, gnutls_session_t session, size_t *ret_len)
{
	unsigned count = 0;
	const gnutls_datum_t *list = gnutls_certificate_get_peers(session, &count);

	if (!list || count == 0 || !verify(sessions, session, &list[0]))
		return NULL;
	*ret_len = list[0].size;
	return list[0].data;
}
