#!/usr/bin/env python3
"""The database goes away, or hangs, and comes back: changes are refused soon, nothing hangs, work goes on by itself."""
import http.client
import json
import os
import ssl
import threading
import time
import unittest
from urllib.parse import urlsplit

from database import Database
from lib.fleet import ControlPlane
from lib.processes import eventually
from lib.story import Story

CLIENTS = 12


class DatabaseGone(Story):
    def setUp(self):
        super().setUp()
        self.database = Database(self.folder)
        self.keep(self.database.process)
        os.environ["CERTCTL_DATABASE_URL"] = self.database.url
        self.addCleanup(os.environ.pop, "CERTCTL_DATABASE_URL", None)
        self.control = ControlPlane(self.folder)
        self.keep(self.control.start())
        self.answers, self.count, self.lock = [], 0, threading.Lock()

    def ask(self, method, path, body=None, timeout=60):
        """Status, seconds, body."""
        where, began = urlsplit(self.control.url), time.monotonic()
        connection = http.client.HTTPSConnection(where.hostname, where.port, timeout=timeout,
                                                 context=ssl.create_default_context(cafile=self.control.ca_file))
        try:
            connection.request(method, path, json.dumps(body) if body else None,
                               {"Authorization": f"Bearer {self.control.api._key}", "Content-Type": "application/json"})
            reply = connection.getresponse()
            raw = reply.read()
        finally:
            connection.close()
        return reply.status, time.monotonic() - began, json.loads(raw) if raw else None

    def write(self):
        with self.lock:
            self.count += 1
            number = self.count
        return self.ask("POST", "/api/v1/teams", {"id": f"t-{number}", "name": f"team {number}"})

    def writes_for(self, seconds):
        """From many clients at once, over and over: their answers."""
        answers, until = [], time.monotonic() + seconds

        def work():
            while time.monotonic() < until:
                try:
                    answers.append(self.write())
                except OSError as error:  # a time limit of ours among them: no answer is none that was promised
                    answers.append((repr(error), 0, None))
                time.sleep(0.02)
        threads = [threading.Thread(target=work) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers

    def assert_refused_soon(self, answers):
        """Within 2 s, as clients see it on a machine that has little else to do; no single one is kept until something gives up."""
        self.assertGreater(len(answers), CLIENTS - 1)
        for status, _, problem in answers:
            self.assertEqual((status, problem["code"]), (503, "unavailable"), problem)
        took = sorted(seconds for _, seconds, _ in answers)
        self.assertLess(took[len(took) // 2], 2 + 1)
        self.assertLess(took[-1], 20)
        print(f"{len(took)} changes refused while the database was gone: in the middle after {took[len(took) // 2]:.2f} s, the last after {took[-1]:.2f} s")

    def assert_health_says_so(self):
        status, _, about = self.ask("GET", "/health")
        self.assertEqual((status, about["status"]), (200, "ok"))
        status, _, about = self.ask("GET", "/ready")
        self.assertEqual((status, about["database"]), (503, "unavailable"))

    def assert_back(self):
        """By itself, and soon: 10 s are promised, a machine with much else to do has three times as long."""
        began = time.monotonic()
        eventually("changes are taken again", lambda: self.write()[0] == 201, 30, 0.05)
        print(f"changes were taken again after {time.monotonic() - began:.1f} s")
        eventually("ready", lambda: self.ask("GET", "/ready")[0] == 200, 60)

    def assert_all_there(self, answers):
        """As many as were acknowledged: what was refused is not there."""
        taken = sum(1 for status, _, _ in answers if status == 201)
        self.assertLessEqual(taken, int(self.database.ask("SELECT count(*) FROM teams")))
        self.assertEqual(self.database.ask("SELECT count(*) FROM teams"),
                         self.database.ask("SELECT count(*) FROM audit_events WHERE action = 'team_created'"))

    def test_a_database_that_is_gone(self):
        before = self.writes_for(1)
        self.assertEqual({201}, {status for status, _, _ in before})
        self.database.end()
        eventually("it is known", lambda: self.ask("GET", "/ready")[0] == 503)
        self.assert_refused_soon(self.writes_for(6))
        self.assert_health_says_so()
        self.keep(self.database.start())
        self.assert_back()
        self.assert_all_there(before)
        self.assertTrue(self.control.process.is_running())
        self.control.process.stop()

    def test_a_database_that_hangs(self):
        before = self.writes_for(1)
        self.database.freeze()
        try:
            answers = self.writes_for(14)  # each gives up after 60 s: an answer is an answer of the server
            self.assertEqual(200, self.ask("GET", "/health")[0])
            self.assertEqual({503}, {status for status, _, _ in answers})
        finally:
            self.database.thaw()
        self.assert_back()
        self.assert_all_there(before)
        self.control.process.stop()


if __name__ == "__main__":
    unittest.main()
