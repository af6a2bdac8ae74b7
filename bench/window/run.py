# SPDX-License-Identifier: MIT
"""A hit of 1 GiB by HTTP/2 beside HTTP/1.1, both by TLS, the client 50 ms away.

Between curl and the edge stands bench/distance/delay.c, which holds every byte back for half the
round trip each way and lets each connection have so much on its way. HTTP/2's own windows, which
the client gives and the server fills, must not bound it. In turn with HTTP/1.1, medians."""

import argparse
import statistics
import subprocess
import sys
import tempfile

from bench.distance.run import start_delay
from tests.harness import packages
from tests.harness.certs import Authority
from tests.harness.content import Content
from tests.harness.origin import Origin
from tests.harness.programs import Edge
from tests.harness.trouble import Trouble

HOST, PATH, MIB = "test.example", "/file", 1 << 20
WAYS = {"HTTP/1.1": "--http1.1", "HTTP/2": "--http2"}
BOUND = 0.95


def download(port, way, size):
    """Bytes a second, the connection's beginning included."""
    done = subprocess.run(
        ["curl", "-s", "-k", WAYS[way], "-o", "/dev/null", "-H", f"Host: {HOST}",
         "-w", "%{http_version} %{http_code} %{size_download} %{speed_download}",
         f"https://127.0.0.1:{port}{PATH}"], capture_output=True, text=True)
    version, status, got, speed = (done.stdout or "0 0 0 0").split()
    if status != "200" or int(got) != size or version != way[5:]:
        raise Trouble(f"{way} failed", f"{done.stdout} {done.stderr}")
    return float(speed)


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--megabytes", type=int, default=1024)
    p.add_argument("--rtt", type=int, default=50, help="milliseconds")
    p.add_argument("--window", type=int, default=8, help="MiB that a connection has on its way")
    p.add_argument("--rounds", type=int, default=3)
    a = p.parse_args()
    packages.install("test")
    size = a.megabytes * MIB
    with tempfile.TemporaryDirectory(prefix="byeori-", dir="/dev/shm") as folder:
        origin = Origin()
        origin.page(PATH, Content(size), cache="max-age=86400")
        edge = Edge(folder, [origin.url], host=HOST, tls=Authority(folder).certificate("e", [HOST]),
                    over={"workers": 1, "memory": f"{a.megabytes + 256}MiB"})
        delay = None
        try:
            edge.start()
            download(edge.tls_port, "HTTP/1.1", size)  # from here on it is a hit
            delay, far = start_delay(edge.tls_port, a.rtt, a.window * MIB)
            speeds = {way: [] for way in WAYS}
            for _ in range(a.rounds):
                for way in WAYS:
                    speeds[way].append(download(far, way, size))
        finally:
            if delay is not None:
                delay.kill()
                delay.wait()
            edge.stop()
            origin.stop()
    for way in WAYS:
        print(f"{way:8} {statistics.median(speeds[way]) / 1e6:7.1f} MB/s")
    ratio = statistics.median(h2 / h1 for h1, h2 in zip(*speeds.values()))
    print(f"HTTP/2 over HTTP/1.1: {ratio:.2f}, {a.rtt} ms away, {a.window} MiB on the way: bound "
          f"{BOUND}")
    return 0 if ratio >= BOUND else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Trouble as trouble:
        sys.exit(f"bench window: {trouble}")
