#!/usr/bin/env python3
"""The worker asked by its socket alone: by an agent that was taken over, and for several deployments of which one fails."""
import copy
import json
import os
import pwd
import socket
import struct
import subprocess
import unittest

from lib.fleet import Host
from lib.processes import eventually, run
from lib.story import Story

NAMES = [{"type": "dns", "value": "web.example.com"}]
CERTIFICATE = {"id": "mc-web", "key_type": "ECDSA_P256", "names": NAMES}
HASH = "0" * 64
ANY = (None, 0, -1, 1.5, True, "", "x", [], {}, [[]], {"": {}}, 2**63 - 1, "\u202e", "A" * 100000)
BAD_IDS = ("..", "../x", "../../etc/passwd", "a/b", "/etc", ".hidden", "-x", "UPPER", "a_b", "a b", "a\nb", "a" * 64, "")


def frame(value):
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return struct.pack(">I", len(text)) + text


def request(operation, argument):
    return frame({"protocol": 1, "operation": operation, "argument": argument})


def variants(value):
    """`value` with each of its parts replaced by each value of another kind, taken away, and with a member too many."""
    if isinstance(value, dict):
        yield {**value, "surplus": 1}
        for key, part in value.items():
            yield {other: item for other, item in value.items() if other != key}
            for variant in variants(part):
                yield {**value, key: variant}
    elif isinstance(value, list) and value:
        for variant in variants(value[0]):
            yield [variant, *value[1:]]
    for other in ANY:
        if type(other) is not type(value):
            yield other


class WorkerStory(Story):
    def begin(self):
        self.place = os.path.join(self.folder, "tls")
        os.mkdir(self.place)
        self.host = Host(self.folder, None, "web-1", paths=[self.place], commands=["/bin/true"])
        settings = os.path.join(self.host.folder, "worker.yaml")
        with open(settings, encoding="utf-8") as file:
            text = json.load(file)
        with open(settings, "w", encoding="utf-8") as file:  # the agent's user is ours here
            json.dump({**text, "user": pwd.getpwuid(os.getuid()).pw_name}, file)
        self.worker = self.keep(self.host.start_worker())

    def say(self, data):
        """What came back for these bytes: the frame, or None when the worker hung up."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(60)
            connection.connect(self.host.socket)
            try:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it need not listen to the end
            answer = b""
            try:
                while piece := connection.recv(65536):
                    answer += piece
            except ConnectionResetError:
                pass
        return json.loads(answer[4:]) if answer else None

    def ask(self, operation, argument):
        return self.say(request(operation, argument))

    def refused(self, operation, argument):
        answer = self.ask(operation, argument)
        self.assertIn("error", answer, f"{operation} {json.dumps(argument)[:300]}: {answer}")
        self.assertTrue(answer["error"]["what"])
        return answer["error"]

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.worker.pid}/fd"))

    def settled(self, descriptors):
        """Its threads close what they served in their own time."""
        eventually("all descriptors are closed again", lambda: self.descriptors() == descriptors)

    def keys(self):
        return sorted(os.path.join(folder, name) for folder, _, names in os.walk(self.host.key_dir) for name in names)

    def still_serves(self):
        self.assertTrue(self.worker.is_running(), self.worker.output()[-2000:])
        self.assertEqual(1, self.ask("status", {})["result"]["protocol"])

    def deployment(self, job_id="job-1", certificate=CERTIFICATE, **changes):
        csr = self.ask("csr", {"job_id": job_id, "certificate": certificate})["result"]["csr"]
        leaf, fingerprint, public_key = self.sign(csr)
        return {"job_id": job_id + "-deploy", "certificate": certificate, "version": {
            "id": "ver-1", "sequence": 1, "leaf": leaf, "chain": "", "fingerprint_sha256": fingerprint,
            "public_key_sha256": public_key, "not_after": "2030-01-01T00:00:00Z"},
            "target": {"id": "tgt-web", "plugin": "nginx", "options": {"binary": "/bin/true"}},
            "binding": {"id": "bnd-web", "options": {"certificate_path": os.path.join(self.place, "web.crt"),
                                                     "key_path": os.path.join(self.place, "web.key")}}, **changes}

    def sign(self, csr_pem):
        here = os.path.join(self.folder, "ca")
        if not os.path.exists(here):
            os.mkdir(here)
            run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                 here + "/ca.key", "-out", here + "/ca.crt", "-days", "30", "-subj", "/CN=Test CA"])
        with open(here + "/csr", "w", encoding="ascii") as file:
            file.write(csr_pem)
        run(["openssl", "x509", "-req", "-in", here + "/csr", "-CA", here + "/ca.crt", "-CAkey", here + "/ca.key", "-days", "10",
             "-out", here + "/leaf", "-copy_extensions", "copy"])
        with open(here + "/leaf", encoding="ascii") as file:
            leaf = file.read()

        def digest(command):
            return subprocess.run(["sh", "-c", command + " | sha256sum"], capture_output=True, text=True,
                                  check=True).stdout.split()[0]
        return (leaf, digest(f"openssl x509 -in {here}/leaf -outform DER"),
                digest(f"openssl x509 -in {here}/leaf -noout -pubkey | openssl pkey -pubin -outform DER"))

    def report_of(self, one, outcome):
        answer = self.ask("deploy", {"deployments": [one]})
        self.assertIn("result", answer, answer)
        report = answer["result"]["reports"][0]
        self.assertEqual(outcome, report["outcome"], json.dumps([one, report])[:3000])
        return report


class Hostility(WorkerStory):
    def test_broken_frames_cost_their_connection(self):
        self.begin()
        before = self.descriptors()
        rows = [
            b"", b"\0", b"\0\0\0\0", b"\0\0\0\x10{}", b"\xff\xff\xff\xff", struct.pack(">I", 4 * 1024 * 1024 + 1) + b"{}",
            frame(b"{"), frame(b"[]"), frame(b"null"), frame(b'"x"'), frame(b"\xff\xfe"), frame(b'{"a":"\xff"}'), frame(b'{"a\\u0000":1}'),
            frame(b"{}" * 2), frame(b'{"protocol":1,"protocol":1}'), frame(b"[" * 100000), frame(b'{"a":' * 100000),
            frame(b'{"a":[' + b"1," * 300000 + b"1]}"), frame(b'{"protocol":1e999}'), frame(b'{"protocol":99999999999999999999}'),
            request("status", {})[:-1], frame({}), frame({"protocol": 2, "operation": "status", "argument": {}}),
            frame({"protocol": 1, "operation": "status"}), frame({"protocol": 1, "operation": "status", "argument": {}, "more": 1}),
        ]
        for row in rows:
            answer = self.say(row)
            self.assertTrue(answer is None or "error" in answer, (row[:80], answer))
        for value in ANY:
            self.assertIn("error", self.say(frame({"protocol": 1, "operation": value, "argument": {}})))
        self.still_serves()
        self.settled(before)
        self.stop_all()

    def test_ids_never_become_paths(self):
        self.begin()
        for bad in BAD_IDS:
            self.refused("csr", {"job_id": bad, "certificate": CERTIFICATE})
            self.refused("csr", {"job_id": "job-1", "certificate": {**CERTIFICATE, "id": bad}})
        self.assertEqual([os.path.join(self.host.key_dir, ".lock")], self.keys())
        one = self.deployment()
        staged = self.keys()
        for bad in BAD_IDS:
            self.refused("deploy", {"deployments": [{**one, "job_id": bad}]})
            for part in ("certificate", "version", "target", "binding"):
                wrong = copy.deepcopy(one)
                wrong[part]["id"] = bad
                self.report_of(wrong, "refused")
        self.assertEqual(staged, self.keys())
        self.assertEqual([], os.listdir(self.place))
        self.still_serves()
        self.stop_all()

    def test_no_member_may_be_of_another_kind(self):
        self.begin()
        for argument in variants({"job_id": "job-9", "certificate": {**CERTIFICATE, "common_name": "web.example.com"}}):
            answer = self.ask("csr", argument)
            self.assertTrue("error" in answer or answer["result"]["csr"], argument)
        one = self.deployment()
        for argument in variants({"deployments": [one]}):
            answer = self.ask("deploy", argument)
            outcomes = {report["outcome"] for report in answer.get("result", {}).get("reports", [])}
            self.assertTrue("error" in answer or outcomes, json.dumps(argument)[:500])
        self.still_serves()
        self.stop_all()

    def test_files_land_below_the_permitted_paths_or_nowhere(self):
        self.begin()
        outside = os.path.join(self.folder, "outside")
        os.mkdir(outside)
        os.symlink(outside, os.path.join(self.place, "link"))
        os.symlink(os.path.join(outside, "file"), os.path.join(self.place, "dangling"))
        one = self.deployment()
        for path in (outside + "/web", self.place + "/../outside/web", self.place + "/link/web", self.place + "x/web", "/etc/certctl-evil",
                     "relative", "/", self.place, self.place + "/", "/proc/self/root/" + outside, self.place + "/a\nb", ""):
            for option in ("certificate_path", "key_path"):
                wrong = copy.deepcopy(one)
                wrong["binding"]["options"][option] = path
                answer = self.ask("deploy", {"deployments": [wrong]})["result"]["reports"][0]
                self.assertNotIn(answer["outcome"], ("completed", "unchanged"), path)
        self.assertEqual([], os.listdir(outside))
        self.assertEqual(["dangling", "link"], sorted(os.listdir(self.place)))
        self.still_serves()
        self.stop_all()

    def test_connections_that_say_nothing_do_not_keep_it_busy_for_ever(self):
        self.begin()
        before = self.descriptors()
        idle = [socket.socket(socket.AF_UNIX) for _ in range(12)]  # more than it serves at a time
        for connection in idle:
            self.addCleanup(connection.close)
            connection.connect(self.host.socket)
            connection.settimeout(60)
        for connection in idle:  # refused at once, or told that the wait is over
            self.assertIn(b"error", connection.recv(65536))
            connection.close()
        self.still_serves()
        self.settled(before)
        self.stop_all()


class Batch(WorkerStory):
    def test_a_key_that_cannot_come_into_use_costs_its_own_deployment_alone(self):
        self.begin()
        nowhere = {"target": None, "binding": None}
        self.report_of(self.deployment(**nowhere), "completed")
        obstacle = os.path.join(self.host.key_dir, "previous", "mc-web_1_x.key")
        os.mkdir(obstacle)
        both = [self.deployment("job-2", **nowhere), self.deployment("job-3", {**CERTIFICATE, "id": "mc-other"}, **nowhere)]
        reports = self.ask("deploy", {"deployments": both})["result"]["reports"]
        self.assertEqual(["broken", "completed"], [report["outcome"] for report in reports])
        self.assertIn("its key did not come into use", reports[0]["error"]["what"])
        os.rmdir(obstacle)
        self.report_of(both[0], "completed")
        self.stop_all()


if __name__ == "__main__":
    unittest.main()
