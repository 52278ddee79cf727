"""Targets: options are checked against what the agent told of its plugin; groups find agents; the configuration is exported."""
import json
import os
import unittest

from base import ResourceStory
from lib.agent import Agent
from lib.fleet import BUILD
from lib.processes import run


class Targets(ResourceStory):
    def agent(self, name, **facts):
        agent = Agent(self.folder, self.control, name)
        self.assertEqual(agent.enrol()[0], 201)
        status, body = agent.ask("POST", f"/api/v1/agents/{agent.id}/heartbeat", facts)
        self.assertIn(status, (200, 204), body)
        return agent

    @staticmethod
    def nginx():
        about = json.loads(run([os.path.join(BUILD, "bin", "certctl-plugin"), "describe", "--json",
                                os.path.join(BUILD, "plugins", "certctl-target-nginx.so")]))
        return {"id": "nginx", "kind": "target", "version": about["version"], "abi": about["abi"], "summary": about["summary"],
                "options": about["options"], "item_options": about["item_options"]}

    def refuse(self, method, path, body, fields, words=""):
        status, _, document = self.ask(method, path, body)
        self.assertEqual((status, self.fields_of(document)), (400, sorted(fields)), document)
        self.assertIn(words, json.dumps(document))

    def test_targets_fit_what_their_agent_has(self):
        self.agent("a", version="1.4.2", os="Debian GNU/Linux 12", architecture="x86_64", hostname="a", plugins=[self.nginx()])
        self.agent("b", version="1.10.0", os="Alpine", architecture="aarch64", hostname="b", plugins=[])
        web = {"name": "Web", "type": "nginx", "agent_id": "agent-a"}
        self.refuse("POST", "/api/v1/targets", {**web, "agent_id": "agent-none"}, ["agent_id"], "there is no 'agent-none'")
        self.refuse("POST", "/api/v1/targets", {**web, "type": "apache"}, ["type"], "it has: nginx")
        self.refuse("POST", "/api/v1/targets", {**web, "options": {"nothing": 1, "reload": 7}}, ["options.nothing", "options.reload"])
        made = self.expect(201, "POST", "/api/v1/targets", {**web, "id": "tgt-a"})[1]
        self.assertEqual(made["options"], {})
        # What an agent has not told of yet is its own to judge.
        self.expect(201, "POST", "/api/v1/targets", {"id": "tgt-b", "name": "Other", "type": "apache", "agent_id": "agent-b", "options": {"x": 1}})
        self.refuse("PATCH", "/api/v1/targets/tgt-a", {"agent_id": "agent-b", "type": "apache"}, ["agent_id", "type"], "cannot be changed")
        self.refuse("PATCH", "/api/v1/targets/tgt-a", {"options": {"nothing": True}}, ["options.nothing"])
        self.assertEqual(self.expect(200, "PATCH", "/api/v1/targets/tgt-a", {"name": "Front"})[1]["name"], "Front")
        self.assertEqual([row["id"] for row in self.expect(200, "GET", "/api/v1/targets?agent_id=agent-b")[1]["data"]], ["tgt-b"])

        self.expect(201, "POST", "/api/v1/certificates", {"id": "mc-a", "name": "a", "sans": ["a.example.com"], "target_ids": ["tgt-a"]})
        self.assertIn("used by 1 certificate: mc-a", self.expect(409, "DELETE", "/api/v1/targets/tgt-a")[1]["detail"])
        self.expect(204, "DELETE", "/api/v1/targets/tgt-b")
        plugins = self.expect(200, "GET", "/api/v1/plugins")[1]["data"]
        told = [row for row in plugins if row.get("where") == "agents"]
        self.assertEqual([(row["id"], row["kind"], row["agents"]) for row in told], [("nginx", "target", 1)])
        self.assertTrue(told[0]["schema"]["properties"])
        self.check_groups()
        self.check_export()
        self.stop_all()

    def check_groups(self):
        """Who belongs is asked anew each time; conditions hold together."""
        self.expect(201, "POST", "/api/v1/agent-groups", {"id": "ag-a", "name": "A"})
        for conditions, expected in (
                ({}, ["agent-a", "agent-b"]), ({"match_version": "1.4"}, ["agent-a"]), ({"match_version": "1"}, ["agent-a", "agent-b"]),
                ({"match_version": "1.1"}, []), ({"match_version": ">=1.4.2"}, ["agent-a", "agent-b"]), ({"match_version": ">1.4.2"}, ["agent-b"]),
                ({"match_version": "<1.10"}, ["agent-a"]), ({"match_version": "=1.10"}, ["agent-b"]), ({"match_version": "<=1.4"}, []),
                ({"match_cidr": "127.0.0.0/8"}, ["agent-a", "agent-b"]), ({"match_cidr": "10.0.0.0/8"}, []), ({"match_cidr": "::/0"}, []),
                ({"match_architecture": "aarch64"}, ["agent-b"]), ({"match_os": "Alpine", "match_version": "1.4"}, []),
                ({"match_os": "Alpine", "match_cidr": "127.0.0.1/32"}, ["agent-b"])):
            self.expect(200, "PUT", "/api/v1/agent-groups/ag-a", {"name": "A", **conditions})
            rows = self.expect(200, "GET", "/api/v1/agent-groups/ag-a/agents")[1]["data"]
            self.assertEqual([row["id"] for row in rows], expected, conditions)

    def check_export(self):
        self.expect(201, "POST", "/api/v1/profiles", {"id": "prof-a", "name": "on", "description": "it's: \"quoted\" #"})
        self.connection.request("GET", "/api/v1/configuration/export?format=json", None, {"Authorization": f"Bearer {self.key}"})
        reply = self.connection.getresponse()
        documents = json.loads(reply.read())
        self.assertEqual([(row["kind"], row["id"]) for row in documents],
                         [("agent-group", "ag-a"), ("profile", "prof-a"), ("issuer", "iss-local"), ("target", "tgt-a")])
        self.assertNotIn("created_at", documents[0])
        # What is exported makes the same again.
        profile = {name: value for name, value in documents[1].items() if name != "kind"}
        tag = self.expect(200, "GET", "/api/v1/profiles/prof-a")[0]["ETag"]
        self.assertEqual(self.expect(200, "PUT", "/api/v1/profiles/prof-a", profile)[0]["ETag"], tag)
        self.connection.request("GET", "/api/v1/configuration/export", None, {"Authorization": f"Bearer {self.key}"})
        reply = self.connection.getresponse()
        text = reply.read().decode()
        self.assertEqual((reply.status, reply.headers["Content-Type"]), (200, "application/yaml"))
        self.assertEqual(text.count("---\n"), 4)
        self.assertIn('name: "on"\n', text)
        self.expect(400, "GET", "/api/v1/configuration/export?format=xml")


if __name__ == "__main__":
    unittest.main()
