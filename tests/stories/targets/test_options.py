#!/usr/bin/env python3
"""Options of targets and bindings: secrets reach the one agent that needs them and nobody else, and what does not fit a plugin says so."""
import json
import os
import shutil
import subprocess
import unittest

from lib.agent import Agent
from lib.fleet import BUILD, ControlPlane, Host
from lib.invariants import ask, assert_invariants
from lib.processes import eventually, run
from lib.story import Story

PASSWORD, OTHER, THIRD = "correct horse battery", "another staple entirely", "kept in a file"


class Options(Story):
    def setUp(self):
        super().setUp()
        self.secrets = os.path.join(self.folder, "secrets")
        os.makedirs(self.secrets, 0o700)
        with open(os.path.join(self.secrets, "store"), "w", encoding="utf-8") as file:
            file.write(THIRD + "\n")
        self.control = ControlPlane(self.folder)
        self.control.environment = {"CERTCTL_CONNECTORS_SECRETS_DIR": self.secrets}
        self.keep(self.control.start())
        self.api = self.control.api

    def refuse(self, method, path, body, fields):
        status, _, document = self.api.exchange(method, path, body)
        self.assertEqual((400, sorted(fields)), (status, sorted(row["field"] for row in document.get("errors", []))), document)

    def row(self, target):
        return ask(self.control.state, f"SELECT options, sealed IS NOT NULL, problem FROM targets WHERE id = '{target}'")


class Secrets(Options):
    def begin(self):
        """A host whose plugin makes a PKCS#12 store when it is given a password."""
        self.tls = os.path.join(self.folder, "tls")
        plugins = os.path.join(self.folder, "plugins")
        os.makedirs(self.tls)
        os.makedirs(plugins, 0o755)
        shutil.copy(os.path.join(BUILD, "zoo", "certctl-target-good.so"), plugins)
        self.host = Host(self.folder, self.control, "app-1", paths=[self.tls], commands=["/usr/bin/true"])
        self.host.change("worker.yaml", plugin_dirs=[plugins])
        self.host.enrol_with(self.api.post("/api/v1/enrollment-tokens", {"agent_id": "agent-app"}, expect=201)["token"])
        self.keep(self.host.start_worker())
        self.keep(self.host.start_agent())
        eventually("the agent has told of its plugin", lambda: self.api.get("/api/v1/agents/agent-app")["plugins"])

    def opens(self, password):
        """Does openssl open the store with it?"""
        done = subprocess.run(["openssl", "pkcs12", "-in", os.path.join(self.tls, "mc-app.p12"), "-passin", "pass:" + password, "-nokeys"],
                              capture_output=True, text=True, timeout=30, check=False)
        return done.returncode == 0 and "BEGIN CERTIFICATE" in done.stdout

    def deployed(self, count):
        def check():
            rows = self.api.get("/api/v1/certificates/mc-app/deployments")["data"]
            done = [row for row in rows if row["status"] == "Completed"]
            assert not [row for row in rows if row["status"] == "Failed"], rows
            return len(done) == count
        eventually(f"deployment {count} is done", check, 120)

    def test_a_password_reaches_the_worker_and_nobody_else(self):
        self.begin()
        target = {"id": "tgt-app", "name": "app", "type": "good", "agent_id": "agent-app"}
        made = self.api.post("/api/v1/targets", {**target, "options": {"directory": self.tls, "password": PASSWORD}}, expect=201)
        self.assertEqual(({"directory": self.tls, "password": "***"}, "ready"), (made["options"], made["status"]))
        self.api.post("/api/v1/certificates", {"id": "mc-app", "name": "app", "sans": ["app.example.com"], "target_ids": ["tgt-app"]}, expect=201)
        self.deployed(1)
        self.assertTrue(self.opens(PASSWORD))
        self.assertFalse(self.opens("***"))
        job = self.api.post("/api/v1/targets/tgt-app/test", None, expect=202)
        eventually("it is tested", lambda: self.api.get(f"/api/v1/jobs/{job['id']}")["status"] == "Completed")

        # What GET gave goes back as it is, and means what is there; with another directory too, because nothing is sent anywhere else.
        shown = self.api.get("/api/v1/targets/tgt-app")
        again = self.api.ask("PUT", "/api/v1/targets/tgt-app", shown)
        self.assertEqual(shown["updated_at"], again["updated_at"])
        self.api.ask("PATCH", "/api/v1/targets/tgt-app", {"options": {"password": OTHER}})
        self.api.post("/api/v1/certificates/mc-app/deploy", None)
        self.deployed(2)
        self.assertTrue(self.opens(OTHER))
        self.api.ask("PATCH", "/api/v1/targets/tgt-app", {"options": {"password": "secret:store"}})
        self.api.post("/api/v1/certificates/mc-app/deploy", None)
        self.deployed(3)
        self.assertTrue(self.opens(THIRD))
        self.refuse("PATCH", "/api/v1/targets/tgt-app", {"options": {"password": "secret:none"}}, ["options.password"])
        self.refuse("PATCH", "/api/v1/targets/tgt-app", {"options": {"password": "file:/etc/shadow"}}, ["options.password"])
        self.check_lost_file()
        self.assert_told_to_nobody()
        self.assertIn("***", self.row("tgt-app"))
        self.api.ask("PATCH", "/api/v1/targets/tgt-app", {"options": {"password": None}})
        self.assertEqual("f", self.row("tgt-app").split("|")[1])
        assert_invariants(self, self.control.state)
        self.stop_all()

    def check_lost_file(self):
        """What cannot be read is an attempt that failed, with the reason; never a mask that somebody takes for a password."""
        os.unlink(os.path.join(self.secrets, "store"))
        job = self.api.post("/api/v1/certificates/mc-app/deploy", None)["data"][0]
        failed = eventually("it says why", lambda: self.api.get(f"/api/v1/jobs/{job['id']}")["error"])
        self.assertIn("secret:store", failed["what"])
        self.assertTrue(self.opens(THIRD))
        with open(os.path.join(self.secrets, "store"), "w", encoding="utf-8") as file:
            file.write(OTHER + "\n")
        self.api.post(f"/api/v1/jobs/{job['id']}/retry", None)
        self.deployed(4)
        self.assertTrue(self.opens(OTHER))

    def assert_told_to_nobody(self):
        logs = [self.control.process, self.host.agent, self.host.worker]
        dry = run([self.host._agent_program(), "--config", os.path.join(self.host.folder, "agent.yaml"), "--dry-run", "--json"])
        dump = run(["pg_dump", "-h", self.control.socket(), "-U", "certctl_owner", "-d", "certctl", "--data-only"])
        self.assertIn("tgt-app", dump)
        texts = {process.name: process.output() for process in logs} | {"dry run": dry, "database": dump}
        exported = json.dumps(self.api.get("/api/v1/configuration/export?format=json"))
        texts |= {"audit": json.dumps(self.api.all("/api/v1/audit?resource_type=target&resource_id=tgt-app")), "export": exported}
        self.assertEqual([], [name for name, text in texts.items() for secret in (PASSWORD, OTHER, THIRD) if secret in text])


class Fit(Options):
    def plugin(self, *more):
        """nginx as an agent tells it, with `more` rows in front of the table of bindings and of targets."""
        about = json.loads(run([os.path.join(BUILD, "bin", "certctl-plugin"), "describe", "--json",
                                os.path.join(BUILD, "plugins", "certctl-target-nginx.so")]))
        told = {"id": "nginx", "kind": "target", **{name: about[name] for name in ("version", "abi", "summary", "options", "item_options")}}
        return [self.without(told, *more)]

    @staticmethod
    def without(told, options=(), items=()):
        """As an older version would be, that does not have some of the rows yet."""
        for table, names in (("options", options), ("item_options", items)):
            told[table]["fields"] = [row for row in told[table]["fields"] if row["name"] not in names]
        return told

    def tell(self, plugins):
        status, body = self.agent.ask("POST", f"/api/v1/agents/{self.agent.id}/heartbeat", {"version": "1.0.0", "plugins": plugins})
        self.assertEqual(204, status, body)

    def status(self, target):
        shown = self.api.get(f"/api/v1/targets/{target}")
        return shown["status"], shown["status_reason"]

    def test_options_are_checked_when_they_are_written_and_when_the_plugin_changes(self):
        self.agent = Agent(self.folder, self.control, "a")
        self.assertEqual(201, self.agent.enrol()[0])
        target = {"type": "nginx", "agent_id": "agent-a"}
        # Nobody says yet which of them are secrets.
        made = self.api.post("/api/v1/targets", {**target, "id": "tgt-a", "name": "A", "options": {"prefix": "/srv/a", "probe_timeout_s": 9}}, expect=201)
        self.assertEqual(({"prefix": "***", "probe_timeout_s": 9}, "unknown"), (made["options"], made["status"]))
        self.assertNotIn("/srv/a", self.row("tgt-a"))
        self.assertEqual(200, self.api.exchange("PUT", "/api/v1/targets/tgt-a", made)[0])
        self.refuse("PATCH", "/api/v1/targets/tgt-a", {"options": {"probe_timeout_s": 8}}, ["options"])
        self.api.post("/api/v1/certificates", {"id": "mc-a", "name": "a", "sans": ["a.example.com"], "target_ids": ["tgt-a"],
                                               "binding_options": {"certificate_path": "/srv/a.pem", "key_path": "/srv/a.key", "sparkle": 1}}, expect=201)
        self.tell(self.plugin())
        shown = self.api.get("/api/v1/targets/tgt-a")
        self.assertEqual({"prefix": "/srv/a", "probe_timeout_s": 9}, shown["options"])
        self.assertEqual("refused", shown["status"])
        self.assertIn("certificate mc-a: binding_options.sparkle: unknown member", shown["status_reason"])
        self.assertIn("sparkle", self.api.get("/api/v1/certificates/mc-a/bindings")["data"][0]["problem"])
        self.check_writes(target)
        self.api.ask("PATCH", "/api/v1/certificates/mc-a", {"binding_options": {"certificate_path": "/srv/a.pem", "chain_path": "/srv/chain.pem"}})
        self.assertEqual(("ready", None), self.status("tgt-a"))
        self.assertIsNone(self.api.get("/api/v1/certificates/mc-a/bindings")["data"][0]["problem"])
        self.check_changes()
        assert_invariants(self, self.control.state)
        self.stop_all()

    def check_writes(self, target):
        """Every bad member is named, and nothing is written."""
        new = {"name": "b", "sans": ["b.example.com"], "target_ids": ["tgt-a"]}
        self.refuse("POST", "/api/v1/certificates", {**new, "binding_options": {"key_path": 7, "sparkle": 1, "probes": [{"address": 1}]}},
                    ["binding_options.key_path", "binding_options.sparkle", "binding_options.probes[0].address"])
        self.assertEqual(["mc-a"], [row["id"] for row in self.api.all("/api/v1/certificates")])
        self.refuse("PATCH", "/api/v1/certificates/mc-a", {"binding_options": {"sparkle": 2}}, ["binding_options.sparkle"])
        # What is wrong already is no reason to refuse something else.
        self.assertEqual(200, self.api.exchange("PATCH", "/api/v1/certificates/mc-a", {"environment": "test"})[0])
        self.refuse("POST", "/api/v1/targets", {**target, "name": "C", "options": {"sparkle": 1, "probe_timeout_s": 0}},
                    ["options.sparkle", "options.probe_timeout_s"])

    def check_changes(self):
        """An older version of the plugin is put there, and the new one again."""
        self.tell(self.plugin(("probe_timeout_s",)))
        status, reason = self.status("tgt-a")
        self.assertEqual("refused", status)
        self.assertIn("options.probe_timeout_s: unknown member", reason)
        self.assertEqual(200, self.api.exchange("PATCH", "/api/v1/targets/tgt-a", {"name": "Another"})[0])
        self.assertEqual(("refused", reason), self.status("tgt-a"))
        self.refuse("PATCH", "/api/v1/targets/tgt-a", {"options": {"prefix": "/srv/b"}}, ["options.probe_timeout_s"])
        self.tell(self.plugin((), ("chain_path",)))
        self.assertIn("certificate mc-a: binding_options.chain_path: unknown member", self.status("tgt-a")[1])
        self.tell([{**self.plugin()[0], "id": "apache"}])
        self.assertIn("no plugin 'nginx' (it has: apache)", self.status("tgt-a")[1])
        self.assertIn("event=target.refused target=tgt-a", self.control.process.output())
        self.tell(self.plugin())
        self.assertEqual(("ready", None), self.status("tgt-a"))
        listed = self.api.get("/api/v1/targets?fields=id,status")["data"]
        self.assertEqual([{"id": "tgt-a", "status": "ready"}], listed)


if __name__ == "__main__":
    unittest.main()
