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
events {{ worker_connections 64; }}
http {{
	access_log off;
	client_body_temp_path {prefix}/body;
	proxy_temp_path {prefix}/proxy;
	fastcgi_temp_path {prefix}/fastcgi;
	uwsgi_temp_path {prefix}/uwsgi;
	scgi_temp_path {prefix}/scgi;
	server {{
		listen 127.0.0.1:{port} ssl;
		server_name {name};
		ssl_certificate {prefix}/tls/site.pem;
		ssl_certificate_key {prefix}/tls/site.key;
		location / {{ return 200 "ok\\n"; }}
	}}
}}
"""


class Nginx:
    """Serves `name` with a self-signed pair until somebody deploys another."""

    def __init__(self, folder, name):
        self.prefix = os.path.join(folder, "nginx")
        self.name = name
        self.port = free_port()
        self.configuration = os.path.join(self.prefix, "nginx.conf")
        self.certificate = os.path.join(self.prefix, "tls/site.pem")
        self.key = os.path.join(self.prefix, "tls/site.key")
        self.process = None
        os.makedirs(os.path.dirname(self.certificate))
        self_signed(name, self.certificate, self.key)
        user = "user nobody nogroup;\n" if os.getuid() == 0 and pwd.getpwnam("nobody") else ""
        with open(self.configuration, "w", encoding="utf-8") as file:
            file.write(CONFIGURATION.format(prefix=self.prefix, port=self.port, name=name, user=user))

    def command(self, *more):
        """The argv that talks about this nginx: what a target's options and the worker's allow-list name."""
        return [PROGRAM, "-p", self.prefix, "-c", self.configuration, *more]

    def start(self):
        self.process = Process("nginx", self.command("-g", "daemon off;"), os.path.join(self.prefix, "nginx.out"))
        eventually("nginx serves", lambda: served(self.port, self.name), 30)
        return self.process
