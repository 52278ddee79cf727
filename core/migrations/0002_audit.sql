-- The trail: written once, in the transaction of what it describes, and never changed.
CREATE SEQUENCE audit_seq;
CREATE TABLE audit_events (
	id text COLLATE "C" NOT NULL DEFAULT make_id('ae-') PRIMARY KEY,
	seq bigint NOT NULL DEFAULT nextval('audit_seq'),
	txid xid8 NOT NULL DEFAULT pg_current_xact_id(),
	"timestamp" timestamptz NOT NULL DEFAULT clock.now(),
	action text NOT NULL,
	actor text NOT NULL,
	actor_type text NOT NULL,
	source_ip text,
	request_id text,
	resource_type text NOT NULL,
	resource_id text NOT NULL,
	details jsonb NOT NULL DEFAULT '{}'
) PARTITION BY RANGE (id);
-- Calls of the API are most of the trail and are looked for by time: a place for each path would be the dearest part of recording one.
CREATE INDEX audit_events_resource ON audit_events (resource_type, resource_id, id) WHERE resource_type <> 'api';
CREATE INDEX audit_events_action ON audit_events (action, id);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION '% of % is refused: the audit trail is append-only', TG_OP, TG_TABLE_NAME
		USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON audit_events FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON audit_events FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Row triggers come down from the parent, statement triggers and privileges do not.
CREATE FUNCTION protect_audit(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF to_regclass(format('public.%I', name)) <> 'public.audit_events'::regclass THEN
		EXECUTE format('CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.%I FOR EACH STATEMENT '
			'EXECUTE FUNCTION public.refuse_change()', name);
	END IF;
	IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'certctl') AND current_user <> 'certctl' THEN
		EXECUTE format('REVOKE ALL ON public.%I FROM certctl', name);
		EXECUTE format('GRANT SELECT, INSERT ON public.%I TO certctl', name);
	END IF;
	IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'certctl_read_only') THEN
		EXECUTE format('GRANT SELECT ON public.%I TO certctl_read_only', name);
	END IF;
END $$;
REVOKE ALL ON FUNCTION protect_audit(text) FROM PUBLIC;
SELECT protect_audit('audit_events');
SELECT make_partitions('audit_events', 'ae-', 2);
