-- Is it there for this caller?  Held until the end of the transaction by those who change what hangs on it.
-- name: certificate_visible  $1 id text, $2 scope jsonb
SELECT id FROM managed_certificates WHERE id = $1 AND in_scope($2, team_id, issuer_id, profile_id);

-- name: certificate_hold  $1 id text, $2 scope jsonb
SELECT archived_at IS NOT NULL AS is_archived FROM managed_certificates
WHERE id = $1 AND in_scope($2, team_id, issuer_id, profile_id) FOR KEY SHARE;

-- --- Where it is ---

-- name: targets_missing  $1 target_ids text[]
SELECT wanted FROM unnest($1) AS wanted WHERE NOT EXISTS (SELECT FROM targets WHERE id = wanted)
UNION ALL SELECT wanted FROM unnest($1) AS wanted GROUP BY wanted HAVING count(*) > 1 LIMIT 1;

-- Live jobs of what shall not be any more: deployments to other targets, anything of other agents.  Everything when there is neither.
-- name: jobs_unwanted  $1 certificate_id text, $2 target_ids text[], $3 agent_ids text[]
SELECT coalesce(array_agg(j.id), '{}')::text AS ids FROM jobs j
WHERE j.certificate_id = $1 AND (j.target_id <> ALL ($2)
	OR NOT (j.agent_id = ANY ($3) OR EXISTS (SELECT FROM targets t WHERE t.id = ANY ($2) AND t.agent_id = j.agent_id)));

-- name: bindings_remove  $1 certificate_id text, $2 target_ids text[]
DELETE FROM bindings WHERE certificate_id = $1 AND target_id <> ALL ($2) RETURNING target_id;

-- One a agent: the agents of its targets, and those named.  One that had ended goes on.
-- name: placements_want  $1 certificate_id text, $2 target_ids text[], $3 agent_ids text[]
INSERT INTO placements (certificate_id, agent_id)
SELECT $1, agent_id FROM targets WHERE id = ANY ($2) UNION SELECT $1, named FROM unnest($3) AS named
ON CONFLICT (certificate_id, agent_id) DO UPDATE SET ended_at = NULL, renew_at = clock.now() WHERE placements.ended_at IS NOT NULL
RETURNING id;

-- What the agent has already is wanted there at once.
-- name: bindings_want_targets  $1 certificate_id text, $2 target_ids text[], $3 options jsonb
INSERT INTO bindings (certificate_id, target_id, agent_id, options, desired_version_id)
SELECT $1, t.id, t.agent_id, $3, v.id FROM targets t JOIN placements p ON p.certificate_id = $1 AND p.agent_id = t.agent_id
LEFT JOIN certificate_versions v ON v.id = p.version_id AND v.not_after > clock.now()
WHERE t.id = ANY ($2) ON CONFLICT (certificate_id, target_id) DO NOTHING RETURNING target_id;

-- name: bindings_set_options  $1 certificate_id text, $2 options jsonb
UPDATE bindings SET options = $2, problem = NULL WHERE certificate_id = $1 AND options <> $2 RETURNING target_id;

-- Nothing renews by itself where nobody wants it.
-- name: placements_end  $1 certificate_id text, $2 agent_ids text[]
UPDATE placements p SET ended_at = clock.now(), renew_at = NULL, failure = NULL
WHERE certificate_id = $1 AND ended_at IS NULL AND agent_id <> ALL ($2)
	AND NOT EXISTS (SELECT FROM bindings b WHERE b.certificate_id = $1 AND b.agent_id = p.agent_id) RETURNING id;

-- Placements that something is to be brought to: with a version that a target does not have yet.
-- name: placements_behind  $1 certificate_id text
SELECT DISTINCT p.id FROM placements p JOIN bindings b ON b.certificate_id = p.certificate_id AND b.agent_id = p.agent_id
WHERE p.certificate_id = $1 AND p.ended_at IS NULL AND b.desired_version_id IS DISTINCT FROM b.deployed_version_id;

-- name: certificate_refusal  $1 id text
SELECT profile_refusal($1) AS refusal;

-- What waits was asked for under the old names: its agent makes a new request.  What runs is left to end.
-- name: issuances_outdated  $1 certificate_id text
SELECT coalesce(array_agg(id), '{}')::text AS ids FROM jobs
WHERE certificate_id = $1 AND type IN ('Issuance', 'Renewal') AND state IN ('Pending', 'AwaitingCSR');

-- --- Its end ---

-- name: certificate_at_work  $1 id text
SELECT id, type FROM jobs WHERE certificate_id = $1 AND state = 'Running' ORDER BY id LIMIT 1;

-- name: certificate_set_archived  $1 id text
UPDATE managed_certificates SET archived_at = clock.now(), updated_at = clock.now() WHERE id = $1;

-- --- What hangs on it ---

-- name: certificate_versions  $1 limit int, $2 before text, $3 certificate_id text
SELECT v.id, v.certificate_id, p.agent_id, coalesce(p.version_id = v.id AND p.ended_at IS NULL, false) AS is_in_force, v.sequence,
	v.serial_number, v.subject, v.issuer_id, v.issuer_dn, v.key_type, v.not_before, v.not_after, v.fingerprint_sha256,
	v.public_key_sha256, v.csr_sha256, v.leaf AS certificate, v.chain, v.job_id, v.issued_at
FROM certificate_versions v JOIN placements p ON p.id = v.placement_id
WHERE v.certificate_id = $3 AND ($2 IS NULL OR v.id < $2) ORDER BY v.id DESC LIMIT $1;

-- name: certificate_placements  $1 limit int, $2 after text, $3 certificate_id text
SELECT p.id, p.certificate_id, p.agent_id, p.version_id, v.serial_number, v.not_after, p.renew_at, p.failure, p.ended_at
FROM placements p LEFT JOIN certificate_versions v ON v.id = p.version_id
WHERE p.certificate_id = $3 AND ($2 IS NULL OR p.id > $2) ORDER BY p.id LIMIT $1;

-- The version that is asked for, or the one that the certificate shows.
-- name: certificate_export  $1 id text, $2 version_id text, $3 scope jsonb
SELECT c.id, c.name, v.id AS version_id, v.leaf, v.chain, p.agent_id
FROM managed_certificates c LEFT JOIN certificate_versions v ON v.id = coalesce($2, c.version_id) AND v.certificate_id = c.id
LEFT JOIN placements p ON p.id = v.placement_id
WHERE c.id = $1 AND in_scope($3, c.team_id, c.issuer_id, c.profile_id);

-- --- Timers ---

-- Certificates of policies whose thresholds were changed.
-- name: certificates_recompute
SELECT coalesce(sum(recompute_expiring(id, 5000)), 0)::bigint AS done
FROM (SELECT id FROM policies WHERE recomputed_to IS NOT NULL ORDER BY id LIMIT 1) AS changed;

-- --- Many at once ---

-- So many certificates behind the last one, in the order of their ids, held.
-- name: reassign_match  $1 after text, $2 scope jsonb, $3 certificate_ids text[], $4 owner_id text, $5 team_id text, $6 profile_id text, $7 policy_id text, $8 issuer_id text, $9 agent_id text, $10 environment text, $11 tag text
SELECT c.id FROM managed_certificates c
WHERE c.id > $1 AND c.archived_at IS NULL AND ($3 IS NULL OR c.id = ANY ($3)) AND ($4 IS NULL OR c.owner_id = $4)
	AND ($5 IS NULL OR c.team_id = $5) AND ($6 IS NULL OR c.profile_id = $6) AND ($7 IS NULL OR c.policy_id = $7)
	AND ($8 IS NULL OR c.issuer_id = $8) AND ($10 IS NULL OR c.environment = $10)
	AND ($11 IS NULL OR c.tags @> ARRAY[$11])
	AND ($9 IS NULL OR EXISTS (SELECT FROM placements p WHERE p.certificate_id = c.id AND p.agent_id = $9 AND p.ended_at IS NULL))
	AND in_scope($2, c.team_id, c.issuer_id, c.profile_id)
ORDER BY c.id LIMIT 1000 FOR UPDATE;

-- name: reassign  $1 ids text[], $2 owner_id text, $3 team_id text, $4 profile_id text, $5 policy_id text, $6 actor text, $7 actor_type text, $8 source_ip text, $9 request_id text
SELECT reassigned, skipped, refused FROM reassign_certificates($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- Would the caller still see what belongs to these?
-- name: reassign_allowed  $1 scope jsonb, $2 team_id text, $3 profile_id text
SELECT in_scope($1 - 'issuers' - (CASE WHEN $2 IS NULL THEN 'teams' ELSE '' END) - (CASE WHEN $3 IS NULL THEN 'profiles' ELSE '' END),
	$2, NULL, $3) AS is_allowed;
