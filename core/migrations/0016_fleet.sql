-- What agents are to operators, and what they tell beside the outcome of jobs.
ALTER TABLE agents
	ADD COLUMN problem text, -- what keeps it from working, in its own words
	ADD COLUMN empty_polls bigint NOT NULL DEFAULT 0, -- counted here, recorded nowhere
	ADD COLUMN deleted_at timestamptz,
	ADD CONSTRAINT agents_deleted_check CHECK (deleted_at IS NULL OR retired_at IS NOT NULL);
-- Every sign of life updates a row: room for that on its page, and no index on what changes.
ALTER TABLE agents SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
-- The name of one that was retired is free again; its id is not.
ALTER TABLE agents DROP CONSTRAINT agents_name_key;
CREATE UNIQUE INDEX agents_name ON agents (name) WHERE retired_at IS NULL;

-- Derived, never stored: three minutes are several heartbeats.
CREATE FUNCTION agent_status(retired_at timestamptz, last_heartbeat_at timestamptz, problem text) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE AS $$
	SELECT CASE WHEN retired_at IS NOT NULL THEN 'retired'
		WHEN coalesce(last_heartbeat_at, '-infinity') <= clock.now() - interval '3 minutes' THEN 'offline'
		WHEN problem IS NOT NULL THEN 'error' ELSE 'healthy' END $$;

-- Replaced: its agent enrolled anew.
ALTER TABLE agent_credentials ADD COLUMN revoked_at timestamptz;
ALTER TABLE enrollment_tokens ADD COLUMN revoked_at timestamptz;
CREATE INDEX enrollment_tokens_agent ON enrollment_tokens (used_by);

-- Servers remember whose credential is good, and ask again for what has changed here.
CREATE TABLE agent_changes (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	agent_id object_id NOT NULL REFERENCES agents (id),
	changed_at timestamptz NOT NULL DEFAULT clock.now()
);
CREATE FUNCTION note_agent_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_TABLE_NAME = 'agents' THEN
		INSERT INTO agent_changes (agent_id) VALUES (NEW.id);
	ELSE
		INSERT INTO agent_changes (agent_id) VALUES (NEW.agent_id);
	END IF;
	RETURN NULL;
END $$;
CREATE TRIGGER note_retirement AFTER UPDATE OF retired_at ON agents FOR EACH ROW
	WHEN (OLD.retired_at IS DISTINCT FROM NEW.retired_at) EXECUTE FUNCTION note_agent_change();
CREATE TRIGGER note_revocation AFTER UPDATE OF revoked_at ON agent_credentials FOR EACH ROW
	WHEN (OLD.revoked_at IS DISTINCT FROM NEW.revoked_at) EXECUTE FUNCTION note_agent_change();

-- What becomes due for agents, whoever they are.
CREATE INDEX jobs_due_agents ON jobs (due_at) WHERE step <> 'issue';

-- Private keys that agents have unlinked, as they say.
CREATE TABLE destroyed_keys (
	agent_id object_id NOT NULL REFERENCES agents (id),
	certificate_id object_id NOT NULL REFERENCES managed_certificates (id),
	public_key_sha256 sha256_hex NOT NULL,
	destroyed_at timestamptz NOT NULL,
	recorded_at timestamptz NOT NULL DEFAULT clock.now(),
	PRIMARY KEY (agent_id, public_key_sha256)
);
CREATE INDEX destroyed_keys_certificate ON destroyed_keys (certificate_id);

-- What a target was seen to serve, without a deployment; null: nothing answered.
ALTER TABLE bindings ADD COLUMN observed_at timestamptz, ADD COLUMN drifted_at timestamptz;
