-- name: connector_state_get  $1 instance text, $2 name text
SELECT '\x' || encode(sealed, 'hex') AS sealed, key_id, version FROM connector_state WHERE instance = $1 AND name = $2;

-- No row: somebody else created it.
-- name: connector_state_create  $1 instance text, $2 name text, $3 sealed bytea, $4 key_id text
INSERT INTO connector_state (instance, name, sealed, key_id) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING version;

-- No row: it is at another version.
-- name: connector_state_replace  $1 instance text, $2 name text, $3 sealed bytea, $4 key_id text, $5 version bigint
UPDATE connector_state SET sealed = $3, key_id = $4, version = version + 1, updated_at = clock.now()
WHERE instance = $1 AND name = $2 AND version = $5 RETURNING version;

-- Values under another key than the first one: a few hundred at most, as there are instances.
-- name: connector_state_of_other_keys  $1 key_id text
SELECT instance, name FROM connector_state WHERE key_id <> $1 ORDER BY instance, name;

-- The same value under another key is the same version.
-- name: connector_state_reseal  $1 instance text, $2 name text, $3 sealed bytea, $4 key_id text, $5 version bigint
UPDATE connector_state SET sealed = $3, key_id = $4 WHERE instance = $1 AND name = $2 AND version = $5 RETURNING version;
