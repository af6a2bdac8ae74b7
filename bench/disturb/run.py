# SPDX-License-Identifier: MIT
"""p99 of hits while a cold file of 1 GB fills and 500 TLS handshakes a second arrive, over alone.

One worker on core 0; its clients and the origin on core 1. The hits come at a steady rate
(2,000 a second on 16 connections), so what is measured is how long one waits for what the worker
does else, not how full the worker is. Rounds go in turn over the disturbances; figures are
medians, the ratio that of the p99s within a round. As root the edge and the clients of hits and
handshakes have real-time priority: then no other program of the machine stands between them."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.harness import packages
from tests.harness.certs import Authority
from tests.harness.programs import Edge, OriginGateway, build_folder
from tests.harness.trouble import Trouble

HOST = "test.example"
HIT, HIT_BYTES = "hit", 1024
COLD_BYTES = 10 ** 9
HIT_THREADS, HITS_PER_S = 16, 2000
HANDSHAKES_PER_S, HANDSHAKE_THREADS = 500, 16
BAR = 2.0
DISTURBANCES = {"alone": (), "fill": ("fill",), "handshakes": ("handshakes",),
                "both": ("fill", "handshakes")}


def real_time(command, priority):
    return ["chrt", "-f", str(priority), *command] if os.geteuid() == 0 else command


class PinnedEdge(Edge):
    def command(self):
        return real_time(["taskset", "-c", "0", *super().command()], 10)


class Bench:
    def __init__(self, folder):
        self.folder, self.cold = Path(folder), 0
        files = self.folder / "files"
        files.mkdir()
        (files / HIT).write_bytes(os.urandom(HIT_BYTES))
        self.files = files
        self.origin = OriginGateway(folder, lambda port: {
            "folder": str(files), ("listen", "http"): {"address": f"127.0.0.1:{port}"},
            ("rule", "*"): {"cache_control": "public, max-age=3600"}})
        self.origin.start()
        pair = Authority(folder).certificate("edge", [HOST])
        self.edge = PinnedEdge(folder, [self.origin.url], host=HOST, tls=pair,
                               over={"workers": 1, "memory": "1280MiB",
                                     "access_log": str(self.folder / "access.log")}).start()
        assert self.edge.get(f"/{HIT}").status == 200

    def stop(self):
        self.edge.stop()
        self.origin.stop()

    def fill(self, seconds):
        """Cold files one after the other, as fast as they come."""
        urls = []
        for self.cold in range(self.cold + 1, self.cold + 1 + 2 * int(seconds + 1)):
            name = f"cold-{self.cold}"
            with open(self.files / name, "wb") as f:
                f.truncate(COLD_BYTES)
            urls += ["-o", "/dev/null", f"http://127.0.0.1:{self.edge.port}/{name}"]
        return ["curl", "-s", "-H", f"Host: {HOST}", *urls]

    def handshakes(self, seconds):
        return real_time(self.paced("handshakes", self.edge.tls_port, seconds, HANDSHAKE_THREADS,
                                    HANDSHAKES_PER_S), 15)

    @staticmethod
    def paced(what, port, seconds, threads, per_s):
        return [str(build_folder() / "bench/peers/paced"), what, str(port), HOST, f"/{HIT}",
                str(seconds), str(threads), str(per_s)]

    def hits(self, seconds):
        """(p50, p99) in milliseconds."""
        command = self.paced("hits", self.edge.port, seconds, HIT_THREADS, HITS_PER_S)
        done = subprocess.run(real_time(command, 20), capture_output=True, text=True,
                              timeout=10 * seconds)
        seen = json.loads(done.stdout or "{}")
        if done.returncode != 0 or seen["errors"]:
            raise Trouble("the client of hits failed", done.stderr or done.stdout)
        return seen["p50_us"] / 1000, seen["p99_us"] / 1000

    def round(self, disturbances, seconds):
        """Hits beside them; how much of each was done a second."""
        names = {"fill": "byeori_edge_site_upstream_bytes_total",
                 "handshakes": "byeori_http_server_connections_total"}
        others = [subprocess.Popen(getattr(self, d)(seconds + 1), stdout=subprocess.DEVNULL)
                  for d in disturbances]
        try:
            before = {d: self.edge.metric(names[d]) for d in disturbances}
            p50, p99 = self.hits(seconds)
            done = {d: (self.edge.metric(names[d]) - before[d]) / seconds for d in disturbances}
        finally:
            for o in others:
                o.terminate()
                o.wait()
        for file in self.files.glob("cold-*"):
            file.unlink()
        return {"p50": p50, "p99": p99, **done}


def measure(bench, arguments):
    rounds = {name: [] for name in DISTURBANCES}
    for turn in range(arguments.rounds):
        for name, disturbances in DISTURBANCES.items():
            m = bench.round(disturbances, arguments.seconds)
            rounds[name].append(m)
            print(f"round {turn + 1} {name:10} p50 {m['p50']:.3f} ms  p99 {m['p99']:.3f} ms",
                  flush=True)
    return rounds


def report(rounds):
    def median(name, figure):
        values = [r[figure] for r in rounds[name] if figure in r]
        return statistics.median(values) if values else 0

    print(f"\n{'beside':12} {'p50 ms':>8} {'p99 ms':>8} {'p99 / alone':>12} {'fill MB/s':>10} "
          f"{'handshakes/s':>13}")
    for name in DISTURBANCES:
        ratio = statistics.median(r["p99"] / a["p99"]
                                  for r, a in zip(rounds[name], rounds["alone"]))
        print(f"{name:12} {median(name, 'p50'):8.3f} {median(name, 'p99'):8.3f} {ratio:12.2f} "
              f"{median(name, 'fill') / 1e6:10.0f} {median(name, 'handshakes'):13.0f}")
    print(f"\nbar: both within {BAR:.0f} x alone: {'holds' if ratio <= BAR else 'missed'}")


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--seconds", type=int, default=3, help="of each measurement")
    arguments = p.parse_args()
    if (os.cpu_count() or 1) < 2:
        raise Trouble("one core only", "server and clients need a core each")
    packages.install("peers")
    os.sched_setaffinity(0, {1})
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        bench = Bench(folder)
        try:
            report(measure(bench, arguments))
        finally:
            bench.stop()


if __name__ == "__main__":
    try:
        main()
    except Trouble as trouble:
        sys.exit(f"bench disturb: {trouble}")
