-- What archiving up to this day would take out; no row names, no months.
-- name: audit_archive_plan  $1 before timestamptz
WITH months AS (
	SELECT c.relname AS name, (to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month') AT TIME ZONE 'UTC' AS ends
	FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'audit_events'::regclass
), due AS (SELECT * FROM months WHERE ends <= $1)
SELECT $1 > clock.now() - interval '12 months' AS is_too_young,
	(SELECT count(*) FROM due) AS months, (SELECT string_agg(name, ', ' ORDER BY ends) FROM due) AS names,
	coalesce((SELECT until_id FROM audit_archives ORDER BY until_id DESC LIMIT 1), 'ae-') AS from_id,
	(SELECT first_id('ae-', max(ends)) FROM due) AS until_id,
	(SELECT origin FROM audit_links WHERE epoch = 1) AS origin,
	to_char(clock.now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS now;

-- Events of a range of ids: how many, how many of them are not sealed, and the last batch that has any.
-- name: audit_archive_range  $1 from_id text, $2 until_id text
WITH found AS (
	SELECT e.seq, e.txid, (SELECT max(epoch) FROM audit_epochs WHERE first_seq <= e.seq) AS epoch
	FROM audit_events e WHERE id >= $1 AND id < $2
), head AS (SELECT epoch, last_txid, last_seq FROM audit_batches ORDER BY batch DESC LIMIT 1),
last AS (SELECT * FROM found ORDER BY epoch DESC, txid DESC, seq DESC LIMIT 1)
SELECT (SELECT count(*) FROM found) AS events,
	(SELECT count(*) FROM found WHERE NOT EXISTS (SELECT FROM head h
		WHERE (found.epoch, found.txid, found.seq) <= (h.epoch, h.last_txid, h.last_seq))) AS unsealed,
	coalesce((SELECT min(batch) FROM audit_batches b, last WHERE (b.epoch, b.last_txid, b.last_seq) >= (last.epoch, last.txid, last.seq)), 0)
		AS last_batch,
	coalesce((SELECT max(batch) FROM audit_checkpoints), 0) AS signed_batch;

-- One archives at a time; who waits has also waited for the end of one that was killed and is still ending.
-- name: audit_archive_lock
SELECT pg_advisory_xact_lock(hashtextextended('certctl audit archive', 0));

-- name: audit_archive_recorded  $1 file_sha256 text
SELECT events FROM audit_archives WHERE file_sha256 = $1;

-- name: audit_archive_insert  $1 origin text, $2 from_id text, $3 until_id text, $4 events bigint, $5 last_batch bigint, $6 file_sha256 text, $7 time timestamptz, $8 key text, $9 signature text
INSERT INTO audit_archives (origin, from_id, until_id, events, last_batch, file_sha256, "time", key, signature)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: audit_archive_drop  $1 until_id text
SELECT drop_audit_months($1) AS months;
