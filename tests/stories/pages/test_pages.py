"""What the pages tell newcomers to type, typed: the same ports, the same paths, in a machine-like corner of its own."""
import os
import re
import subprocess
import unittest

SOURCE = os.environ["CERTCTL_SOURCE"]
BUILD = os.path.abspath(os.environ["CERTCTL_BUILD"])

# The tree is looked at through the new /tmp, where the pages' .build/dev is the build under test.
CORNER = f"""
set -euo pipefail
mount --make-rprivate /
mount --bind '{SOURCE}' /mnt
mount -t tmpfs -o mode=1777 tmpfs /tmp
mkdir -p '{SOURCE}' /tmp/page/.build/dev
mount --move /mnt '{SOURCE}'
mount --bind '{BUILD}' /tmp/page/.build/dev
cp -a /etc/nginx /tmp/etc-nginx && mount --bind /tmp/etc-nginx /etc/nginx
for folder in /run /var/log/nginx /var/lib/nginx; do mount -t tmpfs -o mode=755 tmpfs $folder; done
ip link set lo up
trap 'status=$?; [ $status = 0 ] || cat /tmp/certctld.out; exit $status' EXIT
cd /tmp/page
"""

# What runs in the first terminal of the page stays there while the second one goes on.
FIRST_TERMINAL = """
( {block} ) >/tmp/certctld.out 2>&1 &
for i in $(seq 300); do curl --silent --cacert /tmp/certctl/control/ca.pem https://127.0.0.1:8443/health >/tmp/health && break; sleep 0.2; done
"""

END = """
for i in $(seq 100); do
	curl --silent --cacert $CA -H "$AUTH" $URL/api/v1/certificates/mc-web/deployments >/tmp/deployments
	grep -q '"status":"Completed"' /tmp/deployments && break
	sleep 0.3
done
echo; echo "deployments: $(cat /tmp/deployments)"
"""


def blocks(page):
    with open(os.path.join(SOURCE, "docs", page), encoding="utf-8") as file:
        return re.findall(r"^```sh\n(.*?)^```", file.read(), re.DOTALL | re.MULTILINE)


def run(script):
    words = [] if os.geteuid() == 0 else ["sudo", "-n"]
    return subprocess.run([*words, "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-c", script],
                          capture_output=True, text=True, timeout=300, check=False)


class Pages(unittest.TestCase):
    def test_the_quickstart_and_the_calls_of_the_api_page(self):
        by_hand = [block for block in blocks("getting-started/quickstart.md") if "./dev" not in block]
        self.assertIn("certctld dev", by_hand[0])
        self.assertGreater(len(by_hand), 4)
        calls = blocks("reference/api.md")
        self.assertGreater(len(calls), 2)
        script = CORNER + FIRST_TERMINAL.format(block=by_hand[0]) + "".join(by_hand[1:]) + END
        # Every call of the API page says --fail-with-body: one that is refused ends the script.
        script += "".join(calls) + "echo; echo 'all calls were answered'\n"
        done = run(script)
        said = done.stdout + done.stderr
        self.assertEqual(0, done.returncode, said)
        self.assertIn('"verified":true', said.rpartition("deployments: ")[2], said)
        self.assertIn("hello", done.stdout, said)
        self.assertIn("all calls were answered", done.stdout, said)


if __name__ == "__main__":
    unittest.main()
