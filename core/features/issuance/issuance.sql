-- One job a placement; where one lives already, it is enough, and waits no longer.
-- name: issuance_insert  $1 certificate_id text, $2 placement_id text, $3 created_by text
INSERT INTO jobs (type, state, step, certificate_id, placement_id, agent_id, issuer_id, priority, attempts_max, approve_until, created_by)
SELECT type, state, 'csr', certificate_id, placement_id, agent_id, issuer_id, priority, attempts_max, approve_until, $3
FROM issuance_wanted WHERE certificate_id = $1 AND ($2 IS NULL OR placement_id = $2)
ON CONFLICT (placement_id) WHERE type IN ('Issuance', 'Renewal') DO UPDATE SET updated_at = clock.now(),
	run_at = CASE WHEN jobs.lease_until IS NULL THEN least(jobs.run_at, clock.now()) ELSE jobs.run_at END;

-- Null, or why there shall be none: its profile, or agents that its policy does not let hold it.
-- name: issuance_refusal  $1 certificate_id text
SELECT coalesce(profile_refusal($1), (SELECT format('agent_ids: agent %s is not in group %s, whose agents alone may hold it (policy %s)',
		a.id, g.id, pol.id)
	FROM managed_certificates c JOIN placements p ON p.certificate_id = c.id JOIN agents a ON a.id = p.agent_id
	JOIN policies pol ON pol.id = c.policy_id JOIN agent_groups g ON g.id = pol.agent_group_id
	WHERE c.id = $1 AND p.ended_at IS NULL AND a.retired_at IS NULL AND NOT agent_in_group(a, g) ORDER BY a.id LIMIT 1)) AS refusal;

-- name: issuances_live  $1 certificate_id text
SELECT *, state AS status FROM jobs WHERE certificate_id = $1 AND type IN ('Issuance', 'Renewal') ORDER BY id;

-- Placements whose time has come and that nobody is at work for, of all certificates.
-- name: renewal_scan
WITH due AS (SELECT w.* FROM issuance_wanted w
	WHERE w.renew_at <= clock.now()
		AND NOT EXISTS (SELECT FROM jobs WHERE type IN ('Issuance', 'Renewal') AND placement_id = w.placement_id)
	ORDER BY w.renew_at LIMIT 10000),
made AS (INSERT INTO jobs (type, state, step, certificate_id, placement_id, agent_id, issuer_id, priority, attempts_max, approve_until,
		created_by)
	SELECT type, state, 'csr', certificate_id, placement_id, agent_id, issuer_id, priority, attempts_max, approve_until, 'certctld'
	FROM due
	ON CONFLICT (placement_id) WHERE type IN ('Issuance', 'Renewal') DO NOTHING RETURNING id)
SELECT count(*) AS done FROM made;

-- A policy was changed: so many placements at a time have their times planned anew.
-- name: renewal_replan
WITH policy AS (SELECT * FROM policies WHERE replan_after IS NOT NULL ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED),
batch AS (SELECT p.id FROM policy JOIN managed_certificates c ON c.policy_id = policy.id JOIN placements p ON p.certificate_id = c.id
	WHERE p.ended_at IS NULL AND c.archived_at IS NULL AND p.id > policy.replan_after ORDER BY p.id LIMIT 5000),
planned AS (UPDATE placements p SET renew_at = replan(p, v, pol),
		alert_at = clock.now()
	FROM batch JOIN placements old ON old.id = batch.id JOIN certificate_versions v ON v.id = old.version_id
	JOIN policies pol ON pol.id = (SELECT id FROM policy)
	WHERE p.id = batch.id),
marked AS (UPDATE policies SET replan_after = (SELECT CASE WHEN count(*) = 5000 THEN max(id) END FROM batch)
	WHERE id = (SELECT id FROM policy) RETURNING id)
SELECT count(*) AS done FROM marked;

-- --- The request ---

-- The job a request is handed in for, limited to the agent's own.
-- name: csr_job  $1 id text, $2 agent_id text
SELECT j.state, j.token, j.csr_sha256, c.names, c.common_name, c.key_type, r.must_staple, r.reuse_key,
	array_to_string(r.extended_key_usages, ',') AS extended_key_usages,
	coalesce(CASE WHEN c.profile_id IS NOT NULL THEN profile_refusal(c.id) END,
		CASE WHEN NOT agent_in_group(a, g) THEN format('agent %s is not in group %s, whose agents alone may hold it', a.id, g.id) END)
	AS refusal
FROM jobs j JOIN managed_certificates c ON c.id = j.certificate_id JOIN certificate_rules r ON r.certificate_id = c.id
JOIN agents a ON a.id = j.agent_id LEFT JOIN agent_groups g ON g.id = r.agent_group_id
WHERE j.id = $1 AND j.agent_id = $2 AND j.type IN ('Issuance', 'Renewal');

-- name: csr_job_ended  $1 id text, $2 agent_id text
SELECT state, csr_sha256 FROM jobs_ended WHERE id = $1 AND agent_id = $2 AND type IN ('Issuance', 'Renewal');

-- name: csr_take  $1 id text, $2 token bigint, $3 csr text, $4 csr_sha256 text, $5 public_key_sha256 text, $6 may_reuse boolean
SELECT take_request($1, $2, $3, $4, $5, $6) AS obstacle;

-- name: csr_hold  $1 id text, $2 token bigint
SELECT id FROM jobs WHERE id = $1 AND token = $2 AND state = 'AwaitingCSR' FOR UPDATE;

-- Orders of jobs that are claimed.  Where there is nothing to decide, because no attempt is open or pending and one is left, the attempt
-- is counted and its intent committed by this statement, with the serial and dates of the attempt before or those drawn for it.
-- name: orders_open  $1 ids text[], $2 tokens bigint[], $3 serials text[]
WITH held AS MATERIALIZED (SELECT j.id, asked.token, asked.serial FROM unnest($1, $2, $3) AS asked (id, token, serial)
	JOIN jobs j ON j.id = asked.id AND j.token = asked.token ORDER BY j.id FOR UPDATE OF j),
orders AS MATERIALIZED (SELECT o.*, held.token, held.serial AS drawn,
		o.open_intents = 0 AND NOT o.is_pending AND o.attempts < o.attempts_max AS is_opened
	FROM held JOIN issuance_orders o ON o.id = held.id),
counted AS (UPDATE jobs SET attempts = jobs.attempts + 1, updated_at = clock.now() FROM orders o WHERE jobs.id = o.id AND o.is_opened
	RETURNING jobs.id, jobs.attempts),
opened AS (INSERT INTO issuance_intents (job_id, attempt, issuer_id, serial_number, not_before, not_after, csr_sha256, token, is_reserving)
	SELECT o.id, counted.attempts, o.issuer_id, coalesce(o.serial_number, o.drawn), coalesce(o.not_before, order_begin(o.lifetime_seconds)),
		coalesce(o.not_after, order_begin(o.lifetime_seconds) + make_interval(secs => o.lifetime_seconds - 1)), o.csr_sha256, o.token,
		o.serial_number IS NULL
	FROM counted JOIN orders o ON o.id = counted.id RETURNING job_id, serial_number, not_before, not_after)
SELECT o.id, o.type, o.attempts, o.attempts_max, o.csr, o.csr_sha256, o.public_key_sha256, o.saved_state, o.saved_state_version, o.error,
	o.names, o.common_name, o.key_type, o.must_staple, o.lifetime_seconds, o.issuer_id, o.short_lived, o.profile_id,
	o.extended_key_usages, o.profile_hash, o.replaces, o.keeps_key, o.remaining_s, o.is_pending, o.is_opened,
	opened.serial_number, extract(epoch FROM opened.not_before)::bigint AS not_before_s,
	extract(epoch FROM opened.not_after)::bigint AS not_after_s
FROM orders o LEFT JOIN opened ON opened.job_id = o.id;

-- One order about which there is something to decide.
-- name: issue_order  $1 id text, $2 token bigint
SELECT o.*, extract(epoch FROM o.not_before)::bigint AS not_before_s, extract(epoch FROM o.not_after)::bigint AS not_after_s
FROM (SELECT id FROM jobs WHERE id = $1 AND token = $2 FOR UPDATE) AS held JOIN issuance_orders o ON o.id = held.id;

-- The attempt is counted in the statement that commits the intent.
-- name: intent_open  $1 id text, $2 token bigint, $3 drawn text
WITH counted AS (UPDATE jobs SET attempts = attempts + 1, updated_at = clock.now() WHERE id = $1 AND token = $2 RETURNING id, attempts)
INSERT INTO issuance_intents (job_id, attempt, issuer_id, serial_number, not_before, not_after, csr_sha256, token, is_reserving)
SELECT o.id, counted.attempts, o.issuer_id, coalesce(o.serial_number, $3), coalesce(o.not_before, order_begin(o.lifetime_seconds)),
	coalesce(o.not_after, order_begin(o.lifetime_seconds) + make_interval(secs => o.lifetime_seconds - 1)), o.csr_sha256, $2,
	o.serial_number IS NULL
FROM counted JOIN issuance_orders o ON o.id = counted.id
RETURNING serial_number, extract(epoch FROM not_before)::bigint AS not_before_s, extract(epoch FROM not_after)::bigint AS not_after_s;

-- The CA said to come back: the same attempt goes on.
-- name: intent_resume  $1 id text, $2 token bigint
WITH held AS (SELECT id, attempts FROM jobs WHERE id = $1 AND token = $2)
UPDATE issuance_intents i SET closed_at = NULL, outcome = NULL, token = $2 FROM held
WHERE i.job_id = held.id AND i.attempt = held.attempts RETURNING i.attempt;

-- Its answer never came, and this CA cannot tell: there may be a certificate that nobody has.
-- name: intents_orphan  $1 id text, $2 token bigint
WITH lost AS (UPDATE issuance_intents SET closed_at = clock.now(), outcome = 'orphaned' WHERE job_id = $1 AND outcome IS NULL
	RETURNING job_id, serial_number, issuer_id, opened_at),
told AS (INSERT INTO audit_events (action, actor, actor_type, resource_type, resource_id, details)
	SELECT 'issuance_orphaned', 'certctld', 'server', 'certificate', j.certificate_id, jsonb_build_object('job_id', j.id,
		'issuer_id', lost.issuer_id, 'serial_number', lost.serial_number, 'asked_at', lost.opened_at)
	FROM lost JOIN jobs j ON j.id = lost.job_id)
SELECT raise_alarm('outcome_unknown', 'warning', 'orphaned/' || j.id, j.certificate_id, j.placement_id, NULL, NULL, j.id,
	format('%s was asked at %s and never answered: it may have issued a certificate that nobody has; asked once more', lost.issuer_id,
		to_char(lost.opened_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')))
FROM lost JOIN jobs j ON j.id = lost.job_id AND j.token = $2;

-- name: intents_close  $1 job_id text, $2 outcome text
UPDATE issuance_intents SET closed_at = clock.now(), outcome = $2 WHERE job_id = $1 AND outcome IS NULL;

-- name: checkpoint_save  $1 id text, $2 token bigint, $3 state text, $4 version text
UPDATE jobs SET saved_state = $3, saved_state_version = $4, updated_at = clock.now() WHERE id = $1 AND token = $2 RETURNING id;

-- Certificates that were issued, with all that follows from them; those whose ids do not come back belong to others by now.
-- name: issued_store  $1 issued jsonb
SELECT id FROM store_issued($1) AS stored (id);
