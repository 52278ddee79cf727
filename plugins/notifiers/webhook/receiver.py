#!/usr/bin/env python3
"""A receiver of webhooks that verifies what it gets: an example to copy, and the peer of this plugin's tests.

    receiver.py FOLDER [SECRET]

Makes a CA and a certificate for localhost and receiver.test in FOLDER (ca.crt is what the plugin must trust), listens on a free port, prints
"localhost:PORT", and appends a line of JSON to FOLDER/deliveries.jsonl for every request whose signature is right. A request
that is wrong, or older than five minutes, gets 401 and leaves a line in FOLDER/refused.jsonl.

The file FOLDER/answer, when it is there, says how the next requests are answered, one a line: "STATUS [RETRY-AFTER]",
"slow" (a byte a second), "silent", "reset" or "lost" (accepted, the connection cut before the answer). Used lines go.
"""

import base64
import hashlib
import hmac
import http.server
import json
import os
import socket
import socketserver
import ssl
import struct
import subprocess
import sys
import threading
import time

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
TOLERANCE_S = 300


def signatures_match(secret, headers, body, now_s):
    """The check of www.standardwebhooks.com: raises ValueError with the reason."""
    message_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    if not message_id or not timestamp.isdigit():
        raise ValueError("webhook-id or webhook-timestamp is missing")
    if abs(now_s - int(timestamp)) > TOLERANCE_S:
        raise ValueError("too old or from the future")
    key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    signed = f"{message_id}.{timestamp}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    for signature in headers.get("webhook-signature", "").split(" "):
        version, _, value = signature.partition(",")
        if version == "v1" and hmac.compare_digest(value, expected):
            return
    raise ValueError("no signature matches")


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder = secret = None
    lock = threading.Lock()
    seen = set()

    def log_message(self, *arguments):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            signatures_match(self.secret, self.headers, body, time.time())
        except ValueError as error:
            self.record("refused.jsonl", {"path": self.path, "reason": str(error)})
            self.answer(401)
            return
        self.accept(body)

    def accept(self, body):
        behaviour = self.next_behaviour()
        if behaviour[0] in ("200", "slow", "silent", "lost"):
            self.keep(body)
        if behaviour[0].isdigit():
            self.answer(int(behaviour[0]), *behaviour[1:])
        elif behaviour[0] == "slow":
            self.drip()
        elif behaviour[0] == "silent":
            time.sleep(600)
        else:
            self.cut()

    def next_behaviour(self):
        path = os.path.join(self.folder, "answer")
        with self.lock:
            try:
                with open(path, encoding="ascii") as file:
                    lines = file.read().splitlines()
            except FileNotFoundError:
                return ["200"]
            if not lines:
                return ["200"]
            with open(path + ".new", "w", encoding="ascii") as file:
                file.writelines(line + "\n" for line in lines[1:])
            os.replace(path + ".new", path)
            return lines[0].split()

    def keep(self, body):
        message_id = self.headers["webhook-id"]
        with self.lock:
            repeated = message_id in self.seen
            self.seen.add(message_id)
        self.record("deliveries.jsonl", {
            "id": message_id,
            "repeated": repeated,
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": json.loads(body),
        })

    def record(self, name, document):
        with self.lock, open(os.path.join(self.folder, name), "a", encoding="utf-8") as file:
            file.write(json.dumps(document) + "\n")

    def answer(self, status, retry_after=None):
        self.send_response(status)
        if retry_after:
            self.send_header("Retry-After", retry_after)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def drip(self):
        self.send_response(200)
        self.send_header("Content-Length", "600")
        self.end_headers()
        for _ in range(600):
            self.wfile.write(b".")
            time.sleep(1)

    def cut(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        pass  # a client that breaks off is no news


def make_certificates(folder):
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *key, "-days", "2", "-subj", "/CN=Receiver CA", "-keyout", "ca.key", "-out", "ca.crt")
    openssl("req", *key, "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr")
    with open(os.path.join(folder, "server.ext"), "w", encoding="ascii") as file:
        file.write("subjectAltName=DNS:localhost,DNS:receiver.test,IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", "server.ext", "-out", "server.crt")


def main():
    Receiver.folder = sys.argv[1]
    Receiver.secret = sys.argv[2] if len(sys.argv) > 2 else SECRET
    make_certificates(Receiver.folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(Receiver.folder, "server.crt"), os.path.join(Receiver.folder, "server.key"))
    server = Server(("127.0.0.1", 0), Receiver)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    print(f"localhost:{server.server_address[1]}", flush=True)
    server.serve_forever()


main()
