# SPDX-License-Identifier: MIT
"""The servers under test, each a caching proxy with one worker in front of the same origin. Every
one is tuned as its own documentation advises for cached files. Access logs are off for the peers;
byeori's is on. To add one: a class here and a line in SERVERS."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

from tests.harness.client import Client
from tests.harness.ports import free_port
from tests.harness.programs import Edge, accepts, build_folder, wait_until

HOST = "test.example"
CACHE = "256m"


class Server:
    """A process pinned to one core; `command` and `is_hit` say what is special about each."""

    name = program = package = ""
    has_files = True

    def __init__(self, folder, origin_address, core):
        self.folder, self.origin, self.core = Path(folder) / self.name, origin_address, core
        self.folder.mkdir(parents=True)
        self.port, self.process = free_port(), None

    @classmethod
    def is_installed(cls):
        return shutil.which(cls.program, path=os.environ["PATH"] + ":/usr/sbin") is not None

    def command(self):
        raise NotImplementedError

    def is_hit(self, response):
        raise NotImplementedError

    def start(self):
        self._log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen(["taskset", "-c", str(self.core), *self.command()],
                                        stdout=self._log, stderr=self._log,
                                        stdin=subprocess.DEVNULL)
        wait_until(self._is_up, f"{self.name} listens")

    def _is_up(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name} ended:\n{(self.folder / 'log').read_text()}")
        return accepts(self.port)

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def aim(self, size):
        """Called before each measurement with the size of the file that will be asked for."""

    def pids(self):
        """The process and all below it: what works may be a child."""
        found, due = [], [self.process.pid]
        while due:
            pid = due.pop()
            found.append(pid)
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                due += map(int, children.read_text().split())
        return found

    def cpu_ns(self):
        """Time on a processor so far, user and kernel, all threads, from the scheduler's own
        account (first figure of schedstat, in nanoseconds)."""
        return sum(int(task.read_text().split()[0]) for pid in self.pids()
                   for task in Path(f"/proc/{pid}/task").glob("*/schedstat"))

    def get(self, path):
        with Client(("127.0.0.1", self.port), host=HOST) as c:
            return c.get(path)


class Byeori(Server):
    name, program = "byeori", "byeori-edge"

    def __init__(self, folder, origin_address, core):
        super().__init__(folder, origin_address, core)
        self.edge = Edge(self.folder, ["http://%s:%d" % origin_address], host=HOST,
                         over={"workers": 1, "memory": "256MiB",
                               "access_log": str(self.folder / "access.log")})
        self.port = self.edge.port

    @classmethod
    def is_installed(cls):
        return True

    def command(self):
        return self.edge.command()

    def aim(self, size):
        os.truncate(self.folder / "access.log", 0)

    def is_hit(self, response):
        return "; hit" in (response.header("Cache-Status") or "")


class Nginx(Server):
    name = program = package = "nginx"

    # sendfile, tcp_nopush and open_file_cache: the "Serving static content" advice; keep-alive
    # without the default end after 1000 requests, so that no connection is set up while measuring.
    CONF = """
user {user};
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off; sendfile on; tcp_nopush on; tcp_nodelay on;
    keepalive_timeout 300s; keepalive_requests 1000000000;
    open_file_cache max=1000 inactive=300s; open_file_cache_valid 300s;
    client_body_temp_path {folder}/body; proxy_temp_path {cache}/temp;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    proxy_cache_path {cache} levels=1:2 keys_zone=zone:16m max_size={size} inactive=1h
                     use_temp_path=off;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://{origin}; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_cache zone; proxy_cache_key $uri;
            add_header X-Cache $upstream_cache_status;
        }}
    }}
}}
"""

    def __init__(self, folder, origin_address, core, cache=None):
        super().__init__(folder, origin_address, core)
        self.cache = Path(cache) if cache else self.folder / "cache"
        self.cache.mkdir(parents=True, exist_ok=True)

    def command(self):
        user = subprocess.run(["id", "-un"], capture_output=True, text=True).stdout.strip()
        conf = self.folder / "nginx.conf"
        conf.write_text(self.CONF.format(
            user=user, folder=self.folder, cache=self.cache, port=self.port, size=CACHE,
            origin="%s:%d" % self.origin))
        path = shutil.which("nginx") or "/usr/sbin/nginx"
        return [path, "-c", str(conf), "-p", str(self.folder), "-e", str(self.folder / "error.log")]

    def is_hit(self, response):
        return response.header("X-Cache") == "HIT"


class Varnish(Server):
    name, program, package = "varnish", "varnishd", "varnish"

    VCL = """vcl 4.1;
backend default {{ .host = "{0}"; .port = "{1}"; }}
sub vcl_deliver {{ set resp.http.X-Hits = obj.hits; }}
"""

    def command(self):
        vcl = self.folder / "default.vcl"
        vcl.write_text(self.VCL.format(*self.origin))
        path = shutil.which("varnishd") or "/usr/sbin/varnishd"
        return [path, "-F", "-j", "none", "-n", str(self.folder / "work"), "-f", str(vcl),
                "-a", f"127.0.0.1:{self.port}", "-s", f"malloc,{CACHE}", "-p", "thread_pools=1",
                "-p", "timeout_idle=300", "-T", "none"]

    def is_hit(self, response):
        return int(response.header("X-Hits") or 0) > 0


class Haproxy(Server):
    name = program = package = "haproxy"

    CONF = """
global
    nbthread 1
    maxconn 4096
defaults
    mode http
    timeout connect 5s
    timeout client 300s
    timeout server 300s
cache files
    total-max-size 256
    max-object-size 33554432
    max-age 3600
frontend in
    bind 127.0.0.1:{port}
    http-request cache-use files
    http-response cache-store files
    http-response set-header X-Cache miss if {{ srv_id -m found }}
    default_backend origin
backend origin
    server origin {origin}
"""

    def command(self):
        conf = self.folder / "haproxy.cfg"
        conf.write_text(self.CONF.format(port=self.port, origin="%s:%d" % self.origin))
        return [shutil.which("haproxy") or "/usr/sbin/haproxy", "-db", "-f", str(conf)]

    def is_hit(self, response):
        return response.header("X-Cache") is None


class H2o(Server):
    """No cache to speak of, but the fastest at files: it gets them as files."""

    name = program = package = "h2o"

    CONF = """
user: {user}
num-threads: 1
max-connections: 4096
http1-request-timeout: 300
error-log: {folder}/error.log
hosts:
  default:
    listen: {{ host: 127.0.0.1, port: {port} }}
    paths:
      "/": {{ file.dir: {files} }}
"""

    def __init__(self, folder, origin_address, core):
        super().__init__(folder, origin_address, core)
        self.files = self.folder / "files"
        self.files.mkdir()

    def command(self):
        user = subprocess.run(["id", "-un"], capture_output=True, text=True).stdout.strip()
        conf = self.folder / "h2o.conf"
        conf.write_text(self.CONF.format(user=user, folder=self.folder, port=self.port,
                                         files=self.files))
        return [shutil.which("h2o") or "/usr/bin/h2o", "-c", str(conf)]

    def get(self, path):
        file = self.files / path.lstrip("/")
        if not file.exists():
            with Client(self.origin, host=HOST) as c:
                file.write_bytes(c.get(path).body)
        return super().get(path)

    def is_hit(self, response):
        return response.status == 200


class Floor(Server):
    """No server at all: what the kernel alone costs (floor.c). One process for each size."""

    name = program = "floor"
    has_files = False

    def __init__(self, folder, origin_address, core):
        super().__init__(folder, origin_address, core)
        self.size, self.ports, self.processes = 1, {}, []

    @classmethod
    def is_installed(cls):
        return True

    def command(self):
        program = build_folder() / "bench/peers/floor"
        return [str(program), str(self.port), str(self.size)]

    def aim(self, size):
        if size not in self.ports:
            self.size, self.port = size, free_port()
            self.start()
            self.ports[size] = self.port
            self.processes.append(self.process)
        self.port = self.ports[size]

    def stop(self):
        for self.process in self.processes:
            super().stop()

    def pids(self):
        return [p.pid for p in self.processes]


SERVERS = {s.name: s for s in (Byeori, Floor, Nginx, Varnish, Haproxy, H2o)}
