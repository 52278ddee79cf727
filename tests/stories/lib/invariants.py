"""The invariants of the doctor, asked of a control plane's database while it runs, by somebody else than the doctor."""
import os
import re

from . import cluster
from .processes import run

SOURCE = os.environ.get("CERTCTL_SOURCE", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.."))
FILE = os.path.join(SOURCE, "core/features/doctor/invariants.sql")


def queries():
    """What is broken when there are rows -> the query."""
    with open(FILE, encoding="utf-8") as file:
        return {name: sql for name, sql in re.findall(r"^-- ([^\n]*)\n-- name: \w+\n(.*?;)\n", file.read(), re.MULTILINE | re.DOTALL)}


def ask(state, sql, user="certctl_owner"):
    """Rows as text, from the private cluster of a state directory."""
    return run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", cluster.socket(state), "-U", user, "-d", "certctl",
                "-c", sql]).strip()


def assert_invariants(story, state):
    found = queries()
    story.assertGreater(len(found), 12, "the invariants were not found")
    for broken, sql in found.items():
        story.assertEqual("", ask(state, sql), broken)
