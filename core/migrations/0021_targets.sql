-- What targets have beside deployments: tests, secrets among their options, and whether what is written fits their plugin.

-- --- Tests: jobs of a target, and of no certificate ---

ALTER TABLE jobs ALTER COLUMN certificate_id DROP NOT NULL, ALTER COLUMN placement_id DROP NOT NULL,
	DROP CONSTRAINT jobs_step_check,
	ADD CONSTRAINT jobs_step_check CHECK (step IN ('csr', 'issue', 'deploy', 'test')),
	ADD CHECK ((type = 'Validation') = (step = 'test')),
	ADD CHECK (CASE WHEN type = 'Validation' THEN target_id IS NOT NULL AND certificate_id IS NULL AND placement_id IS NULL
		ELSE certificate_id IS NOT NULL AND placement_id IS NOT NULL END);
ALTER TABLE jobs_ended ALTER COLUMN certificate_id DROP NOT NULL, ALTER COLUMN placement_id DROP NOT NULL;
CREATE UNIQUE INDEX jobs_one_test ON jobs (target_id) WHERE type = 'Validation';

-- --- Options ---

-- `options` are what is shown: secrets among them are masked, and then all of them stand in `sealed`.
ALTER TABLE targets ADD COLUMN sealed bytea, ADD COLUMN key_id text, ADD COLUMN revision bigint NOT NULL DEFAULT 0,
	ADD COLUMN problem text, -- why its agent's plugin would refuse them; null: it would not, or has not told of itself yet
	ADD CHECK ((sealed IS NULL) = (key_id IS NULL));
ALTER TABLE bindings ADD COLUMN problem text; -- the same of its options
CREATE INDEX bindings_problem ON bindings (target_id, certificate_id) WHERE problem IS NOT NULL;

-- Whose sign of life a job waits for.
CREATE FUNCTION job_waits_for(state text, step text, agent_id text) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
	SELECT 'agent ' || a.id || ' is offline' FROM agents a
	WHERE state IN ('Pending', 'AwaitingCSR') AND step <> 'issue' AND a.id = agent_id
		AND agent_status(a.retired_at, a.last_heartbeat_at, a.problem) = 'offline' $$;
