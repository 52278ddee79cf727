-- What operators want and what is there: issuers, targets, certificates, placements, versions, bindings.
CREATE TABLE issuers (
	id object_id PRIMARY KEY DEFAULT make_id('iss-'),
	name text NOT NULL UNIQUE,
	type text NOT NULL,
	options jsonb NOT NULL DEFAULT '{}',
	source text NOT NULL CHECK (source IN ('file', 'api')),
	enabled boolean NOT NULL DEFAULT true,
	created_at timestamptz NOT NULL DEFAULT clock.now(),
	updated_at timestamptz NOT NULL DEFAULT clock.now()
);

CREATE TABLE targets (
	id object_id PRIMARY KEY DEFAULT make_id('tgt-'),
	name text NOT NULL UNIQUE,
	type text NOT NULL,
	agent_id object_id NOT NULL REFERENCES agents (id),
	options jsonb NOT NULL DEFAULT '{}',
	created_at timestamptz NOT NULL DEFAULT clock.now(),
	updated_at timestamptz NOT NULL DEFAULT clock.now(),
	UNIQUE (id, agent_id)
);

-- A certificate is what the operator wants.
CREATE TABLE managed_certificates (
	id object_id PRIMARY KEY DEFAULT make_id('mc-'),
	name text NOT NULL UNIQUE,
	common_name text,
	names jsonb NOT NULL, -- [{type, value}], canonical and sorted
	key_type text NOT NULL,
	issuer_id object_id NOT NULL REFERENCES issuers (id),
	lifetime_seconds bigint NOT NULL CHECK (lifetime_seconds BETWEEN 60 AND 34560000),
	must_staple boolean NOT NULL DEFAULT false,
	environment text,
	tags text[] NOT NULL DEFAULT '{}',
	archived_at timestamptz,
	created_at timestamptz NOT NULL DEFAULT clock.now(),
	updated_at timestamptz NOT NULL DEFAULT clock.now()
);

-- One agent that needs it.  Keys and versions belong to the placement; kept narrow, because every scan goes over it.
CREATE TABLE placements (
	id object_id PRIMARY KEY DEFAULT make_id('pl-'),
	certificate_id object_id NOT NULL REFERENCES managed_certificates (id),
	agent_id object_id NOT NULL REFERENCES agents (id),
	version_id object_id, -- in force
	renew_at timestamptz,
	UNIQUE (certificate_id, agent_id)
);
CREATE INDEX placements_renew ON placements (renew_at);
CREATE INDEX placements_agent ON placements (agent_id);

CREATE TABLE certificate_versions (
	id object_id PRIMARY KEY DEFAULT make_id('ver-'),
	certificate_id object_id NOT NULL REFERENCES managed_certificates (id),
	placement_id object_id NOT NULL REFERENCES placements (id),
	sequence bigint NOT NULL,
	job_id text COLLATE "C" NOT NULL UNIQUE, -- a job releases at most one certificate
	issuer_id object_id NOT NULL REFERENCES issuers (id),
	serial_number text COLLATE "C" NOT NULL,
	subject text NOT NULL,
	issuer_dn text NOT NULL,
	key_type text NOT NULL,
	not_before timestamptz NOT NULL,
	not_after timestamptz NOT NULL,
	fingerprint_sha256 sha256_hex NOT NULL UNIQUE,
	public_key_sha256 sha256_hex NOT NULL,
	csr_sha256 sha256_hex NOT NULL,
	leaf text NOT NULL,
	chain text NOT NULL,
	issued_at timestamptz NOT NULL DEFAULT clock.now(),
	UNIQUE (issuer_id, serial_number),
	UNIQUE (placement_id, sequence)
);
CREATE INDEX certificate_versions_certificate ON certificate_versions (certificate_id, id);
ALTER TABLE placements ADD FOREIGN KEY (version_id) REFERENCES certificate_versions (id);

-- Every key that a request was accepted for: one is never seen under two placements.
CREATE TABLE certificate_keys (
	public_key_sha256 sha256_hex PRIMARY KEY,
	placement_id object_id NOT NULL REFERENCES placements (id),
	first_seen_at timestamptz NOT NULL DEFAULT clock.now()
);

-- Joins a certificate and a target: what should be there, what we put there, what was seen there.
CREATE TABLE bindings (
	id object_id PRIMARY KEY DEFAULT make_id('bnd-'),
	certificate_id object_id NOT NULL REFERENCES managed_certificates (id),
	target_id object_id NOT NULL,
	agent_id object_id NOT NULL,
	options jsonb NOT NULL DEFAULT '{}',
	desired_version_id object_id REFERENCES certificate_versions (id),
	deployed_version_id object_id REFERENCES certificate_versions (id),
	deployed_sequence bigint NOT NULL DEFAULT 0, -- never goes back unless told to
	verified boolean NOT NULL DEFAULT false,
	observed_fingerprint text,
	deployed_at timestamptz,
	UNIQUE (certificate_id, target_id),
	FOREIGN KEY (target_id, agent_id) REFERENCES targets (id, agent_id),
	FOREIGN KEY (certificate_id, agent_id) REFERENCES placements (certificate_id, agent_id)
);
CREATE INDEX bindings_target ON bindings (target_id);
