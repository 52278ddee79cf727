"""A PostgreSQL of somebody else's, which can be ended, frozen and started again."""
import glob
import os
import pwd
import signal

from lib.processes import Process, eventually, run


def as_postgres():
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--pdeathsig", "TERM"] if os.geteuid() == 0 else []


class Database:
    def __init__(self, folder):
        self._binaries = max(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[-2]))
        self._log = os.path.join(folder, "db.log")
        self._data, self._sockets = os.path.join(folder, "db"), os.path.join(folder, "sock")
        for path in (self._data, self._sockets):
            os.mkdir(path, 0o700)
            if os.geteuid() == 0:
                user = pwd.getpwnam("postgres")
                os.chown(path, user.pw_uid, user.pw_gid)
        run([*as_postgres(), f"{self._binaries}/initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8"], cwd="/")
        self.process = None
        self.start()
        self.ask("CREATE DATABASE certctl", "postgres")
        self.url = f"host={self._sockets} user=postgres dbname=certctl"

    def start(self):
        self.process = Process("postgres", [*as_postgres(), f"{self._binaries}/postgres", "-D", self._data, "-c", "listen_addresses=", "-c",
                                            f"unix_socket_directories={self._sockets}"], self._log, cwd="/")
        eventually("the database answers", lambda: self.ask("SELECT 1", "postgres"))
        return self.process

    def ask(self, sql, database="certctl"):
        return run([f"{self._binaries}/psql", "-h", self._sockets, "-U", "postgres", "-XAtq", "-c", sql, database], timeout_s=20).strip()

    def backends(self):
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as file:
            return [int(pid) for pid in file.read().split()]

    def end(self):
        """At once, as a machine that is gone."""
        self.process.signal(signal.SIGQUIT)
        self.process._child.wait(30)
        self.process._out.close()

    def freeze(self, signal_number=signal.SIGSTOP):
        """Connections stay open and nothing answers."""
        for pid in [self.process.pid, *self.backends()]:
            try:
                os.kill(pid, signal_number)
            except ProcessLookupError:
                pass

    def thaw(self):
        self.freeze(signal.SIGCONT)
