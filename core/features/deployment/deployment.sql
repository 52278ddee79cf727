-- name: deployment_insert  $1 certificate_id text, $2 placement_id text, $3 created_by text
SELECT request_deployments(array_agg(id::text), $3) FROM placements WHERE certificate_id = $1 AND id = $2;

-- Targets whose time to be tried again has come, of all certificates.
-- name: deployment_scan
WITH due AS (SELECT b.certificate_id, p.id AS placement_id, b.agent_id, b.target_id, v.id AS version_id,
		v.sequence < b.deployed_sequence AS is_rollback
	FROM bindings b JOIN placements p ON p.certificate_id = b.certificate_id AND p.agent_id = b.agent_id
	JOIN certificate_versions v ON v.id = b.desired_version_id
	JOIN managed_certificates c ON c.id = b.certificate_id JOIN agents a ON a.id = b.agent_id
	WHERE b.desired_version_id IS DISTINCT FROM b.deployed_version_id AND coalesce(b.retry_at, '-infinity') <= clock.now()
		AND c.archived_at IS NULL AND a.retired_at IS NULL
		AND NOT EXISTS (SELECT FROM jobs WHERE type = 'Deployment' AND placement_id = p.id AND target_id = b.target_id)
	LIMIT 10000),
made AS (INSERT INTO jobs (type, state, step, certificate_id, placement_id, agent_id, target_id, version_id, is_rollback, created_by)
	SELECT 'Deployment', 'Pending', 'deploy', certificate_id, placement_id, agent_id, target_id, version_id, is_rollback, 'certctld'
	FROM due ON CONFLICT DO NOTHING RETURNING id)
SELECT count(*) AS done FROM made;

-- --- On demand ---

-- Which version these targets shall have from now on: one of the placement's own, because its key is there and nowhere else.
-- name: bindings_want  $1 certificate_id text, $2 target_ids text[], $3 version_id text
UPDATE bindings b SET desired_version_id = v.id, retry_at = NULL
FROM placements p JOIN certificate_versions v ON v.placement_id = p.id JOIN agents a ON a.id = p.agent_id AND a.retired_at IS NULL
WHERE b.certificate_id = $1 AND ($2 IS NULL OR b.target_id = ANY ($2)) AND p.certificate_id = b.certificate_id
	AND p.agent_id = b.agent_id AND v.id = coalesce($3, p.version_id) AND v.not_after > clock.now()
RETURNING b.target_id;

-- Served already or not: they were asked for.  Nothing for those that nobody could serve.
-- name: deployment_order  $1 certificate_id text, $2 target_ids text[], $3 created_by text
INSERT INTO jobs (type, state, step, certificate_id, placement_id, agent_id, target_id, version_id, is_rollback, created_by)
SELECT 'Deployment', 'Pending', 'deploy', p.certificate_id, p.id, p.agent_id, b.target_id, v.id, v.sequence < b.deployed_sequence, $3
FROM bindings b JOIN placements p ON p.certificate_id = b.certificate_id AND p.agent_id = b.agent_id
JOIN certificate_versions v ON v.id = b.desired_version_id AND v.not_after > clock.now()
JOIN agents a ON a.id = p.agent_id AND a.retired_at IS NULL
JOIN managed_certificates c ON c.id = b.certificate_id AND c.archived_at IS NULL
WHERE b.certificate_id = $1 AND b.target_id = ANY ($2)
ON CONFLICT DO NOTHING;

-- name: deployments_live  $1 certificate_id text, $2 target_ids text[]
SELECT *, state AS status FROM jobs WHERE certificate_id = $1 AND type = 'Deployment' AND target_id = ANY ($2) ORDER BY id;

-- --- Reports ---

-- The job an agent reports on, limited to its own.
-- name: report_job  $1 id text, $2 agent_id text
SELECT j.type, j.state, j.step, j.token, j.attempts, j.attempts_max, j.certificate_id, j.placement_id, j.target_id, j.version_id,
	coalesce(b.desired_version_id, p.version_id) AS current_version_id, j.is_rollback, v.fingerprint_sha256, v.sequence,
	extract(epoch FROM coalesce(v.not_after, served.not_after) - clock.now())::bigint AS remaining_s, t.type AS target_type
FROM jobs j LEFT JOIN placements p ON p.id = j.placement_id LEFT JOIN certificate_versions v ON v.id = j.version_id
LEFT JOIN certificate_versions served ON served.id = p.version_id
LEFT JOIN targets t ON t.id = j.target_id
LEFT JOIN bindings b ON b.certificate_id = j.certificate_id AND b.target_id = j.target_id
WHERE j.id = $1 AND j.agent_id = $2 FOR UPDATE OF j;

-- name: report_job_ended  $1 id text, $2 agent_id text
SELECT state FROM jobs_ended WHERE id = $1 AND agent_id = $2;

-- name: attempt_count  $1 id text, $2 token bigint
UPDATE jobs SET attempts = least(attempts + 1, attempts_max) WHERE id = $1 AND token = $2;

-- A target never goes back to an older version unless told to.
-- name: binding_deployed  $1 certificate_id text, $2 target_id text, $3 version_id text, $4 sequence bigint, $5 verified boolean, $6 observed text, $7 is_rollback boolean
UPDATE bindings SET deployed_version_id = $3, deployed_sequence = $4, verified = $5, observed_fingerprint = $6,
	observed_at = CASE WHEN $6 IS NOT NULL THEN clock.now() ELSE observed_at END, deployed_at = clock.now(), retry_at = NULL
WHERE certificate_id = $1 AND target_id = $2 AND (deployed_sequence <= $4 OR $7);

-- name: binding_observed  $1 certificate_id text, $2 target_id text, $3 observed text
UPDATE bindings SET observed_fingerprint = coalesce($3, observed_fingerprint) WHERE certificate_id = $1 AND target_id = $2;

-- name: deployable  $1 certificate_id text, $2 scope jsonb
SELECT id FROM managed_certificates WHERE id = $1 AND in_scope($2, team_id, issuer_id, profile_id);

-- name: certificate_deployments  $1 limit int, $2 before text, $3 certificate_id text
SELECT j.id, j.state AS status, j.certificate_id, j.target_id, j.agent_id, j.version_id, j.attempts, j.is_rollback,
	coalesce((j.report ->> 'verified')::boolean, false) AS verified, j.report ->> 'served_fingerprint' AS served_fingerprint,
	j.error, j.report, j.created_at, j.started_at, j.ended_at
FROM jobs_all j WHERE j.type = 'Deployment' AND j.certificate_id = $3 AND ($2 IS NULL OR j.id < $2) ORDER BY j.id DESC LIMIT $1;

-- name: deployment_list  $1 limit int, $2 before text, $3 certificate_id text, $4 target_id text, $5 agent_id text, $6 status text, $7 scope jsonb
SELECT j.id, j.state AS status, j.certificate_id, j.target_id, j.agent_id, j.version_id, j.attempts, j.is_rollback,
	coalesce((j.report ->> 'verified')::boolean, false) AS verified, j.report ->> 'served_fingerprint' AS served_fingerprint,
	j.error, j.report, j.created_at, j.started_at, j.ended_at
FROM jobs_all j WHERE j.type = 'Deployment' AND ($2 IS NULL OR j.id < $2) AND ($3 IS NULL OR j.certificate_id = $3)
	AND ($4 IS NULL OR j.target_id = $4) AND ($5 IS NULL OR j.agent_id = $5) AND ($6 IS NULL OR j.state = $6)
	AND ($7 IS NULL OR EXISTS (SELECT FROM managed_certificates c WHERE c.id = j.certificate_id
		AND in_scope($7, c.team_id, c.issuer_id, c.profile_id)))
ORDER BY j.id DESC LIMIT $1;

-- name: deployment_get  $1 id text, $2 scope jsonb
SELECT j.id, j.state AS status, j.certificate_id, j.target_id, j.agent_id, j.version_id, j.attempts, j.is_rollback,
	coalesce((j.report ->> 'verified')::boolean, false) AS verified, j.report ->> 'served_fingerprint' AS served_fingerprint,
	j.error, j.report, j.created_at, j.started_at, j.ended_at
FROM jobs_all j JOIN managed_certificates c ON c.id = j.certificate_id
WHERE j.id = $1 AND j.type = 'Deployment' AND in_scope($2, c.team_id, c.issuer_id, c.profile_id);

-- What the agent beside a target has told of its plugins.
-- name: target_agent_plugins  $1 agent_id text
SELECT plugins FROM agents WHERE id = $1 AND retired_at IS NULL FOR KEY SHARE;

-- name: target_kept  $1 id text
SELECT options, '\x' || encode(sealed, 'hex') AS sealed, key_id, revision, problem FROM targets WHERE id = $1;

-- --- Does what is written fit? ---

-- Of one certificate, what its agents have told of: each plugin with each way that options for it are written.
-- name: bindings_to_fit  $1 certificate_id text
SELECT b.options, told.plugin FROM bindings b JOIN targets t ON t.id = b.target_id JOIN agents a ON a.id = b.agent_id
CROSS JOIN LATERAL (SELECT plugin FROM jsonb_array_elements(a.plugins) AS plugin
	WHERE plugin ->> 'id' = t.type AND plugin ->> 'kind' = 'target' LIMIT 1) AS told
WHERE b.certificate_id = $1 GROUP BY b.options, told.plugin;

-- name: targets_to_refit  $1 agent_id text
SELECT id, type, options, '\x' || encode(sealed, 'hex') AS sealed, key_id, problem FROM targets WHERE agent_id = $1 ORDER BY id
FOR NO KEY UPDATE;

-- name: target_refit  $1 id text, $2 options jsonb, $3 sealed bytea, $4 key_id text, $5 problem text
UPDATE targets SET options = $2, sealed = $3, key_id = $4, problem = $5, revision = revision + 1, updated_at = clock.now() WHERE id = $1;

-- name: target_note_problem  $1 id text, $2 problem text
UPDATE targets SET problem = $2 WHERE id = $1;

-- name: bindings_to_refit  $1 agent_id text
SELECT b.id, b.options, b.problem, t.type FROM targets t JOIN bindings b ON b.target_id = t.id WHERE t.agent_id = $1
ORDER BY t.type, b.options;

-- name: bindings_note_problems  $1 ids text[], $2 problems text[]
UPDATE bindings b SET problem = nullif(seen.problem, '') FROM unnest($1, $2) AS seen (id, problem) WHERE b.id = seen.id;

-- --- Tests ---

-- name: target_test_hold  $1 id text
SELECT t.agent_id, a.retired_at IS NOT NULL AS is_retired FROM targets t JOIN agents a ON a.id = t.agent_id WHERE t.id = $1
FOR KEY SHARE OF t;

-- One at a time: who asks while one waits gets that one.
-- name: target_test_insert  $1 target_id text, $2 created_by text
INSERT INTO jobs (type, state, step, priority, agent_id, target_id, attempts_max, created_by)
SELECT 'Validation', 'Pending', 'test', 50, agent_id, id, 1, $2 FROM targets WHERE id = $1
ON CONFLICT (target_id) WHERE type = 'Validation' DO UPDATE SET priority = jobs.priority RETURNING id;

-- name: target_tests_live  $1 target_id text
SELECT coalesce(array_agg(id), '{}')::text AS ids FROM jobs WHERE type = 'Validation' AND target_id = $1;

-- name: target_has  $1 target_id text, $2 certificate_id text
SELECT FROM bindings WHERE target_id = $1 AND certificate_id = $2;

-- --- Looks without a deployment ---

-- name: bindings_observed  $1 agent_id text, $2 ids text[], $3 fingerprints text[]
UPDATE bindings b SET observed_fingerprint = nullif(seen.fingerprint, ''), observed_at = clock.now()
FROM unnest($2, $3) AS seen (id, fingerprint) WHERE b.id = seen.id AND b.agent_id = $1 RETURNING b.id;

-- What was deployed and is not what is served: once more.
-- name: drift_redeploy  $1 agent_id text, $2 ids text[]
WITH drifted AS (UPDATE bindings b SET drifted_at = clock.now()
	FROM certificate_versions v, managed_certificates c
	WHERE b.id = ANY ($2) AND b.agent_id = $1 AND v.id = b.deployed_version_id AND c.id = b.certificate_id
		AND c.archived_at IS NULL AND b.observed_fingerprint <> v.fingerprint_sha256 AND v.not_after > clock.now()
		AND b.desired_version_id = b.deployed_version_id
		AND coalesce(b.drifted_at, '-infinity') <= clock.now() - interval '1 hour'
		AND NOT EXISTS (SELECT FROM jobs j WHERE j.type = 'Deployment' AND j.certificate_id = b.certificate_id
			AND j.target_id = b.target_id)
	RETURNING b.certificate_id, b.agent_id, b.target_id, v.id AS version_id, v.fingerprint_sha256 AS expected,
		b.observed_fingerprint AS served),
made AS (INSERT INTO jobs (type, state, step, certificate_id, placement_id, agent_id, target_id, version_id, created_by)
	SELECT 'Deployment', 'Pending', 'deploy', d.certificate_id, p.id, d.agent_id, d.target_id, d.version_id, 'certctld'
	FROM drifted d JOIN placements p ON p.certificate_id = d.certificate_id AND p.agent_id = d.agent_id ON CONFLICT DO NOTHING)
SELECT * FROM drifted;

-- What should be there, what was put there, what was seen there.
-- name: binding_list  $1 limit int, $2 after text, $3 certificate_id text
SELECT b.id, b.certificate_id, b.target_id, b.agent_id, b.options, b.desired_version_id, b.deployed_version_id, b.verified, b.deployed_at,
	b.retry_at, b.observed_fingerprint, b.observed_at, b.drifted_at, b.problem,
	CASE WHEN b.deployed_version_id IS NULL THEN 'Pending' WHEN b.desired_version_id IS DISTINCT FROM b.deployed_version_id THEN 'Outdated'
		WHEN b.observed_fingerprint <> v.fingerprint_sha256 THEN 'Drifted' WHEN NOT b.verified THEN 'Unverified' ELSE 'Deployed' END
		AS status
FROM bindings b LEFT JOIN certificate_versions v ON v.id = b.deployed_version_id
WHERE b.certificate_id = $3 AND ($2 IS NULL OR b.id > $2) ORDER BY b.id LIMIT $1;
