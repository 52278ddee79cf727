-- name: jobs_get  $1 id text
SELECT *, state AS status FROM jobs_all WHERE id = $1;

-- name: jobs_list  $1 limit int, $2 before text, $3 type text, $4 status text, $5 certificate_id text, $6 agent_id text
SELECT *, state AS status FROM jobs_all
WHERE ($2 IS NULL OR id < $2) AND ($3 IS NULL OR type = $3) AND ($4 IS NULL OR state = $4)
	AND ($5 IS NULL OR certificate_id = $5) AND ($6 IS NULL OR agent_id = $6)
ORDER BY id DESC LIMIT $1;
