/* Secrets: memory that is wiped when it goes, comparison that tells nothing.  Knows not where they come from. */
#include <certctl/secret.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>

void certctl_wipe(void *data, size_t len)
{
	if (len > 0)
		explicit_bzero(data, len);
}

static int wipe_chunk(unsigned char *chunk)
{
	certctl_wipe(chunk, talloc_get_size(chunk));
	return 0;
}

void *certctl_secret_alloc(TALLOC_CTX *mem, size_t len)
{
	/* calloc: a buffer that is only half filled must not carry what the heap held before. */
	unsigned char *chunk = talloc_zero_size(mem, len);

	if (!chunk)
		return NULL;
	talloc_set_name_const(chunk, "secret");
	talloc_set_destructor(chunk, wipe_chunk);
	return chunk;
}

int certctl_secret_set(TALLOC_CTX *mem, struct certctl_secret *secret, const void *data, size_t len)
{
	if (len == SIZE_MAX)
		return CERTCTL_E_NO_MEMORY;
	unsigned char *copy = certctl_secret_alloc(mem, len + 1);

	if (!copy)
		return CERTCTL_E_NO_MEMORY;
	if (len > 0)
		memcpy(copy, data, len);
	*secret = (struct certctl_secret){ .data = copy, .len = len };
	return 0;
}

void certctl_secret_clear(struct certctl_secret *secret)
{
	talloc_free(secret->data); /* its destructor wipes it */
	*secret = (struct certctl_secret){ 0 };
}

bool certctl_secret_equal(const struct certctl_secret *a, const struct certctl_secret *b)
{
	if (a->len != b->len || !a->data || !b->data)
		return !a->data && !b->data;
	return gnutls_memcmp(a->data, b->data, a->len) == 0;
}
