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
