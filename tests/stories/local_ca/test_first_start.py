#!/usr/bin/env python3
"""The first start of local-ca, interrupted and raced: one CA, whole, and the one that was recorded."""
import os
import shutil
import stat
import subprocess
import unittest

from lib.processes import run
from lib.story import Story

# Every call by which the making of a CA changes something.
CALLS = ["openat2", "mkdirat", "write", "fchmod", "fsync", "renameat2", "link", "unlinkat", "unlink", "flock", "close"]


class FirstStart(Story):
    def setUp(self):
        super().setUp()
        build = os.environ["CERTCTL_BUILD"]
        self.program = [os.path.join(build, "bin", "local_ca_open"), os.path.join(build, "plugins", "certctl-issuer-local-ca.so")]

    def new_directory(self, name):
        path = os.path.join(self.folder, name)
        os.mkdir(path, 0o700)
        return path

    def open(self, directory, state):
        return run([*self.program, directory, state]).strip()

    def check_whole(self, directory, state, key):
        with open(state, encoding="ascii") as file:
            self.assertEqual(file.read(), key)
        self.assertEqual(sorted(os.listdir(os.path.join(directory, "ca"))), ["ca.crt", "ca.key"])
        self.assertNotIn("ca.new", os.listdir(directory))
        mode = os.stat(os.path.join(directory, "ca", "ca.key")).st_mode
        self.assertEqual(stat.S_IMODE(mode), 0o600)
        run(["openssl", "verify", "-x509_strict", "-CAfile", os.path.join(directory, "ca", "ca.crt"),
             os.path.join(directory, "ca", "ca.crt")])

    def test_killed_at_every_call_it_leaves_nothing_half(self):
        if not shutil.which("strace"):
            self.skipTest("strace is not installed")
        kills = 0
        # A sanitized build looks for leaks by tracing itself, which the tracer here forbids.
        environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
        for call in CALLS:
            for when in range(1, 40):
                directory, state = self.new_directory(f"{call}-{when}"), os.path.join(self.folder, f"state-{call}-{when}")
                done = subprocess.run(["strace", "-f", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                                       f"inject={call}:signal=KILL:when={when}", *self.program, directory, state],
                                      capture_output=True, text=True, check=False, env=environment)
                if done.returncode == 0:
                    break  # that often it is not called
                self.assertEqual(done.returncode, -9, done.stderr)
                kills += 1
                recorded = None
                if os.path.exists(state):
                    with open(state, encoding="ascii") as file:
                        recorded = file.read()
                key = self.open(directory, state)
                self.check_whole(directory, state, key)
                self.assertIn(recorded, (None, key), f"{call} {when}: what was recorded was lost")
                self.assertEqual(self.open(directory, state), key)
        self.assertGreater(kills, 25)

    def race(self, directories, state):
        children = [subprocess.Popen([*self.program, directory, state], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                    for directory in directories]
        return [(child.communicate(timeout=60), child.returncode) for child in children]

    def test_hosts_on_one_folder_make_one_ca(self):
        directory, state = self.new_directory("shared"), os.path.join(self.folder, "state")
        ends = self.race([directory] * 8, state)
        self.assertEqual([code for _, code in ends], [0] * 8, ends)
        self.assertEqual(len({said for (said, _), _ in ends}), 1)
        self.check_whole(directory, state, ends[0][0][0].strip())

    def test_servers_with_folders_of_their_own_make_one_ca(self):
        directories = [self.new_directory(f"server-{number}") for number in range(8)]
        state = os.path.join(self.folder, "state")
        ends = self.race(directories, state)
        winners = [index for index, (_, code) in enumerate(ends) if code == 0]
        self.assertEqual(len(winners), 1, ends)
        self.check_whole(directories[winners[0]], state, ends[winners[0]][0][0].strip())
        for index, ((_, said), _) in enumerate(ends):
            if index not in winners:
                self.assertIn("conflict: ", said)
                self.assertEqual(os.listdir(directories[index]), ["lock"])
        # With the winner's folder the others serve, too.
        loser = directories[(winners[0] + 1) % 8]
        shutil.copytree(os.path.join(directories[winners[0]], "ca"), os.path.join(loser, "ca"))
        self.assertEqual(self.open(loser, state), ends[winners[0]][0][0].strip())


if __name__ == "__main__":
    unittest.main()
