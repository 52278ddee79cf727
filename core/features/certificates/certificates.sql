-- name: certificate_insert  $1 id text, $2 name text, $3 common_name text, $4 names jsonb, $5 key_type text, $6 issuer_id text, $7 lifetime_seconds bigint, $8 must_staple boolean, $9 environment text, $10 tags text[]
INSERT INTO managed_certificates (id, name, common_name, names, key_type, issuer_id, lifetime_seconds, must_staple, environment, tags)
VALUES (coalesce($1, make_id('mc-')), $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id;

-- One a agent: the agents of its targets, and those named.
-- name: placements_insert  $1 certificate_id text, $2 target_ids text[], $3 agent_ids text[]
INSERT INTO placements (certificate_id, agent_id)
SELECT $1, agent_id FROM targets WHERE id = ANY ($2) UNION SELECT $1, named FROM unnest($3) AS named;

-- name: bindings_insert  $1 certificate_id text, $2 target_ids text[], $3 options jsonb
INSERT INTO bindings (certificate_id, target_id, agent_id, options)
SELECT $1, id, agent_id, $3 FROM targets WHERE id = ANY ($2) RETURNING target_id;

-- name: certificate_hold  $1 id text
SELECT archived_at IS NOT NULL AS is_archived FROM managed_certificates WHERE id = $1 FOR KEY SHARE;

-- name: certificate_get  $1 id text
SELECT * FROM certificates WHERE id = $1;

-- name: certificate_list  $1 limit int, $2 after text, $3 status text, $4 environment text, $5 issuer_id text, $6 key_type text, $7 common_name text
SELECT * FROM certificates
WHERE ($2 IS NULL OR id > $2) AND ($3 IS NULL OR status = $3) AND ($4 IS NULL OR environment = $4)
	AND ($5 IS NULL OR issuer_id = $5) AND ($6 IS NULL OR key_type = $6) AND ($7 IS NULL OR common_name = $7)
ORDER BY id LIMIT $1;

-- name: certificate_versions  $1 limit int, $2 before text, $3 certificate_id text
SELECT v.id, v.certificate_id, p.agent_id, v.sequence, v.serial_number, v.subject, v.issuer_id, v.issuer_dn, v.key_type, v.not_before,
	v.not_after, v.fingerprint_sha256, v.public_key_sha256, v.csr_sha256, v.leaf AS certificate, v.chain, v.job_id, v.issued_at
FROM certificate_versions v JOIN placements p ON p.id = v.placement_id
WHERE v.certificate_id = $3 AND ($2 IS NULL OR v.id < $2) ORDER BY v.id DESC LIMIT $1;
