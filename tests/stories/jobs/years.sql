-- A fleet and its CA over years, on a clock of its own.  What certctl does is done by its own statements, which the story has made into
-- functions, run_<name>(); what agents and the CA do is done here, many at a time.
CREATE TABLE clock.simulated (now timestamptz NOT NULL);
INSERT INTO clock.simulated VALUES (pg_catalog.now());
-- Of this session while it runs: an expression that is put in the place of every call, where a look into the table would cost each of them.
SELECT set_config('simulated.now', now::text, false) FROM clock.simulated;
CREATE OR REPLACE FUNCTION clock.now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT current_setting(''simulated.now'')::timestamptz';

CREATE TABLE outages (begins timestamptz, ends timestamptz); -- of the CA
CREATE TABLE ends_seen (version_id text PRIMARY KEY, certificate_id text, seen_at timestamptz, not_after timestamptz, renewable_from timestamptz);
CREATE TABLE counts (name text PRIMARY KEY, value bigint NOT NULL);
INSERT INTO counts VALUES ('issued', 0), ('failed', 0), ('jobs failed', 0);

-- Backoff as core/platform/jobs/writes.c has it.
CREATE FUNCTION backoff_s(attempts bigint, remaining_s double precision) RETURNS bigint LANGUAGE sql VOLATILE AS $$
	SELECT 1 + floor(random() * greatest(1, least(30 * 2 ^ least(attempts - 1, 20), 86400, CASE WHEN remaining_s > 0 THEN remaining_s / 10 ELSE 86400 END)))::bigint
$$;

CREATE PROCEDURE issue(j jobs) LANGUAGE plpgsql AS $$
DECLARE
	hash text := encode(sha256(j.id::bytea), 'hex');
	now_s bigint := extract(epoch FROM clock.now());
	lifetime_s bigint := (SELECT lifetime_seconds FROM certificate_rules WHERE certificate_id = j.certificate_id);
BEGIN
	PERFORM store_issued(jsonb_build_array(jsonb_build_object('job_id', j.id, 'token', j.token, 'subject', '', 'issuer_dn', '',
		'serial_number', left(hash, 40), 'key_type', 'ECDSA_P256', 'not_before_s', now_s - 300, 'not_after_s', now_s + lifetime_s - 301,
		'fingerprint_sha256', hash, 'public_key_sha256', hash, 'leaf', '', 'chain', '')));
	UPDATE counts SET value = value + 1 WHERE name = 'issued';
END $$;

CREATE PROCEDURE fail(j jobs, what text) LANGUAGE plpgsql AS $$
DECLARE
	error jsonb := jsonb_build_object('code', 'unavailable', 'what', what, 'retryable', true);
	remaining_s double precision;
BEGIN
	UPDATE issuance_intents SET closed_at = clock.now(), outcome = 'failed' WHERE job_id = j.id AND outcome IS NULL;
	UPDATE counts SET value = value + 1 WHERE name = 'failed';
	IF j.attempts + 1 >= j.attempts_max THEN
		PERFORM run_job_end(j.id, j.token, 'Failed', error, NULL, NULL, NULL);
		UPDATE counts SET value = value + 1 WHERE name = 'jobs failed';
		RETURN;
	END IF;
	SELECT extract(epoch FROM v.not_after - clock.now()) INTO remaining_s
	FROM placements p JOIN certificate_versions v ON v.id = p.version_id WHERE p.id = j.placement_id;
	PERFORM run_job_release(j.id, j.token, 'Pending', 'issue', backoff_s(j.attempts + 1, remaining_s), error, NULL, NULL, NULL);
END $$;

-- One look of everybody at what there is to do.
CREATE PROCEDURE tick(failure_rate double precision) LANGUAGE plpgsql AS $$
DECLARE
	j jobs;
	is_away boolean := EXISTS (SELECT FROM outages WHERE clock.now() BETWEEN begins AND ends);
BEGIN
	WHILE run_renewal_scan() > 0 LOOP END LOOP;
	PERFORM run_jobs_prioritize();
	-- the agents make keys and requests
	UPDATE jobs SET state = 'Pending', step = 'issue', csr = '', csr_sha256 = encode(sha256(id::bytea), 'hex'), run_at = clock.now()
	WHERE state = 'AwaitingCSR' AND due_at <= clock.now();
	PERFORM run_job_claim('sim', 3600, ARRAY['issuer/iss-sim'], ARRAY[1000000], 1000000);
	FOR j IN SELECT * FROM jobs WHERE state = 'Running' LOOP
		UPDATE jobs SET attempts = attempts + 1 WHERE id = j.id;
		INSERT INTO issuance_intents (job_id, attempt, issuer_id, serial_number, not_before, not_after, csr_sha256, token, is_reserving)
		VALUES (j.id, j.attempts + 1, 'iss-sim', left(encode(sha256(j.id::bytea), 'hex'), 40), clock.now(), clock.now() + interval '1 day',
			j.csr_sha256, j.token, j.attempts = 0);
		IF is_away THEN
			CALL fail(j, 'the CA is away');
		ELSIF random() < failure_rate THEN
			CALL fail(j, 'the CA had a bad moment');
		ELSE
			CALL issue(j);
		END IF;
	END LOOP;
	WHILE run_alarms_scan() > 0 LOOP END LOOP;
	-- Of the versions in force, not of all there ever were.
	INSERT INTO ends_seen (version_id, certificate_id, seen_at, not_after, renewable_from)
	SELECT v.id, v.certificate_id, clock.now(), v.not_after, plan_renewal(v.not_before, v.not_after, v.certificate_id, NULL)
	FROM managed_certificates c JOIN placements p ON p.certificate_id = c.id JOIN certificate_versions v ON v.id = p.version_id
	WHERE c.not_after <= clock.now() AND v.not_after <= clock.now() ON CONFLICT DO NOTHING;
END $$;

CREATE PROCEDURE live(days int, step interval, failure_rate double precision) LANGUAGE plpgsql AS $$
DECLARE
	moment timestamptz := (SELECT now FROM clock.simulated);
	ends timestamptz := moment + make_interval(days => days);
BEGIN
	WHILE moment < ends LOOP
		moment := moment + step;
		PERFORM set_config('simulated.now', moment::text, false);
		PERFORM run_partitions_make();
		CALL tick(failure_rate);
		COMMIT;
	END LOOP;
	-- It stands still for everybody who looks at what came of it.
	EXECUTE format('CREATE OR REPLACE FUNCTION clock.now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS %L',
		format('SELECT %L::timestamptz', moment));
END $$;

-- So many certificates of each of these lives, and an agent for them.
INSERT INTO issuers (id, name, type, source) VALUES ('iss-sim', 'simulated', 'none', 'file');
INSERT INTO agents (id, name, last_heartbeat_at) VALUES ('agent-sim', 'simulated', clock.now());
INSERT INTO managed_certificates (id, name, names, key_type, issuer_id, lifetime_seconds)
SELECT 'mc-sim' || n, 'sim' || n, jsonb_build_array(jsonb_build_object('type', 'dns', 'value', 's' || n || '.example.com')), 'ECDSA_P256', 'iss-sim',
	86400 * (ARRAY[90, 47, 90, 47, 90, 47, 90, 47, 47, 6])[n % 10 + 1] FROM generate_series(1, :count) AS n;
INSERT INTO placements (certificate_id, agent_id) SELECT id, 'agent-sim' FROM managed_certificates;
INSERT INTO outages SELECT clock.now() + make_interval(days => day), clock.now() + make_interval(days => day + 7)
FROM unnest(ARRAY[45, 130, 210, 300, 420, 610]) AS day;
