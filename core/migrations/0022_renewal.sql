-- What a profile says reaches the order; what a CA suggests moves a renewal; a CA is told of what is given up; rates are kept exactly.

-- --- Profiles ---

ALTER TABLE profiles ALTER COLUMN allowed_ekus SET DEFAULT '{serverAuth}';

-- With the usages that a certificate has; null: its CA chooses.
CREATE OR REPLACE VIEW certificate_rules AS
SELECT c.id AS certificate_id, least(c.lifetime_seconds, prof.max_ttl_seconds) AS lifetime_seconds,
	c.must_staple OR coalesce(prof.must_staple, false) AS must_staple, coalesce(prof.reuse_key, false) AS reuse_key,
	coalesce(prof.requires_approval, false) AS requires_approval,
	coalesce(prof.approval_timeout_seconds, 604800) AS approval_timeout_seconds,
	coalesce(pol.auto_renew, true) AS auto_renew, coalesce(pol.retries_max + 1, 5) AS attempts_max, pol.agent_group_id,
	coalesce(pol.alert_thresholds_days, '{30,14,7,0}') AS alert_thresholds_days,
	prof.allowed_ekus AS extended_key_usages, coalesce(prof.short_lived, false) AS short_lived
FROM managed_certificates c LEFT JOIN profiles prof ON prof.id = c.profile_id LEFT JOIN policies pol ON pol.id = c.policy_id;

-- Null, or why its profile does not allow the certificate as it stands: the field, then what the profile says of it.
CREATE OR REPLACE FUNCTION profile_refusal(certificate text) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT CASE
		WHEN c.key_type <> ALL (prof.allowed_key_types)
			THEN format('key_type: profile %s allows %s', prof.id, array_to_string(prof.allowed_key_types, ', '))
		WHEN c.key_type LIKE 'RSA_%' AND substr(c.key_type, 5)::int < prof.min_key_bits
			THEN format('key_type: profile %s wants RSA keys of at least %s bits', prof.id, prof.min_key_bits)
		WHEN prof.short_lived AND c.must_staple
			THEN format('must_staple: profile %s is short-lived: there is no OCSP to staple', prof.id)
		WHEN prof.require_sans AND jsonb_array_length(c.names) = 0
			THEN format('sans: profile %s wants at least one', prof.id)
		WHEN 'serverAuth' = ANY (prof.allowed_ekus) AND NOT (c.names @> '[{"type": "dns"}]' OR c.names @> '[{"type": "ip"}]')
			THEN format('sans: profile %s says serverAuth, which needs a DNS name or an IP address', prof.id)
		WHEN prof.name_patterns <> '{}' THEN (SELECT format('sans: profile %s does not allow %s', prof.id, element ->> 'value')
			FROM jsonb_array_elements(c.names) AS element WHERE NOT EXISTS (SELECT FROM unnest(prof.name_patterns) AS pattern
				WHERE element ->> 'value' LIKE replace(replace(replace(pattern, '%', '\%'), '_', '\_'), '*', '%')) LIMIT 1)
		END
	FROM managed_certificates c JOIN profiles prof ON prof.id = c.profile_id WHERE c.id = certificate
$$;

-- --- How often a CA is asked ---

-- How many more jobs of a runner may begin now: all, and those that are close to their end, for whom a fifth is kept.  One server at a
-- time counts an issuer, and has it until its claim is committed: the count behind the lock sees what the one before took.
CREATE OR REPLACE FUNCTION runner_room(runner text, OUT room bigint, OUT urgent_room bigint) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	issuer text := substr(runner, 8);
	rate int := (SELECT rate_per_hour FROM issuers WHERE id = issuer);
BEGIN
	IF rate IS NULL THEN
		RETURN;
	END IF;
	PERFORM pg_advisory_xact_lock(hashtext('certctl rate'), hashtext(issuer));
	-- asked in this hour, and about to be asked: who lost a job will not
	SELECT rate - count(*) INTO urgent_room FROM (
		SELECT FROM issuance_intents WHERE issuer_id = issuer AND opened_at > clock.now() - interval '1 hour'
		UNION ALL
		SELECT FROM jobs WHERE jobs.runner = $1 AND state = 'Running' AND lease_until > clock.now() AND NOT EXISTS (
			SELECT FROM issuance_intents WHERE job_id = jobs.id AND token = jobs.token)) AS asked;
	room := urgent_room - ceil(rate / 5.0)::bigint;
END $$;

-- --- What a CA suggests (RFC 9773) ---

-- Its CA was asked about this version; what it said of another one counts no more.
ALTER TABLE placements ADD COLUMN ari_version_id object_id, ADD COLUMN ari_check_at timestamptz, -- when it is asked again
	ADD COLUMN ari_starts_at timestamptz, ADD COLUMN ari_ends_at timestamptz, -- null: nothing suggested
	ADD COLUMN ari_url text; -- why, in the CA's words
CREATE INDEX placements_ari ON placements (ari_check_at) WHERE ari_check_at IS NOT NULL;

-- When it is renewed, for all we and its CA know: at a moment of the CA's window, another one for each version.  That pulls a renewal
-- forward; it pushes one back only as long as last_renewal() leaves time.  Windows of the policy are waited for within the CA's.
CREATE FUNCTION heed_window(planned timestamptz, p placements, v certificate_versions, policy policies) RETURNS timestamptz
	LANGUAGE plpgsql STABLE AS $$
DECLARE
	suggested timestamptz := p.ari_starts_at
		+ (p.ari_ends_at - p.ari_starts_at) * (('x' || left(md5(v.id), 8))::bit(32)::bigint / 4294967296.0);
BEGIN
	IF planned IS NULL OR suggested IS NULL OR p.ari_version_id IS DISTINCT FROM v.id THEN
		RETURN planned;
	END IF;
	RETURN least(next_in_window(suggested, policy), p.ari_ends_at, last_renewal(v.not_before, v.not_after));
END $$;

-- What failed keeps its next attempt, unless nothing shall happen by itself any more.
CREATE OR REPLACE FUNCTION replan(p placements, v certificate_versions, policy policies) RETURNS timestamptz LANGUAGE sql STABLE AS $$
	SELECT CASE WHEN v.id IS NULL THEN p.renew_at WHEN policy.auto_renew = false THEN NULL
		WHEN p.failures > 0 THEN coalesce(p.renew_at, clock.now())
		ELSE heed_window(plan_renewal(v.not_before, v.not_after, p.certificate_id, policy), p, v, policy) END
$$;

-- --- What is given up ---

-- Orders that a CA was asked for and that end without a certificate: told to it by whichever server has it open, then gone from here.
CREATE TABLE abandoned_orders (
	job_id text COLLATE "C" PRIMARY KEY,
	issuer_id object_id NOT NULL REFERENCES issuers (id) ON DELETE CASCADE,
	attempts int NOT NULL DEFAULT 0,
	ask_at timestamptz NOT NULL
);
CREATE INDEX abandoned_orders_due ON abandoned_orders (ask_at);
CREATE INDEX abandoned_orders_issuer ON abandoned_orders (issuer_id);

-- However it ended.  Whoever was at it when it was cancelled may still be asking: no call takes longer than a minute.
CREATE FUNCTION abandon_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO abandoned_orders (job_id, issuer_id, ask_at) VALUES (NEW.id, NEW.issuer_id,
		clock.now() + CASE WHEN NEW.state = 'Cancelled' AND NEW.worker IS NOT NULL THEN interval '1 minute' ELSE interval '0' END)
	ON CONFLICT DO NOTHING;
	RETURN NULL;
END $$;
CREATE TRIGGER abandon_order AFTER INSERT ON jobs_ended FOR EACH ROW
	WHEN (NEW.step = 'issue' AND NEW.state <> 'Completed' AND NEW.attempts > 0 AND NEW.issuer_id IS NOT NULL)
	EXECUTE FUNCTION abandon_order();

-- --- Many at once ---

-- Renewals by filter, worked off a piece at a time: each piece and how far it came are one transaction.
CREATE TABLE bulk_renewals (
	id object_id PRIMARY KEY DEFAULT make_id('bulk-'),
	filter jsonb NOT NULL, -- profile_id, owner_id, team_id, agent_id, issuer_id: all that are given must hold
	certificate_ids text[], -- these alone; null: any.  Gone at the end
	scope jsonb, -- what the asker is limited to
	reason text,
	dry_run boolean NOT NULL,
	after text COLLATE "C" NOT NULL DEFAULT '', -- the last certificate that was looked at
	matched bigint NOT NULL DEFAULT 0, -- certificates
	started bigint NOT NULL DEFAULT 0, -- jobs, one a placement, as the others
	skipped bigint NOT NULL DEFAULT 0,
	failed bigint NOT NULL DEFAULT 0,
	reasons jsonb NOT NULL DEFAULT '[]', -- of what was not started: the first hundred
	created_by text NOT NULL,
	created_at timestamptz NOT NULL DEFAULT clock.now(),
	ended_at timestamptz
);
CREATE INDEX bulk_renewals_open ON bulk_renewals (id) WHERE ended_at IS NULL;

-- The next piece of this one, or of the first that is open: what is started, what is on its way already, and what cannot be, each with
-- its reason.  How many certificates that were; null: nothing is left, or somebody else is at it.
CREATE FUNCTION renew_piece(wanted_id text, size int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	bulk bulk_renewals;
	piece text[];
	counted record;
BEGIN
	SELECT * INTO bulk FROM bulk_renewals WHERE ended_at IS NULL AND (wanted_id IS NULL OR id = wanted_id) ORDER BY id LIMIT 1
		FOR UPDATE SKIP LOCKED;
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	piece := ARRAY(SELECT c.id FROM managed_certificates c
		WHERE c.id > bulk.after AND c.archived_at IS NULL AND (bulk.certificate_ids IS NULL OR c.id = ANY (bulk.certificate_ids))
			AND coalesce(c.profile_id = bulk.filter ->> 'profile_id', NOT bulk.filter ? 'profile_id')
			AND coalesce(c.owner_id = bulk.filter ->> 'owner_id', NOT bulk.filter ? 'owner_id')
			AND coalesce(c.team_id = bulk.filter ->> 'team_id', NOT bulk.filter ? 'team_id')
			AND coalesce(c.issuer_id = bulk.filter ->> 'issuer_id', NOT bulk.filter ? 'issuer_id')
			AND (NOT bulk.filter ? 'agent_id' OR EXISTS (SELECT FROM placements p
				WHERE p.certificate_id = c.id AND p.agent_id = bulk.filter ->> 'agent_id' AND p.ended_at IS NULL))
			AND in_scope(bulk.scope, c.team_id, c.issuer_id, c.profile_id)
		ORDER BY c.id LIMIT size);
	WITH places AS (SELECT p.id, p.certificate_id, p.agent_id, profile_refusal(p.certificate_id) AS refusal, live.id AS live_id, a.retired_at
		FROM placements p JOIN agents a ON a.id = p.agent_id
		LEFT JOIN jobs live ON live.placement_id = p.id AND live.type IN ('Issuance', 'Renewal')
		WHERE p.certificate_id = ANY (piece) AND p.ended_at IS NULL
			AND (NOT bulk.filter ? 'agent_id' OR p.agent_id = bulk.filter ->> 'agent_id')),
	wanted AS (SELECT w.* FROM places s JOIN issuance_wanted w ON w.placement_id = s.id WHERE s.live_id IS NULL AND s.refusal IS NULL),
	made AS (INSERT INTO jobs (type, state, step, certificate_id, placement_id, agent_id, issuer_id, priority, attempts_max, approve_until,
			created_by)
		SELECT type, state, 'csr', certificate_id, placement_id, agent_id, issuer_id, greatest(priority, 50), attempts_max, approve_until,
			bulk.created_by
		FROM wanted WHERE NOT bulk.dry_run
		ON CONFLICT (placement_id) WHERE type IN ('Issuance', 'Renewal') DO NOTHING RETURNING placement_id),
	outcome AS (SELECT s.certificate_id, s.agent_id, CASE
			WHEN s.live_id IS NOT NULL THEN 'skipped'
			WHEN s.refusal IS NOT NULL OR s.retired_at IS NOT NULL OR w.placement_id IS NULL THEN 'failed'
			WHEN NOT bulk.dry_run AND m.placement_id IS NULL THEN 'skipped' ELSE 'started' END AS outcome,
			CASE WHEN s.live_id IS NOT NULL THEN format('job %s is at it', s.live_id) WHEN s.refusal IS NOT NULL THEN s.refusal
				WHEN s.retired_at IS NOT NULL THEN format('agent %s is retired', s.agent_id)
				WHEN w.placement_id IS NULL THEN format('agent %s is not in the group that its policy names', s.agent_id)
				ELSE 'a job for it was made in the same moment' END AS reason
		FROM places s LEFT JOIN wanted w ON w.placement_id = s.id LEFT JOIN made m ON m.placement_id = s.id
		UNION ALL
		SELECT lonely, NULL, 'failed', 'no agent holds it' FROM unnest(piece) AS lonely
			WHERE NOT EXISTS (SELECT FROM places WHERE certificate_id = lonely)),
	told AS (INSERT INTO audit_events (action, actor, actor_type, resource_type, resource_id, details)
		SELECT 'certificate_renewal_requested', bulk.created_by, 'user', 'certificate', certificate_id,
			jsonb_strip_nulls(jsonb_build_object('bulk_renewal_id', bulk.id, 'reason', bulk.reason)) FROM outcome
		WHERE outcome = 'started' AND NOT bulk.dry_run GROUP BY certificate_id)
	SELECT count(*) FILTER (WHERE outcome = 'started') AS started, count(*) FILTER (WHERE outcome = 'skipped') AS skipped,
		count(*) FILTER (WHERE outcome = 'failed') AS failed, (SELECT coalesce(jsonb_agg(to_jsonb(told)), '[]')
			FROM (SELECT * FROM outcome WHERE outcome <> 'started' ORDER BY certificate_id, agent_id
				LIMIT 100 - jsonb_array_length(bulk.reasons)) AS told) AS reasons
	INTO counted FROM outcome;
	UPDATE bulk_renewals SET matched = matched + cardinality(piece), started = started + counted.started,
		skipped = skipped + counted.skipped, failed = failed + counted.failed, reasons = reasons || counted.reasons,
		after = coalesce(piece[cardinality(piece)], after),
		ended_at = CASE WHEN cardinality(piece) < size THEN clock.now() END,
		certificate_ids = CASE WHEN cardinality(piece) = size THEN certificate_ids END
	WHERE id = bulk.id;
	RETURN cardinality(piece);
END $$;
