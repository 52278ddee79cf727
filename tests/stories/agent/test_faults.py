#!/usr/bin/env python3
"""Agent and worker against a control plane that loses replies, fails and vanishes: nothing is lost, nothing is done twice."""
import json
import os
import socket
import struct
import subprocess
import time
import unittest

from base import AgentStory, NAME
from lib import tls
from lib.fake_control import public_key_sha256
from lib.fleet import program
from lib.processes import Process, eventually, run
from lib.story import IS_LONG

ABSENCE_S = 600 if IS_LONG else 0


class Replies(AgentStory):
    def test_every_reply_is_lost_once_and_everything_is_done_once(self):
        self.begin(start=False)
        for pattern in ("POST .*/enroll", "POST .*/heartbeat", "POST .*/csr", "POST .*/status"):
            self.control.lose_reply(pattern)
        self.control.fail_next("POST .*/status", 503)
        self.start()
        version = self.issue(self.request_csr("job-1"), 1)
        self.control.add(self.deployment("job-2", version))
        report = self.await_state("job-2", "Completed")
        self.assertEqual((True, version["fingerprint_sha256"]), (report["verified"], report["served_fingerprint"]))
        self.assertEqual(version["fingerprint_sha256"], tls.served(self.nginx.port, NAME))
        eventually("the report is known to be taken", lambda: not os.listdir(os.path.join(self.host.agent_dir, "spool")))
        self.assertEqual(1, len({body["csr"] for body in self.control.enrolments}), "one identity request, asked again")
        self.assertEqual(1, len({pem for _, pem in self.control.csrs}), "one certificate request, sent again")
        self.assertEqual(1, len({json.dumps(one) for one in self.control.jobs["job-2"]["reports"]}), "one report, sent again")
        self.assertEqual(1, self.nginx.reloads())
        self.stop_all()

    def test_a_job_handed_out_again_is_found_unchanged(self):
        self.begin()
        version = self.issue(self.request_csr("job-1"), 1)
        self.control.add(self.deployment("job-2", version))
        self.assertEqual("completed", self.await_state("job-2", "Completed")["outcome"])
        self.control.add(self.deployment("job-3", version, token=2))
        self.assertEqual("unchanged", self.await_state("job-3", "Completed")["outcome"])
        self.assertEqual(1, self.nginx.reloads())
        self.stop_all()

    def test_a_fenced_report_is_dropped(self):
        self.begin(nginx=self.held_nginx())
        version = self.issue(self.request_csr("job-1"), 1)
        self.control.add(self.deployment("job-2", version))
        self.await_deployment()
        self.control.jobs["job-2"]["token"] = 2  # somebody thought that we were dead
        self.gate.open()
        self.await_state("job-2", "Completed")
        tokens = [report["token"] for report in self.control.jobs["job-2"]["reports"]]
        self.assertEqual([1, 2], tokens)
        self.stop_all()


class Absence(AgentStory):
    def test_a_report_survives_the_control_plane_and_the_agent(self):
        self.begin(nginx=self.held_nginx())
        version = self.issue(self.request_csr("job-1"), 1)
        self.control.add(self.deployment("job-2", version))
        self.await_deployment()
        self.control.stop()
        self.gate.open()
        spool = os.path.join(self.host.agent_dir, "spool")
        eventually("the report waits in the spool", lambda: os.listdir(spool) == ["job-2.json"], 60)
        self.host.agent.kill()
        self.keep(self.host.start_agent())
        self.assertEqual([], self.control.jobs["job-2"]["reports"])
        self.nobody_answers_for(ABSENCE_S)
        self.control.start()
        self.assertEqual("completed", self.await_state("job-2", "Completed")["outcome"])
        eventually("the spool is empty", lambda: os.listdir(spool) == [])
        self.assertEqual(1, self.nginx.reloads())
        self.stop_all()

    def nobody_answers_for(self, seconds):
        """The pauses between two attempts end growing after a minute: an hour is ten minutes, six times."""
        time.sleep(seconds)
        self.assertTrue(self.host.agent.is_running() and self.host.worker.is_running())
        self.assertEqual(["job-2.json"], os.listdir(os.path.join(self.host.agent_dir, "spool")))
        tries = self.host.agent.output().count(" event=work.failed ")
        self.assertLessEqual(tries, 20 + seconds // 10, "it asks too often")
        if seconds:
            print(f"nobody answered for {seconds} s, it asked for work {tries} times")

    def test_an_absent_worker_is_waited_for(self):
        self.begin(start=False)
        self.keep(self.host.start_agent())
        self.control.add({"id": "job-1", "type": "Issuance", "step": "csr", "certificate": self.certificate()})
        eventually("the agent says so", lambda: "worker at" in self.host.agent.output())
        self.assertEqual([], self.control.csrs)
        self.keep(self.host.start_worker())
        self.await_csr("job-1")
        self.stop_all()


class Killed(AgentStory):
    def test_both_halves_killed_in_a_deployment_finish_it_when_they_return(self):
        self.begin(nginx=self.held_nginx())
        old = tls.served(self.nginx.port, NAME)
        version = self.issue(self.request_csr("job-1"), 1)
        self.control.add(self.deployment("job-2", version))
        self.await_deployment()
        self.host.worker.kill()
        self.host.agent.kill()
        self.assertEqual(old, tls.served(self.nginx.port, NAME))
        self.gate.open()
        self.keep(self.host.start_worker())
        self.keep(self.host.start_agent())
        self.await_state("job-2", "Completed")
        self.assertEqual(version["fingerprint_sha256"], tls.served(self.nginx.port, NAME))
        self.assertEqual(1, len(self.control.csrs))
        self.assertEqual(1, len(self.control.enrolments))
        self.stop_all()

    def test_a_worker_killed_again_and_again_ends_with_the_newest_certificate(self):
        self.begin()
        version = self.issue(self.request_csr("job-01"), 1)
        for number in range(2, 7):
            self.control.add(self.deployment(f"job-{number:02}", version))
            self.host.worker.kill()  # wherever it is by now
            self.keep(self.host.start_worker())
            self.await_state(f"job-{number:02}", "Completed")
            version = self.issue(self.request_csr(f"job-{number:02}-next"), number)
        self.control.add(self.deployment("job-99", version))
        self.await_state("job-99", "Completed")
        self.assertEqual(version["fingerprint_sha256"], tls.served(self.nginx.port, NAME))
        self.assertEqual([], os.listdir(os.path.join(self.host.key_dir, "staged")))
        self.stop_all()


class Time(AgentStory):
    def test_heartbeat_and_requests_do_not_wait_for_a_deployment(self):
        self.begin(nginx=self.held_nginx(), start=False)
        self.host.change("agent.yaml", heartbeat_s=1)
        self.start()
        version = self.issue(self.request_csr("job-1"), 1)
        self.control.add(self.deployment("job-2", version))
        self.await_deployment()
        before = len(self.control.heartbeats)
        self.request_csr("job-3")
        self.control.poll_s = 30  # a poll that is answered would be sign enough
        eventually("a heartbeat came", lambda: len(self.control.heartbeats) > before, 60)
        self.assertEqual("open", self.control.state("job-2"), "the deployment was over before the heartbeat")
        eventually("it polls, and says what it has", lambda: [line for line in self.control.requests if line.endswith("&held=job-2")])
        self.gate.open()
        self.await_state("job-2", "Completed")
        told = [body["plugins"] for _, body in self.control.heartbeats if "plugins" in body]
        self.assertEqual(1, len(told), "plugins are told once")
        self.assertIn("nginx", [plugin["id"] for plugin in told[0]])
        self.stop_all()


class Hostility(AgentStory):
    def test_what_the_host_does_not_permit_is_refused_and_nothing_changes(self):
        self.begin()
        version = self.issue(self.request_csr("job-1"), 1)
        elsewhere = {"id": "bnd-2", "options": {"certificate_path": "/etc/cron.d/x", "key_path": "/etc/cron.d/y"}}
        shell = {"id": "tgt-2", "plugin": "nginx", "options": {"binary": "/bin/sh"}}
        forged = {**version, "fingerprint_sha256": "0" * 64}
        rows = {
            "job-11": ({"binding": elsewhere}, "not among the paths"),
            "job-12": ({"target": shell}, "not permitted"),
            "job-13": ({"target": {"id": "tgt-3", "plugin": "nosuch", "options": {}}}, "nosuch"),
            "job-14": ({"version": forged}, "fingerprint_sha256"),
            "job-15": ({"certificate": self.certificate("../../etc/passwd")}, "certificate.id"),
            "job-16": ({"certificate": self.certificate("mc-other")}, "no key on this host"),
        }
        for job_id, (changes, _) in rows.items():
            self.control.add(self.deployment(job_id, changes.pop("version", version), **changes))
        for job_id, (_, words) in rows.items():
            report = self.await_state(job_id, "Failed")
            self.assertEqual("refused", report["outcome"], report)
            self.assertIn(words, report["error"]["what"] + report["error"]["hint"])
        self.control.add({"id": "job-17", "type": "Issuance", "step": "csr", "certificate": self.certificate("../../etc/passwd")})
        self.assertIn("certificate.id", self.await_state("job-17", "Failed")["error"]["what"])
        self.assertFalse(os.path.exists("/etc/cron.d/x"))
        self.assertEqual(0, self.nginx.reloads())
        self.stop_all()

    def test_two_deployments_for_one_place_at_once_are_not_a_coin_toss(self):
        self.begin()
        version = self.issue(self.request_csr("job-1"), 1)
        self.assertEqual(0, self.host.agent.stop())
        for job_id in ("job-2", "job-3"):
            self.control.add(self.deployment(job_id, version))
        self.keep(self.host.start_agent())
        self.await_state("job-2", "Completed")
        self.assertIn("binding bnd-web", self.await_state("job-3", "Failed")["error"]["what"])
        self.assertEqual(1, self.nginx.reloads())
        self.stop_all()

    def test_only_the_agents_user_may_talk_to_the_worker(self):
        self.begin()
        if os.getuid() != 0:
            self.skipTest("needs root to be somebody else than the agent")
        eventually("the agent is enrolled", lambda: self.control.enrolments)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self.host.socket)
            text = json.dumps({"protocol": 1, "operation": "status", "argument": {}}).encode()
            try:
                connection.sendall(struct.pack(">I", len(text)) + text)
                self.assertEqual(b"", connection.recv(10))
            except OSError:
                pass  # closed before we had said a word
        eventually("it is logged", lambda: "peer.refused" in self.host.worker.output())
        self.stop_all()


class Rollback(AgentStory):
    def test_the_version_before_comes_back_with_its_key_and_only_when_told(self):
        self.begin()
        first = self.issue(self.request_csr("job-1"), 1)
        self.control.add(self.deployment("job-2", first))
        self.await_state("job-2", "Completed")
        second = self.issue(self.request_csr("job-3"), 2)
        self.control.add(self.deployment("job-4", second))
        self.await_state("job-4", "Completed")
        self.control.add(self.deployment("job-5", first))
        self.await_state("job-5", "Failed")
        self.assertEqual(second["fingerprint_sha256"], tls.served(self.nginx.port, NAME))
        self.control.add(self.deployment("job-6", first, is_rollback=True))
        self.await_state("job-6", "Completed")
        self.assertEqual(first["fingerprint_sha256"], tls.served(self.nginx.port, NAME))
        self.assertEqual(first["public_key_sha256"], self.key_in_use())
        self.stop_all()

    def key_in_use(self):
        return public_key_sha256(run(["openssl", "pkey", "-in", os.path.join(self.host.key_dir, "mc-web.key"), "-pubout"]))


class ByHand(AgentStory):
    def test_an_agent_enrolled_by_command_needs_no_settings_afterwards(self):
        self.begin(start=False)
        enrol = ["enroll", "--server", self.control.agents_url, "--ca-file", self.control.ca_file, "--token-file",
                 os.path.join(self.host.folder, "token"), "--dir", self.host.agent_dir, "--name", "web-1"]
        run([program("certctl-agent"), *enrol])
        self.assertEqual("web-1", self.control.enrolments[0]["name"])
        again = subprocess.run([program("certctl-agent"), *enrol], capture_output=True, text=True, check=False)
        self.assertEqual(1, again.returncode)
        self.assertIn("has an identity already", again.stderr)
        self.keep(Process("certctl-agent", [program("certctl-agent"), "--dir", self.host.agent_dir, "--socket", self.host.socket],
                          os.path.join(self.host.folder, "agent.log")))
        eventually("a heartbeat came", lambda: self.control.heartbeats)
        self.assertEqual(1, len(self.control.enrolments))
        self.stop_all()

    def test_a_token_that_is_refused_is_an_error_and_leaves_no_identity(self):
        self.begin(start=False)
        self.control.token = "another"
        done = subprocess.run([program("certctl-agent"), "--config", os.path.join(self.host.folder, "agent.yaml")],
                              capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(1, done.returncode)
        self.assertIn("token unknown", done.stderr)
        self.assertFalse(os.path.exists(os.path.join(self.host.agent_dir, "identity.pem")))
        self.stop_all()


class NoTarget(AgentStory):
    def test_a_certificate_that_no_server_uses_brings_its_key_into_use(self):
        self.begin()
        version = self.issue(self.request_csr("job-1"), 1)
        key = os.path.join(self.host.key_dir, "mc-web.key")
        self.assertFalse(os.path.exists(key))
        self.control.add(self.deployment("job-2", version, target=None, binding=None))
        report = self.await_state("job-2", "Completed")
        self.assertEqual(("completed", False), (report["outcome"], report["verified"]))
        self.assertTrue(os.path.exists(key))
        self.stop_all()


if __name__ == "__main__":
    unittest.main()
