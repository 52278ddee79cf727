"""An operator with nothing but certctl: makes, reads, changes and removes things, from options, files and an editor."""
import csv
import io
import json
import os
import re
import shlex
import unittest

from cli.shell import (CONFLICT, DENIED, NOT_FOUND, REFUSED, UNAVAILABLE, USAGE, Shell)
from lib.fleet import ControlPlane, program
from lib.processes import eventually, free_port, run
from lib.story import Story

DOCUMENTS = """# in an order that cannot be made as it stands
kind: owner
id: o-ann
name: Ann
email: ann@example.com
team_id: t-web
---
kind: Team
id: t-web
name: Web
---
kind: policy
id: rp-web
name: Monthly
renewal_threshold_days: 10
alert_thresholds_days: [30, 7]
"""


class Verbs(Story):
    def setUp(self):
        super().setUp()
        self.control = ControlPlane(self.folder)
        self.keep(self.control.start())
        self.shell = Shell(self.folder, self.control)

    def test_verbs(self):
        self.things_are_made_read_changed_and_removed()
        self.lists_come_in_every_form()
        self.documents_are_applied()
        self.an_editor_loses_nobodys_change()
        self.each_failure_has_its_status()
        self.keys_are_kept()
        self.secrets_are_not_shown()
        self.servers_have_names()
        self.the_page_is_true()
        self.nothing_happens_in_a_dry_run()
        self.the_trail_is_verified()
        self.stop_all()

    def write(self, name, text, mode=0o600):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def things_are_made_read_changed_and_removed(self):
        run, get = self.shell.run, self.shell.json
        made = get("teams", "create", "--id=t-1", "--name=One", "--description=First")
        self.assertEqual(("t-1", "One"), (made["id"], made["name"]))
        self.assertEqual(made, get("teams", "get", "t-1"))
        self.assertEqual("Uno", get("teams", "edit", "t-1", "--name=Uno")["name"])
        self.assertIsNone(get("teams", "edit", "t-1", "--description=")["description"])
        self.assertEqual("Ein", get("teams", "replace", "t-1", "-f", "-", stdin="name: Ein\n")["name"])
        self.assertEqual("Ein", get("teams", "patch", "t-1", "--set", "description=x")["name"])
        run("teams", "delete", "t-1")
        run("teams", "get", "t-1", status=NOT_FOUND)
        self.assertRegex(run("version"), r"^version\t\d")
        self.assertIn("openapi:", run("openapi.yaml"))
        self.assertIn("certctl_build_info", run("metrics"))
        self.assertIn("actor\tadmin\n", run("auth", "check"))

    def lists_come_in_every_form(self):
        run = self.shell.run
        for number in range(7):
            run("teams", "create", f"--id=l-{number}", f"--name=List {number}", "--description==1+1")
        ids = [f"l-{number}" for number in range(7)]
        every = ["teams", "list", "--all", "--limit=2", "--sort=id"]
        self.assertEqual(ids, run(*every, "--fields=id").split())
        page = json.loads(run(*every, "-o", "json"))
        self.assertEqual((ids, None), ([row["id"] for row in page["data"]], page["next_cursor"]))
        rows = list(csv.DictReader(io.StringIO(run(*every, "-o", "csv"), newline="")))
        self.assertEqual((ids, "'=1+1"), ([row["id"] for row in rows], rows[0]["description"]))
        self.assertEqual(7, run(*every, "-o", "yaml").count("\n- id: l-"))
        first = run("teams", "list", "--limit=2", "--sort=id", "--fields=id")
        self.assertEqual(["l-0", "l-1"], first.split())
        self.assertIn("--cursor=", self.shell.said)
        self.assertEqual(["l-3"], run("teams", "list", "--name=List 3", "--fields=id").split())
        terminal = self.shell.on_a_terminal("teams", "list", "--sort=id").splitlines()
        self.assertTrue(terminal[0].startswith("ID "), terminal)
        self.assertTrue(all(len(line) <= 80 for line in terminal), terminal)

    def documents_are_applied(self):
        run = self.shell.run
        path = self.write("shop.yaml", DOCUMENTS)
        self.assertEqual(3, run("diff", "-f", path, status=REFUSED).count("would be created"))
        run("teams", "get", "t-web", status=NOT_FOUND)
        self.assertEqual("team t-web created\nowner o-ann created\npolicy rp-web created\n", run("apply", "-f", path))
        self.assertEqual(3, run("apply", "-f", path).count(" unchanged\n"))
        self.assertEqual("", run("diff", "-f", path))
        changed = self.write("shop.yaml", DOCUMENTS.replace("[30, 7]", "[14]"))
        self.assertIn("- alert_thresholds_days: [30, 7]\n  + alert_thresholds_days: [14]\n",
                      run("diff", "-f", changed, status=REFUSED))
        self.assertIn("would be changed", run("apply", "--dry-run", "-f", changed))
        self.assertIn("policy rp-web changed\n", run("apply", "-f", changed))
        # What was exported is what is there, from YAML and from JSON, of a folder too.
        folder = os.path.join(self.folder, "exported")
        os.mkdir(folder)
        self.write("exported/a.yaml", run("export"))
        self.assertNotIn("created", run("apply", "-f", folder))
        self.assertEqual("", run("diff", "-f", "-", stdin=run("export", "owners", "policy", "-o", "json")))
        # One that is refused does not stop the others; a mistake in a file sends nothing at all.
        mixed = "kind: owner\nid: o-bad\nname: X\nemail: nonsense\n---\nkind: team\nid: t-after\nname: After\n"
        self.assertEqual("team t-after created\n", run("apply", "-f", "-", stdin=mixed, status=REFUSED))
        self.assertIn("email:", self.shell.said)
        run("apply", "-f", "-", stdin="kind: team\nid: t-never\nname: N\n---\nkind: nonsense\nid: x\n", status=USAGE)
        run("teams", "get", "t-never", status=NOT_FOUND)

    def an_editor_loses_nobodys_change(self):
        run, get = self.shell.run, self.shell.json
        run("teams", "create", "--id=t-edit", "--name=Before", "--description=Old")
        editor = self.write("editor", '#!/bin/sh\nsed -i "s/^name: .*/name: $NAME/; /^description/d" "$1"\n', 0o700)
        run("teams", "edit", "t-edit", EDITOR=editor, NAME="Edited")
        self.assertEqual(("Edited", None), tuple(get("teams", "get", "t-edit")[name] for name in ("name", "description")))
        run("teams", "edit", "t-edit", EDITOR=editor, NAME="Edited")
        self.assertIn("nothing is changed", self.shell.said)
        meanwhile = self.write("meanwhile", '#!/bin/sh\n"$CERTCTL" teams edit t-edit --name=Theirs >/dev/null\n'
                               'sed -i "s/^name: .*/name: Mine/" "$1"\n', 0o700)
        run("teams", "edit", "t-edit", EDITOR=meanwhile, CERTCTL=program("certctl"), TMPDIR=self.folder, status=CONFLICT)
        self.assertIn('changed meanwhile: {"name": "Theirs"}', self.shell.said)
        saved = self.shell.said.partition("your text is in ")[2].split()[0]
        with open(saved, encoding="utf-8") as file:
            self.assertIn("name: Mine", file.read())
        self.assertEqual("Theirs", get("teams", "get", "t-edit")["name"])
        run("teams", "edit", "t-edit", EDITOR="false", status=USAGE)

    def each_failure_has_its_status(self):
        run = self.shell.run
        other_ca = os.path.join(self.folder, "other.pem")
        make_other_ca(other_ca)
        viewer = self.shell.json("api-keys", "create", "--name=looker", "--role=viewer")
        key = viewer.get("key") or viewer.get("token")
        for status, words, changes in [
                (USAGE, ["nonsense"], {}), (USAGE, ["teams"], {}), (USAGE, ["teams", "nonsense"], {}),
                (USAGE, ["teams", "list", "--nonsense"], {}), (USAGE, ["teams", "get"], {}),
                (USAGE, ["teams", "get", ".."], {}), (USAGE, ["teams", "create"], {}),
                (USAGE, ["teams", "list"], {"CERTCTL_URL": None}), (USAGE, ["teams", "list", "--url=http://127.0.0.1"], {}),
                (USAGE, ["teams", "list", "--ca-file=/nonsense"], {}), (USAGE, ["apply", "-f", "/nonsense"], {}),
                (REFUSED, ["teams", "create", "--name="], {}), (REFUSED, ["teams", "list", "--cursor=nonsense"], {}),
                (DENIED, ["teams", "list"], {"CERTCTL_TOKEN_FILE": None, "CERTCTL_TOKEN": "sk-nonsense"}),
                (DENIED, ["teams", "list"], {"CERTCTL_TOKEN_FILE": None}),
                (DENIED, ["teams", "create", "--name=V"], {"CERTCTL_TOKEN_FILE": None, "CERTCTL_TOKEN": key}),
                (NOT_FOUND, ["certificates", "get", "mc-none"], {}), (NOT_FOUND, ["teams", "edit", "t-none", "--name=x"], {}),
                (CONFLICT, ["teams", "delete", "t-web"], {}), (CONFLICT, ["teams", "create", "--id=t-web", "--name=W"], {}),
                (UNAVAILABLE, ["teams", "list"], {"CERTCTL_CA_FILE": other_ca}),
                (UNAVAILABLE, ["teams", "list"], {"CERTCTL_CA_FILE": None}),
                (UNAVAILABLE, ["teams", "list", f"--url=https://127.0.0.1:{free_port()}"], {})]:
            with self.subTest(words=words, changes=list(changes)):
                run(*words, status=status, **changes)
                self.assertTrue(self.shell.said)
        run("owners", "create", "--name=N", "--email=nonsense", "--team-id=t-none", status=REFUSED)
        self.assertRegex(self.shell.said, r"(?m)^  email: ")
        self.assertRegex(self.shell.said, r"(?m)^  request: [0-9a-f]+$")

    def keys_are_kept(self):
        run = self.shell.run
        with open(self.shell.key_file, encoding="ascii") as file:
            key = file.read().strip()
        loose = self.write("loose.key", key, 0o640)
        run("teams", "list", CERTCTL_TOKEN_FILE=loose, status=USAGE)
        self.assertIn("others may read", self.shell.said)
        shown = run("-v", "teams", "create", "--name=Shown", "--dry-run") + self.shell.said
        shown += run("-v", "teams", "list", CERTCTL_TOKEN_FILE=None, CERTCTL_TOKEN=key) + self.shell.said
        shown += run("-v", "teams", "get", "t-none", status=NOT_FOUND) + self.shell.said
        self.assertIn("request ", shown)
        self.assertNotIn(key, shown)

    def secrets_are_not_shown(self):
        run = self.shell.run
        secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        path = self.write("hook.yaml", "kind: notifier\nid: ntf-hook\nname: Hook\ntype: webhook\n"
                          f"options: {{url: 'https://127.0.0.1:1/', secrets: [{secret}]}}\n")
        shown = run("diff", "-f", path, status=REFUSED) + run("notifiers", "create", "-f", path, "--dry-run")
        self.assertEqual("notifier ntf-hook created\n", run("apply", "-f", path))
        self.assertEqual("notifier ntf-hook unchanged, secrets sent again\n", run("apply", "-f", path))
        shown += run("diff", "-f", path) + run("notifiers", "edit", "ntf-hook", "--set", "options.timeout_s=20")
        exported = run("export", "notifiers")
        self.assertNotIn(secret, shown + exported)
        self.assertEqual("notifier ntf-hook unchanged\n", run("apply", "-f", "-", stdin=exported))
        run("apply", "-f", "-", stdin=exported.replace("ntf-hook", "ntf-two"), status=USAGE)
        self.assertIn("*** stands for a secret", self.shell.said)
        # An examination that finds something says so at its end.
        self.assertIn("ok\tfalse\n", run("notifiers", "test", "ntf-hook", status=REFUSED))

    def servers_have_names(self):
        run = self.shell.run
        nothing = {"CERTCTL_URL": None, "CERTCTL_CA_FILE": None, "CERTCTL_TOKEN_FILE": None}
        run("context", "add", "here", f"--url={self.control.url}", f"--ca-file={self.control.ca_file}",
            f"--token-file={self.shell.key_file}", **nothing)
        run("context", "add", "there", f"--url=https://127.0.0.1:{free_port()}", **nothing)
        config = os.path.join(self.folder, ".config/certctl/config.yaml")
        self.assertEqual(0o600, os.stat(config).st_mode & 0o777)
        self.assertIn("here\ttrue\t", run("context", "list", **nothing))
        self.assertIn("actor\tadmin", run("auth", "check", **nothing))
        run("auth", "check", "--context=there", status=UNAVAILABLE, **nothing)
        run("context", "use", "there", **nothing)
        run("auth", "check", status=UNAVAILABLE, **nothing)
        run("context", "remove", "there", **nothing)
        run("auth", "check", status=USAGE, **nothing)
        # Another server does not get the key of the context.
        run("auth", "check", status=DENIED, **{**nothing, "CERTCTL_URL": self.control.url, "CERTCTL_CA_FILE": self.control.ca_file})

    def the_trail_is_verified(self):
        key = os.path.join(self.control.state, "audit.pub")
        verified = eventually("the trail is sealed", lambda: self.verify_online(key), 60)
        self.assertGreater(verified["events"], 50)
        path = self.write("trail.jsonl", self.shell.run("audit", "export", "--format=jsonl", "--proof"))
        nobody = {"CERTCTL_URL": None, "CERTCTL_TOKEN_FILE": None}
        self.assertIn("verified\ttrue\n", self.shell.run("audit", "verify", f"--offline={path}", f"--pubkey={key}", **nobody))
        with open(path, encoding="utf-8") as file:
            changed = self.write("changed.jsonl", file.read().replace("t-web", "t-wet", 1))
        self.shell.run("audit", "verify", f"--offline={changed}", f"--pubkey={key}", status=REFUSED)
        self.assertRegex(self.shell.said, r"TAMPERED: line \d+: ")
        other = os.path.join(self.folder, "other.pub")
        run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", other + ".key"])
        run(["openssl", "pkey", "-in", other + ".key", "-pubout", "-out", other])
        self.shell.run("audit", "verify", f"--pubkey={other}", status=REFUSED)
        self.shell.run("audit", "verify", status=USAGE)
        self.a_part_of_the_trail_is_called_one(key)

    def a_part_of_the_trail_is_called_one(self, key):
        verify = ("audit", "verify", f"--pubkey={key}")
        path = self.write("part.jsonl", self.shell.run("audit", "export", "--format=jsonl", "--proof", "--type=team_created"))
        part = self.shell.json(*verify, f"--offline={path}")
        self.assertEqual((True, True), (part["verified"], part["is_selection"]))
        self.assertTrue(0 < part["shown"] < part["events"], part)
        self.assertIn(f"a SELECTION, not the trail: {part['shown']} events of {part['events']} are here", self.shell.said)
        with open(path, encoding="utf-8") as file:
            changed = self.write("part-changed.jsonl", file.read().replace("team_created", "team_deleted", 2))
        self.shell.run(*verify, f"--offline={changed}", status=REFUSED)
        # What says nothing of itself, or cannot be had, is neither good nor bad.
        plain = self.write("plain.jsonl", self.shell.run("audit", "export", "--format=jsonl"))
        self.shell.run(*verify, f"--offline={plain}", status=USAGE)
        self.assertIn("an export without proof", self.shell.said)
        self.shell.run(*verify, "--offline=/nonsense", status=USAGE)
        self.shell.run(*verify, f"--url=https://127.0.0.1:{free_port()}", status=UNAVAILABLE)
        self.shell.run(*verify, status=DENIED, CERTCTL_TOKEN_FILE=None, CERTCTL_TOKEN="sk-nonsense")
        self.shell.run("audit", "verify", "--pubkey=/nonsense", status=USAGE)

    def verify_online(self, key):
        verified = self.shell.json("audit", "verify", f"--pubkey={key}")
        return verified if verified["events"] > 50 else None

    def the_page_is_true(self):
        """Every line of the page for a shell is one that certctl takes; nothing is changed by them here."""
        with open(os.path.join(os.environ.get("CERTCTL_SOURCE", "."), "docs/reference/cli.md"), encoding="utf-8") as file:
            blocks = re.findall(r"^```sh\n(.*?)^```$", file.read(), re.MULTILINE | re.DOTALL)
        lines = [line for block in blocks for line in block.splitlines() if line.startswith("certctl ")]
        self.assertGreater(len(lines), 3)
        for line in lines:
            words = shlex.split(line.partition(" | ")[0].replace("https://127.0.0.1:8443", self.control.url)
                                .replace("/tmp/certctl/control", os.path.dirname(self.control.ca_file)))
            with self.subTest(line=line):
                self.shell.run(*words[1:], "--dry-run")

    def nothing_happens_in_a_dry_run(self):
        shown = self.shell.run("teams", "create", "--id=t-dry", "--name=Dry", "--dry-run")
        self.assertIn("POST " + self.control.url + "/api/v1/teams\n", shown)
        self.assertIn("Authorization: Bearer ***\n", shown)
        self.assertEqual({"id": "t-dry", "name": "Dry"}, json.loads(shown.partition("\n\n")[2]))
        for words in (["edit", "t-web", "--name=Dry"], ["delete", "t-web"]):
            self.shell.run("teams", *words, "--dry-run")
        self.assertEqual("Web", self.shell.json("teams", "get", "t-web")["name"])
        self.shell.run("teams", "get", "t-dry", status=NOT_FOUND)


def make_other_ca(path):
    run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
         "/CN=other", "-keyout", "/dev/null", "-out", path])


if __name__ == "__main__":
    unittest.main()
