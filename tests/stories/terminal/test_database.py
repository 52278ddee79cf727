"""The commands beside the server: an auditor's psql, a dump of the private database and its way back into a new one."""
import os
import subprocess
import unittest

from lib.fleet import ControlPlane, program
from lib.story import Story


def certctld(*arguments):
    return subprocess.run([program("certctld"), *arguments], capture_output=True, text=True, timeout=120, check=False)


class DatabaseStory(Story):
    def setUp(self):
        super().setUp()
        self.server = ControlPlane(self.folder)
        self.dump = os.path.join(self.folder, "dump")

    def ask(self, sql, *options, state=None):
        return certctld("psql", "--dir", state or self.server.state, *options, "--", "-AtqX", "-v", "ON_ERROR_STOP=1", "-c", sql)

    def names(self, state=None):
        done = self.ask("SELECT name FROM api_keys ORDER BY name", "--role=certctl", state=state)
        self.assertEqual(0, done.returncode, done.stderr)
        return done.stdout.split()

    def test_auditors_read_and_nothing_else(self):
        self.keep(self.server.start())
        done = self.ask("SELECT COUNT(*) FROM audit_events WHERE timestamp > NOW() - INTERVAL '365 days'")
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        self.assertTrue(done.stdout.strip().isdigit())
        for sql in ("DELETE FROM audit_events", "TRUNCATE audit_events", "UPDATE managed_certificates SET name = 'x'",
                    "SELECT sha256 FROM api_keys"):
            done = self.ask(sql)
            self.assertNotEqual(0, done.returncode, sql)
            self.assertIn("permission denied", done.stderr, sql)
        # The server itself may add to the trail, and not change it.
        done = self.ask("UPDATE audit_events SET actor = 'nobody'", "--role=certctl")
        self.assertNotEqual(0, done.returncode)
        self.stop_all()

    def test_a_dump_comes_back_in_a_new_cluster(self):
        self.keep(self.server.start())
        names = self.names()
        done = certctld("db", "dump", "--dir", self.server.state, self.dump)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual(0o600, os.stat(self.dump).st_mode & 0o777)
        self.assertEqual([], [name for name in os.listdir(self.folder) if name.endswith(".partial")])

        again = certctld("db", "dump", "--dir", self.server.state, self.dump)
        self.assertEqual((1, True), (again.returncode, "is there already" in again.stderr))
        running = certctld("db", "restore", "--dir", self.server.state, self.dump)
        self.assertEqual((1, True), (running.returncode, "stop it first" in running.stderr))
        self.stop_all()
        # A server that does not run is no hindrance to reading, and its cluster does not stay behind.
        self.assertEqual(names, self.names())
        full = certctld("db", "restore", "--dir", self.server.state, self.dump)
        self.assertEqual((1, True), (full.returncode, "has a database with content" in full.stderr))

        os.rename(os.path.join(self.server.state, "postgres"), os.path.join(self.folder, "old"))
        done = certctld("db", "restore", "--dir", self.server.state, self.dump)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn("audit link", done.stdout)
        self.assertEqual(names, self.names())
        self.keep(self.server.start())
        self.assertEqual("admin", self.server.api.get("/api/v1/auth/check")["actor"])
        self.stop_all()

    def test_a_dump_that_is_none_leaves_nothing(self):
        with open(self.dump, "w", encoding="ascii") as file:
            file.write("no dump")
        state = os.path.join(self.folder, "other")
        os.mkdir(state)
        os.chmod(state, 0o711)
        done = certctld("db", "restore", "--dir", state, self.dump)
        self.assertEqual(1, done.returncode)
        self.assertIn("pg_restore", done.stderr)
        # Nothing was restored, so a good dump may still be.
        self.assertIn("does not exist", self.ask("SELECT 1 FROM schema_migrations", "--role=certctl_owner", state=state).stderr)

    def test_what_makes_no_sense_is_said(self):
        rows = [
            (("psql", "--dir", os.path.join(self.folder, "nothing")), 1, "nothing"),
            (("psql", "--role=postgres"), 64, "certctl_read_only"),
            (("db",), 64, "dump or restore"),
            (("db", "dump"), 64, "a file is needed"),
            (("db", "dump", "--database-url", "postgresql://x/y", "f"), 1, "pg_dump"),
            (("nonsense",), 64, "dev, audit, psql or db"),
        ]
        for arguments, status, text in rows:
            done = certctld(*arguments)
            self.assertEqual(status, done.returncode, (arguments, done.stderr))
            self.assertIn(text, done.stderr, arguments)


if __name__ == "__main__":
    unittest.main()
