-- One day that is over for ten minutes, of those that are not counted yet.
-- name: job_days_count
WITH next AS (
	SELECT coalesce((SELECT day FROM job_days_end),
		(SELECT (created_at AT TIME ZONE 'UTC')::date FROM jobs_ended ORDER BY id LIMIT 1)) AS day
), due AS (
	SELECT day, day::timestamp AT TIME ZONE 'UTC' AS begins, (day + 1)::timestamp AT TIME ZONE 'UTC' AS ends FROM next
	WHERE (day + 1)::timestamp AT TIME ZONE 'UTC' <= clock.now() - interval '10 minutes'
), counted AS (
	INSERT INTO job_days (day, type, state, count)
	SELECT due.day, type, state, count(*) FROM due JOIN jobs_ended ON ended_at >= begins AND ended_at < ends GROUP BY 1, 2, 3
), moved AS (
	INSERT INTO job_days_end (day) SELECT day + 1 FROM due
	ON CONFLICT (is_the_only_row) DO UPDATE SET day = excluded.day RETURNING 1
)
SELECT count(*) AS done FROM moved;

-- --- For people.  Who is limited is answered from the rows that may be seen. ---

-- name: statistics_by_status  $1 scope jsonb
SELECT coalesce(jsonb_object_agg(status, count), '{}') AS by_status FROM (
	SELECT status, count FROM certificate_status_counts WHERE $1 IS NULL
	UNION ALL
	SELECT status, count(*) FROM certificates c WHERE $1 IS NOT NULL AND in_scope($1, team_id, issuer_id, profile_id) GROUP BY status) AS counts;

-- name: statistics_summary  $1 scope jsonb
WITH statuses AS (
	SELECT status, count FROM certificate_status_counts WHERE $1 IS NULL
	UNION ALL
	SELECT status, count(*) FROM certificates c WHERE $1 IS NOT NULL AND in_scope($1, team_id, issuer_id, profile_id) GROUP BY status
), issuers_of AS (
	SELECT issuer_id, sum(count)::bigint AS count FROM (
		SELECT issuer_id, count(*) AS count FROM managed_certificates
		WHERE $1 IS NULL AND archived_at IS NULL AND revoked_at IS NULL GROUP BY issuer_id
		UNION ALL
		SELECT issuer_id, count(*) FROM managed_certificates
		WHERE $1 IS NULL AND archived_at IS NULL AND revoked_at IS NOT NULL GROUP BY issuer_id
		UNION ALL
		SELECT issuer_id, count(*) FROM managed_certificates
		WHERE $1 IS NOT NULL AND archived_at IS NULL AND in_scope($1, team_id, issuer_id, profile_id) GROUP BY issuer_id) AS each
	GROUP BY issuer_id
), agent_counts AS (
	SELECT agent_status(retired_at, last_heartbeat_at, problem) AS status, count(*) AS count FROM agents WHERE deleted_at IS NULL GROUP BY 1
), job_counts AS (
	SELECT state, sum(count)::bigint AS count FROM (
		SELECT state, count(*) AS count FROM jobs WHERE $1 IS NULL GROUP BY state
		UNION ALL
		SELECT state, sum(count) FROM job_end_days WHERE $1 IS NULL GROUP BY state
		UNION ALL
		SELECT j.state, count(*) FROM jobs_all j JOIN managed_certificates c ON c.id = j.certificate_id
		WHERE $1 IS NOT NULL AND in_scope($1, c.team_id, c.issuer_id, c.profile_id) GROUP BY j.state) AS each
	GROUP BY state
)
SELECT (SELECT coalesce(sum(count) FILTER (WHERE status <> 'Archived'), 0)::bigint FROM statuses) AS total,
	(SELECT coalesce(jsonb_object_agg(status, count), '{}') FROM statuses) AS by_status,
	(SELECT coalesce(jsonb_object_agg(issuer_id, count), '{}') FROM issuers_of) AS by_issuer,
	(SELECT coalesce(jsonb_object_agg(status, count), '{}') FROM agent_counts) AS agents_by_status,
	(SELECT coalesce(jsonb_object_agg(state, count), '{}') FROM job_counts) AS jobs_by_status,
	clock.now() AS as_of;

-- Weeks from today on, the last one cut off.
-- name: statistics_expirations  $1 days int, $2 scope jsonb
WITH today AS (SELECT (clock.now() AT TIME ZONE 'UTC')::date AS day),
begins AS (SELECT array_agg((day + n * 7)::timestamp AT TIME ZONE 'UTC' ORDER BY n) AS weeks, (max(day) + $1)::timestamp AT TIME ZONE 'UTC' AS until
	FROM today, generate_series(0, ($1 - 1) / 7) AS n),
counts AS (
	SELECT width_bucket(not_after, weeks) - 1 AS week, count(*) AS count FROM managed_certificates, begins
	WHERE $2 IS NULL AND archived_at IS NULL AND revoked_at IS NULL AND not_after > clock.now() AND not_after < until GROUP BY 1
	UNION ALL
	SELECT width_bucket(not_after, weeks) - 1, count(*) FROM managed_certificates, begins
	WHERE $2 IS NOT NULL AND in_scope($2, team_id, issuer_id, profile_id) AND archived_at IS NULL AND revoked_at IS NULL
		AND not_after > clock.now() AND not_after < until GROUP BY 1
)
SELECT $1 AS days, clock.now() AS as_of, (SELECT json_agg(json_build_object('from', day + n * 7, 'until', least(day + n * 7 + 7, day + $1),
		'count', coalesce(count, 0)) ORDER BY n)
	FROM today CROSS JOIN generate_series(0, ($1 - 1) / 7) AS n LEFT JOIN counts ON week = n) AS data;

-- name: statistics_job_trends  $1 days int, $2 scope jsonb
WITH ends AS (
	SELECT day, type, state, count FROM job_end_days
	WHERE $2 IS NULL AND day > (clock.now() AT TIME ZONE 'UTC')::date - $1
	UNION ALL
	SELECT (ended_at AT TIME ZONE 'UTC')::date, j.type, j.state, count(*)
	FROM jobs_ended j JOIN managed_certificates c ON c.id = j.certificate_id
	WHERE $2 IS NOT NULL AND in_scope($2, c.team_id, c.issuer_id, c.profile_id)
		AND ended_at >= ((clock.now() AT TIME ZONE 'UTC')::date - $1 + 1)::timestamp AT TIME ZONE 'UTC' GROUP BY 1, 2, 3
), days AS (
	SELECT (clock.now() AT TIME ZONE 'UTC')::date - n AS day FROM generate_series($1 - 1, 0, -1) AS n
), sums AS (
	SELECT days.day, type, coalesce(sum(count) FILTER (WHERE state = 'Completed'), 0)::bigint AS completed,
		coalesce(sum(count) FILTER (WHERE state = 'Failed'), 0)::bigint AS failed,
		coalesce(sum(count) FILTER (WHERE state = 'Cancelled'), 0)::bigint AS cancelled
	FROM days LEFT JOIN ends ON ends.day = days.day GROUP BY days.day, type
)
SELECT $1 AS days, clock.now() AS as_of, (SELECT json_agg(json_build_object('date', day, 'completed', completed, 'failed', failed,
		'cancelled', cancelled, 'success_rate', round(completed::numeric / nullif(completed + failed, 0), 4), 'by_type', by_type) ORDER BY day)
	FROM (SELECT day, sum(completed) AS completed, sum(failed) AS failed, sum(cancelled) AS cancelled,
			jsonb_build_object('issuance', '{"completed": 0, "failed": 0, "cancelled": 0}'::jsonb,
				'renewal', '{"completed": 0, "failed": 0, "cancelled": 0}'::jsonb,
				'deployment', '{"completed": 0, "failed": 0, "cancelled": 0}'::jsonb)
			|| coalesce(jsonb_object_agg(lower(type), jsonb_build_object('completed', completed, 'failed', failed, 'cancelled', cancelled))
				FILTER (WHERE type IS NOT NULL), '{}') AS by_type
		FROM sums GROUP BY day) AS each) AS data;

-- name: statistics_issuance_rate  $1 days int, $2 scope jsonb
WITH ends AS (
	SELECT day, type, count FROM job_end_days
	WHERE $2 IS NULL AND day > (clock.now() AT TIME ZONE 'UTC')::date - $1 AND state = 'Completed' AND type IN ('Issuance', 'Renewal')
	UNION ALL
	SELECT (ended_at AT TIME ZONE 'UTC')::date, j.type, count(*)
	FROM jobs_ended j JOIN managed_certificates c ON c.id = j.certificate_id
	WHERE $2 IS NOT NULL AND in_scope($2, c.team_id, c.issuer_id, c.profile_id) AND j.state = 'Completed' AND j.type IN ('Issuance', 'Renewal')
		AND ended_at >= ((clock.now() AT TIME ZONE 'UTC')::date - $1 + 1)::timestamp AT TIME ZONE 'UTC' GROUP BY 1, 2
)
SELECT $1 AS days, clock.now() AS as_of, (SELECT json_agg(json_build_object('date', day, 'issued', issued, 'renewed', renewed) ORDER BY day)
	FROM (SELECT days.day, coalesce(sum(count) FILTER (WHERE type = 'Issuance'), 0)::bigint AS issued,
			coalesce(sum(count) FILTER (WHERE type = 'Renewal'), 0)::bigint AS renewed
		FROM (SELECT (clock.now() AT TIME ZONE 'UTC')::date - n AS day FROM generate_series($1 - 1, 0, -1) AS n) AS days
		LEFT JOIN ends ON ends.day = days.day GROUP BY days.day) AS each) AS data;

-- --- For scrapes: a column a label, and the value. ---

-- name: metric_certificates
SELECT status, count AS value FROM certificate_status_counts ORDER BY status;

-- name: metric_agents
SELECT status, count(a.id) AS value FROM unnest('{healthy,offline,error,retired}'::text[]) AS status
LEFT JOIN agents a ON a.deleted_at IS NULL AND agent_status(a.retired_at, a.last_heartbeat_at, a.problem) = status GROUP BY status ORDER BY status;

-- name: metric_jobs
SELECT type, state, count(*) AS value FROM jobs GROUP BY type, state ORDER BY type, state;

-- name: metric_job_waiting
SELECT greatest(extract(epoch FROM clock.now() - min(run_at)), 0) AS value FROM jobs WHERE state = 'Pending' AND run_at <= clock.now();

-- name: metric_job_ends
SELECT type, state, sum(count)::bigint AS value FROM job_end_days GROUP BY type, state ORDER BY type, state;

-- name: metric_alarms
SELECT kind, severity, count(*) AS value FROM alarms WHERE resolved_at IS NULL GROUP BY kind, severity ORDER BY kind, severity;
