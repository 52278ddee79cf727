"""A control plane that misbehaves on demand: it speaks the agent's protocol, signs with openssl, and can lose replies, fail or vanish."""
import base64
import contextlib
import hashlib
import http.server
import json
import os
import re
import socket
import ssl
import threading
import time
from urllib.parse import parse_qs

from .processes import free_port, run
from .tls import certificates, fingerprint


class FleetCa:
    """Signs identities, server certificates and leaves alike."""

    def __init__(self, folder):
        self.folder = folder
        self.certificate = os.path.join(folder, "ca.pem")
        self._key = os.path.join(folder, "ca.key")
        self._lock = threading.Lock()
        run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
             "/CN=fleet", "-addext", "keyUsage=critical,keyCertSign", "-keyout", self._key, "-out", self.certificate])

    def sign(self, csr_pem, common_name, names, seconds=3600):
        """A leaf for the key of the request: subject and names as we say, not as it says."""
        with self._lock:
            csr = self._write("request.pem", csr_pem)
            extensions = self._write("extensions", f"subjectAltName={','.join(names)}\nkeyUsage=digitalSignature\n"
                                     "extendedKeyUsage=serverAuth,clientAuth\nauthorityKeyIdentifier=keyid\n")
            out = os.path.join(self.folder, "leaf.pem")
            now = time.time()
            # `openssl ca` is the one that takes an end in seconds.
            run(["openssl", "ca", "-batch", "-notext", "-config", self._ca_configuration(), "-in", csr, "-subj", f"/CN={common_name}",
                 "-extfile", extensions, "-startdate", _asn1(now - 5), "-enddate", _asn1(now + seconds), "-out", out])
            with open(out, encoding="ascii") as file:
                return certificates(file.read())[0] + "\n"

    def server_pair(self):
        key = os.path.join(self.folder, "server.key")
        csr = run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x",
                   "-keyout", key])
        return self._write("server.pem", self.sign(csr, "localhost", ["IP:127.0.0.1"])), key

    def _write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        return path

    def _ca_configuration(self):
        self._write("index", "")
        return self._write("ca.cnf", f"[ca]\ndefault_ca=d\n[d]\ndatabase={self.folder}/index\nnew_certs_dir={self.folder}\n"
                           f"certificate={self.certificate}\nprivate_key={self._key}\nrand_serial=yes\ndefault_md=sha256\n"
                           "policy=p\nunique_subject=no\n[p]\ncommonName=optional\n")


def _asn1(unix_s):
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(unix_s))


class FakeControl:
    """Jobs are dicts as the protocol has them, with `state` and `reports` beside."""

    def __init__(self, folder, agent_id):
        self.agent_id = agent_id
        self.ca = FleetCa(folder)
        self.ca_file = self.ca.certificate
        self.token = "token-of-the-story"
        self.identity_seconds = 3600
        self.jobs = {}
        self.csrs = []        # (job, PEM), every one that came
        self.heartbeats = []  # (time, body)
        self.enrolments = []
        self.renewals = []
        self.requests = []
        self.poll_s = 5  # short, so that a stopped story does not hang on a poll
        self._lost = []       # (method and path pattern) whose next reply is lost
        self._failures = []   # (pattern, status) of the next request
        self._answers = {}
        self._connections = set()
        self.changed = threading.Condition()
        self._pair = self.ca.server_pair()
        self._server = None
        self.port = free_port()  # nobody else's while it is stopped

    @property
    def agents_url(self):
        return f"https://127.0.0.1:{self.port}"

    def start(self):
        control = self

        class Handler(_Handler):
            pass
        Handler.control = control
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler, bind_and_activate=False)
        self._server.daemon_threads = True
        self._server.allow_reuse_address = True
        self._server.server_bind()
        self._server.server_activate()
        self.port = self._server.server_address[1]
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*self._pair)
        tls.load_verify_locations(self.ca_file)
        tls.verify_mode = ssl.CERT_OPTIONAL
        self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        """Gone at once: open connections end with it."""
        self._server.shutdown()
        self._server.server_close()
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def lose_reply(self, pattern):
        """The next request that matches is carried out; its reply is not sent."""
        self._lost.append(pattern)

    def fail_next(self, pattern, status):
        self._failures.append((pattern, status))

    def take(self, table, line):
        for row in table:
            pattern = row if isinstance(row, str) else row[0]
            if re.search(pattern, line):
                table.remove(row)
                return row
        return None

    # --- Jobs ---------------------------------------------------------------------------------------------------

    def add(self, job):
        with self.changed:
            self.jobs[job["id"]] = {"token": 1, "lease_s": 300, "state": "open", "reports": [], **job}
            self.changed.notify_all()

    def state(self, job_id):
        return self.jobs[job_id]["state"]

    def work(self, wait_s, held):
        deadline = time.monotonic() + min(wait_s, self.poll_s)
        with self.changed:
            while True:
                mine = [job for job in self.jobs.values() if job["state"] == "open" and job["id"] not in held]
                if mine or time.monotonic() >= deadline:
                    return [{k: v for k, v in job.items() if k not in ("state", "reports")} for job in mine]
                self.changed.wait(0.2)

    def take_csr(self, body):
        job = self.jobs[body["job_id"]]
        self.csrs.append((body["job_id"], body["csr"]))
        job["state"] = "csr"
        return 202, {"job_id": body["job_id"], "state": "Pending"}

    def take_report(self, job_id, body):
        job = self.jobs[job_id]
        job["reports"].append(body)
        if body["token"] != job["token"]:
            return 409, {"title": "fenced", "detail": "the token is no longer the job's"}
        job["state"] = body["state"]
        return 200, {"job_id": job_id, "state": body["state"]}

    def identity(self, body, into):
        """The same request is answered as the first time."""
        into.append(body)
        if body["csr"] not in self._answers:
            self._answers[body["csr"]] = self.ca.sign(body["csr"], self.agent_id, ["DNS:" + self.agent_id], self.identity_seconds)
        with open(self.ca_file, encoding="ascii") as file:
            chain = file.read()
        return {"agent_id": self.agent_id, "certificate": self._answers[body["csr"]], "chain": chain,
                "not_after": "2099-01-01T00:00:00Z"}


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    control = None

    def setup(self):
        super().setup()
        self.control._connections.add(self.connection)

    def finish(self):
        self.control._connections.discard(self.connection)
        with contextlib.suppress(OSError, ValueError):
            super().finish()

    def log_message(self, *args):
        pass

    def do_GET(self):
        self._serve({})

    def do_POST(self):
        self._serve(json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}"))

    def _serve(self, body):
        control = self.control
        line = f"{self.command} {self.path}"
        control.requests.append(line)
        failure = control.take(control._failures, line)
        if failure:
            return self._reply(failure[1], {"title": "told to fail", "detail": "told to fail"})
        status, reply = self._answer(body)
        if control.take(control._lost, line):
            self.close_connection = True
            return None
        return self._reply(status, reply)

    def _answer(self, body):
        control = self.control
        rest = self.path[len("/api/v1/agents/"):]
        if rest == "enroll":
            if body["token"] != control.token:
                return 403, {"title": "denied", "detail": "token unknown"}
            return 201, control.identity(body, control.enrolments)
        peer = self.connection.getpeercert()
        subject = dict(pair for part in (peer or {}).get("subject", ()) for pair in part)
        if subject.get("commonName") != control.agent_id or not rest.startswith(control.agent_id + "/"):
            return 404, {"title": "not found"}
        what = rest[len(control.agent_id) + 1:]
        if what == "renew":
            return 200, control.identity(body, control.renewals)
        if what == "heartbeat":
            control.heartbeats.append((time.monotonic(), body))
            return 204, None
        if what.startswith("work"):
            query = parse_qs(what.partition("?")[2])
            jobs = control.work(int(query["wait"][0]), query.get("held", [""])[0].split(","))
            return (200, {"jobs": jobs}) if jobs else (204, None)
        if what == "csr":
            return control.take_csr(body)
        if what.startswith("plan"):
            return 200, {"data": [], "next": None}
        if what in ("observations", "destroyed-keys"):
            return 204, None
        return control.take_report(what.split("/")[1], body)

    def _reply(self, status, body):
        text = b"" if body is None else json.dumps(body).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
        except OSError:
            self.close_connection = True


def version_of(leaf_pem, chain_pem, sequence):
    """A version as a deployment job carries it."""
    public = run(["openssl", "x509", "-noout", "-pubkey"], stdin_text=leaf_pem)
    return {"id": f"ver-{sequence}", "sequence": sequence, "leaf": leaf_pem, "chain": chain_pem,
            "fingerprint_sha256": fingerprint(leaf_pem), "public_key_sha256": public_key_sha256(public),
            "not_after": "2099-01-01T00:00:00Z"}


def public_key_sha256(public_pem):
    body = "".join(line for line in public_pem.splitlines() if not line.startswith("-----"))
    return hashlib.sha256(base64.b64decode(body)).hexdigest()
