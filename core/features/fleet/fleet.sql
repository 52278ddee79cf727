-- name: token_insert  $1 name text, $2 lookup text, $3 sha256 text, $4 agent_id text, $5 created_by text, $6 ttl_seconds bigint
INSERT INTO enrollment_tokens (name, lookup, sha256, agent_id, created_by, expires_at)
VALUES ($1, $2, $3, $4, $5, clock.now() + make_interval(secs => $6))
RETURNING id, name, 'unused' AS status, agent_id, created_by, created_at, expires_at;

-- name: token_get  $1 id text
SELECT used_at IS NOT NULL AS is_used, revoked_at IS NOT NULL AS is_revoked FROM enrollment_tokens WHERE id = $1 FOR UPDATE;

-- name: token_revoke  $1 id text
UPDATE enrollment_tokens SET revoked_at = clock.now() WHERE id = $1;

-- name: token_take  $1 lookup text
SELECT id, sha256, agent_id, used_by, csr_sha256, expires_at > clock.now() AND revoked_at IS NULL AS is_valid FROM enrollment_tokens
WHERE lookup = $1 FOR UPDATE;

-- name: token_spend  $1 id text, $2 agent_id text, $3 csr_sha256 text
UPDATE enrollment_tokens SET used_at = clock.now(), used_by = $2, csr_sha256 = $3 WHERE id = $1;

-- A token that names an agent which is there already gives it a new credential: its identity was lost.
-- name: agent_insert  $1 id text, $2 name text, $3 hostname text, $4 os text, $5 architecture text, $6 version text, $7 ip_address text
INSERT INTO agents (id, name, hostname, os, architecture, version, ip_address)
VALUES (coalesce($1, make_id('agent-')), $2, $3, $4, $5, $6, $7)
ON CONFLICT (id) DO UPDATE SET hostname = excluded.hostname, os = excluded.os, architecture = excluded.architecture,
	version = excluded.version, ip_address = excluded.ip_address WHERE agents.retired_at IS NULL
RETURNING id, xmax <> 0 AS was_there;

-- name: credentials_revoke  $1 agent_id text
UPDATE agent_credentials SET revoked_at = clock.now() WHERE agent_id = $1 AND revoked_at IS NULL;

-- The intent of a client certificate: serial and dates are there before the CA is asked, and stay.
-- name: credential_reserve  $1 agent_id text, $2 csr_sha256 text, $3 serial text, $4 lifetime_seconds bigint
INSERT INTO agent_credentials (agent_id, csr_sha256, serial, not_before, not_after)
VALUES ($1, $2, $3, date_trunc('second', clock.now()) - interval '5 minutes',
	date_trunc('second', clock.now()) + make_interval(secs => $4 - 301))
ON CONFLICT (agent_id, csr_sha256) DO NOTHING;

-- name: credential_get  $1 agent_id text, $2 csr_sha256 text
SELECT serial, extract(epoch FROM not_before)::bigint AS not_before_s, extract(epoch FROM not_after)::bigint AS not_after_s, not_after,
	certificate, chain
FROM agent_credentials WHERE agent_id = $1 AND csr_sha256 = $2;

-- name: credential_store  $1 agent_id text, $2 csr_sha256 text, $3 certificate text, $4 chain text
UPDATE agent_credentials SET certificate = coalesce(certificate, $3), chain = coalesce(chain, $4)
WHERE agent_id = $1 AND csr_sha256 = $2 RETURNING agent_id, certificate, chain, not_after;

-- Who an agent is: its certificate is one that we gave it, and that was not replaced.
-- name: agent_identify  $1 id text, $2 serial text
SELECT a.id, a.retired_at IS NOT NULL AS is_retired FROM agents a JOIN agent_credentials c ON c.agent_id = a.id
WHERE a.id = $1 AND c.serial = $2 AND c.revoked_at IS NULL;

-- name: agent_heartbeat  $1 id text, $2 hostname text, $3 os text, $4 architecture text, $5 version text, $6 ip_address text, $7 plugins jsonb, $8 problem text
UPDATE agents SET last_heartbeat_at = clock.now(), hostname = coalesce($2, hostname), os = coalesce($3, os),
	architecture = coalesce($4, architecture), version = coalesce($5, version), ip_address = $6, plugins = coalesce($7, plugins),
	problem = $8
WHERE id = $1;

-- name: agent_has_other_plugins  $1 id text, $2 plugins jsonb
SELECT FROM agents WHERE id = $1 AND plugins IS DISTINCT FROM $2;

-- --- For operators ---

-- Of a single one.
-- name: agent_details  $1 id text, $2 scope jsonb
SELECT a.plugins, (SELECT max(not_after) FROM agent_credentials WHERE agent_id = a.id AND revoked_at IS NULL AND certificate IS NOT NULL)
		AS credential_not_after,
	(SELECT coalesce(jsonb_agg(to_jsonb(recent) ORDER BY recent.id DESC), '[]') FROM (
		SELECT j.id, j.type, j.state AS status, j.certificate_id, j.target_id, j.created_at, j.ended_at
		FROM jobs_all j LEFT JOIN managed_certificates c ON c.id = j.certificate_id
		WHERE j.agent_id = a.id AND in_scope($2, c.team_id, c.issuer_id, c.profile_id) ORDER BY j.id DESC LIMIT 10) AS recent)
		AS recent_jobs
FROM agents a WHERE a.id = $1;

-- name: agent_summary
WITH fleet AS (SELECT agent_status(retired_at, last_heartbeat_at, problem) AS status, retired_at, version, os
	FROM agents WHERE deleted_at IS NULL)
SELECT (SELECT count(*) FROM fleet) AS total,
	(SELECT coalesce(jsonb_object_agg(status, n), '{}') FROM (SELECT status, count(*) AS n FROM fleet GROUP BY status) AS s) AS by_status,
	(SELECT coalesce(jsonb_object_agg(coalesce(version, 'unknown'), n), '{}') FROM (SELECT version, count(*) AS n FROM fleet
		WHERE retired_at IS NULL GROUP BY version) AS v) AS by_version,
	(SELECT coalesce(jsonb_object_agg(coalesce(os, 'unknown'), n), '{}') FROM (SELECT os, count(*) AS n FROM fleet
		WHERE retired_at IS NULL GROUP BY os) AS o) AS by_os;

-- name: agent_hold  $1 id text
SELECT retired_at IS NOT NULL AS is_retired FROM agents WHERE id = $1 AND deleted_at IS NULL FOR UPDATE;

-- name: agent_retire  $1 id text
UPDATE agents SET retired_at = clock.now() WHERE id = $1;

-- name: agent_delete  $1 id text
UPDATE agents SET deleted_at = clock.now() WHERE id = $1;

-- Whoever runs one of them is fenced.
-- name: agent_cancel_jobs  $1 agent_id text
WITH gone AS (DELETE FROM jobs WHERE agent_id = $1 RETURNING *),
ended AS (INSERT INTO jobs_ended (id, type, state, step, priority, certificate_id, placement_id, agent_id, issuer_id, target_id, version_id,
		is_rollback, run_at, token, claims, attempts, attempts_max, hold_reason, csr_sha256, csr_token, public_key_sha256, error, report,
		created_by, created_at, started_at, updated_at, runner)
	SELECT id, type, 'Cancelled', step, priority, certificate_id, placement_id, agent_id, issuer_id, target_id, version_id,
		is_rollback, run_at, token, claims, attempts, attempts_max, 'agent retired', csr_sha256, csr_token, public_key_sha256, error, report,
		created_by, created_at, started_at, clock.now(), runner
	FROM gone RETURNING id)
SELECT count(*) AS cancelled FROM ended;

-- --- Work ---

-- What the agent says it is working on stays its own.
-- name: leases_extend  $1 runner text, $2 held text[], $3 lease_s bigint
UPDATE jobs SET lease_until = clock.now() + make_interval(secs => $3)
WHERE runner = $1 AND id = ANY ($2) AND lease_until IS NOT NULL;

-- What is due, with a new token, and what it holds already, with the same one: replies get lost.
-- name: agent_claim  $1 runner text, $2 lease_s bigint, $3 held text[], $4 limit int
UPDATE jobs SET state = CASE step WHEN 'csr' THEN 'AwaitingCSR' ELSE 'Running' END, worker = $1,
	token = CASE WHEN due_at <= clock.now() THEN nextval('job_tokens') ELSE token END,
	claims = claims + (due_at <= clock.now())::int,
	attempts = least(attempts_max, attempts + (step <> 'csr' AND due_at <= clock.now())::int),
	lease_until = clock.now() + make_interval(secs => $2), started_at = coalesce(started_at, clock.now()), updated_at = clock.now()
WHERE id IN (SELECT id FROM jobs WHERE runner = $1 AND (due_at <= clock.now() OR lease_until > clock.now()) AND id <> ALL ($3)
	ORDER BY priority, due_at LIMIT $4 FOR UPDATE SKIP LOCKED)
RETURNING id;

-- Jobs as agents get them.  Where options of a target are sealed, they are put in afterwards.
-- name: agent_jobs  $1 runner text, $2 ids text[], $3 lease_s bigint
SELECT j.id, j.token, t.id AS target_id, CASE WHEN t.sealed IS NOT NULL THEN '\x' || encode(t.sealed, 'hex') END AS sealed, t.key_id,
	jsonb_build_object('id', j.id, 'type', j.type, 'step', j.step, 'token', j.token, 'lease_s', $3)
	|| CASE WHEN j.step <> 'test' THEN jsonb_build_object(
		'certificate', jsonb_build_object('id', c.id, 'common_name', c.common_name, 'names', c.names, 'key_type', c.key_type,
			'must_staple', r.must_staple, 'reuse_key', r.reuse_key))
		ELSE jsonb_build_object('target', jsonb_build_object('id', t.id, 'plugin', t.type, 'options', t.options)) END
	|| CASE WHEN j.step = 'deploy' THEN jsonb_build_object(
		'version', jsonb_build_object('id', v.id, 'sequence', v.sequence, 'leaf', v.leaf, 'chain', v.chain,
			'fingerprint_sha256', v.fingerprint_sha256, 'public_key_sha256', v.public_key_sha256,
			'not_after', to_char(v.not_after, 'YYYY-MM-DD"T"HH24:MI:SS"Z"')),
		'target', CASE WHEN t.id IS NOT NULL THEN jsonb_build_object('id', t.id, 'plugin', t.type, 'options', t.options) END,
		'binding', CASE WHEN b.id IS NOT NULL THEN jsonb_build_object('id', b.id, 'options', b.options) END,
		'is_rollback', j.is_rollback) ELSE '{}' END AS job
FROM jobs j LEFT JOIN managed_certificates c ON c.id = j.certificate_id
LEFT JOIN certificate_rules r ON r.certificate_id = c.id
LEFT JOIN certificate_versions v ON v.id = j.version_id
LEFT JOIN targets t ON t.id = j.target_id
LEFT JOIN bindings b ON b.certificate_id = j.certificate_id AND b.target_id = j.target_id
WHERE j.runner = $1 AND j.id = ANY ($2) ORDER BY j.priority, j.run_at;

-- Of those whose polls have just come: who has work, or holds some that it may not know of?
-- name: runners_with_work  $1 runners text[]
SELECT DISTINCT runner FROM jobs WHERE runner = ANY ($1) AND (due_at <= clock.now() OR lease_until > clock.now());

-- What has become due while polls wait: since the look before.
-- name: runners_due  $1 look_back_s bigint
SELECT DISTINCT runner FROM jobs
WHERE step <> 'issue' AND due_at > clock.now() - make_interval(secs => $1) AND due_at <= clock.now();

-- name: agents_seen  $1 ids text[], $2 empty_polls int[]
WITH seen AS (SELECT * FROM unnest($1, $2) AS seen (id, polls)),
held AS (SELECT a.id FROM agents a JOIN seen ON seen.id = a.id ORDER BY a.id FOR NO KEY UPDATE OF a SKIP LOCKED)
UPDATE agents a SET last_heartbeat_at = clock.now(), empty_polls = a.empty_polls + seen.polls
FROM seen JOIN held ON held.id = seen.id WHERE a.id = seen.id;

-- Retired, or enrolled anew: what servers remember of them is old.
-- name: agents_changed
SELECT DISTINCT agent_id FROM agent_changes WHERE changed_at > clock.now() - interval '1 minute';

-- name: agent_changes_forget
WITH gone AS (DELETE FROM agent_changes WHERE changed_at < clock.now() - interval '10 minutes' RETURNING id)
SELECT count(*) AS done FROM gone;

-- Of those who wait for jobs: which have ended?
-- name: jobs_gone  $1 ids text[]
SELECT waited.id FROM unnest($1) AS waited (id) WHERE NOT EXISTS (SELECT FROM jobs WHERE jobs.id = waited.id);

-- What comes of a request that was handed in, for whoever waited for it.
-- name: csr_outcome  $1 job_id text, $2 agent_id text
SELECT j.id, j.type, j.state AS status, j.certificate_id, j.csr_sha256, j.version_id, j.error, j.ended_at, v.leaf AS certificate, v.chain
FROM jobs_all j LEFT JOIN certificate_versions v ON v.job_id = j.id WHERE j.id = $1 AND j.agent_id = $2;

-- Everything this agent is to keep, whether something is to be done about it or not; nothing is claimed.
-- name: agent_plan  $1 agent_id text, $2 after text, $3 limit int, $4 target_id text
SELECT coalesce(b.id, p.id) AS id, t.id AS target_id, CASE WHEN t.sealed IS NOT NULL THEN '\x' || encode(t.sealed, 'hex') END AS sealed, t.key_id,
	jsonb_build_object('id', coalesce(b.id, p.id),
	'certificate', jsonb_build_object('id', c.id, 'common_name', c.common_name, 'names', c.names, 'key_type', c.key_type,
		'must_staple', c.must_staple),
	'version', CASE WHEN v.id IS NOT NULL THEN jsonb_build_object('id', v.id, 'sequence', v.sequence, 'leaf', v.leaf, 'chain', v.chain,
		'fingerprint_sha256', v.fingerprint_sha256, 'public_key_sha256', v.public_key_sha256,
		'not_after', to_char(v.not_after AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')) END,
	'target', CASE WHEN t.id IS NOT NULL THEN jsonb_build_object('id', t.id, 'plugin', t.type, 'options', t.options) END,
	'binding', CASE WHEN b.id IS NOT NULL THEN jsonb_build_object('id', b.id, 'options', b.options) END,
	'is_rollback', coalesce(v.sequence < b.deployed_sequence, false),
	'is_deployed', b.id IS NOT NULL AND b.desired_version_id IS NOT DISTINCT FROM b.deployed_version_id,
	'renew_at', to_char(p.renew_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
	'live_job', (SELECT jsonb_build_object('id', j.id, 'type', j.type, 'state', j.state, 'error', j.error ->> 'what') FROM jobs j
		WHERE j.placement_id = p.id AND (j.target_id IS NULL OR j.target_id = b.target_id) ORDER BY j.id LIMIT 1)) AS item
FROM placements p JOIN managed_certificates c ON c.id = p.certificate_id
LEFT JOIN bindings b ON b.certificate_id = p.certificate_id AND b.agent_id = p.agent_id
LEFT JOIN certificate_versions v ON v.id = coalesce(b.desired_version_id, p.version_id)
LEFT JOIN targets t ON t.id = b.target_id
WHERE p.agent_id = $1 AND p.ended_at IS NULL AND c.archived_at IS NULL AND ($2 IS NULL OR coalesce(b.id, p.id) > $2)
	AND ($4 IS NULL OR b.target_id = $4)
ORDER BY 1 LIMIT $3;

-- name: placed_here  $1 agent_id text, $2 certificate_id text
SELECT id FROM placements WHERE agent_id = $1 AND certificate_id = $2;

-- A key is destroyed once, however often that is told.
-- name: key_destroyed  $1 agent_id text, $2 certificate_id text, $3 public_key_sha256 text, $4 destroyed_at text
INSERT INTO destroyed_keys (agent_id, certificate_id, public_key_sha256, destroyed_at) VALUES ($1, $2, $3, $4::timestamptz)
ON CONFLICT DO NOTHING RETURNING public_key_sha256;
