#!/usr/bin/env python3
"""A certificate that lives for a minute, in a real nginx: renewed in time whatever happens."""
import os
import time
import unittest

from lib import tls
from lib.client import ApiError
from lib.fleet import ControlPlane, Host
from lib.invariants import assert_invariants
from lib.nginx import Nginx, PROGRAM
from lib.processes import eventually
from lib.story import Story
from lib.watch import Watch

NAME, AGENT, CERTIFICATE, TARGET = "web.example.com", "agent-web-1", "mc-web", "tgt-web"
PATH = f"/api/v1/certificates/{CERTIFICATE}"
LIFETIME_S = 90  # renewed after 40 to 45: a machine with much else to do has as long again


class RenewalStory(Story):
    def begin(self, lifetime_s=LIFETIME_S, nginx_program=PROGRAM):
        self.control = ControlPlane(self.folder)
        self.keep(self.control.start())
        self.api = self.control.api
        self.nginx = Nginx(self.folder, NAME)
        self.keep(self.nginx.start())
        where = f"-c {self.nginx.configuration} -p {self.nginx.prefix}"
        self.host = Host(self.folder, self.control, "web-1", paths=[os.path.dirname(self.nginx.certificate)],
                         commands=[f"{nginx_program} -t {where}", f"{nginx_program} -s reload {where}"])
        token = self.api.post("/api/v1/enrollment-tokens", {"name": "story", "agent_id": AGENT}, expect=201)
        self.host.enrol_with(token["token"])
        self.keep(self.host.start_worker())
        self.keep(self.host.start_agent())
        eventually("the agent is enrolled", lambda: self.api.get(f"/api/v1/agents/{AGENT}"))
        self.api.post("/api/v1/targets", {"id": TARGET, "name": "web", "type": "nginx", "agent_id": AGENT, "options": {
            "binary": nginx_program, "config": self.nginx.configuration, "prefix": self.nginx.prefix}}, expect=201)
        self.api.post("/api/v1/certificates", {
            "id": CERTIFICATE, "name": "web", "sans": [NAME], "target_ids": [TARGET], "lifetime_seconds": lifetime_s,
            "binding_options": {"certificate_path": self.nginx.certificate, "key_path": self.nginx.key,
                                "probes": [{"address": f"127.0.0.1:{self.nginx.port}", "server_name": NAME}]}}, expect=201)
        self.await_sequence(1)

    def certificate(self):
        return self.api.get(PATH)

    def versions(self):
        return self.api.all(f"{PATH}/versions")

    def live(self, kind):
        return [job for job in self.api.all(f"/api/v1/jobs?type={kind}&certificate_id={CERTIFICATE}") if not job["ended_at"]]

    def await_sequence(self, sequence):
        """Version `sequence`, or a newer one, is issued and served."""
        def check():
            newest = self.versions()[0]
            is_there = newest["sequence"] >= sequence and tls.served(self.nginx.port, NAME) == newest["fingerprint_sha256"]
            return newest if is_there and not self.live("Deployment") else None
        return eventually(f"version {sequence} is served", check, 150)

    def watch(self):
        return Watch(self.nginx.port, NAME, tls.certificates(self.api.get("/api/v1/issuers/iss-local")["chain"])[-1])

    def end(self):
        assert_invariants(self, self.control.state)
        self.stop_all()


class ByItself(RenewalStory):
    def test_it_is_renewed_again_and_again_and_no_request_fails(self):
        self.begin()
        watch = self.watch()
        first = self.certificate()
        self.assertEqual("Active", first["status"])
        self.assertTrue(first["not_before"] < first["next_action_at"] < first["not_after"])
        self.await_sequence(3)
        watch.end()
        self.assertEqual([], watch.failures)
        versions = self.versions()[::-1]
        self.assertEqual([one["fingerprint_sha256"] for one in versions if one["fingerprint_sha256"] in watch.seen], watch.seen)
        self.assertEqual(len(versions), len({one["public_key_sha256"] for one in versions}), "a new key each time")
        self.assert_trail(versions)
        kinds = [job["type"] for job in self.api.all(f"/api/v1/jobs?certificate_id={CERTIFICATE}") if job["step"] == "issue"]
        self.assertEqual((1, len(versions) - 1), (kinds.count("Issuance"), kinds.count("Renewal")))
        self.end()

    def assert_trail(self, versions):
        rows = self.api.all("/api/v1/audit?type=certificate_renewed")
        told = {(row["details"]["old_serial_number"], row["details"]["serial_number"]) for row in rows}
        serials = [one["serial_number"] for one in versions]
        self.assertLessEqual(set(zip(serials, serials[1:])), told)


class Killed(RenewalStory):
    def test_kill_in_the_middle_of_a_renewal_ends_well(self):
        self.begin(lifetime_s=3600)
        watch = self.watch()
        rows = [("certctld", 0), ("certctld", 0.3), ("agent", 0), ("agent", 0.3), ("worker", 0), ("worker", 0.3), ("agent", 0.6)]
        for number, (victim, delay_s) in enumerate(rows):
            with self.subTest(victim=victim, delay_s=delay_s):
                self.api.post(f"{PATH}/renew", {}, expect=202)
                time.sleep(delay_s)  # a moment to be killed in: any will do
                self.kill_and_restart(victim)
                self.await_sequence(number + 2)
        watch.end()
        self.assertEqual([], watch.failures)
        self.assertEqual(len(rows) + 1, len(self.versions()), "one version a renewal")
        self.end()

    def kill_and_restart(self, victim):
        process, start = {"certctld": (self.control.process, self.control.start), "agent": (self.host.agent, self.host.start_agent),
                          "worker": (self.host.worker, self.host.start_worker)}[victim]
        process.kill()
        self.keep(start())


class OnDemand(RenewalStory):
    def test_renew_deploy_and_roll_back(self):
        self.begin(lifetime_s=3600)
        first = self.versions()[0]
        self.assertEqual(0, self.host.agent.stop())
        one, two = (self.api.post(f"{PATH}/renew", {}, expect=202)["data"] for _ in range(2))
        self.assertEqual([1, 1], [len(one), len(two)])
        self.assertEqual((one[0]["id"], "Renewal"), (two[0]["id"], two[0]["type"]), "the same job while it lives")
        self.assertEqual("RenewalInProgress", self.certificate()["status"])
        self.keep(self.host.start_agent())
        second = self.await_sequence(2)

        self.deploy({"version_id": first["id"], "target_ids": [TARGET]})
        self.assertEqual(first["fingerprint_sha256"], tls.served(self.nginx.port, NAME))
        row = self.api.get(f"{PATH}/deployments")["data"][0]
        self.assertEqual((True, True, first["id"]), (row["is_rollback"], row["verified"], row["version_id"]))
        self.deploy({"version_id": first["id"]})
        self.assertEqual(first["fingerprint_sha256"], tls.served(self.nginx.port, NAME), "it stays")
        self.deploy(None)
        self.assertEqual(second["fingerprint_sha256"], tls.served(self.nginx.port, NAME), "the version in force")
        self.assert_refused()
        self.end()

    def deploy(self, body):
        jobs = self.api.post(f"{PATH}/deploy", body, expect=202)["data"]
        self.assertEqual([TARGET], [job["target_id"] for job in jobs])
        job = eventually("the deployment ends", lambda: next(
            (job for job in [self.api.get(f"/api/v1/jobs/{jobs[0]['id']}")] if job["ended_at"]), None))
        self.assertEqual("Completed", job["status"], job)

    def assert_refused(self):
        rows = [(f"{PATH}/deploy", {"version_id": "ver-none"}, 422), (f"{PATH}/deploy", {"target_ids": ["tgt-none"]}, 422),
                (f"{PATH}/deploy", {"target_ids": [TARGET, TARGET]}, 422), (f"{PATH}/deploy", {"target": TARGET}, 400),
                ("/api/v1/certificates/mc-none/deploy", {}, 404), ("/api/v1/certificates/mc-none/renew", {}, 404),
                (f"{PATH}/renew", {"force": True}, 400)]
        before = self.api.get(f"{PATH}/deployments")["data"]
        for path, body, status in rows:
            with self.subTest(path=path, body=body), self.assertRaises(ApiError) as refused:
                self.api.post(path, body)
            self.assertEqual(status, refused.exception.status, refused.exception)
        self.assertEqual(before, self.api.get(f"{PATH}/deployments")["data"], "and nothing has changed")


class Failing(RenewalStory):
    def test_a_target_that_fails_says_why_and_recovers_by_itself(self):
        self.begin(lifetime_s=300)  # tried again soon, and not renewed for its age meanwhile
        with open(self.nginx.configuration, encoding="utf-8") as file:
            good = file.read()
        old = tls.served(self.nginx.port, NAME)
        self.write(good + "\nnot_nginx on;\n")
        self.api.post(f"{PATH}/renew", {}, expect=202)
        failing = eventually("it says why", lambda: next(
            (one for one in [self.certificate()] if one["status_reason"] and one["status_reason"].startswith(TARGET)), None))
        self.assertEqual(("Active", old), (failing["status"], tls.served(self.nginx.port, NAME)))
        self.assertTrue(failing["next_action_at"])
        failed = [row for row in self.api.get(f"{PATH}/deployments")["data"] if row["status"] == "Failed"]
        self.assertIn("not_nginx", str(failed[0]["report"]))
        self.write(good)
        served = self.await_sequence(2)
        self.assertNotEqual(old, served["fingerprint_sha256"])
        self.assertIsNone(self.certificate()["status_reason"])
        self.end()

    def write(self, text):
        with open(self.nginx.configuration, "w", encoding="utf-8") as file:
            file.write(text)

    def test_a_certificate_that_was_never_issued_is_not_expired_and_one_that_is_can_be_renewed(self):
        self.begin(lifetime_s=60)  # the shortest there is
        self.assertEqual(0, self.host.agent.stop())
        self.api.post("/api/v1/certificates", {"id": "mc-new", "name": "new", "sans": ["new.example.com"], "agent_ids": [AGENT],
                                               "lifetime_seconds": LIFETIME_S}, expect=201)
        eventually("its end passes", lambda: self.certificate()["status"] == "Expired", 180, every_s=1)
        self.assertEqual("Pending", self.api.get("/api/v1/certificates/mc-new")["status"])
        self.assertEqual(1, len(self.live("Renewal")), "the scan asked in time, once")
        self.keep(self.host.start_agent())
        self.await_sequence(2)
        self.assertEqual("Active", self.certificate()["status"])
        eventually("the other one is issued", lambda: self.api.get("/api/v1/certificates/mc-new")["status"] == "Active")
        self.end()


if __name__ == "__main__":
    unittest.main()
