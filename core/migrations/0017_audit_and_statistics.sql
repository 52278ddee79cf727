-- --- Counts that do not read the rows ---

-- Narrow, and with everything that is counted: no row is read.
CREATE INDEX managed_certificates_counted ON managed_certificates (not_after, expiring_at, issuer_id)
	WHERE archived_at IS NULL AND revoked_at IS NULL;

-- How many certificates have which status: everything by its dates, then the few whose status is not in the dates are
-- taken out and put where they belong.
CREATE VIEW certificate_status_counts AS
WITH dated AS (
	SELECT count(*) AS all_of_them, count(*) FILTER (WHERE expiring_at <= clock.now()) AS ending,
		count(*) FILTER (WHERE not_after <= clock.now()) AS expired
	FROM managed_certificates WHERE archived_at IS NULL AND revoked_at IS NULL
), special AS MATERIALIZED (
	SELECT id FROM managed_certificates WHERE version_id IS NULL AND archived_at IS NULL
	UNION SELECT id FROM managed_certificates WHERE failure IS NOT NULL AND archived_at IS NULL
	UNION SELECT certificate_id FROM jobs WHERE type IN ('Issuance', 'Renewal')
), moved AS (
	SELECT CASE WHEN c.not_after <= clock.now() THEN 'Expired' WHEN c.expiring_at <= clock.now() THEN 'Expiring' ELSE 'Active' END AS source,
		c.status AS target, count(*) AS count
	FROM special CROSS JOIN LATERAL (SELECT status, not_after, expiring_at FROM certificates
		WHERE id = special.id AND archived_at IS NULL AND revoked_at IS NULL OFFSET 0) AS c
	GROUP BY 1, 2
), counted (status, count) AS (
	SELECT unnest('{Pending,Active,Expiring,RenewalInProgress,Failed,Expired,Revoked,Archived}'::text[]), 0
	UNION ALL SELECT 'Active', all_of_them - ending FROM dated
	UNION ALL SELECT 'Expiring', ending - expired FROM dated
	UNION ALL SELECT 'Expired', expired FROM dated
	UNION ALL SELECT 'Archived', count(*) FROM managed_certificates WHERE archived_at IS NOT NULL
	UNION ALL SELECT 'Revoked', count(*) FROM managed_certificates WHERE revoked_at IS NOT NULL AND archived_at IS NULL
	UNION ALL SELECT source, -count FROM moved
	UNION ALL SELECT target, count FROM moved
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

-- --- Months of the trail that were exported and taken out ---

CREATE TABLE audit_archives (
	until_id text COLLATE "C" PRIMARY KEY,
	from_id text COLLATE "C" NOT NULL CHECK (from_id < until_id),
	origin text NOT NULL,
	events bigint NOT NULL CHECK (events >= 0),
	last_batch bigint NOT NULL,
	file_sha256 sha256_hex NOT NULL,
	"time" timestamptz NOT NULL,
	key sha256_hex NOT NULL,
	signature text NOT NULL
);
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON audit_archives FOR EACH ROW EXECUTE FUNCTION refuse_change();
SELECT protect_audit('audit_archives');
-- Only the owner of the schema says what was archived.
DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'certctl') AND current_user <> 'certctl' THEN
		REVOKE INSERT ON audit_archives FROM certctl;
	END IF;
END $$;

-- Take out the months before `until`: only with their archive on record, only after a year, and by nobody but the owner.
CREATE FUNCTION drop_audit_months(until text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	month record;
	dropped int := 0;
BEGIN
	IF NOT EXISTS (SELECT FROM audit_archives WHERE until_id = until) THEN
		RAISE EXCEPTION 'no archive ends there' USING ERRCODE = 'insufficient_privilege';
	ELSIF until > first_id('ae-', clock.now() - interval '12 months') THEN
		RAISE EXCEPTION 'the trail is kept for twelve months' USING ERRCODE = 'insufficient_privilege';
	END IF;
	PERFORM set_config('lock_timeout', '5s', true);
	FOR month IN SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent = 'audit_events'::regclass
			AND first_id('ae-', (to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month') AT TIME ZONE 'UTC') <= until LOOP
		EXECUTE format('DROP TABLE %I', month.name);
		dropped := dropped + 1;
	END LOOP;
	RETURN dropped;
END $$;
REVOKE ALL ON FUNCTION drop_audit_months(text) FROM PUBLIC;
