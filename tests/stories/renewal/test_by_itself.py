#!/usr/bin/env python3
"""A certificate of a minute and a half: renewed in time, again and again, and nobody notices."""
import unittest

from base import CERTIFICATE, RenewalStory


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


if __name__ == "__main__":
    unittest.main()
