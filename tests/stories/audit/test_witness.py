#!/usr/bin/env python3
"""Agents are witnesses: who rewrites the trail, its seals and the server's own file cannot make them forget."""
import json
import os
import subprocess
import unittest

from lib.fleet import ControlPlane, Host, program
from lib.invariants import ask
from lib.processes import eventually
from lib.story import Story


class Witness(Story):
    def setUp(self):
        super().setUp()
        self.control = ControlPlane(self.folder)
        self.keep(self.control.start())
        self.host = Host(self.folder, self.control, "web-1", paths=[], commands=[])
        self.host.enrol_with(self.control.api.post("/api/v1/enrollment-tokens", {"agent_id": "agent-web-1"}, expect=201)["token"])
        self.keep(self.host.start_worker())
        self.keep(self.host.start_agent())
        self.file = os.path.join(self.host.agent_dir, "audit-witness.jsonl")

    def verify(self, *arguments, expect=0):
        done = subprocess.run([program("certctld"), "audit", "verify", "--dir", self.control.state, *arguments], capture_output=True,
                              text=True, timeout=300, check=False)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done.stdout

    def kept(self):
        with open(self.file, encoding="ascii") as file:
            return [json.loads(line)["checkpoint"] for line in file]

    def told(self):
        """Its poll is answered at once when there is work."""
        number = self.orders = getattr(self, "orders", 0) + 1
        self.control.api.post("/api/v1/certificates", {"name": f"n{number}", "sans": [f"n{number}.example.com"],
                                                       "agent_ids": ["agent-web-1"]}, expect=201)
        return os.path.exists(self.file) and self.kept()

    def test_an_agent_keeps_what_it_was_told(self):
        eventually("the agent was told a head", self.told, 150, 2)
        heads = self.kept()
        self.assertEqual({"origin", "batch", "size", "head", "time", "key", "signature"}, set(heads[0]))
        self.assertEqual(sorted({head["batch"] for head in heads}), [head["batch"] for head in heads])
        self.verify("--witness", self.file)
        self.assertIn("No such file", subprocess.run([program("certctld"), "audit", "verify", "--dir", self.control.state, "--witness", "/no"],
                                                     capture_output=True, text=True, check=False).stderr)
        last = heads[-1]["batch"]
        self.control.process.kill()
        # Somebody with all of the database and the server's folder takes the end of the trail away, and every trace of it.
        ask(self.control.state, f"""SET session_replication_role = replica;
            DELETE FROM audit_events e USING audit_batches b WHERE b.batch = {last} - 1 AND (e.txid, e.seq) > (b.last_txid, b.last_seq);
            DELETE FROM audit_checkpoints WHERE batch >= {last}; DELETE FROM audit_batches WHERE batch >= {last}""", "postgres")
        own = os.path.join(self.control.state, "audit-checkpoints.jsonl")
        with open(own, encoding="ascii") as file:
            lines = [line for line in file if json.loads(line)["checkpoint"]["batch"] < last]
        with open(own, "w", encoding="ascii") as file:
            file.writelines(lines)
        self.assertIn("as it was sealed", self.verify())
        self.assertIn("its end was cut off", self.verify("--witness", self.file, expect=1))
        self.keep(self.control.start())
        self.stop_all()


if __name__ == "__main__":
    unittest.main()
