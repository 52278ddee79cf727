#!/usr/bin/env python3
"""Bad input of 24 classes on every route that the server describes: always 4xx and a problem, nothing written, nobody hurt."""
import collections
import json
import os
import re
import ssl
import threading
import unittest

import classes
import document
import wire
from lib.agent import Agent
from lib.client import ApiError
from lib.fleet import ControlPlane
from lib.invariants import ask, assert_invariants
from lib.story import Story

CONNECTIONS = 4
ROUTES_AT_ONCE = 10
SHOWN = 60

# What one row of every table comes to, but the trail, what only says that somebody was here, and what plugins keep for themselves when
# they are first opened.
STATE = """
SELECT c.relname || ' ' || (xpath('//r/text()', query_to_xml(format(
	'SELECT count(*) || '':'' || coalesce(md5(string_agg(x, '''' ORDER BY x)), '''') AS r FROM (SELECT (to_jsonb(t) - %L::text[])::text AS x FROM public.%I t) s',
	'{last_used_at,last_heartbeat_at}', c.relname), false, true, '')))[1]::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname = 'public' AND c.relname !~ '^(audit_|timers|idempotency|connector_state)' ORDER BY 1
"""

# Nothing of the house may show.
INTERNAL = re.compile(rb"SELECT |INSERT |UPDATE |violates|relation \"|SQLSTATE|column \"|\.c:\d|/work/|/usr/|postgres", re.I)

Case = collections.namedtuple("Case", "route class_name where value verdict octets")


class Matrix(Story):
    def setUp(self):
        super().setUp()
        os.environ["CERTCTL_HTTP_KEY_RATE"] = "0"  # how many there are is not what this is about
        self.control = ControlPlane(self.folder)
        self.keep(self.control.start())
        self.api = self.control.api
        self.api.get("/api/v1/issuers/iss-local")  # the first question opens its CA, which notes that it is there
        self.agent = Agent(self.folder, self.control, "matrix")
        self.assertEqual(self.agent.enrol()[0], 201)
        self.document = self.api.get("/api/v1/openapi.json")
        self.routes = document.routes(self.document)
        self.failures, self.lock = [], threading.Lock()
        self.counts, self.named = collections.Counter(), collections.Counter()
        self.known = {"agent": self.agent.id, "issuer": "iss-local"}
        self.seed()

    # --- something to be wrong about

    def seed(self):
        """One object of everything that can be made from its description alone; the rest is asked for under ids that are there."""
        self.api.post("/api/v1/targets", {"id": "tgt-matrix", "name": "matrix", "agent_id": self.agent.id, "type": "nginx",
                                          "options": {}}, expect=201)
        self.api.post("/api/v1/certificates", {"id": "mc-matrix", "name": "matrix", "sans": ["matrix.example.com"],
                                               "agent_ids": [self.agent.id]}, expect=201)
        self.known.update({"certificate": "mc-matrix", "target": "tgt-matrix"})
        for _ in range(2):  # some need others
            for route in self.routes:
                if route.method == "POST" and not route.parts() and not route.is_agents and route.media and route.path not in self.known:
                    self.make(route)

    def make(self, route):
        body = document.sample_body(route.body, self.known)
        try:
            made = self.api.post(route.path, body)
            if isinstance(made, dict) and made.get("id"):
                self.known[route.path] = made["id"]
                kind = re.sub("ies$", "y", route.path.rpartition("/")[2].replace("-", "_"))
                self.known.setdefault(kind.removesuffix("s"), made["id"])
        except ApiError:
            pass

    def id_for(self, route, part):
        """An object that is there, where one is."""
        prefix = route.path.split("/{" + part + "}")[0]
        if prefix in self.known:
            return self.known[prefix]
        if prefix.endswith("/agents") or prefix.endswith("/jobs"):
            found = {"agents": self.agent.id}.get(prefix.rpartition("/")[2]) or self.first("/api/v1/jobs")
        else:
            found = self.first(prefix)
        self.known[prefix] = found or "none"
        return self.known[prefix]

    def first(self, path):
        try:
            return self.api.get(path + "?limit=1")["data"][0]["id"]
        except (ApiError, KeyError, IndexError, TypeError):
            return None

    # --- cases

    def target(self, route, changed=None, escaped=None):
        path = route.path
        for part in route.parts():
            path = path.replace("{" + part + "}", escaped if part == changed else self.id_for(route, part))
        return path

    def case(self, route, class_name, where, value, verdict, target=None, body=b"", headers=None):
        sent = {"Accept": "application/json"}
        if not route.is_agents and not route.is_public:
            sent["Authorization"] = f"Bearer {self.api._key}"
        sent.update(headers or {})
        return Case(route, class_name, where, value, verdict,
                    wire.request(route.method, target or self.target(route), sent, body))

    def good(self, route):
        """A body and its headers for a route that takes one."""
        if not route.media:
            return {}
        body = self.body(route)
        return {"body": json.dumps(body).encode(), "headers": {"Content-Type": route.media}}

    def body(self, route):
        """The members that must be there: of an object that is replaced, as they are."""
        body = document.sample_body(route.body, self.known)
        if "type" in body:
            body["type"] = document.TYPES.get(route.path.split("/")[3], body["type"])
        if route.method == "PUT" and route.parts():
            shown = self.api.exchange("GET", self.target(route))[2] or {}
            body.update({name: shown[name] for name in body if shown.get(name) not in (None, "***")})
        return body

    def path_cases(self, route):
        for part in route.parts():
            for class_name, values in classes.PATH_PARTS.items():
                for value in values:
                    yield self.case(route, class_name, "path " + part, value, classes.REFUSED, self.target(route, part, value), **self.good(route))

    def query_cases(self, route):
        base = self.target(route)
        for class_name, query in (("unknown query parameter", "unheard=1"), ("unknown query parameter", "__proto__=1"),
                                  ("unknown query parameter", "limit%5B%5D=1"), ("NUL", "a%00=1"), ("bad UTF-8", "%ff=1")):
            yield self.case(route, class_name, "query", query, classes.REFUSED, f"{base}?{query}", **self.good(route))
        for name, schema in route.of("query"):
            is_text = schema.get("type") == "string" and not any(key in schema for key in ("enum", "pattern", "format"))
            is_strict = not is_text or name in ("cursor", "fields", "sort")
            for table, verdict in ((classes.QUERY_ALWAYS, classes.REFUSED), (classes.QUERY_TEXT, classes.REFUSED if is_strict else classes.DATA)):
                for class_name, values in table.items():
                    for value in classes.some(values):
                        if self.is_fine(schema, value):
                            continue
                        yield self.case(route, class_name, "query " + name, value, verdict, f"{base}?{name}={value}", **self.good(route))
            yield self.case(route, "duplicate keys", "query " + name, "twice", classes.REFUSED, f"{base}?{name}=1&{name}=1", **self.good(route))

    @staticmethod
    def is_fine(schema, value):
        kind = schema.get("x-certctl-type")
        return kind == "integer" and value == "-1" and schema.get("minimum", -1) <= -1

    def header_cases(self, route):
        # With a body that is bad as well: a header that is let pass must not let the request do anything.
        bad = {"body": b'{"no_such_member":1}', "headers": {"Content-Type": route.media}} if route.media else {"body": b"", "headers": {}}
        target = self.target(route) + "?unheard=1"
        if not route.is_public and not route.is_agents:
            for value in classes.AUTHORIZATIONS:
                yield self.case(route, "wrong type", "header Authorization", value, 401, None, bad["body"], {**bad["headers"], "Authorization": value})
        for name, values in (("Idempotency-Key", ("", "a" * 6000, "\xff", "a b")), ("If-Match", ("x", '"' + "a" * 6000 + '"')),
                             ("If-None-Match", ("x" * 6000,)), ("Prefer", ("wait=-1", "wait=99999999999999999999")),
                             ("X-Request-ID", ("\xe2\x80\xae", "a" * 6000)), ("Accept", ("\xff", "a" * 6000)), ("Origin", ("null", "<script>"))):
            for value in values:
                yield self.case(route, "very long" if len(value) > 1000 else "wrong type", "header " + name, value, classes.REFUSED, target,
                                bad["body"], {**bad["headers"], name: value})
        yield self.case(route, "very long", "headers", "40000", classes.REFUSED, target, b"", {"X-Long": "y" * 40000})

    def body_cases(self, route):
        if not route.media:
            return
        body = self.body(route)
        is_required = bool(route.body.get("required"))
        for class_name, octets, headers in classes.documents(body, route.media, is_required):
            # Without a member that must be there, an empty object says nothing.
            if class_name == "cyclic references" and not route.body.get("properties"):
                continue
            yield self.case(route, class_name, "body", octets[:80], classes.REFUSED, None, octets, headers)
        yield from self.member_cases(route, body, route.body.get("properties", {}), [])

    def member_cases(self, route, body, properties, above):
        for name, schema in properties.items():
            is_free = name == "id" and "pattern" in schema or (str(route), name) in classes.NOT_THERE_YET \
                or classes.SELECTS in route.path and name.endswith(("_id", "_ids"))
            for class_name, value, verdict in classes.members_for(schema):
                text = value[0] if isinstance(value, list) and len(value) == 1 else value
                if is_free and isinstance(text, str) and re.fullmatch("[a-z0-9][a-z0-9.-]{0,62}", text):
                    continue
                yield self.member_case(route, class_name, body, above + [name], value, verdict)
            kind = schema.get("x-certctl-refers-to")
            if kind and name != "id" and not is_free:
                own = self.target(route).split("/")
                yield self.member_case(route, "cyclic references", {**body}, above + [name], own[4] if len(own) > 4 and own[4] != self.known.get(kind)
                                       else "no-such-object", classes.REFUSED)
            if schema.get("properties") and len(above) < 2:
                inner = self.within(body, above + [name]) if isinstance(self.within(body, above + [name]), dict) else {}
                yield from self.member_cases(route, self.replaced(body, above + [name], inner), schema["properties"], above + [name])

    @staticmethod
    def within(body, names):
        for name in names:
            body = body.get(name) if isinstance(body, dict) else None
        return body

    @classmethod
    def replaced(cls, body, names, value):
        inner = cls.replaced(body.get(names[0], {}), names[1:], value) if len(names) > 1 else value
        return {**body, names[0]: inner}

    def member_case(self, route, class_name, body, names, value, verdict):
        octets = json.dumps(self.replaced(body, names, value)).encode()
        return self.case(route, class_name, "member " + ".".join(names), value, verdict, None, octets, {"Content-Type": route.media})

    def cases_of(self, route):
        yield from self.path_cases(route)
        yield from self.query_cases(route)
        yield from self.header_cases(route)
        yield from self.body_cases(route)

    # --- answers

    def wires(self):
        context = ssl.create_default_context(cafile=self.control.ca_file)
        agents = ssl.create_default_context(cafile=self.control.ca_file)
        agents.load_cert_chain(self.agent.certificate, self.agent.key)
        return {False: wire.Wire(self.control.url, context), True: wire.Wire(self.control.agents_url, agents)}

    def fail_case(self, case, why):
        with self.lock:
            self.failures.append(f"{case.route}  {case.where}  {case.class_name}  {str(case.value)[:60]!r}: {why}")

    def answer(self, case, reply):
        with self.lock:
            self.counts[case.class_name] += 1
        try:
            self.judge(case, reply)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            self.fail_case(case, f"a reply that is none: {error!r}")

    def judge(self, case, reply):
        if isinstance(reply, Exception):
            return self.fail_case(case, f"no reply: {reply!r}")
        if 200 <= reply.status < 400 and case.verdict == classes.DATA:
            return self.check_data(case, reply)
        if case.verdict == 401 and reply.status not in (400, 401, 431):
            return self.fail_case(case, f"{reply.status} where no key was")
        if not 400 <= reply.status < 500 or reply.status == 429:
            return self.fail_case(case, f"{reply.status} {reply.body[:120]!r}")
        return self.check_problem(case, reply)

    def check_problem(self, case, reply):
        if reply.status in (414, 431) and case.route.is_agents and b"problem" not in reply.headers.get("content-type", "").encode():
            return None  # more than the small pool of an agent's connection: the library refuses it before we see it
        if reply.headers.get("content-type") != "application/problem+json":
            return self.fail_case(case, f"{reply.status} as {reply.headers.get('content-type')}: {reply.body[:80]!r}")
        try:
            problem = json.loads(reply.body)
        except ValueError:
            return self.fail_case(case, f"no JSON: {reply.body[:120]!r}")
        for name, kind in (("type", str), ("title", str), ("error", str), ("code", str), ("status", int), ("detail", str)):
            if not isinstance(problem.get(name), kind):
                return self.fail_case(case, f"problem without {name}: {reply.body[:200]!r}")
        if problem["status"] != reply.status or problem["error"] != problem["title"]:
            return self.fail_case(case, f"problem contradicts itself: {reply.body[:200]!r}")
        if "request_id" in problem and problem["request_id"] != reply.headers.get("x-request-id"):
            return self.fail_case(case, "request_id is another")
        # What was sent may be told back.
        if case.class_name not in ("SQL and shell", "traversal") and INTERNAL.search(reply.body):
            return self.fail_case(case, f"tells what is inside: {reply.body[:300]!r}")
        if case.where.startswith("member ") and reply.status in (400, 422):
            self.check_name(case, problem)

    def check_name(self, case, problem):
        """A refusal says which member; what is wrong with the text of the JSON has no member."""
        name = case.where.split(".")[0].split()[-1].removesuffix("s")
        said = problem["detail"] + json.dumps(problem.get("errors", ""))
        with self.lock:
            self.named["all"] += 1
            self.named["named"] += name in said or case.class_name in ("depth", "NUL")
        value = case.value[0] if isinstance(case.value, list) and len(case.value) == 1 else case.value
        is_by_form = not isinstance(value, str) and not problem["detail"].startswith("JSON ")
        if name not in said and is_by_form and case.class_name in ("wrong type", "huge integers", "negative"):
            self.fail_case(case, f"does not say which member: {said[:160]}")

    def check_data(self, case, reply):
        """Text that was taken comes back as it was, as data."""
        media = reply.headers.get("content-type", "application/json")
        if reply.headers.get("x-content-type-options") != "nosniff" or "html" in media:
            return self.fail_case(case, f"could be taken for a page: {media}")
        if not case.where.startswith("member ") or not reply.body or "json" not in media:
            return None
        shown = self.within(json.loads(reply.body), case.where.split(" ")[1].split("."))
        # A name is kept as it stands in a certificate.
        if isinstance(shown, str) and isinstance(case.value, str) and shown not in ("***", case.value, case.value.lower()) and not shown.startswith("xn--"):
            return self.fail_case(case, f"came back as {shown[:60]!r}")
        return None

    # --- the story

    def state(self):
        return dict(line.split(" ", 1) for line in ask(self.control.state, STATE).splitlines())

    def run_cases(self, cases):
        wire.ask_all(cases, self.wires, self.answer, CONNECTIONS)

    def refuse_all(self):
        """A few routes at a time, so that a write has a name."""
        before, data = self.state(), []
        for at in range(0, len(self.routes), ROUTES_AT_ONCE):
            routes = self.routes[at:at + ROUTES_AT_ONCE]
            cases = [case for route in routes for case in self.cases_of(route)]
            data += [case for case in cases if case.verdict == classes.DATA]
            self.run_cases([case for case in cases if case.verdict != classes.DATA])
            after = self.state()
            for table in sorted(set(before) | set(after)):
                if before.get(table) != after.get(table):
                    self.failures.append(f"one of {', '.join(map(str, routes))} wrote to {table}: {before.get(table)} -> {after.get(table)}")
            before = after
        return data

    def assert_alive(self):
        self.assertTrue(self.control.process.is_running())
        self.assertEqual(self.api.get("/health")["status"], "ok")
        self.assertEqual(self.agent.work(0)[0] // 100, 2)
        words = ("http.failed", "assertion", "AddressSanitizer", "runtime error")
        self.assertEqual([], [line for line in self.control.process.output().splitlines() if any(word in line for word in words)])

    def test_bad_input_is_refused_everywhere_and_changes_nothing(self):
        data = self.refuse_all()
        self.run_cases(data)
        total = sum(self.counts.values())
        print(f"{total} requests to {len(self.routes)} routes, {len(data)} of them text that may be data: "
              + ", ".join(f"{name} {count}" for name, count in sorted(self.counts.items())))
        print(f"{self.named['named']} of {self.named['all']} refused members are named in the reply")
        self.assertEqual(0, len(self.failures), "answers are not as they should be:\n" + "\n".join(self.failures[:SHOWN]))
        self.assertEqual(24, len(self.counts), sorted(self.counts))
        self.assertGreater(total, 100 * len(self.routes))
        self.assert_alive()
        assert_invariants(self, self.control.state)
        self.stop_all()


if __name__ == "__main__":
    unittest.main()
