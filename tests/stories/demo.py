#!/usr/bin/env python3
"""./dev demo: a control plane, an agent with its worker, and an nginx on this machine.  One short-lived certificate is issued,
deployed and renewed while a client asks for it all the time; all of it is left running.  break spoils nginx's configuration, fix
repairs it, stop ends everything.  CERTCTL_DEMO_DIR and CERTCTL_DEMO_LIFETIME_S choose another folder and another lifetime."""
import json
import os
import shutil
import signal
import sys
import time

from lib import tls
from lib.client import Client
from lib.fleet import ControlPlane, Host
from lib.nginx import Nginx
from lib.processes import Process, eventually
from lib.watch import Watch

FOLDER = os.environ.get("CERTCTL_DEMO_DIR", os.path.join("/tmp", f"certctl-demo-{os.getuid()}"))
LIFETIME_S = int(os.environ.get("CERTCTL_DEMO_LIFETIME_S", "120"))
STATE = os.path.join(FOLDER, "demo.json")
NAME, CERTIFICATE, TARGET, AGENT = "web.example.com", "mc-web", "tgt-web", "agent-web-1"
PATH = f"/api/v1/certificates/{CERTIFICATE}"
SPOILED = "\nspoiled_by_demo on;\n"


def say(text=""):
    print(text, flush=True)


def clock(moment):
    return moment[11:19] + " UTC"


# --- What is running ---

def started(pid):
    """When a program started, as the kernel counts; None: it is not there any more."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else fields[19]


def remember(processes, **about):
    """Which programs are ours, for stop(): a pid alone may be somebody else's by then."""
    rows = [{"name": process.name, "pid": process.pid, "started": started(process.pid)} for process in processes]
    with open(STATE, "w", encoding="utf-8") as file:
        json.dump({"processes": rows, **about}, file)


def recall():
    try:
        with open(STATE, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return {"processes": []}


def stop():
    for row in reversed(recall()["processes"]):
        if started(row["pid"]) == row["started"] is not None:
            os.kill(row["pid"], signal.SIGTERM)
            eventually(f"{row['name']} ends", lambda: started(row["pid"]) != row["started"], 60)
            say(f"stopped {row['name']}")
    shutil.rmtree(FOLDER, ignore_errors=True)


class Demo:
    """One that runs: what break and fix, started later, need to know."""

    def __init__(self, about):
        self.about = about
        with open(about["admin_key_file"], encoding="utf-8") as file:
            self.api = Client(about["url"], about["ca_file"], file.read().strip())
        self.port = about["port"]
        self.configuration = about["configuration"]

    @classmethod
    def running(cls):
        about = recall()
        if "url" not in about or any(started(row["pid"]) != row["started"] for row in about["processes"]):
            sys.exit("demo: it is not running; start it with ./dev demo")
        return cls(about)

    def certificate(self):
        return self.api.get(PATH)

    def served(self):
        return tls.served(self.port, NAME)

    def watch(self):
        with open(self.about["root_file"], encoding="ascii") as file:
            return Watch(self.port, NAME, file.read())

    def newest_deployment(self):
        return self.api.get(f"{PATH}/deployments")["data"][0]

    def await_deployment(self, version_id, state):
        """The deployment of this version has ended, and how."""
        def check():
            row = self.newest_deployment()
            if row["version_id"] == version_id and row["status"] not in (state, "Pending", "Running"):
                raise SystemExit(f"demo: the deployment ended {row['status']}: {row['error']}")
            return row if row["version_id"] == version_id and row["status"] == state else None
        return eventually(f"the deployment ends {state}", check, 120)

    def renew(self):
        """Ask for a renewal and wait for its version."""
        old = self.certificate()["version_id"]
        self.api.post(f"{PATH}/renew", {}, expect=202)
        return eventually("the certificate is renewed",
                          lambda: next((one for one in [self.certificate()] if one["version_id"] != old), None), 120)


def tell(watch):
    say(f"   The client asked all the time: {len(watch.failures)} failed of {watch.count} requests.")
    if watch.failures:
        raise SystemExit(f"demo: {watch.failures[:3]}")


# --- start ---

def begin():
    if os.path.exists(FOLDER):
        stop()
    os.makedirs(FOLDER, 0o711)
    os.chmod(FOLDER, 0o711)


def start_host(control, nginx):
    program, where = nginx.command()[0], f"-c {nginx.configuration} -p {nginx.prefix}"
    host = Host(FOLDER, control, "web-1", paths=[os.path.dirname(nginx.certificate)],
                commands=[f"{program} -t {where}", f"{program} -s reload {where}"])
    token = control.api.post("/api/v1/enrollment-tokens", {"name": "demo", "agent_id": AGENT}, expect=201)
    host.enrol_with(token["token"])
    return [host.start_worker(), host.start_agent()]


def ask_for_certificate(api, nginx):
    api.post("/api/v1/targets", {"id": TARGET, "name": "web", "type": "nginx", "agent_id": AGENT, "options": {
        "binary": nginx.command()[0], "config": nginx.configuration, "prefix": nginx.prefix}}, expect=201)
    api.post("/api/v1/certificates", {
        "id": CERTIFICATE, "name": "web", "common_name": NAME, "sans": [NAME], "key_type": "ECDSA_P256", "target_ids": [TARGET],
        "lifetime_seconds": LIFETIME_S,
        "binding_options": {"certificate_path": nginx.certificate, "key_path": nginx.key,
                            "probes": [{"address": f"127.0.0.1:{nginx.port}", "server_name": NAME}]}}, expect=201)


def write_root(api):
    path = os.path.join(FOLDER, "root.pem")
    with open(path, "w", encoding="utf-8") as file:
        file.write(tls.certificates(api.get("/api/v1/issuers/iss-local")["chain"])[-1] + "\n")
    return path


def start():
    begin()
    Process.ends_with_us = False
    say("1. A control plane with its private PostgreSQL starts.")
    control = ControlPlane(FOLDER)
    processes = [control.start()]
    remember(processes)

    say("2. An nginx starts; it serves a self-signed certificate so far.")
    nginx = Nginx(FOLDER, NAME)
    processes.append(nginx.start())
    remember(processes)

    say("3. An agent enrols with a single-use token. Its worker holds the keys; the agent itself has no rights.")
    processes += start_host(control, nginx)
    remember(processes, url=control.url, ca_file=control.ca_file, admin_key_file=os.path.join(control.state, "admin.key"),
             port=nginx.port, configuration=nginx.configuration, root_file=write_root(control.api))
    eventually("the agent is enrolled", lambda: control.api.get(f"/api/v1/agents/{AGENT}"))

    say(f"4. A certificate for {NAME} that lives {LIFETIME_S} seconds is asked for over the API: the agent makes the key, the")
    say("   built-in CA signs, the worker deploys, nginx reloads, and the new certificate is looked at on the port.")
    asked = time.monotonic()
    ask_for_certificate(control.api, nginx)
    demo = Demo.running()
    version = eventually("the certificate is issued", lambda: demo.certificate()["version_id"], 120)
    demo.await_deployment(version, "Completed")
    say(f"   Served {time.monotonic() - asked:.1f} s after it was asked for.")
    show_renewal(demo)
    explain(demo)


def show_renewal(demo):
    say("5. It is renewed, with a new key, while a client asks for https://" + NAME + " as fast as it can.")
    old = demo.served()
    watch = demo.watch()
    new = demo.renew()
    demo.await_deployment(new["version_id"], "Completed")
    eventually("a request or two later", lambda: watch.count >= 20 and new["fingerprint_sha256"] in watch.seen, 60)
    say(f"   before  {old}")
    say(f"   after   {demo.served()}")
    tell(watch.end())
    say(f"   From here on renewals go by themselves; the next one is at {clock(demo.certificate()['next_action_at'])}.")


def explain(demo):
    about = demo.about
    say()
    say(f"API       {demo.about['url']}   (login: the key in {about['admin_key_file']}; CA in {about['ca_file']})")
    say(f"          curl --cacert {about['ca_file']} -H \"Authorization: Bearer $(cat {about['admin_key_file']})\" \\")
    say(f"            {about['url']}{PATH}")
    say(f"Served    curl --cacert {about['root_file']} --resolve {NAME}:{demo.port}:127.0.0.1 https://{NAME}:{demo.port}/")
    say(f"Logs      {FOLDER}/*/*.log")
    say("Next      ./dev demo break    spoil nginx's configuration: the next deployment is rolled back, the old certificate stays")
    say("          ./dev demo fix      repair it: green again")
    say("          ./dev demo stop     end everything")


# --- break and fix ---

def reason(deployment):
    """The words of the command that failed, or what the agent made of them."""
    failed = [step["detail"] for step in deployment["report"]["steps"] if not step["ok"] and step["detail"]]
    return (failed or [deployment["error"]["what"]])[0].splitlines()


def spoil():
    demo = Demo.running()
    with open(demo.configuration, encoding="utf-8") as file:
        text = file.read()
    if SPOILED not in text:
        with open(demo.configuration, "a", encoding="utf-8") as file:
            file.write(SPOILED)
    say(f"1. {demo.configuration} has a line now that nginx does not understand. The running nginx has not read it.")
    old = demo.served()
    ends = demo.certificate()["not_after"]
    watch = demo.watch()
    say("2. The certificate is renewed. The worker puts it in place and asks nginx whether that would start.")
    new = demo.renew()
    row = demo.await_deployment(new["version_id"], "Failed")
    say("3. It would not: everything is put back, and the job has failed. It says why:")
    for line in reason(row):
        say(f"   | {line}")
    if demo.served() != old:
        raise SystemExit("demo: nginx does not serve the old certificate any more")
    say("4. The old certificate is still served.")
    say(f"   old  {old}   served until {clock(ends)}")
    say(f"   new  {new['fingerprint_sha256']}   waiting")
    tell(watch.end())
    say(f"   The target is tried again by itself, next at {clock(demo.certificate()['next_action_at'])}; repair it: ./dev demo fix")


def repair():
    demo = Demo.running()
    with open(demo.configuration, encoding="utf-8") as file:
        text = file.read()
    with open(demo.configuration, "w", encoding="utf-8") as file:
        file.write(text.replace(SPOILED, ""))
    say("1. The configuration is what it was. The deployment is asked for again; it would come back by itself, too.")
    demo.api.post(f"{PATH}/deploy", {}, expect=202)

    def is_green():
        certificate = demo.certificate()
        return certificate if demo.served() == certificate["fingerprint_sha256"] and not certificate["status_reason"] else None
    certificate = eventually("the newest version is served", is_green, 120)
    say(f"2. Green again: {certificate['fingerprint_sha256']} is served, the certificate is {certificate['status']}.")


COMMANDS = {"": start, "stop": stop, "break": spoil, "fix": repair}

if __name__ == "__main__":
    if " ".join(sys.argv[1:]) not in COMMANDS:
        sys.exit("demo: no argument, break, fix or stop expected")
    COMMANDS[" ".join(sys.argv[1:])]()
