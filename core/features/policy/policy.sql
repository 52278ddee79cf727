-- name: policy_missing_notifiers  $1 ids text[]
SELECT DISTINCT wanted AS id FROM unnest($1) AS wanted WHERE NOT EXISTS (SELECT FROM notifiers WHERE id = wanted) ORDER BY 1;

-- name: agent_group_exists  $1 id text
SELECT id FROM agent_groups WHERE id = $1;

-- name: agent_group_members  $1 limit int, $2 after text, $3 group_id text
SELECT a.id, a.name, agent_status(a.retired_at, a.last_heartbeat_at, a.problem) AS status, a.hostname, a.os, a.architecture, a.version,
	a.ip_address, a.last_heartbeat_at
FROM agent_groups g JOIN agents a ON agent_in_group(a, g)
WHERE g.id = $3 AND a.retired_at IS NULL AND ($2 IS NULL OR a.id > $2) ORDER BY a.id LIMIT $1;
