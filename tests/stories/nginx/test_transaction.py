#!/usr/bin/env python3
"""The deployment transaction against a real nginx: what it promises when things go well, and when each step fails."""
import json
import os
import subprocess
import threading
import time
import unittest

from stage import DRIVER, NGINX, Stage, eventually, read, sha256_of, steps, write

TRUE, FALSE = "/bin/true", "/bin/false"


def tree(folder):
    """Everything below: kind, mode, owner, content, so that "nothing was touched" can be compared."""
    found = {}
    for here, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(here, name)
            status = os.lstat(path)
            content = os.readlink(path) if os.path.islink(path) else sha256_of(path) if os.path.isfile(path) else ""
            found[path] = (status.st_mode, status.st_uid, status.st_gid, content)
    return found


def reloads(stage):
    return read(os.path.join(stage.prefix, "error.log")).count("signal 1 (SIGHUP) received")


class GoesWell(unittest.TestCase):
    def test_the_new_chain_is_served_leaf_first(self):
        with Stage() as stage:
            pair = stage.authority.issue(stage.site.name)
            [report] = stage.deploy(stage.deployment(pair))
            self.assertEqual(report["outcome"], "completed", report)
            self.assertTrue(report["verified"])
            self.assertEqual(report["served"], pair["fingerprint"])
            self.assertEqual(stage.site.served(), pair["fingerprint"])
            self.assertEqual([text.strip() for text in stage.site.chain()],
                             [read(pair["leaf"]).strip(), read(pair["chain"]).strip()])
            self.assertEqual(stage.journal(), [])
            self.assertEqual(os.stat(stage.site.key).st_mode & 0o777, 0o600)

    def test_a_repeat_changes_nothing(self):
        with Stage() as stage:
            pair = stage.authority.issue(stage.site.name)
            deployment = stage.deployment(pair)
            stage.deploy(deployment)
            before, count = tree(stage.folder + "/etc"), reloads(stage)
            [report] = stage.deploy(deployment)  # the report was lost: the same job again
            self.assertEqual((report["outcome"], report["verified"]), ("unchanged", True))
            [report] = stage.deploy(stage.deployment(pair))  # another job with the same content
            self.assertEqual(report["outcome"], "unchanged")
            self.assertEqual((tree(stage.folder + "/etc"), reloads(stage)), (before, count))

    def test_the_same_content_that_somebody_damaged_is_written_again(self):
        with Stage() as stage:
            pair = stage.authority.issue(stage.site.name)
            stage.deploy(stage.deployment(pair))
            os.chmod(os.path.realpath(stage.site.key), 0o644)
            [report] = stage.deploy(stage.deployment(pair))
            self.assertEqual(report["outcome"], "completed", report)
            self.assertEqual(os.stat(stage.site.key).st_mode & 0o777, 0o600)

    def test_two_certificates_take_one_reload(self):
        with Stage(["a.example.test", "b.example.test"]) as stage:
            pairs = [stage.authority.issue(site.name) for site in stage.sites]
            reports = stage.deploy(*[stage.deployment(pair, site) for pair, site in zip(pairs, stage.sites)])
            self.assertEqual([report["outcome"] for report in reports], ["completed"] * 2, reports)
            self.assertEqual([site.served() for site in stage.sites], [pair["fingerprint"] for pair in pairs])
            self.assertEqual(reloads(stage), 1)

    def test_a_bad_one_goes_back_alone(self):
        with Stage(["a.example.test", "b.example.test"]) as stage:
            pairs = [stage.authority.issue(site.name) for site in stage.sites]
            bad = stage.plan(stage.sites[0], validate=[FALSE])
            reports = stage.deploy(stage.deployment(pairs[0], plan=bad), stage.deployment(pairs[1], stage.sites[1]),
                                   commands=stage.spec["commands"] + [[FALSE]])
            self.assertEqual([report["outcome"] for report in reports], ["rolled_back", "completed"], reports)
            self.assertEqual([site.served() for site in stage.sites],
                             [stage.sites[0].first["fingerprint"], pairs[1]["fingerprint"]])

    def test_a_probe_that_fails_takes_only_its_own_back(self):
        with Stage(["a.example.test", "b.example.test"]) as stage:
            pairs = [stage.authority.issue(site.name) for site in stage.sites]
            elsewhere = [{"address": "127.0.0.1", "port": stage.sites[0].port, "server_name": "a.example.test"}]
            bad = stage.plan(stage.sites[1], probes=elsewhere, probe_timeout_s=3)
            reports = stage.deploy(stage.deployment(pairs[0]), stage.deployment(pairs[1], stage.sites[1], plan=bad))
            self.assertEqual([report["outcome"] for report in reports], ["completed", "broken"], reports)
            self.assertIn("and back:", reports[1]["what"])  # its probe was never about its own server
            eventually("b is back", lambda: stage.sites[1].served() == stage.sites[1].first["fingerprint"])
            self.assertEqual(stage.sites[0].served(), pairs[0]["fingerprint"])

    def test_first_deployment_of_files_that_were_missing(self):
        with Stage() as stage:
            folder = os.path.join(stage.folder, "etc/new")
            os.makedirs(folder)
            pair = stage.authority.issue(stage.site.name)
            plan = stage.plan(stage.site, probes=[], files=[
                {"path": folder + "/all.pem", "encoding": "pem",
                 "parts": [{"kind": "leaf"}, {"kind": "chain"}, {"kind": "key"}]}])
            [report] = stage.deploy(stage.deployment(pair, plan=plan))
            self.assertEqual((report["outcome"], report["verified"]), ("completed", False), report)
            self.assertEqual(read(folder + "/all.pem").count("-----BEGIN"), 3)
            self.assertEqual(os.stat(folder + "/all.pem").st_mode & 0o777, 0o600)

    @unittest.skipUnless(os.geteuid() == 0, "needs root to give rights away")
    def test_with_the_rights_of_the_workers_unit_alone(self):
        rights = ["setpriv", "--bounding-set", "-all,+chown,+dac_override,+fowner,+kill", "--no-new-privs"]
        with Stage() as stage:
            for path in [stage.site.certificate, stage.site.key]:
                os.chown(path, 1, 1)
                os.chmod(path, 0o400)
            pair = stage.authority.issue(stage.site.name)
            plan = stage.plan(stage.site)
            for file in plan["files"]:
                file.update(owner="daemon", group="daemon")
            [report] = stage.drive("deploy", [stage.deployment(pair, plan=plan)], wrap=rights)
            self.assertEqual(report["outcome"], "completed", report)
            self.assertEqual(stage.site.served(), pair["fingerprint"])
            self.assertEqual(os.stat(stage.site.key).st_uid, 1)

    def test_a_path_that_is_dropped_is_removed_and_one_that_moves_follows(self):
        with Stage() as stage:
            stage.deploy(stage.deployment(stage.authority.issue(stage.site.name)))
            os.makedirs(stage.folder + "/etc/private")
            new_key = stage.folder + "/etc/private/site.key"
            plan = stage.plan(stage.site)
            plan["files"][1]["path"] = new_key
            write(stage.configuration, read(stage.configuration).replace(stage.site.key, new_key))
            pair = stage.authority.issue(stage.site.name)
            [report] = stage.deploy(stage.deployment(pair, plan=plan))
            self.assertEqual(report["outcome"], "completed", report)
            self.assertEqual(stage.site.served(), pair["fingerprint"])
            self.assertFalse(os.path.lexists(stage.site.key))
            self.assertTrue(os.path.realpath(stage.site.certificate).startswith(stage.folder + "/etc/private/.certctl/"))
            stage.drive("expire", now_unix_s=4000000000)
            self.assertEqual(stage.site.served(), pair["fingerprint"])
            self.assertEqual(stage.generations(), [])

    def test_two_processes_deploy_one_after_the_other(self):
        with Stage(["a.example.test", "b.example.test"]) as stage:
            results = {}

            def work(site):
                for _ in range(4):
                    pair = stage.authority.issue(site.name)
                    path = write(f"{stage.folder}/{site.binding}.json",
                                 json.dumps({**stage.spec, "deployments": [stage.deployment(pair, site)]}))
                    done = subprocess.run([DRIVER, path, "deploy"], capture_output=True,
                                          text=True, timeout=300, check=False)
                    results.setdefault(site.name, []).append((done.stdout and json.loads(done.stdout)[0]["outcome"], pair))

            with lock_issue(stage):
                threads = [threading.Thread(target=work, args=(site,)) for site in stage.sites]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
            for site in stage.sites:
                self.assertEqual([outcome for outcome, _ in results[site.name]], ["completed"] * 4)
                self.assertEqual(site.served(), results[site.name][-1][1]["fingerprint"])


class lock_issue:
    """The CA of the stage numbers its files: one thread at a time there."""

    def __init__(self, stage):
        self.authority, self.issue = stage.authority, stage.authority.issue
        self.lock = threading.Lock()

    def __enter__(self):
        def one_at_a_time(host):
            with self.lock:
                return self.issue(host)
        self.authority.issue = one_at_a_time

    def __exit__(self, *_):
        self.authority.issue = self.issue


class IsRefused(unittest.TestCase):
    """Before anything is touched."""

    def refused(self, stage, deployment, words, **changes):
        before = tree(stage.folder + "/etc")
        [report] = stage.deploy(deployment, **changes)
        self.assertEqual(report["outcome"], "refused", report)
        self.assertIn(words, report["what"])
        self.assertEqual(tree(stage.folder + "/etc"), before)
        self.assertEqual(stage.site.served(), stage.site.first["fingerprint"])
        self.assertEqual((stage.journal(), reloads(stage)), ([], 0))

    def test_parts_that_do_not_belong_together(self):
        with Stage() as stage:
            pair, other = stage.authority.issue(stage.site.name), stage.authority.issue(stage.site.name)
            self.refused(stage, stage.deployment({**pair, "key": other["key"]}), "key")
            self.refused(stage, stage.deployment({**pair, "chain": other["leaf"]}), "chain")

    def test_what_the_host_does_not_permit(self):
        with Stage() as stage:
            pair = stage.authority.issue(stage.site.name)

            def at(path, **more):
                plan = stage.plan(stage.site, **more)
                plan["files"][1]["path"] = path
                return stage.deployment(pair, plan=plan)

            for path, words in [("/tmp/elsewhere/site.key", "not among the paths"),
                                (stage.site.folder + "/../../state/site.key", '".."'),
                                (stage.site.folder + "x/../site.key", '".."'),
                                (stage.folder + "/etcetera/site.key", "not among the paths"),
                                ("etc/site.key", "absolute")]:
                with self.subTest(path):
                    self.refused(stage, at(path), words)
            for step in ["validate", "activate"]:
                with self.subTest(step):
                    self.refused(stage, stage.deployment(pair, plan=stage.plan(stage.site, **{step: ["/bin/sh", "-c", "id"]})),
                                 "not permitted")
            only = {"paths": [stage.site.certificate, stage.site.key]}
            self.refused(stage, stage.deployment(pair), ".certctl/bnd-a: not among the paths", **only)

    def test_a_symlink_on_the_way(self):
        with Stage() as stage:
            os.symlink(stage.site.folder, stage.folder + "/etc/link")
            plan = stage.plan(stage.site)
            plan["files"][1]["path"] = stage.folder + "/etc/link/site.key"
            plan["files"][0]["path"] = stage.folder + "/etc/link/site.pem"
            self.refused(stage, stage.deployment(stage.authority.issue(stage.site.name), plan=plan), "symbolic link")

    def test_a_store_that_others_may_write_to(self):
        with Stage() as stage:
            os.makedirs(stage.site.folder + "/.certctl/bnd-a", mode=0o777)
            os.chmod(stage.site.folder + "/.certctl/bnd-a", 0o777)
            self.refused(stage, stage.deployment(stage.authority.issue(stage.site.name)), "others may write")

    def test_another_bindings_path(self):
        with Stage() as stage:
            pair = stage.authority.issue(stage.site.name)
            stage.deploy(stage.deployment(pair))
            [report] = stage.deploy(stage.deployment(stage.authority.issue(stage.site.name), binding="bnd-other"))
            self.assertEqual((report["outcome"], report["error"]), ("refused", "conflict"), report)
            self.assertIn("another binding", report["what"])
            self.assertEqual(stage.site.served(), pair["fingerprint"])

    def test_an_older_version_unless_it_is_a_roll_back(self):
        with Stage() as stage:
            old, new = stage.authority.issue(stage.site.name), stage.authority.issue(stage.site.name)
            stage.deploy(stage.deployment(new, sequence=5))
            [report] = stage.deploy(stage.deployment(old, sequence=4))
            self.assertEqual((report["outcome"], report["error"]), ("refused", "conflict"), report)
            self.assertEqual(stage.site.served(), new["fingerprint"])
            [report] = stage.deploy(stage.deployment(old, sequence=4, is_rollback=True))
            self.assertEqual(report["outcome"], "completed", report)
            self.assertEqual(stage.site.served(), old["fingerprint"])

    def test_twice_the_same_binding_in_one_call(self):
        with Stage() as stage:
            first, second = stage.authority.issue(stage.site.name), stage.authority.issue(stage.site.name)
            reports = stage.deploy(stage.deployment(first), stage.deployment(second))
            self.assertEqual([report["outcome"] for report in reports], ["completed", "refused"], reports)
            self.assertEqual(stage.site.served(), first["fingerprint"])

    def test_twice_the_same_id_in_one_call(self):
        with Stage(["a.example.test", "b.example.test"]) as stage:
            pairs = [stage.authority.issue(site.name) for site in stage.sites]
            reports = stage.deploy(*[{**stage.deployment(pair, site), "id": "job-1"} for pair, site in zip(pairs, stage.sites)])
            self.assertEqual([report["outcome"] for report in reports], ["completed", "refused"], reports)
            self.assertIn("job-1: twice", reports[1]["what"])


class IsPutBack(unittest.TestCase):
    def put_back(self, stage, plan, failed_step, expected="rolled_back", **changes):
        commands = stage.spec["commands"] + [[TRUE], [FALSE]]
        before = tree(stage.folder + "/etc")
        [report] = stage.deploy(stage.deployment(stage.authority.issue(stage.site.name), plan=plan),
                                commands=commands, **changes)
        self.assertEqual(report["outcome"], expected, report)
        self.assertIn((failed_step, False), steps(report))
        self.assertEqual(tree(stage.folder + "/etc"), before)
        self.assertEqual(stage.site.served(), stage.site.first["fingerprint"])
        self.assertEqual(stage.journal(), [])
        return report

    def test_a_configuration_that_nginx_refuses(self):
        with Stage() as stage:
            stage.configure(more="nonsense;\n")
            report = self.put_back(stage, stage.plan(stage.site), "validate")
            self.assertIn('unknown directive "nonsense"', str(report["steps"]))
            self.assertNotIn("reactivate", str(steps(report)))  # the server has never noticed

    def test_an_activation_that_fails(self):
        with Stage() as stage:
            report = self.put_back(stage, stage.plan(stage.site, activate=[FALSE]), "activate")
            self.assertIn("exit code 1", report["what"])
            self.assertEqual([name for name, _ in steps(report)],
                             ["check", "stage", "swap", "validate", "activate", "restore", "reactivate", "reprobe"])

    def test_a_server_that_does_not_reload(self):
        with Stage() as stage:
            report = self.put_back(stage, stage.plan(stage.site, activate=[TRUE], probe_timeout_s=3), "probe")
            self.assertEqual(report["served"], stage.site.first["fingerprint"])
            self.assertIn("serves", report["what"])
            self.assertTrue(report["retryable"])

    def test_without_a_probe_a_failed_activation_cannot_be_called_undone(self):
        with Stage() as stage:
            self.put_back(stage, stage.plan(stage.site, activate=[FALSE], probes=[]), "reactivate", "broken")

    def test_the_same_on_a_server_that_was_adopted_before(self):
        with Stage() as stage:
            pair = stage.authority.issue(stage.site.name)
            stage.deploy(stage.deployment(pair))
            stage.site.first = pair
            self.put_back(stage, stage.plan(stage.site, activate=[TRUE], probe_timeout_s=3), "probe")
            stage.configure(more="nonsense;\n")
            self.put_back(stage, stage.plan(stage.site), "validate")

    def test_links_of_the_operators_own_come_back_as_they_were(self):
        with Stage() as stage:
            os.rename(stage.site.key, stage.site.folder + "/real.key")
            os.symlink("real.key", stage.site.key)
            self.put_back(stage, stage.plan(stage.site, activate=[TRUE], probe_timeout_s=3), "probe")
            pair = stage.authority.issue(stage.site.name)
            [report] = stage.deploy(stage.deployment(pair))
            self.assertEqual(report["outcome"], "completed", report)
            self.assertTrue(os.path.exists(stage.site.folder + "/real.key"))

    def test_a_path_that_somebody_has_replaced_since(self):
        with Stage() as stage:
            stage.deploy(stage.deployment(stage.authority.issue(stage.site.name)))
            theirs = stage.authority.issue(stage.site.name)
            for path, text in [(stage.site.certificate, read(theirs["leaf"]) + read(theirs["chain"])),
                               (stage.site.key, read(theirs["key"]))]:
                os.unlink(path)
                write(path, text)
            stage.reload()
            eventually("theirs", lambda: stage.site.served() == theirs["fingerprint"])
            stage.site.first = theirs
            self.put_back(stage, stage.plan(stage.site, activate=[TRUE], probe_timeout_s=3), "probe")
            pair = stage.authority.issue(stage.site.name)
            self.assertEqual(stage.deploy(stage.deployment(pair))[0]["outcome"], "completed")
            self.assertEqual(stage.site.served(), pair["fingerprint"])


class FullDisk(unittest.TestCase):
    """A file system of its own under the site's folder and under the state, filled up to a few blocks."""

    def with_room(self, where, blocks):
        with Stage() as stage:
            folder = stage.site.folder if where == "site" else stage.spec["state_dir"]
            os.makedirs(folder, exist_ok=True)
            kept = {name: read(os.path.join(folder, name)) for name in os.listdir(folder)}
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,mode=755", "tmpfs", folder], check=True)
            try:
                for name, text in kept.items():
                    write(os.path.join(folder, name), text)
                os.makedirs(stage.spec["state_dir"] + "/journal", exist_ok=True)
                free = os.statvfs(folder).f_bavail
                with open(folder + "/ballast", "wb") as ballast:
                    ballast.write(b"x" * 4096 * max(0, free - blocks))
                pair = stage.authority.issue(stage.site.name)
                [report] = stage.deploy(stage.deployment(pair))
                self.assertIn(report["outcome"], ["completed", "rolled_back", "refused"], report)
                new = report["outcome"] == "completed"
                self.assertEqual(stage.site.on_disk(), pair["fingerprint"] if new else stage.site.first["fingerprint"])
                self.assertEqual(stage.site.served(), stage.site.on_disk())
                os.unlink(folder + "/ballast")
                stage.drive("recover")
                self.assertEqual(stage.journal(), [])
                pair = stage.authority.issue(stage.site.name)
                self.assertEqual(stage.deploy(stage.deployment(pair))[0]["outcome"], "completed")
                self.assertEqual(stage.site.served(), pair["fingerprint"])
                return report
            finally:
                subprocess.run(["umount", "-l", folder], check=True)

    @unittest.skipUnless(os.geteuid() == 0, "needs root to mount a small file system")
    def test_a_full_disk_changes_nothing_and_blocks_nothing(self):
        outcomes = {(where, blocks): self.with_room(where, blocks)["outcome"]
                    for where in ["site", "state"] for blocks in range(4)}
        self.assertIn("rolled_back", outcomes.values())


class LaterOn(unittest.TestCase):
    def test_the_previous_key_is_unlinked_when_its_time_is_over(self):
        with Stage() as stage:
            first, second = stage.authority.issue(stage.site.name), stage.authority.issue(stage.site.name)
            start = int(time.time())  # not before the certificates begin, however long they took
            for number, pair in enumerate([first, second]):
                [report] = stage.deploy(stage.deployment(pair), now_unix_s=start + number)
                self.assertEqual(report["outcome"], "completed", report)
            self.assertEqual(stage.generations(), [1, 2, 3])
            self.assertEqual(stage.drive("expire", now_unix_s=start + 3600)["next_unix_s"], start + 24 * 3600)
            self.assertEqual(stage.generations(), [1, 2, 3])
            self.assertEqual(stage.drive("expire", now_unix_s=start + 24 * 3600)["next_unix_s"], start + 24 * 3600 + 1)
            self.assertEqual(stage.generations(), [2, 3])
            self.assertEqual(stage.drive("expire", now_unix_s=start + 25 * 3600)["next_unix_s"], 0)
            self.assertEqual(stage.generations(), [3])
            self.assertEqual(stage.site.on_disk(), second["fingerprint"])

    def test_with_no_time_for_a_way_back_the_old_key_goes_at_once(self):
        with Stage() as stage:
            pair = stage.authority.issue(stage.site.name)
            [report] = stage.deploy(stage.deployment(pair), rollback_hours=0)
            self.assertEqual(report["outcome"], "completed", report)
            self.assertEqual(stage.generations(), [2])

    def test_a_corrupt_journal_or_record_stops_nothing(self):
        with Stage() as stage:
            pair = stage.authority.issue(stage.site.name)
            stage.deploy(stage.deployment(pair))
            state = stage.spec["state_dir"]
            write(state + "/journal/job-77.swapping", '{"id": "job-77", "bin')
            write(state + "/journal/.job-78.staging.certctl-new", "half")
            write(state + "/bindings/bnd-a.json", "")
            [report] = stage.drive("recover")
            self.assertEqual((report["id"], report["outcome"]), ("job-77", "broken"))
            pair = stage.authority.issue(stage.site.name)
            [report] = stage.deploy(stage.deployment(pair))
            self.assertEqual(report["outcome"], "completed", report)
            self.assertEqual(stage.site.served(), pair["fingerprint"])
            self.assertEqual(sorted(name.split(".")[0] for name in os.listdir(state + "/quarantine")), ["bnd-a", "job-77"])

    def test_a_journal_that_asks_for_more_than_the_host_permits_is_not_obeyed(self):
        with Stage() as stage:
            pair = stage.authority.issue(stage.site.name)
            stage.drive("deploy", [stage.deployment(pair)], wrap=["strace", "-qq", "-o", "/dev/null", "-e",
                                                                  "inject=execve,vfork,clone,clone3:signal=KILL:when=2"])
            [name] = stage.journal() or [None]
            self.assertTrue(name and name.endswith(".swapping"), name)
            path = os.path.join(stage.spec["state_dir"], "journal", name)
            write(path, read(path).replace(NGINX, "/bin/sh"))
            [report] = stage.drive("recover")
            self.assertEqual(report["outcome"], "broken", report)
            self.assertIn("not permitted", report["what"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
