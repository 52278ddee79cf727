-- name: idempotency_find  $1 api_key_id text, $2 key text
SELECT request_sha256, status, location, content_type, body FROM idempotency_keys
WHERE api_key_id = $1 AND key = $2;

-- Waits for a twin that is at it, and gives no row when that one got there first.
-- name: idempotency_claim  $1 api_key_id text, $2 key text, $3 request_sha256 text
INSERT INTO idempotency_keys (api_key_id, key, request_sha256) VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING RETURNING key;

-- name: idempotency_keep  $1 api_key_id text, $2 key text, $3 status int, $4 location text, $5 content_type text, $6 body text
UPDATE idempotency_keys SET status = $3, location = $4, content_type = $5, body = $6
WHERE api_key_id = $1 AND key = $2;

-- Some at a time: a day's worth at once would hold the table for long.
-- name: idempotency_expire
WITH gone AS (
	DELETE FROM idempotency_keys WHERE (api_key_id, key) IN (
		SELECT api_key_id, key FROM idempotency_keys WHERE created_at < clock.now() - interval '24 hours'
		LIMIT 5000 FOR UPDATE SKIP LOCKED)
	RETURNING 1)
SELECT count(*) AS done FROM gone;
