"""Idempotency-Key: whatever is asked again, by twins or after a crash, is done once and answered the same."""
import http.client
import threading
import time
import unittest

from lib.fleet import ControlPlane
from lib.processes import eventually
from lib.story import Story

TOKENS = "/api/v1/enrollment-tokens"
KEYS = "/api/v1/api-keys"


class Idempotency(Story):
    def setUp(self):
        super().setUp()
        self.control = ControlPlane(self.folder)
        self.keep(self.control.start())
        self.api = self.control.api

    def post(self, key, path=TOKENS, body=None, api=None):
        return (api or self.api).exchange("POST", path, {"name": "one"} if body is None else body, {"Idempotency-Key": key})

    def recorded(self):
        return len(self.api.all("/api/v1/audit?type=enrollment_token_created&limit=500"))

    def created(self):
        """Tokens since the part began."""
        return self.recorded() - self.before

    def test_what_is_asked_again_is_done_once(self):
        for part in (self.the_same_request_is_answered_as_the_first_time, self.resources_are_made_once_too,
                     self.a_key_belongs_to_one_request_of_one_caller, self.twins_wait_for_each_other):
            with self.subTest(part.__name__):
                self.before = self.recorded()
                part()
        self.stop_all()

    def the_same_request_is_answered_as_the_first_time(self):
        status, headers, first = self.post("a-1")
        self.assertEqual((status, headers["Idempotency-Replayed"]), (201, None))
        self.assertRegex(first["token"], "^et-")
        status, headers, again = self.post("a-1")
        self.assertEqual((status, headers["Idempotency-Replayed"]), (201, "true"))
        self.assertEqual((again["id"], again["expires_at"]), (first["id"], first["expires_at"]))
        # What was a secret then is not told twice.
        self.assertEqual((again["token"], again["omitted"]), (None, ["token"]))
        self.assertEqual(self.created(), 1)

        status, headers, made = self.post("a-2", KEYS, {"name": "ci", "role": "viewer"})
        self.assertEqual(status, 201)
        status, again_headers, again = self.post("a-2", KEYS, {"name": "ci", "role": "viewer"})
        self.assertEqual((status, again_headers["Location"], again["id"]), (201, headers["Location"], made["id"]))
        self.assertEqual((again["key"], again["omitted"]), (None, ["key"]))
        self.assertEqual(self.api.with_key(made["key"]).exchange("GET", "/api/v1/auth/check")[0], 200)

        # Rotated once, though it was asked for twice: the text of the first reply is the key.
        status, _, rotated = self.post("a-3", f"{KEYS}/{made['id']}/rotate", {})
        self.assertEqual((status, self.post("a-3", f"{KEYS}/{made['id']}/rotate", {})[0]), (200, 200))
        self.assertEqual(self.api.with_key(rotated["key"]).exchange("GET", "/api/v1/auth/check")[0], 200)
        self.assertEqual(self.api.with_key(made["key"]).exchange("GET", "/api/v1/auth/check")[0], 401)

    def resources_are_made_once_too(self):
        """Their transactions are many and their hooks come after the commit; they know nothing of it."""
        for path, body in (("/api/v1/teams", {"id": "t-a", "name": "a"}), ("/api/v1/owners", {"name": "o", "email": "o@example.com", "team_id": "t-a"}),
                           ("/api/v1/profiles", {"name": "p"}), ("/api/v1/policies", {"name": "p", "renewal_threshold_days": 10})):
            with self.subTest(path):
                status, headers, made = self.post(path, path, body)
                self.assertEqual((status, headers["Idempotency-Replayed"]), (201, None), made)
                status, again, replayed = self.post(path, path, body)
                self.assertEqual((status, again["Idempotency-Replayed"], again["Location"], replayed), (201, "true", headers["Location"], made))
                self.assertEqual(len(self.api.all(path)), 1)
                # Without a key, or with another one, it is what it is: in conflict; and leaves nothing of the attempt.
                self.assertEqual(self.post(path + "-2", path, body)[0], 409)
                self.assertEqual(self.post(path + "-2", path, body)[0], 409)

    def a_key_belongs_to_one_request_of_one_caller(self):
        other = self.api.with_key(self.post("b-0", KEYS, {"name": "other", "role": "admin"})[2]["key"])
        self.assertEqual(self.post("b-1")[0], 201)
        for path, body in ((TOKENS, {"name": "two"}), (KEYS, {"name": "one"})):
            status, _, problem = self.post("b-1", path, body)
            self.assertEqual((status, problem["code"]), (422, "idempotency_key_reused"))
        status, headers, _ = self.post("b-1", api=other)
        self.assertEqual((status, headers["Idempotency-Replayed"]), (201, None))
        self.assertEqual(self.created(), 2)
        # A refusal is not kept: nothing was done.
        self.assertEqual(self.post("b-2", body={"nonsense": 1})[0], 400)
        self.assertEqual(self.post("b-2")[0], 201)
        for key in ("", " ", "a b", "x" * 256, "\u00e9".encode().decode("latin-1")):
            self.assertEqual(self.post(key)[0], 400, repr(key))
        self.assertEqual(self.post("x" * 255)[0], 201)
        # Only POST is done once by it; anything else is so by itself.
        self.assertEqual(self.api.exchange("GET", KEYS, headers={"Idempotency-Key": "b-1"})[0], 200)

    def twins_wait_for_each_other(self):
        seen = []
        threads = [threading.Thread(target=lambda n=n: seen.append((n, self.post(f"twin-{n}")))) for n in range(4) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual({reply[0] for _, reply in seen}, {201})
        for n in range(4):
            replies = [reply for of, reply in seen if of == n]
            self.assertEqual(len({body["id"] for _, _, body in replies}), 1)
            self.assertEqual(sum(1 for _, headers, _ in replies if not headers["Idempotency-Replayed"]), 1)
        self.assertEqual(self.created(), 4)

    def test_nothing_is_done_twice_when_everything_is_killed(self):
        """Clients that repeat until they are answered, while server and database are killed under them."""
        must_stop, answered, wrong, lock = threading.Event(), {}, [], threading.Lock()

        def work(worker):
            number = 0
            while not must_stop.is_set():
                key = f"w{worker}-{number}"
                while True:
                    try:
                        status, _, body = self.post(key, body={"name": key}, api=self.control.api)
                    except (OSError, http.client.HTTPException):
                        status = 0
                    if status == 201:
                        break
                    if status not in (0, 429, 500, 503):
                        wrong.append(f"{key}: {status} {body}")
                        return
                    time.sleep(0.05)
                with lock:
                    answered[key] = body["id"]
                number += 1

        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        try:
            for kill in (self.control.kill_postgres, self.kill_server) * 2:
                before = len(answered)
                eventually("requests are answered", lambda before=before: wrong or len(answered) >= before + 40, 120, 0.02)
                kill()
        finally:
            must_stop.set()
            for thread in threads:
                thread.join(120)
        self.assertEqual([], wrong)
        self.assertFalse(any(thread.is_alive() for thread in threads), "a client hangs")
        self.assertEqual(len(set(answered.values())), len(answered))
        self.assertEqual(self.recorded(), len(answered))
        self.stop_all()

    def kill_server(self):
        self.control.process.kill()
        self.keep(self.control.start())


if __name__ == "__main__":
    unittest.main()
