"""What the nginx stories stand on: a CA of two levels made with openssl, a real nginx of its own, the deploy driver."""
import hashlib
import json
import os
import shutil
import signal
import ssl
import subprocess
import tempfile

from lib.processes import Process, eventually, free_port, run
from lib.tls import fingerprint, served, served_chain

NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
BUILD = os.environ.get("CERTCTL_BUILD", ".build/dev")
DRIVER = os.environ.get("CERTCTL_DEPLOY_DRIVER", os.path.join(BUILD, "bin/deploy_driver"))

HEAD = """\
user root;
worker_processes 1;
pid {prefix}/nginx.pid;
error_log {prefix}/error.log notice;
events {{ worker_connections 256; }}
http {{
	access_log off;
	ssl_session_tickets off;
	client_body_temp_path {prefix}/body;
	proxy_temp_path {prefix}/proxy;
	fastcgi_temp_path {prefix}/fastcgi;
	uwsgi_temp_path {prefix}/uwsgi;
	scgi_temp_path {prefix}/scgi;
"""
SERVER = """\
	server {{
		listen 127.0.0.1:{port} ssl;
		server_name {name};
		{tls}
		location / {{ return 200 "ok\\n"; }}
	}}
"""


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


class Authority:
    """A root and an intermediate; issues P-256 leaves signed by the intermediate."""

    def __init__(self, folder):
        self.folder = os.path.join(folder, "ca")
        os.makedirs(self.folder)
        self._number = 0
        root, self.chain = self._path("root.pem"), self._path("chain.pem")
        ca = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n"
        self._sign("root", "/CN=Story Root", ca, None)
        self._sign("intermediate", "/CN=Story Intermediate", ca + "authorityKeyIdentifier=keyid\n", "root")
        shutil.copy(self._path("intermediate.pem"), self.chain)
        self.root_pem = read(root)

    def _path(self, name):
        return os.path.join(self.folder, name)

    def _sign(self, name, subject, extensions, issuer):
        key, request = self._path(name + ".key"), self._path(name + ".csr")
        run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject,
             "-keyout", key, "-out", request])
        signer = ["-signkey", key] if not issuer else ["-CA", self._path(issuer + ".pem"), "-CAkey",
                                                       self._path(issuer + ".key"), "-CAcreateserial"]
        run(["openssl", "x509", "-req", "-days", "30", "-in", request, "-out", self._path(name + ".pem"), "-extfile",
             write(self._path(name + ".ext"), extensions)] + signer)

    def issue(self, host):
        """Paths of leaf, chain and key, and the leaf's fingerprint: a new key every time."""
        self._number += 1
        name = f"leaf{self._number}"
        self._sign(name, f"/CN={host}", f"subjectAltName=DNS:{host}\nbasicConstraints=CA:FALSE\n"
                   "keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\nsubjectKeyIdentifier=hash\n"
                   "authorityKeyIdentifier=keyid\n", "intermediate")
        leaf = self._path(name + ".pem")
        return {"leaf": leaf, "chain": self.chain, "key": self._path(name + ".key"), "fingerprint": fingerprint(read(leaf))}


class Site:
    """One server block, its files, and its binding."""

    def __init__(self, stage, name, snippet=False):
        self.name = name
        self.port = free_port()
        self.folder = os.path.join(stage.folder, "etc", name)
        os.makedirs(self.folder)
        self.certificate = os.path.join(self.folder, "site.pem")
        self.key = os.path.join(self.folder, "site.key")
        self.snippet = os.path.join(self.folder, "site.conf") if snippet else None
        self.binding = "bnd-" + name.split(".", maxsplit=1)[0]
        self.first = stage.authority.issue(name)
        write(self.certificate, read(self.first["leaf"]) + read(self.first["chain"]))
        shutil.copy(self.first["key"], self.key)
        if snippet:
            write(self.snippet, f'ssl_certificate "{self.certificate}";\nssl_certificate_key "{self.key}";\n')

    def block(self):
        tls = (f"include {self.snippet};" if self.snippet else
               f"ssl_certificate {self.certificate};\n\t\tssl_certificate_key {self.key};")
        return SERVER.format(port=self.port, name=self.name, tls=tls)

    def served(self):
        return served(self.port, self.name)

    def chain(self):
        return served_chain(self.port, self.name)

    def on_disk(self):
        """Fingerprint of the leaf that a start of nginx would read; raises when certificate and key do not belong together."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return fingerprint(read(self.certificate).split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n")


class Stage:
    """A folder with everything in it.  `with Stage(...) as stage:` ends what it started."""

    def __init__(self, sites=("a.example.test",), snippet=False):
        self.folder = tempfile.mkdtemp(prefix="certctl-nginx-")
        self.authority = Authority(self.folder)
        self.prefix = os.path.join(self.folder, "nginx")
        os.makedirs(self.prefix)
        self.sites = [Site(self, name, snippet) for name in sites]
        self.site = self.sites[0]
        self.configuration = os.path.join(self.prefix, "nginx.conf")
        self.configure()
        self.command = [NGINX, "-c", self.configuration, "-p", self.prefix]
        self.spec = {"state_dir": os.path.join(self.folder, "state"), "paths": [os.path.join(self.folder, "etc")],
                     "commands": [[NGINX, "-t", "..."], [NGINX, "-s", "reload", "..."]]}
        self.nginx = None
        self._count = 0

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.nginx:
            self.nginx.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def configure(self, more=""):
        blocks = "".join(site.block() for site in self.sites)
        write(self.configuration, HEAD.format(prefix=self.prefix) + blocks + more + "}\n")

    def start(self):
        self.nginx = Process("nginx", self.command + ["-g", "daemon off;"], os.path.join(self.prefix, "out.log"))
        for site in self.sites:
            eventually("nginx serves", lambda site=site: site.served() == site.first["fingerprint"], 60, 0.02)

    def reload(self):
        """A reload of somebody else's."""
        self.nginx.signal(signal.SIGHUP)

    def plan(self, site, **changes):
        files = [{"path": site.certificate, "parts": [{"kind": "leaf"}, {"kind": "chain"}], "encoding": "pem", "mode": 0o644},
                 {"path": site.key, "parts": [{"kind": "key"}], "encoding": "pem", "mode": 0o600}]
        if site.snippet:
            files.append({"path": site.snippet, "encoding": "pem", "mode": 0o644, "parts": [
                {"kind": "text", "text": 'ssl_certificate "'}, {"kind": "path", "text": site.certificate},
                {"kind": "text", "text": '";\nssl_certificate_key "'}, {"kind": "path", "text": site.key},
                {"kind": "text", "text": '";\n'}]})
        plan = {"files": files, "validate": [NGINX, "-t", "-c", self.configuration, "-p", self.prefix],
                "activate": [NGINX, "-s", "reload", "-c", self.configuration, "-p", self.prefix],
                "probes": [{"address": "127.0.0.1", "port": site.port, "server_name": site.name}], "probe_timeout_s": 60}
        plan.update(changes)
        return plan

    def deployment(self, pair, site=None, sequence=None, plan=None, **more):
        """What the driver is told; a new id and a higher sequence unless said otherwise."""
        self._count += 1
        site = site or self.site
        return {"id": f"job-{self._count}", "binding": site.binding, "sequence": sequence or self._count,
                "leaf": pair["leaf"], "chain": pair["chain"], "key": pair["key"], "plan": plan or self.plan(site), **more}

    def drive(self, what, deployments=(), wrap=(), **changes):
        """Run the driver; its JSON, or None when it was killed."""
        spec = {**self.spec, "deployments": list(deployments), **changes}
        path = write(os.path.join(self.folder, "spec.json"), json.dumps(spec))
        # A sanitized build looks for leaks by tracing itself, which a tracer around it forbids.
        environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"} if wrap else None
        done = subprocess.run([*wrap, DRIVER, path, what], capture_output=True, text=True, timeout=300, check=False,
                              env=environment)
        self.log = done.stderr
        if done.returncode < 0 or (wrap and done.returncode > 128):
            return None
        if done.returncode not in (0, 1):
            raise AssertionError(f"driver: exit {done.returncode}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def deploy(self, *deployments, **changes):
        return self.drive("deploy", deployments, **changes)

    def generations(self, site=None):
        site = site or self.site
        store = os.path.join(site.folder, ".certctl", site.binding)
        return sorted(int(name) for name in os.listdir(store) if name.isdigit()) if os.path.isdir(store) else []

    def journal(self):
        return os.listdir(os.path.join(self.spec["state_dir"], "journal"))


def steps(report):
    return [(step["name"], step["ok"]) for step in report["steps"]]


def sha256_of(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def is_served(site, pair):
    return site.served() == pair["fingerprint"]
