-- Seals of the trail: made by one server outside of everybody's transactions, append-only like the events themselves.
CREATE INDEX audit_events_order ON audit_events (txid, seq);

-- An event says which transaction wrote it, and cannot say otherwise: what is sealed stays behind the sealer.
CREATE TRIGGER refuse_forged BEFORE INSERT ON audit_events FOR EACH ROW
	WHEN (NEW.txid <> pg_current_xact_id()) EXECUTE FUNCTION refuse_change();

-- One row a database that the trail lives in: transaction ids start again after dump and restore.
CREATE TABLE audit_epochs (
	epoch bigint PRIMARY KEY,
	system_identifier text NOT NULL,
	first_seq bigint NOT NULL, -- events from this number on are of it
	began_at timestamptz NOT NULL DEFAULT clock.now()
);

-- ... and the signed record that ties it to the head before.
CREATE TABLE audit_links (
	epoch bigint PRIMARY KEY REFERENCES audit_epochs (epoch),
	origin text NOT NULL,
	previous_batch bigint NOT NULL,
	size bigint NOT NULL,
	previous sha256_hex NOT NULL,
	reason text NOT NULL CHECK (reason !~ '[[:cntrl:]]'),
	"time" timestamptz NOT NULL,
	key sha256_hex NOT NULL,
	signature text NOT NULL
);

CREATE TABLE audit_batches (
	batch bigint PRIMARY KEY,
	epoch bigint NOT NULL REFERENCES audit_links (epoch),
	count bigint NOT NULL CHECK (count > 0),
	size bigint NOT NULL,
	last_txid xid8 NOT NULL,
	last_seq bigint NOT NULL,
	root sha256_hex NOT NULL,
	previous sha256_hex NOT NULL,
	head sha256_hex NOT NULL,
	leaves bytea NOT NULL,
	sealed_at timestamptz NOT NULL DEFAULT clock.now()
);

CREATE TABLE audit_checkpoints (
	batch bigint PRIMARY KEY REFERENCES audit_batches (batch),
	origin text NOT NULL,
	size bigint NOT NULL,
	head sha256_hex NOT NULL,
	"time" timestamptz NOT NULL,
	key sha256_hex NOT NULL,
	signature text NOT NULL
);

DO $$
DECLARE
	name text;
BEGIN
	FOREACH name IN ARRAY ARRAY['audit_epochs', 'audit_links', 'audit_batches', 'audit_checkpoints'] LOOP
		EXECUTE format('CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION refuse_change()', name);
		PERFORM protect_audit(name);
	END LOOP;
END $$;
