"""The agents' listener: who gets in, what belongs to whom, and polls that wait."""
import os
import subprocess
import threading
import time
import unittest

from lib.agent import Agent
from lib.fleet import ControlPlane
from lib.processes import eventually
from lib.story import Story


class Agents(Story):
    def setUp(self):
        super().setUp()
        self.control = ControlPlane(self.folder)
        self.keep(self.control.start())

    def agent(self, name):
        agent = Agent(self.folder, self.control, name)
        status, body = agent.enrol()
        self.assertEqual(status, 201, body)
        return agent

    def certificate_for(self, agent, name):
        return self.control.api.post("/api/v1/certificates", {"id": "mc-" + name, "name": name, "sans": [name + ".example.com"],
                                                              "agent_ids": [agent.id]}, expect=201)

    def test_a_token_enrols_one_agent_once_and_answers_the_same_request_again(self):
        agent = Agent(self.folder, self.control, "a")
        csr = agent.csr()
        status, first = agent.enrol(csr)
        self.assertEqual((status, first["agent_id"]), (201, "agent-a"))
        status, again = agent.enrol(csr)
        self.assertEqual((status, again), (201, first))
        # ECDSA signatures differ each time: another request for the same key is another request.
        self.assertEqual(agent.enrol()[0], 403)
        self.assertEqual(agent.enrol(csr, "et-0123456789abcdef-" + "0" * 64)[0], 403)
        self.assertEqual(agent.enrol(csr, "nonsense")[0], 403)
        subject = subprocess.run(["openssl", "x509", "-noout", "-subject", "-ext", "extendedKeyUsage", "-in", agent.certificate],
                                 check=True, capture_output=True, text=True).stdout
        self.assertIn("CN = agent-a", subject)
        self.assertIn("TLS Web Client Authentication", subject)
        self.stop_all()

    def test_without_a_certificate_of_its_own_nobody_gets_in(self):
        a, b = self.agent("a"), self.agent("b")
        path = f"/api/v1/agents/{a.id}/heartbeat"
        self.assertEqual(a.ask("POST", path, {}), (204, None))
        self.assertEqual(a.ask("POST", path, {}, anonymous=True)[0], 401)
        self.assertEqual(b.ask("POST", path, {})[0], 404)
        self.assertEqual(a.ask("GET", "/api/v1/certificates")[0], 404)
        # Not even with the certificate of the server, which the same CA signed.
        state = self.control.state
        a.certificate, a.key = os.path.join(state, "server.pem"), os.path.join(state, "server.key")
        self.assertEqual(a.ask("POST", path, {})[0], 401)
        self.stop_all()

    def test_work_is_handed_out_once_and_again_with_the_same_token_and_refused_to_others(self):
        a, b = self.agent("a"), self.agent("b")
        self.certificate_for(a, "one")
        status, first = a.work(30)
        self.assertEqual(status, 200)
        job = first["jobs"][0]
        self.assertEqual((job["type"], job["step"], job["certificate"]["id"]), ("Issuance", "csr", "mc-one"))
        self.assertEqual(a.work(0), (200, first))
        self.assertEqual(a.work(0, job["id"]), (204, None))
        self.assertEqual(b.work(0), (204, None))
        csr = a.csr("-addext", "subjectAltName=DNS:one.example.com")
        body = {"job_id": job["id"], "token": job["token"], "csr": csr}
        self.assertEqual(b.ask("POST", f"/api/v1/agents/{b.id}/csr", body)[0], 404)
        status, reply = a.ask("POST", f"/api/v1/agents/{a.id}/csr", {**body, "token": job["token"] + 1})
        self.assertEqual((status, reply["code"]), (409, "fenced"))
        status, reply = a.ask("POST", f"/api/v1/agents/{a.id}/csr", body, headers={"Prefer": "wait=30"})
        self.assertEqual((status, reply["status"]), (200, "Completed"), reply)
        # The reply was lost: the same again; another request: refused.
        self.assertEqual(a.ask("POST", f"/api/v1/agents/{a.id}/csr", body)[0], 200)
        other = a.csr("-addext", "subjectAltName=DNS:one.example.com")
        self.assertEqual(a.ask("POST", f"/api/v1/agents/{a.id}/csr", {**body, "csr": other})[0], 409)
        versions = self.control.api.all("/api/v1/certificates/mc-one/versions")
        self.assertEqual([row["csr_sha256"] for row in versions], [reply["csr_sha256"]])
        self.stop_all()

    def test_a_request_that_is_not_what_was_ordered_fails_the_job(self):
        a = self.agent("a")
        self.certificate_for(a, "two")
        job = a.work(30)[1]["jobs"][0]
        path, body = f"/api/v1/agents/{a.id}/csr", {"job_id": job["id"], "token": job["token"]}
        self.assertEqual(a.ask("POST", path, {**body, "csr": "nonsense"})[0], 400)
        evil = a.csr("-addext", "subjectAltName=DNS:two.example.com,DNS:evil.example.com")
        self.assertEqual(a.ask("POST", path, {**body, "csr": evil})[0], 422)
        failed = self.control.api.get(f"/api/v1/jobs/{job['id']}")
        self.assertEqual(failed["status"], "Failed")
        self.assertIn("evil.example.com", failed["error"]["what"])
        self.assertEqual(self.control.api.get("/api/v1/certificates/mc-two")["status"], "Failed")
        self.stop_all()

    def test_a_key_is_accepted_for_one_certificate_only(self):
        a = self.agent("a")
        for name, expected in (("three", 200), ("four", 422)):
            self.certificate_for(a, name)
            job = [j for j in a.work(30)[1]["jobs"] if j["certificate"]["id"] == "mc-" + name][0]
            csr = a.csr("-addext", f"subjectAltName=DNS:{name}.example.com")
            status, reply = a.ask("POST", f"/api/v1/agents/{a.id}/csr", {"job_id": job["id"], "token": job["token"], "csr": csr},
                                  headers={"Prefer": "wait=30"})
            self.assertEqual(status, expected, reply)
        self.stop_all()

    def seen(self, agent):
        """A poll is a sign of life when it comes, not when it is answered."""
        return self.control.api.get(f"/api/v1/agents/{agent.id}")["last_heartbeat_at"]

    def test_a_poll_is_woken_by_new_work_and_answered_when_the_server_stops(self):
        a = self.agent("a")
        replies = []

        def poll():
            begin = time.monotonic()
            replies.append((a.work(55), time.monotonic() - begin))

        waiting = threading.Thread(target=poll)
        before = self.seen(a)
        waiting.start()
        eventually("the poll waits", lambda: self.seen(a) != before)
        self.certificate_for(a, "five")
        waiting.join(90)
        (status, body), elapsed_s = replies.pop()
        self.assertEqual(status, 200)
        self.assertLess(elapsed_s, 40, "it waited for its end")
        held = body["jobs"][0]["id"]
        waiting = threading.Thread(target=lambda: replies.append(a.work(55, held)))
        before = self.seen(a)
        waiting.start()
        eventually("the poll waits", lambda: self.seen(a) != before)
        begin = time.monotonic()
        self.stop_all()
        waiting.join(90)
        self.assertIn(replies[0][0], (204, 503))
        self.assertLess(time.monotonic() - begin, 40, "it waited for its end")

    def test_reports_are_believed_only_with_the_fingerprint(self):
        a = self.agent("a")
        self.control.api.post("/api/v1/targets", {"id": "tgt-a", "name": "a", "type": "nginx", "agent_id": a.id}, expect=201)
        self.control.api.post("/api/v1/certificates", {"id": "mc-six", "name": "six", "sans": ["six.example.com"],
                                                       "target_ids": ["tgt-a"]}, expect=201)
        job = a.work(30)[1]["jobs"][0]
        csr = a.csr("-addext", "subjectAltName=DNS:six.example.com")
        a.ask("POST", f"/api/v1/agents/{a.id}/csr", {"job_id": job["id"], "token": job["token"], "csr": csr})
        job = eventually("a deployment", lambda: (a.work(5)[1] or {"jobs": [None]})["jobs"][0], 60)
        self.assertEqual((job["type"], job["target"]["id"], job["target"]["plugin"]), ("Deployment", "tgt-a", "nginx"))
        path = f"/api/v1/agents/{a.id}/jobs/{job['id']}/status"
        lie = {"token": job["token"], "state": "Completed", "report": {"outcome": "completed", "verified": True,
                                                                      "served_fingerprint": "00" * 32, "steps": []}}
        status, reply = a.ask("POST", path, lie)
        self.assertEqual((status, reply["state"]), (200, "Failed"))
        deployed = self.control.api.all("/api/v1/certificates/mc-six/deployments")
        self.assertEqual([row["status"] for row in deployed], ["Failed"])
        self.assertIsNone(self.control.api.get("/api/v1/certificates/mc-six")["deployed_at"])
        self.stop_all()


if __name__ == "__main__":
    unittest.main()
