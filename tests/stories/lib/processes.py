"""Programs that a story starts: each with its log file, each stopped by its own pid."""
import contextlib
import os
import random
import signal
import socket
import subprocess
import time


# A story that is killed itself, by the time limit of the test run, must not leave its programs behind.
END_WITH_US = ["setpriv", "--pdeathsig", "TERM"]


class Process:
    """One program.  Its output goes to `log`; kill() and stop() touch this process and no other."""

    ends_with_us = True  # the demo leaves its programs running

    def __init__(self, name, argv, log, env=None, cwd=None):
        self.name = name
        self.argv = [str(word) for word in argv]
        self.log = log
        self._out = open(log, "ab")
        self._child = subprocess.Popen((END_WITH_US if self.ends_with_us else []) + self.argv, stdin=subprocess.DEVNULL, stdout=self._out, stderr=self._out,
                                       env=env, cwd=cwd or os.path.dirname(log), start_new_session=True)

    @property
    def pid(self):
        return self._child.pid

    def is_running(self):
        return self._child.poll() is None

    def signal(self, number):
        if self.is_running():
            self._child.send_signal(number)

    def kill(self):
        """As a power cut would: SIGKILL, no farewell."""
        self.signal(signal.SIGKILL)
        self._child.wait()
        self._out.close()

    def stop(self, timeout_s=60):
        """SIGTERM, and the exit code; a program that does not stop in time is killed, and that is an error."""
        self.signal(signal.SIGTERM)
        try:
            return self._child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not stop within {timeout_s} s") from None
        finally:
            self._out.close()

    def output(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()


def run(argv, timeout_s=60, stdin_text="", **options):
    """Run to the end and give its output; output and exit code in the exception when it fails."""
    done = subprocess.run([str(word) for word in argv], input=stdin_text, capture_output=True, text=True, timeout=timeout_s,
                          check=False, **options)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, argv))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def eventually(what, check, timeout_s=60, every_s=0.1):
    """Ask `check` until it gives something true, and return that.  Exceptions of asking count as "not yet"."""
    deadline = time.monotonic() + timeout_s
    last = None
    while True:
        try:
            value = check()
            if value:
                return value
            last = value
        except (OSError, AssertionError, KeyError, IndexError, ValueError) as error:
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {timeout_s} s; last seen: {last!r}")
        time.sleep(every_s)


def free_port():
    """A port that was free a moment ago, for servers that cannot choose one and say which.

    Below those that the system gives to clients: one of those may be a neighbour's connection before the server has it."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        first_of_clients = int(file.read().split()[0])
    while True:
        port = random.randrange(10000, first_of_clients)
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
