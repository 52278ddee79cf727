"""A control plane and one connection to it, for stories about resources."""
import http.client
import json
import os
import ssl
from urllib.parse import urlsplit

from lib.fleet import ControlPlane
from lib.story import Story


class ResourceStory(Story):
    def prepare(self):
        """Settings of the server, as its environment."""
        return {}

    def setUp(self):
        super().setUp()
        before = dict(os.environ)
        self.addCleanup(lambda: (os.environ.clear(), os.environ.update(before)))
        os.environ.update(self.prepare())
        self.control = ControlPlane(self.folder)
        self.keep(self.control.start())
        with open(os.path.join(os.path.dirname(self.control.ca_file), "admin.key"), encoding="utf-8") as file:
            self.key = file.read().strip()
        where = urlsplit(self.control.url)
        self.connection = http.client.HTTPSConnection(where.hostname, where.port, timeout=30,
                                                      context=ssl.create_default_context(cafile=self.control.ca_file))
        self.addCleanup(self.connection.close)

    def ask(self, method, path, body=None, headers=None, media="application/json"):
        """Status, headers, document."""
        sent = {"Authorization": f"Bearer {self.key}", **(headers or {})}
        if body is not None:
            sent["Content-Type"] = media
            body = body if isinstance(body, str) else json.dumps(body)
        self.connection.request(method, path, body, sent)
        reply = self.connection.getresponse()
        raw = reply.read()
        return reply.status, reply.headers, json.loads(raw) if raw else None

    def expect(self, status, method, path, body=None, **options):
        got, headers, document = self.ask(method, path, body, **options)
        self.assertEqual(got, status, f"{method} {path}: {document}")
        return headers, document

    def fields_of(self, document):
        return sorted(row["field"] for row in document.get("errors", []))

    def events(self, kind, identity):
        return self.expect(200, "GET", f"/api/v1/audit?resource_type={kind}&resource_id={identity}")[1]["data"]
