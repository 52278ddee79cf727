#!/usr/bin/env python3
"""One .deb a component, each with what belongs into it and nothing of another's; every plugin is a package of its own."""
import glob
import os
import re
import subprocess
import sys
import tempfile

BUILD = os.environ["CERTCTL_BUILD"]

# Package, what must be in it (patterns of whole paths), what it depends on beside libraries of the system.
WANTED = {
    "libcertctl1": ([r"/usr/lib(/[^/]+)?/libcertctl\.so\.1", r"/usr/lib(/[^/]+)?/libcertctl-http\.so\.1"], []),
    "certctl-plugin-host": ([r"/usr/libexec/certctl/certctl-plugin-host", r".*/man8/certctl-plugin-host\.8"], ["libcertctl1"]),
    "certctl-sdk": ([r"/usr/bin/certctl-plugin", r"/usr/include/certctl/plugin\.h", r".*/cmake/Certctl/CertctlConfig\.cmake",
                     r".*/pkgconfig/certctl\.pc", r"/usr/share/certctl/templates/issuer/file_ca\.c", r".*/man1/certctl-plugin\.1"],
                    ["libcertctl1", "certctl-plugin-host"]),
    "certctl-agent": ([r"/usr/sbin/certctl-agent", r"/usr/sbin/certctl-agent-worker", r".*/man8/certctl-agent\.8"],
                      ["certctl-plugin-host"]),
    "certctl": ([r"/usr/bin/certctl", r".*/man1/certctl\.1", r"/usr/share/bash-completion/completions/certctl",
                 r"/usr/share/zsh/vendor-completions/_certctl"], ["libcertctl1"]),
    "certctl-server": ([r"/usr/sbin/certctld"], ["certctl-plugin-host", "postgresql"]),
}
for plugin in sorted(glob.glob(BUILD + "/plugins/certctl-*.so")):
    file = os.path.basename(plugin)
    WANTED[file[:-3]] = ([r"/usr/lib(/[^/]+)?/certctl/plugins/" + re.escape(file)], ["certctl-plugin-host"])

problems = []


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def look_into(package, deb, owners):
    lines = [line.split(None, 5) for line in output("dpkg-deb", "-c", deb).splitlines()]
    paths = [line[5].split(" -> ")[0].lstrip(".") for line in lines if line[0][0] != "d"]
    patterns, depends = WANTED[package]
    for line in lines:
        if line[1] != "root/root" or (line[0][0] != "l" and "w" in line[0][4:]):
            problems.append(f"{package}: {line[5]}: {line[0]} {line[1]}")
    for pattern in patterns:
        if not any(re.fullmatch(pattern, path) for path in paths):
            problems.append(f"{package}: nothing like {pattern}")
    if package.count("-") > 1 and re.match("certctl-(issuer|target|notifier)-", package) and len(paths) != 1:
        problems.append(f"{package}: more than the plugin: {paths}")
    said = output("dpkg-deb", "-f", deb, "Depends")
    problems.extend(f"{package}: does not depend on {name}" for name in depends if name not in said)
    for path in paths:
        problems.extend([f"{path}: in {package} and in {owners[path]}"] if path in owners else [])
        owners[path] = package


with tempfile.TemporaryDirectory() as folder:
    output("cpack", "-G", "DEB", "--config", BUILD + "/CPackConfig.cmake", "-B", folder, "-D", "CPACK_PACKAGING_INSTALL_PREFIX=/usr")
    made = {output("dpkg-deb", "-f", deb, "Package").strip(): deb for deb in glob.glob(folder + "/*.deb")}
    problems += [f"{package}: not made" for package in sorted(WANTED.keys() - made.keys())]
    problems += [f"{package}: made, but not expected here" for package in sorted(made.keys() - WANTED.keys())]
    owners = {}
    for package in sorted(made.keys() & WANTED.keys()):
        look_into(package, made[package], owners)
print("\n".join(problems) or f"{len(made)} packages")
sys.exit(1 if problems else 0)
