"""An agent's side of the protocol in Python, with openssl's keys and requests: for stories about the control plane alone."""
import http.client
import json
import os
import ssl
from urllib.parse import urlsplit

from .processes import eventually, run


class Agent:
    def __init__(self, folder, control, name):
        self.folder, self.control, self.id, self.name = folder, control, f"agent-{name}", name
        self.key, self.certificate = self.new_key(name), os.path.join(folder, name + ".pem")
        self.token = control.api.post("/api/v1/enrollment-tokens", {"agent_id": self.id}, expect=201)["token"]

    def new_key(self, name):
        path = os.path.join(self.folder, name + ".key")
        run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path])
        return path

    def csr(self, *options, key=None):
        return run(["openssl", "req", "-new", "-key", key or self.key, "-subj", "/", *options])

    def enrol(self, csr=None, token=None):
        status, body = self.ask("POST", "/api/v1/agents/enroll", {"token": token or self.token, "csr": csr or self.csr(),
                                                                  "name": self.name}, anonymous=True)
        if status == 201:
            with open(self.certificate, "w", encoding="ascii") as file:
                file.write(body["certificate"] + body["chain"])
        return status, body

    def ask(self, method, path, body=None, anonymous=False, headers=None):
        where = urlsplit(self.control.agents_url)
        context = ssl.create_default_context(cafile=self.control.ca_file)
        if not anonymous:
            context.load_cert_chain(self.certificate, self.key)
        connection = http.client.HTTPSConnection(where.hostname, where.port, context=context, timeout=90)
        text = json.dumps(body) if body is not None else None
        connection.request(method, path, text, {"Content-Type": "application/json", **(headers or {})})
        reply = connection.getresponse()
        raw = reply.read().decode()
        connection.close()
        return reply.status, json.loads(raw) if raw else None

    def work(self, wait=0, held=""):
        return self.ask("GET", f"/api/v1/agents/{self.id}/work?wait={wait}" + (f"&held={held}" if held else ""))

    def issue(self, name):
        """Order a certificate for <name>.example.com, hand in its request, and give the job as it ended."""
        api = self.control.api
        api.post("/api/v1/certificates", {"id": "mc-" + name, "name": name, "sans": [name + ".example.com"],
                                          "agent_ids": [self.id]}, expect=201)
        job = eventually("the job", lambda: [job for job in self.work(30)[1]["jobs"] if job["certificate"]["id"] == "mc-" + name][0])
        csr = self.csr("-addext", f"subjectAltName=DNS:{name}.example.com", key=self.new_key(name))
        status, body = self.ask("POST", f"/api/v1/agents/{self.id}/csr",
                                {"job_id": job["id"], "token": job["token"], "csr": csr})
        assert status in (200, 202), (status, body)

        def ended():
            now = api.get(f"/api/v1/jobs/{job['id']}")
            return now if now["status"] in ("Completed", "Failed") else None
        return eventually("the job ends", ended, 120)
