#!/usr/bin/env python3
"""./dev demo, break, fix and stop, as they are typed."""
import json
import os
import re
import subprocess
import sys
import unittest

from lib import tls
from lib.invariants import assert_invariants
from lib.processes import eventually
from lib.story import Story

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "demo.py")
LIFETIME_S = "60"


class Demo(Story):
    def type(self, *words):
        environment = {**os.environ, "CERTCTL_DEMO_DIR": os.path.join(self.folder, "demo"), "CERTCTL_DEMO_LIFETIME_S": LIFETIME_S}
        # What it leaves running must not hold our pipe.
        path = os.path.join(self.folder, "typed.out")
        with open(path, "w+", encoding="utf-8") as out:
            done = subprocess.run([sys.executable, "-B", SCRIPT, *words], env=environment, stdout=out, stderr=out, timeout=300,
                                  check=False)
            out.seek(0)
            text = out.read()
        self.assertEqual(0, done.returncode, text)
        return text

    def state(self):
        with open(os.path.join(self.folder, "demo", "demo.json"), encoding="utf-8") as file:
            return json.load(file)

    def assert_no_request_failed(self, text):
        failed, count = re.search(r"(\d+) failed of (\d+) requests", text).groups()
        self.assertEqual("0", failed)
        self.assertGreater(int(count), 0)

    def test_demo_break_fix_and_stop_do_what_they_say(self):
        text = self.type()
        self.assert_no_request_failed(text)
        before, after = (re.search(word + r" +([0-9a-f]{64})\n", text).group(1) for word in ("before", "after"))
        self.assertNotEqual(before, after)
        port = self.state()["port"]
        eventually("it is renewed by itself", lambda: tls.served(port, "web.example.com") not in (before, after), 120)

        text = self.type("break")
        self.assertIn("spoiled_by_demo", text, "nginx's own words")
        self.assert_no_request_failed(text)
        new = re.search(r"new +([0-9a-f]{64})", text).group(1)
        self.assertNotEqual(new, tls.served(port, "web.example.com"))

        self.assertIn("Green again", self.type("fix"))
        assert_invariants(self, os.path.join(self.folder, "demo", "control", "state"))
        self.assertIn("stopped certctld", self.type("stop"))
        self.stop_all()
        self.assertFalse(os.path.exists(os.path.join(self.folder, "demo")))


if __name__ == "__main__":
    unittest.main()
