"""Clients that write without pause and repeat until they are answered: what each was told is what must be there."""
import http.client
import json
import random
import ssl
import threading
import time
import uuid
from urllib.parse import urlsplit

# What a client may be told while everything is being killed.  500 is not among it: that would be a fault of ours.
AGAIN = (429, 503)


class Writers:
    def __init__(self, control, agent_id, count):
        self.control, self.agent_id = control, agent_id
        self.made = {}      # kind -> {key: id}
        self.patched = {}   # team -> (last number that was acknowledged, last that was asked for)
        self.deleted = set()
        self.wrong, self.slowest_s, self.repeats = [], 0.0, 0
        self._lock, self._must_stop = threading.Lock(), threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(number,), daemon=True) for number in range(count)]

    def start(self):
        for thread in self._threads:
            thread.start()
        return self

    def end(self):
        self._must_stop.set()
        for thread in self._threads:
            thread.join(180)
        assert not any(thread.is_alive() for thread in self._threads), "a writer hangs"

    def acknowledged(self):
        with self._lock:
            return sum(len(rows) for rows in self.made.values()) + sum(now for now, _ in self.patched.values()) + len(self.deleted)

    # --- one request, as often as it takes

    def _connect(self):
        where = urlsplit(self.control.url)
        return http.client.HTTPSConnection(where.hostname, where.port, timeout=40,
                                           context=ssl.create_default_context(cafile=self.control.ca_file))

    def _ask(self, state, method, path, body, key=None):
        """Status and body of the first answer that is one."""
        sent = {"Authorization": f"Bearer {self.control.api._key}", "Content-Type": "application/json"}
        if key:
            sent["Idempotency-Key"] = key
        while True:
            began = time.monotonic()
            try:
                connection = state["connection"] = state.get("connection") or self._connect()
                connection.request(method, path, json.dumps(body) if body is not None else None, sent)
                reply = connection.getresponse()
                raw = reply.read()
                status = reply.status
            except (OSError, http.client.HTTPException):
                connection.close()
                state["connection"], status = None, 0
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)
            if status and status not in AGAIN:
                return status, json.loads(raw) if raw else None
            self.repeats += 1
            time.sleep(0.02 + random.random() / 20)

    def _make(self, state, kind, path, body):
        key = uuid.uuid4().hex
        status, reply = self._ask(state, "POST", path, {**body, "name": key}, key)
        with self._lock:
            if status != 201 or "id" not in reply:
                self.wrong.append(f"POST {path}: {status} {reply}")
                return None
            self.made.setdefault(kind, {})[key] = reply["id"]
        return reply["id"]

    def _patch(self, state, team, number):
        with self._lock:
            self.patched[team] = (self.patched.get(team, (0, 0))[0], number)
        status, reply = self._ask(state, "PATCH", f"/api/v1/teams/{team}", {"description": str(number)})
        with self._lock:
            if status == 200:
                self.patched[team] = (number, number)
            else:
                self.wrong.append(f"PATCH {team}: {status} {reply}")

    def _delete(self, state, owner):
        """The answer to the first may have been lost: then it is gone already."""
        status, reply = self._ask(state, "DELETE", f"/api/v1/owners/{owner}", None)
        with self._lock:
            if status in (204, 404):
                self.deleted.add(owner)
            else:
                self.wrong.append(f"DELETE {owner}: {status} {reply}")

    def _work(self, number):
        state = {}
        try:
            self._write(number, state)
        except Exception as error:  # a thread's own end would be silent
            self.wrong.append(f"writer {number}: {error!r}")
        if state.get("connection"):
            state["connection"].close()

    def _write(self, number, state):
        count = 0
        team = self._make(state, "team", "/api/v1/teams", {})
        while team and not self._must_stop.is_set():
            count += 1
            self._patch(state, team, count)
            self._make(state, "enrollment_token", "/api/v1/enrollment-tokens", {})
            self._make(state, "owner", "/api/v1/owners", {"email": "story@example.com", "team_id": team})
            if count % 4 == 0:
                self._make(state, "certificate", "/api/v1/certificates",
                           {"sans": [f"w{number}-{count}.example.com"], "agent_ids": [self.agent_id]})
            if count % 5 == 0:
                owner = self._make(state, "owner", "/api/v1/owners", {"email": "story@example.com", "team_id": team})
                if owner:
                    self._delete(state, owner)
