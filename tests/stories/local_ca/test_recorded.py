#!/usr/bin/env python3
"""Which CA an issuer is stays so over restarts: certctld signs with no other CA's key, and says which one is missing."""
import os
import shutil
import stat
import unittest

from lib.agent import Agent
from lib.fleet import ControlPlane
from lib.processes import run
from lib.story import Story

OTHER_CA = "is not that of this issuer's CA"


class Recorded(Story):
    def setUp(self):
        super().setUp()
        self.control = ControlPlane(self.folder)
        self.ca = os.path.join(self.control.state, "iss-local", "ca")
        self.kept = os.path.join(self.folder, "kept")
        self.start()
        self.agent = Agent(self.folder, self.control, "a")
        self.assertEqual(self.agent.enrol()[0], 201)
        self.assertEqual(self.agent.issue("before")["status"], "Completed")

    def stop(self):
        self.assertEqual(self.control.process.stop(), 0)

    def start(self):
        self.keep(self.control.start())

    def other_pair(self):
        """A CA with the same names, as somebody would make who has lost the first one."""
        key, certificate = os.path.join(self.ca, "ca.key"), os.path.join(self.ca, "ca.crt")
        subject = run(["openssl", "x509", "-noout", "-subject", "-nameopt", "compat", "-in", certificate])
        run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out",
             certificate, "-subj", subject.strip().removeprefix("subject="), "-days", "3000", "-addext",
             "keyUsage=critical,keyCertSign,cRLSign", "-addext", "basicConstraints=critical,CA:TRUE,pathlen:0"])
        os.chmod(key, 0o600)

    def test_another_key_signs_nothing_until_the_recorded_one_is_back(self):
        chain = self.control.api.get("/api/v1/issuers/iss-local")["chain"]
        self.stop()
        shutil.copytree(self.ca, self.kept)
        self.other_pair()

        self.start()
        refused = self.agent.issue("meanwhile")
        self.assertEqual(refused["status"], "Failed")
        self.assertIn(OTHER_CA, refused["error"]["what"])
        self.assertIn("recorded CA", refused["error"]["hint"])
        self.assertEqual(self.control.api.all("/api/v1/certificates/mc-meanwhile/versions"), [])
        self.assertIsNone(self.control.api.get("/api/v1/issuers/iss-local")["chain"])
        self.stop()
        shutil.rmtree(self.ca)
        shutil.copytree(self.kept, self.ca)

        self.start()
        self.assertEqual(self.control.api.get("/api/v1/issuers/iss-local")["chain"], chain)
        self.assertEqual(self.agent.issue("after")["status"], "Completed")
        self.stop_all()

    def test_an_empty_folder_does_not_become_a_new_ca(self):
        self.stop()
        os.rename(self.ca, self.kept)
        self.start()
        self.assertEqual(self.agent.issue("meanwhile")["status"], "Failed")
        self.assertFalse(os.path.exists(os.path.join(self.ca, "ca.key")))
        self.stop_all()

    def test_the_fleets_own_ca_is_recorded_too(self):
        fleet_ca = os.path.join(self.control.state, "fleet-ca", "ca")
        self.stop()
        os.rename(fleet_ca, self.kept)
        with self.assertRaisesRegex(RuntimeError, "the CA of this issuer .* is not in "):
            self.control.start()
        self.assertFalse(os.path.exists(fleet_ca))
        os.rename(self.kept, fleet_ca)
        self.start()
        self.assertEqual(self.agent.issue("after")["status"], "Completed")
        self.stop_all()

    def test_the_key_of_secrets_is_rotated_and_missed_when_it_is_gone(self):
        path = os.path.join(self.control.state, "sealing.key")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        with open(path, encoding="ascii") as file:
            first = file.read().strip()
        self.stop()
        second = os.urandom(32).hex()
        self.write_keys(path, second, first)

        self.start()
        self.assertIn("sealing.resealed", self.control.process.output())
        self.stop()
        # Everything is under the second key now, so the first one may go.
        self.write_keys(path, second)
        self.start()
        self.assertEqual(self.agent.issue("rotated")["status"], "Completed")
        self.stop()
        # A server that cannot read which CA it is does not start as a new one: the fleet's own is asked first.
        self.write_keys(path, first)
        with self.assertRaisesRegex(RuntimeError, "sealed with key [0-9a-f]{16}, which is not in"):
            self.control.start()
        self.write_keys(path, second)
        self.start()
        self.assertEqual(self.agent.issue("again")["status"], "Completed")
        self.stop_all()

    @staticmethod
    def write_keys(path, *keys):
        with open(path, "w", encoding="ascii") as file:
            file.write("".join(key + "\n" for key in keys))


if __name__ == "__main__":
    unittest.main()
