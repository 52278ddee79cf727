"""Connectors that change while they are used: by file, by row, on another server; and one that hangs, which is nobody else's trouble."""
import base64
import http.server
import os
import shutil
import threading
import unittest

from base import ResourceStory
from lib.client import Client
from lib.fleet import BUILD
from lib.processes import eventually

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


class Slow:
    """Receives what a webhook sends, and answers when it is let."""

    def __init__(self):
        self.arrived, self.gate = threading.Event(), threading.Event()
        arrived, gate = self.arrived, self.gate

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):  # pylint: disable=invalid-name
                self.rfile.read(int(self.headers["Content-Length"]))
                arrived.set()
                gate.wait(60)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *args):  # pylint: disable=arguments-differ
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/"


class Reload(ResourceStory):
    def prepare(self):
        plugins = os.path.join(self.folder, "plugins")
        os.makedirs(plugins, 0o755)
        for name in ("good", "constructor-hangs"):
            shutil.copy(os.path.join(BUILD, "zoo", f"certctl-issuer-{name}.so"), plugins)
        return {"CERTCTL_PLUGINS_DIRS": os.path.abspath(os.path.join(BUILD, "plugins")) + "," + plugins, "CERTCTL_CONNECTORS_API_NETWORKS": "127.0.0.0/8"}

    def files(self, text):
        with open(os.path.join(self.control.state, "connectors.d", "50-story.yaml"), "w", encoding="utf-8") as file:
            file.write(text)
        self.control.process.signal(1)

    def webhook(self, identity, url, name="A"):
        return {"id": identity, "name": name, "type": "webhook",
                "options": {"url": url, "secrets": [SECRET], "allow_plain_http": True, "allow_networks": ["127.0.0.0/8"]}}

    def start_test(self, identity, slow):
        """A test in the middle of its call, and what comes of it."""
        said = []
        api = self.control.api
        thread = threading.Thread(target=lambda: said.append(api.exchange("POST", f"/api/v1/notifiers/{identity}/test")))
        thread.start()
        self.assertTrue(slow.arrived.wait(60), "the receiver was not asked")
        return thread, said

    def end_test(self, started, slow):
        slow.gate.set()
        started[0].join()
        status, _, document = started[1][0]
        self.assertEqual((200, True, None), (status, document["ok"], document["error"]), document)

    def test_a_call_ends_with_the_connector_that_it_began_with(self):
        slow, other = Slow(), Slow()
        other.gate.set()
        self.expect(201, "POST", "/api/v1/notifiers", self.webhook("ntf-a", slow.url))
        call = self.start_test("ntf-a", slow)
        moved = self.webhook("ntf-a", other.url)
        self.expect(200, "PUT", "/api/v1/notifiers/ntf-a", {name: moved[name] for name in ("name", "type", "options")})
        # Who asks now is answered by the new one, while the old call waits.
        self.assertTrue(self.expect(200, "POST", "/api/v1/notifiers/ntf-a/test")[1]["ok"])
        self.assertTrue(other.arrived.is_set())
        self.end_test(call, slow)

        gone = Slow()
        self.expect(201, "POST", "/api/v1/notifiers", self.webhook("ntf-b", gone.url, "B"))
        call = self.start_test("ntf-b", gone)
        self.expect(204, "DELETE", "/api/v1/notifiers/ntf-b")
        self.end_test(call, gone)
        self.expect(409, "POST", "/api/v1/notifiers/ntf-b/test")

        filed = Slow()
        text = ("notifiers:\n  - {{id: ntf-c, type: webhook, options: {{url: '{url}', secrets: ['" + SECRET + "'], allow_plain_http: true, "
                "allow_networks: ['127.0.0.0/8']}}}}\n")
        self.files(text.format(url=filed.url))
        eventually("it is open", lambda: self.ask("GET", "/api/v1/notifiers/ntf-c")[2]["status"] == "open")
        call = self.start_test("ntf-c", filed)
        self.files("notifiers: []\n")
        eventually("it is closed", lambda: self.ask("GET", "/api/v1/notifiers/ntf-c")[2]["status"] == "closed")
        self.end_test(call, filed)
        self.stop_all()

    def test_another_server_notices(self):
        other = self.control.second(os.path.join(self.folder, "two"))
        self.keep(other.start())
        there = Client(other.url, other.ca_file, self.key)

        def status(identity):
            code, _, document = there.exchange("GET", f"/api/v1/issuers/{identity}")
            return document["status"] if code == 200 else None

        made = {"id": "iss-a", "name": "A", "type": "good", "options": {"text": "one", "password": "first"}}
        self.expect(201, "POST", "/api/v1/issuers", made)
        eventually("it is open there", lambda: status("iss-a") == "open")
        self.assertTrue(there.post("/api/v1/issuers/iss-a/test", None)["ok"])

        def opened():
            return other.process.output().count("event=connector.opened issuer=iss-a ")

        self.assertEqual(1, opened())
        self.expect(200, "PATCH", "/api/v1/issuers/iss-a", {"name": "Another name"})
        self.expect(200, "PATCH", "/api/v1/issuers/iss-a", {"options": {"password": "second"}})
        eventually("it is opened anew there", lambda: opened() == 2)
        self.expect(200, "PATCH", "/api/v1/issuers/iss-a", {"enabled": False})
        eventually("it is closed there", lambda: status("iss-a") == "closed")
        self.assertEqual(409, there.exchange("POST", "/api/v1/issuers/iss-a/test")[0])
        self.expect(200, "PATCH", "/api/v1/issuers/iss-a", {"enabled": True})
        eventually("it is open there again", lambda: status("iss-a") == "open")
        self.expect(204, "DELETE", "/api/v1/issuers/iss-a")
        eventually("it is gone there", lambda: "event=connector.removed issuer=iss-a" in other.process.output().rpartition("connector.opened issuer=iss-a")[2])
        # Another one of that name is another one.
        self.expect(201, "POST", "/api/v1/issuers", made)
        eventually("it is open there", lambda: opened() == 4 and status("iss-a") == "open")
        self.stop_all()

    def test_a_plugin_that_is_installed_later_is_found(self):
        plugin = os.path.join(self.folder, "plugins", "certctl-issuer-good.so")
        os.unlink(plugin)
        self.files("issuers:\n  - {id: iss-late, type: good}\n")
        eventually("it is refused", lambda: self.ask("GET", "/api/v1/issuers/iss-late")[2].get("status") == "refused")
        self.assertIn("no file certctl-issuer-good.so", self.ask("GET", "/api/v1/issuers/iss-late")[2]["status_reason"])
        shutil.copy(os.path.join(BUILD, "zoo", "certctl-issuer-good.so"), plugin)
        eventually("it is open", lambda: self.ask("GET", "/api/v1/issuers/iss-late")[2]["status"] == "open", 180)
        self.assertTrue(self.expect(200, "POST", "/api/v1/issuers/iss-late/test")[1]["ok"])
        self.stop_all()

    def test_a_plugin_that_hangs_is_refused_and_the_others_go_on(self):
        self.files("issuers:\n  - {id: iss-hangs, type: constructor-hangs}\n")
        self.expect(201, "POST", "/api/v1/issuers", {"id": "iss-a", "name": "A", "type": "good"})
        self.assertTrue(self.expect(200, "POST", "/api/v1/issuers/iss-local/test")[1]["ok"])
        self.expect(200, "GET", "/api/v1/issuers?sort=id")
        eventually("it is refused", lambda: (self.ask("GET", "/api/v1/issuers/iss-hangs")[2] or {}).get("status") == "refused", 120)
        self.assertIn("time", self.ask("GET", "/api/v1/issuers/iss-hangs")[2]["status_reason"])
        self.assertEqual("open", self.ask("GET", "/api/v1/issuers/iss-a")[2]["status"])
        self.assertTrue(self.expect(200, "POST", "/api/v1/issuers/iss-a/test")[1]["ok"])
        self.stop_all()


if __name__ == "__main__":
    unittest.main()
