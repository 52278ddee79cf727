-- Small durable values of connectors, shared by all servers and sealed: an ACME account key, which CA an issuer is.  They outlive
-- the instance: who sets it up again finds them.
CREATE TABLE connector_state (
	instance text COLLATE "C" NOT NULL CHECK (instance ~ '^[a-z]+/[a-z0-9][a-z0-9.-]{0,62}$'), -- issuers/corp
	name text COLLATE "C" NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
	sealed bytea NOT NULL CHECK (octet_length(sealed) <= 65536 + 29), -- CERTCTL_STATE_MAX and what sealing adds
	key_id text COLLATE "C" NOT NULL CHECK (key_id ~ '^[0-9a-f]{16}$'),
	version bigint NOT NULL DEFAULT 1 CHECK (version > 0), -- compare and swap
	updated_at timestamptz NOT NULL DEFAULT clock.now(),
	PRIMARY KEY (instance, name)
);
CREATE INDEX connector_state_key ON connector_state (key_id);
