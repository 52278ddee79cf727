-- One by its text, or by the one it had before its rotation; left_ms: until it ends, null: does not.
-- name: api_key_find  $1 lookup text
SELECT id, name, role, scope, CASE WHEN lookup = $1 THEN sha256 ELSE previous_sha256 END AS sha256,
	ceil(extract(epoch FROM least(expires_at, CASE WHEN lookup <> $1 THEN previous_until END) - clock.now()) * 1000)::bigint AS left_ms,
	(last_used_at IS NULL OR last_used_at < clock.now() - interval '1 minute') AS is_use_due
FROM api_keys k
WHERE (lookup = $1 OR (previous_lookup = $1 AND previous_until > clock.now())) AND api_key_status(k) = 'active';

-- Once a minute is precise enough, and costs no write a request.
-- name: api_key_used  $1 id text
UPDATE api_keys SET last_used_at = clock.now()
WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < clock.now() - interval '1 minute');

-- The first key only: two servers that start together make one.
-- name: api_key_setup  $1 name text, $2 lookup text, $3 sha256 text
INSERT INTO api_keys (name, lookup, sha256, role, source) SELECT $1, $2, $3, 'admin', 'setup'
WHERE NOT EXISTS (SELECT FROM api_keys) ON CONFLICT DO NOTHING RETURNING id;

-- name: api_keys_any
SELECT EXISTS (SELECT FROM api_keys) AS is_any;

-- A key from the settings: another one under its name replaces it, the same one changes nothing, but that it is named again.
-- name: api_key_seed  $1 seed text, $2 name text, $3 lookup text, $4 sha256 text, $5 role text
INSERT INTO api_keys AS k (seed, name, lookup, sha256, role, source, created_by) VALUES ($1, $2, $3, $4, $5, 'environment', 'environment')
ON CONFLICT (seed, name) WHERE seed IS NOT NULL DO UPDATE SET
	lookup = excluded.lookup, sha256 = excluded.sha256, role = excluded.role, is_withdrawn = false, updated_at = clock.now(),
	enabled = k.enabled OR k.sha256 <> excluded.sha256,
	revoked_at = CASE WHEN k.sha256 = excluded.sha256 THEN k.revoked_at END,
	expires_at = CASE WHEN k.sha256 = excluded.sha256 THEN k.expires_at END,
	last_used_at = CASE WHEN k.sha256 = excluded.sha256 THEN k.last_used_at END
WHERE k.sha256 <> excluded.sha256 OR k.role <> excluded.role OR k.is_withdrawn
RETURNING id, xmax = 0 AS is_new;

-- What a setting names no more.
-- name: api_keys_withdraw  $1 seed text, $2 kept text[]
UPDATE api_keys SET is_withdrawn = true, updated_at = clock.now()
WHERE seed = $1 AND NOT is_withdrawn AND name <> ALL ($2) RETURNING id;

-- name: api_key_insert  $1 name text, $2 role text, $3 lookup text, $4 sha256 text, $5 scope jsonb, $6 expires_at timestamptz, $7 ttl_seconds bigint, $8 created_by text
INSERT INTO api_keys (name, role, lookup, sha256, scope, expires_at, source, created_by)
VALUES ($1, $2, $3, $4, $5, coalesce($6, clock.now() + $7 * interval '1 second'), 'api', $8) RETURNING id;

-- name: api_key_get  $1 id text
SELECT id, name, role, api_key_limits(scope) AS limits, enabled, api_key_status(k) AS status, source, created_by, created_at, updated_at,
	expires_at, last_used_at, rotated_at, revoked_at,
	CASE WHEN previous_until > clock.now() THEN previous_until END AS previous_until,
	updated_at || ' ' || api_key_status(k) AS version
FROM api_keys k WHERE id = $1;

-- name: api_key_list  $1 limit int, $2 after text, $3 status text, $4 role text, $5 source text, $6 name text
SELECT id, name, role, api_key_limits(scope) AS limits, enabled, api_key_status(k) AS status, source, created_by, created_at, updated_at,
	expires_at, last_used_at, rotated_at, revoked_at,
	CASE WHEN previous_until > clock.now() THEN previous_until END AS previous_until
FROM api_keys k
WHERE ($2 IS NULL OR id > $2) AND ($3 IS NULL OR api_key_status(k) = $3) AND ($4 IS NULL OR role = $4)
	AND ($5 IS NULL OR source = $5) AND ($6 IS NULL OR name = $6)
ORDER BY id LIMIT $1;

-- Changes of keys one after another: who looks whether an admin is left must see what the others did.
-- name: api_keys_lock
SELECT pg_advisory_xact_lock(hashtext('api_keys'));

-- name: api_key_hold  $1 id text
SELECT role, source, revoked_at IS NOT NULL AS is_revoked, updated_at || ' ' || api_key_status(k) AS version
FROM api_keys k WHERE id = $1 FOR UPDATE;

-- Absent members (has_... false, null) stay.
-- name: api_key_update  $1 id text, $2 name text, $3 has_enabled boolean, $4 enabled boolean, $5 has_limits boolean, $6 scope jsonb, $7 has_expiry boolean, $8 expires_at timestamptz
UPDATE api_keys SET name = coalesce($2, name), enabled = CASE WHEN $3 THEN $4 ELSE enabled END,
	scope = CASE WHEN $5 THEN $6 ELSE scope END, expires_at = CASE WHEN $7 THEN $8 ELSE expires_at END, updated_at = clock.now()
WHERE id = $1;

-- name: api_key_revoke  $1 id text
UPDATE api_keys SET revoked_at = clock.now(), updated_at = clock.now(), enabled = false,
	previous_lookup = NULL, previous_sha256 = NULL, previous_until = NULL
WHERE id = $1 AND revoked_at IS NULL;

-- Without grace the key before is over now; the one before that is over in any case.
-- name: api_key_rotate  $1 id text, $2 lookup text, $3 sha256 text, $4 grace_seconds bigint
UPDATE api_keys SET lookup = $2, sha256 = $3, rotated_at = clock.now(), updated_at = clock.now(),
	previous_lookup = CASE WHEN $4 > 0 THEN lookup END, previous_sha256 = CASE WHEN $4 > 0 THEN sha256 END,
	previous_until = CASE WHEN $4 > 0 THEN clock.now() + $4 * interval '1 second' END
WHERE id = $1;

-- name: api_keys_admin_is_left
SELECT EXISTS (SELECT FROM api_keys k WHERE role = 'admin' AND scope IS NULL AND api_key_status(k) = 'active') AS is_left;

-- What a limit names must be there.
-- name: api_key_limits_missing  $1 scope jsonb
SELECT string_agg(missing.id, ', ' ORDER BY missing.id) AS ids FROM (
	SELECT id FROM jsonb_array_elements_text(coalesce($1 -> 'teams', '[]')) AS named (id) WHERE NOT EXISTS (SELECT FROM teams t WHERE t.id = named.id)
	UNION ALL
	SELECT id FROM jsonb_array_elements_text(coalesce($1 -> 'issuers', '[]')) AS named (id) WHERE NOT EXISTS (SELECT FROM issuers i WHERE i.id = named.id)
	UNION ALL
	SELECT id FROM jsonb_array_elements_text(coalesce($1 -> 'profiles', '[]')) AS named (id) WHERE NOT EXISTS (SELECT FROM profiles p WHERE p.id = named.id)
) missing;
