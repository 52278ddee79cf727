-- name: connector_issuer_kept  $1 id text
SELECT '\x' || encode(sealed, 'hex') AS sealed, key_id, revision FROM issuers WHERE id = $1;

-- name: connector_notifier_kept  $1 id text
SELECT '\x' || encode(sealed, 'hex') AS sealed, key_id, revision FROM notifiers WHERE id = $1;

-- Plugins that agents have told of, each version once.
-- name: connector_agents_plugins
SELECT p ->> 'kind' AS kind, p ->> 'id' AS id, p ->> 'version' AS version, count(*) AS agents, (array_agg(p))[1] AS plugin
FROM agents a CROSS JOIN LATERAL jsonb_array_elements(a.plugins) AS p WHERE a.retired_at IS NULL
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
