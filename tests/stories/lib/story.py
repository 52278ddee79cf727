"""The frame of a story: a folder, the processes in it, their end, and their logs when something went wrong."""
import ctypes
import os
import shutil
import signal
import sys
import tempfile
import time
import unittest

PR_SET_CHILD_SUBREAPER = 36
LOG_TAIL_BYTES = 8000
# What /proc says of a process that ends while one looks: when its file is opened, or when it is read.
GONE = (FileNotFoundError, ProcessLookupError)
# `./dev faults`: thousands instead of hundreds, years instead of months.
IS_LONG = os.environ.get("CERTCTL_FAULTS") == "long"


def children():
    """Pids of our children, orphans of those included, without the dead."""
    with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
        pids = [int(pid) for pid in file.read().split()]
    return [pid for pid in pids if not is_dead(pid)]


def is_dead(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except GONE:
        return True


def command_line(pid):
    try:
        with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
            return file.read().replace("\0", " ").strip()
    except GONE:
        return ""


class Story(unittest.TestCase):
    """A test with `self.folder`, and `self.keep(process)` for everything it starts."""

    @classmethod
    def setUpClass(cls):
        # What a killed program leaves behind becomes our child, so that nothing can hide.
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="certctl-story-", dir=os.environ.get("TMPDIR", "/tmp"))
        os.chmod(self.folder, 0o711)
        self._processes = []
        self._result_errors = 0
        self.addCleanup(self._end)

    def keep(self, process):
        self._processes.append(process)
        return process

    def stop_all(self):
        """Stop in reverse order; each must end with 0, and nothing may be left."""
        while self._processes:
            process = self._processes.pop()
            if process.is_running():
                self.assertEqual(process.stop(), 0, f"{process.name} ended badly")
        left = self._await_no_children()
        self.assertEqual([], [command_line(pid) for pid in left], "left running")

    @staticmethod
    def _await_no_children(timeout_s=20):
        deadline = time.monotonic() + timeout_s
        while children() and time.monotonic() < deadline:
            time.sleep(0.1)
        return children()

    def _has_failed(self):
        outcome = self._outcome
        errors = getattr(outcome, "errors", None)
        if errors is None:  # Python 3.11 and later keep them in the result
            errors = [(test, text) for test, text in outcome.result.errors + outcome.result.failures if test is self]
        return any(error for _, error in errors)

    def _end(self):
        if self._has_failed():
            self._show_logs()
        for process in reversed(self._processes):
            if process.is_running():
                process.kill()
        for pid in self._await_no_children(timeout_s=0):
            os.kill(pid, signal.SIGKILL)
        self._await_no_children()
        if not os.environ.get("CERTCTL_KEEP"):
            shutil.rmtree(self.folder, ignore_errors=True)

    def _show_logs(self):
        for folder, _, names in sorted(os.walk(self.folder)):
            for name in sorted(names):
                if name.endswith((".log", ".out")):
                    self._show_log(os.path.join(folder, name))

    @staticmethod
    def _show_log(path):
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()[-LOG_TAIL_BYTES:]
        print(f"\n===== {path}\n{text}", file=sys.stderr)
