-- name: audit_epoch_begin
INSERT INTO audit_epochs (epoch, system_identifier, first_seq)
SELECT coalesce(e.epoch, 0) + 1, c.system_identifier::text, CASE WHEN e.epoch IS NULL THEN 1 ELSE nextval('audit_seq') END
FROM pg_control_system() c
LEFT JOIN (SELECT epoch, system_identifier FROM audit_epochs ORDER BY epoch DESC LIMIT 1) e ON true
LEFT JOIN (SELECT epoch, last_txid FROM audit_batches ORDER BY batch DESC LIMIT 1) b ON true
WHERE e.epoch IS NULL OR e.system_identifier <> c.system_identifier::text
	OR (b.epoch = e.epoch AND pg_snapshot_xmax(pg_current_snapshot()) <= b.last_txid)
ON CONFLICT DO NOTHING;

-- name: audit_seal_lock  $1 key bigint
SELECT pg_try_advisory_lock($1) AS is_ours;

-- name: audit_seal_unlock
SELECT pg_advisory_unlock_all();

-- name: audit_head
SELECT batch, epoch, size, head, last_txid::text AS last_txid, last_seq FROM audit_batches ORDER BY batch DESC LIMIT 1;

-- name: audit_epoch_get  $1 epoch bigint
SELECT e.epoch, e.system_identifier, e.first_seq, coalesce(n.first_seq, 9223372036854775807) AS end_seq, n.epoch IS NULL AS is_last,
	l.epoch IS NOT NULL AS is_linked, l.origin, l.previous_batch, l.size, l.previous, l.reason,
	to_char(l."time" AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS "time", l.key, l.signature,
	to_char(clock.now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS now,
	(SELECT origin FROM audit_links WHERE epoch = 1) AS first_origin
FROM audit_epochs e LEFT JOIN audit_links l ON l.epoch = e.epoch LEFT JOIN audit_epochs n ON n.epoch = e.epoch + 1
WHERE e.epoch = $1;

-- name: audit_link_insert  $1 epoch bigint, $2 origin text, $3 previous_batch bigint, $4 size bigint, $5 previous text, $6 reason text, $7 time timestamptz, $8 key text, $9 signature text
INSERT INTO audit_links (epoch, origin, previous_batch, size, previous, reason, "time", key, signature)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- What is below it has ended, one way or the other.
-- name: audit_horizon
SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS txid;

-- (Order by the columns, not by their texts of the same name.)
-- Canonical columns of events behind (after_txid, after_seq), before `before_txid` and up to (until_txid, until_seq).
-- name: audit_rows  $1 after_txid text, $2 after_seq bigint, $3 before_txid text, $4 until_seq bigint, $5 first_seq bigint, $6 end_seq bigint, $7 limit int
SELECT txid::text AS txid, seq::text AS seq, id, to_char("timestamp" AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS "timestamp",
	action, actor, actor_type, source_ip, request_id, resource_type, resource_id, details::text AS details
FROM audit_events AS e
WHERE (e.txid, e.seq) > ($1::xid8, $2) AND (e.txid, e.seq) <= ($3::xid8, $4) AND e.seq >= $5 AND e.seq < $6
ORDER BY e.txid, e.seq LIMIT $7;

-- The same, of those that fit the filters of audit_list and these ids.
-- name: audit_rows_selected  $1 after_txid text, $2 after_seq bigint, $3 until_txid text, $4 until_seq bigint, $5 first_seq bigint, $6 end_seq bigint, $7 from_id text, $8 until_id text, $9 types text[], $10 actions text[], $11 actor text, $12 resource_type text, $13 resource_id text, $14 from timestamptz, $15 until timestamptz
SELECT txid::text AS txid, seq::text AS seq, id, to_char("timestamp" AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS "timestamp",
	action, actor, actor_type, source_ip, request_id, resource_type, resource_id, details::text AS details
FROM audit_events AS e
WHERE (e.txid, e.seq) > ($1::xid8, $2) AND (e.txid, e.seq) <= ($3::xid8, $4) AND e.seq >= $5 AND e.seq < $6
	AND e.id >= coalesce($7, '') AND ($8 IS NULL OR e.id < $8)
	AND ($9 IS NULL OR e.action LIKE ANY ($9)) AND ($10 IS NULL OR e.action LIKE ANY ($10)) AND ($11 IS NULL OR e.actor = $11)
	AND ($12 IS NULL OR e.resource_type = $12) AND ($13 IS NULL OR e.resource_id = $13)
	AND e."timestamp" >= coalesce($14, '-infinity') AND e."timestamp" < coalesce($15, 'infinity')
ORDER BY e.txid, e.seq;

-- name: audit_archives
SELECT origin, from_id, until_id, events, last_batch, file_sha256, to_char("time" AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS "time", key, signature
FROM audit_archives ORDER BY until_id;

-- name: audit_batch_insert  $1 batch bigint, $2 epoch bigint, $3 count bigint, $4 size bigint, $5 last_txid text, $6 last_seq bigint, $7 root text, $8 previous text, $9 head text, $10 leaves text
INSERT INTO audit_batches (batch, epoch, count, size, last_txid, last_seq, root, previous, head, leaves)
VALUES ($1, $2, $3, $4, $5::xid8, $6, $7, $8, $9, decode($10, 'hex'));

-- name: audit_checkpoint_last
SELECT coalesce(max(batch), 0) AS batch,
	to_char(clock.now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS now FROM audit_checkpoints;

-- As a line of the file of checkpoints.
-- name: audit_checkpoint_latest
SELECT json_build_object('checkpoint', json_build_object('origin', origin, 'batch', batch, 'size', size, 'head', head,
	'time', to_char("time" AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'key', key, 'signature', signature))::text AS checkpoint
FROM audit_checkpoints ORDER BY batch DESC LIMIT 1;

-- name: audit_checkpoint_insert  $1 batch bigint, $2 origin text, $3 size bigint, $4 head text, $5 time timestamptz, $6 key text, $7 signature text
INSERT INTO audit_checkpoints (batch, origin, size, head, "time", key, signature) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT DO NOTHING;

-- Who holds back the horizon, and since when events wait for it.
-- name: audit_lag  $1 after_txid text, $2 after_seq bigint, $3 first_seq bigint
SELECT coalesce(extract(epoch FROM clock.now() - (SELECT min("timestamp") FROM (SELECT "timestamp" FROM audit_events
		WHERE (txid, seq) > ($1::xid8, $2) AND seq >= $3 ORDER BY txid, seq LIMIT 100) AS waiting))::bigint, 0) AS seconds,
	l.pid, a.usename, a.application_name, a.datname
FROM (SELECT) AS one
LEFT JOIN pg_locks l ON l.locktype = 'transactionid' AND l.granted AND l.mode = 'ExclusiveLock'
	AND l.transactionid = pg_snapshot_xmin(pg_current_snapshot())::xid
LEFT JOIN pg_stat_activity a ON a.pid = l.pid
LIMIT 1;

-- name: audit_is_protected
SELECT NOT pg_has_role(current_user, c.relowner, 'USAGE') AS is_protected FROM pg_class c WHERE c.oid = 'audit_events'::regclass;

-- How old the first event is that is not sealed.
-- name: metric_audit_lag
SELECT coalesce(greatest(extract(epoch FROM clock.now() - (SELECT "timestamp" FROM audit_events
	WHERE (txid, seq) > (coalesce(b.last_txid, '0'), coalesce(b.last_seq, 0)) AND seq >= e.first_seq ORDER BY txid, seq LIMIT 1)), 0), 0) AS value
FROM (SELECT epoch, first_seq FROM audit_epochs ORDER BY epoch DESC LIMIT 1) AS e
LEFT JOIN LATERAL (SELECT last_txid, last_seq FROM audit_batches WHERE epoch = e.epoch ORDER BY batch DESC LIMIT 1) AS b ON true;

-- name: metric_audit_checkpoint_age
SELECT greatest(extract(epoch FROM clock.now() - "time"), 0) AS value FROM audit_checkpoints ORDER BY batch DESC LIMIT 1;

-- name: metric_audit_sealed
SELECT size AS value FROM audit_batches ORDER BY batch DESC LIMIT 1;

-- The first batch from this number on, with the cursor before it.
-- name: audit_batch_get  $1 batch bigint
SELECT b.batch, b.epoch, b.count, b.size, b.last_txid::text AS last_txid, b.last_seq, b.root, b.previous, b.head,
	encode(b.leaves, 'hex') AS leaves, coalesce(p.last_txid::text, '0') AS after_txid, coalesce(p.last_seq, 0) AS after_seq,
	e.first_seq, coalesce(n.first_seq, 9223372036854775807) AS end_seq
FROM audit_batches b JOIN audit_epochs e ON e.epoch = b.epoch LEFT JOIN audit_epochs n ON n.epoch = b.epoch + 1
LEFT JOIN audit_batches p ON p.batch = b.batch - 1 AND p.epoch = b.epoch
WHERE b.batch >= $1 ORDER BY b.batch LIMIT 1;

-- name: audit_links_after  $1 previous_batch bigint
SELECT l.epoch, l.origin, e.system_identifier, e.first_seq, l.previous_batch, l.size, l.previous, l.reason,
	to_char(l."time" AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS "time", l.key, l.signature
FROM audit_links l JOIN audit_epochs e ON e.epoch = l.epoch WHERE l.previous_batch = $1 ORDER BY l.epoch;

-- name: audit_checkpoint_get  $1 batch bigint
SELECT batch, origin, size, head, to_char("time" AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS "time", key, signature
FROM audit_checkpoints WHERE batch = $1;

-- Events that claim a place before the cursor of the last batch.
-- name: audit_count_sealed  $1 last_txid text, $2 last_seq bigint, $3 first_seq bigint
SELECT count(*) AS count FROM audit_events WHERE seq < $3 OR (txid, seq) <= ($1::xid8, $2);
