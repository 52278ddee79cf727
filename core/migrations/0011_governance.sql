-- Who a certificate belongs to, and the rules it lives by.
CREATE TABLE teams (
	id object_id PRIMARY KEY DEFAULT make_id('t-'),
	name text NOT NULL UNIQUE,
	description text,
	created_at timestamptz NOT NULL DEFAULT clock.now(),
	updated_at timestamptz NOT NULL DEFAULT clock.now()
);

CREATE TABLE owners (
	id object_id PRIMARY KEY DEFAULT make_id('o-'),
	name text NOT NULL UNIQUE,
	email text NOT NULL,
	team_id object_id REFERENCES teams (id),
	created_at timestamptz NOT NULL DEFAULT clock.now(),
	updated_at timestamptz NOT NULL DEFAULT clock.now()
);
CREATE INDEX owners_team ON owners (team_id);

-- Agents that have something in common; who belongs is asked anew each time.  A condition that is null holds for all.
CREATE TABLE agent_groups (
	id object_id PRIMARY KEY DEFAULT make_id('ag-'),
	name text NOT NULL UNIQUE,
	description text,
	match_os text,
	match_architecture text,
	match_cidr cidr,
	match_version text,
	created_at timestamptz NOT NULL DEFAULT clock.now(),
	updated_at timestamptz NOT NULL DEFAULT clock.now()
);

-- What may be issued.
CREATE TABLE profiles (
	id object_id PRIMARY KEY DEFAULT make_id('prof-'),
	name text NOT NULL UNIQUE,
	description text,
	allowed_key_types text[] NOT NULL DEFAULT '{ECDSA_P256,ECDSA_P384,ED25519,RSA_2048,RSA_3072,RSA_4096}',
	min_key_bits int, -- of RSA keys
	max_ttl_seconds bigint CHECK (max_ttl_seconds BETWEEN 60 AND 34560000),
	allowed_ekus text[] NOT NULL DEFAULT '{serverAuth,clientAuth}',
	require_sans boolean NOT NULL DEFAULT true,
	name_patterns text[] NOT NULL DEFAULT '{}', -- "*.example.com"; empty: any name
	short_lived boolean NOT NULL DEFAULT false,
	must_staple boolean NOT NULL DEFAULT false,
	reuse_key boolean NOT NULL DEFAULT false,
	requires_approval boolean NOT NULL DEFAULT false,
	approval_timeout_seconds bigint NOT NULL DEFAULT 604800 CHECK (approval_timeout_seconds > 0),
	created_at timestamptz NOT NULL DEFAULT clock.now(),
	updated_at timestamptz NOT NULL DEFAULT clock.now()
);

-- When it is renewed, and who hears of it.
CREATE TABLE policies (
	id object_id PRIMARY KEY DEFAULT make_id('rp-'),
	name text NOT NULL UNIQUE,
	description text,
	renewal_threshold_days int CHECK (renewal_threshold_days BETWEEN 0 AND 400), -- null: by fraction of the lifetime
	alert_thresholds_days int[] NOT NULL DEFAULT '{30,14,7,0}',
	auto_renew boolean NOT NULL DEFAULT true,
	retries_max int NOT NULL DEFAULT 5 CHECK (retries_max BETWEEN 0 AND 100),
	agent_group_id object_id REFERENCES agent_groups (id), -- whose agents alone may hold the key; null: any
	renewal_days text[] NOT NULL DEFAULT '{}', -- monday ...; empty: every day
	renewal_window_start time, -- UTC; both or none
	renewal_window_end time,
	notifier_ids text[] NOT NULL DEFAULT '{}',
	created_at timestamptz NOT NULL DEFAULT clock.now(),
	updated_at timestamptz NOT NULL DEFAULT clock.now(),
	CHECK ((renewal_window_start IS NULL) = (renewal_window_end IS NULL))
);
CREATE INDEX policies_group ON policies (agent_group_id);

ALTER TABLE managed_certificates
	ADD COLUMN owner_id object_id REFERENCES owners (id),
	ADD COLUMN team_id object_id REFERENCES teams (id),
	ADD COLUMN profile_id object_id REFERENCES profiles (id),
	ADD COLUMN policy_id object_id REFERENCES policies (id);

-- What a caller is limited to: null, or an object with some of teams, issuers, profiles, each a list of ids.  An object
-- that has none of what a limit speaks of is outside of it.
CREATE FUNCTION in_scope(scope jsonb, team_id text, issuer_id text, profile_id text) RETURNS boolean
	LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	SELECT scope IS NULL OR ((NOT scope ? 'teams' OR coalesce(scope -> 'teams' ? team_id, false))
		AND (NOT scope ? 'issuers' OR coalesce(scope -> 'issuers' ? issuer_id, false))
		AND (NOT scope ? 'profiles' OR coalesce(scope -> 'profiles' ? profile_id, false)))
$$;
