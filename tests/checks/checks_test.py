#!/usr/bin/env python3
"""Each check finds what it is there to find: a fault planted in a small tree, and the words it must say about it."""
import os
import subprocess
import sys
import tempfile

CHECKS = os.path.dirname(os.path.abspath(__file__))

# Check, the files of the tree, the words expected; None: the check must pass.
ROWS = [
    ("arrows", {"plugins/issuers/a/a.c": '#include "sdk/host/connector.h"\n', "sdk/host/connector.h": ""},
     "plugins/issuers/a/a.c:1: wrong arrow: plugins/issuers/a may not include sdk/host/connector.h"),
    ("arrows", {"plugins/issuers/a/a.c": '#include "../b/b.h"\n', "plugins/issuers/b/b.h": ""},
     "plugins/issuers/a may not include plugins/issuers/b/b.h"),
    ("arrows", {"sdk/include/certctl/x.h": '\n#include "sdk/lib/inside.h"\n', "sdk/lib/inside.h": ""},
     "sdk/include/certctl/x.h:2: wrong arrow"),
    ("arrows", {"agent/a.c": '#include "core/platform/db/db.h"\n', "core/platform/db/db.h": ""}, "agent may not include"),
    ("arrows", {"core/platform/jobs/q.c": '#include "core/features/audit/audit.h"\n', "core/features/audit/audit.h": ""},
     "core/platform may not include core/features/audit/audit.h"),
    ("arrows", {"core/features/fleet/f.c": '#include "core/features/audit/rows.h"\n', "core/features/audit/rows.h": ""},
     "core/features/fleet may not include core/features/audit/rows.h"),
    ("arrows", {"core/cli/c.c": '#include "core/features/audit/seal.h"\n', "core/features/audit/seal.h": ""},
     "core/cli may not include"),
    ("arrows", {"core/cli/c.c": '#include "core/features/audit/verify.h"\n', "core/features/audit/verify.h": ""}, None),
    ("arrows", {"core/features/fleet/f.c": "#include <libpq-fe.h>\n"}, "libpq-fe.h is for core/platform/db alone"),
    ("arrows", {"core/features/fleet/f.c": '#include "core/features/audit/audit.h"\n#include <certctl/error.h>\n',
                "core/features/audit/audit.h": "", "sdk/include/certctl/error.h": ""}, None),
    ("banned", {"agent/a.c": "int f(void)\n{\n\treturn system(\"ls\");\n}\n"}, "agent/a.c:3: system: use certctl_command_run"),
    ("banned", {"agent/a.c": "/* not system(x) */\nconst char *t = \"popen(\";\nint v = my_system(1) + p->system(2);\n"}, None),
    ("banned", {"agent/a.c": "void *p = malloc(3);\n"}, "malloc: use talloc"),
    ("banned", {"sdk/lib/a.c": "void *p = malloc(3);\n"}, None),
    ("sizes", {"agent/a.c": "int x;\n" * 801}, "file has 801 lines"),
    ("sizes", {"agent/a.c": "int f(int a,\n\tint b)\n{\n" + "\ta++;\n" * 81 + "}\n"}, "function f has 81 lines"),
    ("sizes", {"agent/a.c": "int f(void)\n{\n" + "\ta++;\n" * 60 + "}\n"}, None),
    ("readmes", {"README.md": "", "agent/deploy/a.c": ""}, "agent/deploy:1: README.md is missing"),
    ("links", {"docs/a.md": "See [b](b.md).\n"}, "docs/a.md:1: link to b.md: no such file"),
    ("links", {"docs/a.md": "\n[b](b.md#gone)\n", "docs/b.md": "# Here\n"}, "docs/a.md:2: link to b.md#gone: no such heading"),
    ("links", {"docs/a.md": "[b](b.md#the-one-word) `[x](y)` [w](https://example.com)\n", "docs/b.md": "## The `one` word\n"}, None),
    ("shell", {"run": "#!/bin/sh\necho $1\n"}, "SC2086"),
    ("format", {"agent/a.c": "int  x;\n", ".clang-format": "BasedOnStyle: LLVM\n"}, "agent/a.c:1"),
]


def run(check, planted):
    with tempfile.TemporaryDirectory() as root:
        for path, text in planted.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)) or root, exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        return subprocess.run([os.path.join(CHECKS, "check_" + check), root], capture_output=True, text=True, check=False)


failed = 0
for check, planted, words in ROWS:
    done = run(check, planted)
    output = done.stdout + done.stderr
    good = done.returncode == 0 if words is None else done.returncode != 0 and words in output
    print("ok    " if good else "FAILED", check, words or "passes")
    if not good:
        print(f"  exit {done.returncode}, said:\n{output}")
        failed += 1
sys.exit(1 if failed else 0)
