-- The queue.  `jobs` holds live ones; ending one moves it to `jobs_ended` in the same statement.
CREATE SEQUENCE job_tokens;

CREATE TABLE jobs (
	id text COLLATE "C" PRIMARY KEY DEFAULT make_id('job-'),
	type text NOT NULL CHECK (type IN ('Issuance', 'Renewal', 'Deployment', 'Validation', 'Revocation')),
	state text NOT NULL CHECK (state IN ('AwaitingApproval', 'AwaitingCSR', 'Pending', 'Running')),
	step text NOT NULL CHECK (step IN ('csr', 'issue', 'deploy')),
	priority smallint NOT NULL DEFAULT 100, -- smaller is sooner
	certificate_id object_id NOT NULL REFERENCES managed_certificates (id),
	placement_id object_id NOT NULL REFERENCES placements (id),
	agent_id object_id NOT NULL REFERENCES agents (id),
	issuer_id object_id REFERENCES issuers (id),
	target_id object_id REFERENCES targets (id),
	version_id object_id REFERENCES certificate_versions (id),
	is_rollback boolean NOT NULL DEFAULT false,
	run_at timestamptz NOT NULL DEFAULT clock.now(),
	lease_until timestamptz,
	worker text,
	token bigint NOT NULL DEFAULT 0,
	claims int NOT NULL DEFAULT 0,
	attempts int NOT NULL DEFAULT 0,
	attempts_max int NOT NULL DEFAULT 5,
	hold_reason text,
	csr text,
	csr_sha256 sha256_hex,
	csr_token bigint, -- the token it was handed in with
	public_key_sha256 sha256_hex,
	saved_state text, -- the connector's, from a pending order or a checkpoint
	saved_state_version text,
	error jsonb, -- of the latest attempt: {code, what, hint, retryable}
	report jsonb, -- of the agent
	created_by text NOT NULL,
	created_at timestamptz NOT NULL DEFAULT clock.now(),
	started_at timestamptz,
	updated_at timestamptz NOT NULL DEFAULT clock.now(),
	-- One predicate decides who claims and who runs: `runner = ... AND due_at <= clock.now()`.
	runner text COLLATE "C" GENERATED ALWAYS AS
		(CASE WHEN step = 'issue' THEN 'issuer/' || issuer_id ELSE 'agent/' || agent_id END) STORED,
	due_at timestamptz GENERATED ALWAYS AS
		(CASE WHEN state <> 'AwaitingApproval' THEN coalesce(lease_until, run_at) END) STORED,
	-- A lease has all of its parts or none, and who runs has one.
	CHECK ((lease_until IS NULL) = (worker IS NULL)),
	CHECK (state <> 'Running' OR lease_until IS NOT NULL),
	CHECK (state <> 'AwaitingCSR' OR step = 'csr'),
	CHECK (step <> 'csr' OR state IN ('AwaitingApproval', 'AwaitingCSR')),
	CHECK (attempts <= attempts_max)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
CREATE INDEX jobs_due ON jobs (runner, priority, due_at);
CREATE INDEX jobs_certificate ON jobs (certificate_id);
CREATE UNIQUE INDEX jobs_one_issuance ON jobs (placement_id) WHERE type IN ('Issuance', 'Renewal');
CREATE UNIQUE INDEX jobs_one_deployment ON jobs (placement_id, target_id) WHERE type = 'Deployment';
CREATE UNIQUE INDEX jobs_one_placement_deployment ON jobs (placement_id) WHERE type = 'Deployment' AND target_id IS NULL;

-- The legal ways of a live job.  It may end from anywhere; what has ended never changes.
CREATE TABLE job_transitions (from_state text, to_state text, why text NOT NULL, PRIMARY KEY (from_state, to_state));
INSERT INTO job_transitions VALUES
	('AwaitingApproval', 'AwaitingCSR', 'approved, its agent makes the key next'),
	('AwaitingApproval', 'Pending', 'approved'),
	('AwaitingCSR', 'Pending', 'the request is there, the issuer is next'),
	('Pending', 'Running', 'claimed'),
	('Running', 'Pending', 'pending at the CA, or tried again later'),
	('Running', 'AwaitingCSR', 'tried again with a new key'),
	('Pending', 'AwaitingCSR', 'tried again with a new key');
CREATE FUNCTION check_job_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM job_transitions WHERE from_state = OLD.state AND to_state = NEW.state) THEN
		RAISE EXCEPTION 'job %: % -> % is not a legal transition', OLD.id, OLD.state, NEW.state
			USING ERRCODE = 'check_violation';
	END IF;
	RETURN NEW;
END $$;
CREATE TRIGGER check_job_transition BEFORE UPDATE OF state ON jobs FOR EACH ROW
	WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION check_job_transition();

CREATE TABLE jobs_ended (
	LIKE jobs INCLUDING DEFAULTS,
	ended_at timestamptz NOT NULL DEFAULT clock.now(),
	PRIMARY KEY (id),
	CHECK (state IN ('Completed', 'Failed', 'Cancelled'))
) PARTITION BY RANGE (id);
CREATE INDEX jobs_ended_certificate ON jobs_ended (certificate_id, id);
SELECT make_partitions('jobs_ended', 'job-', 2);

-- Every change of state is in the audit trail, from the transaction that made it: no statement can forget it.
CREATE FUNCTION audit_new_jobs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO audit_events (action, actor, actor_type, resource_type, resource_id, details)
	SELECT 'job_created', created_by, 'user', 'job', id,
		jsonb_build_object('type', type, 'state', state, 'certificate_id', certificate_id)
	FROM changed;
	RETURN NULL;
END $$;
CREATE FUNCTION audit_job_states() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO audit_events (action, actor, actor_type, resource_type, resource_id, details)
	SELECT 'job_status_updated', coalesce(changed.worker, before.worker, changed.runner), 'worker', 'job', changed.id,
		jsonb_build_object('from', before.state, 'to', changed.state, 'token', changed.token)
	FROM changed JOIN before USING (id) WHERE changed.state <> before.state;
	RETURN NULL;
END $$;
CREATE FUNCTION audit_ended_jobs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO audit_events (action, actor, actor_type, resource_type, resource_id, details)
	SELECT 'job_status_updated', coalesce(worker, runner), 'worker', 'job', id,
		jsonb_strip_nulls(jsonb_build_object('to', state, 'token', token, 'reason', hold_reason, 'error', error ->> 'what'))
	FROM changed;
	RETURN NULL;
END $$;
CREATE TRIGGER audit_new_jobs AFTER INSERT ON jobs REFERENCING NEW TABLE AS changed
	FOR EACH STATEMENT EXECUTE FUNCTION audit_new_jobs();
CREATE TRIGGER audit_job_states AFTER UPDATE ON jobs REFERENCING OLD TABLE AS before NEW TABLE AS changed
	FOR EACH STATEMENT EXECUTE FUNCTION audit_job_states();
CREATE TRIGGER audit_ended_jobs AFTER INSERT ON jobs_ended REFERENCING NEW TABLE AS changed
	FOR EACH STATEMENT EXECUTE FUNCTION audit_ended_jobs();

CREATE VIEW jobs_all AS
	SELECT id, type, state, step, certificate_id, placement_id, agent_id, issuer_id, target_id, version_id, is_rollback, run_at,
		lease_until, worker, token, claims, attempts, attempts_max, hold_reason, csr_sha256, csr_token, public_key_sha256, error,
		report, created_by, created_at, started_at, updated_at, NULL::timestamptz AS ended_at
	FROM jobs
	UNION ALL
	SELECT id, type, state, step, certificate_id, placement_id, agent_id, issuer_id, target_id, version_id, is_rollback, run_at,
		lease_until, worker, token, claims, attempts, attempts_max, hold_reason, csr_sha256, csr_token, public_key_sha256, error,
		report, created_by, created_at, started_at, updated_at, ended_at
	FROM jobs_ended;

-- One row an attempt: committed before the CA is asked, closed with what came of it.  The attempts of a job share the serial
-- and the dates, so that asking again asks for the same certificate.
CREATE TABLE issuance_intents (
	job_id text COLLATE "C" NOT NULL,
	attempt int NOT NULL,
	issuer_id object_id NOT NULL REFERENCES issuers (id),
	serial_number text COLLATE "C" NOT NULL CHECK (serial_number ~ '^[0-9a-f]{2,40}$'),
	not_before timestamptz NOT NULL,
	not_after timestamptz NOT NULL CHECK (not_after > not_before),
	csr_sha256 sha256_hex NOT NULL,
	is_reserving boolean NOT NULL, -- the attempt that the serial was drawn for; later ones ask again with it
	token bigint NOT NULL,
	opened_at timestamptz NOT NULL DEFAULT clock.now(),
	closed_at timestamptz,
	outcome text CHECK (outcome IN ('issued', 'pending', 'failed')),
	CHECK ((closed_at IS NULL) = (outcome IS NULL)),
	PRIMARY KEY (job_id, attempt)
);
CREATE UNIQUE INDEX issuance_intents_serial ON issuance_intents (issuer_id, serial_number) WHERE is_reserving;

DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'certctl_read_only') THEN
		GRANT SELECT ON managed_certificates, certificate_versions, placements, bindings, targets, issuers, agents, jobs_all
			TO certctl_read_only;
	END IF;
END $$;
