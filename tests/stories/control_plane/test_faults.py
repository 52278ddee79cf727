"""Power cuts: certctld and its PostgreSQL killed under load.  What was acknowledged is there, once; what was not may not be."""
import os
import threading
import time
import unittest

from lib.client import ApiError
from lib.fleet import ControlPlane
from lib.processes import eventually
from lib.story import Story


class Faults(Story):
    def setUp(self):
        super().setUp()
        self.control = ControlPlane(self.folder)
        self.keep(self.control.start())
        self.acknowledged = []
        self.must_stop = threading.Event()

    def write_load(self, number):
        """Create objects one after the other; remember those that were answered with 201."""
        count = 0
        while not self.must_stop.is_set():
            name = f"w{number}-{count}"
            count += 1
            try:
                self.control.api.post("/api/v1/enrollment-tokens", {"name": name}, expect=201)
                self.acknowledged.append(name)
            except (ApiError, OSError):
                time.sleep(0.05)

    def under_load(self, action):
        threads = [threading.Thread(target=self.write_load, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        eventually("some writes", lambda: len(self.acknowledged) > 20, 60)
        action()
        before = len(self.acknowledged)
        eventually("writes again", lambda: len(self.acknowledged) > before + 20, 60)
        self.must_stop.set()
        for thread in threads:
            thread.join()

    def assert_all_recorded(self):
        created = [row["resource_id"] for row in self.control.api.all("/api/v1/audit?type=enrollment_token_created&limit=500")]
        self.assertEqual(len(created), len(set(created)))
        self.assertGreaterEqual(len(created), len(self.acknowledged))

    def test_certctld_killed_under_load_comes_back_with_everything_it_acknowledged(self):
        def kill_and_restart():
            postmaster = self.control.postmaster()
            self.control.process.kill()
            self.keep(self.control.start())
            self.assertEqual(self.control.postmaster(), postmaster, "the live PostgreSQL is adopted")

        self.under_load(kill_and_restart)
        self.assert_all_recorded()
        self.stop_all()

    def test_postgresql_killed_under_load_is_brought_back(self):
        def kill_and_wait():
            dead = self.control.kill_postgres()
            eventually("another postmaster", lambda: self.control.postmaster() != dead, 60)
            eventually("ready again", self.is_ready, 60)
            self.assertEqual(self.control.api.get("/health")["status"], "ok")

        self.under_load(kill_and_wait)
        self.assert_all_recorded()
        self.stop_all()

    def is_ready(self):
        try:
            return self.control.api.get("/ready")["status"] == "ready"
        except ApiError:
            return False

    def test_a_second_certctld_on_the_same_folder_is_refused(self):
        other = ControlPlane(os.path.join(self.folder, "other"))
        other.state = self.control.state
        with self.assertRaises(RuntimeError) as refused:
            other.start()
        self.assertIn("another certctld runs here", str(refused.exception))
        self.assertTrue(self.is_ready())
        self.stop_all()


if __name__ == "__main__":
    unittest.main()
