-- name: api_key_find  $1 lookup text
SELECT id, name, role, sha256 FROM api_keys
WHERE lookup = $1 AND enabled AND (expires_at IS NULL OR expires_at > clock.now());

-- Once a minute is precise enough, and costs no write a request.
-- name: api_key_used  $1 id text
UPDATE api_keys SET last_used_at = clock.now()
WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < clock.now() - interval '1 minute');

-- The first key only: two servers that start together make one.
-- name: api_key_setup  $1 name text, $2 lookup text, $3 sha256 text
INSERT INTO api_keys (name, lookup, sha256, role, source) SELECT $1, $2, $3, 'admin', 'setup'
WHERE NOT EXISTS (SELECT FROM api_keys) ON CONFLICT (name) DO NOTHING RETURNING id;

-- A key from the settings: another one replaces it, the same one changes nothing.
-- name: api_key_seed  $1 name text, $2 lookup text, $3 sha256 text, $4 role text
INSERT INTO api_keys (name, lookup, sha256, role, source) VALUES ($1, $2, $3, $4, 'environment')
ON CONFLICT (name) DO UPDATE SET lookup = excluded.lookup, sha256 = excluded.sha256, role = excluded.role, enabled = true,
	expires_at = NULL, last_used_at = NULL, created_at = clock.now()
WHERE api_keys.source = 'environment' AND api_keys.sha256 <> excluded.sha256 RETURNING id;

-- name: api_key_is_seeded  $1 name text, $2 sha256 text
SELECT EXISTS (SELECT FROM api_keys WHERE name = $1 AND sha256 = $2 AND source = 'environment') AS is_seeded;

-- name: api_keys_any
SELECT EXISTS (SELECT FROM api_keys) AS is_any;
