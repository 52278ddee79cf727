#!/usr/bin/env python3
"""The packages on a Debian system: installed with dpkg into a copy of this one, they make their users, start, and find each other."""
import glob
import os
import subprocess
import sys
import tempfile

BUILD = os.environ["CERTCTL_BUILD"]
ROOT = [] if os.geteuid() == 0 else ["sudo", "-n"]

# A copy of this system that costs nothing: what is written goes away with the mounts.  It has no certctl beside the packages'.
CORNER = """
set -euo pipefail
mount --make-rprivate /
mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root
mount --rbind /dev /mnt/root/dev
mount -t proc proc /mnt/root/proc
for folder in /run /tmp; do mount -t tmpfs -o mode=1777 tmpfs /mnt/root$folder; done
mkdir /mnt/root/run/packages
cp "$1"/*.deb /mnt/root/run/packages
ip link set lo up
exec chroot /mnt/root bash -c "$2"
"""

INSIDE = """
set -euo pipefail
trap 'echo "failed: $BASH_COMMAND"' ERR
dpkg --install /run/packages/*.deb >/run/dpkg.log 2>&1 || { cat /run/dpkg.log; exit 1; }
ldconfig
for user in certctl certctl-agent; do id $user >/dev/null; done
systemd-analyze verify certctld.service certctl-agent.service certctl-agent-worker.service

# As the unit does it: no privileges, nothing but the state directory.
mkdir -p /etc/certctl /var/lib/certctl/connectors.d /run/certctld
printf 'issuers:\n  - {id: iss-local, name: Local CA, type: local-ca, options: {directory: /var/lib/certctl/iss-local}}\n' >/var/lib/certctl/connectors.d/iss-local.yaml
chown -R certctl: /var/lib/certctl /run/certctld
chmod 711 /var/lib/certctl
server() { setpriv --reuid certctl --regid certctl --clear-groups --no-new-privs --inh-caps=-all env XDG_RUNTIME_DIR=/run/certctld "$@"; }
server certctld --check-config
server certctld --ready-file /var/lib/certctl/ready >/run/certctld.log 2>&1 &
for i in $(seq 600); do [ ! -e /var/lib/certctl/ready ] || break; sleep 0.1; done
key=$(cat /var/lib/certctl/admin.key) || { cat /run/certctld.log; exit 1; }
curl --silent --fail-with-body --cacert /var/lib/certctl/ca.pem -H "Authorization: Bearer $key" https://localhost:8443/api/v1/issuers/iss-local | grep 'BEGIN CERTIFICATE' >/dev/null
certctl-plugin describe target/nginx >/dev/null
certctl-agent --help >/dev/null
certctl-agent-worker --help >/dev/null
server certctld psql -- -Atqc 'SELECT count(*) >= 0 FROM audit_events' | grep t >/dev/null
kill "$(sed 's/.*"pid": *\\([0-9]*\\).*/\\1/' /var/lib/certctl/ready)"
wait %1

dpkg --remove $(dpkg-query -W -f '${Package}\n' '*certctl*' | sort -r) >/run/dpkg.log 2>&1 || { cat /run/dpkg.log; exit 1; }
[ ! -e /usr/sbin/certctld ]
[ -s /var/lib/certctl/admin.key ]
echo installed, run and removed
"""


def main():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["cpack", "-G", "DEB", "--config", BUILD + "/CPackConfig.cmake", "-B", folder, "-D", "CPACK_PACKAGING_INSTALL_PREFIX=/usr"],
                       check=True, capture_output=True)
        if not glob.glob(folder + "/*.deb"):
            sys.exit("no packages were made")
        done = subprocess.run([*ROOT, "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "bash", "-c", CORNER, "corner", folder, INSIDE],
                              capture_output=True, text=True, timeout=500, check=False)
    print(done.stdout + done.stderr)
    sys.exit(0 if done.returncode == 0 and "installed, run and removed" in done.stdout else 1)


main()
