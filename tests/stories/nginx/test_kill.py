#!/usr/bin/env python3
"""
kill -9 before every system call that can change something, in a first deployment (which adopts the files) and in a later one, in those that
succeed and in those that are put back:
whatever is left, a start or reload of nginx reads the old pair or the new pair, never a mix, and recovery leaves one of them
on disk and served.

Between two calls that change something the disk is the same and the memory is lost, so killing at the calls in between gives nothing
new; `./dev faults` does it nevertheless (half an hour).
"""
import collections
import concurrent.futures
import os
import shutil
import unittest

from lib.story import IS_LONG
from stage import Stage, eventually, read, steps, write

CHANGING = {"openat", "openat2", "mkdirat", "fchmod", "fchmodat", "fchown", "write", "fsync", "renameat", "renameat2", "unlinkat",
            "linkat", "symlinkat", "flock", "clone", "clone3", "vfork", "kill", "waitid", "exit_group"}
WORKERS = 4


class Rounds:
    """One nginx; each round deploys the other of two pairs and is killed at one call."""

    def __init__(self, check, is_first_time, goes_wrong):
        self.check, self.is_first_time = check, is_first_time
        self.stage = Stage()
        self.plan = None
        if goes_wrong:
            self.stage.spec["commands"].append(["/bin/false"])
            self.plan = self.stage.plan(self.stage.site, validate=["/bin/false"])

    def prepare(self):
        """Back to a site that certctl has never seen, serving `old`."""
        stage, site = self.stage, self.stage.site
        shutil.rmtree(site.folder)
        shutil.rmtree(stage.spec["state_dir"], ignore_errors=True)
        os.makedirs(site.folder)
        write(site.certificate, read(self.old["leaf"]) + read(self.old["chain"]))
        shutil.copy(self.old["key"], site.key)

    def begin(self):
        stage = self.stage
        self.old, self.new = stage.site.first, stage.authority.issue(stage.site.name)
        if not self.is_first_time:
            [report] = stage.deploy(stage.deployment(self.old))
            self.check.assertEqual(report["outcome"], "completed", report)

    def calls(self):
        """What an undisturbed deployment calls once it has the lock: (name, how many of that name came before)."""
        stage, path = self.stage, os.path.join(self.stage.folder, "trace")
        if self.is_first_time:
            self.prepare()
        [report] = stage.drive("deploy", [stage.deployment(self.new, plan=self.plan)], wrap=["strace", "-qqq", "-o", path])
        self.check.assertEqual(report["outcome"], "rolled_back" if self.plan else "completed", report)
        if not self.plan:
            self.old, self.new = self.new, self.old
        seen, found = collections.Counter(), []
        for name in [line.split("(")[0] for line in read(path).splitlines() if line[0].isalpha()]:
            seen[name] += 1
            if seen["flock"] and (IS_LONG or name in CHANGING):
                found.append((name, seen[name]))
        return found

    def round(self, name, number):
        """Whether it was killed.  A call that did not come this time (a probe was answered sooner) kills nothing."""
        stage, site, check = self.stage, self.stage.site, self.check
        if self.is_first_time:
            self.prepare()
        pairs = {self.old["fingerprint"], self.new["fingerprint"]}
        wrap = ["strace", "-qqq", "-o", "/dev/null", "-e", f"inject={name}:signal=KILL:when={number}"]
        deployment = stage.deployment(self.new, plan=self.plan)
        reports = stage.drive("deploy", [deployment], wrap=wrap)
        check.assertIn(site.on_disk(), pairs)  # raises when key and certificate do not belong together
        stage.reload()  # somebody else's, at the worst moment
        recovered = stage.drive("recover")
        now = site.on_disk()
        check.assertIn(now, pairs)
        check.assertEqual(stage.journal(), [], recovered)
        eventually(f"{name} {number}: what is on disk is served ({recovered})", lambda: site.served() == now, 60, 0.02)
        for report in recovered:
            check.assertIn(report["outcome"], ["completed", "rolled_back"], report)
            check.assertEqual(now == self.new["fingerprint"], report["outcome"] == "completed", report)
        strays = [name for name in os.listdir(site.folder) if name not in ["site.pem", "site.key", ".certctl"]]
        check.assertEqual(strays, [], f"{name} {number}: {recovered and steps(recovered[0])}")
        if self.plan:
            check.assertEqual(now, self.old["fingerprint"], recovered)
        elif now == self.new["fingerprint"]:
            self.old, self.new = self.new, self.old
        # The same job again, as the control plane would: it ends as if nothing had happened.
        if number % 8 == 0 and not self.plan:
            again = stage.deploy({**deployment, **self.old})[0]["outcome"]
            check.assertIn(again, ["completed", "unchanged"])
            [last] = stage.deploy({**deployment, "id": "job-last", **self.old})
            check.assertEqual(last["outcome"], "unchanged", last)
        if reports is None:
            return True
        check.assertEqual(reports[0]["outcome"], "rolled_back" if self.plan else "completed", reports)
        return False


class KilledAnywhere(unittest.TestCase):
    def kill_everywhere(self, is_first_time, goes_wrong=False):
        def work(share):
            rounds = Rounds(self, is_first_time, goes_wrong)
            with rounds.stage:
                rounds.begin()
                calls = rounds.calls()[share::WORKERS]
                return len(calls), sum(rounds.round(*call) for call in calls)

        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            planned, killed = map(sum, zip(*pool.map(work, range(WORKERS))))
        print(f"killed {killed} times of {planned}", flush=True)
        self.assertGreater(killed, planned * 0.8)

    def test_a_first_deployment(self):
        self.kill_everywhere(is_first_time=True)

    def test_a_later_deployment(self):
        self.kill_everywhere(is_first_time=False)

    def test_a_first_deployment_that_is_put_back(self):
        self.kill_everywhere(is_first_time=True, goes_wrong=True)

    def test_a_later_deployment_that_is_put_back(self):
        self.kill_everywhere(is_first_time=False, goes_wrong=True)


if __name__ == "__main__":
    unittest.main(verbosity=2)
