#!/usr/bin/env python3
"""How agents come, are seen, enrol anew and leave."""
import os
import threading
import time
import unittest

from lib.agent import Agent
from lib.client import ApiError
from lib.fleet import ControlPlane, Host
from lib.invariants import assert_invariants
from lib.processes import eventually
from lib.story import Story

EXIT_RETIRED = 77


class Fleet(Story):
    def setUp(self):
        super().setUp()
        self.control = ControlPlane(self.folder)
        self.keep(self.control.start())
        self.api = self.control.api

    def agent(self, name):
        agent = Agent(self.folder, self.control, name)
        status, body = agent.enrol()
        self.assertEqual(status, 201, body)
        return agent

    def order(self, agent, name):
        self.api.post("/api/v1/certificates", {"id": "mc-" + name, "name": name, "sans": [name + ".example.com"],
                                               "agent_ids": [agent.id]}, expect=201)

    def actions(self, kind, identifier):
        return [row["action"] for row in self.api.all(f"/api/v1/audit?resource_type={kind}&resource_id={identifier}")]

    def refusal(self, status, method, path, body=None):
        with self.assertRaises(ApiError) as caught:
            self.api.ask(method, path, body)
        self.assertEqual(status, caught.exception.status, caught.exception)
        return caught.exception.body


class Seen(Fleet):
    def test_agents_are_listed_with_what_they_say_and_counted(self):
        a, b = self.agent("a"), self.agent("b")
        plugin = {"id": "nginx", "kind": "target", "version": "1", "abi": "1.0", "options": [], "item_options": None}
        facts = {"version": "9.9", "os": "plan9", "architecture": "mips", "hostname": "a.example.com", "plugins": [plugin]}
        self.assertEqual(204, a.ask("POST", f"/api/v1/agents/{a.id}/heartbeat", facts)[0])
        self.assertEqual(204, b.ask("POST", f"/api/v1/agents/{b.id}/heartbeat", {"problem": "worker: no such file"})[0])
        shown = self.api.get(f"/api/v1/agents/{a.id}")
        self.assertEqual(("healthy", "9.9", "plan9", "mips", "127.0.0.1"), (shown["status"], shown["version"], shown["os"],
                                                                         shown["architecture"], shown["ip_address"]))
        self.assertEqual([plugin], shown["plugins"])
        shown = self.api.get(f"/api/v1/agents/{b.id}")
        self.assertEqual(("error", "worker: no such file"), (shown["status"], shown["problem"]))
        for condition, ids in (("status=healthy", [a.id]), ("status=error", [b.id]), ("os=plan9", [a.id]), ("version=9.9", [a.id]),
                               ("architecture=vax", []), ("name=b", [b.id])):
            self.assertEqual(ids, [row["id"] for row in self.api.all("/api/v1/agents?" + condition)], condition)
        self.api.post("/api/v1/agent-groups", {"id": "ag-mips", "name": "mips", "match_architecture": "mips"}, expect=201)
        for condition, ids in (("q=PLAN9", [a.id]), ("q=no+such", [b.id]), ("plugin=nginx", [a.id]), ("group_id=ag-mips", [a.id]),
                               ("hostname=a.example.com", [a.id]), ("created_after=2020-01-01T00:00:00Z&sort=-name", [b.id, a.id]),
                               ("last_heartbeat_before=2020-01-01", []), ("status=offline", []), ("sort=status,name", [b.id, a.id])):
            self.assertEqual(ids, [row["id"] for row in self.api.all("/api/v1/agents?" + condition)], condition)
        page = self.api.get("/api/v1/agents?fields=id,lastHeartbeatAt&page=2&per_page=1&sort=id")
        self.assertEqual((2, [b.id], {"id", "last_heartbeat_at"}), (page["total"], [row["id"] for row in page["data"]], set(page["data"][0])))
        for bad in ("status=well", "sort=plugins", "colour=red", "fields=secret"):
            self.refusal(400, "GET", "/api/v1/agents?" + bad)
        counts = self.api.get("/api/v1/agents-summary")
        self.assertEqual((2, {"healthy": 1, "error": 1}), (counts["total"], counts["by_status"]))
        self.assertEqual(1, counts["by_version"]["9.9"])
        # What it said before is a sign of life; that nothing is wrong any more is news.
        self.assertEqual(204, b.ask("POST", f"/api/v1/agents/{b.id}/heartbeat", {})[0])
        self.assertEqual("healthy", self.api.get(f"/api/v1/agents/{b.id}")["status"])
        self.order(a, "one")
        recent = self.api.get(f"/api/v1/agents/{a.id}")["recent_jobs"]
        self.assertEqual([("Issuance", "mc-one")], [(job["type"], job["certificate_id"]) for job in recent])
        self.stop_all()

    def test_an_idle_poll_is_a_sign_of_life_that_costs_no_statement_of_its_own(self):
        a = self.agent("a")
        self.assertIsNone(self.api.get(f"/api/v1/agents/{a.id}")["last_heartbeat_at"])
        self.assertEqual((204, None), a.work(0))
        eventually("it is written", lambda: self.api.get(f"/api/v1/agents/{a.id}")["last_heartbeat_at"])
        self.assertEqual([], [row for row in self.api.all("/api/v1/audit?type=api_call") if row["actor"] == a.id])
        self.stop_all()


class Tokens(Fleet):
    def test_a_token_can_be_revoked_until_it_is_used(self):
        a, b = Agent(self.folder, self.control, "a"), self.agent("b")
        ids = {row["agent_id"]: row for row in self.api.all("/api/v1/enrollment-tokens")}
        self.assertEqual(("unused", "used"), (ids[a.id]["status"], ids[b.id]["status"]))
        self.assertNotIn("token", ids[a.id])
        one = self.api.get("/api/v1/enrollment-tokens/" + ids[a.id]["id"])
        self.assertEqual((ids[a.id]["id"], "unused"), (one["id"], one["status"]))
        self.assertNotIn("token", one)
        for condition, agents in ((f"agent_id={b.id}", [b.id]), ("status=unused", [a.id]), (f"used_by={b.id}", [b.id]),
                                  ("sort=-agent_id", [b.id, a.id]), ("q=agent-a", [a.id]), ("expires_before=2020-01-01", [])):
            self.assertEqual(agents, [row["agent_id"] for row in self.api.all("/api/v1/enrollment-tokens?" + condition)], condition)
        self.refusal(409, "DELETE", "/api/v1/enrollment-tokens/" + ids[b.id]["id"])
        for _ in range(2):
            self.api.ask("DELETE", "/api/v1/enrollment-tokens/" + ids[a.id]["id"], expect=204)
        self.refusal(404, "DELETE", "/api/v1/enrollment-tokens/et-nobody")
        self.assertEqual(403, a.enrol()[0])
        self.assertEqual(["revoked"], [row["status"] for row in self.api.all("/api/v1/enrollment-tokens?status=revoked")])
        self.assertEqual(["enrollment_token_created", "enrollment_token_revoked"],
                         sorted(self.actions("enrollment_token", ids[a.id]["id"])))
        self.stop_all()

    def test_an_agent_that_lost_its_identity_enrols_anew_and_the_lost_one_is_refused(self):
        a = self.agent("a")
        os.mkdir(os.path.join(self.folder, "anew"))
        again = Agent(os.path.join(self.folder, "anew"), self.control, "a")  # the same id, another key
        self.assertEqual(204, a.work(0)[0])
        status, body = again.enrol()
        self.assertEqual((201, a.id), (status, body["agent_id"]))
        self.assertEqual(204, again.work(0)[0])
        eventually("what servers remember of it is gone", lambda: a.work(0)[0] == 401, 60)
        self.assertIn("agent_updated", self.actions("agent", a.id))
        self.stop_all()


class Retired(Fleet):
    def test_a_retired_agent_is_refused_everywhere_and_its_jobs_end(self):
        a = self.agent("a")
        self.order(a, "one")
        job = a.work(30)[1]["jobs"][0]
        replies = []
        poll = threading.Thread(target=lambda: replies.append(a.work(55, job["id"])))
        poll.start()
        time.sleep(1)
        self.refusal(409, "DELETE", "/api/v1/agents/" + a.id)
        shown = self.api.post(f"/api/v1/agents/{a.id}/retire", None)
        self.assertEqual("retired", shown["status"])
        poll.join(60)
        self.assertEqual((403, "agent_retired"), (replies[0][0], replies[0][1]["code"]), "the poll that waited")
        ended = self.api.get(f"/api/v1/jobs/{job['id']}")
        self.assertEqual(("Cancelled", "agent retired"), (ended["status"], ended["hold_reason"]))
        for method, path, body in (("GET", "work?wait=0", None), ("POST", "heartbeat", {}), ("POST", "renew", {"csr": a.csr()})):
            status, reply = a.ask(method, f"/api/v1/agents/{a.id}/{path}", body)
            self.assertEqual((403, "agent_retired"), (status, reply["code"]), path)
        first = shown["retired_at"]
        self.assertEqual(first, self.api.post(f"/api/v1/agents/{a.id}/retire", None)["retired_at"])
        self.assertEqual(1, self.actions("agent", a.id).count("agent_retired"))
        self.refusal(404, "POST", "/api/v1/agents/agent-nobody/retire")
        self.api.ask("DELETE", "/api/v1/agents/" + a.id, expect=204)
        self.refusal(404, "GET", "/api/v1/agents/" + a.id)
        self.assertEqual([], self.api.all("/api/v1/agents"))
        # Its id is never given again.
        os.mkdir(os.path.join(self.folder, "taken"))
        taken = Agent(os.path.join(self.folder, "taken"), self.control, "a")
        self.assertEqual(409, taken.enrol()[0])
        assert_invariants(self, self.control.state)
        self.stop_all()

    def test_the_program_stops_by_itself_and_says_why(self):
        host = Host(self.folder, self.control, "web-1", paths=[], commands=[])
        token = self.api.post("/api/v1/enrollment-tokens", {"agent_id": "agent-web"}, expect=201)["token"]
        host.enrol_with(token)
        self.keep(host.start_worker())
        agent = host.start_agent()
        eventually("the agent is healthy", lambda: self.api.get("/api/v1/agents/agent-web")["status"] == "healthy")
        self.api.post("/api/v1/agents/agent-web/retire", None)
        eventually("the agent stops", lambda: not agent.is_running(), 60)
        self.assertEqual(EXIT_RETIRED, agent.stop())
        self.assertIn("retired", agent.output())
        again = host.start_agent()
        eventually("it stops again", lambda: not again.is_running(), 60)
        self.assertEqual(EXIT_RETIRED, again.stop())
        self.stop_all()


if __name__ == "__main__":
    unittest.main()
