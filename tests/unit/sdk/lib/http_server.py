#!/usr/bin/env python3
"""HTTPS servers that behave and misbehave, for http_test.c.

http_server.py DIRECTORY: makes a CA and certificates there, listens on free ports, prints one line
"https=PORT wrong_name=PORT client=PORT old_tls=PORT plain=PORT garbage=PORT silent=PORT" and serves until standard
input ends.
"""

import http.server
import json
import socket
import socketserver
import ssl
import struct
import subprocess
import sys
import threading
import time
import urllib.parse
from email.utils import formatdate


def openssl(directory, *arguments):
    subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)


def make_ca(directory, name):
    openssl(directory, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
            "2", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.crt",
            "-addext", "basicConstraints=critical,CA:TRUE")


def make_certificate(directory, ca, name, san):
    openssl(directory, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
            f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
    with open(f"{directory}/{name}.ext", "w", encoding="ascii") as file:
        file.write(f"subjectAltName={san}\n")
    openssl(directory, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.crt", "-CAkey", f"{ca}.key",
            "-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.crt")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def answer(self, status, body=b"", headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def serve(self):
        url = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(url.query)
        length = int(self.headers.get("Content-Length", 0))
        self.body = self.rfile.read(length)
        behaviour = getattr(self, "do_" + url.path.strip("/").replace("-", "_"), None)
        if behaviour:
            behaviour(query)
        else:
            self.answer(404, b"no such behaviour")

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = serve

    def do_echo(self, query):
        body = json.dumps({
            "method": self.command,
            "body": self.body.decode("latin-1"),
            "headers": [[name, value] for name, value in self.headers.items()],
            "port": self.client_address[1],
        }).encode()
        self.answer(200, body, [("Content-Type", "application/json"), ("X-Mixed-Case", "  padded value ")])

    def do_status(self, query):
        headers = []
        if "retry_after" in query:
            headers.append(("Retry-After", query["retry_after"][0]))
        if "retry_in" in query:
            headers.append(("Retry-After", formatdate(time.time() + int(query["retry_in"][0]), usegmt=True)))
        self.answer(int(query["code"][0]), b"because", headers)

    def do_redirect(self, query):
        self.answer(302, b"", [("Location", "/echo")])

    def do_huge(self, query):
        self.send_response(200)
        if "declared" in query:
            self.send_header("Content-Length", str(10**9))
        self.send_header("Connection", "close")
        self.end_headers()
        for _ in range(10000):
            self.wfile.write(b"x" * 100000)

    def do_many_headers(self, query):
        self.send_response(200)
        for i in range(1000):
            self.send_header(f"X-Header-{i}", "v" * 10)
        self.end_headers()

    def do_long_header(self, query):
        self.answer(200, b"", [(f"X-{i}", "v" * 5000) for i in range(20)])

    def do_drip(self, query):
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        for _ in range(1000):
            self.wfile.write(b".")
            time.sleep(0.2)

    def do_silent(self, query):
        time.sleep(1000)

    def do_reset(self, query):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def do_cut(self, query):
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"not all of it")
        self.close_connection = True

    def do_early(self, query):
        self.wfile.write(b"HTTP/1.1 103 Early Hints\r\nX-Early: yes\r\n\r\n")
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Late: yes\r\nTransfer-Encoding: chunked\r\nTrailer: X-Trailer\r\n\r\n"
                         b"3\r\nabc\r\n0\r\nX-Trailer: yes\r\n\r\n")


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        pass


def serve(context):
    server = Server(("127.0.0.1", 0), Handler)
    if context:
        # The handshake belongs to the connection's own thread: a client that refuses us must not stop the others.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def serve_bytes(reply):
    listener = socket.create_server(("127.0.0.1", 0), backlog=16)

    def loop():
        kept = []
        while True:
            connection, _ = listener.accept()
            kept.append(connection)
            if reply:
                connection.recv(4096)
                connection.sendall(reply)
                connection.close()

    threading.Thread(target=loop, daemon=True).start()
    return listener.getsockname()[1]


def tls(directory, name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{directory}/{name}.crt", f"{directory}/{name}.key")
    return context


def main():
    directory = sys.argv[1]
    make_ca(directory, "ca")
    make_ca(directory, "other-ca")
    make_certificate(directory, "ca", "server", "DNS:localhost,IP:127.0.0.1")
    make_certificate(directory, "ca", "wrong", "DNS:other.example")
    make_certificate(directory, "ca", "client", "DNS:client.example")
    client = tls(directory, "server")
    client.verify_mode = ssl.CERT_REQUIRED
    client.load_verify_locations(f"{directory}/ca.crt")
    old = tls(directory, "server")
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    ports = {
        "https": serve(tls(directory, "server")),
        "wrong_name": serve(tls(directory, "wrong")),
        "client": serve(client),
        "old_tls": serve(old),
        "plain": serve(None),
        "garbage": serve_bytes(b"this is no HTTP\r\n\r\n"),
        "silent": serve_bytes(b""),
    }
    print(" ".join(f"{name}={port}" for name, port in ports.items()), flush=True)
    sys.stdin.read()


main()
