-- What every later table stands on: the clock, ids, partitions.

-- All decisions ask clock.now().  Tests in a database of their own replace it; production code has no test branches.
CREATE SCHEMA clock;
CREATE FUNCTION clock.now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT pg_catalog.now()';

-- The smallest id of a moment: prefix, 12 hexadecimal digits of milliseconds.  Ids sort by time.
CREATE FUNCTION first_id(prefix text, moment timestamptz) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
	$$ SELECT prefix || lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') $$;
-- ... and 12 random ones.
CREATE FUNCTION make_id(prefix text) RETURNS text LANGUAGE sql VOLATILE AS
	$$ SELECT first_id(prefix, clock.now()) || left(replace(gen_random_uuid()::text, '-', ''), 12) $$;

-- Ids that callers may choose: they stand in URLs, file names and logs.
CREATE DOMAIN object_id AS text COLLATE "C" CHECK (VALUE ~ '^[a-z0-9][a-z0-9.-]{0,62}$');
CREATE DOMAIN sha256_hex AS text COLLATE "C" CHECK (VALUE ~ '^[0-9a-f]{64}$');

-- Months of a table that is partitioned by a time-ordered id, made ahead of time.
CREATE FUNCTION make_partitions(parent text, prefix text, months_ahead int) RETURNS void LANGUAGE plpgsql
	SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
	month timestamptz := date_trunc('month', clock.now());
	name text;
BEGIN
	IF parent NOT IN ('audit_events', 'jobs_ended') THEN
		RAISE EXCEPTION '% is not partitioned by us', parent;
	END IF;
	FOR i IN 0..months_ahead LOOP
		name := parent || to_char(month, '_YYYY_MM');
		IF to_regclass('public.' || name) IS NULL THEN
			EXECUTE format('CREATE TABLE public.%I PARTITION OF public.%I FOR VALUES FROM (%L) TO (%L)', name, parent,
				public.first_id(prefix, month), public.first_id(prefix, month + interval '1 month'));
			IF parent = 'audit_events' THEN
				PERFORM public.protect_audit(name);
			END IF;
		END IF;
		month := month + interval '1 month';
	END LOOP;
END $$;
REVOKE ALL ON FUNCTION make_partitions(text, text, int) FROM PUBLIC;

-- On the private cluster the roles are there; elsewhere the administrator decides whether they are.
DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'certctl') AND current_user <> 'certctl' THEN
		GRANT USAGE ON SCHEMA clock TO certctl;
		GRANT EXECUTE ON FUNCTION make_partitions(text, text, int) TO certctl;
		ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO certctl;
		ALTER DEFAULT PRIVILEGES GRANT USAGE, SELECT ON SEQUENCES TO certctl;
		GRANT SELECT ON schema_migrations TO certctl;
	END IF;
	IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'certctl_read_only') AND current_user <> 'certctl_read_only' THEN
		GRANT USAGE ON SCHEMA clock TO certctl_read_only;
	END IF;
END $$;
