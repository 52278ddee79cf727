"""What the checks share: the files of the tree, and how a check reports.  A check takes the tree's root as its argument."""
import os
import re
import sys

ROOT = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "..", ".."))
SKIPPED = {"node_modules", "__pycache__", "dist"}
problems = []


def files(*endings):
    """Paths below the root, with one of these endings, in order; hidden folders but .ci, and what was installed, left out."""
    found = []
    for folder, names, leaves in os.walk(ROOT):
        names[:] = [n for n in names if n not in SKIPPED and (n == ".ci" or not n.startswith("."))]
        found += [os.path.relpath(os.path.join(folder, leaf), ROOT) for leaf in leaves if leaf.endswith(endings)]
    return sorted(found)


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def code_only(text):
    """C source with comments, strings and character constants blanked, line for line."""
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    return re.sub(pattern, lambda match: re.sub(r"[^\n]", " ", match.group()), text, flags=re.DOTALL)


def problem(path, line, text):
    problems.append(f"{path}:{line}: {text}")


def finish():
    print("\n".join(problems), end="\n" if problems else "")
    sys.exit(1 if problems else 0)
