#!/usr/bin/env python3
"""Deployments as operators decide about them: one target at a time, and nothing for those whom nobody can serve."""
import unittest

from lib.agent import Agent
from lib.fleet import ControlPlane
from lib.invariants import assert_invariants
from lib.processes import eventually
from lib.story import Story

TARGETS = ("tgt-a", "tgt-b")


class Deployments(Story):
    def setUp(self):
        super().setUp()
        self.control = ControlPlane(self.folder)
        self.keep(self.control.start())
        self.api = self.control.api
        self.agent = Agent(self.folder, self.control, "a")
        self.assertEqual(201, self.agent.enrol()[0])
        for target in TARGETS:
            self.api.post("/api/v1/targets", {"id": target, "name": target, "type": "nginx", "agent_id": self.agent.id}, expect=201)
        self.held = {}

    def poll(self):
        return (self.agent.work(5)[1] or {"jobs": []})["jobs"]

    def work(self, targets):
        """Until there is a deployment of each; what was handed out before is kept."""
        def check():
            for job in self.poll():
                self.held[job["target"]["id"]] = job
            return all(target in self.held for target in targets)
        eventually("the jobs are handed out", check, 60)
        return [self.held.pop(target) for target in targets]

    def report(self, job, state, **report):
        status, body = self.agent.ask("POST", f"/api/v1/agents/{self.agent.id}/jobs/{job['id']}/status",
                                      {"token": job["token"], "state": state, "report": report})
        self.assertEqual(200, status, body)
        return body["state"]

    def refuse(self, job, is_retryable):
        return self.report(job, "Failed", error={"code": "denied", "what": "no room", "hint": "", "retryable": is_retryable})

    def complete(self, job):
        return self.report(job, "Completed", outcome="completed", verified=True, served_fingerprint=job["version"]["fingerprint_sha256"])

    def issue(self):
        self.api.post("/api/v1/certificates", {"id": "mc-a", "name": "a", "sans": ["a.example.com"], "target_ids": list(TARGETS)}, expect=201)
        job = eventually("the request is ordered", lambda: self.poll()[0])
        csr = self.agent.csr("-addext", "subjectAltName=DNS:a.example.com", key=self.agent.new_key("leaf"))
        self.assertIn(self.agent.ask("POST", f"/api/v1/agents/{self.agent.id}/csr", {"job_id": job["id"], "token": job["token"], "csr": csr})[0], (200, 202))
        return self.work(TARGETS)

    def job(self, identity):
        return self.api.get(f"/api/v1/jobs/{identity}")

    def test_a_retry_concerns_one_target(self):
        one, two = self.issue()
        self.assertEqual("Failed", self.refuse(one, False))
        self.assertEqual("Pending", self.refuse(two, True))
        before = self.job(two["id"])
        again = self.api.post(f"/api/v1/jobs/{one['id']}/retry", None, expect=202)
        self.assertEqual(("tgt-a", "Pending", 0), (again["target_id"], again["status"], again["attempts"]))
        after = self.job(two["id"])
        for member in ("status", "attempts", "run_at", "updated_at", "token"):
            self.assertEqual(before[member], after[member], member)
        self.assertEqual("Completed", self.complete(self.work(["tgt-a"])[0]))
        # Its own time may have come meanwhile: then it is being worked on.
        self.assertIn(self.api.exchange("POST", f"/api/v1/jobs/{two['id']}/retry")[0], (200, 409))
        self.assertEqual("Completed", self.complete(self.work(["tgt-b"])[0]))
        self.check_drift()
        self.check_lists(two["id"])
        self.check_retired()
        assert_invariants(self, self.control.state)
        self.stop_all()

    def check_drift(self):
        """What a server lost is brought back; when that fails, an operator may say so again although the version is the one deployed last."""
        binding = [row for row in self.api.get("/api/v1/certificates/mc-a/bindings")["data"] if row["target_id"] == "tgt-a"][0]
        self.assertEqual(204, self.agent.ask("POST", f"/api/v1/agents/{self.agent.id}/observations", {
            "observations": [{"binding_id": binding["id"], "served_fingerprint": "0" * 64}]})[0])
        drifted = self.work(["tgt-a"])[0]
        self.assertEqual("Drifted", [row["status"] for row in self.api.get("/api/v1/certificates/mc-a/bindings")["data"] if row["target_id"] == "tgt-a"][0])
        self.assertEqual("Failed", self.refuse(drifted, False))
        again = self.api.post(f"/api/v1/jobs/{drifted['id']}/retry", None, expect=202)
        self.assertNotEqual(drifted["id"], again["id"])
        self.assertEqual("Completed", self.complete(self.work(["tgt-a"])[0]))
        self.assertEqual({"Deployed"}, {row["status"] for row in self.api.get("/api/v1/certificates/mc-a/bindings")["data"]})

    def check_lists(self, identity):
        rows = self.api.get("/api/v1/deployments?fields=id,status&target_id=tgt-b")["data"]
        self.assertEqual([{"id": identity, "status": "Completed"}], rows)
        self.assertEqual(400, self.api.exchange("GET", "/api/v1/deployments?fields=id,nothing")[0])
        self.assertEqual(400, self.api.exchange("GET", "/api/v1/deployments?status=Unknown")[0])
        for body, status in (({"certificate_id": "mc-a", "target_ids": ["tgt-a", "tgt-none"]}, 422), ({"certificate_id": "mc-a", "target_ids": ["tgt-a", "tgt-a"]}, 422),
                             ({"certificate_id": "mc-none", "target_ids": ["tgt-a"]}, 404), ({"certificate_id": "mc-a", "target_ids": []}, 400)):
            self.assertEqual(status, self.api.exchange("POST", "/api/v1/deployments", body)[0], body)

    def check_retired(self):
        """Nobody would ever fetch what is ordered of a retired agent."""
        job = self.api.post("/api/v1/deployments", {"certificate_id": "mc-a", "target_ids": ["tgt-b"]}, expect=202)["data"][0]
        self.assertEqual("Failed", self.refuse(self.work(["tgt-b"])[0], False))
        self.api.post(f"/api/v1/agents/{self.agent.id}/retire", None)
        for path, body, status in (("/api/v1/deployments", {"certificate_id": "mc-a", "target_ids": ["tgt-a"]}, 422), ("/api/v1/certificates/mc-a/deploy", None, 422),
                                   (f"/api/v1/jobs/{job['id']}/retry", None, 409)):
            got, _, problem = self.api.exchange("POST", path, body)
            self.assertEqual(status, got, problem)
        self.assertEqual([], self.api.all("/api/v1/jobs?status=Pending,Running"))


if __name__ == "__main__":
    unittest.main()
