"""Two certctld on one database: one is killed in the middle of 200 jobs, one stopped longer than its leases last."""
import os
import shutil
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
        self.two = self.add_server("two")
        self.sql = lambda text: ask(self.one.state, text)
        self.agents = []

    def add_server(self, name):
        """Another one on the database of the first, with the files that all servers of an installation share."""
        server = ControlPlane(os.path.join(self.folder, name))
        os.makedirs(server.state)
        os.chmod(os.path.dirname(server.folder), 0o711)
        for shared in ("fleet-ca", "iss-local", "connectors.d"):
            shutil.copytree(os.path.join(self.one.state, shared), os.path.join(server.state, shared))
        for shared in ("sealing.key", "admin.key", "audit.key"):
            if os.path.exists(os.path.join(self.one.state, shared)):
                shutil.copy(os.path.join(self.one.state, shared), server.state)
        with open(os.path.join(self.one.state, "postgres", "postmaster.pid"), encoding="utf-8") as file:
            socket = file.read().splitlines()[4]
        server.environment = {**self.one.environment, "CERTCTL_DATABASE_URL": f"host={socket} user=certctl dbname=certctl",
                              "CERTCTL_DATABASE_MIGRATION_URL": f"host={socket} user=certctl_owner dbname=certctl"}
        self.keep(server.start())
        return server

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
        eventually("all are issued and put in place", lambda: self.count() >= count and self.sql("SELECT count(*) FROM jobs") == "0", 90)
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
        eventually("both work", lambda: self.count() > COUNT // 5, 60)
        self.assertLess(self.count(), COUNT, "too late for a kill: there is nothing to see")
        self.two.process.kill()
        self.await_all(COUNT)
        workers = self.sql("SELECT count(DISTINCT worker) FROM jobs_ended WHERE type = 'Issuance'")
        self.assertEqual("2", workers, "both had a share")
        self.assert_each_once(COUNT)
        self.stop_all()

    def test_one_that_was_stopped_longer_than_its_leases_writes_nothing_when_it_goes_on(self):
        self.start_agents(2)
        order_many(self.sql, self.agents, COUNT)
        held = eventually("it holds jobs", self.stop_with_jobs, 60, every_s=0)
        eventually("the other one takes them up", lambda: self.sql(
            f"SELECT count(*) FROM jobs_ended WHERE id IN ({held}) AND worker <> '{self.worker()}'") == str(held.count(",") + 1), 60)
        self.two.process.signal(signal.SIGCONT)
        self.await_all(COUNT)
        eventually("it found itself fenced", lambda: "event=job.fenced" in self.two.process.output(), 30)
        self.assert_each_once(COUNT)
        self.stop_all()

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
