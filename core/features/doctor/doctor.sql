-- Checks beside the invariants: what keeps certctl from doing its work, as rows of `id` and `detail`.

-- name: check_audit_protected
SELECT 'audit_events' AS id, 'role ' || current_user || ' may change what is recorded' AS detail
WHERE has_table_privilege(current_user, 'audit_events', 'UPDATE') OR has_table_privilege(current_user, 'audit_events', 'DELETE')
	OR has_table_privilege(current_user, 'audit_events', 'TRUNCATE');

-- Events older than this are sealed, or the sealer is behind.
-- name: check_sealing
SELECT 'audit' AS id, 'the oldest event without a seal is of ' || min("timestamp") AS detail FROM audit_events
WHERE (txid, seq) > (SELECT last_txid, last_seq FROM audit_batches ORDER BY batch DESC LIMIT 1)
HAVING min("timestamp") < clock.now() - interval '10 seconds';

-- name: check_clock
SELECT extract(epoch FROM clock.now()) AS now_s;

-- name: check_agents
SELECT a.id, 'last seen ' || coalesce(a.last_heartbeat_at::text, 'never') AS detail FROM agents a
WHERE a.retired_at IS NULL AND coalesce(a.last_heartbeat_at, '-infinity') < clock.now() - interval '3 minutes'
	AND EXISTS (SELECT FROM placements p WHERE p.agent_id = a.id AND p.ended_at IS NULL)
ORDER BY a.id LIMIT 11;

-- name: check_issuers
SELECT id, type AS detail FROM issuers WHERE enabled ORDER BY id;

-- name: check_overdue
SELECT id, format('%s, %s, due since %s, for %s', type, state, due_at, runner) AS detail FROM jobs
WHERE due_at < clock.now() - interval '15 minutes' ORDER BY due_at LIMIT 11;

-- name: check_alarms
SELECT certificate_id AS id, kind || ': ' || what AS detail FROM alarms WHERE resolved_at IS NULL AND severity = 'critical'
ORDER BY alarms.id DESC LIMIT 11;

-- name: check_partitions
SELECT parent AS id, 'no table for next month' AS detail FROM unnest(ARRAY['audit_events', 'jobs_ended']) AS parent
WHERE to_regclass('public.' || parent || to_char(clock.now() + interval '1 month', '_YYYY_MM')) IS NULL;

-- --- Why ---

-- name: why_certificate  $1 id text, $2 scope jsonb
SELECT v.id, v.status, v.status_reason, v.next_action_at, v.not_after, c.issuer_id, i.enabled AS issuer_enabled, i.rate_per_hour,
	c.archived_at, r.auto_renew, c.policy_id, c.profile_id, profile_refusal(c.id) AS refusal, pol.renewal_threshold_days,
	array_to_string(pol.renewal_days, ', ') AS renewal_days, to_char(pol.renewal_window_start, 'HH24:MI') AS window_start,
	to_char(pol.renewal_window_end, 'HH24:MI') AS window_end
FROM certificates v JOIN managed_certificates c ON c.id = v.id JOIN certificate_rules r ON r.certificate_id = c.id
JOIN issuers i ON i.id = c.issuer_id LEFT JOIN policies pol ON pol.id = c.policy_id
WHERE v.id = $1 AND in_scope($2, c.team_id, c.issuer_id, c.profile_id);

-- name: why_placements  $1 certificate_id text
SELECT p.agent_id, p.renew_at, p.failures, v.not_after, v.not_before, a.retired_at, a.last_heartbeat_at,
	CASE WHEN p.ari_version_id = p.version_id THEN p.ari_starts_at END AS ari_starts_at, p.ari_ends_at, p.ari_url, v.issuer_id AS issued_by,
	p.renew_at < p.ari_starts_at AS is_ari_too_late,
	coalesce(a.last_heartbeat_at, '-infinity') < clock.now() - interval '3 minutes' AS is_offline,
	g.id IS NOT NULL AND NOT agent_in_group(a, g) AS is_outside, g.id AS group_id,
	p.renew_at <= clock.now() AS is_due, j.id AS job_id, j.type, j.state, j.step, j.hold_reason, j.run_at, j.lease_until, j.worker,
	j.attempts, j.attempts_max, j.approve_until, j.created_by, j.run_at > clock.now() AS is_later, j.error ->> 'what' AS error,
	ended.id AS ended_id, ended.state AS ended_state, ended.hold_reason AS ended_reason, ended.error ->> 'what' AS ended_error
FROM placements p JOIN agents a ON a.id = p.agent_id JOIN certificate_rules r ON r.certificate_id = p.certificate_id
LEFT JOIN agent_groups g ON g.id = r.agent_group_id
LEFT JOIN certificate_versions v ON v.id = p.version_id
LEFT JOIN jobs j ON j.placement_id = p.id AND j.type IN ('Issuance', 'Renewal')
LEFT JOIN LATERAL (SELECT * FROM jobs_ended e WHERE e.certificate_id = p.certificate_id AND e.placement_id = p.id
	AND e.type IN ('Issuance', 'Renewal') ORDER BY e.id DESC LIMIT 1) AS ended ON true
WHERE p.certificate_id = $1 AND p.ended_at IS NULL ORDER BY p.agent_id;

-- name: why_bindings  $1 certificate_id text
SELECT b.target_id, b.agent_id, b.retry_at, v.sequence, j.id AS job_id, j.state, j.run_at, coalesce(j.error, ended.error) ->> 'what' AS error
FROM bindings b LEFT JOIN certificate_versions v ON v.id = b.desired_version_id
LEFT JOIN jobs j ON j.certificate_id = b.certificate_id AND j.target_id = b.target_id AND j.type = 'Deployment'
LEFT JOIN LATERAL (SELECT error FROM jobs_ended e WHERE e.certificate_id = b.certificate_id AND e.target_id = b.target_id
	AND e.type = 'Deployment' AND e.state = 'Failed' ORDER BY e.id DESC LIMIT 1) AS ended ON true
WHERE b.certificate_id = $1 AND b.desired_version_id IS DISTINCT FROM b.deployed_version_id ORDER BY b.target_id;
