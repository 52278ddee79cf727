-- Rules that jobs follow: what a profile and a policy say, approval, the outcome that nobody knows, alarms, legal ends.

-- --- What a job may become ---

INSERT INTO job_transitions VALUES
	('AwaitingApproval', 'Cancelled', 'rejected, cancelled, or nobody approved in time'),
	('AwaitingCSR', 'Cancelled', 'cancelled, or its agent was retired'),
	('AwaitingCSR', 'Failed', 'its agent cannot make the request, or made another one than was ordered'),
	('Pending', 'Cancelled', 'cancelled, or replaced by a newer one'),
	('Running', 'Cancelled', 'cancelled: who works on it is fenced'),
	('Running', 'Completed', 'done'),
	('Running', 'Failed', 'refused, or no attempts left');

-- Ending a job moves its row in one statement, at whose end both rows can be seen.
CREATE FUNCTION check_job_ends() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	bad record;
BEGIN
	SELECT gone.id, gone.state, ended.state AS ended_state INTO bad FROM gone JOIN jobs_ended ended ON ended.id = gone.id
	WHERE NOT EXISTS (SELECT FROM job_transitions t WHERE t.from_state = gone.state AND t.to_state = ended.state) LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'job %: % -> % is not a legal transition', bad.id, bad.state, bad.ended_state
			USING ERRCODE = 'check_violation';
	END IF;
	RETURN NULL;
END $$;
CREATE TRIGGER check_job_ends AFTER DELETE ON jobs REFERENCING OLD TABLE AS gone
	FOR EACH STATEMENT EXECUTE FUNCTION check_job_ends();

ALTER TABLE jobs ADD COLUMN approve_until timestamptz, ADD COLUMN approved_by text,
	ADD CHECK (state <> 'AwaitingApproval' OR approve_until IS NOT NULL);
CREATE INDEX jobs_approval ON jobs (approve_until) WHERE state = 'AwaitingApproval';
ALTER TABLE jobs_ended ADD COLUMN approve_until timestamptz, ADD COLUMN approved_by text, ADD COLUMN ended_by text;

CREATE OR REPLACE VIEW jobs_all AS
	SELECT id, type, state, step, certificate_id, placement_id, agent_id, issuer_id, target_id, version_id, is_rollback, run_at,
		lease_until, worker, token, claims, attempts, attempts_max, hold_reason, csr_sha256, csr_token, public_key_sha256, error,
		report, created_by, created_at, started_at, updated_at, NULL::timestamptz AS ended_at, priority, approve_until,
		approved_by, NULL::text AS ended_by
	FROM jobs
	UNION ALL
	SELECT id, type, state, step, certificate_id, placement_id, agent_id, issuer_id, target_id, version_id, is_rollback, run_at,
		lease_until, worker, token, claims, attempts, attempts_max, hold_reason, csr_sha256, csr_token, public_key_sha256, error,
		report, created_by, created_at, started_at, updated_at, ended_at, priority, approve_until, approved_by, ended_by
	FROM jobs_ended;

CREATE OR REPLACE FUNCTION audit_job_states() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO audit_events (action, actor, actor_type, resource_type, resource_id, details)
	SELECT 'job_status_updated',
		CASE WHEN before.state = 'AwaitingApproval' THEN changed.approved_by ELSE coalesce(changed.worker, before.worker, changed.runner) END,
		CASE WHEN before.state = 'AwaitingApproval' THEN 'user' ELSE 'worker' END, 'job', changed.id,
		jsonb_build_object('from', before.state, 'to', changed.state, 'token', changed.token)
	FROM changed JOIN before USING (id) WHERE changed.state <> before.state;
	RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION audit_ended_jobs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO audit_events (action, actor, actor_type, resource_type, resource_id, details)
	SELECT 'job_status_updated', coalesce(ended_by, worker, runner), CASE WHEN ended_by IS NULL THEN 'worker' ELSE 'user' END, 'job', id,
		jsonb_strip_nulls(jsonb_build_object('to', state, 'token', token, 'reason', hold_reason, 'error', error ->> 'what'))
	FROM changed;
	RETURN NULL;
END $$;

-- --- What profiles and policies say ---

-- Who belongs to a group is asked anew each time: agents move.
CREATE FUNCTION agent_in_group(a agents, g agent_groups) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
	SELECT coalesce((g.match_os IS NULL OR lower(g.match_os) = lower(a.os))
		AND (g.match_architecture IS NULL OR lower(g.match_architecture) = lower(a.architecture))
		AND (g.match_cidr IS NULL OR nullif(a.ip_address, '')::inet <<= g.match_cidr)
		AND (g.match_version IS NULL OR version_matches(a.version, g.match_version)), false)
$$;

-- A certificate under its profile and its policy.
CREATE VIEW certificate_rules AS
SELECT c.id AS certificate_id, least(c.lifetime_seconds, prof.max_ttl_seconds) AS lifetime_seconds,
	c.must_staple OR coalesce(prof.must_staple, false) AS must_staple, coalesce(prof.reuse_key, false) AS reuse_key,
	coalesce(prof.requires_approval, false) AS requires_approval,
	coalesce(prof.approval_timeout_seconds, 604800) AS approval_timeout_seconds,
	coalesce(pol.auto_renew, true) AS auto_renew, coalesce(pol.retries_max + 1, 5) AS attempts_max, pol.agent_group_id,
	coalesce(pol.alert_thresholds_days, '{30,14,7,0}') AS alert_thresholds_days
FROM managed_certificates c LEFT JOIN profiles prof ON prof.id = c.profile_id LEFT JOIN policies pol ON pol.id = c.policy_id;

-- Null, or why its profile does not allow the certificate as it stands.
CREATE FUNCTION profile_refusal(certificate text) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT CASE
		WHEN c.key_type <> ALL (prof.allowed_key_types)
			THEN format('key_type: profile %s allows %s', prof.id, array_to_string(prof.allowed_key_types, ', '))
		WHEN c.key_type LIKE 'RSA_%' AND substr(c.key_type, 5)::int < prof.min_key_bits
			THEN format('key_type: profile %s wants RSA keys of at least %s bits', prof.id, prof.min_key_bits)
		WHEN prof.require_sans AND jsonb_array_length(c.names) = 0
			THEN format('sans: profile %s wants at least one', prof.id)
		WHEN prof.name_patterns <> '{}' THEN (SELECT format('sans: profile %s does not allow %s', prof.id, element ->> 'value')
			FROM jsonb_array_elements(c.names) AS element WHERE NOT EXISTS (SELECT FROM unnest(prof.name_patterns) AS pattern
				WHERE element ->> 'value' LIKE replace(replace(replace(pattern, '%', '\%'), '_', '\_'), '*', '%')) LIMIT 1)
		END
	FROM managed_certificates c JOIN profiles prof ON prof.id = c.profile_id WHERE c.id = certificate
$$;

-- The first moment, not before this one, at which the policy allows renewals.
CREATE FUNCTION next_in_window(moment timestamptz, policy policies) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
DECLARE
	day date;
	opens timestamptz;
	closes timestamptz;
BEGIN
	IF policy.renewal_window_start IS NULL AND coalesce(policy.renewal_days, '{}') = '{}' THEN
		RETURN moment;
	END IF;
	FOR i IN -1..8 LOOP
		day := (moment AT TIME ZONE 'UTC')::date + i;
		CONTINUE WHEN policy.renewal_days <> '{}' AND NOT EXISTS (SELECT FROM unnest(policy.renewal_days) AS name
			WHERE left(lower(name), 3) = to_char(day, 'dy'));
		opens := (day + coalesce(policy.renewal_window_start, '00:00')) AT TIME ZONE 'UTC';
		closes := (day + coalesce(policy.renewal_window_end, '00:00')) AT TIME ZONE 'UTC';
		-- over midnight, or the whole day
		closes := closes + CASE WHEN closes <= opens THEN interval '1 day' ELSE interval '0' END;
		IF closes > moment THEN
			RETURN greatest(opens, moment);
		END IF;
	END LOOP;
	RETURN moment;
END $$;

-- Later than this a renewal waits for nothing: a tenth of the life is left, at most a day.
CREATE FUNCTION last_renewal(not_before timestamptz, not_after timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
	$$ SELECT not_after - least((not_after - not_before) / 10, interval '1 day') $$;

-- When a certificate of these dates is renewed; null: not by itself.  By fraction of its life, or by the policy's days, but never
-- in the first half of its life; spread over a twentieth of the life by the certificate's id: before the fraction, after the days.
CREATE FUNCTION plan_renewal(not_before timestamptz, not_after timestamptz, certificate text, policy policies)
	RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
DECLARE
	life interval := not_after - not_before + interval '1 second';
	spread double precision := ('x' || left(md5(certificate), 8))::bit(32)::bigint / 4294967296.0;
	moment timestamptz;
	latest timestamptz := last_renewal(not_before, not_after);
BEGIN
	IF policy.auto_renew = false THEN
		RETURN NULL;
	ELSIF policy.renewal_threshold_days IS NULL THEN
		moment := not_before + life * CASE WHEN life < interval '10 days' THEN 0.5 ELSE 2.0 / 3 END - life / 20 * spread;
	ELSE
		moment := greatest(not_after - make_interval(days => policy.renewal_threshold_days), not_before + life / 2);
		moment := moment + least(life / 20, (not_after - moment) / 4) * spread;
	END IF;
	RETURN least(next_in_window(least(moment, latest), policy), latest);
END $$;

-- --- Placements: when anything happens next ---

-- What was never planned is due at once: no statement that makes a placement can forget it.
ALTER TABLE placements ALTER COLUMN renew_at SET DEFAULT clock.now(), ADD COLUMN alert_at timestamptz,
	ADD COLUMN failures int NOT NULL DEFAULT 0; -- jobs in a row that brought no version
CREATE INDEX placements_alert ON placements (alert_at);

-- A threshold of the policy, as time before the end: of a short life never more than its last third.
CREATE FUNCTION alert_lead(days int, not_before timestamptz, not_after timestamptz) RETURNS interval LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
	$$ SELECT least(make_interval(days => days), (not_after - not_before) / 3) $$;

-- The next moment at which there is something to say about the end: a threshold, or the next day below one.
CREATE FUNCTION next_alert(not_before timestamptz, not_after timestamptz, thresholds int[]) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
DECLARE
	present timestamptz := clock.now();
	tomorrow timestamptz := date_trunc('day', present, 'UTC') + interval '1 day';
	soonest timestamptz;
	moment timestamptz;
	days int;
BEGIN
	FOREACH days IN ARRAY thresholds LOOP
		moment := not_after - alert_lead(days, not_before, not_after);
		soonest := least(soonest, CASE WHEN moment > present THEN moment ELSE tomorrow END);
	END LOOP;
	RETURN soonest;
END $$;

-- A changed policy is worked off by a timer, so many placements at a time: '' begins, null: all done.
ALTER TABLE policies ADD COLUMN replan_after text COLLATE "C";
CREATE INDEX policies_replan ON policies (id) WHERE replan_after IS NOT NULL;
CREATE FUNCTION replan_policy() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.replan_after := '';
	RETURN NEW;
END $$;
CREATE TRIGGER replan_policy BEFORE UPDATE ON policies FOR EACH ROW
	WHEN ((OLD.renewal_threshold_days, OLD.alert_thresholds_days, OLD.auto_renew, OLD.renewal_days, OLD.renewal_window_start,
		OLD.renewal_window_end) IS DISTINCT FROM (NEW.renewal_threshold_days, NEW.alert_thresholds_days, NEW.auto_renew,
		NEW.renewal_days, NEW.renewal_window_start, NEW.renewal_window_end)) EXECUTE FUNCTION replan_policy();

-- What failed keeps its next attempt, unless nothing shall happen by itself any more.
CREATE FUNCTION replan(p placements, v certificate_versions, policy policies) RETURNS timestamptz LANGUAGE sql STABLE AS $$
	SELECT CASE WHEN v.id IS NULL THEN p.renew_at WHEN policy.auto_renew = false THEN NULL
		WHEN p.failures > 0 THEN coalesce(p.renew_at, clock.now())
		ELSE plan_renewal(v.not_before, v.not_after, p.certificate_id, policy) END
$$;
CREATE FUNCTION replan_certificate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE placements p SET renew_at = replan(p, v, pol), alert_at = clock.now()
	FROM certificate_versions v LEFT JOIN policies pol ON pol.id = NEW.policy_id
	WHERE p.certificate_id = NEW.id AND v.id = p.version_id;
	RETURN NULL;
END $$;
CREATE TRIGGER replan_certificate AFTER UPDATE OF policy_id ON managed_certificates FOR EACH ROW
	WHEN (OLD.policy_id IS DISTINCT FROM NEW.policy_id) EXECUTE FUNCTION replan_certificate();

-- Placements that may have a job now, with all that the job is made of.
CREATE VIEW issuance_wanted AS
SELECT p.id AS placement_id, p.certificate_id, p.agent_id, p.renew_at, c.issuer_id, c.profile_id, c.owner_id, c.team_id,
	CASE WHEN p.version_id IS NULL THEN 'Issuance' ELSE 'Renewal' END AS type,
	CASE WHEN prof.requires_approval THEN 'AwaitingApproval' ELSE 'AwaitingCSR' END AS state,
	CASE WHEN prof.requires_approval THEN clock.now() + make_interval(secs => prof.approval_timeout_seconds) END AS approve_until,
	-- what is close to its end goes first
	CASE WHEN v.not_after - (v.not_after - v.not_before) / 10 <= clock.now() THEN 10 ELSE 100 END AS priority,
	coalesce(pol.retries_max + 1, 5) AS attempts_max
FROM placements p JOIN managed_certificates c ON c.id = p.certificate_id JOIN agents a ON a.id = p.agent_id
LEFT JOIN certificate_versions v ON v.id = p.version_id
LEFT JOIN profiles prof ON prof.id = c.profile_id
LEFT JOIN policies pol ON pol.id = c.policy_id
LEFT JOIN agent_groups g ON g.id = pol.agent_group_id
WHERE p.ended_at IS NULL AND c.archived_at IS NULL AND a.retired_at IS NULL AND (g.id IS NULL OR agent_in_group(a, g));

-- --- Alarms ---

CREATE TABLE alarms (
	id object_id PRIMARY KEY DEFAULT make_id('al-'),
	kind text NOT NULL CHECK (kind IN ('expiry', 'issuance_failed', 'deployment_failed', 'outcome_unknown', 'approval_missed')),
	severity text NOT NULL CHECK (severity IN ('warning', 'critical')),
	key text COLLATE "C" NOT NULL UNIQUE, -- what is told once
	certificate_id object_id NOT NULL REFERENCES managed_certificates (id),
	placement_id object_id,
	version_id object_id,
	target_id object_id,
	job_id text COLLATE "C",
	threshold_days int,
	what text NOT NULL,
	occurrences int NOT NULL DEFAULT 1,
	opened_at timestamptz NOT NULL DEFAULT clock.now(),
	updated_at timestamptz NOT NULL DEFAULT clock.now(),
	resolved_at timestamptz
);
CREATE INDEX alarms_certificate ON alarms (certificate_id, id);
CREATE INDEX alarms_open ON alarms (id) WHERE resolved_at IS NULL;
CREATE INDEX alarms_placement ON alarms (placement_id) WHERE resolved_at IS NULL;

-- Again: the same alarm, counted and open.
CREATE FUNCTION raise_alarm(kind text, severity text, key text, certificate_id text, placement_id text, version_id text, target_id text,
	job_id text, what text) RETURNS void LANGUAGE sql AS $$
	INSERT INTO alarms (kind, severity, key, certificate_id, placement_id, version_id, target_id, job_id, what)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
	ON CONFLICT (key) DO UPDATE SET occurrences = alarms.occurrences + 1, severity = excluded.severity, job_id = excluded.job_id,
		what = excluded.what, updated_at = clock.now(), resolved_at = NULL
$$;

-- --- After a job has ended ---

ALTER TABLE issuers ADD COLUMN unknown_hold_seconds bigint NOT NULL DEFAULT 3600 CHECK (unknown_hold_seconds BETWEEN 0 AND 2592000),
	ADD COLUMN rate_per_hour int CHECK (rate_per_hour > 0); -- null: no limit

-- The next attempt of what brought no version; null: somebody decides.
CREATE FUNCTION plan_attempt(ended jobs_ended, v certificate_versions, created_at timestamptz, policy policies, hold_seconds bigint)
	RETURNS timestamptz LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	moment timestamptz := clock.now() + retry_after(coalesce(v.not_after, created_at));
BEGIN
	IF ended.hold_reason IN ('rejected', 'approval timed out') OR (v.id IS NOT NULL AND policy.auto_renew = false) THEN
		RETURN NULL;
	ELSIF ended.hold_reason = 'outcome unknown' THEN
		RETURN greatest(moment, clock.now() + make_interval(secs => hold_seconds));
	ELSIF v.id IS NULL THEN
		RETURN moment;
	END IF;
	RETURN least(next_in_window(moment, policy), greatest(moment, last_renewal(v.not_before, v.not_after)));
END $$;

CREATE OR REPLACE FUNCTION plan_next_attempts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE alarms SET resolved_at = clock.now(), updated_at = clock.now() FROM changed
	WHERE changed.type = 'Deployment' AND changed.state = 'Completed' AND resolved_at IS NULL
		AND alarms.key = 'deployment_failed/' || changed.certificate_id || '/' || changed.target_id;
	IF NOT EXISTS (SELECT FROM changed WHERE state <> 'Completed') THEN
		RETURN NULL;
	END IF;
	UPDATE placements SET renew_at = failed.next, failures = failures + failed.counts
	FROM (SELECT p.id, (changed.state = 'Failed')::int AS counts,
			plan_attempt(changed, v, c.created_at, pol, i.unknown_hold_seconds) AS next
		FROM changed JOIN placements p ON p.id = changed.placement_id JOIN managed_certificates c ON c.id = p.certificate_id
		JOIN issuers i ON i.id = c.issuer_id
		LEFT JOIN certificate_versions v ON v.id = p.version_id LEFT JOIN policies pol ON pol.id = c.policy_id
		WHERE changed.type IN ('Issuance', 'Renewal') AND changed.state <> 'Completed') AS failed
	WHERE placements.id = failed.id;
	UPDATE bindings SET retry_at = clock.now() + retry_after(failed.moment)
	FROM (SELECT b.id, coalesce(v.not_after, c.created_at) AS moment
		FROM changed JOIN bindings b ON b.certificate_id = changed.certificate_id AND b.target_id = changed.target_id
		JOIN managed_certificates c ON c.id = b.certificate_id LEFT JOIN certificate_versions v ON v.id = b.deployed_version_id
		WHERE changed.type = 'Deployment' AND changed.state = 'Failed') AS failed
	WHERE bindings.id = failed.id;
	PERFORM raise_alarm(
		CASE WHEN changed.type = 'Deployment' THEN 'deployment_failed' WHEN changed.state = 'Cancelled' THEN 'approval_missed'
			WHEN changed.hold_reason IN ('outcome unknown', 'quarantined') THEN 'outcome_unknown' ELSE 'issuance_failed' END,
		CASE WHEN v.not_after - (v.not_after - v.not_before) / 10 <= clock.now() THEN 'critical' ELSE 'warning' END,
		CASE WHEN changed.type = 'Deployment' THEN 'deployment_failed/' || changed.certificate_id || '/' || coalesce(changed.target_id, '')
			ELSE 'issuance/' || changed.placement_id || '/' || coalesce(v.id, '') END,
		changed.certificate_id, changed.placement_id, v.id, changed.target_id, changed.id,
		concat_ws(': ', changed.hold_reason, changed.error ->> 'what'))
	FROM changed JOIN placements p ON p.id = changed.placement_id LEFT JOIN certificate_versions v ON v.id = p.version_id
	WHERE changed.state = 'Failed' OR changed.hold_reason IN ('rejected', 'approval timed out');
	RETURN NULL;
END $$;

-- --- What a CA was asked, and nobody knows the answer ---

ALTER TABLE issuance_intents DROP CONSTRAINT issuance_intents_outcome_check,
	ADD CHECK (outcome IN ('issued', 'pending', 'failed', 'orphaned'));
-- What of an issuer's hour is used up.
CREATE INDEX issuance_intents_issuer ON issuance_intents (issuer_id, opened_at);

-- How many more jobs of a runner may begin now: all, and those that are close to their end, for whom a fifth is kept.
CREATE FUNCTION runner_room(runner text, OUT room bigint, OUT urgent_room bigint) LANGUAGE plpgsql STABLE AS $$
DECLARE
	issuer text := substr(runner, 8);
	rate int := (SELECT rate_per_hour FROM issuers WHERE id = issuer);
BEGIN
	IF rate IS NULL THEN
		RETURN;
	END IF;
	-- asked in this hour, and about to be asked
	SELECT rate - count(*) INTO urgent_room FROM (
		SELECT FROM issuance_intents WHERE issuer_id = issuer AND opened_at > clock.now() - interval '1 hour'
		UNION ALL
		SELECT FROM jobs WHERE jobs.runner = $1 AND state = 'Running' AND NOT EXISTS (
			SELECT FROM issuance_intents WHERE job_id = jobs.id AND token = jobs.token)) AS asked;
	room := urgent_room - ceil(rate / 5.0)::bigint;
END $$;

DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'certctl_read_only') THEN
		GRANT SELECT ON alarms, certificate_rules TO certctl_read_only;
	END IF;
END $$;
