"""The life of an API key: made, limited, rotated, switched off, revoked; keys from the environment; too many requests."""
import os
import threading
import unittest

from lib.fleet import ControlPlane
from lib.processes import eventually
from lib.story import Story

KEYS = "/api/v1/api-keys"
CHECK = "/api/v1/auth/check"


class Keys(Story):
    def start(self, **environment):
        self.control = ControlPlane(self.folder)
        os.environ.update(environment)
        try:
            self.keep(self.control.start())
        finally:
            for name in environment:
                del os.environ[name]
        self.api = self.control.api

    def restart(self, **environment):
        self.assertEqual(self.control.process.stop(), 0)
        os.environ.update(environment)
        try:
            self.keep(self.control.start())
        finally:
            for name in environment:
                del os.environ[name]
        self.api = self.control.api

    def make(self, expect=201, **body):
        return self.api.post(KEYS, {"name": "made", "role": "viewer", **body}, expect=expect)

    def status_of(self, key, method="GET", path=CHECK, body=None):
        return self.api.with_key(key).exchange(method, path, body)[0]

    def test_keys_live_are_refused_and_keep_to_their_reach(self):
        self.start()
        self.a_key_lives_as_long_as_it_is_told_to()
        self.short_lives_and_bad_wishes()
        self.nobody_gives_what_he_does_not_have_and_nobody_is_locked_out()
        self.stop_all()

    def a_key_lives_as_long_as_it_is_told_to(self):
        made = self.make(name="reader", role="viewer")
        self.assertRegex(made["key"], "^sk-[0-9a-f]{16}-[0-9a-f]{64}$")
        self.assertEqual((made["status"], made["source"], made["created_by"], made["last_used_at"]), ("active", "api", "admin", None))
        # Never again.
        shown = self.api.get(f"{KEYS}/{made['id']}")
        self.assertNotIn("key", shown)
        self.assertNotIn(made["key"], str(self.api.all(KEYS)))

        me = self.api.with_key(made["key"]).get(CHECK)
        self.assertEqual((me["actor"], me["id"], me["roles"], me["limits"]), ("reader", made["id"], ["viewer"], None))
        self.assertIn("certificates.read", me["permissions"])
        self.assertNotIn("keys.read", me["permissions"])
        self.assertIsNotNone(self.api.get(f"{KEYS}/{made['id']}")["last_used_at"])

        # Off and on: at once.
        one = f"{KEYS}/{made['id']}"
        self.assertEqual(self.api.ask("PATCH", one, {"enabled": False})["status"], "disabled")
        self.assertEqual(self.status_of(made["key"]), 401)
        self.assertEqual(self.api.ask("PATCH", one, {"enabled": True})["status"], "active")
        self.assertEqual(self.status_of(made["key"]), 200)
        # An end, and no end.
        self.assertEqual(self.api.ask("PATCH", one, {"expires_at": "2020-01-01T00:00:00Z"})["status"], "expired")
        self.assertEqual(self.status_of(made["key"]), 401)
        self.assertEqual(self.api.ask("PATCH", one, {"expires_at": None})["status"], "active")
        self.assertEqual(self.status_of(made["key"]), 200)

        # Not over what somebody else has changed meanwhile.
        tag = self.api.exchange("GET", one)[1]["ETag"]
        self.assertEqual(self.api.exchange("PATCH", one, {"name": "reader"}, {"If-Match": tag})[0], 200)
        for method, body in (("PATCH", {"name": "late"}), ("DELETE", None)):
            self.assertEqual(self.api.exchange(method, one, body, {"If-Match": tag})[0], 412)
        status, headers, _ = self.api.exchange("PATCH", one, {"name": "reader"}, {"If-Match": "*", "Content-Type": "application/merge-patch+json"})
        self.assertEqual((status, headers["ETag"] != tag), (200, True))
        self.assertEqual(self.api.exchange("PATCH", one, {"name": "reader"}, {"Content-Type": "text/plain"})[0], 415)

        # Another text, the old one for a while beside it; then without.
        second = self.api.post(f"{one}/rotate", {"grace_seconds": 3600})
        self.assertEqual((second["id"], self.status_of(made["key"]), self.status_of(second["key"])), (made["id"], 200, 200))
        third = self.api.ask("POST", f"{one}/rotate")
        self.assertEqual([self.status_of(key["key"]) for key in (made, second, third)], [401, 401, 200])
        brief = self.api.post(f"{one}/rotate", {"grace_seconds": 1})
        eventually("the grace is over", lambda: self.status_of(third["key"]) == 401, 30)
        self.assertEqual(self.status_of(brief["key"]), 200)

        # Gone for good.
        self.api.ask("DELETE", one, expect=204)
        self.assertEqual(self.status_of(brief["key"]), 401)
        self.api.ask("DELETE", one, expect=204)
        self.assertEqual(self.api.get(one)["status"], "revoked")
        self.api.ask("PATCH", one, {"enabled": True}, expect=409)
        self.api.ask("POST", f"{one}/rotate", expect=409)
        self.assertEqual([row["id"] for row in self.api.all(KEYS + "?status=revoked")], [made["id"]])
        # Its name is free again.
        self.make(name="reader")
        self.make(name="reader", expect=409)

        actions = [row["action"] for row in self.api.all(f"/api/v1/audit?resource_type=api_key&resource_id={made['id']}")]
        self.assertEqual(sorted(set(actions)), ["api_key_created", "api_key_deleted", "api_key_updated"])
        self.assertEqual((actions.count("api_key_created"), actions.count("api_key_deleted")), (1, 1))
        self.check_nothing_is_written_down([made, second, third, brief])

    def check_nothing_is_written_down(self, keys):
        with open(self.control.process.log, encoding="utf-8", errors="replace") as file:
            log = file.read()
        trail = str(self.api.all("/api/v1/audit?limit=500"))
        for key in keys:
            self.assertNotIn(key["key"], log)
            self.assertNotIn(key["key"], trail)

    def short_lives_and_bad_wishes(self):
        before = [row["name"] for row in self.api.all(KEYS)]
        brief = self.make(name="brief", ttl_seconds=60)
        self.assertIsNotNone(brief["expires_at"])
        for body, words in (({"role": "god"}, "role"), ({"name": ""}, "name"), ({"limits": {"team_ids": []}}, "limits.team_ids"),
                            ({"limits": {"team_ids": ["t-none"]}}, "t-none"), ({"limits": {"teams": ["t-a"]}}, "limits.teams"),
                            ({"ttl_seconds": 1}, "ttl_seconds"), ({"ttl_seconds": 60, "expires_at": "2030-01-01T00:00:00Z"}, "ttl_seconds"),
                            ({"expires_at": "tomorrow"}, "expires_at"), ({"key": "sk-mine"}, "key"), ({"enabled": False}, "enabled")):
            status, _, problem = self.api.exchange("POST", KEYS, {"name": "bad", "role": "viewer", **body})
            self.assertEqual(status, 400, body)
            self.assertIn(words, str(problem))
        for body in ({}, {"role": "admin"}, {"enabled": None}, {"name": None}, {"limits": {"issuer_ids": []}}):
            self.assertEqual(self.api.exchange("PATCH", f"{KEYS}/{brief['id']}", body)[0], 400, body)
        self.assertEqual(self.api.exchange("GET", f"{KEYS}/key-none")[0], 404)
        self.assertEqual([row["name"] for row in self.api.all(KEYS)], before + ["brief"])

    def nobody_gives_what_he_does_not_have_and_nobody_is_locked_out(self):
        operator = self.make(name="operator", role="operator")["key"]
        auditor = self.make(name="auditor", role="auditor")["key"]
        limited = self.make(name="limited", role="admin", limits={"issuer_ids": ["iss-local"]})
        self.assertEqual(limited["limits"], {"issuer_ids": ["iss-local"]})
        wish = {"name": "more", "role": "admin"}
        for key in (operator, auditor, limited["key"]):
            self.assertEqual(self.status_of(key, "POST", KEYS, wish), 403)
            self.assertEqual(self.status_of(key, "PATCH", f"{KEYS}/{limited['id']}", {"limits": None}), 403)
        self.assertEqual([self.status_of(key, path=KEYS) for key in (operator, auditor, limited["key"])], [403, 200, 403])
        self.assertEqual(self.status_of(limited["key"], path="/api/v1/audit"), 403)
        me = self.api.with_key(limited["key"]).get(CHECK)
        self.assertEqual(me["limits"], {"issuer_ids": ["iss-local"]})
        self.assertNotIn("keys.write", me["permissions"])

        # The last one who can do everything stays; a limited admin is none.
        admin = self.api.get(CHECK)["id"]
        self.api.ask("DELETE", f"{KEYS}/{admin}", expect=409)
        self.api.ask("PATCH", f"{KEYS}/{admin}", {"enabled": False}, expect=409)
        self.api.ask("PATCH", f"{KEYS}/{admin}", {"limits": {"issuer_ids": ["iss-local"]}}, expect=409)
        self.assertEqual(self.api.get(CHECK)["limits"], None)
        other = self.make(name="other", role="admin")
        self.api.ask("DELETE", f"{KEYS}/{admin}", expect=204)
        self.assertEqual(self.api.exchange("GET", CHECK)[0], 401)
        self.assertEqual(self.status_of(other["key"]), 200)

    def test_keys_of_the_environment_are_seeds(self):
        one, two, three, four = ("sk-" + letter * 40 for letter in "abcd")
        self.start()
        self.restart(CERTCTL_AUTH_SECRET=one, CERTCTL_API_KEYS_NAMED=f"ci:{three}:operator,watch:{four}:viewer")
        self.api = self.api.with_key(one)
        self.assertEqual([self.status_of(key) for key in (one, two, three, four)], [200, 401, 200, 200])
        self.assertEqual(self.api.with_key(three).get(CHECK)["roles"], ["operator"])
        keys = {row["name"]: row for row in self.api.all(KEYS + "?source=environment")}
        self.assertEqual((len(keys), keys["watch"]["role"]), (3, "viewer"))
        self.api.ask("POST", f"{KEYS}/{keys['ci']['id']}/rotate", expect=409)
        # Revoked stays revoked while the value is the same.
        self.api.ask("DELETE", f"{KEYS}/{keys['ci']['id']}", expect=204)
        self.assertEqual(self.status_of(three), 401)

        # A new secret in front of the old one: both work. A named one that is left out does not.
        self.restart(CERTCTL_AUTH_SECRET=f"{two},{one}", CERTCTL_API_KEYS_NAMED=f"ci:{three}:operator")
        self.api = self.api.with_key(two)
        self.assertEqual([self.status_of(key) for key in (one, two, three, four)], [200, 200, 401, 401])
        # The old one has gone, the named ones are no longer spoken of and stay as they are, but for a new value.
        self.restart(CERTCTL_AUTH_SECRET=two, CERTCTL_API_KEYS_NAMED=f"ci:{'sk-' + 'e' * 40}:viewer,watch:{four}:viewer")
        self.api = self.api.with_key(two)
        self.assertEqual([self.status_of(key) for key in (one, two, three, four, "sk-" + "e" * 40)], [401, 200, 401, 200, 200])
        self.assertEqual({row["name"]: row["status"] for row in self.api.all(KEYS) if row["name"] in keys}["ci"], "active")
        self.stop_all()

    def test_what_one_server_revokes_ends_on_the_other(self):
        self.start()
        second = self.control.second(os.path.join(self.folder, "second"))
        self.keep(second.start())
        made = self.make(name="both")
        there = second.api.with_key(made["key"]).kept()
        self.addCleanup(there.close)
        self.assertEqual({there.exchange("GET", CHECK)[0] for _ in range(20)}, {200})
        # Used all the time, so that it is remembered all the time.
        self.api.ask("DELETE", f"{KEYS}/{made['id']}", expect=204)
        self.assertEqual(self.status_of(made["key"]), 401)
        eventually("the other server has heard of it", lambda: there.exchange("GET", CHECK)[0] == 401, 60, 0.01)
        # What was asked of the one is not done again by the other.
        wish = {"name": "once", "role": "viewer"}
        first = self.api.exchange("POST", KEYS, wish, {"Idempotency-Key": "once"})
        again = second.api.exchange("POST", KEYS, wish, {"Idempotency-Key": "once"})
        self.assertEqual((first[0], again[0], again[1]["Idempotency-Replayed"], again[2]["id"]), (201, 201, "true", first[2]["id"]))
        self.stop_all()

    def many(self, key, count=60):
        """At once, so that a slow machine is as quick as any."""
        seen = []
        threads = [threading.Thread(target=lambda: seen.append(self.api.with_key(key).exchange("GET", CHECK))) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return seen

    def test_too_many_requests_are_told_to_wait(self):
        self.start(CERTCTL_HTTP_KEY_RATE="1", CERTCTL_HTTP_FAILURE_RATE="1")
        busy = eventually("a key", lambda: self.make(name="busy")["key"])
        seen = self.many(busy)
        self.assertEqual({status for status, _, _ in seen}, {200, 429})
        _, headers, problem = next(row for row in seen if row[0] == 429)
        self.assertGreaterEqual(int(headers["Retry-After"]), 1)
        self.assertEqual((problem["status"], problem["code"]), (429, "too_many_requests"))
        # One key's haste is nobody else's, and neither are the guesses of somebody at the same address.
        calm = eventually("another key", lambda: self.make(name="calm")["key"])
        for guess in ("sk-" + "0" * 16 + "-" + "0" * 64, None):
            self.assertLessEqual({status for status, _, _ in self.many(guess)}, {401, 429})
        self.assertIn(429, [status for status, _, _ in self.many(None)])
        eventually("a known key is served from an address with many failures", lambda: self.status_of(busy) == 200, 60)
        self.assertEqual(self.api.with_key(None).exchange("GET", "/health")[0], 200)
        eventually("a new key waits its turn and no longer", lambda: self.status_of(calm) == 200, 60)
        self.stop_all()


if __name__ == "__main__":
    unittest.main()
