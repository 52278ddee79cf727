#!/usr/bin/env python3
"""What happens to hosts: two with one certificate, one that fails beside others, one that slept, a full disk, damaged files."""
import os
import shutil
import signal
import subprocess
import unittest

from lib import tls
from lib.agent import Agent
from lib.fleet import ControlPlane, Host
from lib.invariants import ask, assert_invariants
from lib.nginx import Gate, Nginx, PROGRAM
from lib.processes import eventually
from lib.story import Story

NAME = "web.example.com"


class Hosts(Story):
    def setUp(self):
        super().setUp()
        self.control = ControlPlane(self.folder)

    def begin(self):
        self.keep(self.control.start())
        self.api = self.control.api

    def host(self, name, folder=None, nginx_program=PROGRAM, start=True):
        """A host with an nginx beside it, enrolled as agent-<name>, with a target tgt-<name>."""
        folder = folder or self.folder
        host = Host(folder, self.control, name, paths=[], commands=[])
        host.nginx = Nginx(host.folder, NAME)
        self.keep(host.nginx.start())
        where = ["-c", host.nginx.configuration, "-p", host.nginx.prefix]
        host.change("worker.yaml", paths=[os.path.dirname(host.nginx.certificate)],
                    commands=[" ".join([nginx_program, "-t", *where]), " ".join([nginx_program, "-s", "reload", *where])])
        host.enrol_with(self.token(name))
        if start:
            self.start(host)
        self.await_enrolled(name) if start else None
        host.options = {"binary": nginx_program, "config": host.nginx.configuration, "prefix": host.nginx.prefix}
        return host

    def token(self, name):
        return self.api.post("/api/v1/enrollment-tokens", {"agent_id": "agent-" + name}, expect=201)["token"]

    def start(self, host):
        self.keep(host.start_worker())
        self.keep(host.start_agent())

    def await_enrolled(self, name):
        eventually("the agent is enrolled", lambda: self.api.get(f"/api/v1/agents/agent-{name}")["plugins"])

    def target(self, host, **more):
        self.api.post("/api/v1/targets", {"id": "tgt-" + host.name, "name": host.name, "type": "nginx", "agent_id": "agent-" + host.name,
                                          "options": {**host.options, **more}}, expect=201)

    def order(self, hosts, identifier="mc-web"):
        """All hosts have the same paths below folders of their own: the binding's options name those of the first."""
        one = hosts[0].nginx
        self.api.post("/api/v1/certificates", {
            "id": identifier, "name": identifier, "sans": [NAME], "target_ids": ["tgt-" + host.name for host in hosts],
            "binding_options": {"certificate_path": one.certificate, "key_path": one.key,
                                "probes": [{"address": f"127.0.0.1:{one.port}", "server_name": NAME}]}}, expect=201)

    def served(self, host):
        return tls.served(host.nginx.port, NAME)

    def jobs(self, state, identifier="mc-web"):
        return [row for row in self.api.get(f"/api/v1/deployments?certificate_id={identifier}")["data"] if row["status"] == state]

    def await_version(self, count=1, identifier="mc-web"):
        def check():
            rows = self.api.get(f"/api/v1/certificates/{identifier}/versions")["data"]
            bindings = self.api.get(f"/api/v1/certificates/{identifier}/bindings")["data"]
            return rows if len(rows) == count and all(b["deployed_version_id"] == b["desired_version_id"] for b in bindings) else None
        return eventually(f"version {count} is deployed", check, 90)


class Two(Hosts):
    def test_each_agent_of_a_certificate_has_a_key_of_its_own(self):
        self.begin()
        one, two = self.host("one"), self.host("two")
        for host in (one, two):
            self.target(host)
        self.order([one])
        self.await_version()
        # The second joins later, with options of its own.
        ask(self.control.state, f"""INSERT INTO placements (certificate_id, agent_id, renew_at) VALUES ('mc-web', 'agent-two', now());
            INSERT INTO bindings (certificate_id, target_id, agent_id, options) VALUES ('mc-web', 'tgt-two', 'agent-two',
            '{{"certificate_path": "{two.nginx.certificate}", "key_path": "{two.nginx.key}",
               "probes": [{{"address": "127.0.0.1:{two.nginx.port}", "server_name": "{NAME}"}}]}}')""")
        versions = self.await_version(2)
        self.assertEqual({self.served(one), self.served(two)}, {row["fingerprint_sha256"] for row in versions})
        self.assertEqual("2", ask(self.control.state, "SELECT count(DISTINCT public_key_sha256) FROM certificate_versions"))
        with open(one.nginx.key, encoding="ascii") as first, open(two.nginx.key, encoding="ascii") as second:
            self.assertNotEqual(first.read(), second.read())
        assert_invariants(self, self.control.state)
        self.stop_all()

    def test_a_target_that_fails_keeps_nobody_else_from_the_new_certificate(self):
        self.begin()
        good, bad = self.host("good"), self.host("bad")
        for host in (good, bad):
            self.target(host)
        with open(bad.nginx.configuration, "a", encoding="utf-8") as file:
            file.write("nonsense;\n")
        old = self.served(bad)
        self.order([good])
        self.order([bad], "mc-bad")
        self.await_version()
        eventually("the bad one has failed", lambda: self.jobs("Failed", "mc-bad"), 60)
        self.assertIn("nonsense", str(self.jobs("Failed", "mc-bad")[0]))
        self.assertEqual(old, self.served(bad), "it goes on with what it had")
        self.assertEqual(self.api.get("/api/v1/certificates/mc-web/versions")["data"][0]["fingerprint_sha256"], self.served(good))
        self.stop_all()


class Slept(Hosts):
    def test_an_agent_that_slept_over_its_lease_is_fenced(self):
        os.environ["CERTCTL_JOBS_LEASE_SECONDS"] = "10"
        self.addCleanup(os.environ.pop, "CERTCTL_JOBS_LEASE_SECONDS")
        self.begin()
        gate = Gate(self.folder)
        host = self.host("web", nginx_program=gate.program)
        self.target(host, validate_timeout_s=600)
        self.order([host])
        gate.await_reached()
        host.agent.signal(signal.SIGSTOP)
        gate.open()
        # The same identity, on a host that was restored from a snapshot: it gets the job when the lease is over.
        twin = Agent.__new__(Agent)
        twin.control, twin.id = self.control, "agent-web"
        twin.certificate = twin.key = os.path.join(self.folder, "twin.pem")
        shutil.copy(os.path.join(host.agent_dir, "identity.pem"), twin.key)
        eventually("its lease is over", lambda: ask(
            self.control.state, "SELECT lease_until < now() FROM jobs WHERE type = 'Deployment'") == "t", 60)
        job = eventually("the twin gets its job", lambda: [job for job in (twin.work(5)[1] or {"jobs": []})["jobs"] if job["step"] == "deploy"])[0]
        self.assertEqual(2, self.api.get("/api/v1/jobs/" + job["id"])["claims"])
        host.agent.signal(signal.SIGCONT)
        eventually("its report is refused", lambda: "fenced" in host.agent.output(), 60)
        report = {"token": job["token"], "state": "Completed", "report": {
            "outcome": "unchanged", "verified": True, "served_fingerprint": job["version"]["fingerprint_sha256"], "steps": []}}
        self.assertEqual(200, twin.ask("POST", f"/api/v1/agents/agent-web/jobs/{job['id']}/status", report)[0])
        version = self.await_version()[0]
        self.assertEqual(version["fingerprint_sha256"], self.served(host))
        self.assertEqual(1, len(self.jobs("Completed")))
        assert_invariants(self, self.control.state)
        self.stop_all()


class FullDisk(Hosts):
    def test_a_full_disk_leaves_nothing_half_written_and_is_recovered_from(self):
        place = os.path.join(self.folder, "disk")
        os.mkdir(place)
        if os.getuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m,mode=755", "tmpfs", place], check=False).returncode:
            self.skipTest("needs root to mount a small disk")
        self.addCleanup(subprocess.run, ["umount", "-l", place], check=False)
        self.begin()
        host = self.host("web", folder=place)
        self.target(host)
        self.order([host])
        self.await_version()
        before, key = self.served(host), os.path.join(host.key_dir, "mc-web.key")
        with open(key, "rb") as file:
            in_use = file.read()
        filler = os.path.join(place, "filler")
        with open(filler, "wb", buffering=0) as file:
            try:
                while file.write(b"\0" * 65536) == 65536:
                    pass
            except OSError:
                pass
        self.api.post("/api/v1/certificates/mc-web/renew", None)
        agent = eventually("operators see it", lambda: (lambda row: row if row["status"] == "error" else None)(
            self.api.get("/api/v1/agents/agent-web")), 60)
        self.assertIn("No space left", agent["problem"])
        self.assertEqual(before, self.served(host))
        with open(key, "rb") as file:
            self.assertEqual(in_use, file.read())
        staged = os.path.join(host.key_dir, "staged")
        self.assertEqual([], [name for name in os.listdir(staged) if os.path.getsize(os.path.join(staged, name)) == 0])
        os.unlink(filler)
        newest = max(self.await_version(2), key=lambda row: row["id"])
        self.assertEqual(newest["fingerprint_sha256"], self.served(host))
        eventually("nothing is wrong any more", lambda: self.api.get("/api/v1/agents/agent-web")["status"] == "healthy", 60)
        assert_invariants(self, self.control.state)
        self.stop_all()


class Damaged(Hosts):
    def test_damaged_files_of_both_halves_are_put_aside_and_made_anew(self):
        self.begin()
        host = self.host("web")
        self.target(host)
        self.order([host])
        before = self.await_version()[0]
        self.assertEqual((0, 0), (host.agent.stop(), host.worker.stop()))
        state = os.path.join(host.folder, "state")
        broken = [os.path.join(host.agent_dir, name) for name in ("identity.pem", "contact.json", "server.json")]
        broken += [os.path.join(state, "bindings", name) for name in os.listdir(os.path.join(state, "bindings"))]
        broken += [os.path.join(host.key_dir, "mc-web.key")]
        for path in broken:
            with open(path, "r+b") as file:
                file.truncate(9)
        for path in (os.path.join(host.agent_dir, "spool", "job-1.json"), os.path.join(state, "journal", "job-1.swapping")):
            with open(path, "w", encoding="ascii") as file:
                file.write("{\"half\": ")
            if path.startswith(host.agent_dir):
                shutil.chown(path, os.stat(host.agent_dir).st_uid)
        # An identity cannot be made up: the operator gives a token for the same agent.
        host.enrol_with(self.token("web"))
        self.start(host)
        eventually("it is back", lambda: "agent.ready" in host.agent.output().partition("identity.quarantined")[2], 60)
        self.assertEqual(before["fingerprint_sha256"], self.served(host), "nobody noticed")
        self.api.post("/api/v1/certificates/mc-web/renew", None)
        newest = max(self.await_version(2), key=lambda row: row["id"])
        self.assertEqual(newest["fingerprint_sha256"], self.served(host))
        for words in ("identity.quarantined", "report.quarantined"):
            self.assertIn(words, host.agent.output())
        self.assertIn("quarantined", host.worker.output())
        with open(os.path.join(host.key_dir, "mc-web.key"), encoding="ascii") as key, open(host.nginx.key, encoding="ascii") as served:
            self.assertEqual(key.read().split(), served.read().split())
        assert_invariants(self, self.control.state)
        self.stop_all()


if __name__ == "__main__":
    unittest.main()
