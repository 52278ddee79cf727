#!/usr/bin/env python3
"""Somebody else reloads nginx all the time, clients connect all the time, certificates change all the time."""
import collections
import ssl
import threading
import time
import unittest

from stage import Stage, eventually, read

SWAPS = 12
CLIENTS = 3


class Foreign(unittest.TestCase):
    def swap_under_fire(self, snippet):
        """Nobody's handshake fails, and every certificate seen is whole and one of those deployed."""
        with Stage(snippet=snippet) as stage:
            before = len(read(stage.prefix + "/error.log"))
            ended = threading.Event()
            seen, failures = collections.Counter(), []

            def connect():
                while not ended.is_set():
                    try:  # the handshake proves that the server's key belongs to the certificate it sent
                        seen[stage.site.served()] += 1
                    except (OSError, ssl.SSLError) as error:
                        failures.append(repr(error))

            def reload():
                while not ended.wait(0.02):
                    stage.reload()

            threads = [threading.Thread(target=connect) for _ in range(CLIENTS)] + [threading.Thread(target=reload)]
            for thread in threads:
                thread.start()
            try:
                known = {stage.site.first["fingerprint"]}
                for _ in range(SWAPS):
                    pair = stage.authority.issue(stage.site.name)
                    known.add(pair["fingerprint"])
                    [report] = stage.deploy(stage.deployment(pair))
                    self.assertEqual(report["outcome"], "completed", report)
                    self.assertEqual(stage.site.on_disk(), pair["fingerprint"])
                eventually("clients see the last one", lambda: pair["fingerprint"] in seen or failures)
                eventually("handshakes enough", lambda: sum(seen.values()) > SWAPS or failures)
            finally:
                ended.set()
                for thread in threads:
                    thread.join()
            self.assertEqual(failures, [])
            self.assertLessEqual(set(seen), known)
            eventually("the last one stays", lambda: stage.site.served() == pair["fingerprint"])
            return read(stage.prefix + "/error.log")[before:].splitlines()

    def test_two_files(self):
        # nginx may open the certificate before the swap and the key after it: it refuses that reload and goes on as it was.
        self.swap_under_fire(snippet=False)

    def test_a_snippet(self):
        # Certificate and key are named by one file, so not even one reload is refused.
        log = self.swap_under_fire(snippet=True)
        self.assertEqual([], [line for line in log if "[emerg]" in line or "mismatch" in line])


class ReadBetweenSwaps(unittest.TestCase):
    def test_what_a_snippet_names_always_belongs_together(self):
        """A reader as slow as can be: it reads the snippet, waits through swaps, then opens the two files."""
        with Stage(snippet=True) as stage:
            stage.deploy(stage.deployment(stage.authority.issue(stage.site.name)))
            certificate, key = [line.split('"')[1] for line in read(stage.site.snippet).splitlines() if '"' in line]
            for _ in range(2):
                stage.deploy(stage.deployment(stage.authority.issue(stage.site.name)))
                time.sleep(0.01)
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
            self.assertNotEqual(read(certificate), read(stage.site.certificate))


if __name__ == "__main__":
    unittest.main(verbosity=2)
