"""
A fleet of 3,000: every list that is promised to be fast can be had without reading or sorting a table, with any key; and what is
kept of a certificate as it is shown says what its columns say.
"""
import os
import shutil
import subprocess
import unittest

from lib.fleet import ControlPlane
from lib.invariants import ask
from lib.processes import run
from lib.story import Story

SOURCE = os.environ.get("CERTCTL_SOURCE", ".")
FACTS = """SELECT count(*) FROM managed_certificates c JOIN certificate_placement_facts p USING (id) JOIN certificate_binding_facts b USING (id)
WHERE (c.version_id, c.not_after, c.expiring_at, c.issued_at, c.agent_ids, c.renew_at, c.failure, c.target_ids, c.deployed_at)
	IS DISTINCT FROM (p.version_id, p.not_after, p.expiring_at, p.issued_at, p.agent_ids, p.renew_at, p.failure, b.target_ids, b.deployed_at)"""


class Plans(Story):
    def test_lists_walk_indexes(self):
        control = ControlPlane(self.folder)
        self.keep(control.start())
        run(["psql", "-X", "-q", "-h", control.socket(), "-U", "postgres", "-d", "certctl", "-v", "count=3000", "-f",
             os.path.join(SOURCE, "tests/bench/seed.sql")])
        self.assertEqual("3000", ask(control.state, "SELECT count(*) FROM managed_certificates"))
        self.assertEqual("0", ask(control.state, FACTS), "the seed says other things than its versions")
        shutil.copy(os.path.join(control.folder, "ready.json"), control.state)
        plans = subprocess.run([os.path.join(SOURCE, "tests/bench/plans"), "--dir", control.state, "--forced"], capture_output=True,
                               text=True, check=False)
        self.assertEqual(plans.returncode, 0, plans.stdout + plans.stderr)
        self.assertIn(" 0 of them read or sort a table", plans.stdout)
        self._kept_text_is_the_columns(control)
        self.stop_all()

    def _kept_text_is_the_columns(self, control):
        api = control.api
        odd = {"id": "mc-odd", "name": 'odd "\\ \u00fc </script>', "sans": ["odd.example.com"], "target_ids": ["tgt-3"], "tags": ["a b", 'c"d', "", "null", "{}"]}
        api.post("/api/v1/certificates", odd, expect=201)
        busy = [row["id"] for row in api.get("/api/v1/certificates?status=Expiring&limit=4&fields=id")["data"]]
        for identity in busy:
            api.post(f"/api/v1/certificates/{identity}/renew", {}, expect=202)
        ask(control.state, """UPDATE jobs SET error = '{"what": "said \\"no\\""}' WHERE certificate_id = '%s'""" % busy[0])
        ask(control.state, """UPDATE managed_certificates SET deploy_failure = E'tgt-1: \\t', revocation_reason = 'superseded' WHERE id = '%s'""" % busy[1])
        shown = api.get("/api/v1/openapi.json")["components"]["schemas"]["Certificate"]["properties"]
        names = [name for name, about in shown.items() if not about.get("writeOnly")]
        whole = api.all("/api/v1/certificates?limit=500") + api.all("/api/v1/certificates?limit=500&status=Archived")
        columns = f"/api/v1/certificates?limit=500&fields={','.join(names)}"
        apart = api.all(columns) + api.all(columns + "&status=Archived")
        self.assertEqual(3001, len(whole))
        self.assertEqual({"Pending", "Active", "Expiring", "RenewalInProgress", "Failed", "Expired", "Archived"}, {row["status"] for row in whole})
        for kept, row in zip(whole, apart, strict=True):
            self.assertEqual(row, kept)
        self.assertEqual(next(row for row in whole if row["id"] == "mc-odd")["name"], odd["name"])
        self.assertEqual(next(row for row in whole if row["id"] == busy[0]), api.get(f"/api/v1/certificates/{busy[0]}"))


if __name__ == "__main__":
    unittest.main()
