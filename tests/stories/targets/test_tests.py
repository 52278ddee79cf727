#!/usr/bin/env python3
"""The test of a target: asked over the API and from the command line, answered by the plugin beside a real nginx."""
import os
import sys
import unittest

from lib.fleet import ControlPlane, Host
from lib.invariants import ask, assert_invariants
from lib.nginx import Nginx, PROGRAM
from lib.processes import eventually
from lib.story import Story

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
from shell import NOT_FOUND, REFUSED, Shell  # noqa: E402  pylint: disable=wrong-import-position

NAME, AGENT, TARGET = "web.example.com", "agent-web", "tgt-web"


class Tests(Story):
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
        self.keep(self.host.start_worker())
        self.keep(self.host.start_agent())
        eventually("the agent has told of its plugins", lambda: self.api.get(f"/api/v1/agents/{AGENT}")["plugins"])
        self.options = {"binary": PROGRAM, "config": self.nginx.configuration, "prefix": self.nginx.prefix}
        self.make_target(TARGET, self.options)

    def make_target(self, target, options):
        self.api.post("/api/v1/targets", {"id": target, "name": target, "type": "nginx", "agent_id": AGENT, "options": options}, expect=201)

    def ask_for_test(self, target=TARGET):
        status, headers, job = self.api.exchange("POST", f"/api/v1/targets/{target}/test")
        self.assertEqual(202, status, job)
        self.assertEqual(f"/api/v1/jobs/{job['id']}", headers["Location"])
        self.assertEqual(("Validation", target, AGENT, None), (job["type"], job["target_id"], job["agent_id"], job["certificate_id"]))
        return job

    def ended(self, job):
        def check():
            now = self.api.get(f"/api/v1/jobs/{job['id']}")
            return now if now["status"] in ("Completed", "Failed", "Cancelled") else None
        return eventually("the test ends", check, 120)

    def outcome_of(self, target=TARGET):
        return self.ended(self.ask_for_test(target))

    def events(self, action, kind, identity):
        return self.api.all(f"/api/v1/audit?type={action}&resource_type={kind}&resource_id={identity}")

    def order(self, certificate_path):
        self.api.post("/api/v1/certificates", {"id": "mc-web", "name": "web", "sans": [NAME], "target_ids": [TARGET], "binding_options": {
            "certificate_path": certificate_path, "key_path": self.nginx.key,
            "probes": [{"address": f"127.0.0.1:{self.nginx.port}", "server_name": NAME}]}}, expect=201)

        def deployed():
            rows = self.api.get("/api/v1/certificates/mc-web/deployments")["data"]
            return rows and rows[0]["status"] in ("Completed", "Failed") and rows[0]
        return eventually("the deployment ends", deployed, 120)

    def test_a_target_is_tested_by_the_plugin_beside_it(self):
        shell = Shell(self.folder, self.control)
        good = self.outcome_of()
        self.assertEqual(("Completed", "passed", None), (good["status"], good["report"]["outcome"], good["error"]))
        self.assertEqual([("test", True)], [(step["name"], step["ok"]) for step in good["report"]["steps"]])
        event = self.events("target_tested", "target", TARGET)[0]
        self.assertEqual((AGENT, True, good["id"]), (event["actor"], event["details"]["ok"], event["details"]["job_id"]))

        self.assertEqual("Completed", self.order(self.nginx.certificate)["status"])
        good = self.outcome_of()
        self.assertEqual(["test", "look"], [step["name"] for step in good["report"]["steps"]])
        self.assertEqual([("mc-web", "in_place")], [(row["certificate_id"], row["outcome"]) for row in good["report"]["certificates"]])
        event = self.events("certificate_validated", "certificate", "mc-web")[0]
        self.assertEqual(("in_place", TARGET), (event["details"]["result"], event["details"]["target_id"]))
        shell.run("targets", "test", TARGET, "--wait=60s")

        with open(self.nginx.configuration, "a", encoding="utf-8") as file:
            file.write("this is no nginx configuration;\n")
        bad = self.outcome_of()
        self.assertEqual(("Failed", "failed", 1), (bad["status"], bad["report"]["outcome"], bad["attempts"]))
        self.assertIn("unknown directive", bad["error"]["what"])
        self.assertFalse(self.events("target_tested", "target", TARGET)[0]["details"]["ok"])
        shell.run("targets", "test", TARGET, "--wait=60s", status=REFUSED)
        self.assertIn("unknown directive", shell.said)
        shell.run("targets", "test", "tgt-none", "--wait=60s", status=NOT_FOUND)

        # A retry is a new test.
        again = self.api.post(f"/api/v1/jobs/{bad['id']}/retry", None, expect=202)
        self.assertNotEqual(bad["id"], again["id"])
        self.assertEqual("Failed", self.ended(again)["status"])
        self.assertEqual(400, self.api.exchange("GET", "/api/v1/jobs?type=Nothing")[0])
        self.assertIn(bad["id"], [row["id"] for row in self.api.all(f"/api/v1/jobs?type=Validation&target_id={TARGET}")])
        # A test that fails says nothing about certificates: nobody is alarmed.
        self.assertEqual([], self.api.all("/api/v1/alarms"))
        assert_invariants(self, self.control.state)
        self.stop_all()

    def test_what_this_host_does_not_permit_is_said(self):
        other = os.path.join(self.folder, "elsewhere.conf")
        self.make_target("tgt-other", {**self.options, "config": other})
        bad = self.outcome_of("tgt-other")
        self.assertEqual("Failed", bad["status"])
        self.assertIn("not in the local allow-list", bad["error"]["what"])
        self.assertEqual("Failed", self.order(os.path.join(self.folder, "not-permitted.pem"))["status"])
        bad = self.outcome_of()
        self.assertEqual("Failed", bad["status"])
        self.assertIn("not among the paths this host permits", bad["error"]["what"])
        self.assertEqual(["would_refuse"], [row["outcome"] for row in bad["report"]["certificates"]])
        self.assertEqual("would_refuse", self.events("certificate_validated", "certificate", "mc-web")[0]["details"]["result"])
        assert_invariants(self, self.control.state)
        self.stop_all()

    def test_it_waits_for_an_agent_that_is_away_and_ends_with_it(self):
        self.host.agent.stop()
        ask(self.control.state, f"UPDATE agents SET last_heartbeat_at = now() - interval '1 hour' WHERE id = '{AGENT}'")
        job = self.ask_for_test()
        self.assertEqual(("Pending", f"agent {AGENT} is offline"), (job["status"], job["waits_for"]))
        # One at a time: whoever asks again gets that one.
        self.assertEqual(job["id"], self.ask_for_test()["id"])
        self.keep(self.host.start_agent())
        self.assertEqual("Completed", self.ended(job)["status"])
        self.assertIsNone(self.api.get(f"/api/v1/jobs/{job['id']}")["waits_for"])

        self.host.agent.stop()
        self.make_target("tgt-gone", self.options)
        job = self.ask_for_test("tgt-gone")
        self.api.ask("DELETE", "/api/v1/targets/tgt-gone", expect=204)
        gone = self.api.get(f"/api/v1/jobs/{job['id']}")
        self.assertEqual(("Cancelled", "the target was deleted"), (gone["status"], gone["hold_reason"]))

        waiting = self.ask_for_test()
        self.api.post(f"/api/v1/agents/{AGENT}/retire", None)
        self.assertEqual(("Cancelled", "agent retired"), tuple(self.ended(waiting)[name] for name in ("status", "hold_reason")))
        status, _, problem = self.api.exchange("POST", f"/api/v1/targets/{TARGET}/test")
        self.assertEqual(409, status, problem)
        self.assertIn("retired", problem["detail"])
        self.assertEqual("closed", self.api.get(f"/api/v1/targets/{TARGET}")["status"])
        self.assertEqual(404, self.api.exchange("POST", "/api/v1/targets/tgt-none/test")[0])
        assert_invariants(self, self.control.state)
        self.stop_all()


if __name__ == "__main__":
    unittest.main()
