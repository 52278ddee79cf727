"""Agents that do nothing but the protocol, many jobs each, over connections that they keep: load for stories about the control plane."""
import http.client
import json
import ssl
import threading
import time
from urllib.parse import urlsplit

from . import requests
from .agent import Agent


class SwarmAgent(Agent):
    """One agent on a thread of its own.  It asks again whatever breaks, the next of its servers each time."""

    def __init__(self, folder, controls, name):
        super().__init__(folder, controls[0], name)
        self.controls = controls
        self.refusals = []  # answers that no agent should get
        self._at = 0
        self._connection = None
        self._requests = {}  # job -> its request: the same one again after a lost reply
        self._must_stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self._thread.start()
        return self

    def stop(self):
        self._must_stop.set()
        self._thread.join(60)
        if self._connection:
            self._connection.close()

    def _connect(self):
        control = self.controls[self._at % len(self.controls)]
        where = urlsplit(control.agents_url)
        context = ssl.create_default_context(cafile=control.ca_file)
        context.load_cert_chain(self.certificate, self.key)
        self._connection = http.client.HTTPSConnection(where.hostname, where.port, context=context, timeout=30)

    def call(self, method, path, body=None):
        """Status and decoded body; OSError or HTTPException when the connection breaks, which is then made anew."""
        if not self._connection:
            self._connect()
        try:
            self._connection.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
            reply = self._connection.getresponse()
            raw = reply.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            self._connection = None
            self._at += 1
            raise
        return reply.status, json.loads(raw) if raw else None

    def _request_for(self, job):
        if job["id"] not in self._requests:
            self._requests[job["id"]] = requests.make(*[name["value"] for name in job["certificate"]["names"]])
        return self._requests[job["id"]]

    def _do(self, job):
        path = f"/api/v1/agents/{self.id}"
        if job["step"] == "csr":
            status, body = self.call("POST", path + "/csr", {"job_id": job["id"], "token": job["token"], "csr": self._request_for(job)})
        else:
            status, body = self.call("POST", f"{path}/jobs/{job['id']}/status", {"token": job["token"], "state": "Completed", "report": {}})
        # 409: done already, or taken over by a later token; 503: the database is away.
        if status not in (200, 202, 409, 503):
            self.refusals.append((status, body))

    def _run(self):
        while not self._must_stop.is_set():
            try:
                status, body = self.call("GET", f"/api/v1/agents/{self.id}/work?wait=2")
                for job in body["jobs"] if status == 200 else []:
                    self._do(job)
                if status not in (200, 204):
                    time.sleep(0.2)
            except (OSError, http.client.HTTPException, ValueError):
                time.sleep(0.1)


def order_many(sql, agents, count, prefix="mc-s", lifetime_s=864000):
    """Certificates <prefix>0 ..., dealt out to the agents, through the database: the scan makes their jobs."""
    ids = "ARRAY[" + ",".join(f"'{agent.id}'" for agent in agents) + "]"
    sql(f"""INSERT INTO managed_certificates (id, name, common_name, names, key_type, issuer_id, lifetime_seconds)
            SELECT '{prefix}' || n, '{prefix}' || n, NULL, jsonb_build_array(jsonb_build_object('type', 'dns', 'value', 's' || n || '.example.com')),
                'ECDSA_P256', 'iss-local', {lifetime_s} FROM generate_series(0, {count - 1}) AS n""")
    sql(f"""INSERT INTO placements (certificate_id, agent_id) SELECT '{prefix}' || n, ({ids})[n % {len(agents)} + 1]
            FROM generate_series(0, {count - 1}) AS n""")
