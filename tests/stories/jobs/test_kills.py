"""Jobs in flight while certctld, its plugin host and PostgreSQL are killed at random: none is lost, no CA is asked twice for one job.

Short in the normal run.  Long, by `./dev faults`: 2,000 certificates a round, several rounds."""
import os
import random
import signal
import sys
import time
import unittest

from lib.fleet import ControlPlane
from lib.invariants import ask, assert_invariants
from lib.processes import eventually
from lib.story import GONE, IS_LONG, Story, children, command_line, is_dead
from lib.swarm import SwarmAgent, order_many

COUNT, ROUNDS, AGENTS = (2000, 3, 8) if IS_LONG else (300, 1, 4)
LEASE_S = 5


class Kills(Story):
    def setUp(self):
        super().setUp()
        self.control = ControlPlane(self.folder)
        self.control.environment = {"CERTCTL_JOBS_LEASE_SECONDS": str(LEASE_S)}
        self.keep(self.control.start())
        self.kills = {"certctld": 0, "certctl-plugin-host": 0, "postgres": 0}
        self.seed = random.randrange(1 << 32)
        self.random = random.Random(self.seed)

    def sql(self, text):
        return ask(self.control.state, text)

    def kill_server(self):
        self.control.process.kill()
        self.keep(self.control.start())

    def kill_plugin_host(self):
        """The one of iss-local, which is asked for certificates: any of them will do, they are all started anew."""
        hosts = [pid for pid in self.descendants(self.control.process.pid) if "certctl-plugin-host" in command_line(pid)]
        if not hosts:
            return False
        try:
            os.kill(self.random.choice(hosts), signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def descendants(self, pid):
        found = []
        try:
            tasks = os.listdir(f"/proc/{pid}/task")
        except GONE:
            return found
        for task in tasks:
            try:
                with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
                    for child in file.read().split():
                        found += [int(child)] + self.descendants(int(child))
            except GONE:
                pass
        return found

    def kill_postgres(self):
        try:
            if is_dead(self.control.postmaster()):
                return False
            self.control.kill_postgres()
            return True
        except (OSError, ValueError, IndexError):  # it is being started again
            return False

    def kill_one(self):
        victim = self.random.choice(list(self.kills))
        did = {"certctld": self.kill_server, "certctl-plugin-host": self.kill_plugin_host, "postgres": self.kill_postgres}[victim]()
        self.kills[victim] += did is not False

    def numbers(self):
        """Certificates without a version, live jobs; None while the database is away."""
        try:
            return [int(n) for n in self.sql("SELECT (SELECT count(*) FROM placements WHERE version_id IS NULL), count(*) FROM jobs").split("|")]
        except (AssertionError, OSError, IndexError):
            return None

    def run_round(self, number):
        order_many(self.sql, self.agents, COUNT, prefix=f"mc-r{number}-")
        before = sum(self.kills.values())
        deadline = time.monotonic() + (1800 if IS_LONG else 400)
        while time.monotonic() < deadline:
            left = self.numbers()
            if left == [0, 0]:
                break
            # A pause in which work is done, and nothing once there is none left to be disturbed.
            time.sleep(self.random.uniform(0.5, 3))
            if left is None or left[0] > COUNT // 10:
                self.kill_one()
            elif sum(self.kills.values()) == before:
                self.kill_one()
            else:
                self.hasten()
        self.assertEqual([0, 0], eventually("the numbers", self.numbers), f"seed {self.seed}: lost in round {number}")

    def hasten(self):
        """What failed is tried again by itself, later than a story waits for."""
        try:
            self.sql("UPDATE placements SET renew_at = now() WHERE version_id IS NULL; UPDATE jobs SET run_at = now() WHERE run_at > now()")
        except (AssertionError, OSError):
            pass

    def test_nothing_is_lost_and_nothing_is_done_twice(self):
        self.agents = []
        for number in range(AGENTS):
            agent = SwarmAgent(self.folder, [self.control], f"s{number}")
            self.assertEqual(201, agent.enrol()[0])
            self.agents.append(agent.start())
        for number in range(ROUNDS):
            self.run_round(number)
        for agent in self.agents:
            agent.stop()
            self.assertEqual([], agent.refusals)
        total = COUNT * ROUNDS
        self.assertEqual(f"{total}|{total}|{total}", self.sql("SELECT count(*), count(DISTINCT certificate_id), count(DISTINCT serial_number) "
                                                              "FROM certificate_versions"), f"seed {self.seed}")
        # The CA signs what its order says, serial and dates, again and again the same: a second serial would be a second certificate.
        self.assertEqual("0", self.sql("SELECT count(*) FROM (SELECT job_id FROM issuance_intents GROUP BY job_id "
                                       "HAVING count(DISTINCT serial_number) > 1) AS twice"), f"seed {self.seed}")
        lost = int(self.sql("SELECT count(*) FROM issuance_intents WHERE is_reserving") or 0) - total
        quarantined = int(self.sql("SELECT count(*) FROM jobs_ended WHERE hold_reason = 'quarantined'"))
        self.assertLessEqual(lost, quarantined, "given up with an alarm, or not at all")
        assert_invariants(self, self.control.state)
        print(f"\n{total} certificates, killed: {self.kills}, quarantined: {quarantined}, seed {self.seed}", file=sys.stderr)
        self.stop_all()
        self.assertEqual([], children())


if __name__ == "__main__":
    unittest.main()
