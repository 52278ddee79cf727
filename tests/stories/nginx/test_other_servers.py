#!/usr/bin/env python3
"""The same transaction on a server that is nothing like nginx: PostgreSQL, which runs unprivileged, insists on the owner and mode of
its key, and speaks its own protocol before TLS."""
import os
import pwd
import shutil
import subprocess
import unittest

from lib.processes import Process, eventually, free_port, run
from stage import Stage, fingerprint, read, write

BIN = next((os.path.dirname(path) for path in ["/usr/lib/postgresql/15/bin/initdb"] if os.path.exists(path)), None)
PSQL_TLS = ["openssl", "s_client", "-starttls", "postgres", "-connect"]


@unittest.skipUnless(BIN and os.geteuid() == 0, "needs postgresql-15 and root")
class Postgres(unittest.TestCase):
    def start(self, stage):
        self.data, self.port = os.path.join(stage.folder, "pg"), free_port()
        as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        os.makedirs(self.data)
        for folder in [self.data]:
            shutil.chown(folder, "postgres", "postgres")
        run([*as_postgres, BIN + "/initdb", "-D", self.data, "-A", "trust"])
        site = stage.site
        for path in [site.certificate, site.key]:
            shutil.chown(path, "postgres", "postgres")
        os.chmod(site.key, 0o600)
        write(self.data + "/postgresql.auto.conf", f"""listen_addresses = '127.0.0.1'
port = {self.port}
unix_socket_directories = ''
ssl = on
ssl_cert_file = '{site.certificate}'
ssl_key_file = '{site.key}'
""")
        self.process = Process("postgres", [*as_postgres, BIN + "/postgres", "-D", self.data], stage.folder + "/postgres.log")
        eventually("postgres serves", self.served)

    def served(self):
        text = subprocess.run([*PSQL_TLS, f"127.0.0.1:{self.port}"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=20, check=False).stdout
        begin, end = text.index("-----BEGIN"), text.index("-----END CERTIFICATE-----")
        return fingerprint(text[begin:end] + "-----END CERTIFICATE-----")

    def plan(self, stage, hangup):
        plan = stage.plan(stage.site, activate=hangup, probes=[
            {"address": "127.0.0.1", "port": self.port, "starttls": "postgres"}], probe_timeout_s=60)
        del plan["validate"]
        for file in plan["files"]:
            file.update(owner="postgres", group="postgres")
        return plan

    def test_a_certificate_of_postgresql(self):
        with Stage() as stage:
            os.chmod(stage.folder, 0o711)
            self.start(stage)
            try:
                pid = read(self.data + "/postmaster.pid").split("\n", maxsplit=1)[0]
                hangup = ["/bin/kill", "-HUP", pid]
                pair = stage.authority.issue(stage.site.name)
                commands = [hangup, ["/bin/true"]]
                [report] = stage.deploy(stage.deployment(pair, plan=self.plan(stage, hangup)), commands=commands)
                self.assertEqual((report["outcome"], report["verified"]), ("completed", True), report)
                self.assertEqual(self.served(), pair["fingerprint"])
                self.assertEqual(os.stat(stage.site.key).st_uid, pwd.getpwnam("postgres").pw_uid)
                other = stage.authority.issue(stage.site.name)
                plan = {**self.plan(stage, ["/bin/true"]), "probe_timeout_s": 3}
                [report] = stage.deploy(stage.deployment(other, plan=plan), commands=commands)
                self.assertEqual(report["outcome"], "rolled_back", report)
                self.assertEqual((self.served(), stage.site.on_disk()), (pair["fingerprint"], pair["fingerprint"]))
            finally:
                self.process.stop()


if __name__ == "__main__":
    unittest.main(verbosity=2)
