#!/usr/bin/env python3
"""Renewals asked for: with everybody killed in the middle of them, and back to the version before."""
import time
import unittest

from base import NAME, PATH, RenewalStory, TARGET
from lib import tls
from lib.client import ApiError
from lib.processes import eventually


class Killed(RenewalStory):
    def test_kill_in_the_middle_of_a_renewal_ends_well(self):
        # A lease would be over in five minutes: a server that comes back takes up at once what it had under way.
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


if __name__ == "__main__":
    unittest.main()
