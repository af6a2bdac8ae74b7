# SPDX-License-Identifier: MIT
"""One cold client, the origin 50 ms away: speed beside a direct download, and beside nginx slice.

Between the origin and who asks it stands bench/distance/delay.c, which holds every byte back for
half the round trip each way and gives each connection a window that grows as TCP's does. Direct,
through byeori and through nginx in turn; each a new cold file, each compared byte by byte."""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.peers.server import Setting
from bench.peers.servers import Nginx
from tests.harness import packages
from tests.harness.certs import Authority
from tests.harness.client import Client
from tests.harness.content import Content
from tests.harness.ports import free_port
from tests.harness.programs import Edge, OriginGateway, accepts, build_folder, wait_until
from tests.harness.trouble import Trouble

MIB = 1 << 20
BOUND = 0.95


class Slice(Nginx):
    """nginx as its slice module's documentation has it, with 1 MiB slices as byeori's blocks."""

    CONF = Nginx.CONF.replace(
        "proxy_cache zone; proxy_cache_key $uri;",
        "slice 1m; proxy_cache zone; proxy_cache_key $uri$slice_range; "
        "proxy_set_header Range $slice_range; proxy_cache_valid 200 206 1h;")
    CONF = CONF.replace("proxy_pass http://{origin};", "proxy_pass http://far;")
    CONF = CONF.replace("    server {{\n", "    upstream far {{ server {origin}; keepalive 8; }}\n"
                                           "    server {{\n")


def download(address, path, content, host="test.example"):
    """Bytes a second for the whole, from the request on; every byte is compared."""
    with Client(address, host=host, bound_s=300) as c:
        began, taken = time.monotonic(), 0
        c.send_request("GET", path)
        head = c.head()
        if head.status != 200:
            raise RuntimeError(f"answer {head.status} {head.fields}")
        while taken < content.size:
            piece = c.reader.some()
            if not piece or piece != content.read(taken, len(piece)):
                raise RuntimeError(f"wrong or missing bytes at {taken} of {path}")
            taken += len(piece)
        return taken / (time.monotonic() - began)


def start_delay(target_port, rtt_ms, window):
    port = free_port()
    process = subprocess.Popen([build_folder() / "bench/distance/delay", str(port),
                                str(target_port), str(rtt_ms), str(window)])
    wait_until(lambda: accepts(port), "the relay listens")
    return process, port


def play(rounds, ways, content):
    rates = {name: [] for name in ways}
    for n in range(rounds):
        for name, address in ways.items():
            rates[name].append(download(address, f"/{name}-{n}.bin", content))
    return {name: statistics.median(v) for name, v in rates.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=256)
    parser.add_argument("--rtt", type=int, default=50, help="milliseconds")
    parser.add_argument("--window", type=int, default=4, help="MiB, of each connection")
    parser.add_argument("--rounds", type=int, default=3)
    a = parser.parse_args()
    packages.install_names([] if Slice.is_installed() else [Slice.package])
    content = Content(a.megabytes << 20)
    with tempfile.TemporaryDirectory(prefix="byeori-", dir="/dev/shm") as folder:
        root = Path(folder) / "root"
        root.mkdir()
        content.write_to(root / "file.bin")
        for name in ("direct", "byeori", "nginx"):
            for n in range(a.rounds):
                (root / f"{name}-{n}.bin").hardlink_to(root / "file.bin")
        origin = OriginGateway(folder, lambda port: {
            "workers": 1, "folder": str(root), ("listen", "http"): {"address": f"127.0.0.1:{port}"},
            ("rule", "*"): {"cache_control": "max-age=3600"}}).start()
        delay, far = start_delay(origin.port, a.rtt, a.window * MIB)
        edge = Edge(folder, [f"http://127.0.0.1:{far}"], over={"memory": "1GiB", "workers": 1})
        pair = Authority(folder).certificate("nginx", ["test.example"])
        nginx = Slice(Setting(Path(folder), ("127.0.0.1", far), 0, pair))
        try:
            edge.start()
            nginx.start()
            ports = {"direct": far, "byeori": edge.port, "nginx": nginx.port}
            rates = play(a.rounds, {n: ("127.0.0.1", port) for n, port in ports.items()}, content)
        finally:
            nginx.stop()
            edge.stop()
            delay.kill()
            delay.wait()
            origin.stop()
    for name, rate in rates.items():
        print(f"{name:7} {rate / 1e6:7.1f} MB/s  {rate / rates['direct']:.3f} of direct")
    print(f"a cold file of {a.megabytes} MiB, {a.rtt} ms away, {a.window} MiB of window: bound "
          f"{BOUND}")
    return 0 if rates["byeori"] >= BOUND * rates["direct"] else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Trouble as trouble:
        sys.exit(f"bench: {trouble}")
