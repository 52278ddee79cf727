/**
 * What is hashed and signed, and nothing else: pure functions that the sealer, the export and every verifier share.
 *
 *     leaf  = SHA-256(0x00 || canonical bytes of the event)
 *     root  = Merkle tree hash of a batch's leaves (RFC 6962, section 2.1)
 *     head  = SHA-256 of the batch as text, which names the head before it
 *
 * docs/compliance/audit.md says the same for people who write a verifier of their own.
 */
#ifndef CORE_AUDIT_TRAIL_H
#define CORE_AUDIT_TRAIL_H

#include <certctl/error.h>
#include <talloc.h>

#define AUDIT_HASH      32
#define AUDIT_BATCH_MAX 1000 /* events in a batch: what a sealer, an export and a verifier hold at a time */

/** Columns of an event in the order in which they are hashed, as texts; NULL-terminated. */
extern const char *const audit_columns[];
#define AUDIT_COLUMNS 12
enum audit_column { AUDIT_TXID, AUDIT_SEQ, AUDIT_ID };

/** A link between the trail before and the trail from here on: the first record of a database, or of a restored one. */
struct audit_epoch {
	int64_t epoch; /* from 1 */
	const char *origin, *system_identifier;
	int64_t first_seq; /* events from this number on are of this epoch */
	int64_t previous_batch, size;
	unsigned char previous[AUDIT_HASH]; /* head that it follows; zeros before everything */
	const char *reason, *time;          /* RFC 3339 */
	const char *key, *signature;        /* hexadecimal */
};

struct audit_batch {
	int64_t batch, epoch, count, size; /* size: events up to here */
	const char *last_txid;
	int64_t last_seq;
	unsigned char root[AUDIT_HASH], previous[AUDIT_HASH], head[AUDIT_HASH];
	const unsigned char *leaves; /* count * AUDIT_HASH */
};

struct audit_checkpoint {
	const char *origin;
	int64_t batch, size;
	unsigned char head[AUDIT_HASH];
	const char *time, *key, *signature;
};

/** Months that were exported and taken out: the batches keep their leaves, the file has their events. */
struct audit_archive {
	const char *origin;
	const char *from_id, *until_id; /* events from this id on, and before that one */
	int64_t events, last_batch;     /* how many, and the last batch that has any of them */
	const char *file_sha256, *time, *key, *signature;
};

void audit_leaf(const char *const values[AUDIT_COLUMNS], unsigned char ret[AUDIT_HASH]);
/** Of `count` leaves, one after another. */
void audit_root(const unsigned char *leaves, size_t count, unsigned char ret[AUDIT_HASH]);
/** Of everything in the batch but its head and leaves. */
void audit_batch_head(const struct audit_batch *batch, unsigned char ret[AUDIT_HASH]);

/** The text that is signed; the head that follows an epoch's record is its SHA-256.  NULL when out of memory. */
char *audit_epoch_text(TALLOC_CTX *mem, const struct audit_epoch *epoch);
char *audit_checkpoint_text(TALLOC_CTX *mem, const struct audit_checkpoint *checkpoint);
char *audit_archive_text(TALLOC_CTX *mem, const struct audit_archive *archive);
void audit_text_hash(const char *text, unsigned char ret[AUDIT_HASH]);

/** Lower-case hexadecimal of a hash, on `mem`, and back; false: it is none. */
const char *audit_hex(TALLOC_CTX *mem, const unsigned char hash[AUDIT_HASH]);
bool audit_unhex(const char *text, unsigned char ret[AUDIT_HASH]);

#endif
