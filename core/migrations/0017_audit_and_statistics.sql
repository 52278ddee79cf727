-- --- Counts that do not read the rows ---

-- How many certificates have which status, by indexes alone: everything by its dates, then the few whose status is not
-- in the dates are taken out and put where they belong.
CREATE VIEW certificate_status_counts AS
WITH live AS (
	SELECT count(*) AS all_of_them, count(*) FILTER (WHERE expiring_at <= clock.now()) AS ending
	FROM managed_certificates WHERE archived_at IS NULL
), expired AS (
	SELECT count(*) AS count FROM managed_certificates WHERE archived_at IS NULL AND coalesce(not_after, 'infinity') <= clock.now()
), special AS MATERIALIZED (
	SELECT id FROM managed_certificates WHERE version_id IS NULL AND archived_at IS NULL
	UNION SELECT id FROM managed_certificates WHERE failure IS NOT NULL AND archived_at IS NULL
	UNION SELECT id FROM managed_certificates WHERE revoked_at IS NOT NULL AND archived_at IS NULL
	UNION SELECT certificate_id FROM jobs WHERE type IN ('Issuance', 'Renewal')
), counted (status, count) AS (
	SELECT unnest('{Pending,Active,Expiring,RenewalInProgress,Failed,Expired,Revoked,Archived}'::text[]), 0
	UNION ALL SELECT 'Active', all_of_them - ending FROM live
	UNION ALL SELECT 'Expiring', ending - expired.count FROM live, expired
	UNION ALL SELECT 'Expired', count FROM expired
	UNION ALL SELECT 'Archived', count(*) FROM managed_certificates WHERE archived_at IS NOT NULL
	UNION ALL
	SELECT CASE WHEN c.not_after <= clock.now() THEN 'Expired' WHEN c.expiring_at <= clock.now() THEN 'Expiring' ELSE 'Active' END, -count(*)
	FROM special JOIN managed_certificates c USING (id) WHERE c.archived_at IS NULL GROUP BY 1
	UNION ALL SELECT c.status, count(*) FROM special JOIN certificates c USING (id) WHERE c.archived_at IS NULL GROUP BY 1
)
SELECT status, sum(count)::bigint AS count FROM counted GROUP BY status;

-- Jobs that have ended, a day (of UTC), type and state: whole days once and for all, counted by a timer.
CREATE TABLE job_days (
	day date NOT NULL,
	type text NOT NULL,
	state text NOT NULL,
	count bigint NOT NULL,
	PRIMARY KEY (day, type, state)
);
CREATE TABLE job_days_end (
	is_the_only_row boolean PRIMARY KEY DEFAULT true CHECK (is_the_only_row),
	day date NOT NULL -- the first that is not counted
);
-- Rows come in this order.
CREATE INDEX jobs_ended_ended ON jobs_ended USING brin (ended_at) WITH (pages_per_range = 16, autosummarize = on);
CREATE VIEW job_end_days AS
	SELECT day, type, state, count FROM job_days
	UNION ALL
	SELECT (ended_at AT TIME ZONE 'UTC')::date, type, state, count(*) FROM jobs_ended
	WHERE ended_at >= coalesce((SELECT day::timestamp AT TIME ZONE 'UTC' FROM job_days_end), '-infinity') GROUP BY 1, 2, 3;

DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'certctl_read_only') THEN
		GRANT SELECT ON certificate_status_counts, job_days, job_days_end, job_end_days TO certctl_read_only;
	END IF;
END $$;
