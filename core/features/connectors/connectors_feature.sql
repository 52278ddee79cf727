-- name: connector_issuer_kept  $1 id text
SELECT '\x' || encode(sealed, 'hex') AS sealed, key_id, revision FROM issuers WHERE id = $1;

-- name: connector_notifier_kept  $1 id text
SELECT '\x' || encode(sealed, 'hex') AS sealed, key_id, revision FROM notifiers WHERE id = $1;

-- Plugins that agents have told of, each version once.
-- name: connector_agents_plugins
SELECT p ->> 'kind' AS kind, p ->> 'id' AS id, p ->> 'version' AS version, count(*) AS agents, (array_agg(p))[1] AS plugin
FROM agents a CROSS JOIN LATERAL jsonb_array_elements(a.plugins) AS p WHERE a.retired_at IS NULL
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;

-- What no server runs: those that are switched off, and the fleet's.
-- name: metric_connectors
WITH fleet AS (SELECT id, retired_at IS NOT NULL AS is_retired, plugins = '[]' AS is_silent FROM agents),
counts AS (SELECT CASE WHEN a.is_retired THEN 'closed'
		WHEN t.problem IS NOT NULL OR t.id IN (SELECT target_id FROM bindings WHERE problem IS NOT NULL) THEN 'refused'
		WHEN a.is_silent THEN 'unknown' ELSE 'ready' END AS status, count(*) AS value
	FROM targets t JOIN fleet a ON a.id = t.agent_id GROUP BY 1)
SELECT 'issuer' AS kind, 'closed' AS status, count(*) AS value FROM issuers WHERE NOT enabled
UNION ALL SELECT 'notifier', 'closed', count(*) FROM notifiers WHERE NOT enabled
UNION ALL SELECT 'target', status, coalesce(value, 0) FROM unnest('{ready,refused,unknown,closed}'::text[]) AS status
	LEFT JOIN counts USING (status);
