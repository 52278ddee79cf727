"""One agent with its worker and an nginx, and a control plane that does as the story says."""
import json
import os

from lib.fake_control import FakeControl, version_of
from lib.fleet import Host
from lib.nginx import Gate, Nginx, PROGRAM
from lib.processes import eventually
from lib.story import Story

NAME, AGENT = "web.example.com", "agent-1"


class AgentStory(Story):
    def begin(self, nginx=PROGRAM, start=True):
        os.mkdir(os.path.join(self.folder, "control"))
        self.control = FakeControl(os.path.join(self.folder, "control"), AGENT)
        self.control.start()
        self.addCleanup(self.control.stop)
        self.nginx = Nginx(self.folder, NAME)
        self.keep(self.nginx.start())
        self.program = nginx
        where = ["-c", self.nginx.configuration, "-p", self.nginx.prefix]
        self.host = Host(self.folder, self.control, "web-1", paths=[os.path.dirname(self.nginx.certificate)],
                         commands=[" ".join([nginx, "-t", *where]), " ".join([nginx, "-s", "reload", *where])])
        self.host.enrol_with(self.control.token)
        if start:
            self.start()

    def start(self):
        self.keep(self.host.start_worker())
        self.keep(self.host.start_agent())

    def certificate(self, certificate_id="mc-web"):
        return {"id": certificate_id, "common_name": NAME, "key_type": "ECDSA_P256", "must_staple": False,
                "names": [{"type": "dns", "value": NAME}]}

    def request_csr(self, job_id):
        self.control.add({"id": job_id, "type": "Issuance", "step": "csr", "certificate": self.certificate()})
        return self.await_csr(job_id)

    def await_csr(self, job_id):
        return eventually("the request came", lambda: next(
            (pem for job, pem in self.control.csrs if job == job_id and self.control.state(job) == "csr"), None))

    def issue(self, csr_pem, sequence):
        leaf = self.control.ca.sign(csr_pem, NAME, ["DNS:" + NAME])
        return version_of(leaf, "", sequence)

    def deployment(self, job_id, version, **changes):
        return {"id": job_id, "type": "Deployment", "step": "deploy", "certificate": self.certificate(), "version": version,
                "target": {"id": "tgt-web", "plugin": "nginx", "options": {
                    "binary": self.program, "config": self.nginx.configuration, "prefix": self.nginx.prefix, "validate_timeout_s": 600}},
                "binding": {"id": "bnd-web", "options": {
                    "certificate_path": self.nginx.certificate, "key_path": self.nginx.key,
                    "probes": [{"address": f"127.0.0.1:{self.nginx.port}", "server_name": NAME}]}},
                "is_rollback": False, **changes}

    def await_state(self, job_id, state):
        eventually(f"{job_id} is reported", lambda: self.control.state(job_id) in ("Completed", "Failed"), 120)
        report = self.control.jobs[job_id]["reports"][-1]["report"]
        self.assertEqual(state, self.control.state(job_id), json.dumps(report, indent=1))
        return report

    def held_nginx(self):
        """An nginx whose first check waits until self.gate is opened."""
        self.gate = Gate(self.folder)
        return self.gate.program

    def await_deployment(self):
        self.gate.await_reached()
