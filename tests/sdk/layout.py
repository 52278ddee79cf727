#!/usr/bin/env python3
"""Size and offsets of every public struct, pinned in layout.txt (64 bits, little endian or big).

    layout.py            compare; exit 1 and a diff when something moved
    layout.py --update   write layout.txt: only with a line in the plugin ABI history, and never to move what is there
"""
import difflib
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
HEADERS = os.path.join(HERE, "..", "..", "sdk", "include")
PINNED = os.path.join(HERE, "layout.txt")


def plain(text):
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.DOTALL)
    text = re.sub(r"__attribute__\s*\(\(.*?\)\)|CERTCTL_SENTINEL_MEMBER", " ", text, flags=re.DOTALL)
    return re.sub(r"^\s*#(?:[^\n]*\\\n)*[^\n]*", " ", text, flags=re.MULTILINE)


def member_names(body):
    """Names of the members that the text between a struct's braces declares."""
    names = []
    for declaration in body.split(";"):
        function = re.search(r"\(\s*\*\s*(\w+)\s*\)\s*\(", declaration)
        if function:
            names.append(function.group(1))
            continue
        for declarator in declaration.split(","):
            name = re.search(r"(\w+)\s*(?:\[[^\]]*\])?\s*$", declarator.strip())
            if name:
                names.append(name.group(1))
    return names


def public_structs():
    """(header, struct, members) in the order of the headers."""
    for header in sorted(os.listdir(os.path.join(HEADERS, "certctl"))):
        with open(os.path.join(HEADERS, "certctl", header), encoding="utf-8") as file:
            text = plain(file.read())
        for match in re.finditer(r"^struct\s+(\w+)\s*\{([^{}]*)\}\s*;", text, re.MULTILINE):
            yield header, match.group(1), member_names(match.group(2))


def measure(structs):
    lines = [f"#include <certctl/{header}>" for header in sorted({header for header, _, _ in structs})]
    lines += ["#include <stdio.h>", "int main(void)", "{"]
    for _, struct, members in structs:
        lines.append(f'printf("struct {struct} %zu\\n", sizeof(struct {struct}));')
        lines += [f'printf("  {member} %zu %zu\\n", offsetof(struct {struct}, {member}), '
                  f"sizeof(((struct {struct} *)0)->{member}));" for member in members]
    with tempfile.TemporaryDirectory() as folder:
        source, program = os.path.join(folder, "layout.c"), os.path.join(folder, "layout")
        with open(source, "w", encoding="utf-8") as file:
            file.write("\n".join(lines + ["return 0;", "}"]))
        subprocess.run(["cc", "-std=c11", "-I", HEADERS, source, "-o", program], check=True)
        return subprocess.run([program], check=True, capture_output=True, text=True).stdout


measured = measure(list(public_structs()))
if sys.argv[1:] == ["--update"]:
    with open(PINNED, "w", encoding="utf-8") as file:
        file.write(measured)
    sys.exit(0)
with open(PINNED, encoding="utf-8") as file:
    pinned = file.read()
difference = list(difflib.unified_diff(pinned.splitlines(), measured.splitlines(), "layout.txt", "headers", lineterm="", n=3))
print("\n".join(difference) or f"{measured.count('struct ')} structs as pinned")
sys.exit(1 if difference else 0)
