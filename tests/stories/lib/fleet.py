"""The programs of certctl: a control plane with its private PostgreSQL, and hosts with agent and worker."""
import json
import os
import pwd
import shutil
from urllib.parse import urlsplit

from . import cluster
from .client import Client
from .processes import Process, eventually, free_port

BUILD = os.environ.get("CERTCTL_BUILD", ".build/dev")
# What certctl-agent-worker.service leaves to the worker: stories run it with exactly that.
WORKER_CAPABILITIES = ["chown", "dac_override", "fowner", "kill"]


def program(name):
    return os.path.abspath(os.path.join(BUILD, "bin", name))


class ControlPlane:
    """`certctld dev` in a folder of its own."""

    def __init__(self, folder):
        self.folder = os.path.join(folder, "control")
        self.state = os.path.join(self.folder, "state")
        self.process = None
        # Its own for good: agents find it again there, and no client is given one of them while it is being started anew.
        self.url, self.agents_url = (f"https://127.0.0.1:{free_port()}" for _ in range(2))
        self.ca_file = self.api = None
        self.environment = {}  # settings beside those of this machine
        os.makedirs(self.folder)
        os.chmod(self.folder, 0o711)  # the database runs as a user of its own

    def start(self):
        ready = os.path.join(self.folder, "ready.json")
        if os.path.exists(ready):
            os.unlink(ready)
        self.process = Process("certctld", [program("certctld"), "dev", "--dir", self.state, "--listen", urlsplit(self.url).netloc,
                                            "--agents-listen", urlsplit(self.agents_url).netloc, "--ready-file", ready],
                               os.path.join(self.folder, "certctld.log"), env={**os.environ, **self.environment})
        self._await(ready)
        return self.process

    def _await(self, ready):
        def check():
            if not self.process.is_running():
                raise RuntimeError("certctld ended at its start:\n" + self.process.output())
            return os.path.exists(ready)
        eventually("certctld is ready", check, 120)
        with open(ready, encoding="utf-8") as file:
            about = json.load(file)
        with open(about["admin_key_file"], encoding="utf-8") as file:
            key = file.read().strip()
        self.url, self.agents_url, self.ca_file = about["url"], about["agents_url"], about["ca_file"]
        self.api = Client(self.url, self.ca_file, key)

    def postmaster(self):
        """Pid of its private PostgreSQL, whichever certctld started it."""
        return cluster.postmaster(self.state)

    def socket(self):
        """Where its private PostgreSQL listens: psql's -h."""
        return cluster.socket(self.state)

    def kill_postgres(self):
        return cluster.kill(self.state)

    def second(self, folder):
        """Another server on this one's database, in `folder`, with the files that all servers of an installation share; not started yet."""
        other = ControlPlane(folder)
        os.makedirs(other.state)
        os.chmod(folder, 0o711)
        for shared in ("fleet-ca", "iss-local", "connectors.d"):
            shutil.copytree(os.path.join(self.state, shared), os.path.join(other.state, shared))
        for shared in ("sealing.key", "admin.key", "audit.key"):
            if os.path.exists(os.path.join(self.state, shared)):
                shutil.copy(os.path.join(self.state, shared), other.state)
        other.environment = {**self.environment, "CERTCTL_DATABASE_URL": f"host={self.socket()} user=certctl dbname=certctl",
                             "CERTCTL_DATABASE_MIGRATION_URL": f"host={self.socket()} user=certctl_owner dbname=certctl"}
        return other


class Host:
    """One machine of the fleet: certctl-agent without rights, certctl-agent-worker with the few it has."""

    def __init__(self, folder, control_plane, name, paths, commands):
        self.folder = os.path.join(folder, name)
        self.control_plane = control_plane
        self.name = name
        self.key_dir = os.path.join(self.folder, "keys")
        self.agent_dir = os.path.join(self.folder, "agent")
        self.socket = os.path.join(self.folder, "worker.sock")
        self.worker = self.agent = None
        self._is_root = os.getuid() == 0
        self._user = pwd.getpwnam("nobody") if self._is_root else pwd.getpwuid(os.getuid())
        os.makedirs(self.folder)
        os.chmod(self.folder, 0o755)
        os.mkdir(self.agent_dir, 0o700)
        self._give(self.agent_dir)
        self._write("worker.yaml", self._worker_settings(paths, commands))

    def _give(self, path):
        if self._is_root:
            os.chown(path, self._user.pw_uid, self._user.pw_gid)

    def _write(self, name, text, mode=0o644):
        path = os.path.join(self.folder, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def _worker_settings(self, paths, commands):
        # JSON is YAML, and quotes what needs quoting.
        return json.dumps({
            "socket": self.socket, "user": self._user.pw_name, "key_dir": self.key_dir,
            "state_dir": os.path.join(self.folder, "state"), "plugin_dirs": [os.path.abspath(os.path.join(BUILD, "plugins"))],
            "host_program": program("certctl-plugin-host"), "paths": paths, "commands": commands,
        })

    def enrol_with(self, token):
        """Settings and token in place: the agent enrols when it starts."""
        ca_file = os.path.join(self.folder, "ca.pem")
        shutil.copy(self.control_plane.ca_file, ca_file)
        os.chmod(ca_file, 0o644)
        token_file = self._write("token", token + "\n", 0o600)
        self._give(token_file)
        self._write("agent.yaml", json.dumps({
            "server": self.control_plane.agents_url, "ca_file": ca_file, "token_file": token_file, "dir": self.agent_dir,
            "socket": self.socket, "name": self.name, "heartbeat_s": 2}))

    def change(self, name, **settings):
        """Other settings than ours in worker.yaml or agent.yaml, before the program starts."""
        with open(os.path.join(self.folder, name), encoding="utf-8") as file:
            before = json.load(file)
        self._write(name, json.dumps({**before, **settings}))

    def start_worker(self):
        argv = [program("certctl-agent-worker"), "--config", os.path.join(self.folder, "worker.yaml")]
        if self._is_root:
            kept = ",".join("+" + name for name in WORKER_CAPABILITIES)
            argv = ["setpriv", "--no-new-privs", "--inh-caps=-all", f"--bounding-set=-all,{kept}"] + argv
        log = os.path.join(self.folder, "worker.log")
        begin = os.path.getsize(log) if os.path.exists(log) else 0
        self.worker = Process("certctl-agent-worker", argv, log)
        self._await(self.worker, "worker.ready", begin)
        return self.worker

    def _agent_program(self):
        """The agent runs as another user, who may not get into the folder that this tree stands in: a copy beside its libraries."""
        target = os.path.join(self.folder, "programs")
        if not self._is_root or os.path.exists(target):
            return os.path.join(target, "bin/certctl-agent") if self._is_root else program("certctl-agent")
        os.makedirs(os.path.join(target, "bin"))
        shutil.copy(program("certctl-agent"), os.path.join(target, "bin"))
        shutil.copytree(os.path.join(BUILD, "lib"), os.path.join(target, "lib"), symlinks=True)
        return os.path.join(target, "bin/certctl-agent")

    def start_agent(self):
        argv = [self._agent_program(), "--config", os.path.join(self.folder, "agent.yaml")]
        if self._is_root:
            # A change of user would let the process outlive us.
            ending = ["--pdeathsig", "TERM"] if Process.ends_with_us else []
            argv = ["setpriv", *ending, "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all",
                    f"--reuid={self._user.pw_uid}", f"--regid={self._user.pw_gid}", "--clear-groups"] + argv
        self.agent = Process("certctl-agent", argv, os.path.join(self.folder, "agent.log"))
        return self.agent

    def _await(self, process, event, begin):
        """The log is appended to over restarts: the event must be in what this process wrote.  The socket's name alone says nothing,
        a killed worker leaves its own behind."""
        def check():
            if not process.is_running():
                raise RuntimeError(f"{process.name} ended at its start:\n{process.output()}")
            with open(process.log, "rb") as file:
                return event.encode() in file.read()[begin:]
        eventually(f"{process.name} is ready", check, 60)
