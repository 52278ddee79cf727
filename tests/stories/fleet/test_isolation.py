#!/usr/bin/env python3
"""Agent A tries every object of agent B, at every route that agents have: nothing is there, nothing changes, everything is recorded."""
import itertools
import json
import unittest

from lib.agent import Agent
from lib.fleet import ControlPlane
from lib.invariants import ask, assert_invariants
from lib.processes import eventually
from lib.story import Story

TABLES = ("agents", "agent_credentials", "jobs", "jobs_ended", "bindings", "placements", "certificate_versions", "certificate_keys",
          "managed_certificates", "targets", "destroyed_keys", "issuance_intents")
# A sign of life of A, counted; whatever else changes is a finding.
FORGET = {"agents": ("last_heartbeat_at", "empty_polls", "hostname", "os", "architecture", "version", "plugins", "problem", "ip_address")}


class Isolation(Story):
    def setUp(self):
        super().setUp()
        self.control = ControlPlane(self.folder)
        self.keep(self.control.start())
        self.api = self.control.api
        self.a, self.b = (self.agent(name) for name in "ab")

    def agent(self, name):
        agent = Agent(self.folder, self.control, name)
        self.assertEqual(201, agent.enrol()[0])
        return agent

    def state(self):
        rows = {}
        for table in TABLES:
            left = "".join(f" - '{column}'" for column in FORGET.get(table, ()))
            rows[table] = ask(self.control.state, f"SELECT (to_jsonb(t){left})::text FROM {table} t ORDER BY 1")
        return rows

    def routes(self):
        """Method, path and the schema of the body, of everything on the agents' listener behind an id."""
        api = self.api.get("/api/v1/openapi.json")
        for path, methods in api["paths"].items():
            for method, route in methods.items():
                if {"agent_certificate": []} not in route.get("security", []):
                    continue
                schema = route.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
                yield method.upper(), path, self.resolve(api, schema), [p["name"] for p in route.get("parameters", [])
                                                                       if p["in"] == "query"]

    def resolve(self, api, schema):
        while schema and "$ref" in schema:
            schema = api["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        if schema:
            schema = {**schema, "properties": {name: self.resolve(api, one) for name, one in schema.get("properties", {}).items()}}
            if "items" in schema:
                schema["items"] = self.resolve(api, schema["items"])
        return schema

    def things_of_b(self):
        """One of every kind that B has, in its most tempting state: a job that awaits its request, a deployment that runs."""
        self.api.post("/api/v1/targets", {"id": "tgt-b", "name": "b", "type": "nginx", "agent_id": self.b.id}, expect=201)
        self.api.post("/api/v1/certificates", {"id": "mc-b", "name": "b", "sans": ["b.example.com"], "target_ids": ["tgt-b"]}, expect=201)
        self.api.post("/api/v1/certificates", {"id": "mc-c", "name": "c", "sans": ["c.example.com"], "target_ids": ["tgt-b"]}, expect=201)
        jobs = eventually("both", lambda: (lambda found: found if len(found) == 2 else None)(self.b.work(5)[1]["jobs"]), 60)
        waiting = next(job for job in jobs if job["certificate"]["id"] == "mc-c")
        job = next(job for job in jobs if job["certificate"]["id"] == "mc-b")
        csr = self.b.csr("-addext", "subjectAltName=DNS:b.example.com", key=self.b.new_key("b-b"))
        self.b.ask("POST", f"/api/v1/agents/{self.b.id}/csr", {"job_id": job["id"], "token": job["token"], "csr": csr},
                   headers={"Prefer": "wait=30"})
        deployment = eventually("a deployment", lambda: next(job for job in self.b.work(5)[1]["jobs"] if job["step"] == "deploy"), 60)
        return {"agent": self.b.id, "awaiting": waiting, "running": deployment, "ended": job,
                "binding": deployment["binding"]["id"], "version": deployment["version"]["id"],
                "placement": ask(self.control.state, "SELECT id FROM placements WHERE certificate_id = 'mc-b'"),
                "fingerprint": deployment["version"]["fingerprint_sha256"]}

    def sample(self, schema, name, job, of_b):
        """A body that would be right if the objects were A's own."""
        known = {"token": job["token"], "job_id": job["id"], "state": "Failed", "binding_id": of_b["binding"], "certificate_id": "mc-b",
                 "csr": self.request, "served_fingerprint": "0" * 64, "public_key_sha256": "1" * 64,
                 "destroyed_at": "2026-01-01T00:00:00Z", "report": {"outcome": "refused", "steps": []}}
        if name in known:
            return known[name]
        if schema.get("type") == "array":
            return [self.sample(schema["items"], None, job, of_b)]
        if schema.get("type") == "object":
            return {member: self.sample(one, member, job, of_b) for member, one in schema["properties"].items()
                    if member in schema.get("required", []) or member in known}
        return "x"

    def attempts(self, of_b):
        """Every route with B's id in the path, then with A's and everything of B's behind it."""
        jobs = [of_b["awaiting"], of_b["running"], of_b["ended"]]
        kinds = [job["id"] for job in jobs] + [of_b[kind] for kind in ("agent", "binding", "version", "placement")] + ["mc-b", "tgt-b"]
        for method, path, schema, query in self.routes():
            others = [part for part in ("{job}",) if part in path]
            for agent, job, kind in itertools.product((self.b.id, self.a.id), jobs, kinds if others else [None]):
                where = path.replace("{id}", agent).replace("{job}", kind or "")
                body = self.sample(schema, None, job, of_b) if schema else None
                names_b = agent == self.b.id or others or (body and any(
                    text in json.dumps(body) for text in (job["id"], of_b["binding"], "mc-b")))
                if names_b or method == "GET":  # what names nothing of B's is A's own business
                    yield method, where, body, bool(names_b)
            for name, kind in itertools.product(query, kinds):
                if name != "wait":
                    yield method, path.replace("{id}", self.a.id) + f"?{name}={kind}", None, False

    def test_no_route_gives_one_agent_what_is_anothers(self):
        of_b = self.things_of_b()
        self.request = self.a.csr("-addext", "subjectAltName=DNS:c.example.com")
        before, count, recorded = self.state(), 0, 0
        self.assertGreaterEqual(len(list(self.routes())), 8)
        for method, path, body, names_b in self.attempts(of_b):
            status, reply = self.a.ask(method, path, body)
            where = f"{method} {path} {json.dumps(body)[:200]}: {status} {reply}"
            if names_b:
                self.assertEqual(404, status, where)
            self.assertLess(status, 500, where)
            for word in ("mc-b", "tgt-b", "b.example.com", "c.example.com", of_b["fingerprint"]):
                self.assertNotIn(word, json.dumps((reply or {}).get("data", (reply or {}).get("jobs"))), where)
            count, recorded = count + 1, recorded + bool(names_b)
        self.assertGreater(count, 50)
        after = self.state()
        for table in TABLES:
            self.assertEqual(before[table], after[table], table)
        calls = [row for row in self.api.all("/api/v1/audit?type=api_call") if row["actor"] == self.a.id and
                 row["details"]["status_code"] == 404]
        self.assertEqual(recorded, len(calls))
        print(f"{count} attempts at {len(list(self.routes()))} routes, {recorded} of them refused with 404 and recorded")
        assert_invariants(self, self.control.state)
        self.stop_all()


if __name__ == "__main__":
    unittest.main()
