"""The HTTPS listener under hostile and careless clients: refused, closed, and never a handler reached."""
import socket
import ssl
import unittest
from urllib.parse import urlsplit

from lib.fleet import ControlPlane
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

    def test_pages_of_other_origins_get_nothing_unless_told(self):
        asked = {"Origin": "https://dashboard.example.com", "Access-Control-Request-Method": "POST"}
        for method in ("GET", "OPTIONS"):
            headers = self.control.api.exchange(method, "/api/v1/jobs", headers=asked)[1]
            self.assertEqual([name for name in headers if name.startswith("Access-Control") or name == "Vary"], [])
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
