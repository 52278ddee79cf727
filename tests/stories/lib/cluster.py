"""The private PostgreSQL of a state directory: which process it is, where it listens, and its end without a farewell."""
import contextlib
import os
import signal


def _lines(state):
    """PostgreSQL's own note about itself.  It is written in steps: a line may be missing while it starts, the file when it has ended."""
    with open(os.path.join(state, "postgres", "postmaster.pid"), encoding="utf-8") as file:
        return file.read().splitlines()


def postmaster(state):
    return int(_lines(state)[0])


def socket(state):
    """The folder of its socket: what libpq calls a host."""
    return _lines(state)[4]


def kill(state):
    """As a power cut would; gives the pid it had.

    One whose certctld was killed before it has become our child: until we take leave of it, it would pass for a live one."""
    pid = postmaster(state)
    os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)
    return pid
