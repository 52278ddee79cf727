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

-- --- Many at once ---

-- One statement, a job each: what is started, what is on its way already, and what cannot be, each with its reason.
-- name: bulk_renew  $1 profile_id text, $2 owner_id text, $3 team_id text, $4 agent_id text, $5 issuer_id text, $6 certificate_ids text[], $7 scope jsonb, $8 created_by text, $9 dry_run boolean, $10 reason text
WITH matched AS (SELECT c.id FROM managed_certificates c
	WHERE c.archived_at IS NULL AND ($1 IS NULL OR c.profile_id = $1) AND ($2 IS NULL OR c.owner_id = $2)
		AND ($3 IS NULL OR c.team_id = $3) AND ($5 IS NULL OR c.issuer_id = $5) AND ($6 IS NULL OR c.id = ANY ($6))
		AND in_scope($7, c.team_id, c.issuer_id, c.profile_id)
		AND ($4 IS NULL OR EXISTS (SELECT FROM placements p WHERE p.certificate_id = c.id AND p.agent_id = $4 AND p.ended_at IS NULL))),
places AS (SELECT p.id, p.certificate_id, p.agent_id, profile_refusal(p.certificate_id) AS refusal, live.id AS live_id, a.retired_at
	FROM matched m JOIN placements p ON p.certificate_id = m.id JOIN agents a ON a.id = p.agent_id
	LEFT JOIN jobs live ON live.placement_id = p.id AND live.type IN ('Issuance', 'Renewal')
	WHERE p.ended_at IS NULL AND ($4 IS NULL OR p.agent_id = $4)),
wanted AS (SELECT w.* FROM places s JOIN issuance_wanted w ON w.placement_id = s.id WHERE s.live_id IS NULL AND s.refusal IS NULL),
made AS (INSERT INTO jobs (type, state, step, certificate_id, placement_id, agent_id, issuer_id, priority, attempts_max, approve_until,
		created_by)
	SELECT type, state, 'csr', certificate_id, placement_id, agent_id, issuer_id, greatest(priority, 50), attempts_max, approve_until, $8
	FROM wanted WHERE NOT $9
	ON CONFLICT (placement_id) WHERE type IN ('Issuance', 'Renewal') DO NOTHING RETURNING placement_id),
outcome AS (SELECT s.certificate_id, s.agent_id, CASE
		WHEN s.live_id IS NOT NULL THEN 'skipped' WHEN s.refusal IS NOT NULL OR s.retired_at IS NOT NULL OR w.placement_id IS NULL THEN 'failed'
		WHEN NOT $9 AND m.placement_id IS NULL THEN 'skipped' ELSE 'started' END AS outcome,
		CASE WHEN s.live_id IS NOT NULL THEN format('job %s is at it', s.live_id) WHEN s.refusal IS NOT NULL THEN s.refusal
			WHEN s.retired_at IS NOT NULL THEN format('agent %s is retired', s.agent_id)
			WHEN w.placement_id IS NULL THEN format('agent %s is not in the group that its policy names', s.agent_id)
			ELSE 'a job for it was made in the same moment' END AS reason
	FROM places s LEFT JOIN wanted w ON w.placement_id = s.id LEFT JOIN made m ON m.placement_id = s.id
	UNION ALL
	SELECT m.id, NULL, 'failed', 'no agent holds it' FROM matched m WHERE NOT EXISTS (SELECT FROM places WHERE certificate_id = m.id)),
told AS (INSERT INTO audit_events (action, actor, actor_type, resource_type, resource_id, details)
	SELECT 'certificate_renewal_requested', $8, 'user', 'certificate', certificate_id,
		jsonb_strip_nulls(jsonb_build_object('bulk', true, 'reason', $10)) FROM outcome
	WHERE outcome = 'started' AND NOT $9 GROUP BY certificate_id)
SELECT (SELECT count(*) FROM matched) AS matched, count(*) FILTER (WHERE outcome = 'started') AS started,
	count(*) FILTER (WHERE outcome = 'skipped') AS skipped, count(*) FILTER (WHERE outcome = 'failed') AS failed,
	(SELECT coalesce(jsonb_agg(jsonb_build_object('certificate_id', certificate_id, 'agent_id', agent_id, 'outcome', outcome,
		'reason', reason) ORDER BY certificate_id, agent_id), '[]') FROM outcome WHERE outcome <> 'started') AS reasons
FROM outcome;

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
