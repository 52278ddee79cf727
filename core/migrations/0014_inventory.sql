-- A page of certificates is an index range over one table: what its version, placements and bindings say stands on the row,
-- written by the transactions that change it.  Starting a renewal does not touch the row.

-- The same ids and hashes as before, asked in a way that costs a fiftieth: with {0,62} the matcher counts, and every row that is
-- written asks for each of its ids.
ALTER DOMAIN object_id DROP CONSTRAINT object_id_check;
ALTER DOMAIN object_id ADD CONSTRAINT object_id_check
	CHECK (octet_length(VALUE) BETWEEN 1 AND 63 AND VALUE !~ '[^a-z0-9.-]' AND left(VALUE, 1) NOT IN ('.', '-'));
ALTER DOMAIN sha256_hex DROP CONSTRAINT sha256_hex_check;
ALTER DOMAIN sha256_hex ADD CONSTRAINT sha256_hex_check CHECK (octet_length(VALUE) = 64 AND VALUE !~ '[^0-9a-f]');

-- `failure`: why the latest attempt failed; null: it did not.
-- A placement that is wanted no more keeps its versions; wanted again it goes on where it was.
ALTER TABLE placements ADD COLUMN failure text, ADD COLUMN ended_at timestamptz;
ALTER TABLE bindings ADD COLUMN failure text;

ALTER TABLE managed_certificates
	ADD COLUMN sans text NOT NULL GENERATED ALWAYS AS (jsonb_path_query_array(names, '$[*].value')::text) STORED, -- JSON, as shown
	-- of the version in force that expires first, when there are several placements
	ADD COLUMN version_id object_id,
	ADD COLUMN subject text,
	ADD COLUMN issuer_dn text,
	ADD COLUMN serial_number text COLLATE "C",
	ADD COLUMN not_before timestamptz,
	ADD COLUMN not_after timestamptz,
	ADD COLUMN expiring_at timestamptz, -- by the largest alert threshold of its policy
	ADD COLUMN fingerprint_sha256 text COLLATE "C",
	ADD COLUMN issued_at timestamptz, -- the first version
	ADD COLUMN renewed_at timestamptz,
	-- of its placements
	ADD COLUMN agent_ids text NOT NULL DEFAULT '[]', -- JSON: those that keep it and serve it at no target
	ADD COLUMN renew_at timestamptz,
	ADD COLUMN failure text,
	-- of its bindings
	ADD COLUMN target_ids text NOT NULL DEFAULT '[]', -- JSON
	ADD COLUMN deployed_at timestamptz,
	ADD COLUMN deploy_retry_at timestamptz,
	ADD COLUMN deploy_failure text,
	ADD COLUMN revoked_at timestamptz,
	ADD COLUMN revocation_reason text,
	SET (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE placements SET (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02);

-- Words that a certificate is found by: one place in the order of ids for each.
CREATE TABLE certificate_words (
	kind "char" NOT NULL CHECK (kind IN ('s', 't')), -- alternative name, tag
	word text COLLATE "C" NOT NULL,
	certificate_id object_id NOT NULL REFERENCES managed_certificates (id),
	PRIMARY KEY (kind, word, certificate_id)
);
CREATE INDEX certificate_words_certificate ON certificate_words (certificate_id);

CREATE FUNCTION keep_certificate_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	DELETE FROM certificate_words WHERE TG_OP = 'UPDATE' AND certificate_id = NEW.id;
	INSERT INTO certificate_words (kind, word, certificate_id)
	SELECT 's', lower(name), NEW.id FROM jsonb_array_elements_text(NEW.sans::jsonb) AS name
	UNION SELECT 't', tag, NEW.id FROM unnest(NEW.tags) AS tag;
	RETURN NULL;
END $$;
CREATE TRIGGER keep_words_of_new AFTER INSERT ON managed_certificates FOR EACH ROW EXECUTE FUNCTION keep_certificate_words();
CREATE TRIGGER keep_words AFTER UPDATE OF names, tags ON managed_certificates FOR EACH ROW
	WHEN (OLD.names IS DISTINCT FROM NEW.names OR OLD.tags IS DISTINCT FROM NEW.tags) EXECUTE FUNCTION keep_certificate_words();

-- --- Facts: where they come from ---

-- A certificate is expiring inside the largest alert threshold, and never for more than the last third of a short life.
CREATE FUNCTION expiring_from(not_before timestamptz, not_after timestamptz, threshold_days int) RETURNS timestamptz
	LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
	$$ SELECT not_after - least(make_interval(secs => threshold_days * 86400.0::double precision), (not_after - not_before) / 3) $$;
CREATE FUNCTION largest_threshold(policy text) RETURNS int LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
	RETURN coalesce((SELECT max(days) FROM policies p, unnest(p.alert_thresholds_days) AS days WHERE p.id = policy), 30);
END $$;

CREATE VIEW certificate_placement_facts AS
SELECT c.id, v.id AS version_id, v.subject, v.issuer_dn, v.serial_number, v.not_before, v.not_after,
	expiring_from(v.not_before, v.not_after, coalesce((SELECT max(days) FROM policies pol, unnest(pol.alert_thresholds_days) AS days
		WHERE pol.id = c.policy_id), 30)) AS expiring_at, v.fingerprint_sha256,
	(SELECT issued_at FROM certificate_versions WHERE certificate_id = c.id ORDER BY id LIMIT 1) AS issued_at,
	CASE WHEN v.sequence > 1 THEN v.issued_at END AS renewed_at, coalesce(p.agent_ids, '[]') AS agent_ids, p.renew_at, p.failure
FROM managed_certificates c
LEFT JOIN LATERAL (SELECT ver.* FROM placements JOIN certificate_versions ver ON ver.id = version_id
	WHERE placements.certificate_id = c.id AND ended_at IS NULL ORDER BY ver.not_after, ver.id LIMIT 1) AS v ON true
LEFT JOIN LATERAL (SELECT to_json(array_agg(agent_id::text ORDER BY agent_id)
			FILTER (WHERE NOT EXISTS (SELECT FROM bindings b WHERE b.certificate_id = c.id AND b.agent_id = placements.agent_id)))::text
			AS agent_ids,
		min(renew_at) AS renew_at, min(placements.failure) AS failure
	FROM placements WHERE certificate_id = c.id AND ended_at IS NULL) AS p ON true;

CREATE VIEW certificate_binding_facts AS
SELECT c.id, coalesce(b.target_ids, '[]') AS target_ids, b.deployed_at, b.deploy_retry_at, b.deploy_failure
FROM managed_certificates c
LEFT JOIN LATERAL (SELECT to_json(array_agg(target_id::text ORDER BY target_id))::text AS target_ids, max(deployed_at) AS deployed_at,
		min(retry_at) FILTER (WHERE is_behind) AS deploy_retry_at,
		min(target_id || ': ' || failure) FILTER (WHERE is_behind) AS deploy_failure
	FROM bindings, LATERAL (SELECT desired_version_id IS DISTINCT FROM deployed_version_id AS is_behind) AS b
	WHERE certificate_id = c.id) AS b ON true;

-- plpgsql keeps their plans: each issued version runs them.
CREATE FUNCTION refresh_placement_facts(ids text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	UPDATE managed_certificates c SET version_id = f.version_id, subject = f.subject, issuer_dn = f.issuer_dn,
		serial_number = f.serial_number, not_before = f.not_before, not_after = f.not_after, expiring_at = f.expiring_at,
		fingerprint_sha256 = f.fingerprint_sha256, issued_at = f.issued_at, renewed_at = f.renewed_at, agent_ids = f.agent_ids,
		renew_at = f.renew_at, failure = f.failure
	FROM certificate_placement_facts f
	WHERE c.id = ANY (ids) AND f.id = c.id AND (c.version_id, c.expiring_at, c.agent_ids, c.renew_at, c.failure)
		IS DISTINCT FROM (f.version_id, f.expiring_at, f.agent_ids, f.renew_at, f.failure);
END $$;
CREATE FUNCTION refresh_binding_facts(ids text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	UPDATE managed_certificates c SET target_ids = f.target_ids, deployed_at = f.deployed_at, deploy_retry_at = f.deploy_retry_at,
		deploy_failure = f.deploy_failure
	FROM certificate_binding_facts f
	WHERE c.id = ANY (ids) AND f.id = c.id AND (c.target_ids, c.deployed_at, c.deploy_retry_at, c.deploy_failure)
		IS DISTINCT FROM (f.target_ids, f.deployed_at, f.deploy_retry_at, f.deploy_failure);
END $$;

-- --- Facts: nothing that changes them can forget the row ---

CREATE FUNCTION keep_placement_facts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	ids text[] := (SELECT array_agg(DISTINCT certificate_id::text) FROM changed);
BEGIN
	IF ids IS NOT NULL THEN
		PERFORM refresh_placement_facts(ids);
	END IF;
	RETURN NULL;
END $$;
CREATE FUNCTION keep_changed_placement_facts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	ids text[] := (SELECT array_agg(DISTINCT n.certificate_id::text) FROM changed n JOIN before o ON o.id = n.id
		WHERE (n.version_id, n.renew_at, n.failure, n.ended_at) IS DISTINCT FROM (o.version_id, o.renew_at, o.failure, o.ended_at));
BEGIN
	IF ids IS NOT NULL THEN
		PERFORM refresh_placement_facts(ids);
	END IF;
	RETURN NULL;
END $$;
CREATE TRIGGER keep_facts_of_new AFTER INSERT ON placements REFERENCING NEW TABLE AS changed
	FOR EACH STATEMENT EXECUTE FUNCTION keep_placement_facts();
CREATE TRIGGER keep_facts AFTER UPDATE ON placements REFERENCING OLD TABLE AS before NEW TABLE AS changed
	FOR EACH STATEMENT EXECUTE FUNCTION keep_changed_placement_facts();
CREATE TRIGGER keep_facts_of_old AFTER DELETE ON placements REFERENCING OLD TABLE AS changed
	FOR EACH STATEMENT EXECUTE FUNCTION keep_placement_facts();

-- Whether a placement is served anywhere is a fact of both.
CREATE FUNCTION keep_binding_facts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	ids text[] := (SELECT array_agg(DISTINCT certificate_id::text) FROM changed);
BEGIN
	IF ids IS NOT NULL THEN
		PERFORM refresh_binding_facts(ids), refresh_placement_facts(ids);
	END IF;
	RETURN NULL;
END $$;
-- A retry and a failure count while the target is behind.
CREATE FUNCTION keep_changed_binding_facts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	ids text[] := (SELECT array_agg(DISTINCT n.certificate_id::text) FROM changed n JOIN before o ON o.id = n.id,
		LATERAL (SELECT n.desired_version_id IS DISTINCT FROM n.deployed_version_id AS now_behind,
			o.desired_version_id IS DISTINCT FROM o.deployed_version_id AS was_behind) AS b
		WHERE (n.deployed_at, CASE WHEN now_behind THEN n.retry_at END, CASE WHEN now_behind THEN n.failure END)
			IS DISTINCT FROM (o.deployed_at, CASE WHEN was_behind THEN o.retry_at END, CASE WHEN was_behind THEN o.failure END));
BEGIN
	IF ids IS NOT NULL THEN
		PERFORM refresh_binding_facts(ids);
	END IF;
	RETURN NULL;
END $$;
CREATE TRIGGER keep_facts_of_new AFTER INSERT ON bindings REFERENCING NEW TABLE AS changed
	FOR EACH STATEMENT EXECUTE FUNCTION keep_binding_facts();
CREATE TRIGGER keep_facts AFTER UPDATE ON bindings REFERENCING OLD TABLE AS before NEW TABLE AS changed
	FOR EACH STATEMENT EXECUTE FUNCTION keep_changed_binding_facts();
CREATE TRIGGER keep_facts_of_old AFTER DELETE ON bindings REFERENCING OLD TABLE AS changed
	FOR EACH STATEMENT EXECUTE FUNCTION keep_binding_facts();

-- What the latest attempt came to.
CREATE FUNCTION note_failures() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF EXISTS (SELECT FROM changed ended JOIN placements p ON p.id = ended.placement_id
		WHERE ended.type IN ('Issuance', 'Renewal') AND (ended.state = 'Failed' OR p.failure IS NOT NULL)) THEN
		UPDATE placements p SET failure = CASE ended.state WHEN 'Failed' THEN coalesce(ended.error ->> 'what', ended.hold_reason, 'failed') END
		FROM changed ended
		WHERE ended.type IN ('Issuance', 'Renewal') AND p.id = ended.placement_id AND (ended.state = 'Failed' OR p.failure IS NOT NULL);
	END IF;
	IF EXISTS (SELECT FROM changed ended JOIN bindings b ON b.certificate_id = ended.certificate_id AND b.target_id = ended.target_id
		WHERE ended.type = 'Deployment' AND (ended.state = 'Failed' OR b.failure IS NOT NULL)) THEN
		UPDATE bindings b SET failure = CASE ended.state WHEN 'Failed' THEN coalesce(ended.error ->> 'what', ended.hold_reason, 'failed') END
		FROM changed ended
		WHERE ended.type = 'Deployment' AND b.certificate_id = ended.certificate_id AND b.target_id = ended.target_id
			AND (ended.state = 'Failed' OR b.failure IS NOT NULL);
	END IF;
	RETURN NULL;
END $$;
CREATE TRIGGER note_failures AFTER INSERT ON jobs_ended REFERENCING NEW TABLE AS changed
	FOR EACH STATEMENT EXECUTE FUNCTION note_failures();

-- --- Another policy, or another threshold of one ---

CREATE FUNCTION keep_threshold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.expiring_at := expiring_from(NEW.not_before, NEW.not_after, largest_threshold(NEW.policy_id));
	RETURN NEW;
END $$;
CREATE TRIGGER keep_threshold BEFORE UPDATE OF policy_id ON managed_certificates FOR EACH ROW
	WHEN (OLD.policy_id IS DISTINCT FROM NEW.policy_id) EXECUTE FUNCTION keep_threshold();

-- A policy may have a million certificates: they are gone through in the order of their ids, a piece at a time; the first at
-- once, the others by a timer.  Null: all are done.
ALTER TABLE policies ADD COLUMN recomputed_to object_id;
CREATE INDEX policies_recomputing ON policies (id) WHERE recomputed_to IS NOT NULL;
CREATE FUNCTION recompute_expiring(policy text, pieces int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	place text;
	last text;
	days int := largest_threshold(policy);
BEGIN
	SELECT recomputed_to INTO place FROM policies WHERE id = policy AND recomputed_to IS NOT NULL FOR UPDATE;
	IF NOT FOUND THEN
		RETURN 0;
	END IF;
	SELECT max(id) INTO last FROM (SELECT id FROM managed_certificates WHERE policy_id = policy AND id > place ORDER BY id LIMIT pieces) AS next;
	UPDATE managed_certificates SET expiring_at = expiring_from(not_before, not_after, days)
	WHERE policy_id = policy AND id > place AND id <= last
		AND expiring_at IS DISTINCT FROM expiring_from(not_before, not_after, days);
	UPDATE policies SET recomputed_to = last WHERE id = policy;
	RETURN 1;
END $$;
CREATE FUNCTION keep_thresholds() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE policies SET recomputed_to = '0' WHERE id = NEW.id;
	PERFORM recompute_expiring(NEW.id, 1000);
	RETURN NULL;
END $$;
CREATE TRIGGER keep_thresholds AFTER UPDATE OF alert_thresholds_days ON policies FOR EACH ROW
	WHEN (OLD.alert_thresholds_days IS DISTINCT FROM NEW.alert_thresholds_days) EXECUTE FUNCTION keep_thresholds();

-- --- Many at once ---

-- Other owners, teams, profiles, policies: null leaves a value, '' takes it away.  What the profile does not allow stays as it was,
-- and is told with its reason.
CREATE FUNCTION reassign_certificates(ids text[], owner text, team text, profile text, policy text, actor text, actor_type text,
	source_ip text, request text, OUT reassigned bigint, OUT skipped bigint, OUT refused jsonb) LANGUAGE plpgsql AS $$
DECLARE
	before managed_certificates[];
	kept text[];
BEGIN
	SELECT coalesce(array_agg(c), '{}') INTO before FROM managed_certificates c
	WHERE c.id = ANY (ids) AND (c.owner_id, c.team_id, c.profile_id, c.policy_id) IS DISTINCT FROM (nullif(coalesce(owner, c.owner_id), ''),
		nullif(coalesce(team, c.team_id), ''), nullif(coalesce(profile, c.profile_id), ''), nullif(coalesce(policy, c.policy_id), ''));
	UPDATE managed_certificates c SET owner_id = nullif(coalesce(owner, c.owner_id), ''), team_id = nullif(coalesce(team, c.team_id), ''),
		profile_id = nullif(coalesce(profile, c.profile_id), ''), policy_id = nullif(coalesce(policy, c.policy_id), ''),
		updated_at = clock.now()
	WHERE c.id IN (SELECT b.id FROM unnest(before) AS b);
	SELECT coalesce(array_agg(id), '{}'), coalesce(jsonb_agg(jsonb_build_object('id', id, 'reason', why)), '[]') INTO kept, refused
	FROM (SELECT b.id::text AS id, profile_refusal(b.id) AS why FROM unnest(before) AS b) AS asked WHERE why IS NOT NULL;
	UPDATE managed_certificates c SET owner_id = b.owner_id, team_id = b.team_id, profile_id = b.profile_id, policy_id = b.policy_id,
		updated_at = b.updated_at
	FROM unnest(before) AS b WHERE c.id = b.id AND b.id = ANY (kept);
	INSERT INTO audit_events (action, actor, actor_type, source_ip, request_id, resource_type, resource_id, details)
	SELECT 'certificate_updated', actor, actor_type, source_ip, request, 'certificate', b.id, jsonb_build_object(
		'before', jsonb_build_object('owner_id', b.owner_id, 'team_id', b.team_id, 'profile_id', b.profile_id, 'policy_id', b.policy_id),
		'after', jsonb_build_object('owner_id', nullif(coalesce(owner, b.owner_id), ''), 'team_id', nullif(coalesce(team, b.team_id), ''),
			'profile_id', nullif(coalesce(profile, b.profile_id), ''), 'policy_id', nullif(coalesce(policy, b.policy_id), '')))
	FROM unnest(before) AS b WHERE b.id <> ALL (kept);
	reassigned := cardinality(before) - cardinality(kept);
	skipped := cardinality(ids) - cardinality(before);
END $$;

-- --- What is there already ---

INSERT INTO certificate_words (kind, word, certificate_id)
SELECT 's', lower(name), id FROM managed_certificates, jsonb_array_elements_text(sans::jsonb) AS name
UNION SELECT 't', tag, id FROM managed_certificates, unnest(tags) AS tag;
UPDATE placements p SET failure = coalesce(ended.error ->> 'what', ended.hold_reason, 'failed')
FROM (SELECT DISTINCT ON (placement_id) * FROM jobs_ended WHERE type IN ('Issuance', 'Renewal') ORDER BY placement_id, id DESC) AS ended
WHERE ended.placement_id = p.id AND ended.state = 'Failed';
UPDATE bindings b SET failure = coalesce(ended.error ->> 'what', ended.hold_reason, 'failed')
FROM (SELECT DISTINCT ON (certificate_id, target_id) * FROM jobs_ended WHERE type = 'Deployment'
	ORDER BY certificate_id, target_id, id DESC) AS ended
WHERE ended.certificate_id = b.certificate_id AND ended.target_id = b.target_id AND ended.state = 'Failed';
SELECT refresh_placement_facts(array_agg(id::text)), refresh_binding_facts(array_agg(id::text)) FROM managed_certificates;

-- --- Indexes: each one the order of a list, or a status, or a filter in the order of ids ---

-- The name of an archived one is free again.
ALTER TABLE managed_certificates DROP CONSTRAINT managed_certificates_name_key;
CREATE UNIQUE INDEX managed_certificates_name_key ON managed_certificates (name) WHERE archived_at IS NULL;
CREATE INDEX managed_certificates_live ON managed_certificates (id) WHERE archived_at IS NULL;
CREATE INDEX managed_certificates_by_name ON managed_certificates (name, id) WHERE archived_at IS NULL;
CREATE INDEX managed_certificates_common_name ON managed_certificates ((coalesce(common_name, '')), id) WHERE archived_at IS NULL;
-- Never issued: after all others.
CREATE INDEX managed_certificates_not_after ON managed_certificates ((coalesce(not_after, 'infinity')), id) WHERE archived_at IS NULL;
CREATE INDEX managed_certificates_expiring ON managed_certificates ((coalesce(expiring_at, 'infinity')), id) WHERE archived_at IS NULL;
CREATE INDEX managed_certificates_created ON managed_certificates (created_at, id) WHERE archived_at IS NULL;
CREATE INDEX managed_certificates_pending ON managed_certificates (id) WHERE version_id IS NULL AND archived_at IS NULL;
CREATE INDEX managed_certificates_failed ON managed_certificates (id) WHERE failure IS NOT NULL AND archived_at IS NULL;
CREATE INDEX managed_certificates_revoked ON managed_certificates (id) WHERE revoked_at IS NOT NULL AND archived_at IS NULL;
CREATE INDEX managed_certificates_archived ON managed_certificates (id) WHERE archived_at IS NOT NULL;
CREATE INDEX managed_certificates_owner ON managed_certificates (owner_id, id);
CREATE INDEX managed_certificates_team ON managed_certificates (team_id, id);
CREATE INDEX managed_certificates_issuer ON managed_certificates (issuer_id, id);
CREATE INDEX managed_certificates_profile ON managed_certificates (profile_id, id);
CREATE INDEX managed_certificates_policy ON managed_certificates (policy_id, id);
CREATE INDEX managed_certificates_environment ON managed_certificates (environment, id);
DROP INDEX placements_agent;
CREATE INDEX placements_agent ON placements (agent_id, certificate_id);
DROP INDEX bindings_target;
CREATE INDEX bindings_target ON bindings (target_id, certificate_id);
CREATE INDEX certificate_versions_serial ON certificate_versions (serial_number, certificate_id);
CREATE INDEX jobs_renewing ON jobs (certificate_id, id) WHERE type IN ('Issuance', 'Renewal');

-- --- What a certificate looks like from outside: one row, and whether a successor is on its way ---

-- Pages of them are asked for all day, and 35 columns cost the database more to write than one text: what a row alone decides is
-- kept as it is shown in replies.  Its schema is named for the sake of a restore, which has no search path.
CREATE FUNCTION json_text(value text) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS
	$$ SELECT coalesce(to_json(value)::text, 'null') $$;
CREATE FUNCTION json_time(value timestamptz) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS
	$$ SELECT coalesce(left(to_json(value AT TIME ZONE 'UTC')::text, 20) || 'Z"', 'null') $$;
CREATE FUNCTION key_size(key_type text) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
	$$ SELECT CASE key_type WHEN 'ECDSA_P256' THEN 256 WHEN 'ECDSA_P384' THEN 384 WHEN 'ED25519' THEN 256 ELSE substr(key_type, 5)::int END $$;

CREATE FUNCTION certificate_members(id text, name text, common_name text, names jsonb, subject text, issuer_id text, issuer_dn text,
	serial_number text, key_type text, not_before timestamptz, not_after timestamptz, expiring_at timestamptz, fingerprint_sha256 text,
	lifetime_seconds bigint, must_staple boolean, environment text, owner_id text, team_id text, profile_id text, policy_id text,
	tags text[], target_ids text, agent_ids text, issued_at timestamptz, renewed_at timestamptz, deployed_at timestamptz,
	revoked_at timestamptz, revocation_reason text, archived_at timestamptz, created_at timestamptz, updated_at timestamptz,
	version_id text) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
	RETURN concat('"id":"', id, '","name":', public.json_text(name), ',"common_name":', public.json_text(common_name),
		',"sans":', jsonb_path_query_array(names, '$[*].value'), ',"subject":', public.json_text(subject),
		',"issuer_id":"', issuer_id, '","issuer_dn":', public.json_text(issuer_dn), ',"serial_number":', public.json_text(serial_number),
		',"key_type":"', key_type, '","key_size":', public.key_size(key_type), ',"not_before":', public.json_time(not_before),
		',"not_after":', public.json_time(not_after), ',"expiring_at":', public.json_time(expiring_at),
		',"fingerprint_sha256":', public.json_text(fingerprint_sha256), ',"lifetime_seconds":', lifetime_seconds,
		',"must_staple":', must_staple::text, ',"environment":', public.json_text(environment),
		',"owner_id":', public.json_text(owner_id), ',"team_id":', public.json_text(team_id),
		',"profile_id":', public.json_text(profile_id), ',"policy_id":', public.json_text(policy_id), ',"tags":', to_json(tags),
		',"target_ids":', target_ids, ',"agent_ids":', agent_ids, ',"issued_at":', public.json_time(issued_at),
		',"renewed_at":', public.json_time(renewed_at), ',"deployed_at":', public.json_time(deployed_at),
		',"revoked_at":', public.json_time(revoked_at), ',"revocation_reason":', public.json_text(revocation_reason),
		',"archived_at":', public.json_time(archived_at), ',"created_at":', public.json_time(created_at),
		',"updated_at":', public.json_time(updated_at), ',"version_id":', public.json_text(version_id));
END $$;
-- What a successor on its way changes, as it is while there is none.
CREATE FUNCTION certificate_members_at_rest(reason text, next_action_at timestamptz) RETURNS text
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
	RETURN concat(',"status_reason":', public.json_text(reason), ',"next_action_at":', public.json_time(next_action_at));
END $$;
-- Not compressed: a row with it has about 1,700 bytes.
ALTER TABLE managed_certificates
	SET (toast_tuple_target = 8160),
	ADD COLUMN members text NOT NULL GENERATED ALWAYS AS (certificate_members(id, name, common_name, names, subject, issuer_id, issuer_dn,
		serial_number, key_type, not_before, not_after, expiring_at, fingerprint_sha256, lifetime_seconds, must_staple, environment,
		owner_id, team_id, profile_id, policy_id, tags, target_ids, agent_ids, issued_at, renewed_at, deployed_at, revoked_at,
		revocation_reason, archived_at, created_at, updated_at, version_id)) STORED,
	ADD COLUMN members_at_rest text NOT NULL GENERATED ALWAYS AS (certificate_members_at_rest(coalesce(failure, deploy_failure),
		CASE WHEN archived_at IS NULL THEN least(renew_at, deploy_retry_at) END)) STORED;

DROP VIEW certificates;
CREATE VIEW certificates AS
SELECT c.id, c.name, c.common_name, c.sans, c.subject, c.issuer_id, c.issuer_dn, c.serial_number, c.key_type, c.not_before, c.not_after,
	c.fingerprint_sha256, now.status, now.status_reason, now.next_action_at,
	c.must_staple, c.lifetime_seconds, c.environment, c.owner_id, c.team_id, c.profile_id, c.policy_id, c.tags,
	c.target_ids, c.agent_ids, c.issued_at, c.renewed_at, c.deployed_at, c.revoked_at, c.revocation_reason, c.archived_at,
	c.created_at, c.updated_at, c.version_id, c.expiring_at, c.failure, live.id AS live_job_id,
	c.members || ',"status":"' || now.status || CASE WHEN live.id IS NULL THEN '"' || c.members_at_rest
		ELSE concat('","status_reason":', json_text(now.status_reason), ',"next_action_at":', json_time(now.next_action_at)) END AS members
FROM managed_certificates c
LEFT JOIN LATERAL (SELECT id, run_at, error FROM jobs WHERE certificate_id = c.id AND type IN ('Issuance', 'Renewal')
	ORDER BY id LIMIT 1) AS live ON true
CROSS JOIN LATERAL (SELECT
	CASE
		WHEN c.archived_at IS NOT NULL THEN 'Archived'
		WHEN c.revoked_at IS NOT NULL THEN 'Revoked'
		WHEN c.version_id IS NULL THEN CASE WHEN live.id IS NULL AND c.failure IS NOT NULL THEN 'Failed' ELSE 'Pending' END
		WHEN c.not_after <= clock.now() THEN 'Expired'
		WHEN live.id IS NOT NULL THEN 'RenewalInProgress'
		WHEN c.failure IS NOT NULL THEN 'Failed'
		WHEN c.expiring_at <= clock.now() THEN 'Expiring'
		ELSE 'Active'
	END AS status,
	CASE WHEN live.id IS NOT NULL THEN coalesce(live.error ->> 'what', c.deploy_failure) ELSE coalesce(c.failure, c.deploy_failure) END
		AS status_reason,
	CASE WHEN c.archived_at IS NULL THEN least(coalesce(live.run_at, c.renew_at), c.deploy_retry_at) END AS next_action_at) AS now;

DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'certctl_read_only') THEN
		GRANT SELECT ON certificates, certificate_words, certificate_placement_facts, certificate_binding_facts TO certctl_read_only;
	END IF;
END $$;
