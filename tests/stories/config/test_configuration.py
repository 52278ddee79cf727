"""certctld as an operator starts it: files, drop-ins, environment and flags; on a PostgreSQL that is not its own; reloaded while it serves."""
import glob
import json
import os
import pwd
import re
import signal
import socket
import subprocess
import threading
import unittest
from urllib.parse import urlsplit

from lib.client import Client
from lib.fleet import program
from lib.processes import Process, eventually, run
from lib.story import Story
from lib.tls import certificates, fingerprint, served

KEY = "story-of-the-configuration-0123456789"


def postgres_words():
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]


class Notifications:
    """What a service manager hears.  It always listens: a full socket would hold the server up."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "notify")
        self.heard = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.path)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            self.heard += self._socket.recv(4096).decode().splitlines()

    def count(self, line):
        return self.heard.count(line)


class ConfigurationStory(Story):
    def setUp(self):
        super().setUp()
        self.etc = os.path.join(self.folder, "etc")
        self.file = os.path.join(self.etc, "certctld.yaml")
        self.state = os.path.join(self.folder, "state")
        self.connectors = os.path.join(self.folder, "connectors.d")
        for folder in (self.etc, os.path.join(self.etc, "conf.d"), self.connectors):
            os.mkdir(folder)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(path + ".new", path)
        return path

    def ask(self, *words, env=None):
        """Run certctld to its end: exit code, what it said, what it complained of."""
        done = subprocess.run([program("certctld"), "--config", self.file, *words], capture_output=True, text=True, timeout=60,
                              env={**os.environ, **(env or {})}, check=False)
        return done.returncode, done.stdout, done.stderr.replace(self.folder + "/", "")


class Reading(ConfigurationStory):
    def test_check_config_tells_every_problem_with_its_place(self):
        self.write("etc/certctld.yaml", f"state_dir: {self.state}\nhttp:\n  lisen: \"127.0.0.1:1\"\n  workers: 0\n")
        self.write("etc/conf.d/10.yaml", "http: { workers: 4 }\nlog:\n  level: loud\n")
        self.write("etc/conf.d/20.yaml", "tls: { min_version: [\n")
        code, out, problems = self.ask("--check-config", "--set", "jobs.workers=many", env={"CERTCTL_LOG_FORMAT": "xml"})
        self.assertEqual((code, out), (1, ""))
        lines = problems.splitlines()
        expected = [r"etc/conf.d/20.yaml:\d+:\d+: ", r"etc/certctld.yaml:3:3: http.lisen: unknown member, nearest: listen",
                    r"etc/certctld.yaml:4:3: http.workers: 1..256 expected, got 0", r"etc/conf.d/10.yaml:3:3: log.level: ",
                    r"CERTCTL_LOG_FORMAT: log.format: ", r"--set: jobs.workers: an integer expected, got \"many\""]
        self.assertEqual(len(expected), len(lines), problems)
        for line, pattern in zip(lines, expected):
            self.assertRegex(line, "^certctld: " + pattern)
        self.assertFalse(os.path.exists(self.state), "nothing is made")
        self.assertEqual(self.ask()[0], 1, "and nothing is started")
        self.assertFalse(os.path.exists(self.state))

    def test_check_config_reads_what_the_settings_name(self):
        self.write("etc/certctld.yaml", f"tls: {{ cert_path: {self.folder}/none.pem, key_path: {self.folder}/none.key }}\n")
        code, _, problems = self.ask("--check-config")
        self.assertEqual(code, 1)
        self.assertRegex(problems, "tls.cert_path: none.pem: No such file")
        self.write("etc/certctld.yaml", f"connectors: {{ directory: {self.connectors} }}\n")
        self.write("connectors.d/a.yaml", "issuers:\n  - id: iss-a\n    typ: local-ca\n")
        code, _, problems = self.ask("--check-config")
        self.assertEqual(code, 1)
        self.assertRegex(problems, r"connectors.d/a.yaml:2:5: .*typ: unknown member")
        self.write("connectors.d/a.yaml", "issuers:\n  - id: iss-a\n    type: local-ca\n")
        self.assertEqual(self.ask("--check-config"), (0, "", ""))

    def test_a_file_that_was_asked_for_must_be_there(self):
        code, _, problems = self.ask("--check-config")
        self.assertEqual(code, 1)
        self.assertRegex(problems, "^certctld: etc/certctld.yaml: No such file")

    def test_print_config_says_what_holds_and_why(self):
        self.write("etc/certctld.yaml", f"state_dir: {self.state}\nhttp: {{ workers: 2 }}\ndatabase: {{ url: \"file:{self.folder}/url\" }}\n")
        self.write("etc/conf.d/10.yaml", "http:\n  workers: 3\n")
        self.write("url", "postgresql://certctl:hunter2@db/certctl\n")
        code, out, problems = self.ask("--print-config", "--set", "log.level=debug", env={"CERTCTL_HTTP_LISTEN": "127.0.0.1:1"})
        self.assertEqual((code, problems), (0, ""))
        out = re.sub(" +#", " #", out.replace(self.folder + "/", ""))
        for line in ("state_dir: state # etc/certctld.yaml:1", "  workers: 3 # etc/conf.d/10.yaml:2", "  url: \"***\" # etc/certctld.yaml:3",
                     "  listen: \"127.0.0.1:1\" # environment CERTCTL_HTTP_LISTEN", "  level: debug # --set", "  format: logfmt # default"):
            self.assertIn("\n" + line + "\n", "\n" + out)
        self.assertNotIn("hunter2", out)


class Serving(ConfigurationStory):
    def setUp(self):
        super().setUp()
        self.notifications = Notifications(self.folder)

    def start_database(self):
        binaries = max(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[-2]))
        data, sockets = os.path.join(self.folder, "db"), os.path.join(self.folder, "sock")
        for folder in (data, sockets):
            os.mkdir(folder, 0o700)
            if os.geteuid() == 0:
                user = pwd.getpwnam("postgres")
                os.chown(folder, user.pw_uid, user.pw_gid)
        run([*postgres_words(), f"{binaries}/initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8"], cwd="/")
        self.keep(Process("postgres", [*postgres_words(), f"{binaries}/postgres", "-D", data, "-c", "listen_addresses=", "-c",
                                       f"unix_socket_directories={sockets}", "-c", "fsync=off"], os.path.join(self.folder, "db.log"), cwd="/"))
        self.psql = [f"{binaries}/psql", "-h", sockets, "-U", "postgres", "-X", "-A", "-t", "-q"]
        eventually("the database", lambda: run([*self.psql, "-c", "SELECT 1", "postgres"]))
        run([*self.psql, "-c", "CREATE DATABASE certctl", "postgres"])
        return f"host={sockets} user=postgres dbname=certctl"

    def make_certificate(self, name, common_name):
        """Key and certificate in <name>.key and <name>.pem, its own CA."""
        key, certificate = (os.path.join(self.folder, f"{name}.{suffix}") for suffix in ("key", "pem"))
        run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
             f"/CN={common_name}", "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "keyUsage=critical,digitalSignature,keyCertSign",
             "-keyout", key, "-out", certificate])
        return key, certificate

    def settings(self, **changes):
        values = {"level": "info", "workers": 8, **changes}
        self.write("etc/certctld.yaml", f"""
state_dir: {self.state}
ready_file: {self.folder}/ready.json
http: {{ listen: "127.0.0.1:0", agents_listen: "127.0.0.1:0", workers: {values["workers"]} }}
database: {{ url: "file:{self.folder}/url" }}
connectors: {{ directory: {self.connectors} }}
tls: {{ cert_path: {self.folder}/tls.pem, key_path: {self.folder}/tls.key }}
log: {{ level: {values["level"]} }}
""")

    def start(self, **env):
        self.server = self.keep(Process("certctld", [program("certctld"), "--config", self.file], os.path.join(self.folder, "certctld.log"),
                                        env={**os.environ, "NOTIFY_SOCKET": self.notifications.path, "WATCHDOG_USEC": "400000", **env}))
        ready = eventually("ready file", lambda: self.server.is_running() and self.read_ready())
        self.url, self.agents_url = ready["url"], ready["agents_url"]
        self.api = Client(self.url, os.path.join(self.folder, "tls.pem"), KEY)

    def read_ready(self):
        with open(os.path.join(self.folder, "ready.json"), encoding="utf-8") as file:
            return json.load(file)

    @staticmethod
    def served(url):
        """SHA-256 of the certificate that is shown now."""
        return served(urlsplit(url).port, None)

    @staticmethod
    def in_file(path):
        with open(path, encoding="ascii") as file:
            return fingerprint(certificates(file.read())[0])

    def records(self, event, **members):
        """Log records of an event, with these members."""
        lines = [line for line in self.server.output().splitlines() if f" event={event}" in line]
        return [line for line in lines if all(f" {key}={value}" in line for key, value in members.items())]

    def reload(self, event="settings.reloaded"):
        """SIGHUP, and the record that ends what it set off."""
        before = len(self.records(event))
        self.server.signal(signal.SIGHUP)
        eventually(event, lambda: len(self.records(event)) > before)

    def test_it_serves_and_is_reloaded(self):
        self.write("url", self.start_database() + "\n")
        key, certificate = self.make_certificate("tls", "first")
        self.settings()
        self.write("connectors.d/a.yaml", f"issuers: [{{ id: iss-a, type: local-ca, options: {{ directory: {self.folder}/ca-a }} }}]\n")
        self.start(CERTCTL_API_KEY=KEY)

        # The database is the one that was named, the key the one that was given.
        self.assertFalse(os.path.exists(os.path.join(self.state, "postgres")))
        self.assertFalse(os.path.exists(os.path.join(self.state, "admin.key")))
        self.assertEqual(run([*self.psql, "-c", "SELECT name, source FROM api_keys", "certctl"]).strip(), "environment|environment")
        self.assertEqual(self.api.get("/api/v1/auth/check")["actor"], "environment")
        self.assertEqual(self.served(self.url), self.in_file(certificate))
        self.assertEqual(self.served(self.agents_url), self.in_file(os.path.join(self.state, "server.pem")))
        self.assertNotIn(KEY, self.server.output())
        eventually("signs of life", lambda: self.notifications.count("WATCHDOG=1") > 2)
        eventually("READY=1", lambda: self.notifications.count("READY=1") == 1)

        self._reload_log()
        self._reload_bad_file()
        self._reload_certificate(key, certificate)
        self._reload_connectors()

        self.stop_all()
        eventually("STOPPING=1", lambda: self.notifications.count("STOPPING=1") == 1)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "ready.json")))

    def _reload_log(self):
        self.settings(level="debug", workers=9)
        self.reload()
        self.assertEqual(len(self.records("settings.changed", setting="log.level")), 1)
        self.assertEqual(len(self.records("settings.needs_restart", setting="http.workers")), 1)
        self.assertEqual(self.notifications.count("RELOADING=1"), 1)
        eventually("READY=1", lambda: self.notifications.count("READY=1") == 2)
        # Quiet again: the next reload says nothing below "error".
        self.settings(level="error")
        self.server.signal(signal.SIGHUP)
        eventually("the reload", lambda: self.notifications.count("READY=1") == 3)
        self.assertEqual(len(self.records("settings.reloaded")), 1)
        self.settings()
        self.reload()

    def _reload_bad_file(self):
        self.write("etc/conf.d/50.yaml", "log: { level: loud }\nhttp: { workers: 0 }\n")
        self.reload("settings.kept")
        problems = self.records("settings.problem")
        self.assertEqual(len(problems), 2)
        self.assertIn("conf.d/50.yaml:1:8: log.level", problems[1] + problems[0])
        self.assertIn("conf.d/50.yaml:2:9: http.workers", problems[1] + problems[0])
        self.api.get("/api/v1/auth/check")
        os.unlink(os.path.join(self.etc, "conf.d/50.yaml"))
        self.reload()

    def _reload_certificate(self, key, certificate):
        first = self.in_file(certificate)
        other_key, other = self.make_certificate("other", "second")
        # Half a change: the key is not the certificate's.
        os.replace(other, certificate)
        self.reload("server.certificate_kept")
        self.assertEqual(self.served(self.url), first)
        os.replace(other_key, key)
        self.reload("server.certificate_replaced")
        eventually("the new certificate", lambda: self.served(self.url) == self.in_file(certificate))
        self.assertEqual(len(self.records("server.certificate_replaced", listener="agents")), 0)
        self.api = Client(self.url, certificate, KEY)
        self.api.get("/api/v1/auth/check")

    def _reload_connectors(self):
        def issuers():
            return {row["id"]: row["enabled"] for row in self.api.get("/api/v1/issuers")["data"]}
        self.assertEqual(issuers(), {"iss-a": True})
        self.write("connectors.d/b.yaml", f"issuers: [{{ id: iss-b, type: local-ca, options: {{ directory: {self.folder}/ca-b }} }}]\n")
        self.reload()
        self.assertEqual(issuers(), {"iss-a": True, "iss-b": True})
        self.assertIn("BEGIN CERTIFICATE", self.api.get("/api/v1/issuers/iss-b")["chain"])
        self.write("connectors.d/c.yaml", "issuers: [{ id: iss-c }]\n")
        self.reload("connectors.kept")
        self.assertEqual(issuers(), {"iss-a": True, "iss-b": True})
        os.unlink(os.path.join(self.connectors, "c.yaml"))
        os.unlink(os.path.join(self.connectors, "b.yaml"))
        self.reload()
        self.assertEqual(issuers(), {"iss-a": True, "iss-b": False})
        self.assertEqual(len(self.records("connector.opened", issuer="iss-a")), 1, "what did not change was not touched")

    def test_an_existing_ca_is_an_issuer(self):
        self.write("url", self.start_database())
        self.make_certificate("tls", "server")
        ca_key, ca = os.path.join(self.folder, "ca.key"), os.path.join(self.folder, "ca.pem")
        run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "900", "-subj", "/CN=Given CA",
             "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", ca_key, "-out", ca])
        self.settings()
        self.start(CERTCTL_API_KEY=KEY, CERTCTL_CA_CERT_PATH=ca, CERTCTL_CA_KEY_PATH=ca_key)
        chain = self.api.get("/api/v1/issuers/iss-local")["chain"]
        self.assertEqual(fingerprint(chain), self.in_file(ca))
        self.stop_all()

    def test_a_revoked_key_stays_revoked_until_it_is_another_one(self):
        self.write("url", self.start_database())
        self.make_certificate("tls", "server")
        self.settings()
        self.start(CERTCTL_API_KEY=KEY)
        self.api.get("/api/v1/auth/check")
        run([*self.psql, "-c", "UPDATE api_keys SET enabled = false", "certctl"])
        self.server.stop()
        self.start(CERTCTL_API_KEY=KEY)
        self.api.ask("GET", "/api/v1/auth/check", expect=401)
        self.server.stop()
        self.start(CERTCTL_API_KEY=KEY + "-second")
        self.api.ask("GET", "/api/v1/auth/check", expect=401)
        Client(self.url, os.path.join(self.folder, "tls.pem"), KEY + "-second").get("/api/v1/auth/check")
        events = run([*self.psql, "-c", "SELECT action, actor, resource_type FROM audit_events WHERE action LIKE 'api_key%' ORDER BY id", "certctl"])
        self.assertEqual(events.split(), ["api_key_created|environment|api_key", "api_key_updated|environment|api_key"])
        self.stop_all()


if __name__ == "__main__":
    unittest.main()
