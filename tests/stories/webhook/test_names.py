"""A receiver found by name: the plugin's confined process asks a name server, and the address it is told is still judged."""
import ctypes
import fcntl
import json
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import unittest

from lib.processes import Process, eventually
from lib.story import Story

BUILD = os.path.abspath(os.environ.get("CERTCTL_BUILD", ".build/dev"))
SOURCE = os.path.abspath(os.environ.get("CERTCTL_SOURCE", "."))
PLUGIN = os.path.join(BUILD, "plugins/certctl-notifier-webhook.so")
RECEIVER = os.path.join(SOURCE, "plugins/notifiers/webhook/receiver.py")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x20000, 0x10000000, 0x40000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
TYPE_A = 1


def enter_own_network():
    """A network and mounts of this process alone, with only a loopback, which is down at first."""
    uid = os.getuid()
    flags = CLONE_NEWNET | CLONE_NEWNS | (CLONE_NEWUSER if uid else 0)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    if uid:
        with open("/proc/self/uid_map", "w", encoding="ascii") as file:
            file.write(f"0 {uid} 1")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))


class NameServer:
    """Answers every question for an IPv4 address with `address`, any other with "there is none"."""

    def __init__(self, address):
        self.address = address
        self.asked = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            query, client = self.socket.recvfrom(512)
            end, labels = 12, []
            while query[end]:
                labels.append(query[end + 1:end + 1 + query[end]].decode())
                end += query[end] + 1
            question = query[12:end + 5]
            self.asked.append(".".join(labels))
            answer = b""
            if struct.unpack(">H", question[-4:-2])[0] == TYPE_A:
                answer = b"\xc0\x0c" + struct.pack(">HHIH", TYPE_A, 1, 1, 4) + socket.inet_aton(self.address)
            header = query[:2] + struct.pack(">HHHHH", 0x8180, 1, 1 if answer else 0, 0, 0)
            self.socket.sendto(header + question + answer, client)


class Names(Story):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        enter_own_network()
        cls.server = NameServer("127.0.0.1")

    def setUp(self):
        super().setUp()
        resolver = os.path.join(self.folder, "resolv.conf")
        with open(resolver, "w", encoding="ascii") as file:
            file.write("nameserver 127.0.0.1\n")
        subprocess.run(["mount", "--bind", resolver, "/etc/resolv.conf"], check=True)
        self.addCleanup(subprocess.run, ["umount", "/etc/resolv.conf"], check=True)
        receiver = self.keep(Process("receiver", [sys.executable, RECEIVER, self.folder, SECRET],
                                     os.path.join(self.folder, "receiver.log")))
        self.port = eventually("the receiver listens", lambda: re.fullmatch(r"localhost:(\d+)\n", receiver.output()))[1]

    def operate(self, **options):
        config = os.path.join(self.folder, "config.yaml")
        with open(config, "w", encoding="utf-8") as file:
            json.dump({"options": {"url": f"https://receiver.test:{self.port}/", "secrets": [SECRET], "timeout_s": 30,
                                   "ca_file": os.path.join(self.folder, "ca.crt"), **options}}, file)
        return subprocess.run([os.path.join(BUILD, "bin/certctl-plugin"), "run", "--config", config, PLUGIN, "test"],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)

    def test_a_name_is_looked_up_by_the_confined_process(self):
        done = self.operate(allow_private=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("receiver.test", self.server.asked)
        with open(os.path.join(self.folder, "deliveries.jsonl"), encoding="utf-8") as file:
            self.assertEqual(json.loads(file.readline())["headers"]["host"], f"receiver.test:{self.port}")

    def test_a_public_name_with_a_private_address_is_refused(self):
        done = self.operate()
        self.assertEqual(done.returncode, 1)
        self.assertEqual(json.loads(done.stderr)["code"], "denied")
        self.assertIn("127.0.0.1 may not be reached", json.loads(done.stderr)["what"])
        self.assertFalse(os.path.exists(os.path.join(self.folder, "deliveries.jsonl")))


if __name__ == "__main__":
    unittest.main()
