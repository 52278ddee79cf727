#!/usr/bin/env python3
"""An identity that ends soon is renewed in time, and used."""
import unittest

from base import AgentStory
from lib.processes import eventually


class Identity(AgentStory):
    def test_the_identity_is_renewed_before_its_end(self):
        self.begin(start=False)
        self.control.identity_seconds = 60
        self.start()
        eventually("a renewal came", lambda: self.control.renewals, 120)
        self.assertNotEqual(self.control.enrolments[0]["csr"], self.control.renewals[0]["csr"], "a new key each time")
        before = len(self.control.requests)
        eventually("it is used", lambda: len(self.control.requests) > before + 2, 60)
        self.request_csr("job-1")
        self.stop_all()


if __name__ == "__main__":
    unittest.main()
