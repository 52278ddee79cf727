#!/usr/bin/env python3
"""Many certificates on one host: few reloads, no failed handshake, and the right end under kill -9 of everybody."""
import os
import random
import signal
import time
import unittest

from lib import tls
from lib.fleet import ControlPlane, Host
from lib.invariants import ask, assert_invariants
from lib.nginx import Gate, Nginx, PROGRAM
from lib.processes import eventually
from lib.story import GONE, Story
from lib.watch import Watch

COUNT, AGENT = 32, "agent-many"
STORM_S = 8
RELOADS = 8


def children(pid):
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
                found += [int(child) for child in file.read().split()]
    except GONE:  # a thread that has ended; the next look finds its children with another
        pass
    return found


class Many(Story):
    count = COUNT
    is_held = False  # the first check of nginx waits for self.gate

    def setUp(self):
        super().setUp()
        self.control = ControlPlane(self.folder)
        self.keep(self.control.start())
        self.api = self.control.api
        self.names = [f"site{i}.example.com" for i in range(self.count)]
        self.nginx = Nginx(self.folder, "other.example.com", self.names)
        self.keep(self.nginx.start())
        self.gate = Gate(self.folder)
        self.program = self.gate.program if self.is_held else PROGRAM
        where = ["-c", self.nginx.configuration, "-p", self.nginx.prefix]
        self.host = Host(self.folder, self.control, "many", paths=[os.path.dirname(self.nginx.certificate)],
                         commands=[" ".join([self.program, "-t", *where]), " ".join([self.program, "-s", "reload", *where])])
        self.host.enrol_with(self.api.post("/api/v1/enrollment-tokens", {"agent_id": AGENT}, expect=201)["token"])
        self.keep(self.host.start_worker())
        self.keep(self.host.start_agent())
        eventually("the agent is enrolled", lambda: self.api.get(f"/api/v1/agents/{AGENT}")["plugins"])

    def order_all(self):
        self.api.post("/api/v1/targets", {"id": "tgt-many", "name": "many", "type": "nginx", "agent_id": AGENT, "options": {
            "binary": self.program, "config": self.nginx.configuration, "prefix": self.nginx.prefix, "validate_timeout_s": 600}}, expect=201)
        for i, name in enumerate(self.names):
            certificate, key = self.nginx.files(name)
            self.api.post("/api/v1/certificates", {
                "id": f"mc-{i}", "name": name, "sans": [name], "target_ids": ["tgt-many"], "binding_options": {
                    "certificate_path": certificate, "key_path": key,
                    "probes": [{"address": f"127.0.0.1:{self.nginx.port}", "server_name": name}]}}, expect=201)

    def wanted(self):
        """Name -> fingerprint of its newest version, once every one of them is deployed."""
        rows = ask(self.control.state, """SELECT c.name || '|' || v.fingerprint_sha256 || '|' || v.sequence || '|' ||
            (b.deployed_version_id IS NOT DISTINCT FROM v.id)::text
            FROM managed_certificates c JOIN bindings b ON b.certificate_id = c.id
            JOIN placements p ON p.certificate_id = c.id JOIN certificate_versions v ON v.id = p.version_id""").splitlines()
        return [row.split("|") for row in rows]

    def await_all(self, sequence, timeout_s):
        def check():
            rows = self.wanted()
            return len(rows) == self.count and all(int(row[2]) >= sequence and row[3] == "true" for row in rows) and rows
        rows = eventually(f"all have version {sequence}", check, timeout_s, 0.5)
        for name, fingerprint, _, _ in rows:
            self.assertEqual(fingerprint, tls.served(self.nginx.port, name), name)

    def kill_plugin(self):
        """The process of a plugin lives as long as a deployment: wait for one a moment."""
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline:
            for pid in children(self.host.worker.pid):
                try:
                    os.kill(pid, signal.SIGKILL)
                    return 1
                except ProcessLookupError:
                    pass
            time.sleep(0.002)
        return 0

    def storm(self):
        """Kill agent, worker or a plugin's process, and start it again, for a while."""
        killed = {"agent": 0, "worker": 0, "plugin": 0}
        chance = random.Random(4711)
        deadline = time.monotonic() + STORM_S
        while time.monotonic() < deadline:
            time.sleep(chance.uniform(0.1, 0.9))
            what = chance.choice(list(killed))
            if what == "plugin":
                killed[what] += self.kill_plugin()
                continue
            getattr(self.host, what).kill()
            killed[what] += 1
            self.keep(self.host.start_worker() if what == "worker" else self.host.start_agent())
        return killed


class Killed(Many):
    is_held = True

    def test_thirty_certificates_take_few_reloads_and_survive_every_kill(self):
        self.order_all()
        # The first deployments are held until all certificates are there: how many reloads they take is no matter of speed.
        self.gate.await_reached()
        eventually("all are issued", lambda: ask(self.control.state, "SELECT count(*) FROM certificate_versions") == str(COUNT), 120)
        self.gate.open()
        self.await_all(1, 120)
        reloads = self.nginx.reloads()
        self.assertLessEqual(reloads, COUNT // 3, "equal activations run once")
        root = tls.certificates(self.api.get("/api/v1/issuers/iss-local")["chain"])[-1]
        watches = [Watch(self.nginx.port, name, root) for name in self.names[:2]]
        eventually("clients see what is there", lambda: all(watch.seen for watch in watches))
        for i in range(COUNT):
            self.api.post(f"/api/v1/certificates/mc-{i}/renew", None)
        killed = self.storm()
        self.await_all(2, 240)
        eventually("clients see the new ones", lambda: all(len(watch.seen) > 1 for watch in watches))
        for watch in watches:
            watch.end()
        self.assertEqual([], [failure for watch in watches for failure in watch.failures][:5])
        self.assertEqual(str(COUNT * 2), ask(self.control.state, "SELECT count(*) FROM certificate_versions"), "nothing was issued twice")
        self.assert_keys_match()
        print(f"{reloads} reloads for {COUNT} certificates; killed {killed}; {sum(w.count for w in watches)} handshakes, none failed, "
              f"{self.nginx.reloads()} reloads in all")
        assert_invariants(self, self.control.state)
        self.stop_all()

    def assert_keys_match(self):
        """The key in use of every certificate is the one that its server serves with, and none is left over."""
        for i, name in enumerate(self.names):
            with open(os.path.join(self.host.key_dir, f"mc-{i}.key"), encoding="ascii") as file:
                in_use = file.read().split()
            with open(self.nginx.files(name)[1], encoding="ascii") as file:
                self.assertEqual(in_use, file.read().split(), name)
        eventually("staged keys are gone", lambda: not os.listdir(os.path.join(self.host.key_dir, "staged")), 60)
        self.assertEqual([], os.listdir(os.path.join(self.host.folder, "state", "journal")))


class Storm(Many):
    count = 4

    def test_reloads_under_load_cost_no_handshake(self):
        """Deployments again and again, each with a reload, while clients never stop."""
        self.order_all()
        self.await_all(1, 120)
        root = tls.certificates(self.api.get("/api/v1/issuers/iss-local")["chain"])[-1]
        before = self.nginx.reloads()
        watches = [Watch(self.nginx.port, name, root, pause_s=0) for name in self.names[:3]]
        while self.nginx.reloads() - before < RELOADS:
            now = self.nginx.reloads()
            for i in range(4):
                self.api.post(f"/api/v1/certificates/mc-{i}/renew", None)
            eventually("another reload", lambda: self.nginx.reloads() > now, 60, 0.05)
        self.await_all(2, 120)
        eventually("many handshakes", lambda: sum(watch.count for watch in watches) > 200, 120)
        for watch in watches:
            watch.end()
        reloads, handshakes = self.nginx.reloads() - before, sum(watch.count for watch in watches)
        self.assertEqual([], [failure for watch in watches for failure in watch.failures][:5])
        self.assertGreaterEqual(reloads, RELOADS)
        print(f"{handshakes} handshakes over {reloads} reloads, none failed")
        self.stop_all()


if __name__ == "__main__":
    unittest.main()
