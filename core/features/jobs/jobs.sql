-- Jobs as operators see them: with the serials before and after, and who made the key.
-- name: jobs_get  $1 id text, $2 scope jsonb
SELECT j.*, j.state AS status, after.serial_number AS serial_after, before.serial_number AS serial_before,
	CASE WHEN j.csr_sha256 IS NOT NULL THEN j.agent_id END AS key_made_by, job_waits_for(j.state, j.step, j.agent_id) AS waits_for
FROM jobs_all j LEFT JOIN managed_certificates c ON c.id = j.certificate_id
LEFT JOIN certificate_versions after ON after.job_id = j.id
LEFT JOIN placements p ON p.id = j.placement_id AND j.type IN ('Issuance', 'Renewal')
LEFT JOIN certificate_versions before ON before.placement_id = p.id
	AND CASE WHEN after.id IS NULL THEN before.id = p.version_id ELSE before.sequence = after.sequence - 1 END
WHERE j.id = $1 AND in_scope($2, c.team_id, c.issuer_id, c.profile_id);

-- name: jobs_list  $1 limit int, $2 before text, $3 type text, $4 status text, $5 certificate_id text, $6 agent_id text, $7 issuer_id text, $8 target_id text, $9 created_by text, $10 scope jsonb
SELECT j.*, j.state AS status, after.serial_number AS serial_after, before.serial_number AS serial_before,
	CASE WHEN j.csr_sha256 IS NOT NULL THEN j.agent_id END AS key_made_by, job_waits_for(j.state, j.step, j.agent_id) AS waits_for
FROM (SELECT * FROM jobs_all WHERE ($2 IS NULL OR id < $2) AND ($3 IS NULL OR type = ANY (string_to_array($3, ',')))
		AND ($4 IS NULL OR state = ANY (string_to_array($4, ',')))
		AND ($5 IS NULL OR certificate_id = $5) AND ($6 IS NULL OR agent_id = $6) AND ($7 IS NULL OR issuer_id = $7)
		AND ($8 IS NULL OR target_id = $8) AND ($9 IS NULL OR created_by = $9)
		AND ($10 IS NULL OR EXISTS (SELECT FROM managed_certificates c WHERE c.id = certificate_id
			AND in_scope($10, c.team_id, c.issuer_id, c.profile_id)))
	ORDER BY id DESC LIMIT $1) AS j
LEFT JOIN certificate_versions after ON after.job_id = j.id
LEFT JOIN placements p ON p.id = j.placement_id AND j.type IN ('Issuance', 'Renewal')
LEFT JOIN certificate_versions before ON before.placement_id = p.id
	AND CASE WHEN after.id IS NULL THEN before.id = p.version_id ELSE before.sequence = after.sequence - 1 END
ORDER BY j.id DESC;

-- --- Decisions ---

-- The job as it stands, held until the end of the transaction while it lives.
-- name: jobs_hold  $1 id text, $2 scope jsonb
WITH live AS (SELECT * FROM jobs WHERE id = $1 FOR UPDATE)
SELECT j.id, j.type, j.state, j.certificate_id, j.placement_id, j.target_id, j.created_by, j.lease_until IS NOT NULL AS is_held,
	false AS has_ended, NULL::text AS hold_reason, c.archived_at IS NOT NULL AS is_archived
FROM live j LEFT JOIN managed_certificates c ON c.id = j.certificate_id WHERE in_scope($2, c.team_id, c.issuer_id, c.profile_id)
UNION ALL
SELECT j.id, j.type, j.state, j.certificate_id, j.placement_id, j.target_id, j.created_by, false, true, j.hold_reason,
	c.archived_at IS NOT NULL
FROM jobs_ended j LEFT JOIN managed_certificates c ON c.id = j.certificate_id
WHERE j.id = $1 AND in_scope($2, c.team_id, c.issuer_id, c.profile_id);

-- name: jobs_approve  $1 id text, $2 approved_by text
UPDATE jobs SET state = CASE step WHEN 'csr' THEN 'AwaitingCSR' ELSE 'Pending' END, approved_by = $2, run_at = clock.now(),
	updated_at = clock.now()
WHERE id = $1 AND state = 'AwaitingApproval' RETURNING id;

-- name: jobs_hasten  $1 id text
UPDATE jobs SET run_at = least(run_at, clock.now()), updated_at = clock.now() WHERE id = $1 AND lease_until IS NULL RETURNING id;

-- The live job of what an ended one was about.
-- name: jobs_successor  $1 placement_id text, $2 type text, $3 target_id text
SELECT id FROM jobs WHERE placement_id = $1 AND CASE WHEN $2 = 'Deployment' THEN type = $2 AND target_id IS NOT DISTINCT FROM $3
	ELSE type IN ('Issuance', 'Renewal') END;

-- Nobody approved in time.
-- name: approvals_expire
WITH gone AS (DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE state = 'AwaitingApproval' AND approve_until <= clock.now()
	ORDER BY approve_until LIMIT 1000 FOR UPDATE SKIP LOCKED) RETURNING *),
ended AS (INSERT INTO jobs_ended (id, type, state, step, priority, certificate_id, placement_id, agent_id, issuer_id, target_id, version_id,
		is_rollback, run_at, token, claims, attempts, attempts_max, hold_reason, created_by, created_at, updated_at, runner,
		approve_until)
	SELECT id, type, 'Cancelled', step, priority, certificate_id, placement_id, agent_id, issuer_id, target_id, version_id,
		is_rollback, run_at, token, claims, attempts, attempts_max, 'approval timed out', created_by, created_at, clock.now(),
		runner, approve_until FROM gone RETURNING id),
told AS (INSERT INTO audit_events (action, actor, actor_type, resource_type, resource_id, details)
	SELECT 'job_approval_timed_out', 'certctld', 'server', 'job', id, jsonb_build_object('certificate_id', certificate_id,
		'approve_until', approve_until) FROM gone)
SELECT count(*) AS done FROM ended;
