/* The CA's key, once a thread: taken for a signature and given back.  Knows nothing of what is signed. */
#include "local_ca.h"

int local_ca_signers_init(struct certctl_issuer *self, const struct certctl_secret *key,
	const struct certctl_secret *password, struct certctl_error *err)
{
	for (size_t i = 0; i < LOCAL_CA_CONCURRENCY; i++) {
		int rc = certctl_key_read(self, key, password, &self->signers.keys[i], err);

		if (rc < 0)
			return rc;
	}
	return 0;
}

void local_ca_signers_done(struct certctl_issuer *self)
{
	pthread_cond_destroy(&self->signers.given_back);
	pthread_mutex_destroy(&self->signers.lock);
}

struct certctl_key *local_ca_signer_take(struct certctl_issuer *self)
{
	struct local_ca_signers *signers = &self->signers;
	struct certctl_key *key = NULL;

	pthread_mutex_lock(&signers->lock);
	while (!key) {
		for (size_t i = 0; i < LOCAL_CA_CONCURRENCY && !key; i++)
			if (!signers->is_lent[i]) {
				signers->is_lent[i] = true;
				key = signers->keys[i];
			}
		if (!key)
			pthread_cond_wait(&signers->given_back, &signers->lock);
	}
	pthread_mutex_unlock(&signers->lock);
	return key;
}

void local_ca_signer_give(struct certctl_issuer *self, struct certctl_key *key)
{
	struct local_ca_signers *signers = &self->signers;

	pthread_mutex_lock(&signers->lock);
	for (size_t i = 0; i < LOCAL_CA_CONCURRENCY; i++)
		if (signers->keys[i] == key)
			signers->is_lent[i] = false;
	pthread_cond_signal(&signers->given_back);
	pthread_mutex_unlock(&signers->lock);
}
