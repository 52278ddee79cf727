#!/usr/bin/env python3
"""What clients are promised of every request and reply, line by line: lists, errors, preconditions, statuses, who may ask and how."""
import json
import socket
import subprocess
import unittest
from urllib.parse import quote, urlsplit

from lib.fleet import ControlPlane
from lib.story import Story

RFC_3339 = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"


class Conventions(Story):
    def setUp(self):
        super().setUp()
        self.control = ControlPlane(self.folder)
        self.keep(self.control.start())
        self.api = self.control.api

    def ask(self, method, path, body=None, headers=None):
        return self.api.exchange(method, path, body, headers)

    def refused(self, status, method, path, body=None, headers=None):
        got, sent, problem = self.ask(method, path, body, headers)
        self.assertEqual((got, sent["Content-Type"]), (status, "application/problem+json"), (path, problem))
        self.assertEqual((problem["status"], problem["error"], problem["request_id"]), (status, problem["title"], sent["X-Request-ID"]))
        self.assertLessEqual({"type", "title", "detail", "code"}, set(problem))
        return problem

    def make_teams(self, count):
        for number in range(count):
            self.api.post("/api/v1/teams", {"id": f"t-{number:03}", "name": f"team {number:03}", "description": "even" if number % 2 == 0 else "odd"},
                          expect=201)

    # --- lists

    def test_lists(self):
        self.make_teams(60)
        page = self.api.get("/api/v1/teams")
        self.assertEqual({"data", "next_cursor", "total", "total_is_estimate"}, set(page))
        self.assertEqual((50, bool), (len(page["data"]), type(page["total_is_estimate"])))
        self.assertEqual(200, self.ask("GET", "/api/v1/teams?limit=500")[0])
        for bad in ("limit=501", "limit=0", "limit=x", "limit=-1", "cursor=nonsense", "sort=nonsense", "fields=nonsense", "unheard=1",
                    "page=0", "per_page=501", "page=x", "q="):
            self.refused(400, "GET", f"/api/v1/teams?{bad}")
        self.pages_are_stable_under_inserts()
        self.pages_have_numbers_too()
        # As printed.
        rows = self.api.get("/api/v1/certificates?sort=-notAfter&fields=id,commonName,notAfter,status")
        self.assertEqual([], rows["data"])
        rows = self.api.get("/api/v1/teams?sort=-createdAt&fields=id,createdAt&limit=2")["data"]
        self.assertEqual([["id", "created_at"]] * 2, [list(row) for row in rows])
        self.assertGreaterEqual(rows[0]["created_at"], rows[1]["created_at"])
        self.assertEqual(["t-007"], [row["id"] for row in self.api.get("/api/v1/teams?name=" + quote("team 007"))["data"]])
        self.assertIn("t-011", [row["id"] for row in self.api.get("/api/v1/teams?q=" + quote("team 011"))["data"]])
        names = [row["name"] for row in self.api.all("/api/v1/teams?sort=-name&limit=7")]
        self.assertEqual(sorted(names, reverse=True), names)
        self.stop_all()

    def pages_are_stable_under_inserts(self):
        seen, cursor, inserted = [], None, 0
        while True:
            page = self.api.get("/api/v1/teams?limit=20" + (f"&cursor={cursor}" if cursor else ""))
            seen += [row["id"] for row in page["data"]]
            self.api.post("/api/v1/teams", {"id": f"s-{inserted}", "name": f"meanwhile {inserted}"}, expect=201)
            inserted += 1
            cursor = page["next_cursor"]
            if not cursor:
                break
        self.assertEqual(len(seen), len(set(seen)))
        self.assertLessEqual({f"t-{number:03}" for number in range(60)}, set(seen))

    def pages_have_numbers_too(self):
        first = self.api.get("/api/v1/teams?page=1&per_page=10")["data"]
        second = self.api.get("/api/v1/teams?page=2&per_page=10")["data"]
        self.assertEqual([10, 10], [len(first), len(second)])
        self.assertFalse({row["id"] for row in first} & {row["id"] for row in second})

    # --- errors

    def test_errors(self):
        problem = self.refused(400, "POST", "/api/v1/teams", {"name": 7, "nonsense": 1})
        self.assertEqual({"name", "nonsense"}, {row["field"] for row in problem["errors"]})
        for row in problem["errors"]:
            self.assertTrue(row["detail"])
        self.refused(404, "GET", "/api/v1/teams/t-none")
        self.refused(404, "GET", "/api/v1/nothing")
        self.refused(405, "POST", "/api/v1/audit", {})
        for method in ("PUT", "PATCH", "DELETE"):
            self.refused(405, method, "/api/v1/audit")
        self.refused(400, "POST", "/api/v1/owners", {"name": "o", "email": "o@example.com", "team_id": "t-none"})
        self.refused(415, "POST", "/api/v1/teams", {"name": "x"}, {"Content-Type": "text/plain"})
        self.assertEqual([], self.api.get("/api/v1/teams")["data"])
        self.stop_all()

    # --- one thing

    def test_one_thing(self):
        status, headers, made = self.ask("POST", "/api/v1/teams", {"id": "t-a", "name": "a"})
        self.assertEqual((status, headers["Location"]), (201, "/api/v1/teams/t-a"))
        for member in ("created_at", "updated_at"):
            self.assertRegex(made[member], RFC_3339)
        _, headers, shown = self.ask("GET", "/api/v1/teams/t-a")
        tag = headers["ETag"]
        self.assertEqual(304, self.ask("GET", "/api/v1/teams/t-a", headers={"If-None-Match": tag})[0])
        status, headers, changed = self.ask("PATCH", "/api/v1/teams/t-a", {"description": "one"}, {"If-Match": tag})
        self.assertEqual((status, changed["description"], changed["name"]), (200, "one", "a"))
        # Somebody else was there first.
        for method, body in (("PATCH", {"description": "two"}), ("PUT", {"name": "a"}), ("DELETE", None)):
            self.refused(412, method, "/api/v1/teams/t-a", body, {"If-Match": tag})
        self.assertEqual("one", self.api.get("/api/v1/teams/t-a")["description"])
        # PUT is the whole, PATCH with null takes a member away.
        self.assertEqual("one", self.api.ask("PUT", "/api/v1/teams/t-a", {"name": "b", "description": "one"})["description"])
        self.assertIsNone(self.api.ask("PATCH", "/api/v1/teams/t-a", {"description": None})["description"])
        self.assertEqual("b", self.api.get("/api/v1/teams/t-a")["name"])
        self.assertIsNone(self.api.ask("PUT", "/api/v1/teams/t-a", {"name": "c"})["description"])
        self.refused(409, "POST", "/api/v1/teams", {"id": "t-a", "name": "d"})
        self.refused(409, "POST", "/api/v1/teams", {"id": "t-b", "name": "c"})
        # Referenced: it says by what.
        self.api.post("/api/v1/owners", {"id": "o-a", "name": "o", "email": "o@example.com", "team_id": "t-a"}, expect=201)
        self.assertIn("owner", self.refused(409, "DELETE", "/api/v1/teams/t-a")["detail"])
        self.assertEqual(204, self.ask("DELETE", "/api/v1/owners/o-a")[0])
        self.assertEqual(204, self.ask("DELETE", "/api/v1/teams/t-a")[0])
        self.refused(404, "DELETE", "/api/v1/teams/t-a")
        self.idempotency()
        self.stop_all()

    def idempotency(self):
        key = {"Idempotency-Key": "k-1"}
        _, _, first = self.ask("POST", "/api/v1/teams", {"name": "once"}, key)
        status, headers, again = self.ask("POST", "/api/v1/teams", {"name": "once"}, key)
        self.assertEqual((status, again["id"], headers["Idempotency-Replayed"]), (201, first["id"], "true"))
        self.refused(422, "POST", "/api/v1/teams", {"name": "other"}, key)

    # --- access and transport

    def tls(self, *options):
        where = urlsplit(self.control.url)
        done = subprocess.run(["openssl", "s_client", "-connect", where.netloc, "-CAfile", self.control.ca_file, "-verify_return_error", "-brief",
                               *options], input="", capture_output=True, text=True, timeout=60, check=False)
        return done.stdout + done.stderr

    def test_transport(self):
        self.assertIn("TLSv1.3", self.tls())
        self.assertIn("TLSv1.2", self.tls("-tls1_2"))
        self.assertNotIn("Protocol version:", self.tls("-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"))
        for weak in ("AES128-SHA", "ECDHE-RSA-AES128-SHA", "AES128-GCM-SHA256", "NULL", "DES-CBC3-SHA"):
            self.assertNotIn("Protocol version:", self.tls("-tls1_2", "-cipher", f"{weak}@SECLEVEL=0"), weak)
        where = urlsplit(self.control.url)
        with socket.create_connection((where.hostname, where.port), timeout=30) as plain:
            plain.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
            try:
                self.assertNotIn(b"HTTP/1.1 200", plain.recv(4096))
            except ConnectionError:
                pass
        # No browser of another origin gets anything.
        _, headers, _ = self.ask("GET", "/api/v1/teams", headers={"Origin": "https://elsewhere.example"})
        self.assertFalse([name for name in headers if name.lower().startswith("access-control-")])
        self.stop_all()

    def test_who_may_ask_and_how(self):
        key = self.api._key
        nobody = self.api.with_key(None)
        # Only in Authorization, only as Bearer: not in the address, not in a cookie.
        for path, headers in (("/api/v1/teams", {}), (f"/api/v1/teams?api_key={key}", {}), ("/api/v1/teams", {"Cookie": f"key={key}"}),
                              ("/api/v1/teams", {"X-API-Key": key}), ("/api/v1/teams", {"Authorization": key}),
                              ("/api/v1/teams", {"Authorization": f"Basic {key}"}), ("/api/v1/teams", {"Authorization": f"Bearer {key}x"})):
            self.assertEqual(401, nobody.exchange("GET", path, headers=headers)[0], headers)
        me = self.api.get("/api/v1/auth/check")
        self.assertEqual((me["actor"], me["roles"]), ("admin", ["admin"]))
        self.assertIn("certificates.read", me["permissions"])
        made = {role: self.api.with_key(self.api.post("/api/v1/api-keys", {"name": role, "role": role}, expect=201)["key"])
                for role in ("operator", "viewer", "auditor")}
        for role, path, status in (("viewer", "/api/v1/teams", 200), ("viewer", "/api/v1/audit", 403), ("auditor", "/api/v1/audit", 200),
                                   ("operator", "/api/v1/api-keys", 403)):
            self.assertEqual(status, made[role].exchange("GET", path)[0], (role, path))
        self.assertEqual(403, made["auditor"].exchange("POST", "/api/v1/teams", {"name": "x"})[0])
        self.assertEqual(201, made["operator"].exchange("POST", "/api/v1/teams", {"name": "x"})[0])
        # No key is in the log, nor in the trail.
        log, trail = self.control.process.output(), json.dumps(self.api.all("/api/v1/audit?limit=500"))
        for secret in [key] + [client._key for client in made.values()]:
            self.assertRegex(secret, "^sk-[A-Za-z0-9-]+$")
            # The first start shows its key, once.
            self.assertEqual(1 if secret == key else 0, (log + trail).count(secret))
        self.stop_all()

    def test_the_description_is_of_what_is_served(self):
        document = self.api.get("/api/v1/openapi.json")
        self.assertTrue(document["openapi"].startswith("3.1"))
        for path in ("/api/v1/certificates", "/api/v1/teams", "/api/v1/stats/summary", "/metrics", "/api/v1/audit"):
            self.assertIn(path, document["paths"])
        self.stop_all()


if __name__ == "__main__":
    unittest.main()
