#!/usr/bin/env python3
"""What an agent keeps, and tells: status, dry run, keys that are no more, keys that stay, servers that somebody changed by hand."""
import json
import os
import signal
import subprocess
import unittest

from lib import tls
from lib.fleet import ControlPlane, Host
from lib.invariants import ask, assert_invariants
from lib.nginx import Nginx, PROGRAM
from lib.processes import eventually
from lib.story import Story

NAME, AGENT = "web.example.com", "agent-web"


class Keeping(Story):
    def setUp(self):
        super().setUp()
        self.control = ControlPlane(self.folder)
        self.keep(self.control.start())
        self.api = self.control.api
        self.nginx = Nginx(self.folder, NAME)
        self.keep(self.nginx.start())
        where = ["-c", self.nginx.configuration, "-p", self.nginx.prefix]
        self.host = Host(self.folder, self.control, "web-1", paths=[os.path.dirname(self.nginx.certificate)],
                         commands=[" ".join([PROGRAM, "-t", *where]), " ".join([PROGRAM, "-s", "reload", *where])])
        self.host.enrol_with(self.api.post("/api/v1/enrollment-tokens", {"agent_id": AGENT}, expect=201)["token"])

    def start(self):
        self.keep(self.host.start_worker())
        self.keep(self.host.start_agent())
        eventually("the agent is enrolled", lambda: self.api.get(f"/api/v1/agents/{AGENT}")["plugins"])

    def order(self, **more):
        self.api.post("/api/v1/targets", {"id": "tgt-web", "name": "web", "type": "nginx", "agent_id": AGENT, "options": {
            "binary": PROGRAM, "config": self.nginx.configuration, "prefix": self.nginx.prefix}}, expect=201)
        self.api.post("/api/v1/certificates", {
            "id": "mc-web", "name": "web", "sans": [NAME], "target_ids": ["tgt-web"], "binding_options": {
                "certificate_path": self.nginx.certificate, "key_path": self.nginx.key,
                "probes": [{"address": f"127.0.0.1:{self.nginx.port}", "server_name": NAME}]}, **more}, expect=201)
        return self.await_served(1)

    def await_served(self, count):
        def check():
            versions = self.api.get("/api/v1/certificates/mc-web/versions")["data"]
            done = [row for row in self.api.get("/api/v1/certificates/mc-web/deployments")["data"] if row["status"] == "Completed"]
            newest = max(versions, key=lambda row: row["not_before"] + row["id"])
            return newest if len(versions) == count and any(row["version_id"] == newest["id"] for row in done) else None
        version = eventually(f"version {count} is deployed", check, 120)
        self.assertEqual(version["fingerprint_sha256"], tls.served(self.nginx.port, NAME))
        return version

    def renew(self, count):
        self.api.post("/api/v1/certificates/mc-web/renew", None)
        return self.await_served(count)

    def program(self, *words, code=0):
        argv = [self.host._agent_program(), "--config",
                os.path.join(self.host.folder, "agent.yaml"), *words]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(code, done.returncode, done.stdout + done.stderr)
        return done.stdout

    def binding(self):
        return self.api.get("/api/v1/certificates/mc-web/bindings")["data"][0]


class Told(Keeping):
    def test_status_and_dry_run_say_how_it_is_and_change_nothing(self):
        self.start()
        self.order()
        status = json.loads(self.program("status", "--json"))
        self.assertEqual((True, AGENT, self.control.agents_url), (status["is_enrolled"], status["agent_id"], status["server"]))
        self.assertTrue(status["last_contact_at"] and status["credential"]["not_after"])
        self.assertEqual({"waiting": 0, "quarantined": 0}, status["spool"])
        self.assertEqual(["mc-web"], [key["certificate_id"] for key in status["worker"]["keys"]])
        self.assertEqual([self.binding()["id"]], [bound["binding"] for bound in status["worker"]["bindings"]])
        self.assertIn("nginx", [plugin["id"] for plugin in status["plugins"]])
        text = self.program("status")
        for words in ("certctl-agent " + AGENT, self.control.agents_url, "mc-web", "nginx", "0 wait"):
            self.assertIn(words, text)
        self.assertIn("in_place", self.program("--dry-run"))
        before, jobs = tls.served(self.nginx.port, NAME), ask(self.control.state, "SELECT count(*) FROM jobs_all")
        # Somebody takes the file away: it would be put back, and by which steps is said.
        os.unlink(self.nginx.certificate)
        row = json.loads(self.program("--dry-run", "--json"))[0]
        self.assertEqual("would_deploy", row["deployment"]["outcome"], row)
        would = " / ".join(row["deployment"]["would"])
        for words in ("make " + self.nginx.certificate, "replace " + self.nginx.key, " -t", " -s reload", f"127.0.0.1:{self.nginx.port}"):
            self.assertIn(words, would)
        self.assertFalse(os.path.lexists(self.nginx.certificate))
        self.assertEqual((before, jobs), (tls.served(self.nginx.port, NAME), ask(self.control.state, "SELECT count(*) FROM jobs_all")))
        self.assertEqual(0, self.host.worker.stop())
        self.assertIn("not reachable", self.program("status", code=1))
        eventually("operators see it", lambda: self.api.get(f"/api/v1/agents/{AGENT}")["status"] == "error", 60)
        self.assertIn("worker", self.api.get(f"/api/v1/agents/{AGENT}")["problem"])
        self.keep(self.host.start_worker())
        eventually("and that it is over", lambda: self.api.get(f"/api/v1/agents/{AGENT}")["status"] == "healthy", 60)
        self.stop_all()


class Drifted(Keeping):
    def test_a_server_that_somebody_changed_by_hand_is_noticed_and_put_right(self):
        self.host.change("agent.yaml", look_s=2)
        self.start()
        version = self.order()
        seen = eventually("it is observed", lambda: self.binding()["observed_at"] and self.binding())
        self.assertEqual(("Deployed", version["fingerprint_sha256"]), (seen["status"], seen["observed_fingerprint"]))
        self.host.agent.signal(signal.SIGSTOP)  # it must not look at half a change
        for path in (self.nginx.certificate, self.nginx.key):
            os.unlink(path)
        tls.self_signed(NAME, self.nginx.certificate, self.nginx.key)
        self.nginx.process.signal(signal.SIGHUP)
        eventually("another certificate is served", lambda: tls.served(self.nginx.port, NAME) != version["fingerprint_sha256"])
        self.host.agent.signal(signal.SIGCONT)
        eventually("ours is served again", lambda: tls.served(self.nginx.port, NAME) == version["fingerprint_sha256"], 60)
        eventually("it is reported", lambda: self.binding()["status"] == "Deployed" and self.binding()["drifted_at"])
        kinds = [row["action"] for row in self.api.all("/api/v1/audit?resource_type=certificate&resource_id=mc-web")]
        self.assertEqual(1, kinds.count("certificate_drift_detected"))
        eventually("two deployments", lambda: [row["status"] for row in self.api.all(
            "/api/v1/deployments?certificate_id=mc-web")] == ["Completed", "Completed"])
        assert_invariants(self, self.control.state)
        self.stop_all()


class Destroyed(Keeping):
    def test_a_key_that_is_replaced_goes_and_that_is_recorded_once(self):
        self.host.change("worker.yaml", rollback_hours=0)
        self.host.change("agent.yaml", look_s=2)
        self.start()
        first = self.order()
        self.renew(2)

        def told():
            return [row for row in self.api.all("/api/v1/audit?resource_type=certificate&resource_id=mc-web") if
                    row["action"] == "key_destroyed"]
        event = eventually("it is told", told, 60)[0]
        key = ask(self.control.state, f"SELECT public_key_sha256 FROM certificate_versions WHERE id = '{first['id']}'")
        self.assertEqual((AGENT, AGENT, key), (event["actor"], event["details"]["agent_id"], event["details"]["public_key_sha256"]))
        folder = os.path.join(self.host.folder, "state", "destroyed")
        eventually("the worker need not tell again", lambda: not os.listdir(folder), 60)
        self.assertEqual([], os.listdir(os.path.join(self.host.key_dir, "previous")))
        self.assertEqual(1, len(told()))
        self.stop_all()

    def test_a_profile_that_keeps_the_key_gets_the_same_one_again(self):
        self.api.post("/api/v1/profiles", {"id": "prof-keep", "name": "keep", "reuse_key": True}, expect=201)
        self.start()
        first = self.order()
        ask(self.control.state, "UPDATE managed_certificates SET profile_id = 'prof-keep'")
        second = self.renew(2)
        self.assertNotEqual(first["fingerprint_sha256"], second["fingerprint_sha256"])
        keys = ask(self.control.state, "SELECT count(DISTINCT public_key_sha256) FROM certificate_versions")
        self.assertEqual("1", keys)
        self.assertEqual([], os.listdir(os.path.join(self.host.key_dir, "staged")))
        self.assertNotIn("key.destroyed", self.host.worker.output())
        self.stop_all()


if __name__ == "__main__":
    unittest.main()
