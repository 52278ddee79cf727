/* Buckets of tokens.  Knows no request. */
#include "rates.h"

#include <arpa/inet.h>
#include <certctl/x509.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define SETS 2048
#define WAYS 4

struct bucket {
	uint64_t name;   /* hash; 0: free */
	int64_t full_at; /* when it is full again, in thousandths of a token since the clock began */
};

struct http_rates {
	pthread_mutex_t lock;
	int64_t per_second, burst;
	unsigned char salt[16]; /* nobody outside can choose names that meet in one set */
	struct bucket buckets[SETS][WAYS];
};

static int destroy(struct http_rates *rates)
{
	pthread_mutex_destroy(&rates->lock);
	return 0;
}

int http_rates_new(TALLOC_CTX *mem, int64_t per_second, int64_t burst, struct http_rates **ret,
	struct certctl_error *err)
{
	struct http_rates *rates = talloc_zero(mem, struct http_rates);

	if (!rates)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	int rc = certctl_random(rates->salt, sizeof(rates->salt), err);

	if (rc < 0) {
		talloc_free(rates);
		return rc;
	}
	rates->per_second = per_second;
	rates->burst = burst > 0 ? burst : 1;
	pthread_mutex_init(&rates->lock, NULL);
	talloc_set_destructor(rates, destroy);
	*ret = rates;
	return 0;
}

static uint64_t hash_of(const struct http_rates *rates, const char *name)
{
	char text[16 + 128], hex[65];
	size_t len = strnlen(name, 128);
	unsigned long long hash = 0;

	memcpy(text, rates->salt, 16);
	memcpy(text + 16, name, len);
	certctl_sha256_hex(text, 16 + len, hex);
	hex[16] = '\0';
	return sscanf(hex, "%llx", &hash) == 1 && hash ? hash : 1;
}

static struct bucket *bucket_of(struct http_rates *rates, uint64_t name)
{
	struct bucket *set = rates->buckets[name % SETS], *bucket = &set[0];

	for (size_t way = 0; way < WAYS; way++) {
		if (set[way].name == name)
			return &set[way];
		if (set[way].full_at < bucket->full_at)
			bucket = &set[way];
	}
	*bucket = (struct bucket){ .name = name };
	return bucket;
}

static int64_t use(struct http_rates *rates, const char *name, int64_t now_ms, bool must_take)
{
	if (rates->per_second == 0)
		return 0;
	uint64_t hash = hash_of(rates, name);

	pthread_mutex_lock(&rates->lock);
	struct bucket *bucket = bucket_of(rates, hash);
	/* A millisecond brings per_second thousandths of a token. */
	int64_t missing =
		bucket->full_at > now_ms * rates->per_second ? bucket->full_at - now_ms * rates->per_second : 0;
	int64_t over = missing + 1000 - rates->burst * 1000;

	if (over <= 0 && must_take)
		bucket->full_at = now_ms * rates->per_second + missing + 1000;
	pthread_mutex_unlock(&rates->lock);
	return over <= 0 ? 0 : (over + rates->per_second * 1000 - 1) / (rates->per_second * 1000);
}

int64_t http_rates_take(struct http_rates *rates, const char *name, int64_t now_ms)
{
	return use(rates, name, now_ms, true);
}

int64_t http_rates_ask(struct http_rates *rates, const char *name, int64_t now_ms)
{
	return use(rates, name, now_ms, false);
}

const char *http_rates_address(TALLOC_CTX *mem, const char *source_ip)
{
	struct in6_addr address;
	char text[INET6_ADDRSTRLEN];

	if (inet_pton(AF_INET6, source_ip, &address) != 1)
		return source_ip;
	if (IN6_IS_ADDR_V4MAPPED(&address))
		return inet_ntop(AF_INET, &address.s6_addr[12], text, sizeof(text)) ? talloc_strdup(mem, text)
										    : source_ip;
	memset(&address.s6_addr[8], 0, 8);
	return inet_ntop(AF_INET6, &address, text, sizeof(text)) ? talloc_strdup(mem, text) : source_ip;
}
