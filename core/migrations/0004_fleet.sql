-- Agents and how they prove who they are.
CREATE TABLE agents (
	id object_id PRIMARY KEY DEFAULT make_id('agent-'),
	name text NOT NULL UNIQUE,
	hostname text,
	os text,
	architecture text,
	version text,
	ip_address text,
	plugins jsonb NOT NULL DEFAULT '[]',
	last_heartbeat_at timestamptz,
	retired_at timestamptz,
	created_at timestamptz NOT NULL DEFAULT clock.now()
);

-- A token enrols one agent: it is spent by the request it was first used for, and answers that one again.
CREATE TABLE enrollment_tokens (
	id object_id PRIMARY KEY DEFAULT make_id('et-'),
	name text,
	lookup text NOT NULL UNIQUE,
	sha256 sha256_hex NOT NULL,
	agent_id object_id, -- what the agent shall be called; null: generated
	created_by text NOT NULL,
	created_at timestamptz NOT NULL DEFAULT clock.now(),
	expires_at timestamptz NOT NULL,
	used_at timestamptz,
	used_by object_id REFERENCES agents (id),
	csr_sha256 sha256_hex
);

-- Client certificates.  The row is the intent: serial and dates are there before the fleet's CA is asked.
CREATE TABLE agent_credentials (
	agent_id object_id NOT NULL REFERENCES agents (id),
	csr_sha256 sha256_hex NOT NULL,
	serial text COLLATE "C" NOT NULL UNIQUE,
	not_before timestamptz NOT NULL,
	not_after timestamptz NOT NULL,
	certificate text, -- PEM; null: not issued yet
	chain text,
	created_at timestamptz NOT NULL DEFAULT clock.now(),
	PRIMARY KEY (agent_id, csr_sha256)
);
