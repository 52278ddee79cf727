"""Clients that are slow, many, or pages of somebody else's: what the HTTPS listener grants them, and that /health gets in."""
import os
import signal
import socket
import ssl
import threading
import time
import unittest
from urllib.parse import urlsplit

import test_http
from lib.fleet import ControlPlane
from lib.processes import eventually, run
from lib.story import Story

CONNECTIONS = 64
PAGE = "https://dashboard.example.com"


class Clients(Story):
    connect = test_http.Http.connect
    read_reply = staticmethod(test_http.Http.read_reply)

    def test_clients_get_what_they_are_granted(self):
        self.control = ControlPlane(self.folder)
        self.control.environment = {"CERTCTL_HTTP_CONNECTIONS": str(CONNECTIONS), "CERTCTL_HTTP_CORS_ORIGINS": f"{PAGE},http://localhost:5173"}
        self.keep(self.control.start())
        self.pages_of_origins_that_are_named_read_replies()
        self.health_is_answered_while_every_worker_waits_for_the_database()
        self.health_gets_in_when_everything_is_taken()
        self.slow_clients_are_cut_off()
        self.stop_all()

    def pages_of_origins_that_are_named_read_replies(self):
        page, api = PAGE, self.control.api
        asked = {"Origin": page, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
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

    def health_is_answered_while_every_worker_waits_for_the_database(self):
        postmaster = self.control.postmaster()
        backends = [int(pid) for pid in run(["ps", "-o", "pid=", "--ppid", str(postmaster)]).split()]
        asking = [threading.Thread(target=self.control.api.exchange, args=("GET", "/api/v1/auth/check")) for _ in range(40)]
        for pid in [postmaster, *backends]:
            os.kill(pid, signal.SIGSTOP)
        try:
            for thread in asking:
                thread.start()
            for _ in range(5):  # before the database goes on, which it does not do by itself
                self.assertEqual(self.control.api.exchange("GET", "/health")[0], 200)
        finally:
            for pid in [*backends, postmaster]:
                try:
                    os.kill(pid, signal.SIGCONT)
                except ProcessLookupError:
                    pass
        for thread in asking:
            thread.join()
        eventually("everything goes on", lambda: self.control.api.get("/api/v1/auth/check")["actor"] == "admin", 60)

    def health_gets_in_when_everything_is_taken(self):
        # Kept for later, all that fit: the server lets go of them when hardly any place is left.
        kept = []
        for _ in range(CONNECTIONS):
            try:
                connection = self.connect()
                connection.settimeout(5)
                connection.sendall(test_http.GOOD)
                self.read_reply(connection)
                kept.append(connection)
            except (OSError, ssl.SSLError):
                break
        self.assertGreater(len(kept), CONNECTIONS // 2)
        eventually("a place for /health", lambda: self.control.api.get("/health")["status"] == "ok", 60)
        for connection in kept:
            connection.close()

    def slow_clients_are_cut_off(self):
        """Those that never finish their handshake, their headers, their body: each at its own absolute time."""
        where = urlsplit(self.control.url)
        key = self.control.api._key.encode()
        body = b"POST /api/v1/enrollment-tokens HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + key + b"\r\nContent-Length: 60000\r\n\r\n"
        raw = socket.create_connection((where.hostname, where.port), timeout=30)
        slow = {"handshake": (raw, b"", b"\x16", 20), "headers": (self.connect(), b"", test_http.GOOD[:-2] * 10, 20), "body": (self.connect(), body, b"{" * 1000, 60)}
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


if __name__ == "__main__":
    unittest.main()
