-- What happens after a failure: nothing that should be and is not is ever forgotten.

-- A tenth of the time that is left until `moment`, or that has passed since, give or take a quarter: the nearer the end, the
-- sooner, and what has been broken for long is asked for once a day.
CREATE FUNCTION retry_after(moment timestamptz) RETURNS interval LANGUAGE sql VOLATILE AS
	$$ SELECT make_interval(secs => greatest(10, least(86400, abs(extract(epoch FROM moment - clock.now())) / 10)::double precision)
		* (0.75 + random() / 2)) $$;

-- When a target whose deployment failed gets its version again; null: at once.
ALTER TABLE bindings ADD COLUMN retry_at timestamptz;
CREATE INDEX bindings_retry ON bindings (retry_at) WHERE desired_version_id IS DISTINCT FROM deployed_version_id;

-- No statement that ends a job can forget what comes after it: the timers find these times.
CREATE FUNCTION plan_next_attempts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE placements SET renew_at = clock.now() + retry_after(failed.moment)
	FROM (SELECT p.id, coalesce(v.not_after, c.created_at) AS moment
		FROM changed JOIN placements p ON p.id = changed.placement_id JOIN managed_certificates c ON c.id = p.certificate_id
		LEFT JOIN certificate_versions v ON v.id = p.version_id
		WHERE changed.type IN ('Issuance', 'Renewal') AND changed.state <> 'Completed') AS failed
	WHERE placements.id = failed.id;
	UPDATE bindings SET retry_at = clock.now() + retry_after(failed.moment)
	FROM (SELECT b.id, coalesce(v.not_after, c.created_at) AS moment
		FROM changed JOIN bindings b ON b.certificate_id = changed.certificate_id AND b.target_id = changed.target_id
		JOIN managed_certificates c ON c.id = b.certificate_id LEFT JOIN certificate_versions v ON v.id = b.deployed_version_id
		WHERE changed.type = 'Deployment' AND changed.state = 'Failed') AS failed
	WHERE bindings.id = failed.id;
	RETURN NULL;
END $$;
CREATE TRIGGER plan_next_attempts AFTER INSERT ON jobs_ended REFERENCING NEW TABLE AS changed
	FOR EACH STATEMENT EXECUTE FUNCTION plan_next_attempts();

-- Who asked for a job: an operator, or the server itself.
CREATE OR REPLACE FUNCTION audit_new_jobs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO audit_events (action, actor, actor_type, resource_type, resource_id, details)
	SELECT 'job_created', created_by, CASE created_by WHEN 'certctld' THEN 'server' ELSE 'user' END, 'job', id,
		jsonb_build_object('type', type, 'state', state, 'certificate_id', certificate_id)
	FROM changed;
	RETURN NULL;
END $$;

-- As before, and: what a failing target says, and the next time that anything happens by itself.
CREATE OR REPLACE VIEW certificates AS
SELECT c.id, c.name, c.common_name,
	(SELECT jsonb_agg(element ->> 'value') FROM jsonb_array_elements(c.names) AS element) AS sans,
	v.subject, c.issuer_id, v.issuer_dn, v.serial_number, c.key_type, v.not_before, v.not_after, v.fingerprint_sha256,
	CASE
		WHEN c.archived_at IS NOT NULL THEN 'Archived'
		WHEN v.id IS NULL THEN CASE WHEN live.id IS NULL AND ended.state = 'Failed' THEN 'Failed' ELSE 'Pending' END
		WHEN v.not_after <= clock.now() THEN 'Expired'
		WHEN live.id IS NOT NULL THEN 'RenewalInProgress'
		WHEN ended.state = 'Failed' THEN 'Failed'
		-- the largest alert threshold, and never more than the last third of a short life
		WHEN v.not_after - least(interval '30 days', (v.not_after - v.not_before) / 3) <= clock.now() THEN 'Expiring'
		ELSE 'Active'
	END AS status,
	coalesce(CASE WHEN live.id IS NOT NULL THEN live.error ->> 'what' WHEN ended.state = 'Failed' THEN ended.error ->> 'what' END,
		(SELECT (b.target_id || ': ' || (failed.error ->> 'what')) COLLATE "default" FROM bindings b CROSS JOIN LATERAL (SELECT state, error FROM jobs_ended
			WHERE certificate_id = c.id AND target_id = b.target_id AND type = 'Deployment' ORDER BY id DESC LIMIT 1) AS failed
		WHERE b.certificate_id = c.id AND b.desired_version_id IS DISTINCT FROM b.deployed_version_id AND failed.state = 'Failed'
		ORDER BY b.target_id LIMIT 1)) AS status_reason,
	CASE WHEN c.archived_at IS NULL THEN least(
		coalesce(live.run_at, (SELECT min(renew_at) FROM placements WHERE certificate_id = c.id)),
		(SELECT min(retry_at) FROM bindings
			WHERE certificate_id = c.id AND desired_version_id IS DISTINCT FROM deployed_version_id)) END AS next_action_at,
	c.must_staple, c.lifetime_seconds, c.environment, to_jsonb(c.tags) AS tags,
	(SELECT coalesce(jsonb_agg(target_id ORDER BY target_id), '[]') FROM bindings WHERE certificate_id = c.id) AS target_ids,
	(SELECT coalesce(jsonb_agg(agent_id ORDER BY agent_id), '[]') FROM placements WHERE certificate_id = c.id) AS agent_ids,
	(SELECT min(issued_at) FROM certificate_versions WHERE certificate_id = c.id) AS issued_at,
	CASE WHEN v.sequence > 1 THEN v.issued_at END AS renewed_at,
	(SELECT max(deployed_at) FROM bindings WHERE certificate_id = c.id) AS deployed_at,
	c.created_at, c.updated_at, v.id AS version_id
FROM managed_certificates c
LEFT JOIN LATERAL (SELECT ver.*, p.renew_at FROM placements p JOIN certificate_versions ver ON ver.id = p.version_id
	WHERE p.certificate_id = c.id ORDER BY ver.not_after LIMIT 1) AS v ON true
LEFT JOIN LATERAL (SELECT id, run_at, error FROM jobs
	WHERE certificate_id = c.id AND type IN ('Issuance', 'Renewal') ORDER BY id LIMIT 1) AS live ON true
LEFT JOIN LATERAL (SELECT state, error FROM jobs_ended
	WHERE certificate_id = c.id AND type IN ('Issuance', 'Renewal') ORDER BY id DESC LIMIT 1) AS ended ON true;
