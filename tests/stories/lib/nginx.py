"""A real nginx with a prefix of its own."""
import os
import pwd
import shutil

from .processes import Process, eventually, free_port
from .tls import self_signed, served

PROGRAM = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")

CONFIGURATION = """\
worker_processes 1;
{user}pid {prefix}/nginx.pid;
error_log {prefix}/error.log notice;
events {{ worker_connections 512; }}
http {{
	access_log off;
	client_body_temp_path {prefix}/body;
	proxy_temp_path {prefix}/proxy;
	fastcgi_temp_path {prefix}/fastcgi;
	uwsgi_temp_path {prefix}/uwsgi;
	scgi_temp_path {prefix}/scgi;
{servers}}}
"""
SERVER = """\
	server {{
		listen 127.0.0.1:{port} ssl;
		server_name {name};
		ssl_certificate {certificate};
		ssl_certificate_key {key};
		location / {{ return 200 "ok\\n"; }}
	}}
"""


class Nginx:
    """Serves `name`, and `more` names from files of their own, with a self-signed pair until somebody deploys another."""

    def __init__(self, folder, name, more=()):
        self.prefix = os.path.join(folder, "nginx")
        self.name = name
        self.port = free_port()
        self.configuration = os.path.join(self.prefix, "nginx.conf")
        self.certificate = os.path.join(self.prefix, "tls/site.pem")
        self.key = os.path.join(self.prefix, "tls/site.key")
        self.process = None
        os.makedirs(os.path.dirname(self.certificate))
        self_signed(name, self.certificate, self.key)
        servers = [SERVER.format(port=self.port, name=name, certificate=self.certificate, key=self.key)]
        for one in more:
            certificate, key = self.files(one)
            shutil.copy(self.certificate, certificate)
            shutil.copy(self.key, key)
            servers.append(SERVER.format(port=self.port, name=one, certificate=certificate, key=key))
        user = "user nobody nogroup;\n" if os.getuid() == 0 and pwd.getpwnam("nobody") else ""
        with open(self.configuration, "w", encoding="utf-8") as file:
            file.write(CONFIGURATION.format(prefix=self.prefix, servers="".join(servers), user=user))

    def files(self, name):
        """Certificate and key of one of `more`."""
        return os.path.join(self.prefix, "tls", name + ".pem"), os.path.join(self.prefix, "tls", name + ".key")

    def reloads(self):
        """How often it was told to read its configuration."""
        return self.log().count("signal 1 (SIGHUP) received from")

    def log(self):
        with open(os.path.join(self.prefix, "error.log"), encoding="utf-8") as file:
            return file.read()

    def command(self, *more):
        """The argv that talks about this nginx: what a target's options and the worker's allow-list name."""
        return [PROGRAM, "-p", self.prefix, "-c", self.configuration, *more]

    def start(self):
        self.process = Process("nginx", self.command("-g", "daemon off;"), os.path.join(self.prefix, "nginx.out"))
        eventually("nginx serves", lambda: served(self.port, self.name))
        return self.process


class Gate:
    """An nginx program whose first check stops until it is let through: all the time one needs in the middle of a deployment."""

    def __init__(self, folder):
        self.program = os.path.join(folder, "held-nginx")
        self._reached, self._open = os.path.join(folder, "gate-reached"), os.path.join(folder, "gate-open")
        with open(self.program, "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\n[ -e {self._reached} ] || {{ : >{self._reached}; until [ -e {self._open} ]; do sleep 0.1; done; }}\n"
                       f"exec {PROGRAM} \"$@\"\n")
        os.chmod(self.program, 0o755)

    def is_reached(self):
        return os.path.exists(self._reached)

    def await_reached(self):
        eventually("a deployment is under way", self.is_reached, 120)

    def open(self):
        with open(self._open, "w", encoding="ascii"):
            pass
