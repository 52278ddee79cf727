"""Messages through the webhook plugin, in its confined process, to a real HTTPS receiver that verifies every signature."""
import base64
import json
import os
import re
import shlex
import subprocess
import sys
import unittest

from lib.processes import Process, eventually
from lib.story import Story

BUILD = os.path.abspath(os.environ.get("CERTCTL_BUILD", ".build/dev"))
SOURCE = os.path.abspath(os.environ.get("CERTCTL_SOURCE", "."))
PLUGIN = os.path.join(BUILD, "plugins/certctl-notifier-webhook.so")
RECEIVER = os.path.join(SOURCE, "plugins/notifiers/webhook/receiver.py")


def secret(letter):
    return "whsec_" + base64.b64encode(letter.encode() * 32).decode()


class Deliveries(Story):
    def setUp(self):
        super().setUp()
        self.answers = os.path.join(self.folder, "answer")
        self.start_receiver()
        self.options = {
            "url": f"https://{self.address}/hooks",
            "secrets": [secret("a")],
            "headers": [{"name": "X-Gateway-Token", "value": "token-of-the-gateway"}],
            "ca_file": os.path.join(self.folder, "ca.crt"),
            "allow_private": True,
            "timeout_s": 30,
        }
        self.message = {
            "id": "msg-1",
            "alert_id": "alert-7",
            "kind": "alert",
            "severity": "critical",
            "event": "certificate_expiring",
            "subject": "web.example.com expires in 7 days",
            "text": "Renewal has failed twice.\nSee the job.",
            "items": [{"title": "web.example.com", "link": "https://certctl.example.com/c/1"}],
            "links": [{"name": "Certificate", "value": "https://certctl.example.com/c/1"}],
            "created_unix_s": 1800000000,
        }

    def start_receiver(self):
        log = os.path.join(self.folder, "receiver.log")
        receiver = self.keep(Process("receiver", [sys.executable, RECEIVER, self.folder, secret("a")], log))
        self.address = eventually("the receiver listens", lambda: re.fullmatch(r"(localhost:\d+)\n", receiver.output()))[1]

    def operate(self, operation, argument=None, peer=None, **options):
        """The reply, or the error; in neither is ever a secret."""
        config = os.path.join(self.folder, "config.yaml")
        with open(config, "w", encoding="utf-8") as file:
            json.dump({"options": {**self.options, **options}}, file)
        argv = [os.path.join(BUILD, "bin/certctl-plugin"), "run", "--config", config]
        if argument:
            argv += ["--argument", json.dumps(argument)]
        if peer:
            argv += ["--peer", shlex.join(peer)]
        done = subprocess.run(argv + [PLUGIN, operation], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=60, check=False)
        for hidden in ["token-of-the-gateway", "/hooks"] + [text for letter in "abc" for text in
                                                            (secret(letter), secret(letter)[6:], letter * 32)]:
            self.assertNotIn(hidden, done.stdout + done.stderr)
        if done.returncode == 0:
            return json.loads(done.stdout)
        self.assertEqual(done.returncode, 1, done.stderr)
        return json.loads(done.stderr)

    def test_the_other_side_may_be_named_on_the_command_line(self):
        folder = os.path.join(self.folder, "peer")
        os.mkdir(folder)
        self.operate("test", peer=[sys.executable, RECEIVER, folder, secret("a")], url="https://${peer}/hooks",
                     ca_file=os.path.join(folder, "ca.crt"))

    def send(self, item=None, **options):
        argument = {"message": self.message}
        if item:
            argument["item"] = item
        return self.operate("send", argument, **options)

    def will_answer(self, *lines):
        with open(self.answers, "w", encoding="ascii") as file:
            file.writelines(line + "\n" for line in lines)

    def arrived(self, name="deliveries.jsonl"):
        try:
            with open(os.path.join(self.folder, name), encoding="utf-8") as file:
                return [json.loads(line) for line in file]
        except FileNotFoundError:
            return []

    def test_a_message_arrives_signed_and_whole(self):
        self.assertEqual(self.send(), {"reference": "msg-1"})
        delivery, = self.arrived()
        self.assertEqual(delivery["path"], "/hooks")
        self.assertEqual(delivery["headers"]["webhook-id"], "msg-1")
        self.assertEqual(delivery["headers"]["content-type"], "application/json")
        self.assertEqual(delivery["headers"]["x-gateway-token"], "token-of-the-gateway")
        self.assertEqual(delivery["body"], {
            "type": "certificate_expiring",
            "timestamp": "2027-01-15T08:00:00Z",
            "data": {
                "id": "msg-1",
                "alert_id": "alert-7",
                "kind": "alert",
                "severity": "critical",
                "subject": "web.example.com expires in 7 days",
                "text": "Renewal has failed twice.\nSee the job.",
                "items": [{"title": "web.example.com", "link": "https://certctl.example.com/c/1"}],
                "links": [{"name": "Certificate", "url": "https://certctl.example.com/c/1"}],
                "labels": {},
            },
        })

    def test_a_route_adds_path_headers_and_labels(self):
        self.send(item={"path": "/team-a?x=1", "headers": [{"name": "X-Route", "value": "r"}],
                        "labels": [{"name": "team", "value": "a"}]})
        delivery, = self.arrived()
        self.assertEqual(delivery["path"], "/hooks/team-a?x=1")
        self.assertEqual(delivery["headers"]["x-route"], "r")
        self.assertEqual(delivery["headers"]["x-gateway-token"], "token-of-the-gateway")
        self.assertEqual(delivery["body"]["data"]["labels"], {"team": "a"})

    def test_a_route_cannot_leave_the_receiver(self):
        for path in ["@other.example/", "team", "/../x", "/a/../../x", "/a#b", "/a\\b"]:
            error = self.send(item={"path": path})
            self.assertEqual((error["code"], error["retryable"]), ("invalid", False), path)
        self.assertEqual(self.arrived(), [])

    def test_while_secrets_are_changed_both_sign(self):
        self.assertEqual(self.send(secrets=[secret("b"), secret("a")]), {"reference": "msg-1"})
        self.assertEqual(len(self.arrived()[0]["headers"]["webhook-signature"].split(" ")), 2)
        error = self.send(secrets=[secret("b")])
        self.assertEqual((error["code"], error["retryable"]), ("denied", False))
        self.assertEqual(self.arrived("refused.jsonl"), [{"path": "/hooks", "reason": "no signature matches"}])

    def test_what_the_receiver_says_decides_about_a_retry(self):
        rows = [("429 120", "unavailable", True, 120), ("503 7", "unavailable", True, 7), ("500", "unavailable", True, 0),
                ("502", "unavailable", True, 0), ("408", "unavailable", True, 0), ("400", "invalid", False, 0),
                ("401", "denied", False, 0), ("404", "not_found", False, 0), ("410", "not_found", False, 0),
                ("302", "protocol", False, 0), ("501", "unsupported", False, 0)]
        self.will_answer(*[row[0] for row in rows])
        for answer, code, retryable, retry_after_s in rows:
            error = self.send()
            self.assertEqual((answer, error["code"], error["retryable"], error["retry_after_s"]),
                             (answer, code, retryable, retry_after_s))
            if answer == "410":
                self.assertIn("remove the route", error["hint"])
        self.assertEqual(self.send(), {"reference": "msg-1"})

    def test_a_lost_answer_is_sent_again_with_the_same_id_and_body(self):
        self.will_answer("lost", "200")
        error = self.send()
        self.assertEqual((error["code"], error["retryable"]), ("unavailable", True))
        self.assertEqual(self.send(), {"reference": "msg-1"})
        first, second = self.arrived()
        self.assertEqual((first["repeated"], second["repeated"]), (False, True))
        self.assertEqual(first["body"], second["body"])

    def test_a_receiver_that_drips_or_is_silent_costs_the_timeout_and_no_more(self):
        self.will_answer("slow", "silent")
        for _ in range(2):
            error = self.send(timeout_s=1)
            self.assertEqual((error["code"], error["retryable"]), ("timeout", True))

    def test_a_receiver_that_is_away_is_tried_again(self):
        self.stop_receiver()
        error = self.send()
        self.assertEqual((error["code"], error["retryable"]), ("unavailable", True))

    def stop_receiver(self):
        process = self._processes.pop()
        process.kill()

    def test_only_the_right_receiver_is_believed(self):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=other", "-keyout", "other.key", "-out", "other.crt"], cwd=self.folder, check=True,
                       capture_output=True)
        error = self.send(ca_file=os.path.join(self.folder, "other.crt"))
        self.assertEqual((error["code"], error["retryable"]), ("denied", False))
        error = self.send(ca_file=None)
        self.assertEqual(error["code"], "denied")
        self.assertEqual(self.arrived(), [])

    def test_a_private_address_needs_leave(self):
        error = self.send(allow_private=False)
        self.assertEqual((error["code"], error["retryable"]), ("denied", False))
        self.assertIn("may not be reached", error["what"])
        self.assertEqual(self.send(allow_private=False, allow_networks=["127.0.0.0/8", "::1/128"]), {"reference": "msg-1"})

    def test_what_is_configured_wrongly_is_named(self):
        rows = [({"secrets": ["whsec_short"]}, "secrets[0]"), ({"secrets": [secret("a"), secret("a")[6:]]}, "secrets[1]"),
                ({"url": "http://" + self.address}, "url"), ({"ca_file": "/no/such/file"}, "/no/such/file"),
                ({"headers": [{"name": "Webhook-Id", "value": "x"}]}, "headers[0]"),
                ({"allow_networks": ["10.0.0.0/40"]}, "10.0.0.0/40")]
        for options, words in rows:
            error = self.send(**options)
            self.assertIn(words, error["what"])
            self.assertFalse(error["retryable"], error)

    def test_a_test_says_that_it_is_one_and_is_new_each_time(self):
        for _ in range(2):
            self.operate("test")
        first, second = self.arrived()
        self.assertEqual((first["body"]["type"], first["body"]["data"]["kind"]), ("test", "test"))
        self.assertNotEqual(first["headers"]["webhook-id"], second["headers"]["webhook-id"])

    def test_info_shows_where_it_goes_and_no_path(self):
        info = self.operate("info")
        self.assertEqual(info["endpoint"], f"https://{self.address}")
        self.assertEqual(info["authentication"], "HMAC-SHA256 signature, 1 secret")


if __name__ == "__main__":
    unittest.main()
