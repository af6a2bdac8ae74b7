# SPDX-License-Identifier: MIT
"""byeori's edge beside nginx (and others that are installed) on cached files, in one run.

Each server has one worker on core 0, the client (wrk, keep-alive) has core 1, the origin is out of
the way: before anything is measured every file is fetched from every server, compared byte for byte
and seen to be a hit, and during a measurement the origin must hear nothing. Rounds go in turn over
the servers, so that a slow minute of the machine meets all of them; figures are medians."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.peers.servers import HOST, SERVERS
from tests.harness import packages
from tests.harness.content import Content
from tests.harness.origin import Origin
from tests.harness.trouble import Trouble

HERE = Path(__file__).resolve().parent
SERVER_CORE, CLIENT_CORE = 0, 1
FILES = [("1 KB", 1000, 64), ("16 KB", 16_000, 64), ("64 KB", 64_000, 64),     # connections
         ("1 MB", 1_000_000, 16), ("16 MB", 16_000_000, 8)]
MEMORY_DISK = Path("/dev/shm")


def path_of(size):
    return f"/file-{size}"


def check(server, origin):
    """Every file is right and, the second time, comes from the cache."""
    for name, size, _ in FILES:
        wanted = Content(size).read(0, size)
        first, second = server.get(path_of(size)), server.get(path_of(size))
        if first.body != wanted or second.body != wanted:
            raise Trouble(f"{server.name} sends other bytes for {name}", "mend that first")
        origin.forget()
        if not server.is_hit(server.get(path_of(size))) or origin.count():
            raise Trouble(f"{server.name} does not serve {name} from its cache",
                          f"its answer: {second.fields}")


def measure(server, origin, size, connections, seconds):
    """One round: requests a second, bytes a second, processor time of the server per request."""
    server.aim(size)
    origin.forget()
    cpu_before = server.cpu_ns()
    done = subprocess.run(
        ["taskset", "-c", str(CLIENT_CORE), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s",
         "-H", f"Host: {HOST}", "-s", HERE / "report.lua",
         f"http://127.0.0.1:{server.port}{path_of(size)}"], capture_output=True, text=True)
    cpu = server.cpu_ns() - cpu_before
    if done.returncode != 0:
        raise Trouble("wrk failed", done.stderr.strip() or done.stdout.strip())
    seen = json.loads(done.stdout.splitlines()[-1])
    if seen["errors"] or origin.count() or not seen["requests"] * size <= seen["bytes"]:
        raise Trouble(f"{server.name} failed under load", f"{seen}, origin heard {origin.count()}")
    if seen["requests"] == 0:
        raise Trouble(f"{server.name} ended no answer of {size} bytes in {seconds} s",
                      "take more --seconds")
    return {
        "per_s": seen["requests"] * 1e6 / seen["us"],
        "gbit_per_s": seen["bytes"] * 8e-3 / seen["us"],
        "cpu_us": cpu / 1000 / seen["requests"],
        "busy": cpu / 1000 / seen["us"],
        "p99_ms": seen["p99_us"] / 1000,
    }


def medians(rounds):
    return {k: statistics.median(r[k] for r in rounds) for k in rounds[0]}


def table(results, servers):
    print(f"\nload average {os.getloadavg()[0]:.1f}: above 2.5, others had the machine too, "
          "and requests/s count little")
    print(f"\n{'file':6} {'server':10} {'requests/s':>11} {'Gbit/s':>8} {'CPU us/request':>15} "
          f"{'core busy':>10} {'p99 ms':>8}")
    for name, _, _ in FILES:
        for s in servers:
            m = medians(results[name, s.name])
            print(f"{name:6} {s.name:10} {m['per_s']:11.0f} {m['gbit_per_s']:8.2f} "
                  f"{m['cpu_us']:15.2f} {m['busy']:9.0%} {m['p99_ms']:8.2f}")
    print("\nbyeori / peer     requests/s (more is better)   CPU per request (less is better)")
    for name, _, _ in FILES:
        ours = medians(results[name, "byeori"])
        for s in servers:
            if s.name != "byeori":
                theirs = medians(results[name, s.name])
                print(f"{name:6} {s.name:10} {ours['per_s'] / theirs['per_s']:11.2f} "
                      f"{ours['cpu_us'] / theirs['cpu_us']:30.2f}")


def arguments():
    parser = argparse.ArgumentParser(prog="./byeori bench peers",
                                     description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5, help="of each measurement")
    parser.add_argument("--peers", nargs="+", default=["nginx", "floor"], metavar="NAME",
                        help="installed where missing; of: " + " ".join(list(SERVERS)[1:]))
    parser.add_argument("--json", help="write all rounds to this file")
    return parser.parse_args()


def chosen(options):
    unknown = [p for p in options.peers if p not in SERVERS or p == "byeori"]
    if unknown:
        raise Trouble(f"no peer {unknown[0]!r}", f"one of: {' '.join(list(SERVERS)[1:])}")
    classes = [SERVERS["byeori"], *(SERVERS[p] for p in options.peers)]
    packages.install("peers")
    packages.install_names([c.package for c in classes if not c.is_installed()])
    return classes


def run(options, classes, folder):
    origin = Origin()
    for _, size, _ in FILES:
        origin.page(path_of(size), Content(size), cache="max-age=86400", etag=f'"{size}"')
    servers = [c(folder, origin.address, SERVER_CORE) for c in classes]
    results = {(name, s.name): [] for name, _, _ in FILES for s in servers}
    try:
        for s in servers:
            if s.has_files:
                s.start()
                check(s, origin)
        for turn in range(options.rounds):
            for name, size, connections in FILES:
                for s in servers:
                    m = measure(s, origin, size, connections, options.seconds)
                    results[name, s.name].append(m)
                    print(f"round {turn + 1} {name:6} {s.name:10} {m['per_s']:9.0f} requests/s "
                          f"{m['cpu_us']:9.2f} us", flush=True)
    finally:
        for s in servers:
            s.stop()
        origin.stop()
    table(results, servers)
    if options.json:
        rows = [{"file": f, "server": s, "rounds": r} for (f, s), r in results.items()]
        Path(options.json).write_text(json.dumps(rows, indent=1))


def main():
    options = arguments()
    if (os.cpu_count() or 1) < 2:
        raise Trouble("one core only", "server and client need a core each")
    with tempfile.TemporaryDirectory(dir=MEMORY_DISK if MEMORY_DISK.is_dir() else None) as folder:
        run(options, chosen(options), folder)


if __name__ == "__main__":
    try:
        main()
    except Trouble as trouble:
        sys.exit(f"bench peers: {trouble}")
