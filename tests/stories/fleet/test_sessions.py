#!/usr/bin/env python3
"""TLS sessions of agents: resumed with a ticket, also after a restart; who it is and whether it may is asked each time."""
import http.client
import json
import socket
import ssl
import time
import unittest
from urllib.parse import urlsplit

from lib.agent import Agent
from lib.fleet import ControlPlane
from lib.story import Story


class Answer:
    """Of one request on a connection of its own."""

    def __init__(self, url, context, path, session):
        where = urlsplit(url)
        plain = socket.create_connection((where.hostname, where.port), timeout=60)
        with context.wrap_socket(plain, server_hostname=where.hostname, session=session) as tls:
            connection = http.client.HTTPConnection(where.hostname, where.port)
            connection.sock = tls
            connection.request("GET", path)
            reply = connection.getresponse()
            raw = reply.read().decode()
            self.status, self.body = reply.status, json.loads(raw) if raw else None
            self.resumed, self.session = tls.session_reused, tls.session


class Sessions(Story):
    def setUp(self):
        super().setUp()
        self.control = ControlPlane(self.folder)
        self.keep(self.control.start())

    def enrolled(self, name):
        agent = Agent(self.folder, self.control, name)
        self.assertEqual(agent.enrol()[0], 201)
        return agent, self.context(agent)

    def context(self, agent=None):
        context = ssl.create_default_context(cafile=self.control.ca_file)
        if agent:
            context.load_cert_chain(agent.certificate, agent.key)
        return context

    def poll(self, context, session=None, agent="agent-a", url=None):
        return Answer(url or self.control.agents_url, context, f"/api/v1/agents/{agent}/work", session)

    def check(self, answer, status, resumed):
        self.assertEqual((answer.status, answer.resumed), (status, resumed), answer.body)
        return answer

    def test_an_agent_comes_back_with_its_session_also_after_a_restart(self):
        _, context = self.enrolled("a")
        first = self.check(self.poll(context), 204, False)
        again = self.check(self.poll(context, first.session), 204, True)
        # It is somebody, not anybody.
        self.check(self.poll(context, again.session, "agent-b"), 404, True)
        self.control.process.stop()
        self.keep(self.control.start())
        self.check(self.poll(context, again.session), 204, True)
        self.stop_all()

    def test_who_was_refused_meanwhile_is_refused_with_a_session_too(self):
        agent, context = self.enrolled("a")
        _, other = self.enrolled("b")
        known = self.check(self.poll(context), 204, False)
        leaving = self.check(self.poll(other, agent="agent-b"), 204, False)
        # It enrols anew: what its session says is the credential that was replaced.
        token = self.control.api.post("/api/v1/enrollment-tokens", {"agent_id": agent.id}, expect=201)["token"]
        self.assertEqual(agent.enrol(token=token)[0], 201)
        self.check(self.poll(self.context(agent)), 204, False)
        self.await_status(context, known.session, "agent-a", 401)
        self.control.api.post("/api/v1/agents/agent-b/retire", None)
        answer = self.await_status(other, leaving.session, "agent-b", 403)
        self.assertEqual(answer.body["code"], "agent_retired")
        self.stop_all()

    def await_status(self, context, session, agent, status):
        """What servers remember is old after a second."""
        until = time.monotonic() + 30
        while True:
            answer = self.poll(context, session, agent)
            self.assertTrue(answer.resumed)
            if answer.status == status or time.monotonic() > until:
                return self.check(answer, status, True)
            self.assertEqual(answer.status, 204)
            session = answer.session

    def test_a_session_says_no_more_than_its_handshake_did(self):
        _, context = self.enrolled("a")
        nobody = self.context()
        stranger = self.check(self.poll(nobody), 401, False)
        self.check(self.poll(nobody, stranger.session), 401, True)
        # One of the operators' listener is none here, and one of TLS 1.2 nowhere.
        version = Answer(self.control.url, context, "/api/v1/version", None)
        self.assertTrue(Answer(self.control.url, context, "/api/v1/version", version.session).resumed)
        self.check(self.poll(context, version.session), 204, False)
        old = self.context()
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        before = self.check(self.poll(old), 401, False)
        self.check(self.poll(old, before.session), 401, False)
        self.stop_all()

    def test_a_connection_whose_time_is_up_ends_as_tls_asks(self):
        where = urlsplit(self.control.agents_url)
        plain = socket.create_connection((where.hostname, where.port), timeout=60)
        with self.context().wrap_socket(plain, server_hostname=where.hostname, suppress_ragged_eofs=False) as tls:
            # Nothing is asked: after five seconds the server lets go, with close_notify.
            self.assertEqual(tls.recv(1), b"")
        self.stop_all()


if __name__ == "__main__":
    unittest.main()
