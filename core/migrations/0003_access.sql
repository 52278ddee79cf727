-- API keys: `sk-<lookup>-<secret>`; of the whole only the SHA-256 is kept.
CREATE TABLE api_keys (
	id object_id PRIMARY KEY DEFAULT make_id('key-'),
	name text NOT NULL UNIQUE,
	lookup text NOT NULL UNIQUE,
	sha256 sha256_hex NOT NULL,
	role text NOT NULL CHECK (role IN ('admin', 'operator', 'viewer', 'auditor')),
	source text NOT NULL CHECK (source IN ('setup', 'api', 'environment')),
	enabled boolean NOT NULL DEFAULT true,
	expires_at timestamptz,
	last_used_at timestamptz,
	created_at timestamptz NOT NULL DEFAULT clock.now()
);
