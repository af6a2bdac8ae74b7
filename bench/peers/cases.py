# SPDX-License-Identifier: MIT
"""What is measured: one file on one protocol by so many connections, and which program asks."""

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.harness.programs import build_folder
from tests.harness.trouble import Trouble

HERE = Path(__file__).resolve().parent
HANDSHAKE_THREADS = 8


@dataclass(frozen=True)
class Case:
    """`protocol`: http, tls, h2 (on TLS) or handshake (TLS, a connection for each request).
    `bar`: the peer that byeori's CPU per request is held against, and by how much; "best": the
    best of all but the floor."""

    key: str
    name: str
    size: int
    connections: int
    protocol: str = "http"
    streams: int = 1
    bar: tuple = ("best", 1.0)

    @property
    def path(self):
        return f"/file-{self.size}"


CASES = {c.key: c for c in (
    Case("1k", "1 KB", 1000, 64, bar=("h2o", 1.0)),
    Case("1k-1000", "1 KB, 1,000 conns", 1000, 1000, bar=("h2o", 1.0)),
    Case("16k", "16 KB", 16_000, 64, bar=("floor", 1.25)),
    Case("64k", "64 KB", 64_000, 64, bar=("floor", 1.25)),
    Case("1m", "1 MB", 1_000_000, 16, bar=("floor", 1.10)),
    Case("16m", "16 MB", 16_000_000, 8),
    Case("tls-1k", "1 KB, TLS", 1000, 64, "tls", bar=("h2o", 1.0)),
    Case("tls-1m", "1 MB, TLS", 1_000_000, 16, "tls"),
    Case("tls-16m", "16 MB, TLS", 16_000_000, 8, "tls"),
    Case("handshake", "handshake, 1 KB", 1000, HANDSHAKE_THREADS, "handshake",
         bar=("nginx", 1.0)),
    Case("h2-1k", "1 KB, HTTP/2", 1000, 16, "h2", streams=32, bar=("haproxy", 1.0)),
    Case("h2-64k", "64 KB, HTTP/2", 64_000, 16, "h2", streams=4, bar=("h2o", 1.0)),
    Case("h2-1m", "1 MB, HTTP/2", 1_000_000, 8, "h2", streams=2, bar=("h2o", 1.0)),
)}
SHORT = [c.key for c in CASES.values() if c.bar[0] != "best"]

# The same cipher and curve whatever a server would prefer.
OPENSSL_CONF = """openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = clients
[clients]
MinProtocol = TLSv1.3
Ciphersuites = TLS_AES_128_GCM_SHA256
Groups = X25519
"""


def _wrk(case, url, host, seconds):
    return ["wrk", "-t1", f"-c{case.connections}", f"-d{seconds}s", "--timeout", "10s",
            "-H", f"Host: {host}", "-s", str(HERE / "report.lua"), url]


def _h2load(case, url, host, seconds):
    return ["h2load", "-t1", f"-c{case.connections}", f"-m{case.streams}", "-D", str(seconds),
            "--tls13-ciphers", "TLS_AES_128_GCM_SHA256", "-H", f":authority: {host}", url]


def _of_h2load(text):
    """As report.lua; h2load tells no percentiles of a timed run."""
    requests = re.search(r"requests: .* (\d+) succeeded, (\d+) failed, (\d+) errored", text)
    statuses = re.search(r"status codes: (\d+) 2xx", text)
    body = re.search(r"traffic: .*\((\d+)\) total.*\((\d+)\) data", text)
    rate = re.search(r"finished in .*?, ([\d.]+) req/s", text)
    done = int(requests[1])
    return {"requests": done, "bytes": int(body[1]),
            "us": done / float(rate[1]) * 1e6 if done else 1,
            "errors": int(requests[2]) + int(requests[3]) + done - int(statuses[1]),
            "p50_us": None, "p99_us": None}


def load(case, server, host, seconds, core, conf):
    """Lets the case's client at the server; what it saw, as report.lua tells it. conf: a file for
    OPENSSL_CONF."""
    scheme, port = ("http", server.port) if case.protocol == "http" else ("https", server.tls_port)
    url = f"{scheme}://127.0.0.1:{port}{case.path}"
    if case.protocol == "h2":
        command = _h2load(case, url, host, seconds)
    elif case.protocol == "handshake":
        command = [str(build_folder() / "bench/peers/paced"), "handshakes", str(port), host,
                   case.path, str(seconds), str(case.connections)]
    else:
        command = _wrk(case, url, host, seconds)
    done = subprocess.run(["taskset", "-c", str(core), *command], capture_output=True, text=True,
                          env={"PATH": "/usr/bin:/bin:/usr/sbin", "OPENSSL_CONF": str(conf)})
    if done.returncode != 0:
        raise Trouble(f"{command[0]} failed", done.stderr.strip() or done.stdout.strip())
    if case.protocol == "h2":
        return _of_h2load(done.stdout)
    return json.loads(done.stdout.splitlines()[-1])
