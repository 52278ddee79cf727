-- API keys with limits, an end and a successor; what was asked for once and may be asked for again.
ALTER TABLE api_keys
	DROP CONSTRAINT api_keys_name_key,
	ADD COLUMN scope jsonb, -- for in_scope(); null: not limited
	ADD COLUMN seed text, -- the setting that it comes from
	ADD COLUMN is_withdrawn boolean NOT NULL DEFAULT false, -- its setting names it no more
	ADD COLUMN created_by text,
	ADD COLUMN updated_at timestamptz NOT NULL DEFAULT clock.now(),
	ADD COLUMN rotated_at timestamptz,
	ADD COLUMN revoked_at timestamptz, -- for good
	ADD COLUMN previous_lookup text UNIQUE, -- of the key before the rotation
	ADD COLUMN previous_sha256 sha256_hex,
	ADD COLUMN previous_until timestamptz,
	ADD CHECK (scope <> '{}'),
	ADD CHECK ((previous_lookup IS NULL) = (previous_sha256 IS NULL) AND (previous_lookup IS NULL) = (previous_until IS NULL));
UPDATE api_keys SET seed = 'api.key' WHERE source = 'environment';
ALTER TABLE api_keys ADD CHECK ((source = 'environment') = (seed IS NOT NULL));
-- A revoked key stays, for the trail that names it; its name is free again, and a setting's stays taken by its own.
CREATE UNIQUE INDEX api_keys_name ON api_keys (name) WHERE revoked_at IS NULL;
CREATE UNIQUE INDEX api_keys_seed ON api_keys (seed, name) WHERE seed IS NOT NULL;

CREATE FUNCTION api_key_status(k api_keys) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT CASE
		WHEN k.revoked_at IS NOT NULL THEN 'revoked'
		WHEN k.is_withdrawn THEN 'withdrawn'
		WHEN k.expires_at <= clock.now() THEN 'expired'
		WHEN NOT k.enabled THEN 'disabled'
		ELSE 'active' END
$$;

-- Replies to POST requests with an Idempotency-Key, from the transaction of what they did.
CREATE TABLE idempotency_keys (
	api_key_id object_id NOT NULL,
	key text COLLATE "C" NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
	request_sha256 sha256_hex NOT NULL,
	status int CHECK (status BETWEEN 200 AND 299), -- null only inside that transaction
	location text,
	content_type text,
	body text CHECK (octet_length(body) <= 16384), -- null: it was longer, or there was none
	created_at timestamptz NOT NULL DEFAULT clock.now(),
	PRIMARY KEY (api_key_id, key)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

-- The limits of a key as callers write them.
CREATE FUNCTION api_key_limits(scope jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
	SELECT jsonb_strip_nulls(jsonb_build_object('team_ids', scope -> 'teams', 'issuer_ids', scope -> 'issuers',
		'profile_ids', scope -> 'profiles')) WHERE scope IS NOT NULL
$$;
