-- What a certificate looks like from outside.  Its status is derived from facts, never stored.
CREATE VIEW certificates AS
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
	CASE WHEN live.id IS NOT NULL THEN live.error ->> 'what' WHEN ended.state = 'Failed' THEN ended.error ->> 'what' END
		AS status_reason,
	coalesce(live.run_at, v.renew_at) AS next_action_at,
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
