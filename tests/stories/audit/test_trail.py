#!/usr/bin/env python3
"""The audit trail: nothing acknowledged is missing after kill -9, nothing changed stays unseen, exports prove themselves."""
import csv
import hashlib
import http.client
import io
import json
import os
import subprocess
import threading
import time
import unittest
import uuid
from unittest import mock

from cli.shell import Shell
from lib.fleet import ControlPlane, program
from lib.processes import eventually, run
from lib.story import GONE, Story

WRITERS = 6
ROUNDS = 4


class Trail(Story):
    def begin(self):
        self.control = ControlPlane(self.folder)
        self.keep(self.control.start())
        self.api = self.control.api

    # --- helpers

    def psql(self, sql, user="postgres", expect=0):
        done = subprocess.run(["psql", "-X", "-At", "-v", "ON_ERROR_STOP=1", "-h", self.control.socket(), "-U", user, "-d", "certctl",
                               "-c", sql], capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done.stdout.strip() + done.stderr.strip()

    def verify(self, *arguments, expect=0):
        done = subprocess.run([program("certctld"), "audit", "verify", *(arguments or ("--dir", self.control.state))],
                              capture_output=True, text=True, timeout=300, check=False)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done.stdout

    def raw(self, path):
        """The body of a reply as it came."""
        connection = http.client.HTTPSConnection(self.api._where.hostname, self.api._where.port, context=self.api._tls, timeout=300)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {self.api._key}"})
            reply = connection.getresponse()
            body = reply.read()
        finally:
            connection.close()
        self.assertEqual(reply.status, 200, body[:500])
        return body.decode()

    def export(self, name="export.jsonl"):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.raw("/api/v1/audit/export?format=jsonl&proof=true"))
        return path

    def await_sealed(self):
        """Everything there is, but for what this very question adds."""
        eventually("the trail is sealed", lambda: self.psql(
            "SELECT (SELECT max(size) FROM audit_batches) = (SELECT count(*) FROM audit_events)") == "t", 60)

    def superuser_changes(self, sql):
        self.psql(f"SET session_replication_role = replica; {sql}")


class KilledWhileWriting(Trail):
    def writer(self, number, answered, must_stop):
        while not must_stop.is_set():
            request = f"w{number}-{uuid.uuid4().hex}"
            try:
                if uuid.uuid4().int % 3:
                    self.api.get("/api/v1/agents", headers={"X-Request-ID": request})
                else:
                    self.api.post("/api/v1/enrollment-tokens", {"name": "story"}, headers={"X-Request-ID": request})
                answered.append(request)
            except (AssertionError, OSError, http.client.HTTPException):
                must_stop.wait(0.05)

    def kill_postgres(self):
        self.control.kill_postgres()
        eventually("the database is back", lambda: self.api.get("/api/v1/agents"), 60)

    def kill_server(self):
        self.control.process.kill()
        self.keep(self.control.start())

    def test_every_answered_call_is_in_the_trail(self):
        self.begin()
        answered, must_stop = [], threading.Event()
        threads = [threading.Thread(target=self.writer, args=(i, answered, must_stop)) for i in range(WRITERS)]
        for thread in threads:
            thread.start()
        try:
            for number in range(ROUNDS):
                before = len(answered)
                eventually("calls are answered", lambda before=before: len(answered) > before + 50, 60)
                (self.kill_server if number % 2 else self.kill_postgres)()
        finally:
            must_stop.set()
            for thread in threads:
                thread.join()
        self.verify()
        # A change is in the trail by its own event, a read by its call.
        recorded = self.psql("SELECT DISTINCT request_id FROM audit_events").split("\n")
        self.assertEqual(set(), set(answered) - set(recorded))
        recorded = self.psql("SELECT request_id FROM audit_events WHERE action = 'api_call'").split("\n")
        self.assertEqual(len(recorded), len(set(recorded)), "a call is there twice")
        self.assertGreater(len(answered), 50 * ROUNDS)
        self.verify("--offline", self.export(), "--pubkey", os.path.join(self.control.state, "audit.pub"))
        self.stop_all()
        # A server that ends seals and signs everything; then the command starts the database itself.
        report = self.verify()
        events = report.split(": ")[1].split(" events")[0]
        self.assertIn(f"over {events} events", report)


class Tampering(Trail):
    def test_what_a_superuser_changes_is_found_and_named(self):
        self.begin()
        for _ in range(5):
            self.api.get("/api/v1/agents")
        self.await_sealed()
        # The first checkpoint covers the first batch; the export shows it.
        good = self.export()
        public = os.path.join(self.control.state, "audit.pub")
        self.verify("--offline", good, "--pubkey", public)
        victim = self.psql("SELECT id FROM audit_events ORDER BY txid, seq LIMIT 1")
        self.superuser_changes(f"UPDATE audit_events SET actor = 'somebody-else' WHERE id = '{victim}'")
        said = self.verify(expect=1)
        self.assertIn("batch 1", said)
        self.assertIn(victim, said)
        bad = self.export("bad.jsonl")
        said = self.verify("--offline", bad, "--pubkey", public, expect=1)
        self.assertIn(victim, said)
        self.superuser_changes(f"DELETE FROM audit_events WHERE id = '{victim}'")
        self.assertIn("missing", self.verify(expect=1))
        self.stop_all()
        self.assertIn("missing", self.verify(expect=1))

    def test_an_export_is_believed_only_whole_and_with_the_right_key(self):
        self.begin()
        self.api.get("/api/v1/agents")
        self.await_sealed()
        path = self.export()
        public = os.path.join(self.control.state, "audit.pub")
        self.verify("--offline", path, "--pubkey", public)
        with open(path, encoding="utf-8") as file:
            lines = file.readlines()
        event = next(i for i, line in enumerate(lines) if '"event"' in line)
        changes = {
            "changed": lines[:event] + [lines[event].replace('"admin"', '"other"')] + lines[event + 1:],
            "dropped": lines[:event] + lines[event + 1:],
            "twice": lines[:event] + [lines[event]] + lines[event:],
            "headless": lines[1:],
            "cut": lines[:-1] + [lines[-1][:40]],
        }
        for name, changed in changes.items():
            self.assertNotEqual(changed, lines, name)
            other = os.path.join(self.folder, name + ".jsonl")
            with open(other, "w", encoding="utf-8") as file:
                file.writelines(changed)
            self.assertIn("TAMPERED", self.verify("--offline", other, "--pubkey", public, expect=1), name)
        key = os.path.join(self.folder, "other.pub")
        run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key + ".key"])
        run(["openssl", "pkey", "-in", key + ".key", "-pubout", "-out", key])
        self.assertIn("not signed by a key", self.verify("--offline", path, "--pubkey", key, expect=1))
        self.stop_all()

    def test_the_roles_of_the_database_may_not_change_it(self):
        self.begin()
        self.api.get("/api/v1/agents")
        partition = self.psql("SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'audit_events'::regclass LIMIT 1")
        for table in ("audit_events", partition, "audit_batches", "audit_checkpoints", "audit_epochs", "audit_links"):
            for sql in (f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE", f"DROP TABLE {table}",
                        f"ALTER TABLE {table} DISABLE TRIGGER ALL"):
                for user in ("certctl", "certctl_read_only"):
                    self.assertRegex(self.psql(sql, user, expect=1), "permission denied|must be owner", (sql, user))
        for table in ("audit_events", partition):
            self.assertIn("permission denied", self.psql(f"UPDATE {table} SET actor = 'x'", "certctl", expect=1))
            # ... and the owner is told by a trigger
            self.assertIn("append-only", self.psql(f"UPDATE {table} SET actor = 'x'", "certctl_owner", expect=1))
            self.assertIn("append-only", self.psql(f"TRUNCATE {table}", "certctl_owner", expect=1))
        # As auditors do, word by word.
        count = self.psql("SELECT COUNT(*) FROM audit_events WHERE timestamp > NOW() - INTERVAL '365 days'", "certctl_read_only")
        self.assertGreater(int(count), 0)
        self.stop_all()

    def test_a_transaction_that_holds_the_sealer_back_is_named(self):
        self.begin()
        sleeper = subprocess.Popen(
            ["psql", "-X", "-h", self.control.socket(), "-U", "postgres", "-d", "certctl",
             "-c", "BEGIN; SELECT pg_current_xact_id(); SELECT pg_sleep(600)"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            pid = eventually("it sleeps", lambda: self.psql("SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'"), 60)
            self.api.get("/api/v1/agents")
            eventually("the log names it", lambda: f"backend={pid} user=postgres application=psql" in self.control.process.output(), 60)
            self.psql(f"SELECT pg_terminate_backend({pid})")
        finally:
            sleeper.kill()
            sleeper.wait()
        self.await_sealed()
        self.stop_all()


class Queries(Trail):
    def test_filters_answer_as_documented(self):
        self.begin()
        self.api.post("/api/v1/enrollment-tokens", {"name": "story"}, headers={"X-Request-ID": "-formula"})
        with self.assertRaises(AssertionError) as refused:
            self.api.ask("DELETE", "/api/v1/audit", headers={"X-Request-ID": "refused-405"})
        self.assertEqual(refused.exception.status, 405)
        calls = self.api.get("/api/v1/audit?action=api_call")["data"]
        call = next(row for row in calls if row["request_id"] == "-formula")
        self.assertEqual(("admin", "127.0.0.1", "api"), (call["actor"], call["source_ip"], call["resource_type"]))
        self.assertEqual(("POST", "/api/v1/enrollment-tokens", 201),
                         tuple(call["details"][name] for name in ("method", "path", "status_code")))
        self.assertIn("latency_ms", call["details"])
        body = json.dumps({"name": "story"}).encode()
        self.assertEqual(hashlib.sha256(body).hexdigest()[:16], call["details"]["body_hash"])
        self.assertEqual(call, self.api.get(f"/api/v1/audit/{call['id']}"))
        day = call["timestamp"][:10]
        for query, wanted in (("type=api_call", True), ("type=api_*", True), ("type=x,api_call", True), ("type=certificate_*", False),
                              ("type=api_call&actor=admin", True), ("type=api_call&actor=nobody", False),
                              ("resource_type=api&resource_id=/api/v1/enrollment-tokens", True), ("resource_id=other", False),
                              (f"timestamp_after={day}", True), (f"timestamp_before={day}", False),
                              (f"timestamp_after={call['timestamp']}", True), ("timestamp_after=2999-01-01T00:00:00Z", False)):
            rows = self.api.all(f"/api/v1/audit?limit=2&{query}")
            self.assertEqual(wanted, call["id"] in [row["id"] for row in rows], query)
        for query in ("type=", "type=A", "type=x;y", "timestamp_after=yesterday", "unknown=1", "limit=0", "limit=501", "cursor=zz"):
            with self.assertRaises(AssertionError) as bad:
                self.api.get(f"/api/v1/audit?{query}")
            self.assertEqual(bad.exception.status, 400, query)
        for query in ("format=xml", "proof=yes", "proof=true&format=csv"):
            with self.assertRaises(AssertionError) as bad:
                self.api.get(f"/api/v1/audit/export?{query}")
            self.assertEqual(bad.exception.status, 400, query)
        self.anonymous_and_refused_calls_are_there()
        self.exports_agree(call)
        self.stop_all()

    def anonymous_and_refused_calls_are_there(self):
        api, self.api._key = self.api, "sk-wrong"
        with self.assertRaises(AssertionError) as wrong:
            api.get("/api/v1/agents", headers={"X-Request-ID": "wrong-key"})
        self.assertEqual(wrong.exception.status, 401)
        with open(os.path.join(self.control.state, "admin.key"), encoding="ascii") as file:
            self.api._key = file.read().strip()

        def both():
            rows = {row["request_id"]: row for row in api.all("/api/v1/audit?action=api_call")}
            return rows if "refused-405" in rows and "wrong-key" in rows else None
        rows = eventually("refused calls are recorded", both)
        self.assertEqual(("anonymous", 401), (rows["wrong-key"]["actor"], rows["wrong-key"]["details"]["status_code"]))
        self.assertEqual(405, rows["refused-405"]["details"]["status_code"])
        # Probes of load balancers are no calls.
        self.api.get("/health")
        self.assertNotIn("/health", [row["resource_id"] for row in api.all("/api/v1/audit?action=api_call")])

    def exports_agree(self, call):
        lines = [json.loads(line) for line in self.raw("/api/v1/audit/export?format=jsonl&actor=admin").splitlines()]
        array = json.loads(self.raw("/api/v1/audit/export?format=json&actor=admin"))
        cells = list(csv.DictReader(io.StringIO(self.raw("/api/v1/audit/export?format=csv&actor=admin"))))
        for rows in (lines, array, cells):
            ids = [row["id"] for row in rows]
            self.assertEqual(ids, sorted(ids))
            self.assertIn(call["id"], ids)
        row = next(row for row in cells if row["id"] == call["id"])
        self.assertEqual("'-formula", row["request_id"])
        self.assertEqual(64, len(json.loads(row["details"])["body_hash"]))
        self.assertEqual([row["id"] for row in lines], [row["id"] for row in array][:len(lines)])

    def test_an_export_of_any_size_takes_the_same_memory(self):
        self.begin_with_little_kept()
        count = 120_000
        self.psql("INSERT INTO audit_events (action, actor, actor_type, resource_type, resource_id, details) SELECT 'seeded', 'story', "
                  f"'user', 'thing', 'thing-' || n, jsonb_build_object('n', n, 'text', repeat('x', 200)) FROM generate_series(1, {count}) n")
        self.await_sealed()
        before = self.resident_kib()
        lines = self.raw("/api/v1/audit/export?type=seeded").splitlines()
        self.assertEqual(count, len(lines))
        self.assertEqual(count, len({json.loads(line)["resource_id"] for line in lines}))
        path = self.export()
        self.assertLess(self.resident_kib() - before, self.memory_limit_kib())
        self.assertGreater(os.path.getsize(path), 40_000_000)
        said = self.verify("--offline", path, "--pubkey", os.path.join(self.control.state, "audit.pub"))
        self.assertIn("as it was sealed", said)
        said, peak_kib = self.verified_by_cli()
        self.assertTrue(said["verified"] and said["events"] > count, said)
        self.assertLess(peak_kib, self.memory_limit_kib())
        self.stop_all()

    def verified_by_cli(self):
        """What certctl says of the trail that it reads from the server, and how much memory it took for that."""
        shell = Shell(self.folder, self.control)
        child, peak_kib = shell.start("audit", "verify", f"--pubkey={self.control.state}/audit.pub", "-o", "json"), 0
        while child.poll() is None:
            peak_kib = max(peak_kib, self.resident_kib(child.pid))
            time.sleep(0.01)
        out, said = child.communicate()
        self.assertEqual(0, child.returncode, said)
        self.assertGreater(peak_kib, 1000)
        return json.loads(out), peak_kib

    def memory_limit_kib(self):
        """A sanitizer has a shadow of all memory, and room around each piece of it."""
        with open(f"/proc/{self.control.process.pid}/maps", encoding="ascii", errors="replace") as file:
            return 250_000 if "libasan" in file.read() else 40_000

    def begin_with_little_kept(self):
        """As begin(), but a sanitizer is not to keep 256 MiB of what was freed."""
        options = mock.patch.dict(os.environ, ASAN_OPTIONS=f"{os.environ.get('ASAN_OPTIONS', '')}:quarantine_size_mb=8".lstrip(":"))
        options.start()
        self.addCleanup(options.stop)
        self.begin()

    def resident_kib(self, pid=None):
        """The most it ever had; 0: it has ended.  What the system counts at its end begins with ours, before it became another program."""
        try:
            with open(f"/proc/{pid or self.control.process.pid}/status", encoding="ascii") as file:
                return next((int(line.split()[1]) for line in file if line.startswith("VmHWM")), 0)
        except GONE:
            return 0


if __name__ == "__main__":
    unittest.main()
