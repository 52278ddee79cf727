-- What CAs are asked beside the jobs.  $1 issuers: those that this server has open, and that can be asked.

-- --- When they want a certificate renewed (RFC 9773) ---

-- Of so many placements, in the order of their ids, those with a version that its CA was not asked about; the last of them.
-- name: windows_begin  $1 issuers text[], $2 after text
WITH piece AS (SELECT p.id, p.version_id, p.ari_version_id FROM placements p WHERE p.id > $2 ORDER BY p.id LIMIT 2000),
begun AS (UPDATE placements p SET ari_version_id = p.version_id, ari_check_at = clock.now(), ari_starts_at = NULL, ari_ends_at = NULL,
		ari_url = NULL
	FROM piece JOIN certificate_versions v ON v.id = piece.version_id
	WHERE p.id = piece.id AND piece.ari_version_id IS DISTINCT FROM piece.version_id AND v.issuer_id = ANY ($1) AND v.not_after > clock.now()
		AND p.ended_at IS NULL AND p.version_id = piece.version_id)
SELECT max(id) AS last FROM piece HAVING count(*) = 2000;

-- Asked again in an hour, unless the answer says otherwise.
-- name: windows_claim  $1 issuers text[]
UPDATE placements p SET ari_check_at = clock.now() + interval '1 hour'
FROM certificate_versions v WHERE v.id = p.version_id AND p.id IN (
	SELECT due.id FROM placements due JOIN certificate_versions dv ON dv.id = due.version_id
		JOIN managed_certificates c ON c.id = due.certificate_id
	WHERE due.ari_check_at <= clock.now() AND due.ari_version_id = due.version_id AND due.ended_at IS NULL AND c.archived_at IS NULL
		AND dv.issuer_id = ANY ($1) AND dv.not_after > clock.now()
	ORDER BY due.ari_check_at LIMIT 16 FOR UPDATE OF due SKIP LOCKED)
RETURNING p.id, p.certificate_id, p.version_id, v.issuer_id, v.leaf;

-- Nobody asks about what has ended.
-- name: windows_end
UPDATE placements p SET ari_check_at = NULL FROM certificate_versions v, managed_certificates c
WHERE p.ari_check_at <= clock.now() AND v.id = p.version_id AND c.id = p.certificate_id
	AND (p.ended_at IS NOT NULL OR c.archived_at IS NOT NULL OR v.not_after <= clock.now() OR p.ari_version_id <> p.version_id);

-- No row: there is a newer version by now.
-- name: window_note  $1 placement_id text, $2 version_id text, $3 starts_at_s bigint, $4 ends_at_s bigint, $5 url text, $6 check_after_s bigint
UPDATE placements p SET ari_check_at = clock.now() + make_interval(secs => $6), ari_starts_at = to_timestamp($3),
	ari_ends_at = to_timestamp($4), ari_url = $5
FROM placements before WHERE p.id = $1 AND p.version_id = $2 AND p.ari_version_id = $2 AND before.id = p.id
RETURNING (before.ari_starts_at, before.ari_ends_at) IS DISTINCT FROM (p.ari_starts_at, p.ari_ends_at) AS is_changed;

-- name: window_heed  $1 placement_id text
UPDATE placements p SET renew_at = replan(p, v, pol)
FROM certificate_versions v, managed_certificates c LEFT JOIN policies pol ON pol.id = c.policy_id
WHERE p.id = $1 AND v.id = p.version_id AND c.id = p.certificate_id
RETURNING to_char(p.renew_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS renew_at,
	to_char(p.ari_starts_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS starts_at,
	to_char(p.ari_ends_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS ends_at, p.ari_url AS url;

-- --- What is given up ---

-- Those of CAs that need not hear of it, and those that were told of often enough.
-- name: abandoned_drop  $1 issuers text[]
DELETE FROM abandoned_orders WHERE issuer_id = ANY ($1) OR (attempts >= 3 AND ask_at <= clock.now());

-- name: abandoned_claim  $1 issuers text[]
UPDATE abandoned_orders SET attempts = attempts + 1, ask_at = clock.now() + interval '1 minute' * (1 + 9 * attempts)
WHERE job_id IN (SELECT job_id FROM abandoned_orders WHERE ask_at <= clock.now() AND attempts < 3 AND issuer_id = ANY ($1)
	ORDER BY ask_at LIMIT 16 FOR UPDATE SKIP LOCKED)
RETURNING job_id, issuer_id, attempts;

-- What the CA knows the order by: as it was asked for last.
-- name: abandoned_order  $1 job_id text
SELECT j.type, j.csr, j.saved_state, j.saved_state_version, j.certificate_id, c.names, c.common_name, c.key_type, asked.serial_number,
	extract(epoch FROM asked.not_before)::bigint AS not_before_s, extract(epoch FROM asked.not_after)::bigint AS not_after_s
FROM jobs_ended j JOIN managed_certificates c ON c.id = j.certificate_id
LEFT JOIN LATERAL (SELECT * FROM issuance_intents WHERE job_id = j.id ORDER BY attempt DESC LIMIT 1) AS asked ON true
WHERE j.id = $1;

-- name: abandoned_end  $1 job_id text
DELETE FROM abandoned_orders WHERE job_id = $1;
