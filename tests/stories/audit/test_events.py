#!/usr/bin/env python3
"""Every change of what operators keep is an event of its own, named after what was changed and how; nothing changes the trail over the API."""
import unittest

from lib.agent import Agent
from lib.fleet import ControlPlane
from lib.story import Story

# Kind of resource -> where it is, what makes one, what changes it.
RESOURCES = {
    "team": ("/api/v1/teams", {"name": "t"}, {"description": "d"}),
    "owner": ("/api/v1/owners", {"name": "o", "email": "o@example.com"}, {"name": "p"}),
    "profile": ("/api/v1/profiles", {"name": "pr"}, {"description": "d"}),
    "policy": ("/api/v1/policies", {"name": "po"}, {"description": "d"}),
    "agent_group": ("/api/v1/agent-groups", {"name": "g"}, {"description": "d"}),
    "api_key": ("/api/v1/api-keys", {"name": "k", "role": "viewer"}, {"enabled": False}),
}


class Events(Story):
    def setUp(self):
        super().setUp()
        self.control = ControlPlane(self.folder)
        self.keep(self.control.start())
        self.api = self.control.api

    def events(self, kind, object_id):
        rows = self.api.all(f"/api/v1/audit?resource_type={kind}&resource_id={object_id}&type={kind}_*")
        return [(row["action"], row["actor"], row["actor_type"]) for row in reversed(rows)]

    def test_changes_of_resources_are_named(self):
        for kind, (path, body, change) in RESOURCES.items():
            with self.subTest(kind):
                made = self.api.post(path, body, expect=201)
                one = f"{path}/{made['id']}"
                self.api.ask("PATCH", one, change)
                self.assertEqual(204, self.api.exchange("DELETE", one)[0])
                actions = self.events(kind, made["id"])
                self.assertEqual([f"{kind}_created", f"{kind}_updated"], [row[0] for row in actions[:2]])
                self.assertIn(actions[-1][0], (f"{kind}_deleted", f"{kind}_revoked"))
                self.assertEqual({("admin", "api_key")}, {row[1:] for row in actions})
        self.stop_all()

    def test_an_issuance_is_told_from_order_to_version(self):
        agent = Agent(self.folder, self.control, "a")
        self.assertEqual(201, agent.enrol()[0])
        job = agent.issue("web")
        rows = self.api.all("/api/v1/audit?resource_type=certificate&resource_id=mc-web")
        issued = next(row for row in rows if row["action"] == "certificate_issued")
        for member in ("issuer_id", "csr_sha256"):
            self.assertTrue(issued["details"].get(member), issued["details"])
        steps = [row["action"] for row in reversed(self.api.all(f"/api/v1/audit?resource_type=job&resource_id={job['id']}"))]
        self.assertEqual("job_created", steps[0])
        self.assertEqual({"job_created", "job_status_updated"}, set(steps))
        self.stop_all()

    def test_nothing_changes_the_trail_over_the_api(self):
        self.api.get("/api/v1/teams")
        event = self.api.get("/api/v1/audit?limit=1")["data"][0]["id"]
        for path in ("/api/v1/audit", f"/api/v1/audit/{event}", "/api/v1/audit/export"):
            for method in ("POST", "PUT", "PATCH", "DELETE"):
                status, headers, _ = self.api.exchange(method, path, {} if method != "DELETE" else None)
                self.assertEqual((status, headers["Allow"]), (405, "GET, HEAD, OPTIONS"), (method, path))
            self.assertEqual(200, self.api.exchange("HEAD", path)[0], path)
        self.assertEqual(event, self.api.get(f"/api/v1/audit/{event}")["id"])
        # A day alone is a point in time, too.
        self.assertEqual(200, self.api.exchange("GET", "/api/v1/audit?timestamp_after=2020-01-01&timestamp_before=2999-01-01")[0])
        self.stop_all()


if __name__ == "__main__":
    unittest.main()
