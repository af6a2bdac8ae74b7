# SPDX-License-Identifier: MIT
"""byeori and its peers, each a caching proxy with one worker. Every one is tuned as its own
documentation advises for cached files. Access logs are off for the peers; byeori's is on. To add
one: a class here and its name in SERVERS."""

import os
import pwd
import resource
from pathlib import Path

from bench.peers.server import HOST, Server, program_path, user_name
from tests.harness.client import Client
from tests.harness.ports import free_port
from tests.harness.programs import Edge, build_folder


class Byeori(Server):
    name, program = "byeori", "byeori-edge"

    def __init__(self, setting):
        super().__init__(setting)
        self.edge = Edge(self.folder, ["http://%s:%d" % self.origin], host=HOST, tls=self.pair,
                         over={"workers": 1, "memory": str(self.cache_bytes),
                               "clients": {"idle": "300s"},
                               "access_log": str(self.folder / "access.log")})
        self.port, self.tls_port = self.edge.port, self.edge.tls_port

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
events {{ worker_connections {slots}; }}
http {{
    access_log off; sendfile on; tcp_nopush on; tcp_nodelay on;
    keepalive_timeout 300s; keepalive_requests 1000000000;
    open_file_cache max=1000 inactive=300s; open_file_cache_valid 300s;
    client_body_temp_path {folder}/body; proxy_temp_path {cache}/temp;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    proxy_cache_path {cache} levels=1:2 keys_zone=zone:16m max_size={size} {path_options}
                     use_temp_path=off;
    ssl_certificate {chain}; ssl_certificate_key {key};
    ssl_protocols TLSv1.2 TLSv1.3; ssl_buffer_size 16k;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        listen 127.0.0.1:{tls_port} ssl http2 backlog=4096;
        location / {{
            proxy_pass http://{origin}; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_cache zone; add_header X-Cache $upstream_cache_status;
            {caching}
        }}
    }}
}}
"""
    PATH_OPTIONS = "inactive=1h"
    CACHING = "proxy_cache_key $uri;"

    def __init__(self, setting):
        super().__init__(setting)
        self.cache = self.folder / "cache"
        self.cache.mkdir()

    def command(self):
        conf = self.folder / "nginx.conf"
        conf.write_text(self.CONF.format(
            user=user_name(), folder=self.folder, cache=self.cache, slots=self.slots,
            port=self.port,
            tls_port=self.tls_port, chain=self.pair[0], key=self.pair[1],
            size=self.cache_bytes, path_options=self.PATH_OPTIONS, caching=self.CACHING,
            origin="%s:%d" % self.origin))
        return [program_path("nginx"), "-c", str(conf), "-p", str(self.folder),
                "-e", str(self.folder / "error.log")]

    def is_hit(self, response):
        return response.header("X-Cache") == "HIT"


class Varnish(Server):
    name, program, package = "varnish", "varnishd", "varnish"
    protocols = {"http"}

    VCL = """vcl 4.1;
backend default {{ .host = "{0}"; .port = "{1}"; }}
sub vcl_deliver {{ set resp.http.X-Hits = obj.hits; }}
"""

    OPTIONS = ()

    def command(self):
        vcl = self.folder / "default.vcl"
        vcl.write_text(self.VCL.format(*self.origin))
        return [program_path("varnishd"), "-F", "-j", "none", "-n", str(self.folder / "work"),
                "-f", str(vcl), "-a", f"127.0.0.1:{self.port}", "-s", f"malloc,{self.cache_bytes}",
                "-p", "thread_pools=1", "-p", "timeout_idle=300", "-T", "none", *self.OPTIONS]

    def is_hit(self, response):
        return int(response.header("X-Hits") or 0) > 0


class Haproxy(Server):
    name = program = package = "haproxy"
    DESCRIPTORS = resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 100  # it takes two for each

    CONF = """
global
    nbthread 1
    maxconn {slots}
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
    bind 127.0.0.1:{tls_port} ssl crt {pem} alpn h2,http/1.1
    http-request cache-use files
    http-response cache-store files
    http-response set-header X-Cache miss if {{ srv_id -m found }}
    default_backend origin
backend origin
    server origin {origin}
"""

    def command(self):
        conf = self.folder / "haproxy.cfg"
        conf.write_text(self.CONF.format(
            port=self.port, tls_port=self.tls_port, pem=self.both_in_one(),
            slots=min(self.slots, self.DESCRIPTORS // 2), origin="%s:%d" % self.origin))
        return [program_path("haproxy"), "-db", "-f", str(conf)]

    def is_hit(self, response):
        return response.header("X-Cache") is None


class H2o(Server):
    """No cache to speak of, but the fastest at files: it gets them as files."""

    name = program = package = "h2o"

    CONF = """
user: {user}
num-threads: 1
max-connections: {slots}
http1-request-timeout: 300
error-log: {folder}/error.log
hosts:
  default:
    listen: {{ host: 127.0.0.1, port: {port} }}
    listen:
      host: 127.0.0.1
      port: {tls_port}
      ssl: {{ certificate-file: {chain}, key-file: {key} }}
    paths:
      "/": {{ file.dir: {files} }}
"""

    def __init__(self, setting):
        super().__init__(setting)
        self.files = self.folder / "files"
        self.files.mkdir()

    def command(self):
        conf = self.folder / "h2o.conf"
        conf.write_text(self.CONF.format(user=user_name(), folder=self.folder, port=self.port,
                                         slots=self.slots, tls_port=self.tls_port,
                                         chain=self.pair[0], key=self.pair[1],
                                         files=self.files))
        return [program_path("h2o"), "-c", str(conf)]

    def get(self, path):
        file = self.files / path.lstrip("/")
        if not file.exists():
            with Client(self.origin, host=HOST) as c:
                file.write_bytes(c.get(path).body)
        return super().get(path)

    def is_hit(self, response):
        return response.status == 200


class TrafficServer(Server):
    name, program, package = "ats", "traffic_server", "trafficserver"

    RECORDS = """
CONFIG proxy.config.http.server_ports STRING {port}:ip-in=127.0.0.1 {tls_port}:ssl:ip-in=127.0.0.1
CONFIG proxy.config.exec_thread.autoconfig INT 0
CONFIG proxy.config.exec_thread.limit INT 1
CONFIG proxy.config.task_threads INT 1
CONFIG proxy.config.admin.user_id STRING {user}
CONFIG proxy.config.cache.ram_cache.size INT {ram_bytes}
CONFIG proxy.config.cache.ram_cache_cutoff INT 33554432
CONFIG proxy.config.log.logging_enabled INT 0
CONFIG proxy.config.http.keep_alive_no_activity_timeout_in INT 300
CONFIG proxy.config.http.keep_alive_enabled_in INT 1
CONFIG proxy.config.http2.default_buffer_water_mark INT -1
CONFIG proxy.config.ssl.server.cert.path STRING /
CONFIG proxy.config.ssl.server.private_key.path STRING /
CONFIG proxy.config.url_remap.pristine_host_hdr INT 1
CONFIG proxy.config.diags.output.status STRING L
"""
    DISK_BYTES = 512 << 20
    RULE = "map / http://{0}:{1}/"
    FOLDERS = ("sysconfdir", "localstatedir", "runtimedir", "logdir", "cachedir")

    def ram_bytes(self):
        return self.cache_bytes

    def command(self):
        """Its files belong to the user that it becomes where it is started as root."""
        user = "trafficserver" if os.geteuid() == 0 else user_name()
        places = {f: self.folder / f for f in self.FOLDERS}
        for place in places.values():
            place.mkdir()
        places |= {"prefix": "/usr", "exec_prefix": "/usr", "bindir": "/usr/bin",
                   "sbindir": "/usr/bin", "includedir": "/usr/include",
                   "datadir": "/usr/share/trafficserver", "mandir": "/usr/share/man",
                   "libdir": "/usr/lib/trafficserver",
                   "libexecdir": "/usr/lib/trafficserver/modules", "infodir": "/usr/share/info"}
        runroot = self.folder / "runroot.yaml"
        runroot.write_text("".join(f"{k}: {v}\n" for k, v in places.items()))
        conf = self.folder / "sysconfdir"
        (conf / "records.config").write_text(self.RECORDS.format(
            port=self.port, tls_port=self.tls_port, user=user, ram_bytes=self.ram_bytes()))
        (conf / "storage.config").write_text(f"{self.folder}/cachedir {self.DISK_BYTES}\n")
        (conf / "remap.config").write_text(self.RULE.format(*self.origin) + "\n")
        pem = self.both_in_one()
        (conf / "ssl_multicert.config").write_text(
            f"dest_ip=* ssl_cert_name={pem} ssl_key_name={pem}\n")
        (conf / "ip_allow.yaml").write_text(
            "ip_allow:\n  - apply: in\n    ip_addrs: 0/0\n    action: allow\n    methods: ALL\n")
        owner = pwd.getpwnam(user)
        for file in [self.folder, *self.folder.rglob("*")]:
            os.chown(file, owner.pw_uid, owner.pw_gid)
        return [program_path("traffic_server"), f"--run-root={runroot}"]

    def is_hit(self, response):
        return response.header("Age") is not None


class Floor(Server):
    """No server at all: what the kernel alone costs (floor.c). One process for each size."""

    name = program = "floor"
    has_files = False
    protocols = {"http"}

    def __init__(self, setting):
        super().__init__(setting)
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


SERVERS = {s.name: s for s in (Byeori, Floor, H2o, Haproxy, Nginx, TrafficServer, Varnish)}
