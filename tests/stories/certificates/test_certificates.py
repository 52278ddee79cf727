"""Certificates as operators have them: found, changed, exported, handed over, archived."""
import base64
import json
import os
import unittest

from lib.agent import Agent
from lib.fleet import ControlPlane
from lib.invariants import assert_invariants
from lib.processes import eventually, run
from lib.story import Story

HERE = "/api/v1/certificates"


class Certificates(Story):
    def setUp(self):
        super().setUp()
        self.control = ControlPlane(self.folder)
        self.keep(self.control.start())
        self.api = self.control.api
        self.agents = [Agent(self.folder, self.control, name) for name in ("one", "two")]
        for agent in self.agents:
            self.assertEqual(agent.enrol()[0], 201)
        for number, agent in enumerate(self.agents, 1):
            self.api.post("/api/v1/targets", {"id": f"tgt-{number}", "name": f"web {number}", "type": "nginx", "agent_id": agent.id})

    def live(self, certificate):
        return [(job["type"], job["agent_id"]) for job in self.api.all(f"/api/v1/jobs?certificate_id={certificate}")
                if job["status"] not in ("Completed", "Failed", "Cancelled")]

    def found(self, query):
        return [row["id"] for row in self.api.all(f"{HERE}?fields=id&{query}")]

    def refused(self, status, method, path, body=None):
        got, _, reply = self.api.exchange(method, path, body)
        self.assertEqual(got, status, reply)
        return reply

    def test_life(self):
        self.api.post("/api/v1/teams", {"id": "t-web", "name": "Web"})
        self.api.post("/api/v1/owners", {"id": "o-ann", "name": "Ann", "email": "ann@example.com", "team_id": "t-web"})
        issued = self.agents[0].issue("first")
        self.assertEqual(issued["status"], "Completed")
        self._is_found()
        self._is_changed()
        self._moves()
        self._is_exported()
        self._is_handed_over()
        self._is_archived()
        assert_invariants(self, self.control.state)
        self.stop_all()

    def _is_found(self):
        first = self.api.get(f"{HERE}/mc-first")
        self.assertEqual((first["status"], first["key_size"], first["agent_ids"]), ("Active", 256, [self.agents[0].id]))
        serial = first["serial_number"]
        self.api.post(HERE, {"id": "mc-other", "name": "other", "sans": ["other.example.com", "Www.Other.example.com"],
                             "target_ids": ["tgt-1"], "tags": ["blue"], "team_id": "t-web", "environment": "test"}, expect=201)
        for query, expected in (("", ["mc-first", "mc-other"]), ("status=Active", ["mc-first"]), ("status=Pending", ["mc-other"]),
                                ("san=www.other.example.com", ["mc-other"]), ("tag=blue", ["mc-other"]), ("team_id=t-web", ["mc-other"]),
                                (f"serial_number={serial.upper()}", ["mc-first"]), ("target_id=tgt-1", ["mc-other"]),
                                (f"agent_id={self.agents[0].id}", ["mc-first", "mc-other"]), ("environment=test", ["mc-other"]),
                                (f"fingerprint_sha256={first['fingerprint_sha256']}", ["mc-first"]), ("common_name=first.example.com", ["mc-first"]),
                                ("not_after_before=2100-01-01", ["mc-first"]), ("sort=-notAfter", ["mc-other", "mc-first"]),
                                ("sort=-name", ["mc-other", "mc-first"]), ("q=OTHER", ["mc-other"]), ("status=Archived", []),
                                ("key_type=ECDSA_P256&limit=1", ["mc-first", "mc-other"]), ("tag=blue&san=other.example.com", ["mc-other"])):
            self.assertEqual(self.found(query), expected, query)
        self.refused(400, "GET", f"{HERE}?status=Strange")
        self.refused(400, "GET", f"{HERE}?sort=chain")
        self.assertEqual(list(self.api.get(f"{HERE}?sort=-notAfter&fields=id,commonName,notAfter,status")["data"][0]),
                         ["id", "common_name", "not_after", "status"])

    def _is_changed(self):
        changed = self.api.ask("PATCH", f"{HERE}/mc-first", {"name": "renamed", "owner_id": "o-ann", "tags": ["a", "b"]})
        self.assertEqual((changed["name"], changed["owner_id"], changed["tags"]), ("renamed", "o-ann", ["a", "b"]))
        self.assertEqual(self.live("mc-first"), [], "nothing of the certificate itself has changed")
        changed = self.api.ask("PATCH", f"{HERE}/mc-first", {"sans": ["new.example.com"]})
        self.assertEqual((changed["common_name"], changed["sans"], changed["status"]),
                         ("new.example.com", ["new.example.com"], "RenewalInProgress"))
        self.assertEqual(self.live("mc-first"), [("Renewal", self.agents[0].id)])
        self.assertEqual(self.found("san=first.example.com"), [])
        self.assertEqual(self.found("status=RenewalInProgress"), ["mc-first"])
        for body, member in (({"owner_id": "o-nobody"}, "owner_id"), ({"target_ids": ["tgt-9"]}, "target_ids"), ({"sans": ["-x-"]}, "sans"),
                             ({"sans": []}, "sans"), ({"status": "Active"}, "status"), ({"agent_ids": []}, "target_ids")):
            reply = self.refused(400, "PATCH", f"{HERE}/mc-first", body)
            self.assertIn(member, json.dumps(reply["errors"]), body)
        self.api.post("/api/v1/profiles", {"id": "prof-rsa", "name": "RSA", "allowed_key_types": ["RSA_3072"]})
        reply = self.refused(422, "PATCH", f"{HERE}/mc-first", {"profile_id": "prof-rsa"})
        self.assertIn("key_type", reply["detail"])
        tag = self.api.exchange("GET", f"{HERE}/mc-first")[1]["ETag"]
        self.api.ask("PATCH", f"{HERE}/mc-first", {"environment": "live"}, headers={"If-Match": tag})
        self.assertEqual(self.api.exchange("PATCH", f"{HERE}/mc-first", {"environment": "x"}, {"If-Match": tag})[0], 412)

    def _moves(self):
        moved = self.api.ask("PATCH", f"{HERE}/mc-other", {"target_ids": ["tgt-2"]})
        self.assertEqual(moved["target_ids"], ["tgt-2"])
        self.assertEqual(self.live("mc-other"), [("Issuance", self.agents[1].id)])
        placements = {row["agent_id"]: row["ended_at"] is not None for row in self.api.all(f"{HERE}/mc-other/placements")}
        self.assertEqual(placements, {self.agents[0].id: True, self.agents[1].id: False})
        self.assertEqual([row["target_id"] for row in self.api.all(f"{HERE}/mc-other/bindings")], ["tgt-2"])
        moved = self.api.ask("PATCH", f"{HERE}/mc-other", {"target_ids": ["tgt-1", "tgt-2"]})
        self.assertEqual(moved["target_ids"], ["tgt-1", "tgt-2"])
        self.assertEqual(sorted(self.live("mc-other")), sorted(("Issuance", agent.id) for agent in self.agents))

    def _is_exported(self):
        version = self.api.all(f"{HERE}/mc-first/versions")[0]
        self.assertTrue(version["is_in_force"])
        self.assertRegex(version["csr_sha256"], "^[0-9a-f]{64}$")
        path = os.path.join(self.folder, "exported")
        status, headers, _ = self.api.exchange("GET", f"{HERE}/mc-first/export/pem")
        self.assertEqual((status, headers["X-Certctl-Key-Held-By"]), (200, self.agents[0].id))
        sent = {"password": "a password"}
        exported = self.api.post(f"{HERE}/mc-first/export/pkcs12", sent)
        self.assertEqual((exported["has_key"], exported["key_held_by"]), (False, self.agents[0].id))
        with open(path, "wb") as file:
            file.write(base64.b64decode(exported["pkcs12"]))
        text = run(["openssl", "pkcs12", "-in", path, "-nokeys", "-passin", "pass:a password"])
        self.assertIn(version["certificate"].splitlines()[1], text)
        self.assertNotIn("PRIVATE KEY", text)
        self.refused(409, "GET", f"{HERE}/mc-other/export/pem")
        self.refused(404, "GET", f"{HERE}/mc-first/export/pem?version_id=ver-0")

    def _is_handed_over(self):
        body = {"new_owner_id": "o-ann", "certificate_ids": ["mc-first", "mc-other", "mc-nobody"]}
        counts = {"matched": 2, "reassigned": 1, "skipped": 1, "failed": 0, "reasons": [], "dry_run": True}
        self.assertEqual(self.api.post(f"{HERE}/bulk-reassign", {**body, "dry_run": True}), counts)
        self.assertIsNone(self.api.get(f"{HERE}/mc-other")["owner_id"])
        self.assertEqual(self.api.post(f"{HERE}/bulk-reassign", body), {**counts, "dry_run": False})
        self.assertEqual(self.api.get(f"{HERE}/mc-other")["owner_id"], "o-ann")
        # null takes away; what is not named stays.
        taken = self.api.post(f"{HERE}/bulk-reassign", {"new_owner_id": None, "certificate_ids": ["mc-other"]})
        self.assertEqual((1, None), (taken["reassigned"], self.api.get(f"{HERE}/mc-other")["owner_id"]))
        self.api.post(f"{HERE}/bulk-reassign", body)
        many = {"new_owner_id": "o-ann", "certificate_ids": [f"mc-{number}" for number in range(9000)]}
        self.assertEqual(0, self.api.post(f"{HERE}/bulk-reassign", many)["matched"])
        refused = self.api.post(f"{HERE}/bulk-reassign", {"new_profile_id": "prof-rsa", "owner_id": "o-ann"})
        self.assertEqual((refused["matched"], refused["failed"], {row["id"] for row in refused["reasons"]}), (2, 2, {"mc-first", "mc-other"}))
        self.assertIsNone(self.api.get(f"{HERE}/mc-other")["profile_id"])
        self.refused(400, "POST", f"{HERE}/bulk-reassign", {"new_owner_id": "o-ann"})

    def _is_archived(self):
        self.api.ask("DELETE", f"{HERE}/mc-other", expect=204)
        self.assertEqual(self.api.get(f"{HERE}/mc-other")["status"], "Archived")
        self.assertEqual((self.found(""), self.found("status=Archived"), self.live("mc-other")), (["mc-first"], ["mc-other"], []))
        for method, body in (("DELETE", None), ("PATCH", {"name": "x"})):
            self.refused(409, method, f"{HERE}/mc-other", body)
        self.refused(409, "POST", f"{HERE}/mc-other/renew")
        # Its name is free again, and so is its target.
        self.api.post(HERE, {"id": "mc-next", "name": "other", "sans": ["next.example.com"], "target_ids": ["tgt-1"]}, expect=201)
        eventually("the trail has it", lambda: [event["action"] for event in self.api.all(
            "/api/v1/audit?resource_type=certificate&resource_id=mc-other") if event["action"] == "certificate_deleted"], 10)


if __name__ == "__main__":
    unittest.main()
