-- Many at once: what is written for each certificate is written for all of a batch, in one statement and one commit.

-- --- The request ---

-- Pass a job on to its issuer.  Null: done; 'gone': it is in another state, or somebody else's; 'foreign': its key was seen under another
-- certificate; 'used': it had this key before.  The first placement that showed a key keeps it.
CREATE FUNCTION take_request(job text, held_token bigint, request text, request_sha256 text, key_sha256 text, may_reuse boolean) RETURNS text
	LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
	placement text := (SELECT placement_id FROM jobs WHERE id = job AND token = held_token AND state = 'AwaitingCSR' FOR UPDATE);
	keeper text;
BEGIN
	IF placement IS NULL THEN
		RETURN 'gone';
	END IF;
	INSERT INTO certificate_keys AS k (public_key_sha256, placement_id) VALUES (key_sha256, placement)
	ON CONFLICT (public_key_sha256) DO UPDATE SET placement_id = k.placement_id RETURNING placement_id INTO keeper;
	IF keeper <> placement THEN
		RETURN 'foreign';
	ELSIF NOT may_reuse AND EXISTS (SELECT FROM certificate_versions v WHERE v.placement_id = placement AND v.public_key_sha256 = key_sha256) THEN
		RETURN 'used';
	END IF;
	UPDATE jobs SET state = 'Pending', step = 'issue', csr = request, csr_sha256 = request_sha256, csr_token = held_token,
		public_key_sha256 = key_sha256, lease_until = NULL, worker = NULL, run_at = clock.now(), updated_at = clock.now()
	WHERE id = job;
	RETURN NULL;
END $$;

-- --- The intent ---

-- When a lifetime begins for a certificate asked for now: a little back, so that slow clocks accept it; of one that lives minutes a
-- twentieth, or little would be left of it.
CREATE FUNCTION order_begin(lifetime_seconds bigint) RETURNS timestamptz LANGUAGE sql STABLE AS
	$$ SELECT date_trunc('second', clock.now()) - make_interval(secs => least(300, lifetime_seconds / 20)::double precision) $$;

-- Everything that the order of a job is made of, and what its earlier attempts left.
CREATE VIEW issuance_orders AS
SELECT j.id, j.type, j.attempts, j.attempts_max, j.csr, j.csr_sha256, j.public_key_sha256, j.saved_state, j.saved_state_version, j.error,
	c.names, c.common_name, c.key_type, r.must_staple, r.lifetime_seconds, c.issuer_id, r.short_lived, c.profile_id,
	array_to_string(r.extended_key_usages, ',') AS extended_key_usages,
	(SELECT encode(sha256(convert_to((to_jsonb(prof) - '{created_at,updated_at}'::text[])::text, 'UTF8')), 'hex') FROM profiles prof
		WHERE prof.id = c.profile_id) AS profile_hash,
	CASE WHEN before.issuer_id = c.issuer_id THEN before.leaf END AS replaces,
	coalesce(before.public_key_sha256 = j.public_key_sha256, false) AS keeps_key,
	extract(epoch FROM before.not_after - clock.now())::bigint AS remaining_s,
	asked.open_intents, asked.orphaned_intents, coalesce(latest.outcome = 'pending', false) AS is_pending,
	extract(epoch FROM asked.open_since + make_interval(secs => i.unknown_hold_seconds) - clock.now())::bigint AS hold_s,
	kept.serial_number, kept.not_before, kept.not_after
FROM jobs j JOIN managed_certificates c ON c.id = j.certificate_id JOIN certificate_rules r ON r.certificate_id = c.id
JOIN issuers i ON i.id = c.issuer_id JOIN placements p ON p.id = j.placement_id
LEFT JOIN certificate_versions before ON before.id = p.version_id
CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE outcome IS NULL) AS open_intents,
	count(*) FILTER (WHERE outcome = 'orphaned') AS orphaned_intents, min(opened_at) FILTER (WHERE outcome IS NULL) AS open_since
	FROM issuance_intents WHERE job_id = j.id) AS asked
LEFT JOIN LATERAL (SELECT * FROM issuance_intents WHERE job_id = j.id ORDER BY attempt DESC LIMIT 1) AS latest ON true
LEFT JOIN LATERAL (SELECT latest.*
	-- what the CA has certainly refused, long ago, is asked for afresh: its dates would be stale; what was given up stays given up
	WHERE latest.outcome IS DISTINCT FROM 'orphaned' AND (latest.outcome IS DISTINCT FROM 'failed'
		OR latest.opened_at > clock.now() - make_interval(secs => r.lifetime_seconds / 10))) AS kept ON true;

-- --- The outcome ---

-- What should be at the targets of these placements and is not: a job for each binding, or one for a placement that nothing serves.
-- Older ones that nobody has begun are replaced.
CREATE FUNCTION request_deployments(placements text[], asked_by text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF EXISTS (SELECT FROM jobs WHERE placement_id = ANY (placements) AND type = 'Deployment' AND state = 'Pending') THEN
		WITH gone AS (DELETE FROM jobs WHERE placement_id = ANY (placements) AND type = 'Deployment' AND state = 'Pending' RETURNING *)
		INSERT INTO jobs_ended (id, type, state, step, priority, certificate_id, placement_id, agent_id, issuer_id, target_id, version_id,
			is_rollback, run_at, token, claims, attempts, attempts_max, hold_reason, error, report, created_by, created_at, started_at,
			updated_at, runner)
		SELECT id, type, 'Cancelled', step, priority, certificate_id, placement_id, agent_id, issuer_id, target_id, version_id,
			is_rollback, run_at, token, claims, attempts, attempts_max, 'superseded', error, report, created_by, created_at, started_at,
			clock.now(), runner
		FROM gone;
	END IF;
	INSERT INTO jobs (type, state, step, certificate_id, placement_id, agent_id, target_id, version_id, is_rollback, created_by)
	SELECT 'Deployment', 'Pending', 'deploy', p.certificate_id, p.id, p.agent_id, b.target_id, v.id,
		coalesce(v.sequence < b.deployed_sequence, false), asked_by
	FROM placements p LEFT JOIN bindings b ON b.certificate_id = p.certificate_id AND b.agent_id = p.agent_id
	JOIN certificate_versions v ON v.id = coalesce(b.desired_version_id, p.version_id)
	WHERE p.id = ANY ($1) AND p.ended_at IS NULL AND (b.id IS NULL OR b.desired_version_id IS DISTINCT FROM b.deployed_version_id)
	ORDER BY p.id, b.target_id
	ON CONFLICT DO NOTHING;
END $$;

-- Certificates that CAs have issued: version, placement, bindings, audit event, deployment jobs and the end of the job, for all of them
-- at once.  `issued`: a list of {job_id, token, subject, issuer_dn, serial_number, key_type, not_before_s, not_after_s,
-- fingerprint_sha256, public_key_sha256, leaf, chain}.  A job that is not among the ids returned is somebody else's by now, and nothing
-- was written for it.
CREATE FUNCTION store_issued(issued jsonb) RETURNS SETOF text LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
	stored text[];
	places text[];
	certificates text[];
BEGIN
	WITH given AS (SELECT * FROM jsonb_to_recordset(issued) AS given (job_id text, token bigint, subject text, issuer_dn text,
		serial_number text, key_type text, not_before_s bigint, not_after_s bigint, fingerprint_sha256 text, public_key_sha256 text,
		leaf text, chain text)),
	held AS (SELECT j.id, j.certificate_id, j.placement_id, j.csr_sha256
		FROM given g JOIN jobs j ON j.id = g.job_id AND j.token = g.token AND j.state = 'Running' ORDER BY j.certificate_id, j.id
		FOR UPDATE OF j),
	made AS (INSERT INTO certificate_versions (job_id, certificate_id, placement_id, sequence, issuer_id, serial_number, subject,
			issuer_dn, key_type, not_before, not_after, fingerprint_sha256, public_key_sha256, csr_sha256, leaf, chain)
		SELECT held.id, held.certificate_id, held.placement_id, coalesce((SELECT max(v.sequence) FROM certificate_versions v
				WHERE v.placement_id = held.placement_id), 0) + 1,
			(SELECT i.issuer_id FROM issuance_intents i WHERE i.job_id = held.id ORDER BY i.attempt DESC LIMIT 1), g.serial_number,
			g.subject, g.issuer_dn, g.key_type, to_timestamp(g.not_before_s), to_timestamp(g.not_after_s), g.fingerprint_sha256,
			g.public_key_sha256, held.csr_sha256, g.leaf, g.chain
		FROM held JOIN given g ON g.job_id = held.id RETURNING job_id, placement_id, certificate_id)
	SELECT array_agg(m.job_id), array_agg(m.placement_id::text), array_agg(DISTINCT m.certificate_id::text)
	INTO stored, places, certificates FROM made m;
	IF stored IS NULL THEN
		RETURN;
	END IF;

	UPDATE issuance_intents SET closed_at = clock.now(), outcome = 'issued' WHERE job_id = ANY (stored) AND outcome IS NULL;
	-- while the placement still has the version before
	INSERT INTO audit_events (action, actor, actor_type, resource_type, resource_id, details)
	SELECT CASE WHEN before.id IS NULL THEN 'certificate_issued' ELSE 'certificate_renewed' END, 'certctld', 'server', 'certificate',
		v.certificate_id, jsonb_strip_nulls(jsonb_build_object('issuer_id', v.issuer_id, 'serial_number', v.serial_number,
			'old_serial_number', before.serial_number, 'version_id', v.id, 'csr_sha256', v.csr_sha256, 'key_made_by', p.agent_id,
			'job_id', v.job_id, 'fingerprint_sha256', v.fingerprint_sha256))
	FROM certificate_versions v JOIN placements p ON p.id = v.placement_id LEFT JOIN certificate_versions before ON before.id = p.version_id
	WHERE v.job_id = ANY (stored);
	-- What was said about the version before is settled.
	UPDATE placements p SET version_id = v.id, failures = 0, failure = NULL, renew_at = plan_renewal(v.not_before, v.not_after, c.id, pol),
		alert_at = next_alert(v.not_before, v.not_after, coalesce(pol.alert_thresholds_days, '{30,14,7,0}'))
	FROM certificate_versions v JOIN managed_certificates c ON c.id = v.certificate_id LEFT JOIN policies pol ON pol.id = c.policy_id
	WHERE v.job_id = ANY (stored) AND p.id = v.placement_id;
	UPDATE alarms SET resolved_at = clock.now(), updated_at = clock.now()
	WHERE placement_id = ANY (places) AND resolved_at IS NULL AND kind <> 'deployment_failed';
	IF EXISTS (SELECT FROM bindings WHERE certificate_id = ANY (certificates)) THEN
		UPDATE bindings b SET desired_version_id = p.version_id, retry_at = NULL FROM placements p
		WHERE p.id = ANY (places) AND b.certificate_id = p.certificate_id AND b.agent_id = p.agent_id;
	END IF;
	PERFORM request_deployments(places, 'certctld');
	WITH gone AS (DELETE FROM jobs WHERE id = ANY (stored) RETURNING *)
	INSERT INTO jobs_ended (id, type, state, step, priority, certificate_id, placement_id, agent_id, issuer_id, version_id, run_at, worker,
		token, claims, attempts, attempts_max, csr, csr_sha256, csr_token, public_key_sha256, created_by, created_at, started_at,
		updated_at, runner, approve_until, approved_by)
	SELECT gone.id, gone.type, 'Completed', gone.step, gone.priority, gone.certificate_id, gone.placement_id, gone.agent_id,
		gone.issuer_id, v.id, gone.run_at, gone.worker, gone.token, gone.claims, gone.attempts, gone.attempts_max, gone.csr,
		gone.csr_sha256, gone.csr_token, gone.public_key_sha256, gone.created_by, gone.created_at, gone.started_at, clock.now(),
		gone.runner, gone.approve_until, gone.approved_by
	FROM gone JOIN certificate_versions v ON v.job_id = gone.id;
	RETURN QUERY SELECT unnest(stored);
END $$;

-- --- What a certificate shows of its placements ---

-- Another version or another end is a fact of many columns.  A time alone, of a hundred thousand at once when a policy changes or a CA
-- is replaced, is one join and touches nothing else of the rows.
CREATE OR REPLACE FUNCTION keep_changed_placement_facts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	ids text[] := (SELECT array_agg(DISTINCT n.certificate_id::text) FROM changed n JOIN before o ON o.id = n.id
		WHERE (n.version_id, n.ended_at) IS DISTINCT FROM (o.version_id, o.ended_at));
BEGIN
	IF ids IS NOT NULL THEN
		PERFORM refresh_placement_facts(ids);
	END IF;
	UPDATE managed_certificates c SET renew_at = f.renew_at, failure = f.failure
	FROM (SELECT p.certificate_id, min(p.renew_at) AS renew_at, min(p.failure) AS failure
		FROM (SELECT DISTINCT n.certificate_id FROM changed n JOIN before o ON o.id = n.id
			WHERE (n.version_id, n.ended_at) IS NOT DISTINCT FROM (o.version_id, o.ended_at)
				AND (n.renew_at, n.failure) IS DISTINCT FROM (o.renew_at, o.failure)) AS moved
		JOIN placements p ON p.certificate_id = moved.certificate_id WHERE p.ended_at IS NULL GROUP BY p.certificate_id) AS f
	WHERE c.id = f.certificate_id AND (c.renew_at, c.failure) IS DISTINCT FROM (f.renew_at, f.failure);
	RETURN NULL;
END $$;

-- --- References ---

-- A job's placement says which certificate and agent it has, and its version is of that placement: each reference of its own would
-- lock one more row of another table for each job, the issuer's for all of them.
ALTER TABLE jobs DROP CONSTRAINT jobs_certificate_id_fkey, DROP CONSTRAINT jobs_agent_id_fkey, DROP CONSTRAINT jobs_issuer_id_fkey,
	DROP CONSTRAINT jobs_version_id_fkey;
ALTER TABLE issuance_intents DROP CONSTRAINT issuance_intents_issuer_id_fkey;
-- The rare side looks: an issuer that a job waits for, or that was asked, is not deleted.
CREATE FUNCTION keep_issuer_of_jobs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF EXISTS (SELECT FROM jobs WHERE runner = 'issuer/' || OLD.id) OR EXISTS (SELECT FROM issuance_intents WHERE issuer_id = OLD.id) THEN
		RAISE EXCEPTION 'issuer % is still referenced by jobs', OLD.id USING ERRCODE = 'foreign_key_violation',
			DETAIL = format('Key (id)=(%s) is still referenced from table "jobs".', OLD.id);
	END IF;
	RETURN OLD;
END $$;
CREATE TRIGGER keep_issuer_of_jobs BEFORE DELETE ON issuers FOR EACH ROW EXECUTE FUNCTION keep_issuer_of_jobs();
