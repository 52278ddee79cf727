-- What always holds, as queries that return no rows: each row would be something broken, `id` and `detail` say what.  GET /api/v1/doctor
-- runs them, and so does every story at its end.  The sentence above a query is what it says when there are rows.
-- They ask the tables, not the engine's own bookkeeping.  What looks into the trail looks at the last two days.

-- A lease that ended long ago is taken up by nobody.
-- name: invariant_lease
SELECT id, format('%s, lease until %s', state, lease_until) AS detail FROM jobs
WHERE lease_until < clock.now() - interval '30 seconds'
	AND (step = 'issue' OR EXISTS (SELECT FROM agents a WHERE a.id = jobs.agent_id AND a.last_heartbeat_at > clock.now() - interval '10 seconds'))
LIMIT 11;

-- Two live issuances of one placement.
-- name: invariant_one_issuance
SELECT placement_id AS id, count(*)::text AS detail FROM jobs WHERE type IN ('Issuance', 'Renewal') GROUP BY placement_id HAVING count(*) > 1
LIMIT 11;

-- Two live deployments of one certificate to one target.
-- name: invariant_one_deployment
SELECT certificate_id AS id, coalesce(target_id, agent_id) AS detail FROM jobs WHERE type = 'Deployment'
GROUP BY certificate_id, agent_id, target_id HAVING count(*) > 1
LIMIT 11;

-- A job is live and ended.
-- name: invariant_live_or_ended
SELECT jobs.id, jobs_ended.state AS detail FROM jobs JOIN jobs_ended USING (id)
LIMIT 11;

-- A job released more than one certificate.
-- name: invariant_one_certificate
SELECT job_id AS id, count(*)::text AS detail FROM certificate_versions GROUP BY job_id HAVING count(*) > 1
LIMIT 11;

-- A completed job left an intent open.
-- name: invariant_intent_closed
SELECT i.job_id AS id, i.attempt::text AS detail FROM issuance_intents i JOIN jobs_ended j ON j.id = i.job_id
WHERE i.outcome IS NULL AND j.state = 'Completed'
LIMIT 11;

-- A CA was asked again while nobody knew what came of the attempt before, or a third time.
-- name: invariant_asked_again
SELECT job_id AS id, count(*)::text AS detail FROM issuance_intents WHERE outcome IS NULL OR outcome = 'orphaned'
GROUP BY job_id HAVING count(*) > 2
LIMIT 11;

-- A completed issuance has no version, or its version no event, from one transaction.
-- name: invariant_completed_whole
SELECT j.id, v.id AS detail FROM jobs_ended j LEFT JOIN certificate_versions v ON v.job_id = j.id
LEFT JOIN audit_events e ON e.resource_type = 'certificate' AND e.resource_id = v.certificate_id AND e.details ->> 'version_id' = v.id
	AND e.action IN ('certificate_issued', 'certificate_renewed')
LEFT JOIN audit_events s ON s.resource_type = 'job' AND s.resource_id = j.id AND s.details ->> 'to' = 'Completed'
WHERE j.type IN ('Issuance', 'Renewal') AND j.state = 'Completed' AND (v.id IS NULL OR e.id IS NULL OR s.txid IS DISTINCT FROM e.txid)
	AND j.id > first_id('job-', clock.now() - interval '2 days')
LIMIT 11;

-- A version in force is neither deployed, nor on its way, nor to be tried again.
-- name: invariant_deployment_on_its_way
SELECT b.id, b.certificate_id AS detail FROM bindings b
WHERE b.desired_version_id IS DISTINCT FROM b.deployed_version_id AND b.retry_at IS NULL
	AND NOT EXISTS (SELECT FROM jobs j WHERE j.type = 'Deployment' AND j.certificate_id = b.certificate_id AND j.target_id = b.target_id)
LIMIT 11;

-- A target went back to an older version without being told to.
-- name: invariant_no_way_back
SELECT j.id, j.target_id AS detail FROM jobs_ended j JOIN certificate_versions v ON v.id = j.version_id
WHERE j.type = 'Deployment' AND j.state = 'Completed' AND NOT j.is_rollback AND j.id > first_id('job-', clock.now() - interval '2 days')
	AND EXISTS (SELECT FROM jobs_ended before JOIN certificate_versions newer ON newer.id = before.version_id
	WHERE before.type = 'Deployment' AND before.state = 'Completed' AND before.certificate_id = j.certificate_id
		AND before.placement_id = j.placement_id AND before.target_id = j.target_id AND before.id < j.id
		AND before.ended_at <= j.created_at AND newer.sequence > v.sequence
		AND NOT EXISTS (SELECT FROM jobs_ended told WHERE told.type = 'Deployment' AND told.placement_id = j.placement_id
			AND told.certificate_id = j.certificate_id AND told.target_id = j.target_id AND told.is_rollback
			AND told.id > before.id AND told.id < j.id))
LIMIT 11;

-- More attempts than allowed.
-- name: invariant_attempts
SELECT id, attempts::text AS detail FROM jobs_all WHERE attempts > attempts_max
LIMIT 11;

-- More issued than asked for: a certificate without an intent.
-- name: invariant_intent_before
SELECT v.id, v.serial_number AS detail FROM certificate_versions v
WHERE v.id > first_id('ver-', clock.now() - interval '2 days') AND v.job_id LIKE 'job-%'
	AND NOT EXISTS (SELECT FROM issuance_intents i WHERE i.job_id = v.job_id AND i.issuer_id = v.issuer_id
		AND i.csr_sha256 = v.csr_sha256 AND i.outcome = 'issued')
LIMIT 11;

-- A key is used by two versions, and no profile says that it may be.
-- name: invariant_new_key
SELECT v.public_key_sha256 AS id, min(v.certificate_id) AS detail FROM certificate_versions v
JOIN certificate_rules r ON r.certificate_id = v.certificate_id WHERE NOT r.reuse_key
	AND v.id > first_id('ver-', clock.now() - interval '2 days')
GROUP BY v.public_key_sha256 HAVING count(*) > 1
LIMIT 11;

-- A change of a job's state is not in the trail.
-- name: invariant_trail
SELECT j.id, j.state AS detail FROM jobs_all j
WHERE j.updated_at > clock.now() - interval '2 days' AND j.id > first_id('job-', clock.now() - interval '2 days')
	AND NOT EXISTS (SELECT FROM audit_events e WHERE e.resource_type = 'job' AND e.resource_id = j.id
		AND coalesce(e.details ->> 'to', e.details ->> 'state') = j.state)
LIMIT 11;

-- An expiring certificate is forgotten: inside its last third, or never issued, and nothing is going to happen.
-- name: invariant_not_forgotten
SELECT p.id, p.certificate_id AS detail FROM placements p JOIN managed_certificates c ON c.id = p.certificate_id
JOIN agents a ON a.id = p.agent_id LEFT JOIN certificate_versions v ON v.id = p.version_id
JOIN certificate_rules r ON r.certificate_id = c.id
WHERE c.archived_at IS NULL AND p.ended_at IS NULL AND a.retired_at IS NULL AND (r.auto_renew OR v.id IS NULL)
	AND (v.id IS NULL OR v.not_after - (v.not_after - v.not_before) / 3 <= clock.now())
	AND NOT EXISTS (SELECT FROM jobs j WHERE j.placement_id = p.id AND j.type IN ('Issuance', 'Renewal'))
	AND NOT EXISTS (SELECT FROM alarms WHERE alarms.placement_id = p.id AND alarms.resolved_at IS NULL)
	AND NOT coalesce(p.renew_at > clock.now() - interval '30 seconds', false)
LIMIT 11;

-- A failed job, or an approval that was not given, has no alarm.
-- name: invariant_alarmed
SELECT j.id, j.certificate_id AS detail FROM jobs_ended j
WHERE (j.state = 'Failed' OR j.hold_reason IN ('rejected', 'approval timed out')) AND j.type <> 'Validation' AND j.id > first_id('job-', clock.now() - interval '2 days')
	AND NOT EXISTS (SELECT FROM alarms a WHERE a.certificate_id = j.certificate_id AND a.updated_at >= j.ended_at)
LIMIT 11;

-- A certificate does not show what its versions, placements and bindings say.
-- name: invariant_facts
SELECT c.id, c.name AS detail FROM managed_certificates c
JOIN certificate_placement_facts p ON p.id = c.id JOIN certificate_binding_facts b ON b.id = c.id
WHERE c.id IN (SELECT certificate_id FROM certificate_versions WHERE id > first_id('ver-', clock.now() - interval '2 days')
		UNION SELECT certificate_id FROM jobs_ended WHERE id > first_id('job-', clock.now() - interval '2 days') LIMIT 20000)
	AND (c.version_id, c.subject, c.issuer_dn, c.serial_number, c.not_before, c.not_after, c.expiring_at, c.fingerprint_sha256, c.issued_at,
		c.renewed_at, c.agent_ids, c.renew_at, c.failure, c.target_ids, c.deployed_at, c.deploy_retry_at, c.deploy_failure)
	IS DISTINCT FROM (p.version_id, p.subject, p.issuer_dn, p.serial_number, p.not_before, p.not_after, p.expiring_at,
		p.fingerprint_sha256, p.issued_at, p.renewed_at, p.agent_ids, p.renew_at, p.failure, b.target_ids, b.deployed_at,
		b.deploy_retry_at, b.deploy_failure)
LIMIT 11;
