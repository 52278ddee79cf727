#!/usr/bin/env python3
"""`certctl-plugin check` finds what it is there to find: each row is a template with something changed for the worse, and the
words that check must say about it."""
import os
import shutil
import subprocess
import sys
import tempfile

BUILD = os.environ["CERTCTL_BUILD"]
SOURCE = os.environ["CERTCTL_SOURCE"]
PROGRAM = os.path.join(BUILD, "bin", "certctl-plugin")
IDS = {"issuer": ("file_ca.c", "issuer-file-ca"), "target": ("pem_file.c", "target-pem-file"),
       "notifier": ("spool.c", "notifier-spool")}

TOKEN = [("\tconst char *folder;", "\tconst char *folder;\n\tstruct certctl_secret token;"),
         ("\t{ 0 },\n};", '\tCERTCTL_OPTION(struct spool_config, token, CERTCTL_SECRET, .help = "A token."),\n\t{ 0 },\n};'),
         ("check.yaml", "options:", "options:\n  token: hunter2-hunter2")]
# Template, replacements (old, new) in the C file or (file, old, new), words expected.
ROWS = [
    ("notifier", [], "conforms"),
    ("notifier", [("#include <certctl/notifier.h>", "#include <certctl/notifier.h>\n#include <unistd.h>"),
                  ("self->config = config;", "self->config = config;\n\tif (dup(3) < 0)\n\t\treturn -1;")],
     "descriptors stayed open"),
    ("notifier", [("\ttalloc_free(self);\n}", "\t(void)self;\n}")], "bytes stayed allocated"),
    ("notifier", [('.help = "Folder that takes the messages; it must be there."', "")], "folder has no help sentence"),
    ("notifier", [("static int spool_test(struct certctl_notifier *self, const struct certctl_host *host, "
                   "struct certctl_error *err)\n{",
                   "static int spool_test(struct certctl_notifier *self, const struct certctl_host *host, "
                   "struct certctl_error *err)\n{\n\tabort();"),
                  ("#include <certctl/notifier.h>", "#include <certctl/notifier.h>\n#include <stdlib.h>")],
     "FAILED   test: the instance is ready: crashed"),
    ("notifier", [*TOKEN, ("ret->endpoint = self->config->folder;", "ret->endpoint = (char *)self->config->token.data;")],
     "it shows a secret of the configuration"),
    ("notifier", TOKEN, "conforms"),
    ("target", [], "conforms"),
    ("target", [("file->mode = 0600", "file->mode = 0644")], "a file with the key is open to everybody"),
    ("target", [("file->path = binding->path;", "static int calls;\n\tfile->path = talloc_asprintf(mem, \"%s%d\", "
                 "binding->path, calls++);")], "it is another plan"),
    ("target", [("file->parts = parts;", "file->parts = parts + 3;")], "a file has no parts"),
    ("issuer", [], "conforms"),
    ("issuer", [("certctl_unhex(mem, order->serial, &serial, err) < 0",
                 "certctl_unhex(mem, order->serial, &serial, err) < 0 || certctl_serial_make(serial.data, err) < 0")],
     "the serial is not the one reserved"),
    ("issuer", [("certctl_unhex(mem, order->serial, &serial, err) < 0",
                 "certctl_unhex(mem, order->serial, &serial, err) < 0 || certctl_serial_make(serial.data, err) < 0"),
                (" | CERTCTL_ISSUER_TAKES_SERIAL", "")], "it is another certificate"),
    ("issuer", [("= order->not_after_unix_s,", "= order->not_after_unix_s - 60,")], "the dates are not those of the order"),
    ("issuer", [("\t.chain = file_ca_chain,\n", "")], "chain"),
    ("issuer", [("ret->chain_pem = certctl_certificate_pem(mem, self->certificate);", 'ret->chain_pem = "garbage";')], "chain"),
]


def change(folder, source, replacements):
    for row in replacements:
        name, old, new = row if len(row) == 3 else (source, *row)
        path = os.path.join(folder, name)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        if old not in text:
            sys.exit(f"FAILED: {name} has no {old!r} any more: adapt the row")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace(old, new, 1))


def build(folder, source, name):
    plugin = os.path.join(folder, f"certctl-{name}.so")
    subprocess.run(["cc", "-std=c11", "-D_GNU_SOURCE", "-shared", "-fPIC", "-fvisibility=hidden", "-w", "-I", SOURCE + "/sdk/include",
                    "-o", plugin, os.path.join(folder, source), "-L", BUILD + "/lib", "-lcertctl", "-ltalloc", "-ljansson"],
                   check=True)
    return plugin


# The peer of the document, named on the command line instead: the same words are filled in.
PEER_LINE = '[sh, "${here}/make-ca.sh", "${dir}"]'
PEER_COMMAND = "sh ${here}/make-ca.sh ${dir}"


def try_row(kind, replacements, words, *options):
    source, name = IDS[kind]
    with tempfile.TemporaryDirectory() as root:
        folder = os.path.join(root, kind)
        shutil.copytree(os.path.join(SOURCE, "sdk/templates", kind), folder)
        change(folder, source, replacements)
        plugin = build(folder, source, name)
        done = subprocess.run([PROGRAM, "check", plugin, "--config", os.path.join(folder, "check.yaml"), *options],
                              capture_output=True, text=True, check=False)
    expected = 0 if words == "conforms" else 1
    good = done.returncode == expected and words in done.stdout
    print("ok    " if good else "FAILED", kind, words)
    if not good:
        print(f"  exit {done.returncode}\n{done.stdout}{done.stderr}")
    return good


results = [try_row(*row) for row in ROWS]
results.append(try_row("issuer", [("check.yaml", f"peer: {PEER_LINE}\n", "")], "conforms", "--peer", PEER_COMMAND))
sys.exit(0 if all(results) else 1)
