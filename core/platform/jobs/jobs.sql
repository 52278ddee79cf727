-- The life of a job.  Every write after a claim says WHERE id AND token: no row means that somebody else has it now.

-- What a server may run now: at most $4[i] jobs of runner $3[i], $5 in all.  Expired leases are claimed the same way.  An issuer that
-- may be asked so often an hour has room for so many more; the last fifth is for those that are close to their end.
-- name: job_claim  $1 worker text, $2 lease_s bigint, $3 runners text[], $4 slots int[], $5 limit int
WITH claimed AS (UPDATE jobs SET state = 'Running', worker = $1, token = nextval('job_tokens'), claims = claims + 1, hold_reason = NULL,
	lease_until = clock.now() + make_interval(secs => $2), started_at = coalesce(started_at, clock.now()), updated_at = clock.now()
WHERE id IN (
	SELECT due.id FROM (SELECT * FROM unnest($3, $4) AS may (runner, slots) ORDER BY runner) AS may
		CROSS JOIN LATERAL runner_room(may.runner) AS rate,
		LATERAL (SELECT *, row_number() OVER (ORDER BY priority, due_at) AS place FROM (
			SELECT id, priority, due_at FROM jobs WHERE jobs.runner = may.runner AND due_at <= clock.now()
			ORDER BY priority, due_at LIMIT may.slots FOR UPDATE SKIP LOCKED) AS first) AS due
	WHERE rate.room IS NULL OR due.place <= CASE WHEN due.priority <= 10 THEN rate.urgent_room ELSE rate.room END
	ORDER BY due.priority, due.due_at LIMIT $5)
RETURNING id, type, step, token, attempts, attempts_max, certificate_id, placement_id, agent_id, issuer_id, runner, priority, run_at)
SELECT * FROM claimed ORDER BY runner, step, priority, run_at;

-- A worker that has ended holds nothing any more: what it had is due, as if the leases were over.
-- name: jobs_let_go  $1 worker text
UPDATE jobs SET lease_until = clock.now(), updated_at = clock.now() WHERE worker = $1 AND lease_until > clock.now() RETURNING id;

-- name: job_release  $1 id text, $2 token bigint, $3 state text, $4 step text, $5 delay_s bigint, $6 error jsonb, $7 saved_state text, $8 saved_state_version text, $9 hold_reason text
UPDATE jobs SET state = $3, step = $4, lease_until = NULL, worker = NULL, run_at = clock.now() + make_interval(secs => $5),
	error = $6, saved_state = coalesce($7, saved_state), saved_state_version = coalesce($8, saved_state_version),
	hold_reason = $9, updated_at = clock.now()
WHERE id = $1 AND token = $2 RETURNING id;

-- name: job_end  $1 id text, $2 token bigint, $3 state text, $4 error jsonb, $5 report jsonb, $6 hold_reason text, $7 version_id text
WITH gone AS (DELETE FROM jobs WHERE id = $1 AND token = $2 RETURNING *)
INSERT INTO jobs_ended (id, type, state, step, priority, certificate_id, placement_id, agent_id, issuer_id, target_id, version_id,
	is_rollback, run_at, lease_until, worker, token, claims, attempts, attempts_max, hold_reason, csr, csr_sha256, csr_token,
	public_key_sha256, saved_state, saved_state_version, error, report, created_by, created_at, started_at, updated_at, runner,
	due_at, approve_until, approved_by)
SELECT id, type, $3, step, priority, certificate_id, placement_id, agent_id, issuer_id, target_id, coalesce($7, version_id),
	is_rollback, run_at, NULL, worker, token, claims, attempts, attempts_max, $6, csr, csr_sha256, csr_token,
	public_key_sha256, CASE WHEN $3 <> 'Completed' THEN saved_state END, CASE WHEN $3 <> 'Completed' THEN saved_state_version END,
	$4, coalesce($5, report), created_by, created_at, started_at, clock.now(), runner, NULL,
	approve_until, approved_by
FROM gone RETURNING id;

-- What an operator, or the end of a time limit, cancels, whoever holds it: the holder finds that its token is nobody's.
-- name: jobs_cancel  $1 ids text[], $2 ended_by text, $3 hold_reason text, $4 error jsonb
WITH gone AS (DELETE FROM jobs WHERE id = ANY ($1) RETURNING *)
INSERT INTO jobs_ended (id, type, state, step, priority, certificate_id, placement_id, agent_id, issuer_id, target_id, version_id,
	is_rollback, run_at, worker, token, claims, attempts, attempts_max, hold_reason, csr, csr_sha256, csr_token, public_key_sha256,
	error, report, created_by, created_at, started_at, updated_at, runner, approve_until, approved_by, ended_by, saved_state,
	saved_state_version)
SELECT id, type, 'Cancelled', step, priority, certificate_id, placement_id, agent_id, issuer_id, target_id, version_id,
	is_rollback, run_at, worker, token, claims, attempts, attempts_max, $3, csr, csr_sha256, csr_token, public_key_sha256,
	coalesce($4, error), report, created_by, created_at, started_at, clock.now(), runner, approve_until, approved_by, $2, saved_state,
	saved_state_version
FROM gone RETURNING id;

-- Ending what nobody holds: jobs of a certificate that newer ones replace; of one placement, of some targets, when given.
-- name: jobs_supersede  $1 certificate_id text, $2 type text, $3 placement_id text, $4 target_ids text[]
WITH gone AS (DELETE FROM jobs WHERE certificate_id = $1 AND type = $2 AND state = 'Pending'
	AND ($3 IS NULL OR placement_id = $3) AND ($4 IS NULL OR target_id = ANY ($4)) RETURNING *)
INSERT INTO jobs_ended (id, type, state, step, priority, certificate_id, placement_id, agent_id, issuer_id, target_id, version_id,
	is_rollback, run_at, token, claims, attempts, attempts_max, hold_reason, error, report, created_by, created_at, started_at,
	updated_at, runner)
SELECT id, type, 'Cancelled', step, priority, certificate_id, placement_id, agent_id, issuer_id, target_id, version_id,
	is_rollback, run_at, token, claims, attempts, attempts_max, 'superseded', error, report, created_by, created_at, started_at,
	clock.now(), runner
FROM gone;

-- Months of the tables that are partitioned, ahead of time.
-- name: partitions_make
SELECT 0 AS done, make_partitions('jobs_ended', 'job-', 2), make_partitions('audit_events', 'ae-', 2);

-- Until the end of the transaction: no other server runs this timer.
-- name: timer_take  $1 name text
SELECT pg_try_advisory_xact_lock(hashtext('certctl timer'), hashtext($1)) AS is_ours;

-- What waits longer than it was thought to, until its certificate is close to its end, goes before the others.
-- name: jobs_prioritize
WITH closer AS (UPDATE jobs SET priority = 10 FROM placements p JOIN certificate_versions v ON v.id = p.version_id
	WHERE jobs.type IN ('Issuance', 'Renewal') AND jobs.priority > 10 AND p.id = jobs.placement_id
		AND v.not_after - (v.not_after - v.not_before) / 10 <= clock.now() RETURNING jobs.id)
SELECT 0 AS done, count(*) FROM closer;
