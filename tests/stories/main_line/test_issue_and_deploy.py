#!/usr/bin/env python3
"""The main line: one certificate asked for over HTTPS ends up served by a real nginx, and its key never leaves the host."""
import base64
import os
import stat
import unittest

from lib import tls
from lib.fleet import ControlPlane, Host, WORKER_CAPABILITIES
from lib.nginx import Gate, Nginx, PROGRAM
from lib.processes import eventually
from lib.story import Story
from lib.watch import Watch

NAME = "web.example.com"
CERTIFICATE, TARGET, AGENT = "mc-web", "tgt-web", "agent-web-1"
CAPABILITY_BITS = {"chown": 0, "dac_override": 1, "fowner": 3, "kill": 5}


class MainLine(Story):
    """One control plane, one host, one nginx."""

    def begin(self, nginx_program=PROGRAM):
        self.control = ControlPlane(self.folder)
        self.keep(self.control.start())
        self.api = self.control.api
        self.nginx = Nginx(self.folder, NAME)
        self.keep(self.nginx.start())
        self.old = tls.served(self.nginx.port, NAME)
        self.options = {"binary": nginx_program, "config": self.nginx.configuration, "prefix": self.nginx.prefix,
                        "validate_timeout_s": 600}
        where = ["-c", self.nginx.configuration, "-p", self.nginx.prefix]
        self.host = Host(self.folder, self.control, "web-1", paths=[os.path.dirname(self.nginx.certificate)],
                         commands=[" ".join([nginx_program, "-t", *where]),
                                   " ".join([nginx_program, "-s", "reload", *where])])
        token = self.api.post("/api/v1/enrollment-tokens", {"name": "story", "agent_id": AGENT}, expect=201)
        self.host.enrol_with(token["token"])
        self.keep(self.host.start_worker())
        self.keep(self.host.start_agent())
        eventually("the agent is enrolled", lambda: self.api.get(f"/api/v1/agents/{AGENT}"))

    def ask_for_a_certificate(self):
        self.api.post("/api/v1/targets", {"id": TARGET, "name": "web", "type": "nginx", "agent_id": AGENT,
                                          "options": self.options}, expect=201)
        self.api.post("/api/v1/certificates", {
            "id": CERTIFICATE, "name": "web", "common_name": NAME, "sans": [NAME], "key_type": "ECDSA_P256",
            "target_ids": [TARGET],
            "binding_options": {"certificate_path": self.nginx.certificate, "key_path": self.nginx.key,
                                "probes": [{"address": f"127.0.0.1:{self.nginx.port}", "server_name": NAME}]},
        }, expect=201)

    def deployments(self):
        return self.api.get(f"/api/v1/certificates/{CERTIFICATE}/deployments")["data"]

    def await_deployment(self):
        def check():
            rows = self.deployments()
            return rows if rows and all(row["status"] in ("Completed", "Failed", "Cancelled") for row in rows) else None
        rows = eventually("the deployment ends", check, 120)
        self.assertEqual([("Completed", True)], [(row["status"], row["verified"]) for row in rows], rows)
        return rows[0]

    def version(self):
        versions = self.api.get(f"/api/v1/certificates/{CERTIFICATE}/versions")["data"]
        self.assertEqual(1, len(versions))
        return versions[0]

    def jobs(self, kind):
        return self.api.get(f"/api/v1/jobs?type={kind}&certificate_id={CERTIFICATE}")["data"]


class AskedFor(MainLine):
    def test_a_certificate_is_issued_deployed_and_served(self):
        self.begin()
        self.assert_rights()
        self.ask_for_a_certificate()
        deployment = self.await_deployment()
        version = self.version()
        self.assert_served(version)
        self.assertEqual(version["fingerprint_sha256"], deployment["served_fingerprint"])
        self.assert_jobs_tell_what_happened()
        self.assert_audit_knows()
        self.assert_key_stayed()
        self.assert_agent_is_seen()
        self.stop_all()

    def assert_rights(self):
        """The agent has none; the worker exactly those of its unit."""
        if os.getuid() != 0:
            return
        bits = sum(1 << CAPABILITY_BITS[name] for name in WORKER_CAPABILITIES)
        self.assertEqual(0, capabilities(self.host.agent.pid, "CapBnd"))
        self.assertEqual(bits, capabilities(self.host.worker.pid, "CapEff"))
        self.assertEqual(bits, capabilities(self.host.worker.pid, "CapBnd"))

    def assert_served(self, version):
        self.assertNotEqual(self.old, version["fingerprint_sha256"])
        self.assertEqual(version["fingerprint_sha256"], tls.served(self.nginx.port, NAME))
        root = tls.certificates(self.api.get("/api/v1/issuers/iss-local")["chain"])[-1]
        tls.verify(self.nginx.port, NAME, root)
        leaf, *chain = tls.served_chain(self.nginx.port, NAME)
        self.assertEqual(version["fingerprint_sha256"], tls.fingerprint(leaf))
        self.assertEqual([tls.fingerprint(pem) for pem in tls.certificates(version["chain"])],
                         [tls.fingerprint(pem) for pem in chain])

    def assert_jobs_tell_what_happened(self):
        issuance, deployment = self.jobs("Issuance"), self.jobs("Deployment")
        self.assertEqual((1, 1), (len(issuance), len(deployment)))
        for row in issuance + deployment:
            self.assertEqual("Completed", row["status"])
            self.assertGreater(row["token"], 0)
            self.assertEqual(1, row["attempts"])
            self.assertTrue(row["started_at"] and row["ended_at"])

    def assert_audit_knows(self):
        rows = self.api.all(f"/api/v1/audit?resource_type=certificate&resource_id={CERTIFICATE}")
        kinds = {row["action"] for row in rows}
        self.assertLessEqual({"certificate_issued", "certificate_deployed"}, kinds)

    def assert_key_stayed(self):
        path = os.path.join(self.host.key_dir, CERTIFICATE + ".key")
        self.assertEqual(0o600, stat.S_IMODE(os.stat(path).st_mode))
        self.assertEqual(0o700, stat.S_IMODE(os.stat(self.host.key_dir).st_mode))
        self.assertEqual([], os.listdir(os.path.join(self.host.key_dir, "staged")))
        with open(path, encoding="ascii") as file:
            pem = file.read()
        with open(self.nginx.key, encoding="ascii") as file:
            self.assertEqual(pem.split(), file.read().split())
        scalar = tls.private_scalar(path)
        needles = {"PEM": pem.splitlines()[2].encode(), "DER": scalar, "hex": scalar.hex().encode()}
        self.assertIn(scalar, base64.b64decode("".join(pem.splitlines()[1:-1])), "the search would find it")
        searched = 0
        for folder in (self.control.folder, self.host.agent_dir):
            searched += self.assert_nowhere_below(folder, needles)
        self.assertGreater(searched, 100)
        self.assert_nowhere_in(self.host.agent.log, needles)
        self.assert_nowhere_in(self.host.worker.log, needles)

    def assert_nowhere_below(self, top, needles):
        count = 0
        for folder, _, names in os.walk(top):
            for name in names:
                path = os.path.join(folder, name)
                if os.path.isfile(path) and not os.path.islink(path):
                    self.assert_nowhere_in(path, needles)
                    count += 1
        return count

    def assert_nowhere_in(self, path, needles):
        try:
            with open(path, "rb") as file:
                content = file.read()
        except FileNotFoundError:  # the database drops files while we look
            return
        for form, needle in needles.items():
            self.assertNotIn(needle, content, f"the private key is in {path} as {form}")

    def assert_agent_is_seen(self):
        agent = self.api.get(f"/api/v1/agents/{AGENT}")
        self.assertEqual("healthy", agent["status"])
        self.assertIn("key.generated", self.host.worker.output())
        self.assertIn("csr.submitted", self.host.agent.output())


class Killed(MainLine):
    def test_agent_and_worker_killed_in_a_deployment_finish_it_when_they_return(self):
        gate = Gate(self.folder)
        self.begin(nginx_program=gate.program)
        self.ask_for_a_certificate()
        gate.await_reached()
        watch = Watch(self.nginx.port, NAME)
        self.host.worker.kill()
        self.host.agent.kill()
        self.assertEqual([], [row for row in self.deployments() if row["status"] == "Completed"])
        # A while without both: nginx goes on.
        eventually("requests are served without them", lambda before=watch.count: watch.count > before + 10)
        gate.open()
        self.keep(self.host.start_worker())
        self.keep(self.host.start_agent())
        self.await_deployment()
        version = self.version()
        self.assertEqual(version["fingerprint_sha256"], tls.served(self.nginx.port, NAME))
        watch.end()
        self.assertLessEqual(set(watch.seen), {self.old, version["fingerprint_sha256"]})
        self.assertEqual([], watch.failures)
        self.assertEqual(1, len(self.jobs("Issuance")), "the crash must not issue twice")
        self.stop_all()

    def test_the_control_plane_killed_in_a_deployment_learns_its_end_when_it_returns(self):
        gate = Gate(self.folder)
        self.begin(nginx_program=gate.program)
        self.ask_for_a_certificate()
        gate.await_reached()
        self.control.process.kill()
        gate.open()
        eventually("the agent deploys and keeps its report", lambda: tls.served(self.nginx.port, NAME) != self.old and
                   os.listdir(os.path.join(self.host.agent_dir, "spool")), 60)
        self.keep(self.control.start())
        self.await_deployment()
        self.assertEqual(self.version()["fingerprint_sha256"], tls.served(self.nginx.port, NAME))
        self.assertEqual(1, len(self.jobs("Issuance")))
        self.stop_all()


def capabilities(pid, which):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1], 16) for line in file if line.startswith(which + ":"))


if __name__ == "__main__":
    unittest.main()
