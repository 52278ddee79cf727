-- What should be there and is not: a job for each binding, or one for a placement that nothing serves.
-- name: deployment_insert  $1 placement_id text, $2 created_by text
INSERT INTO jobs (type, state, step, certificate_id, placement_id, agent_id, target_id, version_id, created_by)
SELECT 'Deployment', 'Pending', 'deploy', p.certificate_id, p.id, p.agent_id, b.target_id, p.version_id, $2
FROM placements p LEFT JOIN bindings b ON b.certificate_id = p.certificate_id AND b.agent_id = p.agent_id
WHERE p.id = $1 AND p.version_id IS NOT NULL AND (b.id IS NULL OR b.desired_version_id IS DISTINCT FROM b.deployed_version_id)
ON CONFLICT DO NOTHING;

-- The job an agent reports on, limited to its own.
-- name: report_job  $1 id text, $2 agent_id text
SELECT j.type, j.state, j.step, j.token, j.attempts, j.attempts_max, j.certificate_id, j.placement_id, j.target_id, j.version_id,
	p.version_id AS current_version_id, v.fingerprint_sha256, v.sequence,
	extract(epoch FROM v.not_after - clock.now())::bigint AS remaining_s, t.type AS target_type
FROM jobs j JOIN placements p ON p.id = j.placement_id LEFT JOIN certificate_versions v ON v.id = j.version_id
LEFT JOIN targets t ON t.id = j.target_id
WHERE j.id = $1 AND j.agent_id = $2 FOR UPDATE OF j;

-- name: report_job_ended  $1 id text, $2 agent_id text
SELECT state FROM jobs_ended WHERE id = $1 AND agent_id = $2;

-- name: attempt_count  $1 id text, $2 token bigint
UPDATE jobs SET attempts = least(attempts + 1, attempts_max) WHERE id = $1 AND token = $2;

-- A target never goes back to an older version unless told to.
-- name: binding_deployed  $1 certificate_id text, $2 target_id text, $3 version_id text, $4 sequence bigint, $5 verified boolean, $6 observed text
UPDATE bindings SET deployed_version_id = $3, deployed_sequence = $4, verified = $5, observed_fingerprint = $6,
	deployed_at = clock.now()
WHERE certificate_id = $1 AND target_id = $2 AND deployed_sequence <= $4;

-- name: binding_observed  $1 certificate_id text, $2 target_id text, $3 observed text
UPDATE bindings SET observed_fingerprint = coalesce($3, observed_fingerprint) WHERE certificate_id = $1 AND target_id = $2;

-- name: deployment_list  $1 limit int, $2 before text, $3 certificate_id text
SELECT id, state AS status, certificate_id, target_id, agent_id, version_id, attempts, is_rollback,
	coalesce((report ->> 'verified')::boolean, false) AS verified, report ->> 'served_fingerprint' AS served_fingerprint,
	error, report, created_at, started_at, ended_at
FROM jobs_all WHERE type = 'Deployment' AND certificate_id = $3 AND ($2 IS NULL OR id < $2) ORDER BY id DESC LIMIT $1;

-- name: target_insert  $1 id text, $2 name text, $3 type text, $4 agent_id text, $5 options jsonb
INSERT INTO targets (id, name, type, agent_id, options) VALUES (coalesce($1, make_id('tgt-')), $2, $3, $4, $5) RETURNING id;

-- name: target_get  $1 id text
SELECT id, name, type, agent_id, options, created_at, updated_at FROM targets WHERE id = $1;

-- name: target_list  $1 limit int, $2 after text, $3 type text, $4 agent_id text
SELECT id, name, type, agent_id, options, created_at, updated_at FROM targets
WHERE ($2 IS NULL OR id > $2) AND ($3 IS NULL OR type = $3) AND ($4 IS NULL OR agent_id = $4) ORDER BY id LIMIT $1;
