"""The HTTPS listener under hostile and careless clients: refused, closed, and never a handler reached."""
import os
import signal
import socket
import ssl
import threading
import time
import unittest
from urllib.parse import urlsplit

from lib.fleet import ControlPlane
from lib.processes import eventually, run
from lib.story import Story

GOOD = b"GET /api/v1/version HTTP/1.1\r\nHost: a\r\n\r\n"

# What libmicrohttpd 0.9.75 serves when nobody stands in front of it, and what others disagree about.
HOSTILE = {
    "length and coding": b"POST /api/v1/targets HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"POST /api/v1/targets HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n",
    "list of lengths": b"POST /api/v1/targets HTTP/1.1\r\nHost: a\r\nContent-Length: 0, 0\r\n\r\n",
    "signed length": b"POST /api/v1/targets HTTP/1.1\r\nHost: a\r\nContent-Length: +0\r\n\r\n",
    "two codings": b"POST /api/v1/targets HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "unknown coding": b"POST /api/v1/targets HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
    "coding in 1.0": b"POST /api/v1/targets HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "hidden coding": b"POST /api/v1/targets HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nTransfer-Encoding : chunked\r\n\r\n",
    "two hosts": b"GET /api/v1/version HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "no host": b"GET /api/v1/version HTTP/1.1\r\n\r\n",
    "bare LF": b"GET /api/v1/version HTTP/1.1\nHost: a\n\n",
    "one bare LF": b"GET /api/v1/version HTTP/1.1\r\nHost: a\r\nX: y\nZ: w\r\n\r\n",
    "folded header": b"GET /api/v1/version HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n",
    "space before colon": b"GET /api/v1/version HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n",
    "empty name": b"GET /api/v1/version HTTP/1.1\r\nHost: a\r\n: y\r\n\r\n",
    "no colon": b"GET /api/v1/version HTTP/1.1\r\nHost: a\r\nXY\r\n\r\n",
    "NUL in value": b"GET /api/v1/version HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
    "NUL in name": b"GET /api/v1/version HTTP/1.1\r\nHost: a\r\nX\0Y: b\r\n\r\n",
    "control in value": b"GET /api/v1/version HTTP/1.1\r\nHost: a\r\nX: a\x01b\r\n\r\n",
    "CR in value": b"GET /api/v1/version HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
    "NUL in target": b"GET /api/v1/version\0 HTTP/1.1\r\nHost: a\r\n\r\n",
    "%00": b"GET /api/v1/version%00 HTTP/1.1\r\nHost: a\r\n\r\n",
    "%2f": b"GET /api%2fv1/version HTTP/1.1\r\nHost: a\r\n\r\n",
    "%2e": b"GET /api/%2e%2e/api/v1/version HTTP/1.1\r\nHost: a\r\n\r\n",
    "dots": b"GET /api/../api/v1/version HTTP/1.1\r\nHost: a\r\n\r\n",
    "two slashes": b"GET //api/v1/version HTTP/1.1\r\nHost: a\r\n\r\n",
    "absolute form": b"GET https://a/api/v1/version HTTP/1.1\r\nHost: a\r\n\r\n",
    "two spaces": b"GET  /api/v1/version HTTP/1.1\r\nHost: a\r\n\r\n",
    "space in target": b"GET /api/v1/version x HTTP/1.1\r\nHost: a\r\n\r\n",
    "HTTP/0.9": b"GET /api/v1/version\r\n\r\n",
    "HTTP/2.0": b"GET /api/v1/version HTTP/2.0\r\nHost: a\r\n\r\n",
    "bad method": b"G(T /api/v1/version HTTP/1.1\r\nHost: a\r\n\r\n",
    "long target": b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "many headers": b"GET /api/v1/version HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X%d: y\r\n" % i for i in range(80)) + b"\r\n",
    "long header": b"GET /api/v1/version HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 60000 + b"\r\n\r\n",
}


class Http(Story):
    def setUp(self):
        super().setUp()
        self.control = ControlPlane(self.folder)
        self.keep(self.control.start())

    def connect(self):
        where = urlsplit(self.control.url)
        context = ssl.create_default_context(cafile=self.control.ca_file)
        raw = socket.create_connection((where.hostname, where.port), timeout=30)
        return context.wrap_socket(raw, server_hostname=where.hostname)

    @staticmethod
    def read_all(connection):
        data = b""
        try:
            while True:
                more = connection.recv(65536)
                if not more:
                    return data
                data += more
        except (ConnectionError, ssl.SSLError):
            return data

    @staticmethod
    def read_reply(connection):
        """One reply whose body is a JSON object."""
        data = b""
        while not data.endswith(b"}"):
            more = connection.recv(65536)
            if not more:
                break
            data += more
        return data

    def exchange(self, request):
        with self.connect() as connection:
            try:
                connection.sendall(request)
            except (ConnectionError, ssl.SSLError):
                pass  # refused before all of it was sent
            return self.read_all(connection)

    def test_hostile_requests_are_refused_and_what_follows_them_is_not_served(self):
        for name, request in HOSTILE.items():
            with self.subTest(name):
                reply = self.exchange(request + GOOD)
                status = reply.split(b" ", 2)[1] if reply else b"closed"
                self.assertIn(status, (b"400", b"413", b"414", b"431", b"505", b"closed"), reply[:200])
                # The library sends the head of its own refusals twice; what counts is that nobody answers the rest.
                self.assertNotIn(b" 200 ", reply)
                self.assertNotIn(b'"version"', reply)
        self.assertEqual(self.control.api.get("/api/v1/version")["version"].count("."), 2)
        self.stop_all()

    def test_usual_requests_on_one_connection_are_served(self):
        with self.connect() as connection:
            for _ in range(3):
                connection.sendall(GOOD)
                self.assertIn(b" 200 ", self.read_reply(connection).split(b"\r\n")[0])
            connection.sendall(b"POST /api/v1/targets HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n")
            self.assertIn(b" 401 ", self.read_reply(connection).split(b"\r\n")[0])
        self.stop_all()

    def test_slow_clients_are_cut_off(self):
        """Those that never finish their handshake, their headers, their body: each at its own absolute time."""
        where = urlsplit(self.control.url)
        key = self.control.api._key.encode()
        body = b"POST /api/v1/enrollment-tokens HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + key + b"\r\nContent-Length: 60000\r\n\r\n"
        raw = socket.create_connection((where.hostname, where.port), timeout=30)
        slow = {"handshake": (raw, b"", b"\x16", 20), "headers": (self.connect(), b"", GOOD[:-2] * 10, 20), "body": (self.connect(), body, b"{" * 1000, 60)}
        lasted = {}

        def drip(name, connection, begin_with, octets, limit_s):
            begin = time.monotonic()
            try:
                connection.sendall(begin_with)
                for octet in octets:
                    connection.sendall(bytes([octet]))
                    connection.settimeout(0.5)
                    try:
                        if not connection.recv(1024):
                            break
                    except TimeoutError:
                        pass
                    if time.monotonic() - begin > limit_s + 10:
                        break
                else:
                    connection.settimeout(limit_s + 10)
                    connection.recv(1)
            except (ConnectionError, ssl.SSLError, TimeoutError):
                pass
            lasted[name] = time.monotonic() - begin
            connection.close()

        threads = [threading.Thread(target=drip, args=(name, connection, first, octets, limit)) for name, (connection, first, octets, limit) in slow.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for name, (_, _, _, limit_s) in slow.items():
            self.assertLess(lasted[name], limit_s, name)
        # Who sends a body has the time for it.
        self.assertGreater(lasted["body"], 25)
        self.stop_all()

    def test_health_gets_in_when_everything_is_taken(self):
        self.stop_all()
        os.environ["CERTCTL_HTTP_CONNECTIONS"] = "32"
        try:
            self.keep(self.control.start())
        finally:
            del os.environ["CERTCTL_HTTP_CONNECTIONS"]
        # Kept for later, all that fit: the server lets go of them when hardly any place is left.
        kept = []
        for _ in range(32):
            try:
                connection = self.connect()
                connection.settimeout(5)
                connection.sendall(GOOD)
                self.read_reply(connection)
                kept.append(connection)
            except (OSError, ssl.SSLError):
                break
        self.assertGreater(len(kept), 20)
        eventually("a place for /health", lambda: self.control.api.get("/health")["status"] == "ok", 30)
        for connection in kept:
            connection.close()
        self.stop_all()

    def test_health_is_answered_while_every_worker_waits_for_the_database(self):
        with open(os.path.join(self.control.state, "postgres/postmaster.pid"), encoding="ascii") as file:
            postmaster = int(file.readline())
        backends = [int(pid) for pid in run(["ps", "-o", "pid=", "--ppid", str(postmaster)]).split()]
        asking = [threading.Thread(target=self.control.api.exchange, args=("GET", "/api/v1/auth/check")) for _ in range(40)]
        for pid in [postmaster, *backends]:
            os.kill(pid, signal.SIGSTOP)
        try:
            for thread in asking:
                thread.start()
            for _ in range(5):
                begin = time.monotonic()
                self.assertEqual(self.control.api.exchange("GET", "/health")[0], 200)
                self.assertLess(time.monotonic() - begin, 5)
        finally:
            for pid in [*backends, postmaster]:
                try:
                    os.kill(pid, signal.SIGCONT)
                except ProcessLookupError:
                    pass
        for thread in asking:
            thread.join()
        eventually("everything goes on", lambda: self.control.api.get("/api/v1/auth/check")["actor"] == "admin", 30)
        self.stop_all()

    def test_pages_of_other_origins_get_nothing_unless_told(self):
        page, api = "https://dashboard.example.com", self.control.api
        asked = {"Origin": page, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
        for method in ("GET", "OPTIONS"):
            headers = api.exchange(method, "/api/v1/jobs", headers=asked)[1]
            self.assertEqual([name for name in headers if name.startswith("Access-Control") or name == "Vary"], [])
        self.stop_all()
        os.environ["CERTCTL_HTTP_CORS_ORIGINS"] = f"{page},http://localhost:5173"
        try:
            self.keep(self.control.start())
        finally:
            del os.environ["CERTCTL_HTTP_CORS_ORIGINS"]
        api = self.control.api
        status, headers, _ = api.with_key(None).exchange("OPTIONS", "/api/v1/jobs", headers=asked)
        self.assertEqual((status, headers["Access-Control-Allow-Origin"], headers["Vary"]), (204, page, "Origin"))
        self.assertIn("Authorization", headers["Access-Control-Allow-Headers"])
        self.assertIn("PATCH", headers["Access-Control-Allow-Methods"])
        self.assertIsNone(headers["Access-Control-Allow-Credentials"])
        for caller, expected in ((api, 200), (api.with_key(None), 401)):
            status, headers, _ = caller.exchange("GET", "/api/v1/auth/check", headers={"Origin": page})
            self.assertEqual((status, headers["Access-Control-Allow-Origin"]), (expected, page))
            self.assertIn("ETag", headers["Access-Control-Expose-Headers"])
        for other in ("https://dashboard.example.com.evil.example", "https://DASHBOARD.example.com", "null", "https://dashboard.example.com:444"):
            headers = api.exchange("GET", "/api/v1/jobs", headers={"Origin": other})[1]
            self.assertEqual((headers["Access-Control-Allow-Origin"], headers["Vary"]), (None, "Origin"))
        self.stop_all()

    def test_bodies_beyond_the_limit_are_refused(self):
        key = self.control.api._key.encode()
        head = b"POST /api/v1/targets HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + key + b"\r\n"
        self.assertIn(b" 413 ", self.exchange(head + b"Content-Length: 70000\r\n\r\n").split(b"\r\n")[0])
        chunks = b"Transfer-Encoding: chunked\r\n\r\n" + (b"4000\r\n" + b"x" * 0x4000 + b"\r\n") * 8 + b"0\r\n\r\n"
        self.assertIn(b" 413 ", self.exchange(head + b"Connection: close\r\n" + chunks).split(b"\r\n")[0])
        self.stop_all()


if __name__ == "__main__":
    unittest.main()
