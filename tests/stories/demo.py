#!/usr/bin/env python3
"""./dev demo: a control plane, an agent with its worker, and an nginx on this machine; one certificate is issued, deployed and
served, and all of it is left running.  ./dev demo stop ends it."""
import json
import os
import shutil
import signal
import sys
import time

from lib import tls
from lib.fleet import ControlPlane, Host
from lib.nginx import Nginx
from lib.processes import eventually

FOLDER = os.path.join("/tmp", f"certctl-demo-{os.getuid()}")
STATE = os.path.join(FOLDER, "demo.json")
NAME, CERTIFICATE, TARGET, AGENT = "web.example.com", "mc-web", "tgt-web", "agent-web-1"


def say(text):
    print(text, flush=True)


def begin():
    if os.path.exists(FOLDER):
        stop()
    os.mkdir(FOLDER, 0o711)
    os.chmod(FOLDER, 0o711)


def remember(*processes):
    """Which programs are ours, for stop(): a pid alone may be somebody else's by then."""
    with open(STATE, "w", encoding="utf-8") as file:
        json.dump([{"name": process.name, "pid": process.pid, "started": started(process.pid)} for process in processes], file)


def started(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[19]
    except FileNotFoundError:
        return None


def stop():
    rows = []
    if os.path.exists(STATE):
        with open(STATE, encoding="utf-8") as file:
            rows = json.load(file)
    for row in reversed(rows):
        if started(row["pid"]) == row["started"] is not None:
            os.kill(row["pid"], signal.SIGTERM)
            eventually(f"{row['name']} ends", lambda: started(row["pid"]) != row["started"], 60)
            say(f"stopped {row['name']}")
    shutil.rmtree(FOLDER, ignore_errors=True)


def await_served(api, nginx, old):
    """The deployment has ended well, and nginx serves another certificate than before."""
    def check():
        rows = api.get(f"/api/v1/certificates/{CERTIFICATE}/deployments")["data"]
        if any(row["status"] == "Failed" for row in rows):
            raise SystemExit(f"the deployment failed: {rows}")
        return any(row["status"] == "Completed" for row in rows) and tls.served(nginx.port, NAME) != old
    eventually("the certificate is served", check, 120)


def start():
    begin()
    say("1. A control plane with its private PostgreSQL starts.")
    control = ControlPlane(FOLDER)
    processes = [control.start()]
    remember(*processes)
    api = control.api

    say("2. An nginx starts; it serves a self-signed certificate so far.")
    nginx = Nginx(FOLDER, NAME)
    processes.append(nginx.start())
    remember(*processes)
    old = tls.served(nginx.port, NAME)

    say("3. An agent enrols with a single-use token. Its worker holds the keys; the agent itself has no rights.")
    program, where = nginx.command()[0], f"-c {nginx.configuration} -p {nginx.prefix}"
    host = Host(FOLDER, control, "web-1", paths=[os.path.dirname(nginx.certificate)],
                commands=[f"{program} -t {where}", f"{program} -s reload {where}"])
    token = api.post("/api/v1/enrollment-tokens", {"name": "demo", "agent_id": AGENT}, expect=201)
    host.enrol_with(token["token"])
    processes.append(host.start_worker())
    processes.append(host.start_agent())
    remember(*processes)
    eventually("the agent is enrolled", lambda: api.get(f"/api/v1/agents/{AGENT}"))

    say(f"4. A certificate for {NAME} is asked for over the API: the agent makes the key, the built-in CA signs,")
    say("   the worker deploys, nginx reloads, and the new certificate is looked at on the port.")
    asked = time.monotonic()
    api.post("/api/v1/targets", {"id": TARGET, "name": "web", "type": "nginx", "agent_id": AGENT, "options": {
        "binary": nginx.command()[0], "config": nginx.configuration, "prefix": nginx.prefix}}, expect=201)
    api.post("/api/v1/certificates", {
        "id": CERTIFICATE, "name": "web", "common_name": NAME, "sans": [NAME], "key_type": "ECDSA_P256", "target_ids": [TARGET],
        "binding_options": {"certificate_path": nginx.certificate, "key_path": nginx.key,
                            "probes": [{"address": f"127.0.0.1:{nginx.port}", "server_name": NAME}]}}, expect=201)
    await_served(api, nginx, old)
    say(f"   Served {time.monotonic() - asked:.1f} s after it was asked for.")
    explain(control, nginx)


def explain(control, nginx):
    with open(os.path.join(control.folder, "ready.json"), encoding="utf-8") as file:
        about = json.load(file)
    root = os.path.join(FOLDER, "root.pem")
    with open(root, "w", encoding="utf-8") as file:
        file.write(control.api.get("/api/v1/issuers/iss-local")["chain"])
    say("")
    say(f"API       {control.url}   (key in {about['admin_key_file']}, CA in {control.ca_file})")
    say(f"          curl --cacert {control.ca_file} -H \"Authorization: Bearer $(cat {about['admin_key_file']})\" \\")
    say(f"            {control.url}/api/v1/certificates/{CERTIFICATE}")
    say(f"Served    curl --cacert {root} --resolve {NAME}:{nginx.port}:127.0.0.1 https://{NAME}:{nginx.port}/")
    say(f"Logs      {FOLDER}/*/*.log")
    say("Stop      ./dev demo stop")


if sys.argv[1:] == ["stop"]:
    stop()
elif not sys.argv[1:]:
    start()
else:
    sys.exit("demo: no argument, or stop, expected")
