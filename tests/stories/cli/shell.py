"""certctl as an operator runs it: the program, its output, its exit status."""
import json
import os
import pty
import select
import subprocess

from lib.fleet import program

DONE, REFUSED, USAGE, DENIED, NOT_FOUND, CONFLICT, UNAVAILABLE, WAITING = range(8)


class Shell:
    def __init__(self, folder, control):
        self.control = control
        self.key_file = os.path.join(os.path.dirname(control.ca_file), "admin.key")
        self.environment = {"PATH": os.environ["PATH"], "HOME": folder, "CERTCTL_URL": control.url,
                            "CERTCTL_CA_FILE": control.ca_file, "CERTCTL_TOKEN_FILE": self.key_file}
        self.environment.update({name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")})

    def with_changes(self, changes):
        return {name: value for name, value in {**self.environment, **changes}.items() if value is not None}

    def run(self, *words, status=DONE, stdin="", timeout_s=60, **changes):
        """Standard output; `status` is what it must end with, and is returned with standard error when it is not 0."""
        done = subprocess.run([program("certctl"), *words], input=stdin, capture_output=True, text=True, timeout=timeout_s,
                              env=self.with_changes(changes))
        assert done.returncode == status, f"{words}: {done.returncode} instead of {status}\n{done.stdout}\n{done.stderr}"
        self.said = done.stderr
        return done.stdout

    def json(self, *words, **options):
        return json.loads(self.run(*words, "-o", "json", **options))

    def start(self, *words):
        return subprocess.Popen([program("certctl"), *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, env=self.environment)

    def on_a_terminal(self, *words):
        """What a terminal of 80 columns is sent."""
        ours, theirs = pty.openpty()
        child = subprocess.Popen([program("certctl"), *words], stdin=theirs, stdout=theirs, stderr=theirs,
                                 env=self.with_changes({"TERM": "xterm"}), start_new_session=True)
        os.close(theirs)
        text = b""
        while select.select([ours], [], [], 30)[0]:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # Linux's way to say that the other end is closed
                break
            if not piece:
                break
            text += piece
        os.close(ours)
        assert child.wait(30) == 0, text
        return text.decode()
