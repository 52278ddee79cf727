"""--wait tells how jobs ended, on a certificate that is really issued; and the completions, as bash and zsh ask for them."""
import os
import shutil
import subprocess
import unittest

from cli.shell import DONE, REFUSED, WAITING, Shell
from lib.fleet import ControlPlane, Host, program
from lib.processes import eventually
from lib.story import Story

AGENT = "agent-web-1"
SOURCE = os.path.abspath(os.environ.get("CERTCTL_SOURCE", "."))


class Wait(Story):
    def setUp(self):
        super().setUp()
        self.control = ControlPlane(self.folder)
        self.keep(self.control.start())
        self.shell = Shell(self.folder, self.control)
        self.host = Host(self.folder, self.control, "web-1", paths=[self.folder], commands=["/bin/true"])
        self.host.enrol_with(self.shell.json("enrollment-tokens", "create", f"--agent-id={AGENT}")["token"])
        self.keep(self.host.start_worker())
        self.keep(self.host.start_agent())
        eventually("the agent is enrolled", lambda: AGENT in self.shell.run("agents", "list", "--fields=id"))

    def test_wait(self):
        self.a_certificate_is_waited_for()
        self.host.agent.stop()
        self.a_job_that_does_not_end_is_told_apart()
        self.a_job_that_fails_is_a_failure()
        self.keep(self.host.start_agent())
        self.what_is_applied_is_waited_for()
        self.shells_complete()
        self.stop_all()

    def create(self, name, *words, status=DONE):
        return self.shell.run("certificates", "create", f"--id=mc-{name}", f"--name={name}", f"--sans={name}.example.com",
                              f"--agent-ids={AGENT}", *words, status=status, timeout_s=150)

    def a_certificate_is_waited_for(self):
        self.create("shop", "--wait=2m")
        self.assertRegex(self.shell.said, r"(?m)^certctl: Issuance job-\S+: Completed$")
        self.assertEqual("Active", self.shell.json("certificates", "get", "mc-shop")["status"])
        self.shell.run("certificates", "renew", "mc-shop", "--wait=2m", timeout_s=150)
        self.assertEqual(2, len(self.shell.json("certificates", "versions", "mc-shop")["data"]))

    def a_job_that_does_not_end_is_told_apart(self):
        self.shell.run("certificates", "renew", "mc-shop", "--wait=1s", status=WAITING)
        self.assertIn("the time is over", self.shell.said)

    def a_job_that_fails_is_a_failure(self):
        waiting = self.shell.start("certificates", "create", "--id=mc-three", "--name=three", "--sans=three.example.com",
                                   f"--agent-ids={AGENT}", "--wait=2m")
        job = eventually("its job", lambda: self.shell.json("jobs", "list", "--certificate-id=mc-three")["data"])[0]
        self.shell.run("jobs", "cancel", job["id"])
        said = waiting.communicate(timeout=60)[1]
        self.assertEqual(REFUSED, waiting.returncode, said)
        self.assertIn("Cancelled", said)

    def what_is_applied_is_waited_for(self):
        path = self.write("two.yaml", f"kind: certificate\nid: mc-two\nname: Two\nsans: [two.example.com]\nagent_ids: [{AGENT}]\n")
        self.assertIn("created", self.shell.run("apply", "-f", path, "--wait", timeout_s=150))
        self.assertEqual("Active", self.shell.json("certificates", "get", "mc-two")["status"])
        self.assertIn("unchanged", self.shell.run("apply", "-f", path))
        with open(path, "a", encoding="utf-8") as file:
            file.write("tags: [web, shop]\n")
        self.assertEqual("certificate mc-two changed\n", self.shell.run("apply", "-f", path))
        self.assertEqual("certificate mc-two unchanged\n", self.shell.run("apply", "-f", path))
        self.assertEqual("", self.shell.run("diff", "-f", "-", stdin=self.shell.run("export", "certificates")))
        self.assertRegex(self.shell.run("certificates", "why", "mc-two"), r"^[A-Z][^\t]*\.\n")

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def ask_shell(self, shell, *words):
        """What the shell itself was offered, from the files that the package installs."""
        quoted = " ".join(f"'{word}'" for word in ("certctl", *words))
        if shell == "bash":
            script = (f"source {SOURCE}/etc/completions/certctl.bash\ncomplete -p certctl >/dev/null || exit 3\n"
                      f"COMP_WORDS=({quoted}); COMP_CWORD={len(words)}\n_certctl\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"\n")
        else:
            script = (f"fpath=({SOURCE}/etc/completions $fpath); autoload -U compinit; compinit -u -D\n"
                      "[[ ${_comps[certctl]} == _certctl ]] || exit 3\n"
                      "compadd() { shift 4; print -l -- \"$@\" }\n"
                      f"words=({quoted}); CURRENT={len(words) + 1}\n_certctl\n")
        done = subprocess.run([shell, *(["--norc", "--noprofile"] if shell == "bash" else ["-f"])], input=script, text=True,
                              capture_output=True, timeout=60,
                              env=self.shell.with_changes({"PATH": os.path.dirname(program("certctl")) + ":" + os.environ["PATH"]}))
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        return done.stdout.split()

    def shells_complete(self):
        self.assertTrue(shutil.which("zsh"), "zsh is one of the packages that ./dev installs")
        for shell in ("bash", "zsh"):
            with self.subTest(shell=shell):
                self.assertEqual(["certificates"], self.ask_shell(shell, "certif"))
                self.assertIn("renew", self.ask_shell(shell, "certificates", ""))
                self.assertEqual(["mc-shop"], self.ask_shell(shell, "certificates", "get", "mc-s"))
                self.assertEqual(["--target-ids"], self.ask_shell(shell, "certificates", "create", "--target"))
        # bash takes words apart at "=".
        self.assertEqual(["ECDSA_P256", "ECDSA_P384"], self.ask_shell("bash", "certificates", "create", "--key-type", "=", "ECDSA"))
        self.assertEqual(["--key-type=ED25519"], self.ask_shell("zsh", "certificates", "create", "--key-type=ED"))
        self.assertIn(AGENT, self.ask_shell("bash", "certificates", "create", "--agent-ids", "="))


if __name__ == "__main__":
    unittest.main()
