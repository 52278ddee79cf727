"""Issuers and notifiers over the API: what is taken, what is sealed, what is for files only, and that one opens, closes and fails alone."""
import base64
import http.server
import json
import os
import shutil
import threading
import unittest

from base import ResourceStory
from lib.fleet import BUILD
from lib.processes import eventually


class Receiver:
    """Keeps what a webhook sends."""

    def __init__(self):
        self.messages = []
        messages = self.messages

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):  # pylint: disable=invalid-name
                body = self.rfile.read(int(self.headers["Content-Length"]))
                messages.append((dict(self.headers), body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *args):  # pylint: disable=arguments-differ
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}/hook"


class Connectors(ResourceStory):
    def prepare(self):
        """Our plugins, and some of the zoo in a folder of their own."""
        self.plugins = os.path.join(self.folder, "plugins")
        os.makedirs(self.plugins, 0o755)
        for name in ("good", "open-fails", "wrong-magic"):
            shutil.copy(os.path.join(BUILD, "zoo", f"certctl-issuer-{name}.so"), self.plugins)
        self.secrets = os.path.join(self.folder, "secrets")
        os.makedirs(self.secrets, 0o700)
        with open(os.path.join(self.secrets, "corp"), "w", encoding="utf-8") as file:
            file.write("from the file\n")
        return {"CERTCTL_PLUGINS_DIRS": os.path.abspath(os.path.join(BUILD, "plugins")) + "," + self.plugins, "CERTCTL_CONNECTORS_SECRETS_DIR": self.secrets,
                "CERTCTL_CONNECTORS_API_NETWORKS": "127.0.0.0/8"}

    def refuse(self, status, method, path, body, fields=None, words=""):
        got, _, document = self.ask(method, path, body)
        self.assertEqual(got, status, document)
        if fields is not None:
            self.assertEqual(self.fields_of(document), sorted(fields), document)
        self.assertIn(words, json.dumps(document))
        return document

    def files(self, text):
        folder = os.path.join(self.control.state, "connectors.d")
        with open(os.path.join(folder, "50-story.yaml"), "w", encoding="utf-8") as file:
            file.write(text)
        self.control.process.signal(1)

    def status_of(self, path):
        document = self.expect(200, "GET", path)[1]
        return document["status"], document["status_reason"]

    def test_an_issuer_is_made_changed_and_closed(self):
        before = self.expect(200, "GET", "/api/v1/issuers/iss-local")[1]
        self.assertEqual((before["source"], before["status"], before["status_reason"]), ("file", "open", None))
        self.assertIn("BEGIN CERTIFICATE", before["chain"])
        for method, body in (("PATCH", {"name": "x"}), ("PUT", {"name": "x", "type": "local-ca"}), ("DELETE", None)):
            self.refuse(409, method, "/api/v1/issuers/iss-local", body, words="is configured in a file")

        made = self.expect(201, "POST", "/api/v1/issuers", {
            "id": "iss-good", "name": "Good", "type": "good", "rate_per_hour": 100,
            "options": {"text": "hi", "password": "top secret", "url": "https://ca.example.com/a"}})[1]
        self.assertEqual(made["options"], {"text": "hi", "password": "***", "url": "https://ca.example.com/a"})
        self.assertEqual((made["source"], made["status"], made["unknown_hold_seconds"]), ("api", "open", 3600))
        tested = self.expect(200, "POST", "/api/v1/issuers/iss-good/test")[1]
        self.assertEqual((tested["id"], tested["ok"], tested["error"]), ("iss-good", True, None))
        # The secret is in no reply, no event, no log and not in the database.
        with open(self.control.process.log, encoding="utf-8", errors="replace") as file:
            self.assertNotIn("top secret", file.read())
        for event in self.events("issuer", "iss-good"):
            self.assertNotIn("top secret", json.dumps(event))
        self.assertEqual({event["action"] for event in self.events("issuer", "iss-good")}, {"issuer_created", "issuer_tested"})

        # What GET gave goes back as it is; the mask stands for what is there.
        headers, shown = self.expect(200, "GET", "/api/v1/issuers/iss-good")
        same = self.expect(200, "PUT", "/api/v1/issuers/iss-good", shown, headers={"If-Match": headers["ETag"]})[1]
        self.assertEqual(same, {name: shown[name] for name in same})
        self.assertEqual(len(self.events("issuer", "iss-good")), 2)
        patched = self.expect(200, "PATCH", "/api/v1/issuers/iss-good", {"options": {"text": "ho"}})[1]
        self.assertEqual(patched["options"]["password"], "***")
        # Who may change where a secret is sent must know it.
        self.refuse(400, "PATCH", "/api/v1/issuers/iss-good", {"options": {"url": "https://evil.example.com/"}}, ["options.password"])
        moved = self.expect(200, "PATCH", "/api/v1/issuers/iss-good",
                            {"options": {"url": "https://ca.example.org/", "password": "secret:corp"}})[1]
        self.assertEqual(moved["options"]["url"], "https://ca.example.org/")
        self.assertEqual(self.status_of("/api/v1/issuers/iss-good"), ("open", None))

        self.refuse(400, "PATCH", "/api/v1/issuers/iss-good", {"type": "local-ca"}, ["type"])
        closed = self.expect(200, "PATCH", "/api/v1/issuers/iss-good", {"enabled": False})[1]
        self.assertFalse(closed["enabled"])
        self.assertEqual(self.status_of("/api/v1/issuers/iss-good")[0], "closed")
        self.refuse(409, "POST", "/api/v1/issuers/iss-good/test", None, words="is closed")
        self.expect(200, "PATCH", "/api/v1/issuers/iss-good", {"enabled": True})
        self.assertTrue(self.expect(200, "POST", "/api/v1/issuers/iss-good/test")[1]["ok"])
        # It is there again after a restart.
        self.connection.close()
        self.control.process.stop()
        self.keep(self.control.start())
        self.assertEqual(self.status_of("/api/v1/issuers/iss-good"), ("open", None))
        self.expect(204, "DELETE", "/api/v1/issuers/iss-good")
        self.expect(404, "GET", "/api/v1/issuers/iss-good")
        self.connection.close()
        self.stop_all()

    def test_what_is_for_files_is_refused_and_every_bad_option_is_named(self):
        self.refuse(400, "POST", "/api/v1/issuers", {"name": "A", "type": "none"}, ["type"])
        self.refuse(400, "POST", "/api/v1/issuers", {"name": "A", "type": "wrong-magic"}, ["type"])
        self.refuse(400, "POST", "/api/v1/issuers", {"name": "A", "type": "local-ca", "options": {
            "ca_cert_path": "/etc/ssl/a.pem", "ca_key_path": "/etc/shadow"}},
            ["options.ca_cert_path", "options.ca_key_path"], "configuration files only")
        self.refuse(400, "POST", "/api/v1/issuers", {"name": "A", "type": "good", "options": {
            "number": 0, "colour": "x", "nothing": 1, "readable": "/etc/shadow", "password": "file:/etc/shadow",
            "places": [{"name": 7}]}},
            ["options.number", "options.colour", "options.nothing", "options.readable", "options.password", "options.places[0].name"])
        for secret in ("credential:x", "secret:", "secret:../corp", "secret:.corp", "secret:none", "***", "file:corp"):
            self.refuse(400, "POST", "/api/v1/issuers", {"name": "A", "type": "good", "options": {"password": secret}}, ["options.password"])
        self.refuse(400, "POST", "/api/v1/notifiers", {"name": "A", "type": "webhook", "options": {
            "url": "https://example.com/", "secrets": ["0123456789abcdef0123456789abcdef"], "allow_private": True,
            "allow_networks": ["10.0.0.0/8", "127.0.0.0/8"], "ca_file": "/etc/ssl/ca.pem"}},
            ["options.allow_private", "options.allow_networks", "options.ca_file"])
        self.assertEqual([row["id"] for row in self.expect(200, "GET", "/api/v1/issuers?source=api")[1]["data"]], [])
        # A plugin that refuses to open says so when it is asked, and harms nobody.
        self.expect(201, "POST", "/api/v1/issuers", {"id": "iss-bad", "name": "Bad", "type": "open-fails"})
        tested = self.expect(200, "POST", "/api/v1/issuers/iss-bad/test")[1]
        self.assertFalse(tested["ok"])
        self.assertTrue(tested["error"]["what"])
        self.assertEqual(self.status_of("/api/v1/issuers/iss-local"), ("open", None))
        self.expect(204, "DELETE", "/api/v1/issuers/iss-bad")
        self.stop_all()

    def test_a_changed_file_opens_that_instance_alone(self):
        self.files("issuers:\n  - {id: iss-a, type: good, options: {text: one}}\n  - {id: iss-b, type: none}\n"
                   f"notifiers:\n  - {{id: ntf-a, type: webhook, options: {{url: 'https://example.com/', secrets: ['file:{self.secrets}/corp']}}}}\n")
        eventually("the files are read", lambda: self.ask("GET", "/api/v1/notifiers/ntf-a")[0] == 200)
        self.assertEqual(self.status_of("/api/v1/issuers/iss-a"), ("open", None))
        status, reason = self.status_of("/api/v1/issuers/iss-b")
        self.assertEqual(status, "refused")
        self.assertIn("none", reason)
        self.assertEqual(self.expect(200, "GET", "/api/v1/notifiers/ntf-a")[1]["options"]["secrets"], ["***"])
        self.refuse(409, "POST", "/api/v1/issuers/iss-b/test", None, words="is refused")
        rows = self.expect(200, "GET", "/api/v1/issuers?sort=id&fields=id,status")[1]["data"]
        self.assertEqual({row["id"]: row["status"] for row in rows}, {"iss-a": "open", "iss-b": "refused", "iss-local": "open"})

        def opened(name):
            return self.control.process.output().count(f"event=connector.opened issuer={name} ")

        before = opened("iss-a"), opened("iss-local")
        self.files("issuers:\n  - {id: iss-a, type: good, options: {text: two}}\n")
        eventually("it is opened anew", lambda: opened("iss-a") == before[0] + 1)
        self.assertEqual(opened("iss-local"), before[1])
        # What does not open as it is written now stays as it was, and says why.
        self.files("issuers:\n  - {id: iss-a, type: good, options: {text: two, number: 0}}\n")
        eventually("it says why", lambda: self.status_of("/api/v1/issuers/iss-a")[1])
        status, reason = self.status_of("/api/v1/issuers/iss-a")
        self.assertEqual(status, "open")
        self.assertIn("number", reason)
        self.assertEqual(self.status_of("/api/v1/issuers/iss-b")[0], "closed")
        self.assertFalse(self.expect(200, "GET", "/api/v1/issuers/iss-b")[1]["enabled"])
        self.stop_all()

    def test_a_notifier_is_tested_for_real_and_plugins_are_shown(self):
        receiver = Receiver()
        secret = "whsec_" + base64.b64encode(bytes(range(32))).decode()
        self.expect(201, "POST", "/api/v1/notifiers", {"id": "ntf-a", "name": "Ops", "type": "webhook", "events": ["expiry", "issuance_failed"],
                    "options": {"url": receiver.url, "secrets": [secret], "allow_plain_http": True, "allow_networks": ["127.0.0.0/8"]}})
        self.assertEqual(len(self.expect(200, "GET", "/api/v1/notifiers?events=expiry")[1]["data"]), 1)
        self.refuse(400, "PATCH", "/api/v1/notifiers/ntf-a", {"events": ["everything"]}, ["events[0]"])
        tested = self.expect(200, "POST", "/api/v1/notifiers/ntf-a/test")[1]
        self.assertEqual((tested["ok"], tested["error"]), (True, None))
        self.assertEqual(len(receiver.messages), 1)
        self.assertIn(b"test", receiver.messages[0][1])
        self.expect(201, "POST", "/api/v1/notifiers", {"id": "ntf-b", "name": "Private", "type": "webhook", "options": {
            "url": receiver.url, "secrets": [secret], "allow_plain_http": True}})
        tested = self.expect(200, "POST", "/api/v1/notifiers/ntf-b/test")[1]
        self.assertFalse(tested["ok"])
        self.assertEqual(tested["error"]["code"], "denied")
        self.assertEqual(len(receiver.messages), 1)

        plugins = {(row.get("kind"), row.get("id")): row for row in self.expect(200, "GET", "/api/v1/plugins")[1]["data"]}
        self.assertIn("url", plugins["notifier", "webhook"]["schema"]["properties"])
        self.assertEqual(plugins["issuer", "local-ca"]["where"], "server")
        self.assertIn("wrong-magic", plugins[None, None]["file"])
        self.assertTrue(plugins[None, None]["reason"])

        self.expect(201, "POST", "/api/v1/policies", {"id": "rp-a", "name": "A", "notifier_ids": ["ntf-a"]})
        self.assertIn("used by 1 policy: rp-a", self.expect(409, "DELETE", "/api/v1/notifiers/ntf-a")[1]["detail"])
        self.expect(204, "DELETE", "/api/v1/notifiers/ntf-b")
        self.stop_all()


if __name__ == "__main__":
    unittest.main()
