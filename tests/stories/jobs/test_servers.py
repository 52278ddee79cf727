"""Two certctld on one database: one is killed while it holds some of many jobs, one stopped longer than its leases last."""
import os
import signal
import time
import unittest

from lib.fleet import ControlPlane
from lib.invariants import ask, assert_invariants
from lib.processes import eventually
from lib.story import Story
from lib.swarm import SwarmAgent, order_many

LEASE_S = 5
COUNT = 200


class Servers(Story):
    def setUp(self):
        super().setUp()
        self.one = ControlPlane(os.path.join(self.folder, "one"))
        self.one.environment = {"CERTCTL_JOBS_LEASE_SECONDS": str(LEASE_S)}
        self.keep(self.one.start())
        self.two = self.one.second(os.path.join(self.folder, "two"))
        self.keep(self.two.start())
        self.sql = lambda text: ask(self.one.state, text)
        self.agents = []

    def start_agents(self, count):
        for number in range(count):
            # Each begins with another server.
            controls = [self.one, self.two] if number % 2 else [self.two, self.one]
            agent = SwarmAgent(self.folder, controls, f"s{number}")
            self.assertEqual(201, agent.enrol()[0])
            self.agents.append(agent.start())

    def count(self, where="true"):
        return int(self.sql(f"SELECT count(*) FROM certificate_versions WHERE {where}"))

    def await_all(self, count):
        eventually("all are issued and put in place", lambda: self.count() >= count and self.sql("SELECT count(*) FROM jobs") == "0", 240)
        for agent in self.agents:
            agent.stop()
            self.assertEqual([], agent.refusals)

    def assert_each_once(self, count):
        self.assertEqual(f"{count}|{count}|{count}", self.sql("SELECT count(*), count(DISTINCT certificate_id), count(DISTINCT serial_number) "
                                                              "FROM certificate_versions"))
        self.assertEqual(str(count), self.sql("SELECT count(*) FROM issuance_intents WHERE is_reserving"), "asked for once each")
        assert_invariants(self, self.one.state)

    def test_one_is_killed_in_the_middle_and_nothing_is_lost_or_done_twice(self):
        self.start_agents(4)
        order_many(self.sql, self.agents, COUNT)
        eventually("both have ended some", lambda: self.workers() == "2", every_s=0)
        eventually("it holds jobs", self.stop_with_jobs, every_s=0)
        self.two.process.kill()
        self.await_all(COUNT)
        self.assert_each_once(COUNT)
        self.stop_all()

    def test_one_that_was_stopped_longer_than_its_leases_writes_nothing_when_it_goes_on(self):
        self.start_agents(2)
        order_many(self.sql, self.agents, COUNT)
        held = eventually("it holds jobs", self.stop_with_jobs, every_s=0)
        eventually("the other one takes them up", lambda: self.sql(
            f"SELECT count(*) FROM jobs_ended WHERE id IN ({held}) AND worker <> '{self.worker()}'") == str(held.count(",") + 1), 120)
        self.two.process.signal(signal.SIGCONT)
        self.await_all(COUNT)
        eventually("it found itself fenced", lambda: "event=job.fenced" in self.two.process.output(), 60)
        self.assert_each_once(COUNT)
        self.stop_all()

    def workers(self):
        return self.sql("SELECT count(DISTINCT worker) FROM jobs_ended WHERE type = 'Issuance'")

    def worker(self):
        return self.sql(f"SELECT DISTINCT worker FROM jobs_all WHERE worker LIKE 'server/%/{self.two.process.pid}'")

    def stop_with_jobs(self):
        """Stop the second server while it holds jobs, and no transaction, which would lock their rows; else let it go on and try again."""
        os.kill(self.two.process.pid, signal.SIGSTOP)
        time.sleep(0.1)  # what it sent already arrives
        held = self.sql(f"SELECT string_agg(quote_literal(id), ',') FROM jobs WHERE worker LIKE 'server/%/{self.two.process.pid}'")
        stuck = ask(self.one.state, "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' "
                                    "AND state_change < clock_timestamp() - interval '80 milliseconds'", user="postgres")
        if held and stuck == "0":
            return held
        os.kill(self.two.process.pid, signal.SIGCONT)
        time.sleep(0.01)
        return None


if __name__ == "__main__":
    unittest.main()
