# SPDX-License-Identifier: MIT
"""The ledger against the kernel's own counters of every socket, over a mixed run.

Clients ask for small and large files, ranges, several ranges at once, what is not there and what
may not be stored, on kept connections, some over and over. Compared at the end:
bytes to clients: the ledger's bodies by source and the heads of the access log, against the sum of
tcpi_bytes_received of all client sockets; bytes from upstream: the ledger's, against the sum of
tcpi_bytes_received that the kernel has for each of the edge's connections to the origin, which is
the origin's tcpi_bytes_acked."""

import argparse
import fcntl
import json
import random
import socket
import struct
import sys
import tempfile
import termios
import threading
import time
from collections import Counter
from pathlib import Path

from tests.harness.content import Content
from tests.harness.origin import Origin
from tests.harness.programs import Edge
from tests.harness.trouble import Trouble

BYTES_ACKED, BYTES_RECEIVED = 120, 128      # offsets in struct tcp_info (linux/tcp.h)
BOUND = 0.001
FILES = [1_000, 20_000, 300_000, 3_000_000]


def tcp_info(sock, offset):
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, offset + 8)
    return struct.unpack_from("Q", info, offset)[0]


class CountedOrigin(Origin):
    """Adds up what the kernel says was acknowledged on each connection, as it ends."""

    def __init__(self):
        self.acked, self.lock = 0, threading.Lock()
        super().__init__()

    def _one(self, reader, sock):
        before = tcp_info(sock, BYTES_ACKED)
        try:
            return super()._one(reader, sock)
        finally:
            deadline = time.monotonic() + 5      # until the peer has acknowledged what we sent
            while unsent(sock) and time.monotonic() < deadline:
                time.sleep(0.0005)
            with self.lock:
                self.acked += tcp_info(sock, BYTES_ACKED) - before


def unsent(sock):
    return struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0" * 4))[0]


def choose(source):
    """(target, fields) of one request of the mix."""
    size = source.choice(FILES[:3] * 4 + FILES[3:])
    target = f"/{size}?{int(source.paretovariate(0.8)) % 2000}"
    kind = source.random()
    if kind < 0.15:
        first = source.randrange(size)
        return target, {"Range": f"bytes={first}-{source.randrange(first, size)}"}
    if kind < 0.2:
        return target, {"Range": f"bytes=0-9,{size // 2}-{size // 2 + 9}"}
    if kind < 0.25:
        return "/none", {}
    if kind < 0.3:
        return f"/private?{source.randrange(1000)}", {}
    return target, {}


def client(edge, requests, seed, sums):
    source = random.Random(seed)
    left, received = requests, 0
    while left > 0:
        count = min(left, source.randrange(1, 200))
        with edge.client() as c:
            for _ in range(count):
                target, fields = choose(source)
                c.get(target, **fields)
            received += tcp_info(c.sock, BYTES_RECEIVED)
        left -= count
    sums.append(received)


def run_mix(edge, requests, clients):
    sums = []
    threads = [threading.Thread(target=client, args=(edge, requests // clients, n, sums))
               for n in range(clients)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return sum(sums)


def ledger_of(edge):
    rows = {k: v for k, v in edge.metrics().items() if k.startswith("byeori_edge_site_")}
    by_source = {k.split('source="')[1].rstrip('"}'): int(v) for k, v in rows.items()
                 if "out_bytes_total" in k and "source=" in k and v}
    upstream = sum(int(v) for k, v in rows.items() if "upstream_bytes_total" in k)
    return by_source, upstream


def compare(what, ours, kernels):
    apart = abs(ours - kernels) / kernels
    print(f"{what}: ledger {ours:,}, kernel {kernels:,}, apart {apart:.5%} (bound {BOUND:.1%})")
    return apart <= BOUND


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--clients", type=int, default=8)
    a = parser.parse_args()
    origin = CountedOrigin()
    for size in FILES:
        origin.page(f"/{size}", Content(size), cache="max-age=3600", etag=f'"{size}"')
    origin.page("/private", b"x" * 5000, cache="private")
    with tempfile.TemporaryDirectory(prefix="byeori-", dir="/dev/shm") as folder:
        log = Path(folder) / "access.log"
        edge = Edge(folder, [origin.url], over={"memory": "256MiB", "access_log": str(log)})
        edge.start()
        try:
            received = run_mix(edge, a.requests, a.clients)
            edge.wait_metric("byeori_edge_site_requests_total", a.requests // a.clients * a.clients)
            time.sleep(1)
            by_source, upstream = ledger_of(edge)
        finally:
            edge.stop()
            origin.stop()
        lines, heads, bodies = Counter(), 0, 0
        for line in log.open():
            entry = json.loads(line)
            lines[entry["status"]] += 1
            heads += entry["head_bytes"]
            bodies += entry["body_bytes"]
    out = sum(by_source.values())
    print(f"{sum(lines.values()):,} requests, by status {dict(lines)}")
    print(f"bodies by source {by_source}")
    print(f"sum over sources {out:,}, bodies in the access log {bodies:,}")
    good = compare("bytes to clients", out + heads, received)
    good &= compare("bytes from upstream", upstream, origin.acked)
    return 0 if good and out == bodies else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Trouble as trouble:
        sys.exit(f"bench: {trouble}")
