"""A certificate in a real nginx, and what stories about its renewal ask of it."""
import os

from lib import tls
from lib.fleet import ControlPlane, Host
from lib.invariants import assert_invariants
from lib.nginx import Nginx, PROGRAM
from lib.processes import eventually
from lib.story import Story
from lib.watch import Watch

NAME, AGENT, CERTIFICATE, TARGET = "web.example.com", "agent-web-1", "mc-web", "tgt-web"
PATH = f"/api/v1/certificates/{CERTIFICATE}"
LIFETIME_S = 90  # renewed after 40 to 45: a machine with much else to do has as long again


class RenewalStory(Story):
    def begin(self, lifetime_s=LIFETIME_S, nginx_program=PROGRAM, **environment):
        self.control = ControlPlane(self.folder)
        self.control.environment = environment
        self.keep(self.control.start())
        self.api = self.control.api
        self.nginx = Nginx(self.folder, NAME)
        self.keep(self.nginx.start())
        where = f"-c {self.nginx.configuration} -p {self.nginx.prefix}"
        self.host = Host(self.folder, self.control, "web-1", paths=[os.path.dirname(self.nginx.certificate)],
                         commands=[f"{nginx_program} -t {where}", f"{nginx_program} -s reload {where}"])
        token = self.api.post("/api/v1/enrollment-tokens", {"name": "story", "agent_id": AGENT}, expect=201)
        self.host.enrol_with(token["token"])
        self.keep(self.host.start_worker())
        self.keep(self.host.start_agent())
        eventually("the agent is enrolled", lambda: self.api.get(f"/api/v1/agents/{AGENT}"))
        self.api.post("/api/v1/targets", {"id": TARGET, "name": "web", "type": "nginx", "agent_id": AGENT, "options": {
            "binary": nginx_program, "config": self.nginx.configuration, "prefix": self.nginx.prefix}}, expect=201)
        self.api.post("/api/v1/certificates", {
            "id": CERTIFICATE, "name": "web", "sans": [NAME], "target_ids": [TARGET], "lifetime_seconds": lifetime_s,
            "binding_options": {"certificate_path": self.nginx.certificate, "key_path": self.nginx.key,
                                "probes": [{"address": f"127.0.0.1:{self.nginx.port}", "server_name": NAME}]}}, expect=201)
        self.await_sequence(1)

    def certificate(self):
        return self.api.get(PATH)

    def versions(self):
        return self.api.all(f"{PATH}/versions")

    def live(self, kind):
        return [job for job in self.api.all(f"/api/v1/jobs?type={kind}&certificate_id={CERTIFICATE}") if not job["ended_at"]]

    def await_sequence(self, sequence):
        """Version `sequence`, or a newer one, is issued and served."""
        def check():
            newest = self.versions()[0]
            is_there = newest["sequence"] >= sequence and tls.served(self.nginx.port, NAME) == newest["fingerprint_sha256"]
            return newest if is_there and not self.live("Deployment") else None
        return eventually(f"version {sequence} is served", check, 150)

    def watch(self):
        return Watch(self.nginx.port, NAME, tls.certificates(self.api.get("/api/v1/issuers/iss-local")["chain"])[-1])

    def end(self):
        assert_invariants(self, self.control.state)
        self.stop_all()
