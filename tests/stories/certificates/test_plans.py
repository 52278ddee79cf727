"""Every list that is promised to be fast can be had without reading or sorting a table."""
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
        self.stop_all()


if __name__ == "__main__":
    unittest.main()
