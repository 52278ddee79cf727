-- Instances from files have a row too, so that everything else can refer to them.
-- name: issuer_from_file  $1 id text, $2 name text, $3 type text, $4 options jsonb
INSERT INTO issuers (id, name, type, options, source) VALUES ($1, $2, $3, $4, 'file')
ON CONFLICT (id) DO UPDATE SET name = excluded.name, type = excluded.type, options = excluded.options, source = 'file',
	enabled = true, updated_at = clock.now()
WHERE (issuers.name, issuers.type, issuers.options, issuers.source, issuers.enabled)
	IS DISTINCT FROM (excluded.name, excluded.type, excluded.options, excluded.source, true);

-- name: issuers_from_files_disable  $1 ids text[]
UPDATE issuers SET enabled = false, updated_at = clock.now() WHERE source = 'file' AND enabled AND id <> ALL ($1);
