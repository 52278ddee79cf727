"""The invariants of invariants.sql, asked of a control plane's database while it runs."""
import os
import re

from .processes import run

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "invariants.sql")


def queries():
    """What is broken when there are rows -> the query."""
    with open(FILE, encoding="utf-8") as file:
        parts = re.split(r"^-- name: (.*)\n", file.read(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2]))


def ask(state, sql, user="certctl_owner"):
    """Rows as text, from the private cluster of a state directory."""
    with open(os.path.join(state, "postgres", "postmaster.pid"), encoding="utf-8") as file:
        socket = file.read().splitlines()[4]
    return run(["psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", socket, "-U", user, "-d", "certctl",
                "-c", sql]).strip()


def assert_invariants(story, state):
    for broken, sql in queries().items():
        story.assertEqual("", ask(state, sql), broken)
