#!/usr/bin/env python3
"""kill -9 of certctld and of PostgreSQL under write load, round after round: what was acknowledged is there, once, and in the trail."""
import contextlib
import os
import random
import signal
import subprocess
import time
import unittest

from lib.agent import Agent
from lib.fleet import ControlPlane, program
from lib.invariants import ask, assert_invariants
from lib.processes import eventually
from lib.story import IS_LONG, Story
from writers import Writers

ROUNDS = 8 if IS_LONG else 2
WRITERS = 6
TABLES = {"team": "teams", "owner": "owners", "enrollment_token": "enrollment_tokens", "certificate": "managed_certificates"}


class KillRounds(Story):
    def setUp(self):
        super().setUp()
        os.environ["CERTCTL_HTTP_KEY_RATE"] = "0"
        self.control = ControlPlane(self.folder)
        self.keep(self.control.start())
        agent = Agent(self.folder, self.control, "kill")
        self.assertEqual(201, agent.enrol()[0])
        self.writers = Writers(self.control, agent.id, WRITERS)

    # --- killing

    def kill_server(self):
        self.control.process.kill()
        self.keep(self.control.start())

    def kill_database(self):
        self.control.kill_postgres()

    def kill_backend(self):
        """One of PostgreSQL's own: it ends all the others and starts again from its log."""
        with contextlib.suppress(ProcessLookupError):  # it may be one that ends just now
            os.kill(random.choice(eventually("there are backends", self.backends)), signal.SIGKILL)

    def backends(self):
        postmaster = self.control.postmaster()
        with open(f"/proc/{postmaster}/task/{postmaster}/children", encoding="ascii") as file:
            return [int(pid) for pid in file.read().split() if b"certctl " in self.title(pid)]

    @staticmethod
    def title(pid):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                return file.read()
        except OSError:
            return b""

    def kill_both(self):
        self.control.process.kill()
        self.control.kill_postgres()
        self.keep(self.control.start())

    # --- what must hold

    def rows(self, sql):
        return [line.split("|") for line in ask(self.control.state, sql).splitlines()]

    def assert_everything_is_there_once(self):
        for kind, made in self.writers.made.items():
            gone = self.writers.deleted if kind == "owner" else set()
            there = self.rows(f"SELECT name, id FROM {TABLES[kind]} WHERE name IS NOT NULL")
            names = [name for name, _ in there]
            self.assertEqual(len(names), len(set(names)), f"{kind}: something is there twice")
            expected = {name: made_id for name, made_id in made.items() if made_id not in gone}
            self.assertEqual({}, {name: made_id for name, made_id in expected.items() if dict(there).get(name) != made_id},
                             f"{kind}: acknowledged and not there")
            self.assertEqual(set(), {made_id for _, made_id in there} & gone, f"{kind}: deleted and there")
            events = [row[0] for row in self.rows(f"SELECT resource_id FROM audit_events WHERE action = '{kind}_created'")]
            self.assertEqual(len(events), len(set(events)), f"{kind}: recorded twice")
            self.assertEqual(set(), set(made.values()) - set(events), f"{kind}: acknowledged and not recorded")
        for team, (acknowledged, asked) in self.writers.patched.items():
            kept = int(self.rows(f"SELECT coalesce(description, '0') FROM teams WHERE id = '{team}'")[0][0])
            self.assertTrue(acknowledged <= kept <= asked, f"{team}: {acknowledged} was acknowledged, {kept} is there")

    def assert_trail_verifies(self):
        done = subprocess.run([program("certctld"), "audit", "verify", "--dir", self.control.state], capture_output=True, text=True,
                              timeout=300, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_what_was_acknowledged_survives_every_kill(self):
        kinds = (self.kill_server, self.kill_database, self.kill_backend, self.kill_both)
        counts = {}
        self.writers.start()
        try:
            for number in range(len(kinds) * ROUNDS):
                before = self.writers.acknowledged()
                eventually("writes are acknowledged", lambda before=before: self.writers.acknowledged() > before + 60, 120)
                time.sleep(random.random() / 5)
                kill = kinds[number % len(kinds)]
                kill()
                counts[kill.__name__] = counts.get(kill.__name__, 0) + 1
            before = self.writers.acknowledged()
            eventually("writes go on", lambda: self.writers.acknowledged() > before + 60, 120)
        finally:
            self.writers.end()
        self.assertEqual([], self.writers.wrong[:10])
        self.assert_everything_is_there_once()
        self.assert_trail_verifies()
        assert_invariants(self, self.control.state)
        print(f"{counts}: {self.writers.acknowledged()} writes acknowledged, {self.writers.repeats} requests repeated, "
              f"the slowest took {self.writers.slowest_s:.1f} s")
        self.stop_all()
        self.assert_trail_verifies()


if __name__ == "__main__":
    unittest.main()
