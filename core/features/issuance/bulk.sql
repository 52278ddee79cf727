-- Renewals by filter.  A piece of them says the schema: renew_piece().

-- name: bulk_create  $1 filter jsonb, $2 certificate_ids text[], $3 scope jsonb, $4 reason text, $5 dry_run boolean, $6 created_by text
INSERT INTO bulk_renewals (filter, certificate_ids, scope, reason, dry_run, created_by) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id;

-- name: bulk_piece  $1 id text
SELECT renew_piece($1, 1000) AS done;

-- What whoever asked did not live to see the end of.
-- name: bulk_pieces
SELECT coalesce(renew_piece(NULL, 1000), 0) AS done;

-- Who is limited sees what was asked for under the same limits.
-- name: bulk_get  $1 id text, $2 scope jsonb
SELECT *, CASE WHEN ended_at IS NULL THEN 'running' ELSE 'ended' END AS status FROM bulk_renewals
WHERE id = $1 AND ($2 IS NULL OR scope = $2);

-- name: bulk_list  $1 limit int, $2 before text, $3 created_by text, $4 scope jsonb
SELECT *, CASE WHEN ended_at IS NULL THEN 'running' ELSE 'ended' END AS status FROM bulk_renewals
WHERE ($2 IS NULL OR id < $2) AND ($3 IS NULL OR created_by = $3) AND ($4 IS NULL OR scope = $4) ORDER BY id DESC LIMIT $1;
