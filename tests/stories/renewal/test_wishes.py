"""What profiles and CAs wish: usages and short lives, a window for the renewal, and that a CA hears of what is given up."""
import os
import shutil
import subprocess
import unittest

from lib.agent import Agent
from lib.client import ApiError
from lib.fleet import BUILD, ControlPlane
from lib.invariants import assert_invariants
from lib.processes import eventually
from lib.story import Story

CONNECTOR = """
issuers:
  - id: iss-suggests
    name: Suggesting CA
    type: suggests
    options:
      folder: {folder}
"""


class Wishes(Story):
    def setUp(self):
        super().setUp()
        self.control = ControlPlane(self.folder)
        plugins, self.ca = os.path.join(self.folder, "plugins"), os.path.join(self.folder, "ca")
        os.makedirs(plugins, 0o755)
        os.makedirs(self.ca, 0o700)
        shutil.copy(os.path.join(BUILD, "zoo", "certctl-issuer-suggests.so"), plugins)
        self.control.environment = {"CERTCTL_PLUGINS_DIRS": os.path.abspath(os.path.join(BUILD, "plugins")) + "," + plugins}
        self.keep(self.control.start())
        self.api = self.control.api
        with open(os.path.join(self.control.state, "connectors.d", "50-story.yaml"), "w", encoding="utf-8") as file:
            file.write(CONNECTOR.format(folder=self.ca))
        self.control.process.signal(1)
        eventually("the CA is open", lambda: self.api.get("/api/v1/issuers/iss-suggests")["status"] == "open")
        self.agent = Agent(self.folder, self.control, "a")
        self.assertEqual(201, self.agent.enrol()[0])

    def end(self):
        assert_invariants(self, self.control.state)
        self.stop_all()

    def say(self, window):
        with open(os.path.join(self.ca, "window"), "w", encoding="ascii") as file:
            file.write(window)

    def create(self, name, **more):
        return self.api.post("/api/v1/certificates", {"id": "mc-" + name, "name": name, "sans": [name + ".example.com"],
                                                      "agent_ids": [self.agent.id], **more}, expect=201)

    def await_work(self, name):
        """The job for which the agent makes a request."""
        def find():
            return [job for job in self.agent.work(5)[1]["jobs"] if (job["certificate"]["id"], job["step"]) == ("mc-" + name, "csr")][0]
        return eventually("work", find, 60)

    def hand_in(self, name, *options):
        """The agent's request for the job that waits for one; how that is answered."""
        job = self.await_work(name)
        csr = self.agent.csr("-addext", f"subjectAltName=DNS:{name}.example.com", *options, key=self.agent.new_key(name))
        return job, self.agent.ask("POST", f"/api/v1/agents/{self.agent.id}/csr", {"job_id": job["id"], "token": job["token"], "csr": csr})

    def issue(self, name):
        job, (status, body) = self.hand_in(name)
        self.assertIn(status, (200, 202), body)
        return eventually("it ends", lambda: next((j for j in [self.api.get(f"/api/v1/jobs/{job['id']}")] if j["ended_at"]), None), 120)

    def text_of(self, name):
        leaf = self.api.all(f"/api/v1/certificates/mc-{name}/versions")[0]["certificate"]
        return subprocess.run(["openssl", "x509", "-noout", "-text"], input=leaf, capture_output=True, text=True, check=True).stdout

    def refused(self, status, call):
        with self.assertRaises(ApiError) as refused:
            call()
        self.assertEqual(status, refused.exception.status, refused.exception)
        return refused.exception.body

    def why(self, name):
        return " ".join(self.api.get(f"/api/v1/certificates/mc-{name}/why")["sentences"])

    def test_a_certificate_is_what_its_profile_says(self):
        self.api.post("/api/v1/profiles", {"id": "prof-both", "name": "both", "allowed_ekus": ["serverAuth", "clientAuth"]}, expect=201)
        self.api.post("/api/v1/profiles", {"id": "prof-short", "name": "short", "short_lived": True, "max_ttl_seconds": 86400}, expect=201)
        for name, profile, usages, is_short in (("none", None, "TLS Web Server Authentication\n", False),
                                                ("both", "prof-both", "TLS Web Server Authentication, TLS Web Client Authentication\n", False),
                                                ("short", "prof-short", "TLS Web Server Authentication\n", True)):
            with self.subTest(name=name):
                self.create(name, **({"profile_id": profile} if profile else {}))
                self.assertEqual("Completed", self.issue(name)["status"])
                text = self.text_of(name)
                self.assertIn("X509v3 Extended Key Usage: \n                " + usages, text)
                self.assertEqual(is_short, "2.5.29.56" in text or "No Revocation Available" in text, text)

        # A request that asks for more is refused, and so are profiles that contradict themselves; the field is named.
        self.create("more", profile_id="prof-short")
        job, (status, body) = self.hand_in("more", "-addext", "extendedKeyUsage=codeSigning")
        self.assertEqual((422, "Failed"), (status, self.api.get(f"/api/v1/jobs/{job['id']}")["status"]), body)
        self.assertIn("1.3.6.1.5.5.7.3.3 is not in its profile's allowed_ekus", body["detail"])
        for field, body in (("max_ttl_seconds", {"short_lived": True}), ("must_staple", {"short_lived": True, "max_ttl_seconds": 3600, "must_staple": True}),
                            ("allowed_ekus", {"allowed_ekus": ["clientAuth", "clientAuth"]}), ("allowed_ekus", {"allowed_ekus": ["any"]})):
            self.assertIn(f'"{field}', self.refused(400, lambda body=body: self.api.post("/api/v1/profiles", {"name": "bad", **body})))
        self.end()

    def test_a_window_of_the_ca_moves_the_renewal(self):
        self.say("-100 -50 3600")
        self.create("web", issuer_id="iss-suggests")
        first = self.issue("web")["serial_after"]
        # Due at once: nobody asked for it.
        job = self.await_work("web")
        self.assertEqual("certctld", self.api.get(f"/api/v1/jobs/{job['id']}")["created_by"])
        self.say("864000 864000 3600")
        renewed = self.issue("web")
        self.assertEqual(("Renewal", first), (renewed["type"], renewed["serial_before"]))
        self.assertIn("replaces=\"a certificate\"", self.control.process.output())
        eventually("the other window is heeded", lambda: "issuer iss-suggests wants that between" in self.why("web"), 60)
        self.assertIn("https://ca.example.com/why", self.why("web"))
        events = self.api.all("/api/v1/audit?resource_id=mc-web&type=renewal_window_changed")
        self.assertEqual(["iss-suggests"] * 2, [event["details"]["issuer_id"] for event in events])
        self.end()

    def test_a_ca_hears_of_an_order_that_is_given_up(self):
        self.create("slow", issuer_id="iss-suggests")
        job, (status, body) = self.hand_in("slow")
        self.assertIn(status, (200, 202), body)
        eventually("the CA has it", lambda: self.api.get(f"/api/v1/jobs/{job['id']}")["attempts"] == 1
                   and self.api.get(f"/api/v1/jobs/{job['id']}")["status"] == "Pending")
        self.api.post(f"/api/v1/jobs/{job['id']}/cancel", {"reason": "not needed"}, expect=200)
        heard = os.path.join(self.ca, "heard")
        eventually("the CA hears of it", lambda: os.path.exists(heard), 60)
        with open(heard, encoding="ascii") as file:
            self.assertEqual(f"{job['id']} order 17\n", file.read())
        event = eventually("it is in the trail", lambda: self.api.all("/api/v1/audit?resource_id=mc-slow&type=issuance_abandoned")[0])
        self.assertEqual((job["id"], True), (event["details"]["job_id"], event["details"]["issuer_notified"]))
        self.end()


if __name__ == "__main__":
    unittest.main()
