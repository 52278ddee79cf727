"""Approve, reject, cancel, retry, bulk renewal; and what the server says about it: why, doctor, alarms."""
import unittest

from lib.agent import Agent
from lib.client import ApiError, Client
from lib.fleet import ControlPlane
from lib.invariants import ask, assert_invariants
from lib.processes import eventually
from lib.story import Story


class Decisions(Story):
    def setUp(self):
        super().setUp()
        self.control = ControlPlane(self.folder)
        self.keep(self.control.start())
        self.api = self.control.api
        key = self.api.post("/api/v1/api-keys", {"name": "second", "role": "operator"}, expect=201)["key"]
        self.second = Client(self.control.url, self.control.ca_file, key)
        self.agent = Agent(self.folder, self.control, "a")
        self.assertEqual(201, self.agent.enrol()[0])
        self.sql("INSERT INTO profiles (id, name, requires_approval) VALUES ('prof-careful', 'careful', true)")

    def sql(self, text):
        return ask(self.control.state, text)

    def certificate(self, name, **more):
        self.api.post("/api/v1/certificates", {"id": "mc-" + name, "name": name, "sans": [name + ".example.com"],
                                               "agent_ids": [self.agent.id], **more}, expect=201)

    def careful_certificate(self, name):
        """Its profile requires approval from the second version on."""
        self.agent.issue(name)
        self.sql(f"UPDATE managed_certificates SET profile_id = 'prof-careful' WHERE id = 'mc-{name}'")

    def live(self, name):
        return [job for job in self.api.all(f"/api/v1/jobs?certificate_id=mc-{name}&type=Issuance,Renewal") if not job["ended_at"]]

    def await_live(self, name):
        return eventually("a job", lambda: self.live(name)[0])

    def refused(self, status, words, call):
        with self.assertRaises(ApiError) as refused:
            call()
        self.assertEqual(status, refused.exception.status, refused.exception)
        self.assertIn(words, refused.exception.body)

    def decide(self, job, what, body=None, api=None, **options):
        return (api or self.api).post(f"/api/v1/jobs/{job['id']}/{what}", body, **options)

    def why(self, name):
        return " ".join(self.api.get(f"/api/v1/certificates/mc-{name}/why")["sentences"])

    def hand_in(self, name):
        """Make a key and a request for the job that waits for them; the job as it ended."""
        job = eventually("work", lambda: [job for job in self.agent.work(5)[1]["jobs"] if job["certificate"]["id"] == "mc-" + name
                                          and job["step"] == "csr"][0])
        csr = self.agent.csr("-addext", f"subjectAltName=DNS:{name}.example.com", key=self.agent.new_key(name))
        status, body = self.agent.ask("POST", f"/api/v1/agents/{self.agent.id}/csr",
                                      {"job_id": job["id"], "token": job["token"], "csr": csr}, headers={"Prefer": "wait=20"})
        self.assertEqual(200, status, body)
        return self.api.get(f"/api/v1/jobs/{job['id']}")

    def end(self):
        self.assertEqual({}, {check["name"]: check["rows"] for check in self.api.get("/api/v1/doctor")["checks"]
                              if not check["ok"] and check["kind"] == "invariant"})
        assert_invariants(self, self.control.state)
        self.stop_all()

    def test_what_needs_approval_waits_for_somebody_else_also_when_it_is_renewed_by_itself_or_in_bulk(self):
        self.careful_certificate("web")
        before = self.api.get("/api/v1/certificates/mc-web")["serial_number"]
        self.sql("UPDATE placements SET renew_at = now() WHERE certificate_id = 'mc-web'")
        job = self.await_live("web")
        self.assertEqual(("AwaitingApproval", "Renewal", "certctld"), (job["status"], job["type"], job["created_by"]))
        self.assertNotIn("csr", [one["step"] for one in (self.agent.work()[1] or {"jobs": []})["jobs"]], "not the agent's yet")
        self.assertIn("approve it: profile prof-careful requires that", self.why("web"))
        self.assertEqual("rejected", self.decide(job, "reject", {"reason": "not today"})["hold_reason"])
        self.refused(409, "is Cancelled, rejected", lambda: self.decide(job, "approve"))
        self.refused(409, "is Cancelled", lambda: self.decide(job, "retry"))
        alarm = self.api.get("/api/v1/alarms?certificate_id=mc-web")["data"][0]
        self.assertEqual(("approval_missed", job["id"], "rejected: not today"), (alarm["kind"], alarm["job_id"], alarm["what"]))
        self.assertIn("nothing happens by itself", self.why("web"))

        # In bulk, and asked for by the same key that would approve it.
        body = {"certificate_ids": ["mc-web"], "reason": "exercise"}
        counts = {"status": "ended", "matched": 1, "started": 1, "skipped": 0, "failed": 0, "reasons": []}
        dry = self.api.post("/api/v1/certificates/bulk-renew", {**body, "dry_run": True}, expect=200)
        self.assertEqual(counts, {name: dry[name] for name in counts})
        self.assertEqual([], self.live("web"), "dry")
        done = self.api.post("/api/v1/certificates/bulk-renew", body, expect=202)
        self.assertEqual(counts, {name: done[name] for name in counts})
        self.assertEqual(done, self.api.get(f"/api/v1/bulk-renewals/{done['id']}"))
        self.assertEqual([done["id"], dry["id"]], [one["id"] for one in self.api.get("/api/v1/bulk-renewals?created_by=admin")["data"]])
        again = self.api.post("/api/v1/certificates/bulk-renew", body, expect=202)
        self.assertEqual((0, 1), (again["started"], again["skipped"]))
        job = self.await_live("web")
        self.assertEqual(("AwaitingApproval", "admin"), (job["status"], job["created_by"]))
        self.assertEqual(f"job {job['id']} is at it", again["reasons"][0]["reason"])
        self.refused(403, "somebody else approves it", lambda: self.decide(job, "approve"))
        approved = self.decide(job, "approve", api=self.second)
        self.assertEqual(("AwaitingCSR", "second"), (approved["status"], approved["approved_by"]))
        self.refused(409, "is AwaitingCSR: it cannot be approved", lambda: self.decide(job, "approve", api=self.second))
        job = self.hand_in("web")
        self.assertEqual(("Completed", before, self.agent.id), (job["status"], job["serial_before"], job["key_made_by"]))
        self.assertEqual(self.api.get("/api/v1/certificates/mc-web")["serial_number"], job["serial_after"])
        self.assertEqual([], self.api.get("/api/v1/alarms?certificate_id=mc-web")["data"], "settled")
        actions = {row["action"]: row["actor"] for row in self.api.all("/api/v1/audit?resource_type=job&type=job_approved,job_rejected")}
        self.assertEqual({"job_approved": "second", "job_rejected": "admin"}, actions)
        self.end()

    def test_nobody_approved_in_time(self):
        self.careful_certificate("late")
        job = self.api.post("/api/v1/certificates/mc-late/renew", {}, expect=202)["data"][0]
        self.sql(f"UPDATE jobs SET approve_until = now() WHERE id = '{job['id']}'")
        job = eventually("it ends", lambda: next((j for j in [self.api.get(f"/api/v1/jobs/{job['id']}")] if j["ended_at"]), None))
        self.assertEqual(("Cancelled", "approval timed out"), (job["status"], job["hold_reason"]))
        self.refused(409, "approval timed out", lambda: self.decide(job, "retry"))
        self.assertEqual("approval_missed", self.api.get("/api/v1/alarms")["data"][0]["kind"])
        self.assertEqual(1, len(self.api.all(f"/api/v1/audit?resource_id={job['id']}&type=job_approval_timed_out")))
        self.assertEqual([], self.live("late"))
        self.end()

    def test_cancel_and_retry(self):
        self.certificate("one")
        job = self.agent.work(20)[1]["jobs"][0]
        cancelled = self.decide(job, "cancel")
        self.assertEqual(("Cancelled", "admin"), (cancelled["status"], cancelled["ended_by"]))
        csr = self.agent.csr("-addext", "subjectAltName=DNS:one.example.com", key=self.agent.new_key("one"))
        status, body = self.agent.ask("POST", f"/api/v1/agents/{self.agent.id}/csr",
                                      {"job_id": job["id"], "token": job["token"], "csr": csr})
        self.assertEqual(409, status, body)
        self.refused(409, "is Cancelled", lambda: self.decide(job, "cancel"))
        self.refused(404, "is not there", lambda: self.api.post("/api/v1/jobs/job-none/cancel", None))

        # A request that is not what was ordered fails at once, with one alarm, and a retry is another job.
        self.certificate("two")
        job = eventually("work", lambda: [j for j in self.agent.work(5)[1]["jobs"] if j["certificate"]["id"] == "mc-two"][0])
        csr = self.agent.csr("-addext", "subjectAltName=DNS:other.example.com", key=self.agent.new_key("two"))
        status, body = self.agent.ask("POST", f"/api/v1/agents/{self.agent.id}/csr",
                                      {"job_id": job["id"], "token": job["token"], "csr": csr})
        self.assertEqual(422, status, body)
        alarms = self.api.get("/api/v1/alarms?certificate_id=mc-two&kind=issuance_failed")["data"]
        self.assertEqual([(job["id"], 1)], [(alarm["job_id"], alarm["occurrences"]) for alarm in alarms])
        self.assertIn("other.example.com", alarms[0]["what"])
        self.assertIn("it is tried again at", self.why("two"))
        failed = self.api.all("/api/v1/jobs?status=Failed,Cancelled&agent_id=" + self.agent.id)
        self.assertEqual({"mc-one": "Cancelled", "mc-two": "Failed"}, {j["certificate_id"]: j["status"] for j in failed})
        self.refused(400, "there is no 'Done'", lambda: self.api.get("/api/v1/jobs?status=Done"))
        successor = self.decide(job, "retry", expect=202)
        self.assertEqual(("AwaitingCSR", "Issuance"), (successor["status"], successor["type"]))
        self.assertEqual("Completed", self.hand_in("two")["status"])
        self.assertEqual([], self.api.get("/api/v1/alarms?certificate_id=mc-two")["data"])
        self.assertIn("by the fraction of its life", self.why("two"))
        self.end()

    def test_rules_that_refuse(self):
        self.sql("INSERT INTO profiles (id, name, name_patterns) VALUES ('prof-narrow', 'narrow', '{*.internal}')")
        self.sql("INSERT INTO agent_groups (id, name, match_os) VALUES ('ag-none', 'none', 'plan9')")
        self.sql("INSERT INTO policies (id, name, agent_group_id) VALUES ('rp-none', 'none', 'ag-none')")
        for name, change, words in (("profile", "profile_id = 'prof-narrow'", "does not allow profile.example.com"),
                                    ("group", "policy_id = 'rp-none'", "is not in group ag-none")):
            with self.subTest(name=name):
                self.agent.issue(name)
                self.sql(f"UPDATE managed_certificates SET {change} WHERE id = 'mc-{name}'")
                self.refused(422, words, lambda: self.api.post(f"/api/v1/certificates/mc-{name}/renew", {}))
                counts = self.api.post("/api/v1/certificates/bulk-renew", {"certificate_ids": [f"mc-{name}"]}, expect=202)
                self.assertEqual((1, 0, 1), (counts["matched"], counts["started"], counts["failed"]), counts)
                self.assertEqual([], self.live(name))
                self.assertIn("group ag-none" if name == "group" else words, self.why(name))
        # A retry is asked under the rules of now; a change is refused with its field named.
        self.certificate("again")
        job = eventually("work", lambda: [j for j in self.agent.work(5)[1]["jobs"] if j["certificate"]["id"] == "mc-again"][0])
        csr = self.agent.csr("-addext", "subjectAltName=DNS:other.example.com", key=self.agent.new_key("again"))
        self.agent.ask("POST", f"/api/v1/agents/{self.agent.id}/csr", {"job_id": job["id"], "token": job["token"], "csr": csr})
        with self.assertRaises(ApiError) as refused:
            self.api.ask("PATCH", "/api/v1/certificates/mc-again", {"profile_id": "prof-narrow"})
        self.assertEqual(422, refused.exception.status, refused.exception)
        self.assertIn('"errors":[{"field":"sans","detail":"profile prof-narrow does not allow again.example.com"}]', refused.exception.body)
        self.sql("UPDATE managed_certificates SET profile_id = 'prof-narrow' WHERE id = 'mc-again'")
        self.refused(422, "sans: profile prof-narrow does not allow", lambda: self.decide(job, "retry"))
        self.refused(400, "nobody renews everything by accident", lambda: self.api.post("/api/v1/certificates/bulk-renew", {}))
        self.end()


if __name__ == "__main__":
    unittest.main()
