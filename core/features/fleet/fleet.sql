-- name: token_insert  $1 name text, $2 lookup text, $3 sha256 text, $4 agent_id text, $5 created_by text, $6 ttl_seconds bigint
INSERT INTO enrollment_tokens (name, lookup, sha256, agent_id, created_by, expires_at)
VALUES ($1, $2, $3, $4, $5, clock.now() + make_interval(secs => $6)) RETURNING id, name, agent_id, created_by, created_at, expires_at;

-- name: token_take  $1 lookup text
SELECT id, sha256, agent_id, used_by, csr_sha256, expires_at > clock.now() AS is_valid FROM enrollment_tokens
WHERE lookup = $1 FOR UPDATE;

-- name: token_spend  $1 id text, $2 agent_id text, $3 csr_sha256 text
UPDATE enrollment_tokens SET used_at = clock.now(), used_by = $2, csr_sha256 = $3 WHERE id = $1;

-- name: agent_insert  $1 id text, $2 name text, $3 hostname text, $4 os text, $5 architecture text, $6 version text, $7 ip_address text
INSERT INTO agents (id, name, hostname, os, architecture, version, ip_address)
VALUES (coalesce($1, make_id('agent-')), $2, $3, $4, $5, $6, $7) RETURNING id;

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

-- Who an agent is: its certificate is one that we gave it, and it was not retired.
-- name: agent_identify  $1 id text, $2 serial text
SELECT a.id FROM agents a JOIN agent_credentials c ON c.agent_id = a.id
WHERE a.id = $1 AND c.serial = $2 AND a.retired_at IS NULL;

-- name: agent_heartbeat  $1 id text, $2 hostname text, $3 os text, $4 architecture text, $5 version text, $6 ip_address text, $7 plugins jsonb
UPDATE agents SET last_heartbeat_at = clock.now(), hostname = coalesce($2, hostname), os = coalesce($3, os),
	architecture = coalesce($4, architecture), version = coalesce($5, version), ip_address = $6, plugins = coalesce($7, plugins)
WHERE id = $1;

-- name: agent_get  $1 id text
SELECT id, name, hostname, os, architecture, version, ip_address, plugins, last_heartbeat_at, created_at,
	CASE WHEN retired_at IS NOT NULL THEN 'retired' WHEN last_heartbeat_at > clock.now() - interval '3 minutes' THEN 'healthy'
		ELSE 'offline' END AS status
FROM agents WHERE id = $1;

-- name: agent_list  $1 limit int, $2 after text
SELECT id, name, hostname, os, architecture, version, ip_address, plugins, last_heartbeat_at, created_at,
	CASE WHEN retired_at IS NOT NULL THEN 'retired' WHEN last_heartbeat_at > clock.now() - interval '3 minutes' THEN 'healthy'
		ELSE 'offline' END AS status
FROM agents WHERE $2 IS NULL OR id > $2 ORDER BY id LIMIT $1;

-- What the agent says it is working on stays its own.
-- name: leases_extend  $1 runner text, $2 held text[], $3 lease_s bigint
UPDATE jobs SET lease_until = clock.now() + make_interval(secs => $3)
WHERE runner = $1 AND id = ANY ($2) AND lease_until IS NOT NULL;

-- What is due, with a new token, and what it holds already, with the same one: replies get lost.
-- name: agent_claim  $1 runner text, $2 lease_s bigint, $3 held text[], $4 limit int
UPDATE jobs SET state = CASE step WHEN 'csr' THEN 'AwaitingCSR' ELSE 'Running' END, worker = $1,
	token = CASE WHEN due_at <= clock.now() THEN nextval('job_tokens') ELSE token END,
	claims = claims + (due_at <= clock.now())::int,
	attempts = least(attempts_max, attempts + (step = 'deploy' AND due_at <= clock.now())::int),
	lease_until = clock.now() + make_interval(secs => $2), started_at = coalesce(started_at, clock.now()), updated_at = clock.now()
WHERE id IN (SELECT id FROM jobs WHERE runner = $1 AND (due_at <= clock.now() OR lease_until > clock.now()) AND id <> ALL ($3)
	ORDER BY priority, due_at LIMIT $4 FOR UPDATE SKIP LOCKED)
RETURNING id;

-- Jobs as agents get them.
-- name: agent_jobs  $1 runner text, $2 ids text[], $3 lease_s bigint
SELECT jsonb_build_object('id', j.id, 'type', j.type, 'step', j.step, 'token', j.token, 'lease_s', $3,
	'certificate', jsonb_build_object('id', c.id, 'common_name', c.common_name, 'names', c.names, 'key_type', c.key_type,
		'must_staple', c.must_staple))
	|| CASE WHEN j.step = 'deploy' THEN jsonb_build_object(
		'version', jsonb_build_object('id', v.id, 'sequence', v.sequence, 'leaf', v.leaf, 'chain', v.chain,
			'fingerprint_sha256', v.fingerprint_sha256, 'public_key_sha256', v.public_key_sha256,
			'not_after', to_char(v.not_after, 'YYYY-MM-DD"T"HH24:MI:SS"Z"')),
		'target', CASE WHEN t.id IS NOT NULL THEN jsonb_build_object('id', t.id, 'plugin', t.type, 'options', t.options) END,
		'binding', CASE WHEN b.id IS NOT NULL THEN jsonb_build_object('id', b.id, 'options', b.options) END,
		'is_rollback', j.is_rollback) ELSE '{}' END AS job
FROM jobs j JOIN managed_certificates c ON c.id = j.certificate_id
LEFT JOIN certificate_versions v ON v.id = j.version_id
LEFT JOIN targets t ON t.id = j.target_id
LEFT JOIN bindings b ON b.certificate_id = j.certificate_id AND b.target_id = j.target_id
WHERE j.runner = $1 AND j.id = ANY ($2) ORDER BY j.priority, j.run_at;

-- Of those who wait: who has work now, and which job has ended?
-- name: runners_due  $1 runners text[]
SELECT DISTINCT runner FROM jobs WHERE runner = ANY ($1) AND due_at <= clock.now();

-- name: jobs_gone  $1 ids text[]
SELECT waited.id FROM unnest($1) AS waited (id) WHERE NOT EXISTS (SELECT FROM jobs WHERE jobs.id = waited.id);
