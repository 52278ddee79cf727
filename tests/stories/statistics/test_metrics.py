#!/usr/bin/env python3
"""What Prometheus reads is well-formed and true; what people read adds up."""
import http.client
import os
import shutil
import subprocess
import threading
import unittest
from datetime import datetime, timedelta, timezone
from urllib.parse import urlsplit

import prometheus
from lib.agent import Agent
from lib.fleet import ControlPlane
from lib.invariants import ask
from lib.processes import eventually
from lib.story import Story

SOURCE = os.environ.get("CERTCTL_SOURCE", ".")


class Statistics(Story):
    def setUp(self):
        super().setUp()
        self.control = ControlPlane(self.folder)
        self.keep(self.control.start())
        self.api = self.control.api

    def page(self, path="/metrics", key=None):
        where = urlsplit(self.control.url)
        connection = http.client.HTTPSConnection(where.hostname, where.port, context=self.api._tls, timeout=60)
        connection.request("GET", path, headers={"Authorization": f"Bearer {key or self.api._key}"})
        reply = connection.getresponse()
        body = reply.read().decode()
        connection.close()
        return reply.status, reply.headers["Content-Type"], body

    def metrics(self):
        status, media, body = self.page()
        self.assertEqual((status, media), (200, "text/plain; version=0.0.4; charset=utf-8"))
        return prometheus.read(body)

    def sql(self, text, user="certctl_owner"):
        return ask(self.control.state, text, user)

    # --- for Prometheus

    def test_the_page_is_well_formed_and_true(self):
        for _ in range(5):
            self.api.get("/api/v1/jobs")
        with self.assertRaises(AssertionError):
            self.api.get("/api/v1/jobs?no=1")
        with self.assertRaises(AssertionError):
            self.api.get("/nowhere")
        metrics = eventually("the first checkpoint", lambda: self.with_all(self.metrics()), 180)
        durations = metrics["certctl_http_request_duration_seconds"]
        jobs = {"listener": "operators", "method": "GET", "route": "/api/v1/jobs"}
        self.assertEqual(5, durations.value("_count", status="2xx", **jobs))
        self.assertEqual(1, durations.value("_count", status="4xx", **jobs))
        self.assertGreater(durations.value("_sum", status="2xx", **jobs), 0)
        self.assertEqual(1, durations.value("_count", route="", status="4xx", listener="operators"))
        self.assertEqual(1, metrics["certctl_database_up"].value())
        self.assertGreaterEqual(metrics["certctl_http_connections"].value(listener="operators"), 1)
        self.assertEqual(0, metrics["certctl_certificates"].value(status="Active"))
        connectors = {(kind, status): metrics["certctl_connectors"].value(kind=kind, status=status)
                      for kind, status in (("issuer", "open"), ("issuer", "refused"), ("issuer", "closed"), ("notifier", "open"), ("target", "ready"))}
        self.assertEqual({("issuer", "open"): 1, ("issuer", "refused"): 0, ("issuer", "closed"): 0, ("notifier", "open"): 0, ("target", "ready"): 0}, connectors)
        self.assertLess(metrics["certctl_audit_seal_lag_seconds"].value(), 60)
        self.assertLess(metrics["certctl_audit_checkpoint_age_seconds"].value(), 300)
        began = datetime.fromtimestamp(metrics["process_start_time_seconds"].value(), timezone.utc)
        self.assertLess(abs(datetime.now(timezone.utc) - began), timedelta(minutes=5))
        for timer, when in metrics["certctl_timer_last_run_timestamp_seconds"].samples.items():
            self.assertLess(abs(datetime.now(timezone.utc).timestamp() - when), 300, timer)
        self.assertNotEqual({}, metrics["certctl_timer_last_run_timestamp_seconds"].samples)
        self.assertEqual(self.page("/api/v1/metrics")[0], 200)
        self.promtool_agrees()
        self.only_those_who_may_read_it()
        self.no_scrape_is_in_the_trail()
        self.polls_that_wait_are_counted()
        self.what_is_shipped_names_what_there_is(set(metrics))
        self.stop_all()

    def polls_that_wait_are_counted(self):
        agent = Agent(self.folder, self.control, "waits")
        self.assertEqual(201, agent.enrol()[0])
        self.assertEqual(0, self.metrics()["certctl_agents_waiting"].value())
        poll = threading.Thread(target=agent.work, args=(55,))
        poll.start()
        eventually("its poll waits", lambda: self.metrics()["certctl_agents_waiting"].value() == 1, 50)
        self.api.post(f"/api/v1/agents/{agent.id}/retire", None)  # which ends the wait
        poll.join()
        eventually("nobody waits", lambda: self.metrics()["certctl_agents_waiting"].value() == 0, 50)

    @staticmethod
    def with_all(metrics):
        return metrics if "certctl_audit_checkpoint_age_seconds" in metrics else None

    def promtool_agrees(self):
        promtool = shutil.which("promtool") or os.environ.get("PROMTOOL")
        if not promtool:
            return
        done = subprocess.run([promtool, "check", "metrics"], input=self.page()[2], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def only_those_who_may_read_it(self):
        self.assertEqual(self.page(key="sk-nobody")[0], 401)

    def no_scrape_is_in_the_trail(self):
        """But the refused one is."""
        calls = [row for row in self.api.all("/api/v1/audit?action=api_call&limit=500") if row["resource_id"].endswith("/metrics")]
        self.assertEqual([401], [row["details"]["status_code"] for row in calls])

    def what_is_shipped_names_what_there_is(self, names):
        """Dashboards and alerts speak of metrics that are served: a name that is mistyped alarms never."""
        for path in ("etc/prometheus/certctl.rules.yaml", "etc/grafana/certctl.json"):
            with open(os.path.join(SOURCE, path), encoding="utf-8") as file:
                used = set(prometheus.re.findall(r"\b(?:certctl|process)_[a-z_]+", file.read()))
            used = {prometheus.re.sub("_(bucket|sum|count)$", "", name) if name.startswith("certctl_http_request") else name for name in used}
            # Only while there is something to count.
            self.assertEqual(set(), used - names - {"certctl_jobs", "certctl_job_ends_total", "certctl_alarms", "certctl_connectors"}, path)
            self.assertGreater(len(used), 8, path)

    # --- for people

    def test_counts_and_trends_add_up(self):
        agent = Agent(self.folder, self.control, "count")
        self.assertEqual(201, agent.enrol()[0])
        for name in ("one", "two"):
            self.assertEqual("Completed", agent.issue(name)["status"])
        self.api.post("/api/v1/certificates", {"id": "mc-three", "name": "three", "sans": ["three.example.com"], "agent_ids": [agent.id]},
                      expect=201)
        summary = self.api.get("/api/v1/stats/summary")
        self.assertEqual(3, summary["total"])
        listed = [row["status"] for row in self.api.all("/api/v1/certificates")]
        for status, count in summary["by_status"].items():
            self.assertEqual(listed.count(status), count, status)
        self.assertEqual({"iss-local": 3}, summary["by_issuer"])
        self.assertEqual(summary["by_status"], self.api.get("/api/v1/stats/certificates-by-status")["by_status"])
        self.assertEqual(1, sum(summary["agents_by_status"].values()))
        jobs = [row["status"] for row in self.api.all("/api/v1/jobs")]
        for status, count in summary["jobs_by_status"].items():
            self.assertEqual(jobs.count(status), count, status)
        self.metrics_say_the_same(summary)
        self.expirations_are_where_they_are()
        self.trends_are_what_happened()
        self.bad_days_are_refused()
        self.stop_all()

    def metrics_say_the_same(self, summary):
        metrics = self.metrics()
        for status, count in summary["by_status"].items():
            self.assertEqual(count, metrics["certctl_certificates"].value(status=status), status)
        self.assertEqual(2, metrics["certctl_job_ends_total"].value(type="Issuance", state="Completed"))
        self.assertEqual(1, metrics["certctl_jobs"].value(type="Issuance"))

    def expirations_are_where_they_are(self):
        weeks = self.api.get("/api/v1/stats/expiration-timeline?days=90")["data"]
        self.assertEqual(13, len(weeks))
        today = datetime.now(timezone.utc).date()
        self.assertIn(weeks[0]["from"], (str(today), str(today - timedelta(days=1))))
        self.assertEqual(2, sum(week["count"] for week in weeks))
        ends = {row["not_after"][:10] for row in self.api.all("/api/v1/certificates") if row["not_after"]}
        for end in ends:
            self.assertEqual([2], [week["count"] for week in weeks if week["from"] <= end < week["until"]])
        for one, next_one in zip(weeks, weeks[1:]):
            self.assertEqual(one["until"], next_one["from"])
        self.assertEqual(90, (datetime.fromisoformat(weeks[-1]["until"]) - datetime.fromisoformat(weeks[0]["from"])).days)
        self.assertEqual(0, sum(week["count"] for week in self.api.get("/api/v1/stats/expiration-timeline?days=7")["data"]))

    def trends_are_what_happened(self):
        """Today's and those of before, from the jobs themselves; then from what a timer has counted: the same."""
        self.assert_trends()
        self.sql("CREATE TABLE jobs_ended_before PARTITION OF jobs_ended FOR VALUES FROM ('job-0') TO ('job-0199'); "
                 "SET session_replication_role = replica; "
                 "INSERT INTO jobs_ended SELECT (jsonb_populate_record(j, jsonb_build_object('id', 'job-0190aaaaaaaa' || n, "
                 "'created_at', clock.now() - interval '40 days', 'ended_at', clock.now() - make_interval(days => 1 + n / 10), "
                 "'state', CASE n % 5 WHEN 0 THEN 'Failed' WHEN 1 THEN 'Cancelled' ELSE 'Completed' END, "
                 "'type', CASE n % 2 WHEN 0 THEN 'Renewal' ELSE 'Deployment' END))).* "
                 "FROM (SELECT j FROM jobs_ended j LIMIT 1) AS one, generate_series(0, 299) AS n", "postgres")
        self.assert_trends()
        self.assertEqual("0", self.sql("SELECT count(*) FROM job_days"))
        self.assertEqual(0, self.control.process.stop())
        self._processes.remove(self.control.process)
        self.keep(self.control.start())
        self.api = self.control.api
        eventually("days are counted", lambda: int(self.sql("SELECT sum(count) FROM job_days") or 0) >= 300)
        self.assert_trends()

    def assert_trends(self):
        days = self.api.get("/api/v1/stats/job-trends?days=30")["data"]
        self.assertEqual(30, len(days))
        self.assertEqual(sorted(day["date"] for day in days), [day["date"] for day in days])
        for day in days:
            expected = {}
            for line in self.sql("SELECT type, state, count(*) FROM jobs_ended WHERE (ended_at AT TIME ZONE 'UTC')::date = "
                                 f"'{day['date']}' GROUP BY 1, 2").splitlines():
                kind, state, count = line.split("|")
                expected[(kind.lower(), state.lower())] = int(count)
            shown = {(kind, state): count for kind, counts in day["by_type"].items() for state, count in counts.items() if count}
            self.assertEqual(expected, shown, day["date"])
            ended = day["completed"] + day["failed"]
            self.assertEqual(round(day["completed"] / ended, 4) if ended else None, day["success_rate"])
        rate = self.api.get("/api/v1/stats/issuance-rate?days=3")["data"]
        self.assertEqual(2, sum(day["issued"] for day in rate))
        self.assertEqual(366, len(self.api.get("/api/v1/stats/job-trends?days=366")["data"]))

    def bad_days_are_refused(self):
        for path in ("expiration-timeline", "job-trends", "issuance-rate"):
            for days in ("0", "367", "-1", "x", "", "1e2", "0x10", "%201"):
                with self.assertRaises(AssertionError) as refused:
                    self.api.get(f"/api/v1/stats/{path}?days={days}")
                self.assertEqual(400, refused.exception.status, days)


if __name__ == "__main__":
    unittest.main()
