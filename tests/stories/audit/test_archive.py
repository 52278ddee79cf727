#!/usr/bin/env python3
"""Months leave the trail only by command: exported, verified, on record; what is left, and the file, still prove themselves."""
import collections
import glob
import hashlib
import http.client
import json
import os
import re
import subprocess
import unittest
from datetime import date, timedelta

from cli.shell import Shell
from lib.fleet import ControlPlane, program
from lib.invariants import ask
from lib.processes import eventually
from lib.story import IS_LONG, Story

# What changes something, outside or in the database.
CALLS = {"openat", "flock", "ftruncate", "write", "fsync", "renameat2", "sendto"}


def month(back):
    """First day of the month that is so many months back."""
    day = date.today().replace(day=1)
    for _ in range(back):
        day = (day - timedelta(days=1)).replace(day=1)
    return day


class Archive(Story):
    def begin(self):
        self.control = ControlPlane(self.folder)
        self.keep(self.control.start())
        self.public = os.path.join(self.control.state, "audit.pub")

    def sql(self, text, user="postgres"):
        return ask(self.control.state, text, user)

    def command(self, action, *arguments, expect=0):
        done = subprocess.run([program("certctld"), "audit", action, "--dir", self.control.state, *arguments], capture_output=True,
                              text=True, timeout=300, check=False)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def offline(self, path, expect=0):
        done = subprocess.run([program("certctld"), "audit", "verify", "--offline", path, "--pubkey", self.public], capture_output=True,
                              text=True, timeout=300, check=False)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done.stdout

    def add_old(self, back, count):
        """A month as it would be had the server been there, with events."""
        first, after = month(back), month(back - 1)
        name = f"audit_events_{first:%Y_%m}"
        self.sql(f"""DO $$ BEGIN IF to_regclass('{name}') IS NULL THEN
                    EXECUTE format('CREATE TABLE {name} PARTITION OF audit_events FOR VALUES FROM (%L) TO (%L)',
                        first_id('ae-', '{first} 00:00+00'), first_id('ae-', '{after} 00:00+00'));
                    EXECUTE 'ALTER TABLE {name} OWNER TO certctl_owner';
                 END IF; END $$""")
        self.sql(f"""INSERT INTO audit_events (id, "timestamp", action, actor, actor_type, resource_type, resource_id)
            SELECT first_id('ae-', moment) || lpad(n::text, 12, '0'), moment, 'seeded', 'story', 'user', 'thing', 'thing-' || n
            FROM (SELECT n, '{first} 00:00+00'::timestamptz + n * interval '1 minute' AS moment FROM generate_series(1, {count}) AS n) AS each""")
        return name

    def await_signed(self):
        """Everything is sealed at once, and signed when the server ends."""
        eventually("sealed", lambda: self.sql("SELECT max(size) >= (SELECT count(*) FROM audit_events) FROM audit_batches") == "t", 60)
        self.control.process.stop()
        self.keep(self.control.start())

    def test_months_are_taken_out_and_everything_still_proves_itself(self):
        self.begin()
        names = [self.add_old(back, 700) for back in (16, 15, 14)]
        self.await_signed()
        first, second = (os.path.join(self.folder, name) for name in ("first.jsonl", "second.jsonl"))
        # Nothing under twelve months, nothing without months, nothing over what is there.
        self.assertIn("kept for twelve months", self.command("archive", "--before", str(date.today()), "--file", first, expect=2))
        self.assertIn("no month", self.command("archive", "--before", str(month(40)), "--file", first, expect=2))
        self.command("archive", "--before", "yesterday week", "--file", first, expect=2)
        self.assertEqual([], glob.glob(first))
        with open(second, "w", encoding="ascii") as file:
            file.write("mine")
        self.assertIn("exists", self.command("archive", "--before", str(month(14)), "--file", second, expect=2))
        os.unlink(second)

        self.assertIn("2 months with 1400 events", self.command("archive", "--before", str(month(14)), "--file", first))
        self.assertEqual(names[2:], [name for name in names if self.sql(f"SELECT to_regclass('{name}') IS NOT NULL") == "t"])
        self.assertIn("its 1400 events", self.offline(first))
        with open(first, encoding="utf-8") as file:
            self.assertEqual(1400, sum('"event"' in line for line in file))
        self.assertIn("1400 of them are in archives", self.command("verify"))
        event = self.control.api.get("/api/v1/audit?type=audit_archived")["data"][0]
        self.assertEqual(1400, event["details"]["events"])
        self.assertIn(event["details"]["file_sha256"], subprocess.run(["sha256sum", first], capture_output=True, text=True, check=True).stdout)

        self.assertIn("1 months with 700 events", self.command("archive", "--before", str(month(13)), "--file", second))
        self.offline(second)
        self.assertIn("2100 of them are in archives", self.command("verify"))
        whole = self.export("whole.jsonl")
        self.assertIn("2100 of them are in archives", self.offline(whole))
        shell = Shell(self.folder, self.control)
        said = shell.json("audit", "verify", f"--pubkey={self.public}")
        self.assertEqual((True, False, 2100), (said["verified"], said["is_selection"], said["archived"]))
        self.assertIn("2100 events of it are in archives: verify those files", shell.said)
        self.assertTrue(shell.json("audit", "verify", f"--pubkey={self.public}", f"--offline={first}")["is_selection"])
        self.what_is_changed_is_still_found(first, whole)
        self.stop_all()

    def export(self, name, query=""):
        path = os.path.join(self.folder, name)
        api = self.control.api
        connection = http.client.HTTPSConnection(api._where.hostname, api._where.port, context=api._tls, timeout=120)
        connection.request("GET", "/api/v1/audit/export?format=jsonl&proof=true" + query, headers={"Authorization": f"Bearer {api._key}"})
        reply = connection.getresponse()
        with open(path, "wb") as file:
            file.write(reply.read())
        connection.close()
        self.assertEqual(200, reply.status)
        return path

    def changed(self, path, name, change):
        with open(path, encoding="utf-8") as file:
            lines = file.readlines()
        other = os.path.join(self.folder, name)
        with open(other, "w", encoding="utf-8") as file:
            file.writelines(change(lines))
        return other

    def what_is_changed_is_still_found(self, archive, whole):
        edited = self.changed(archive, "edited.jsonl", lambda lines: [line.replace("thing-7\"", "thing-8\"") for line in lines])
        self.assertIn("is not as it was sealed", self.offline(edited, expect=1))
        # One archive says that something is missing: another one's signature does not fit, and none may be left out.
        for name, change in (("more", lambda line: line.replace('"events":1400', '"events":1401')),
                             ("none", lambda line: "" if '"archive"' in line else line),
                             ("twice", lambda line: line * 2 if '"archive"' in line else line)):
            other = self.changed(whole, name + ".jsonl", lambda lines, change=change: [change(line) for line in lines])
            self.assertIn("TAMPERED", self.offline(other, expect=1), name)
        # An event that goes on its own is missed among those that were archived.
        victim = self.sql("SELECT id FROM audit_events ORDER BY txid, seq LIMIT 1")
        self.sql(f"SET session_replication_role = replica; DELETE FROM audit_events WHERE id = '{victim}'")
        self.assertIn("TAMPERED", self.command("verify", expect=1))
        # Nobody but the owner says what was archived, and nobody drops a month without that.
        with self.assertRaises(AssertionError):
            self.sql("INSERT INTO audit_archives SELECT * FROM audit_archives", "certctl")
        for user in ("certctl", "certctl_owner"):
            with self.assertRaises(AssertionError):
                self.sql("SELECT drop_audit_months('ae-01a')", user)

    # --- kill -9

    def next_month(self, count):
        """The one after the last that was added: its name, its file, and the words that archive it."""
        self.back -= 1
        name = self.add_old(self.back, count)
        self.await_signed()
        path = os.path.join(self.folder, name + ".jsonl")
        return name, path, ["--before", str(month(self.back - 1)), "--file", path]

    def archive_traced(self, arguments, *options):
        # A sanitized build looks for leaks by tracing itself, which a tracer around it forbids.
        return subprocess.run(["strace", "-qqq", "-f", *options, program("certctld"), "audit", "archive", "--dir", self.control.state,
                               *arguments], capture_output=True, text=True, timeout=300, env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"},
                              check=False)

    def steps(self, arguments, path):
        """Where it can be killed until its file has a name, (call, how many of that name came until then), from its first look at the file
        on.  While it only reads, every one is like every other.  Then the number of its last message to the database."""
        trace = os.path.join(self.folder, "trace")
        self.archive_killed(arguments, "renameat2", 1, trace)
        seen, found, has_begun, writes = collections.Counter(), [], False, False
        with open(trace, encoding="utf-8", errors="replace") as file:
            calls = [line for line in file if re.match(r"\d+ +\w+\(", line)]
        for line in calls:
            call = line.split()[1].partition("(")[0]
            seen[call] += 1
            has_begun, writes = has_begun or path in line, writes or ".partial" in line
            if has_begun and call in CALLS and (IS_LONG or writes or seen[call] % 4 == 0):
                found.append((call, seen[call]))
        self.assertGreater(len(found), 10)
        return found, seen["sendto"]

    def archive_killed(self, arguments, call, number, trace="/dev/null"):
        """Kill the command before its so-many-th `call`: whether it came so far."""
        done = self.archive_traced(arguments, "-o", trace, "-e", f"inject={call}:signal=KILL:when={number}")
        self.assertIn(done.returncode, (0, -9, 137), done.stdout + done.stderr)
        # What it had sent is carried out, or not, when its connection has ended.
        eventually("its connection is gone", lambda: self.sql(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'certctld audit%'") == "0")
        return done.returncode != 0

    def is_archived(self, name, path, count, where):
        """The events are in the database, or in the file that is on record there: never in neither."""
        if self.sql(f"SELECT to_regclass('{name}') IS NOT NULL") == "t":
            self.assertEqual(str(count), self.sql(f"SELECT count(*) FROM {name}"), where)
            return False
        self.assertTrue(os.path.exists(path), f"{where}: dropped, and not in a file")
        with open(path, "rb") as file:
            sha256 = hashlib.sha256(file.read()).hexdigest()
        self.assertEqual(str(count), self.sql(f"SELECT events FROM audit_archives WHERE file_sha256 = '{sha256}'"), where)
        self.assertIn(f"its {count} events", self.offline(path))
        return True

    def test_a_kill_at_any_step_loses_nothing_and_the_same_again_ends_it(self):
        self.begin()
        self.back, count = 40, 30
        name, path, arguments = self.next_month(count)
        steps, sent = self.steps(arguments, path)
        for call, number in steps:
            self.assertTrue(self.archive_killed(arguments, call, number), (call, number))
            self.assertFalse(self.is_archived(name, path, count, f"{call} {number}"))
            self.assertFalse(os.path.exists(path), f"{call} {number}")
        # From then on the file has its name, and the transaction comes: every message of it, and the farewell after its end.
        killed = len(steps)
        while True:
            sent += 1
            was_killed = self.archive_killed(arguments, "sendto", sent)
            killed += was_killed
            if self.is_archived(name, path, count, f"message {sent}"):
                break
            self.assertTrue(was_killed)
            self.assertIn("is not on record as an archive", self.command("archive", *arguments, expect=2))
            os.unlink(path)
        self.assertTrue(was_killed, "it never ended without knowing that it had done its work")
        self.assertIn(f"done before: {count} events", self.command("archive", *arguments))
        self.assertEqual([], glob.glob(path + ".*"), "nothing is left beside it")
        self.assertIn(f"{count} of them are in archives", self.command("verify"))
        # What was begun and is asked for again is done as if nothing had happened.
        name, path, arguments = self.next_month(count)
        for call in ("ftruncate", "fsync", "renameat2"):
            self.archive_killed(arguments, call, 1)
        self.assertIn(f"1 months with {count} events", self.command("archive", *arguments))
        self.assertTrue(self.is_archived(name, path, count, "in the end"))
        print(f"killed at {killed} places, nothing lost")
        self.stop_all()

    def test_what_is_not_sealed_stays(self):
        self.begin()
        name = self.add_old(15, 10)
        self.await_signed()
        held = subprocess.Popen(["psql", "-X", "-h", self.control.socket(), "-U", "postgres", "-d", "certctl", "-c",
                                 "BEGIN; SELECT pg_current_xact_id(); SELECT pg_sleep(600)"],
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            eventually("it sleeps", lambda: self.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "1", 60)
            self.sql(f"""INSERT INTO audit_events (id, action, actor, actor_type, resource_type, resource_id)
                VALUES (first_id('ae-', '{month(15)} 01:00+00') || '999999999999', 'late', 'story', 'user', 'thing', 'x')""")
            path = os.path.join(self.folder, "no.jsonl")
            self.assertIn("1 events of these months are not sealed",
                          self.command("archive", "--before", str(month(14)), "--file", path, expect=2))
            self.assertEqual("11", self.sql(f"SELECT count(*) FROM {name}"))
        finally:
            held.kill()
            held.wait()
        self.stop_all()

    def test_a_selection_proves_what_it_shows(self):
        self.begin()
        for number in range(20):
            self.control.api.post("/api/v1/enrollment-tokens", {"name": f"n{number}"}, headers={"X-Request-ID": f"r-{number}"})
        eventually("sealed", lambda: self.sql("SELECT max(size) >= 40 FROM audit_batches") == "t", 60)
        path = self.export("selection.jsonl", "&type=enrollment_token_created&actor=admin")
        with open(path, encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        self.assertEqual({"type": "enrollment_token_created", "actor": "admin"}, lines[0]["selection"])
        self.assertEqual({"enrollment_token_created"}, {line["event"]["action"] for line in lines if "event" in line})
        self.assertIn("its 20 events", self.offline(path))
        edited = self.changed(path, "edited.jsonl", lambda rows: [row.replace('"admin"', '"other"') if '"event"' in row else row for row in rows])
        self.assertIn("is not as it was sealed", self.offline(edited, expect=1))
        added = self.changed(path, "added.jsonl", lambda rows: [row * 2 if '"event"' in row else row for row in rows])
        self.assertIn("TAMPERED", self.offline(added, expect=1))
        # What it does not say is that nothing was left out; that a part is the whole, it cannot be made to say.
        fewer = self.changed(path, "fewer.jsonl", lambda rows: rows[:next(i for i, row in enumerate(rows) if '"event"' in row)]
                             + rows[next(i for i, row in enumerate(rows) if '"event"' in row) + 1:])
        self.assertIn("its 19 events", self.offline(fewer))
        unmarked = self.changed(path, "unmarked.jsonl", lambda rows: rows[1:])
        self.assertIn("TAMPERED", self.offline(unmarked, expect=1))
        self.stop_all()


if __name__ == "__main__":
    unittest.main()
