#!/usr/bin/env python3
"""Renewals that fail, and certificates whose end has passed: said as it is, and mended when that is possible again."""
import unittest

from base import AGENT, NAME, PATH, RenewalStory, TARGET
from lib import tls
from lib.processes import eventually


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
                                               "lifetime_seconds": 60}, expect=201)
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
