"""A client that never stops asking: how many requests failed, and what was served."""
import hashlib
import socket
import ssl
import threading

REQUEST = b"GET / HTTP/1.0\r\n\r\n"


class Watch:
    """Begins at once.  With `root_pem` every answer must verify; without, any certificate will do."""

    def __init__(self, port, server_name, root_pem=None, pause_s=0.02):
        self._port = port
        self._name = server_name
        self._pause_s = pause_s
        self._tls = ssl.create_default_context(cadata=root_pem) if root_pem else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if not root_pem:
            self._tls.check_hostname = False
            self._tls.verify_mode = ssl.CERT_NONE
        self.count = 0
        self.failures = []
        self.seen = []  # fingerprints, in the order they came up
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _ask(self):
        with socket.create_connection(("127.0.0.1", self._port), timeout=30) as plain:
            with self._tls.wrap_socket(plain, server_hostname=self._name) as tls:
                fingerprint = hashlib.sha256(tls.getpeercert(binary_form=True)).hexdigest()
                tls.sendall(REQUEST)
                answer = tls.recv(64)
        if b" 200 " not in answer:
            raise OSError(f"answered {answer!r}")
        return fingerprint

    def _look(self):
        while not self._is_over.is_set():
            self.count += 1
            try:
                fingerprint = self._ask()
                if fingerprint not in self.seen:
                    self.seen.append(fingerprint)
            except OSError as error:
                self.failures.append(repr(error))
            self._is_over.wait(self._pause_s)

    def end(self):
        self._is_over.set()
        self._thread.join()
        return self
