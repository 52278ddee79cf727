-- What always holds, as queries that return no rows.  `-- name: what is broken when there are rows`; run by invariants.py as the
-- schema's owner, while the programs run.

-- name: a lease that ended long ago is taken up by nobody
SELECT id, state, lease_until FROM jobs
WHERE lease_until < now() - interval '30 seconds'
	AND (step = 'issue' OR EXISTS (SELECT FROM agents a WHERE a.id = jobs.agent_id AND a.last_heartbeat_at > now() - interval '10 seconds'));

-- name: two live issuances of one placement
SELECT placement_id FROM jobs WHERE type IN ('Issuance', 'Renewal') GROUP BY placement_id HAVING count(*) > 1;

-- name: two live deployments of one certificate to one target
SELECT certificate_id, target_id FROM jobs WHERE type = 'Deployment' GROUP BY certificate_id, agent_id, target_id HAVING count(*) > 1;

-- name: a job is live and ended
SELECT id FROM jobs JOIN jobs_ended USING (id);

-- name: a job released more than one certificate
SELECT job_id FROM certificate_versions GROUP BY job_id HAVING count(*) > 1;

-- name: an ended attempt left its intent open
SELECT i.job_id, i.attempt FROM issuance_intents i JOIN jobs_ended j ON j.id = i.job_id
WHERE i.outcome IS NULL AND j.state = 'Completed';

-- name: a completed issuance has no version, or its version no event, in one transaction
SELECT j.id FROM jobs_ended j LEFT JOIN certificate_versions v ON v.job_id = j.id
LEFT JOIN audit_events e ON e.resource_type = 'certificate' AND e.details ->> 'version_id' = v.id
	AND e.action IN ('certificate_issued', 'certificate_renewed')
LEFT JOIN audit_events s ON s.resource_type = 'job' AND s.resource_id = j.id AND s.details ->> 'to' = 'Completed'
WHERE j.type IN ('Issuance', 'Renewal') AND j.state = 'Completed' AND (v.id IS NULL OR e.id IS NULL OR s.txid IS DISTINCT FROM e.txid);

-- name: a version in force is neither deployed, nor on its way, nor replaced, nor to be tried again
SELECT b.id FROM bindings b
WHERE b.desired_version_id IS DISTINCT FROM b.deployed_version_id AND b.retry_at IS NULL
	AND NOT EXISTS (SELECT FROM jobs j WHERE j.type = 'Deployment' AND j.certificate_id = b.certificate_id AND j.target_id = b.target_id);

-- name: a target went back to an older version without being told to
SELECT j.id FROM jobs_ended j JOIN certificate_versions v ON v.id = j.version_id
WHERE j.type = 'Deployment' AND j.state = 'Completed' AND NOT j.is_rollback AND EXISTS (
	SELECT FROM jobs_ended before JOIN certificate_versions newer ON newer.id = before.version_id
	WHERE before.type = 'Deployment' AND before.state = 'Completed' AND before.placement_id = j.placement_id
		AND before.target_id = j.target_id AND before.id < j.id AND before.ended_at <= j.created_at
		AND newer.sequence > v.sequence
		AND NOT EXISTS (SELECT FROM jobs_ended told WHERE told.type = 'Deployment' AND told.placement_id = j.placement_id
			AND told.target_id = j.target_id AND told.is_rollback AND told.id > before.id AND told.id < j.id));

-- name: more attempts than allowed
SELECT id FROM jobs_all WHERE attempts > attempts_max;

-- name: more issued than asked for: a serial without intent
SELECT v.id FROM certificate_versions v
WHERE NOT EXISTS (SELECT FROM issuance_intents i WHERE i.job_id = v.job_id AND i.issuer_id = v.issuer_id
	AND i.serial_number = v.serial_number AND i.not_after = v.not_after AND i.csr_sha256 = v.csr_sha256);

-- name: two versions share a key
SELECT public_key_sha256 FROM certificate_versions GROUP BY public_key_sha256 HAVING count(*) > 1;

-- name: a change of state is not in the trail
SELECT j.id, j.state FROM jobs_all j
WHERE NOT EXISTS (SELECT FROM audit_events e WHERE e.resource_type = 'job' AND e.resource_id = j.id
	AND coalesce(e.details ->> 'to', e.details ->> 'state') = j.state);

-- name: an expiring certificate is forgotten: inside its last third, and nothing is going to happen
SELECT p.id FROM placements p JOIN managed_certificates c ON c.id = p.certificate_id JOIN agents a ON a.id = p.agent_id
LEFT JOIN certificate_versions v ON v.id = p.version_id
WHERE c.archived_at IS NULL AND a.retired_at IS NULL
	AND (v.id IS NULL OR v.not_after - (v.not_after - v.not_before) / 3 <= now())
	AND NOT EXISTS (SELECT FROM jobs j WHERE j.placement_id = p.id AND j.type IN ('Issuance', 'Renewal'))
	AND NOT coalesce(p.renew_at > now() - interval '30 seconds', false);
