-- Nothing of ours is there yet.
-- name: database_is_empty
SELECT to_regclass('public.schema_migrations') IS NULL AS is_empty;
