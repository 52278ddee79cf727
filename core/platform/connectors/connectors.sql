-- Instances from files have a row too, so that everything else can refer to them.  A file wins over what was made over the API.
-- name: issuer_from_file  $1 id text, $2 name text, $3 type text, $4 options jsonb, $5 unknown_hold_seconds bigint, $6 rate_per_hour int
INSERT INTO issuers (id, name, type, options, unknown_hold_seconds, rate_per_hour, source) VALUES ($1, $2, $3, $4, $5, $6, 'file')
ON CONFLICT (id) DO UPDATE SET name = excluded.name, type = excluded.type, options = excluded.options, source = 'file', sealed = NULL,
	key_id = NULL, unknown_hold_seconds = excluded.unknown_hold_seconds, rate_per_hour = excluded.rate_per_hour, enabled = true,
	updated_at = clock.now()
WHERE (issuers.name, issuers.type, issuers.options, issuers.source, issuers.unknown_hold_seconds, issuers.rate_per_hour, issuers.enabled)
	IS DISTINCT FROM (excluded.name, excluded.type, excluded.options, excluded.source, excluded.unknown_hold_seconds,
	excluded.rate_per_hour, true);

-- name: issuers_from_files_disable  $1 ids text[]
UPDATE issuers SET enabled = false, updated_at = clock.now() WHERE source = 'file' AND enabled AND id <> ALL ($1);

-- name: notifier_from_file  $1 id text, $2 name text, $3 type text, $4 options jsonb, $5 events text[], $6 item_options jsonb
INSERT INTO notifiers (id, name, type, options, events, item_options, source) VALUES ($1, $2, $3, $4, $5, $6, 'file')
ON CONFLICT (id) DO UPDATE SET name = excluded.name, type = excluded.type, options = excluded.options, events = excluded.events,
	item_options = excluded.item_options, source = 'file', sealed = NULL, key_id = NULL, enabled = true, updated_at = clock.now()
WHERE (notifiers.name, notifiers.type, notifiers.options, notifiers.events, notifiers.item_options, notifiers.source, notifiers.enabled)
	IS DISTINCT FROM (excluded.name, excluded.type, excluded.options, excluded.events, excluded.item_options, excluded.source, true);

-- name: notifiers_from_files_disable  $1 ids text[]
UPDATE notifiers SET enabled = false, updated_at = clock.now() WHERE source = 'file' AND enabled AND id <> ALL ($1);

-- --- Made over the API ---

-- name: connector_issuers
SELECT id, type, revision || '/' || created_at AS revision FROM issuers WHERE source = 'api' AND enabled ORDER BY id;

-- name: connector_notifiers
SELECT id, type, revision || '/' || created_at AS revision FROM notifiers WHERE source = 'api' AND enabled ORDER BY id;

-- name: connector_issuer_sealed  $1 id text
SELECT '\x' || encode(sealed, 'hex') AS sealed, key_id FROM issuers WHERE id = $1;

-- name: connector_notifier_sealed  $1 id text
SELECT '\x' || encode(sealed, 'hex') AS sealed, key_id FROM notifiers WHERE id = $1;

-- Under another key than the first one: as many as there are instances.
-- name: connector_rows_of_other_keys  $1 key_id text
SELECT 'issuers' AS family, id, '\x' || encode(sealed, 'hex') AS sealed, key_id, revision FROM issuers WHERE key_id <> $1
UNION ALL
SELECT 'notifiers', id, '\x' || encode(sealed, 'hex'), key_id, revision FROM notifiers WHERE key_id <> $1
UNION ALL
SELECT 'targets', id, '\x' || encode(sealed, 'hex'), key_id, revision FROM targets WHERE key_id <> $1;

-- The same options under another key are the same revision.
-- name: connector_issuer_reseal  $1 id text, $2 sealed bytea, $3 key_id text, $4 revision bigint
UPDATE issuers SET sealed = $2, key_id = $3 WHERE id = $1 AND revision = $4;

-- name: connector_notifier_reseal  $1 id text, $2 sealed bytea, $3 key_id text, $4 revision bigint
UPDATE notifiers SET sealed = $2, key_id = $3 WHERE id = $1 AND revision = $4;

-- name: connector_target_reseal  $1 id text, $2 sealed bytea, $3 key_id text, $4 revision bigint
UPDATE targets SET sealed = $2, key_id = $3 WHERE id = $1 AND revision = $4;
