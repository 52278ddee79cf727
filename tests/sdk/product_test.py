#!/usr/bin/env python3
"""The SDK as an outsider gets it: installed into an empty prefix, every template built, checked and run from there, with
CMake and with pkg-config and a bare cc."""
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

BUILD = os.environ["CERTCTL_BUILD"]

# Template, kind and id, the operation to run, its argument, a word of the reply.
TEMPLATES = [
    ("issuer", "issuer-file-ca", "chain", None, "BEGIN CERTIFICATE"),
    ("target", "target-pem-file", "plan",
     {"bundle": {"certificate_id": "mc-a", "version_id": "ver-a", "fingerprint_sha256": "00", "leaf_pem": "x", "chain_pem": "",
                 "names": [{"type": "dns", "text": "a.example.com"}], "key_type": "ECDSA_P256", "not_after_unix_s": 0}},
     "/etc/postfix/certificate.pem"),
    ("notifier", "notifier-spool", "send",
     {"message": {"id": "msg-1", "kind": "alert", "severity": "warning", "event": "e", "subject": "s", "text": "t",
                  "created_unix_s": 0}},
     "msg-1.json"),
]


def run(*command, expect=0, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode != expect:
        sys.exit(f"FAILED: {' '.join(command)}\nexit {done.returncode}, expected {expect}\n{done.stdout}{done.stderr}")
    return done.stdout


def install(prefix):
    for component in ("runtime", "host", "sdk"):
        run("cmake", "--install", BUILD, "--prefix", prefix, "--component", component)
    for wanted in ("bin/certctl-plugin", "libexec/certctl/certctl-plugin-host", "include/certctl/plugin.h"):
        assert os.path.exists(os.path.join(prefix, wanted)), wanted


def find_version(prefix, version, expect):
    """find_package(Certctl <version>) finds this SDK, or does not."""
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "CMakeLists.txt"), "w", encoding="utf-8") as file:
            file.write(f"cmake_minimum_required(VERSION 3.25)\nproject(x C)\nfind_package(Certctl {version} REQUIRED)\n")
        run("cmake", "-G", "Ninja", "-S", folder, "-B", folder + "/b", f"-DCMAKE_PREFIX_PATH={prefix}", expect=expect)


def try_plugin(program, plugin, check_file, row):
    _, name, operation, argument, word = row
    assert re.sub("-", "/", name, count=1) in run(program, "describe", plugin)
    assert json.loads(run(program, "describe", "--json", plugin))
    assert "form only" in run(program, "check", plugin, expect=3)
    assert "conforms" in run(program, "check", plugin, "--config", check_file)
    more = ["--argument", json.dumps(with_item(argument, check_file))] if argument else []
    answer = run(program, "run", plugin, operation, "--config", check_file, *more)
    assert word in answer, answer
    assert json.loads(run(program, "run", plugin, "info", "--config", check_file))
    run(program, "run", plugin, "no_such_operation", "--config", check_file, expect=1)


def with_item(argument, check_file):
    """The target's binding, as check.yaml has it: the path is all there is."""
    with open(check_file, encoding="utf-8") as file:
        path = re.search(r"^item:.*\n  path: (\S+)", file.read(), re.MULTILINE)
    return {**argument, "item": {"path": path.group(1)}} if path else argument


def build_with_cmake(prefix, folder):
    with open(os.path.join(folder, "CMakeLists.txt"), encoding="utf-8") as file:
        assert len(file.read().splitlines()) == 5, "five lines of CMake"
    build = os.path.join(folder, "build")
    run("cmake", "-G", "Ninja", "-S", folder, "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", build)
    assert "100% tests passed, 0 tests failed out of 1" in run("ctest", "--test-dir", build, "--output-on-failure")
    return build


def build_with_pkg_config(prefix, folder, name):
    config = glob.glob(prefix + "/lib/**/certctl.pc", recursive=True)[0]
    environment = {**os.environ, "PKG_CONFIG_PATH": os.path.dirname(config)}
    flags = run("pkg-config", "--cflags", "--libs", "certctl", env=environment).split()
    own = [flag for flag in run("pkg-config", "--cflags", "certctl", env=environment).split() if not flag.startswith("-I")]
    assert not own, f"flags beside the include path: {own}"
    assert run("pkg-config", "--variable=abi_major", "certctl", env=environment).strip() == "1"
    assert run("pkg-config", "--variable=plugindir", "certctl", env=environment).strip().endswith("/certctl/plugins")
    folder_out = os.path.join(folder, "bare")
    os.mkdir(folder_out)
    plugin = os.path.join(folder_out, f"certctl-{name}.so")
    run("cc", "-std=c11", "-shared", "-fPIC", "-fvisibility=hidden", "-o", plugin, *glob.glob(folder + "/*.c"), *flags,
        "-Wl,--no-undefined", "-Wl,-z,now")
    return plugin


def main():
    os.umask(0o022)
    with tempfile.TemporaryDirectory() as root:
        prefix = os.path.join(root, "prefix")
        install(prefix)
        find_version(prefix, "1.0", 0)
        find_version(prefix, "2.0", 1)
        program = os.path.join(prefix, "bin", "certctl-plugin")
        for row in TEMPLATES:
            folder = os.path.join(root, row[0])
            shutil.copytree(os.path.join(prefix, "share/certctl/templates", row[0]), folder)
            check_file = os.path.join(folder, "check.yaml")
            build = build_with_cmake(prefix, folder)
            try_plugin(program, os.path.join(build, f"certctl-{row[1]}.so"), check_file, row)
            try_plugin(program, build_with_pkg_config(prefix, folder, row[1]), check_file, row)
            print("ok", row[0])


main()
