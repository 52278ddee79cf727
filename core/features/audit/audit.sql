-- name: audit_record  $1 action text, $2 actor text, $3 actor_type text, $4 source_ip text, $5 request_id text, $6 resource_type text, $7 resource_id text, $8 details jsonb
INSERT INTO audit_events (action, actor, actor_type, source_ip, request_id, resource_type, resource_id, details)
VALUES ($1, $2, $3, $4, $5, $6, $7, coalesce($8, '{}'));

-- name: audit_calls_record  $1 calls jsonb
INSERT INTO audit_events (id, "timestamp", action, actor, actor_type, source_ip, request_id, resource_type, resource_id, details)
SELECT id, to_timestamp(ms / 1000.0), 'api_call', actor, actor_type, source_ip, request_id, 'api', resource_id, details
FROM jsonb_to_recordset($1) AS call (id text, ms bigint, actor text, actor_type text, source_ip text, request_id text,
	resource_id text, details jsonb);

-- Some may be there: whether they were written before is not known.  A third dearer than to know that none is.
-- name: audit_calls_record_again  $1 calls jsonb
INSERT INTO audit_events (id, "timestamp", action, actor, actor_type, source_ip, request_id, resource_type, resource_id, details)
SELECT id, to_timestamp(ms / 1000.0), 'api_call', actor, actor_type, source_ip, request_id, 'api', resource_id, details
FROM jsonb_to_recordset($1) AS call (id text, ms bigint, actor text, actor_type text, source_ip text, request_id text,
	resource_id text, details jsonb)
ON CONFLICT (id) DO NOTHING;

-- name: audit_calls_counted  $1 without_work bigint, $2 dropped bigint
INSERT INTO audit_events (action, actor, actor_type, resource_type, resource_id, details)
VALUES ('api_calls_counted', 'certctld', 'server', 'api', 'api', jsonb_build_object('without_work', $1, 'dropped', $2));

-- Types and actions are patterns of LIKE.  Ids begin with their time: the range of times is one of the primary key, too.
-- name: audit_list  $1 limit int, $2 before text, $3 types text[], $4 actions text[], $5 actor text, $6 resource_type text, $7 resource_id text, $8 from timestamptz, $9 until timestamptz
SELECT id, "timestamp", action, actor, actor_type, source_ip, request_id, resource_type, resource_id,
	CASE WHEN details ? 'body_hash' THEN jsonb_set(details, '{body_hash}', to_jsonb(left(details ->> 'body_hash', 16))) ELSE details END AS details
FROM audit_events
WHERE id < coalesce($2, 'ae-g') AND id >= first_id('ae-', coalesce($8, 'epoch')) AND id < coalesce(first_id('ae-', $9), 'ae-g')
	AND ($3 IS NULL OR action LIKE ANY ($3)) AND ($4 IS NULL OR action LIKE ANY ($4)) AND ($5 IS NULL OR actor = $5)
	AND ($6 IS NULL OR resource_type = $6) AND ($7 IS NULL OR resource_id = $7)
	AND "timestamp" >= coalesce($8, '-infinity') AND "timestamp" < coalesce($9, 'infinity')
ORDER BY id DESC LIMIT $1;

-- name: audit_get  $1 id text
SELECT id, "timestamp", action, actor, actor_type, source_ip, request_id, resource_type, resource_id,
	CASE WHEN details ? 'body_hash' THEN jsonb_set(details, '{body_hash}', to_jsonb(left(details ->> 'body_hash', 16))) ELSE details END AS details
FROM audit_events WHERE id = $1;

-- The same filters, oldest first, with everything that is stored.
-- name: audit_export  $1 limit int, $2 after text, $3 types text[], $4 actions text[], $5 actor text, $6 resource_type text, $7 resource_id text, $8 from timestamptz, $9 until timestamptz
SELECT id, "timestamp", action, actor, actor_type, source_ip, request_id, resource_type, resource_id, details
FROM audit_events
WHERE id > coalesce($2, '') AND id >= first_id('ae-', coalesce($8, 'epoch')) AND id < coalesce(first_id('ae-', $9), 'ae-g')
	AND ($3 IS NULL OR action LIKE ANY ($3)) AND ($4 IS NULL OR action LIKE ANY ($4)) AND ($5 IS NULL OR actor = $5)
	AND ($6 IS NULL OR resource_type = $6) AND ($7 IS NULL OR resource_id = $7)
	AND "timestamp" >= coalesce($8, '-infinity') AND "timestamp" < coalesce($9, 'infinity')
ORDER BY id LIMIT $1;
