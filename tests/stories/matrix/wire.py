"""A client that sends octets as they are, keeps its connection while it may, and reads whole replies."""
import queue
import socket
import ssl
import threading
from urllib.parse import urlsplit


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body


class Wire:
    """One connection to one listener, made anew when it was closed."""

    def __init__(self, url, context):
        where = urlsplit(url)
        self._address, self._context, self._tls, self._left = (where.hostname, where.port), context, None, b""

    def close(self):
        if self._tls:
            self._tls.close()
        self._tls, self._left = None, b""

    def _send(self, octets):
        if not self._tls:
            plain = socket.create_connection(self._address, timeout=60)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._tls = self._context.wrap_socket(plain, server_hostname=self._address[0])
        self._tls.sendall(octets)

    def _more(self):
        data = self._tls.recv(65536)
        if not data:
            raise ConnectionError("closed in the middle of a reply")
        self._left += data

    def _read(self):
        while b"\r\n\r\n" not in self._left:
            self._more()
        head, _, self._left = self._left.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
        if "chunked" in headers.get("transfer-encoding", ""):
            body = self._read_chunks()
        else:
            length = int(headers.get("content-length", 0))
            while len(self._left) < length:
                self._more()
            body, self._left = self._left[:length], self._left[length:]
        if headers.get("connection") == "close":
            self.close()
        return Reply(int(lines[0].split()[1]), headers, body)

    def _read_chunks(self):
        body = b""
        while True:
            while b"\r\n" not in self._left:
                self._more()
            size, _, self._left = self._left.partition(b"\r\n")
            length = int(size, 16)
            while len(self._left) < length + 2:
                self._more()
            body, self._left = body + self._left[:length], self._left[length + 2:]
            if length == 0:
                return body

    def ask(self, octets):
        """Once more on a new connection when an idle one was closed under us: what is asked here may be asked twice."""
        is_new = self._tls is None
        try:
            self._send(octets)
            return self._read()
        except (OSError, ssl.SSLError):
            self.close()
            if is_new:
                raise
        self._send(octets)
        return self._read()


def request(method, target, headers, body=b""):
    lines = [f"{method} {target} HTTP/1.1", "Host: matrix"]
    if "Content-Length" not in headers and (body or method in ("POST", "PUT", "PATCH")):
        lines.append(f"Content-Length: {len(body)}")
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def ask_all(cases, wires_of, answer, threads):
    """answer(case, reply) for each, over `threads` connections a listener; a broken connection is an answer, too."""
    waiting = queue.SimpleQueue()
    for case in cases:
        waiting.put(case)

    def work():
        wires = wires_of()
        while True:
            try:
                case = waiting.get_nowait()
            except queue.Empty:
                break
            try:
                reply = wires[case.route.is_agents].ask(case.octets)
            except (OSError, ssl.SSLError, ValueError) as error:
                wires[case.route.is_agents].close()
                reply = error
            answer(case, reply)
        for wire in wires.values():
            wire.close()
    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
