"""
Every route of the description, asked by every role, and by a key with limits for what is its own and what is not.

A route that is new is tested by being there.  One of a new kind fails until KINDS says whose it is; a write of a scoped kind that
needs a body to be understood has it in BODIES.
"""
import os
import re
import shutil
import unittest

from lib.agent import Agent
from lib.fleet import BUILD, ControlPlane
from lib.processes import eventually
from lib.story import Story

ROLES = ("admin", "operator", "viewer", "auditor")
WRITES = ("POST", "PUT", "PATCH", "DELETE")

# Whose are they?  "scoped": a limit names them, or the certificate they hang on; what is outside is not there.  "fixed": seen as far as the
# limits go, and changed without limits only.  "open": nobody's; read by all, changed without limits only.  "closed": not for keys with limits.
KINDS = {
    "certificates": "scoped", "bulk-renewals": "scoped", "jobs": "scoped", "deployments": "scoped", "alarms": "scoped", "teams": "scoped", "owners": "scoped",
    "issuers": "fixed", "profiles": "fixed",
    "targets": "open", "agents": "open", "agents-summary": "open", "agent-groups": "open", "policies": "open", "notifiers": "open",
    "notifications": "open", "plugins": "open", "enrollment-tokens": "open", "doctor": "open", "stats": "open", "metrics": "open",
    "auth": "open", "configuration": "open",
    "audit": "closed", "api-keys": "closed",
}

# What a handler wants to hear before it looks for the object.
BODIES = {
    "PATCH /api/v1/certificates/{id}": {"environment": "changed"},
    "PUT /api/v1/certificates/{id}": {"name": "changed", "sans": ["changed.example.com"], "agent_ids": ["agent-a"], "issuer_id": "iss-local",
                                        "team_id": "t-own", "profile_id": "prof-own"},
    "PATCH /api/v1/teams/{id}": {"description": "changed"},
    "PUT /api/v1/teams/{id}": {"name": "changed"},
    "PATCH /api/v1/owners/{id}": {"email": "changed@example.com"},
    "PUT /api/v1/owners/{id}": {"name": "changed", "email": "changed@example.com", "team_id": "t-own"},
    "POST /api/v1/certificates/{id}/export/pkcs12": {"password": "a password of some length"},
    "POST /api/v1/certificates/{id}/revoke": {"reason": "superseded"},
    "POST /api/v1/jobs/{id}/reject": {"reason": "no"},
}


class Matrix(Story):
    maxDiff = None

    def setUp(self):
        super().setUp()
        self.control = ControlPlane(self.folder)
        # An issuer that may be made over the API, beside the one that is always there.
        plugins = os.path.join(self.folder, "plugins")
        os.makedirs(plugins, 0o755)
        shutil.copy(os.path.join(BUILD, "zoo", "certctl-issuer-good.so"), plugins)
        self.control.environment = {"CERTCTL_PLUGINS_DIRS": os.path.abspath(os.path.join(BUILD, "plugins")) + "," + plugins}
        self.keep(self.control.start())
        self.api = self.control.api
        self.routes = self.read_routes()

    def read_routes(self):
        """Of operators: method, path, the roles that may call it, whether it is a list."""
        routes = []
        for path, methods in self.api.get("/api/v1/openapi.json")["paths"].items():
            for method, about in methods.items():
                if "servers" in about or not about["security"]:
                    continue
                roles = re.match("For the roles (.*)\\.", about["description"]).group(1).split(", ")
                routes.append((method.upper(), path, roles))
        self.assertGreater(len(routes), 30)
        return routes

    @staticmethod
    def kind_of(path):
        return re.sub("^/(api/v1/)?", "", path).split("/")[0]

    def make_key(self, name, role, limits=None):
        body = {"name": name, "role": role, **({"limits": limits} if limits else {})}
        return self.kept(self.api.post("/api/v1/api-keys", body, expect=201)["key"])

    def kept(self, key):
        caller = self.api.with_key(key).kept()
        self.addCleanup(caller.close)
        return caller

    def test_every_role_gets_what_is_its_own_and_nothing_else(self):
        wrong = []
        nobody = self.kept(None)
        callers = {role: self.make_key(f"a {role}", role) for role in ROLES}
        for method, path, roles in self.routes:
            at = re.sub("{.*?}", "none", path)
            # A list is no body of ours: nothing happens.
            body = [] if method in ("POST", "PUT", "PATCH") else None
            for role, caller in callers.items():
                status = caller.exchange(method, at, body)[0]
                is_good = status not in (401, 403, 500) if role in roles else status == 403
                if not is_good:
                    wrong.append(f"{role}: {method} {path}: {status}")
            if nobody.exchange(method, at, body)[0] != 401:
                wrong.append(f"nobody: {method} {path}")
        self.assertEqual([], wrong)
        self.stop_all()

    def prepare(self):
        """Two of everything that a limit can tell apart: one that is the limited key's own, one that is not."""
        api, ids = self.api, {}
        for whose in ("own", "other"):
            api.post("/api/v1/teams", {"id": f"t-{whose}", "name": f"team {whose}"}, expect=201)
            api.post("/api/v1/owners", {"id": f"o-{whose}", "name": f"owner {whose}", "email": f"{whose}@example.com", "team_id": f"t-{whose}"}, expect=201)
            api.post("/api/v1/profiles", {"id": f"prof-{whose}", "name": f"profile {whose}"}, expect=201)
        agent = Agent(self.folder, self.control, "a")
        self.assertEqual(agent.enrol()[0], 201)
        for whose in ("own", "other"):
            job = agent.issue(whose)
            self.assertEqual(job["status"], "Completed")
            api.ask("PATCH", f"/api/v1/certificates/mc-{whose}", {"team_id": f"t-{whose}", "profile_id": f"prof-{whose}", "owner_id": f"o-{whose}"})
            deployment = api.get(f"/api/v1/certificates/mc-{whose}/deployments")["data"][0]
            version = api.get(f"/api/v1/certificates/mc-{whose}/versions")["data"][0]
            ids[whose] = {"certificates": f"mc-{whose}", "jobs": job["id"], "deployments": deployment["id"], "teams": f"t-{whose}", "owners": f"o-{whose}",
                          "profiles": f"prof-{whose}", "version": version["id"]}
            ids[whose]["alarms"] = self.make_alarm(agent, whose)
        api.post("/api/v1/issuers", {"id": "iss-other", "name": "issuer other", "type": "good"}, expect=201)
        ids["own"]["issuers"], ids["other"]["issuers"] = "iss-local", "iss-other"
        # Not another's, but nobody's: no limit names it either.
        agent.issue("nobodys")
        self.limits = {"team_ids": ["t-own"], "profile_ids": ["prof-own"], "issuer_ids": ["iss-local"]}
        return ids

    def make_alarm(self, agent, whose):
        """Of a certificate whose request cannot be made."""
        certificate = f"mc-broken-{whose}"
        self.api.post("/api/v1/certificates", {"id": certificate, "name": certificate, "sans": [f"broken-{whose}.example.com"], "agent_ids": [agent.id],
                                               "team_id": f"t-{whose}", "profile_id": f"prof-{whose}"}, expect=201)
        job = eventually("the job", lambda: [job for job in (agent.work(30)[1] or {"jobs": []})["jobs"] if job["certificate"]["id"] == certificate][0])
        error = {"code": "denied", "what": "this host makes no keys", "hint": "", "retryable": False}
        self.assertEqual(200, agent.ask("POST", f"/api/v1/agents/{agent.id}/jobs/{job['id']}/status",
                                        {"token": job["token"], "state": "Failed", "report": {"error": error}})[0])
        return self.api.get(f"/api/v1/alarms?certificate_id={certificate}")["data"][0]["id"]

    def state_of(self, ids):
        """Of what must not change: as an admin sees it."""
        return {kind: self.api.get(f"/api/v1/{kind}/{ids[kind]}") for kind in ("certificates", "jobs", "deployments", "teams", "owners", "profiles", "issuers")} | {
            "alarms": [row for row in self.api.all("/api/v1/alarms") if row["id"] == ids["alarms"]]}

    def assert_untouched(self, before, ids):
        """Nothing is other than it was, and the server's own work apart there is no new job and no event."""
        self.assertEqual(before, self.state_of(ids))
        for kind in ("certificates", "jobs", "deployments"):
            made = [row for row in self.api.all(f"/api/v1/jobs?certificate_id={ids['certificates']}") if row["created_by"] == "limited"]
            self.assertEqual([], made)
            events = self.api.all(f"/api/v1/audit?actor=limited&resource_id={ids[kind]}&resource_type={kind[:-1]}")
            self.assertEqual([], events)

    def test_a_key_with_limits_sees_and_changes_what_they_name_and_nothing_else(self):
        ids = self.prepare()
        key = self.make_key("limited", "admin", self.limits)
        self.try_bodies(key, ids)
        self.try_routes(key, ids)
        self.stop_all()

    def try_routes(self, key, ids):
        before = self.state_of(ids["other"])
        wrong = []
        # What takes its own object away comes last.
        for method, path, _ in sorted(self.routes, key=lambda route: (WRITES.index(route[0]) + 1 if route[0] in WRITES else 0, route[1])):
            kind = self.kind_of(path)
            self.assertIn(kind, KINDS, f"{method} {path}: whose is it? say so in KINDS")
            for text in self.check_route(key, method, path, kind, ids):
                wrong.append(f"{method} {path}: {text}")
        self.assertEqual([], wrong)
        self.assert_untouched(before, ids["other"])

    def check_route(self, key, method, path, kind, ids):
        body = BODIES.get(f"{method} {path}", {}) if method in ("POST", "PUT", "PATCH") else None
        whose, is_write = KINDS[kind], method in WRITES
        is_one = "{id}" in path

        def ask(owner):
            return key.exchange(method, path.replace("{id}", ids[owner].get(kind, "none")), body)

        if whose == "closed" or (is_write and whose in ("open", "fixed")):
            status = ask("own")[0]
            return [] if status == 403 else [f"{status}, 403 expected of a key with limits"]
        if whose == "open":
            status = ask("own")[0]
            return [] if status not in (401, 403, 500) else [f"{status}"]
        if is_one:
            other, own = ask("other"), ask("own")
            return ([f"{other[0]} for somebody else's, 404 expected: {other[2]}"] if other[0] != 404 else []) + \
                   ([f"{own[0]} for its own: {own[2]}"] if kind in ids["own"] and own[0] in (401, 403, 404, 500) else [])
        if method == "GET":
            status, _, page = ask("own")
            seen = {row["id"] for row in page["data"]} if status == 200 else set()
            return ([f"{status}"] if status != 200 else []) + \
                   (["somebody else's is in the list"] if ids["other"].get(kind) in seen or "mc-nobodys" in seen else []) + \
                   (["its own is not in the list"] if kind in ids["own"] and ids["own"][kind] not in seen else [])
        return []

    def try_bodies(self, key, ids):
        """Nothing is made outside of the limits, or reached through a body."""
        before, other = self.state_of(ids["other"]), ids["other"]
        made = {"name": "made", "sans": ["made.example.com"], "agent_ids": ["agent-a"], "issuer_id": "iss-local"}
        inside = {"team_id": "t-own", "profile_id": "prof-own"}
        for method, path, body, allowed in (
                ("POST", "/api/v1/certificates", {**made, **inside, "team_id": "t-other"}, (403, 404)),
                ("POST", "/api/v1/certificates", {**made, **inside, "profile_id": "prof-other"}, (403, 404)),
                ("POST", "/api/v1/certificates", {**made, "profile_id": "prof-own"}, (403, 404)),
                ("POST", "/api/v1/certificates", {**made, **inside, "issuer_id": "iss-other"}, (403, 404)),
                ("PATCH", "/api/v1/certificates/mc-own", {"issuer_id": "iss-other"}, (403, 404)),
                ("PATCH", "/api/v1/certificates/mc-own", {"team_id": "t-other"}, (403, 404)),
                ("PATCH", "/api/v1/certificates/mc-own", {"team_id": None}, (403, 404)),
                ("POST", "/api/v1/teams", {"name": "made"}, (403,)),
                ("POST", "/api/v1/owners", {"name": "made", "email": "a@example.com", "team_id": "t-other"}, (403, 404)),
                ("POST", "/api/v1/owners", {"name": "made", "email": "a@example.com"}, (403, 404)),
                ("PATCH", "/api/v1/owners/o-own", {"team_id": "t-other"}, (403, 404)),
                ("POST", "/api/v1/deployments", {"certificate_id": other["certificates"], "target_ids": ["tgt-none"]}, (400, 403, 404)),
                ("POST", "/api/v1/certificates/mc-own/deploy", {"version_id": other["version"]}, (400, 403, 404, 409, 422)),
                ("GET", f"/api/v1/certificates/mc-own/export/pem?version_id={other['version']}", None, (404,)),
        ):
            with self.subTest(f"{method} {path} {body}"):
                status, _, reply = key.exchange(method, path, body)
                self.assertIn(status, allowed, reply)
        for path, body in (("/api/v1/certificates/bulk-renew", {"certificate_ids": ["mc-other"]}), ("/api/v1/certificates/bulk-renew", {"team_id": "t-other"}),
                           ("/api/v1/certificates/bulk-reassign", {"certificate_ids": ["mc-other"], "new_team_id": "t-own"}),
                           ("/api/v1/certificates/bulk-revoke", {"certificate_ids": ["mc-other"], "reason": "superseded"})):
            if ("POST", path) not in {route[:2] for route in self.routes}:
                continue
            with self.subTest(f"{path} {body}"):
                status, _, reply = key.exchange("POST", path, body)
                self.assertTrue(status in (403, 404) or reply["matched"] == 0, reply)
        self.assert_untouched(before, other)
        # A document of many kinds has no more in it than their lists.
        status, _, exported = key.exchange("GET", "/api/v1/configuration/export?format=json")
        self.assertEqual((status, [name for name in ("t-other", "o-other", "prof-other", "iss-other", "mc-other", "mc-nobodys") if name in str(exported)]), (200, []))
        self.assertIn("prof-own", str(exported))
        # And inside of them it works.
        self.assertEqual(key.exchange("POST", "/api/v1/certificates", {**made, **inside})[0], 201)
        self.assertEqual(key.exchange("POST", "/api/v1/owners", {"name": "made", "email": "a@example.com", "team_id": "t-own"})[0], 201)


if __name__ == "__main__":
    unittest.main()
