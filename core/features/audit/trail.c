/* Hashes and texts of the trail.  Pure: knows no database, no file and no key. */
#include "trail.h"

#include <certctl/x509.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <string.h>

const char *const audit_columns[] = { "txid", "seq", "id", "timestamp", "action", "actor", "actor_type", "source_ip",
	"request_id", "resource_type", "resource_id", "details", NULL };
_Static_assert(CERTCTL_COUNT(audit_columns) == AUDIT_COLUMNS + 1, "a column is missing");

/* --- Hashes ---------------------------------------------------------------------------------------------------------- */

static gnutls_hash_hd_t hash_begin(void)
{
	gnutls_hash_hd_t hash = NULL;

	certctl_assert(gnutls_hash_init(&hash, GNUTLS_DIG_SHA256) == 0);
	return hash;
}

static void hash_add(gnutls_hash_hd_t hash, const void *data, size_t len)
{
	certctl_assert(gnutls_hash(hash, data, len) == 0);
}

/* Each value with its length before it, so that nothing can move from one column into the next; null has a length of its own. */
void audit_leaf(const char *const values[AUDIT_COLUMNS], unsigned char ret[AUDIT_HASH])
{
	gnutls_hash_hd_t hash = hash_begin();

	hash_add(hash, "\0", 1);
	for (size_t i = 0; i < AUDIT_COLUMNS; i++) {
		uint32_t len = values[i] ? (uint32_t)strlen(values[i]) : UINT32_MAX;
		unsigned char big_endian[4] = { (unsigned char)(len >> 24), (unsigned char)(len >> 16),
			(unsigned char)(len >> 8), (unsigned char)len };

		hash_add(hash, big_endian, sizeof(big_endian));
		if (values[i])
			hash_add(hash, values[i], len);
	}
	gnutls_hash_deinit(hash, ret);
}

static void hash_node(const unsigned char left[AUDIT_HASH], const unsigned char right[AUDIT_HASH],
	unsigned char ret[AUDIT_HASH])
{
	gnutls_hash_hd_t hash = hash_begin();

	hash_add(hash, "\1", 1);
	hash_add(hash, left, AUDIT_HASH);
	hash_add(hash, right, AUDIT_HASH);
	gnutls_hash_deinit(hash, ret);
}

void audit_root(const unsigned char *leaves, size_t count, unsigned char ret[AUDIT_HASH])
{
	unsigned char left[AUDIT_HASH], right[AUDIT_HASH];
	size_t half = 1;

	if (count == 0) {
		audit_text_hash("", ret);
		return;
	}
	if (count == 1) {
		memcpy(ret, leaves, AUDIT_HASH);
		return;
	}
	while (half * 2 < count)
		half *= 2;
	audit_root(leaves, half, left);
	audit_root(leaves + half * AUDIT_HASH, count - half, right);
	hash_node(left, right, ret);
}

void audit_text_hash(const char *text, unsigned char ret[AUDIT_HASH])
{
	certctl_assert(gnutls_hash_fast(GNUTLS_DIG_SHA256, text, strlen(text), ret) == 0);
}

/* --- Texts ----------------------------------------------------------------------------------------------------------- */

static void hex_into(const unsigned char hash[AUDIT_HASH], char ret[2 * AUDIT_HASH + 1])
{
	for (size_t i = 0; i < AUDIT_HASH; i++)
		snprintf(ret + 2 * i, 3, "%02x", hash[i]);
}

void audit_batch_head(const struct audit_batch *batch, unsigned char ret[AUDIT_HASH])
{
	char text[512], root[2 * AUDIT_HASH + 1], previous[2 * AUDIT_HASH + 1];

	hex_into(batch->root, root);
	hex_into(batch->previous, previous);
	int len = snprintf(text, sizeof(text), "certctl audit batch 1\n%lld\n%lld\n%lld\n%lld\n%.32s\n%lld\n%s\n%s\n",
		(long long)batch->batch, (long long)batch->epoch, (long long)batch->count, (long long)batch->size,
		batch->last_txid, (long long)batch->last_seq, root, previous);

	certctl_assert(len > 0 && (size_t)len < sizeof(text));
	audit_text_hash(text, ret);
}

char *audit_epoch_text(TALLOC_CTX *mem, const struct audit_epoch *epoch)
{
	char previous[2 * AUDIT_HASH + 1];

	hex_into(epoch->previous, previous);
	return talloc_asprintf(mem, "certctl audit epoch 1\n%s\n%lld\n%s\n%lld\n%lld\n%lld\n%s\n%s\n%s\n",
		epoch->origin, (long long)epoch->epoch, epoch->system_identifier, (long long)epoch->first_seq,
		(long long)epoch->previous_batch, (long long)epoch->size, previous, epoch->time, epoch->reason);
}

char *audit_checkpoint_text(TALLOC_CTX *mem, const struct audit_checkpoint *checkpoint)
{
	char head[2 * AUDIT_HASH + 1];

	hex_into(checkpoint->head, head);
	return talloc_asprintf(mem, "certctl audit checkpoint 1\n%s\n%lld\n%lld\n%s\n%s\n", checkpoint->origin,
		(long long)checkpoint->batch, (long long)checkpoint->size, head, checkpoint->time);
}

char *audit_archive_text(TALLOC_CTX *mem, const struct audit_archive *archive)
{
	return talloc_asprintf(mem, "certctl audit archive 1\n%s\n%s\n%s\n%lld\n%lld\n%s\n%s\n", archive->origin,
		archive->from_id, archive->until_id, (long long)archive->events, (long long)archive->last_batch,
		archive->file_sha256, archive->time);
}

const char *audit_hex(TALLOC_CTX *mem, const unsigned char hash[AUDIT_HASH])
{
	return certctl_hex(mem, hash, AUDIT_HASH);
}

bool audit_unhex(const char *text, unsigned char ret[AUDIT_HASH])
{
	static const char digits[] = "0123456789abcdef";

	if (!text || strlen(text) != 2 * AUDIT_HASH || strspn(text, digits) != 2 * AUDIT_HASH)
		return false;
	for (size_t i = 0; i < AUDIT_HASH; i++)
		ret[i] = (unsigned char)((strchr(digits, text[2 * i]) - digits) << 4 |
					 (strchr(digits, text[2 * i + 1]) - digits));
	return true;
}
