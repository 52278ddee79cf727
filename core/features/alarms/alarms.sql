-- What operators must hear of, each told once: raised here when an end comes near, elsewhere by what ends a job.

-- Thresholds that were crossed: of those of a version the smallest, once a day, in place of what was said about it before.
-- name: alarms_scan
WITH due AS (SELECT p.id, p.certificate_id, v.id AS version_id, v.not_before, v.not_after, r.alert_thresholds_days AS thresholds,
		(SELECT min(days) FROM unnest(r.alert_thresholds_days) AS days
			WHERE v.not_after - alert_lead(days, v.not_before, v.not_after) <= clock.now()) AS days,
		c.archived_at IS NULL AND a.retired_at IS NULL AND p.ended_at IS NULL AS is_wanted
	FROM placements p JOIN certificate_versions v ON v.id = p.version_id JOIN managed_certificates c ON c.id = p.certificate_id
	JOIN agents a ON a.id = p.agent_id JOIN certificate_rules r ON r.certificate_id = p.certificate_id
	WHERE p.alert_at <= clock.now() ORDER BY p.alert_at LIMIT 5000 FOR UPDATE OF p SKIP LOCKED),
crossed AS (SELECT *, format('expiry/%s/%s/%s', version_id, days, to_char(clock.now() AT TIME ZONE 'UTC', 'YYYY-MM-DD')) AS key
	FROM due WHERE days IS NOT NULL AND is_wanted),
told AS (INSERT INTO alarms (kind, severity, key, certificate_id, placement_id, version_id, threshold_days, what)
	SELECT 'expiry', CASE WHEN not_after - (not_after - not_before) / 10 <= clock.now() THEN 'critical' ELSE 'warning' END, key,
		certificate_id, id, version_id, days, format('%s at %s: inside the threshold of %s days, and not renewed',
			CASE WHEN not_after <= clock.now() THEN 'expired' ELSE 'expires' END,
			to_char(not_after AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), days)
	FROM crossed ON CONFLICT (key) DO NOTHING),
settled AS (UPDATE alarms SET resolved_at = clock.now(), updated_at = clock.now() FROM crossed
	WHERE alarms.placement_id = crossed.id AND alarms.kind = 'expiry' AND alarms.resolved_at IS NULL AND alarms.key <> crossed.key),
planned AS (UPDATE placements p SET alert_at = CASE WHEN due.is_wanted THEN next_alert(due.not_before, due.not_after, due.thresholds) END
	FROM due WHERE p.id = due.id)
SELECT count(*) AS done FROM due;

-- name: alarms_get  $1 id text, $2 scope jsonb
SELECT a.*, CASE WHEN a.resolved_at IS NULL THEN 'open' ELSE 'resolved' END AS status FROM alarms a
JOIN managed_certificates c ON c.id = a.certificate_id WHERE a.id = $1 AND in_scope($2, c.team_id, c.issuer_id, c.profile_id);

-- name: alarms_list  $1 limit int, $2 before text, $3 status text, $4 kind text, $5 severity text, $6 certificate_id text, $7 scope jsonb
SELECT a.*, CASE WHEN a.resolved_at IS NULL THEN 'open' ELSE 'resolved' END AS status FROM alarms a
JOIN managed_certificates c ON c.id = a.certificate_id
WHERE ($2 IS NULL OR a.id < $2) AND (coalesce($3, 'open') = 'all' OR (a.resolved_at IS NULL) = (coalesce($3, 'open') = 'open'))
	AND ($4 IS NULL OR a.kind = $4) AND ($5 IS NULL OR a.severity = $5) AND ($6 IS NULL OR a.certificate_id = $6)
	AND in_scope($7, c.team_id, c.issuer_id, c.profile_id)
ORDER BY a.id DESC LIMIT $1;
