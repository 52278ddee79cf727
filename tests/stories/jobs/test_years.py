"""Years in minutes: certctl's own statements on a clock of its own, with a CA that fails now and then and is away for weeks.

No certificate expires that could have been saved, and every one that could not was alarmed.
Short in the normal run.  Long, by `./dev faults`: 5,000 certificates, 2 years, a look every 2 hours."""
import os
import re
import signal
import sys
import unittest

from lib.fleet import ControlPlane
from lib.invariants import SOURCE, ask, queries
from lib.processes import run
from lib.story import IS_LONG, Story

COUNT, DAYS, STEP_H = (5000, 730, 2) if IS_LONG else (100, 365, 8)
FAILURE_RATE = 0.05
FILES = ("core/platform/jobs/jobs.sql", "core/features/issuance/issuance.sql", "core/features/alarms/alarms.sql")
WANTED = ("job_claim", "job_release", "job_end", "jobs_prioritize", "partitions_make", "renewal_scan", "alarms_scan")
# Invariants about the trail and about live agents speak of real programs.
NOT_HERE = ("A completed issuance", "A lease", "A CA was asked")


def functions():
    """Every statement of FILES as a function, planned once: run_<name>(its parameters) gives its column `done`, or nothing."""
    made = []
    for name in FILES:
        with open(os.path.join(SOURCE, name), encoding="utf-8") as file:
            text = re.sub(r"^\s*--(?! name:).*\n", "", file.read(), flags=re.MULTILINE)
        for query, parameters, sql in re.findall(r"^-- name: (\w+)(.*)\n((?:(?!-- name:).*\n?)*)", text, re.MULTILINE):
            types = ", ".join(re.findall(r"\$\d+ \w+ ([\w\[\]]+)", parameters))
            sql = sql.rstrip().rstrip(";")
            if query in WANTED:
                result = "r.done" if " AS done" in sql else "NULL"
                made.append(f"CREATE FUNCTION run_{query}({types}) RETURNS bigint LANGUAGE plpgsql AS $body$\n#variable_conflict use_column\n"
                            f"DECLARE r record; BEGIN FOR r IN {sql} LOOP END LOOP; RETURN {result}; END $body$;\n")
    assert len(made) == len(WANTED), made
    return "".join(made)


class Years(Story):
    def setUp(self):
        super().setUp()
        self.control = ControlPlane(self.folder)
        process = self.control.start()
        process.kill()  # its database stays
        self.postmaster = self.control.postmaster()

    def sql(self, text):
        return ask(self.control.state, text)

    def script(self, text):
        return run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", self.control.socket(), "-U", "certctl_owner", "-d", "certctl"], stdin_text=text,
                   timeout_s=7000, env={**os.environ, "PGOPTIONS": "-c synchronous_commit=off -c statement_timeout=0 -c client_min_messages=warning"})

    def test_no_certificate_ends_that_could_have_been_saved_and_every_end_was_alarmed(self):
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "years.sql"), encoding="utf-8") as file:
            text = file.read()
        self.script(f"\\set count {COUNT}\n{functions()}{text}")
        self.script(f"CALL live({DAYS}, interval '{STEP_H} hours', {FAILURE_RATE})")
        counts = dict(row.split("|") for row in self.sql("SELECT * FROM counts").splitlines())
        self.assertGreater(int(counts["issued"]), COUNT * DAYS // 90)
        self.assertGreater(int(counts["failed"]), 0)
        self.assert_saved_what_could_be()
        self.assert_alarmed()
        self.assertEqual("0", self.sql("SELECT count(*) FROM placements p JOIN certificate_versions v ON v.id = p.version_id "
                                       "WHERE v.not_after <= clock.now() AND NOT EXISTS (SELECT FROM outages "
                                       "WHERE clock.now() BETWEEN begins AND ends + interval '2 days')"), "all are well again")
        for broken, sql in queries().items():
            if not broken.startswith(NOT_HERE):
                self.assertEqual("", self.sql(sql), broken)
        ends = self.sql("SELECT count(*) FROM ends_seen")
        print(f"\n{COUNT} certificates, {DAYS} days: {counts}, ended in an outage of the CA: {ends}, alarms: "
              f"{self.sql('SELECT count(*) FROM alarms')}", file=sys.stderr)
        os.kill(self.postmaster, signal.SIGINT)
        os.waitpid(self.postmaster, 0)
        self.stop_all()

    def assert_saved_what_could_be(self):
        """Between the time from which it could be renewed and its end the CA answered for no longer than a few looks."""
        could = self.sql(f"""
            SELECT e.version_id, e.not_after FROM ends_seen e CROSS JOIN LATERAL (
                SELECT coalesce(sum(least(o.ends, e.not_after) - greatest(o.begins, e.renewable_from)), interval '0') AS away
                FROM outages o WHERE o.begins < e.not_after AND o.ends > e.renewable_from) AS outage
            WHERE e.not_after - e.renewable_from - away > interval '{4 * STEP_H} hours'""")
        self.assertEqual("", could, "could have been saved")

    def assert_alarmed(self):
        """Before the end, and of the end itself, within a day."""
        self.assertEqual("", self.sql("""
            SELECT e.version_id FROM ends_seen e
            WHERE NOT EXISTS (SELECT FROM alarms a WHERE a.version_id = e.version_id AND a.kind = 'expiry' AND a.opened_at < e.not_after)
                OR NOT EXISTS (SELECT FROM alarms a WHERE a.version_id = e.version_id AND a.kind = 'expiry' AND a.threshold_days = 0
                    AND a.opened_at <= e.not_after + interval '1 day')"""), "not alarmed")


if __name__ == "__main__":
    unittest.main()
