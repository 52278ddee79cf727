-- A fleet of :count certificates, as it looks in the middle of its life: 47-day certificates, renewed at two thirds, some
-- expiring because their renewal fails, some expired, some never issued, some archived.  Run by `seed` as superuser, alone.
\set ON_ERROR_STOP on
SET session_replication_role = replica; -- the triggers' work is done here, set by set
SET synchronous_commit = off;
SET maintenance_work_mem = '1GB';
SET max_parallel_maintenance_workers = 2;
SET work_mem = '256MB';
SET client_min_messages = warning;
SELECT now() AS now \gset

-- Indexes and constraints of the large tables come back when they are full.
CREATE TEMP TABLE large AS SELECT unnest(ARRAY['managed_certificates', 'placements', 'certificate_versions', 'bindings',
	'certificate_keys', 'certificate_words'])::regclass AS oid;
CREATE TEMP TABLE undone AS
	SELECT 2 AS step, format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(c.oid)) AS redo,
		format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) AS undo
	FROM pg_constraint c WHERE contype = 'f' AND (conrelid IN (SELECT oid FROM large) OR confrelid IN (SELECT oid FROM large))
		AND conparentid = 0
	UNION ALL
	SELECT 1, format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(c.oid)),
		format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname)
	FROM pg_constraint c WHERE contype IN ('p', 'u') AND conrelid IN (SELECT oid FROM large)
	UNION ALL
	SELECT 0, pg_get_indexdef(indexrelid), format('DROP INDEX %s', indexrelid::regclass)
	FROM pg_index i WHERE indrelid IN (SELECT oid FROM large)
		AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid AND contype IN ('p', 'u'));
SELECT undo FROM undone ORDER BY step DESC \gexec

-- --- Who and where ---

INSERT INTO teams (id, name) SELECT 't-' || i, 'Team ' || i FROM generate_series(1, 50) AS i;
INSERT INTO owners (id, name, email, team_id)
SELECT 'o-' || i, 'Owner ' || i, 'owner' || i || '@example.com', 't-' || (1 + i % 50) FROM generate_series(1, 500) AS i;
INSERT INTO profiles (id, name) SELECT 'prof-' || i, 'Profile ' || i FROM generate_series(1, 5) AS i;
INSERT INTO policies (id, name, alert_thresholds_days)
SELECT 'rp-' || i, 'Policy ' || i, CASE i WHEN 5 THEN '{7,0}' ELSE '{30,14,7,0}' END::int[] FROM generate_series(1, 5) AS i;
INSERT INTO issuers (id, name, type, source, enabled) SELECT 'iss-seed-' || i, 'Seed ' || i, 'local-ca', 'api', false FROM generate_series(1, 4) AS i;
INSERT INTO agents (id, name, hostname, os, architecture, version, ip_address, last_heartbeat_at, created_at)
SELECT 'agent-' || i, 'agent-' || i, 'host' || i || '.example.com', 'linux', 'x86_64', '0.1.0', '10.0.0.1', :'now'::timestamptz, :'now'::timestamptz - interval '400 days'
FROM generate_series(1, 10000) AS i;
INSERT INTO targets (id, name, type, agent_id)
SELECT 'tgt-' || i, 'nginx ' || i, 'nginx', 'agent-' || (1 + i % 10000) FROM generate_series(0, 49999) AS i;

-- --- Certificates ---

CREATE TEMP TABLE seed AS
SELECT i, first_id('mc-', created_at) || substr(md5(i::text), 1, 12) AS id, 'host' || i || '.example.com' AS name, kind, created_at,
	'tgt-' || (i % 50000) AS target_id, 'agent-' || (1 + i % 50000 % 10000) AS agent_id,
	CASE WHEN kind IN ('pending', 'unissued') THEN NULL ELSE date_trunc('second', :'now'::timestamptz - make_interval(secs => age)) END AS not_before,
	CASE WHEN i % 10 = 0 THEN 'iss-seed-' || (1 + i % 4) ELSE 'iss-local' END AS issuer_id,
	CASE WHEN i % 3 > 0 THEN 'rp-' || (1 + i % 5) END AS policy_id,
	CASE WHEN kind IN ('unissued', 'failing') OR (kind = 'expired' AND i % 2 = 0) THEN 'the issuer did not answer' END AS failure
FROM (SELECT i, kind, :'now'::timestamptz - interval '400 days' + interval '360 days' * i / :count AS created_at,
		CASE kind WHEN 'failing' THEN 2800000 + r * 1200000 WHEN 'expiring' THEN 2800000 + r * 1200000
			WHEN 'expired' THEN 4070000 + r * 500000 ELSE 3600 + r * 2500000 END::double precision AS age
	FROM (SELECT i, ('x' || substr(md5(i || 'age'), 1, 7))::bit(28)::int / 268435456.0 AS r,
			CASE WHEN h < 5 THEN 'archived' WHEN h < 15 THEN 'pending' WHEN h < 20 THEN 'unissued' WHEN h < 30 THEN 'expired'
				WHEN h < 40 THEN 'failing' WHEN h < 60 THEN 'expiring' ELSE 'active' END AS kind
		FROM (SELECT i, ('x' || substr(md5(i || 'kind'), 1, 7))::bit(28)::int % 1000 AS h FROM generate_series(1, :count) AS i) AS a) AS b) AS c;

-- Two agents have every tenth.
INSERT INTO placements (id, certificate_id, agent_id, version_id, renew_at, failure)
SELECT replace(id, 'mc-', 'pl-') || suffix, id, CASE suffix WHEN '' THEN agent_id ELSE 'agent-' || (1 + (i + 7) % 10000) END,
	CASE WHEN not_before IS NOT NULL THEN replace(id, 'mc-', 'ver-') || suffix END,
	CASE WHEN failure IS NOT NULL OR kind IN ('pending', 'expired', 'expiring') THEN :'now'::timestamptz + interval '12 hours' * (1 + i % 7)
		ELSE not_before + interval '31.3 days' END, failure
FROM seed, unnest(CASE WHEN i % 10 = 3 THEN '{"",b}' ELSE '{""}' END::text[]) AS suffix;

INSERT INTO certificate_versions (id, certificate_id, placement_id, sequence, job_id, issuer_id, serial_number, subject, issuer_dn, key_type,
	not_before, not_after, fingerprint_sha256, public_key_sha256, csr_sha256, leaf, chain, issued_at)
SELECT p.version_id, s.id, p.id, 1 + s.i % 9, replace(p.id, 'pl-', 'job-'), s.issuer_id, '40' || substr(hash, 1, 36), 'CN=' || s.name,
	'CN=certctl seed', 'ECDSA_P256', s.not_before, s.not_before + interval '47 days', hash || hash, reverse(hash) || hash,
	hash || reverse(hash), E'-----BEGIN CERTIFICATE-----\n' || hash || repeat(hash, 20) || E'\n-----END CERTIFICATE-----\n',
	E'-----BEGIN CERTIFICATE-----\n' || repeat('MIIBszCCAVmgAwIBAgIUc2VlZA', 22) || E'\n-----END CERTIFICATE-----\n', s.not_before
FROM seed s JOIN placements p ON p.certificate_id = s.id CROSS JOIN LATERAL (SELECT md5(p.id) AS hash) AS h
WHERE s.not_before IS NOT NULL;

INSERT INTO certificate_keys (public_key_sha256, placement_id) SELECT public_key_sha256, placement_id FROM certificate_versions;

INSERT INTO bindings (id, certificate_id, target_id, agent_id, desired_version_id, deployed_version_id, deployed_sequence, verified,
	observed_fingerprint, deployed_at)
SELECT replace(s.id, 'mc-', 'bnd-'), s.id, s.target_id, s.agent_id, v.id, v.id, coalesce(v.sequence, 0), v.id IS NOT NULL,
	v.fingerprint_sha256, v.not_before + interval '6 minutes'
FROM seed s LEFT JOIN certificate_versions v ON v.placement_id = replace(s.id, 'mc-', 'pl-');

INSERT INTO managed_certificates (id, name, common_name, names, key_type, issuer_id, lifetime_seconds, environment, tags, archived_at,
	created_at, updated_at, owner_id, team_id, profile_id, policy_id, version_id, subject, issuer_dn, serial_number, not_before, not_after,
	expiring_at, fingerprint_sha256, issued_at, renewed_at, agent_ids, renew_at, failure, target_ids, deployed_at)
SELECT s.id, s.name, s.name, jsonb_build_array(jsonb_build_object('type', 'dns', 'value', s.name),
		jsonb_build_object('type', 'dns', 'value', 'www.' || s.name)),
	'ECDSA_P256', s.issuer_id, 4060800, (ARRAY['production', 'staging', 'test', 'production'])[1 + i % 4],
	ARRAY['seed', 'tag' || i % 100], CASE kind WHEN 'archived' THEN :'now'::timestamptz - interval '1 day' END, s.created_at, s.created_at,
	'o-' || (1 + i % 500), 't-' || (1 + (1 + i % 500) % 50), CASE WHEN i % 2 = 0 THEN 'prof-' || (1 + i % 5) END, s.policy_id,
	v.id, v.subject, v.issuer_dn, v.serial_number, v.not_before, v.not_after,
	v.not_after - CASE s.policy_id WHEN 'rp-5' THEN interval '7 days' ELSE interval '1353600 seconds' END,
	v.fingerprint_sha256, v.issued_at, CASE WHEN v.sequence > 1 THEN v.issued_at END,
	CASE WHEN i % 10 = 3 THEN to_json(ARRAY['agent-' || (1 + (i + 7) % 10000)])::text ELSE '[]' END,
	CASE WHEN s.failure IS NOT NULL OR kind IN ('pending', 'expired', 'expiring') THEN :'now'::timestamptz + interval '12 hours' * (1 + i % 7)
		ELSE s.not_before + interval '31.3 days' END, s.failure,
	to_json(ARRAY[s.target_id])::text, v.not_before + interval '6 minutes'
FROM seed s LEFT JOIN certificate_versions v ON v.placement_id = replace(s.id, 'mc-', 'pl-') ORDER BY s.i;

INSERT INTO certificate_words (kind, word, certificate_id)
SELECT 's', prefix || name, id FROM seed, unnest('{"",www.}'::text[]) AS prefix
UNION ALL SELECT 't', tag, id FROM seed, unnest(ARRAY['seed', 'tag' || i % 100]) AS tag;

-- --- As before ---

SELECT redo FROM undone WHERE step = 0 \gexec
SELECT redo FROM undone WHERE step = 1 \gexec
SELECT redo FROM undone WHERE step = 2 \gexec
VACUUM (ANALYZE) managed_certificates, placements, certificate_versions, bindings, certificate_keys, certificate_words, targets, agents;
CHECKPOINT;
