"""An operator's HTTPS client: JSON both ways, the server verified against its CA."""
import http.client
import json
import ssl
from urllib.parse import urlsplit


JSON = ("application/json", "application/problem+json")


class ApiError(AssertionError):
    def __init__(self, method, path, status, body):
        super().__init__(f"{method} {path}: {status} {body}")
        self.status = status
        self.body = body


class Client:
    _is_kept, _open = False, None

    def __init__(self, url, ca_file, key):
        self._where = urlsplit(url)
        self._tls = ssl.create_default_context(cafile=ca_file)
        self._key = key

    def ask(self, method, path, body=None, expect=None, headers=None):
        """One request on its own connection; the decoded reply.  `expect`: the status, otherwise any 2xx."""
        connection = http.client.HTTPSConnection(self._where.hostname, self._where.port, context=self._tls, timeout=30)
        sent = {"Authorization": f"Bearer {self._key}", "Accept": "application/json", **(headers or {})}
        text = None
        if body is not None:
            text = json.dumps(body)
            sent["Content-Type"] = "application/json"
        try:
            connection.request(method, path, text, sent)
            reply = connection.getresponse()
            raw = reply.read().decode()
        finally:
            connection.close()
        is_good = reply.status == expect if expect else 200 <= reply.status < 300
        if not is_good:
            raise ApiError(method, path, reply.status, raw)
        return json.loads(raw) if raw else None

    def exchange(self, method, path, body=None, headers=None):
        """One request, whatever comes of it: status, headers, the decoded body or None."""
        connection = self._open or http.client.HTTPSConnection(self._where.hostname, self._where.port, context=self._tls, timeout=30)
        self._open = connection if self._is_kept else None
        sent = {**({"Authorization": f"Bearer {self._key}"} if self._key else {}), **(headers or {})}
        text = None
        if body is not None:
            text = json.dumps(body)
            sent.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, path, text, sent)
            reply = connection.getresponse()
            raw = reply.read().decode()
        finally:
            if not self._is_kept:
                connection.close()
        return reply.status, reply.headers, json.loads(raw) if raw and reply.headers.get_content_type() in JSON else None

    def with_key(self, key):
        """The same server, asked by somebody else; None: without a key."""
        other = Client.__new__(Client)
        other._where, other._tls, other._key = self._where, self._tls, key
        return other

    def kept(self):
        """The same caller, whose exchange() keeps its connection: for many requests, by one thread."""
        other = self.with_key(self._key)
        other._is_kept = True
        return other

    def close(self):
        if self._open:
            self._open.close()

    def get(self, path, **options):
        return self.ask("GET", path, **options)

    def post(self, path, body, **options):
        return self.ask("POST", path, body, **options)

    def all(self, path):
        """The rows of a list, over all its pages."""
        rows, cursor = [], None
        while True:
            separator = "&" if "?" in path else "?"
            page = self.get(path + (f"{separator}cursor={cursor}" if cursor else ""))
            rows += page["data"]
            cursor = page.get("next_cursor")
            if not cursor:
                return rows
