-- name: audit_record  $1 action text, $2 actor text, $3 actor_type text, $4 source_ip text, $5 request_id text, $6 resource_type text, $7 resource_id text, $8 details jsonb
INSERT INTO audit_events (action, actor, actor_type, source_ip, request_id, resource_type, resource_id, details)
VALUES ($1, $2, $3, $4, $5, $6, $7, coalesce($8, '{}'));

-- name: audit_list  $1 limit int, $2 before text, $3 type text, $4 actor text, $5 resource_type text, $6 resource_id text
SELECT id, "timestamp", action, actor, actor_type, source_ip, request_id, resource_type, resource_id, details FROM audit_events
WHERE ($2 IS NULL OR id < $2) AND ($3 IS NULL OR action = $3) AND ($4 IS NULL OR actor = $4)
	AND ($5 IS NULL OR resource_type = $5) AND ($6 IS NULL OR resource_id = $6)
ORDER BY id DESC LIMIT $1;
