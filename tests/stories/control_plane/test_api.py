"""What every request and every reply of the API has in common, and the page that tells newcomers how to call it."""
import http.client
import json
import os
import re
import ssl
import subprocess
import unittest
from urllib.parse import urlsplit

from lib.fleet import ControlPlane
from lib.story import Story

SOURCE = os.environ.get("CERTCTL_SOURCE", ".")
PAGE = os.path.join(SOURCE, "docs/reference/api.md")


class Api(Story):
    def setUp(self):
        super().setUp()
        self.control = ControlPlane(self.folder)
        self.keep(self.control.start())
        with open(os.path.join(os.path.dirname(self.control.ca_file), "admin.key"), encoding="utf-8") as file:
            self.key = file.read().strip()

    def ask(self, method, path, headers=None, has_key=True, url=None, body=None):
        """Status, headers, body as it came."""
        where = urlsplit(url or self.control.url)
        connection = http.client.HTTPSConnection(where.hostname, where.port, timeout=30,
                                                 context=ssl.create_default_context(cafile=self.control.ca_file))
        key = {"Authorization": f"Bearer {self.key}"} if has_key else {}
        connection.request(method, path, body, {**key, **(headers or {})})
        reply = connection.getresponse()
        raw = reply.read()
        connection.close()
        return reply.status, reply.headers, raw

    def document(self):
        status, headers, raw = self.ask("GET", "/api/v1/openapi.json", has_key=False)
        self.assertEqual((status, headers["Content-Type"]), (200, "application/json"))
        return json.loads(raw)

    def test_the_description_is_served_and_every_route_in_it_answers(self):
        status, headers, raw = self.ask("GET", "/api/v1/openapi.yaml", has_key=False)
        self.assertEqual((status, headers["Content-Type"]), (200, "application/yaml"))
        with open(os.path.join(SOURCE, "docs/reference/openapi.yaml"), "rb") as file:
            self.assertEqual(raw, file.read())
        count = 0
        for path, methods in self.document()["paths"].items():
            for method, about in methods.items():
                with self.subTest(f"{method} {path}"):
                    is_agents = "servers" in about
                    status, _, _ = self.ask(method.upper(), path.replace("{", "").replace("}", ""), has_key=False,
                                            url=self.control.agents_url if is_agents else None)
                    # Without a key: known to the router, and refused where a key is needed.
                    expected = (401,) if about["security"] else (200, 415)
                    self.assertIn(status, expected)
                    count += 1
        self.assertGreater(count, 20)
        self.stop_all()

    def test_every_reply_has_an_id_and_keeps_a_harmless_one(self):
        for method, path, has_key in (("GET", "/health", False), ("GET", "/api/v1/jobs", True), ("GET", "/api/v1/jobs", False),
                                      ("GET", "/nowhere", True), ("DELETE", "/api/v1/jobs", True), ("OPTIONS", "/api/v1/jobs", False),
                                      ("GET", "/api/v1/jobs?no=1", True)):
            _, headers, raw = self.ask(method, path, has_key=has_key)
            self.assertRegex(headers["X-Request-ID"], "^[0-9a-f]{16}$", path)
            if headers["Content-Type"] == "application/problem+json":
                self.assertEqual(json.loads(raw)["request_id"], headers["X-Request-ID"])
            _, headers, _ = self.ask(method, path, {"X-Request-ID": "mine-1.2"}, has_key=has_key)
            self.assertEqual(headers["X-Request-ID"], "mine-1.2")
            _, headers, _ = self.ask(method, path, {"X-Request-ID": "bad id"}, has_key=has_key)
            self.assertRegex(headers["X-Request-ID"], "^[0-9a-f]{16}$")
        self.stop_all()

    def test_methods_are_listed_and_others_refused(self):
        for method, expected in (("OPTIONS", 204), ("DELETE", 405), ("PATCH", 405)):
            status, headers, _ = self.ask(method, "/api/v1/certificates", has_key=False)
            self.assertEqual(status, expected)
            self.assertEqual(headers["Allow"], "GET, POST, HEAD, OPTIONS")
        self.assertEqual(self.ask("OPTIONS", "/nowhere", has_key=False)[0], 404)
        self.assertEqual(self.ask("OPTIONS", "/api/v1/api-keys/key-a/rotate")[1]["Allow"], "POST, OPTIONS")
        status, headers, raw = self.ask("HEAD", "/api/v1/certificates")
        self.assertEqual((status, raw), (200, b""))
        self.assertEqual(int(headers["Content-Length"]), len(self.ask("GET", "/api/v1/certificates")[2]))
        self.assertEqual(self.ask("HEAD", "/api/v1/certificates", has_key=False)[0], 401)
        self.stop_all()

    def test_what_has_not_changed_is_not_sent_again(self):
        self.control.api.post("/api/v1/enrollment-tokens", {"agent_id": "agent-a"}, expect=201)
        status, headers, raw = self.ask("GET", "/api/v1/issuers/iss-local")
        tag = headers["ETag"]
        self.assertEqual(status, 200)
        self.assertRegex(tag, '^"[0-9a-f]{32}"$')
        for given in (tag, f'"other", {tag}', f"W/{tag}", "*"):
            status, headers, again = self.ask("GET", "/api/v1/issuers/iss-local", {"If-None-Match": given})
            self.assertEqual((status, again, headers["ETag"]), (304, b"", tag), given)
        for given in ('"other"', tag[:-2] + '"', tag.strip('"')):
            status, _, again = self.ask("GET", "/api/v1/issuers/iss-local", {"If-None-Match": given})
            self.assertEqual((status, again), (200, raw), given)
        # What is not there has no tag, and who may not see it learns nothing by one.
        self.assertEqual(self.ask("GET", "/api/v1/issuers/iss-none", {"If-None-Match": "*"})[0], 404)
        self.assertEqual(self.ask("GET", "/api/v1/issuers/iss-local", {"If-None-Match": tag}, has_key=False)[0], 401)
        self.assertIsNone(self.ask("GET", "/api/v1/issuers")[1]["ETag"])
        self.stop_all()

    def test_only_the_members_asked_for_are_sent(self):
        for fields, members in (("id", ["id"]), ("type,id", ["id", "type"]), ("createdAt,id", ["id", "created_at"]),
                                ("created_at,id", ["id", "created_at"])):
            rows = self.control.api.get(f"/api/v1/issuers?fields={fields}")["data"]
            self.assertGreater(len(rows), 0)
            for row in rows:
                self.assertEqual(list(row), members)
        for fields in ("", "nothing", "id,,type", "ID", "created_At", "id,"):
            status, _, raw = self.ask("GET", f"/api/v1/issuers?fields={fields}")
            self.assertEqual(status, 400, fields)
            self.assertIn("fields: there is no member", json.loads(raw)["detail"])
        self.stop_all()

    def test_query_parameters_that_a_route_does_not_have_are_refused_everywhere(self):
        for path, methods in self.document()["paths"].items():
            for method, about in methods.items():
                if "servers" in about:
                    continue
                with self.subTest(f"{method} {path}"):
                    status, headers, raw = self.ask(method.upper(), re.sub("[{}]", "", path) + "?unheard=1")
                    self.assertEqual((status, headers["Content-Type"]), (400, "application/problem+json"))
                    self.assertIn("unheard: unknown query parameter", json.loads(raw)["detail"])
        self.stop_all()

    def test_the_page_of_the_api_works_as_written(self):
        """Its shell lines against this server; what a newcomer would put in the first line is the only change."""
        with open(PAGE, encoding="utf-8") as file:
            blocks = re.findall("```sh\n(.*?)```", file.read(), re.S)
        script = "".join(blocks)
        begin = "DIR=/tmp/certctl/control URL=https://127.0.0.1:8443\n"
        self.assertTrue(script.startswith(begin))
        script = f"DIR={os.path.dirname(self.control.ca_file)} URL={self.control.url}\n" + script[len(begin):]
        self.assertGreaterEqual(script.count("\ncurl "), 5)
        done = subprocess.run(["sh", "-eu"], input=script, capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for part in ('"status":"ok"', '"actor":"admin"', '"data":[]', '"token":"et-'):
            self.assertIn(part, done.stdout)
        self.stop_all()


if __name__ == "__main__":
    unittest.main()
