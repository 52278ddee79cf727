-- What the configuration needs: versions that are compared, secrets of connectors, notifiers.

-- Does a version begin like this, number by number ("1.4": 1.4.2, not 1.40), or compare so (">=1.4")?
CREATE FUNCTION version_matches(version text, condition text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
	sign text := substring(condition FROM '^[<>]=?|^=');
	wanted int[] := string_to_array(substring(condition FROM '[0-9][0-9.]*$'), '.')::int[];
	there int[] := string_to_array(substring(version FROM '^[0-9]{1,9}(?:\.[0-9]{1,9})*'), '.')::int[];
BEGIN
	-- 1.4 is 1.4.0
	WHILE sign IS NOT NULL AND cardinality(there) < cardinality(wanted) LOOP
		there := there || 0;
	END LOOP;
	WHILE sign IS NOT NULL AND cardinality(wanted) < cardinality(there) LOOP
		wanted := wanted || 0;
	END LOOP;
	RETURN coalesce(CASE coalesce(sign, '')
		WHEN '>=' THEN there >= wanted
		WHEN '<=' THEN there <= wanted
		WHEN '>' THEN there > wanted
		WHEN '<' THEN there < wanted
		WHEN '=' THEN there = wanted
		ELSE there[:cardinality(wanted)] = wanted END, false);
END $$;

-- Connectors made over the API: their options without secrets in `options`, the whole sealed beside it; those of files have neither.
ALTER TABLE issuers
	ALTER COLUMN source SET DEFAULT 'api',
	ADD COLUMN sealed bytea CHECK (octet_length(sealed) <= 262144),
	ADD COLUMN key_id text COLLATE "C" CHECK (key_id ~ '^[0-9a-f]{16}$'),
	ADD COLUMN revision bigint NOT NULL DEFAULT 1; -- rises with what an instance is opened with

CREATE TABLE notifiers (
	id object_id PRIMARY KEY DEFAULT make_id('ntf-'),
	name text NOT NULL UNIQUE,
	type text NOT NULL,
	options jsonb NOT NULL DEFAULT '{}',
	source text NOT NULL DEFAULT 'api' CHECK (source IN ('file', 'api')),
	enabled boolean NOT NULL DEFAULT true,
	events text[] NOT NULL DEFAULT '{}', -- that it is told of whatever policies say; empty: all of them
	item_options jsonb NOT NULL DEFAULT '{}', -- recipient, channel, routing key
	sealed bytea CHECK (octet_length(sealed) <= 262144),
	key_id text COLLATE "C" CHECK (key_id ~ '^[0-9a-f]{16}$'),
	revision bigint NOT NULL DEFAULT 1,
	created_at timestamptz NOT NULL DEFAULT clock.now(),
	updated_at timestamptz NOT NULL DEFAULT clock.now()
);

CREATE INDEX targets_agent ON targets (agent_id);
CREATE INDEX targets_type ON targets (type, id);
