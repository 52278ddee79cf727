-- One job a placement; where one lives already, it is enough, and waits no longer.
-- name: issuance_insert  $1 certificate_id text, $2 created_by text
INSERT INTO jobs (type, state, step, certificate_id, placement_id, agent_id, issuer_id, created_by)
SELECT CASE WHEN p.version_id IS NULL THEN 'Issuance' ELSE 'Renewal' END, 'AwaitingCSR', 'csr', c.id, p.id, p.agent_id, c.issuer_id, $2
FROM managed_certificates c JOIN placements p ON p.certificate_id = c.id JOIN agents a ON a.id = p.agent_id
WHERE c.id = $1 AND c.archived_at IS NULL AND a.retired_at IS NULL
ON CONFLICT (placement_id) WHERE type IN ('Issuance', 'Renewal') DO UPDATE SET updated_at = clock.now(),
	run_at = CASE WHEN jobs.lease_until IS NULL THEN least(jobs.run_at, clock.now()) ELSE jobs.run_at END;

-- name: issuances_live  $1 certificate_id text
SELECT *, state AS status FROM jobs WHERE certificate_id = $1 AND type IN ('Issuance', 'Renewal') ORDER BY id;

-- Placements whose time has come and that nobody is at work for, of all certificates.
-- name: renewal_scan
WITH due AS (SELECT p.id, p.certificate_id, p.agent_id, p.version_id, c.issuer_id
	FROM placements p JOIN managed_certificates c ON c.id = p.certificate_id JOIN agents a ON a.id = p.agent_id
	WHERE p.renew_at <= clock.now() AND c.archived_at IS NULL AND a.retired_at IS NULL
		AND NOT EXISTS (SELECT FROM jobs WHERE type IN ('Issuance', 'Renewal') AND placement_id = p.id)
	ORDER BY p.renew_at LIMIT 10000),
made AS (INSERT INTO jobs (type, state, step, certificate_id, placement_id, agent_id, issuer_id, created_by)
	SELECT CASE WHEN version_id IS NULL THEN 'Issuance' ELSE 'Renewal' END, 'AwaitingCSR', 'csr', certificate_id, id, agent_id,
		issuer_id, 'certctld' FROM due
	ON CONFLICT (placement_id) WHERE type IN ('Issuance', 'Renewal') DO NOTHING RETURNING id)
SELECT count(*) AS done FROM made;

-- The job a request is handed in for, limited to the agent's own.
-- name: csr_job  $1 id text, $2 agent_id text
SELECT j.state, j.token, j.csr_sha256, j.placement_id, c.names, c.common_name, c.key_type, c.must_staple
FROM jobs j JOIN managed_certificates c ON c.id = j.certificate_id
WHERE j.id = $1 AND j.agent_id = $2 AND j.type IN ('Issuance', 'Renewal') FOR UPDATE OF j;

-- name: csr_job_ended  $1 id text, $2 agent_id text
SELECT state, csr_sha256 FROM jobs_ended WHERE id = $1 AND agent_id = $2 AND type IN ('Issuance', 'Renewal');

-- Whose key is this?  The first placement that showed it keeps it.
-- name: key_claim  $1 public_key_sha256 text, $2 placement_id text
INSERT INTO certificate_keys (public_key_sha256, placement_id) VALUES ($1, $2)
ON CONFLICT (public_key_sha256) DO UPDATE SET placement_id = certificate_keys.placement_id RETURNING placement_id;

-- name: csr_accept  $1 id text, $2 token bigint, $3 csr text, $4 csr_sha256 text, $5 public_key_sha256 text
UPDATE jobs SET state = 'Pending', step = 'issue', csr = $3, csr_sha256 = $4, csr_token = $2, public_key_sha256 = $5,
	lease_until = NULL, worker = NULL, run_at = clock.now(), updated_at = clock.now()
WHERE id = $1 AND token = $2 AND state = 'AwaitingCSR' RETURNING id;

-- Everything an order is made of, and what earlier attempts left.
-- name: issue_order  $1 id text, $2 token bigint
SELECT j.type, j.attempts, j.attempts_max, j.csr, j.csr_sha256, j.saved_state, j.saved_state_version, j.error,
	c.names, c.common_name, c.key_type, c.must_staple, c.lifetime_seconds, c.issuer_id,
	extract(epoch FROM clock.now())::bigint AS now_s,
	(SELECT extract(epoch FROM v.not_after - clock.now())::bigint FROM placements p JOIN certificate_versions v ON v.id = p.version_id
		WHERE p.id = j.placement_id) AS remaining_s,
	(SELECT count(*) FROM issuance_intents WHERE job_id = j.id AND outcome IS NULL) AS open_intents,
	kept.serial_number, extract(epoch FROM kept.not_before)::bigint AS not_before_s,
	extract(epoch FROM kept.not_after)::bigint AS not_after_s
FROM jobs j JOIN managed_certificates c ON c.id = j.certificate_id
LEFT JOIN LATERAL (SELECT * FROM (SELECT * FROM issuance_intents WHERE job_id = j.id ORDER BY attempt DESC LIMIT 1) AS latest
	-- what the CA has certainly refused, long ago, is asked for afresh: its dates would be stale
	WHERE outcome IS DISTINCT FROM 'failed' OR opened_at > clock.now() - make_interval(secs => c.lifetime_seconds / 10)) AS kept
	ON true
WHERE j.id = $1 AND j.token = $2 FOR UPDATE OF j;

-- The attempt is counted in the statement that commits the intent.
-- name: intent_open  $1 id text, $2 token bigint, $3 serial_number text, $4 not_before_s bigint, $5 not_after_s bigint, $6 is_reserving boolean
WITH counted AS (UPDATE jobs SET attempts = attempts + 1, updated_at = clock.now() WHERE id = $1 AND token = $2 RETURNING *)
INSERT INTO issuance_intents (job_id, attempt, issuer_id, serial_number, not_before, not_after, csr_sha256, token, is_reserving)
SELECT id, attempts, issuer_id, $3, to_timestamp($4), to_timestamp($5), csr_sha256, $2, $6 FROM counted RETURNING attempt;

-- name: intents_close  $1 job_id text, $2 outcome text
UPDATE issuance_intents SET closed_at = clock.now(), outcome = $2 WHERE job_id = $1 AND outcome IS NULL;

-- name: checkpoint_save  $1 id text, $2 token bigint, $3 state text, $4 version text
UPDATE jobs SET saved_state = $3, saved_state_version = $4, updated_at = clock.now() WHERE id = $1 AND token = $2 RETURNING id;

-- name: version_insert  $1 job_id text, $2 certificate_id text, $3 placement_id text, $4 issuer_id text, $5 serial_number text, $6 subject text, $7 issuer_dn text, $8 key_type text, $9 not_before_s bigint, $10 not_after_s bigint, $11 fingerprint_sha256 text, $12 public_key_sha256 text, $13 csr_sha256 text, $14 leaf text, $15 chain text
INSERT INTO certificate_versions (job_id, certificate_id, placement_id, sequence, issuer_id, serial_number, subject, issuer_dn,
	key_type, not_before, not_after, fingerprint_sha256, public_key_sha256, csr_sha256, leaf, chain)
SELECT $1, $2, $3, coalesce(max(sequence), 0) + 1, $4, $5, $6, $7, $8, to_timestamp($9), to_timestamp($10), $11, $12, $13, $14, $15
FROM certificate_versions WHERE placement_id = $3 RETURNING id, sequence;

-- The serial of the version before; null when this is the first one.
-- name: placement_take_version  $1 placement_id text, $2 version_id text, $3 renew_at_s bigint
WITH taken AS (UPDATE placements p SET version_id = $2, renew_at = to_timestamp($3) WHERE id = $1
	RETURNING p.certificate_id, p.agent_id),
wanted AS (UPDATE bindings b SET desired_version_id = $2, retry_at = NULL FROM taken
	WHERE b.certificate_id = taken.certificate_id AND b.agent_id = taken.agent_id)
SELECT v.serial_number FROM placements p LEFT JOIN certificate_versions v ON v.id = p.version_id WHERE p.id = $1;

-- name: issuer_get  $1 id text
SELECT id, name, type, source, enabled, created_at, updated_at FROM issuers WHERE id = $1;

-- name: issuer_list  $1 limit int, $2 after text, $3 type text
SELECT id, name, type, source, enabled, created_at, updated_at FROM issuers
WHERE ($2 IS NULL OR id > $2) AND ($3 IS NULL OR type = $3) ORDER BY id LIMIT $1;
