# SPDX-License-Identifier: MIT
"""CPU time for a hit of byeori's edge beside its peers and the kernel's floor: h1, TLS, HTTP/2.

Each server has one worker on core 0, the client has core 1, the origin is out of the way: before
anything is measured every file is fetched from every server, compared byte for byte and seen to be
a hit, and during a measurement the origin must hear nothing. Rounds go in turn over the servers, so
that a slow minute of the machine meets all of them; figures are medians of the rounds, ratios
medians of the ratios within a round."""

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

from bench.peers import plot
from bench.peers.cases import CASES, OPENSSL_CONF, SHORT, load
from bench.peers.server import HOST, Setting
from bench.peers.servers import SERVERS
from tests.harness import packages
from tests.harness.certs import Authority
from tests.harness.content import Content
from tests.harness.origin import Origin
from tests.harness.trouble import Trouble

SERVER_CORE, CLIENT_CORE = 0, 1
LONGEST_S = 60  # of a round
MEMORY_DISK = Path("/dev/shm")
BAR_PEERS = ["floor", "h2o", "haproxy", "nginx"]  # whom bars name


def check(server, origin, cases, context):
    """Every file is right and, the second time, comes from the cache."""
    for path, size in {(c.path, c.size) for c in cases}:
        wanted = Content(size).read(0, size)
        answers = [server.get(path), server.get(path)]
        if "tls" in server.protocols:
            answers.append(server.get_by_tls(path, context))
        if any(a.body != wanted for a in answers):
            raise Trouble(f"{server.name} sends other bytes for {path}", "mend that first")
        origin.forget()
        if not server.is_hit(server.get(path)) or origin.count():
            raise Trouble(f"{server.name} does not serve {path} from its cache",
                          f"its answer: {answers[-1].fields}")


def measure(server, origin, case, options):
    """One round: requests a second, bytes a second, processor time of the server per request.
    Where no answer came to its end, the round is taken again and longer."""
    seconds, seen = options.seconds, {"requests": 0}
    while seen["requests"] == 0 and seconds <= LONGEST_S:
        server.aim(case.size)
        origin.forget()
        before = server.cpu_ns()
        seen = load(case, server, HOST, seconds, CLIENT_CORE, options.openssl_conf)
        cpu = server.cpu_ns() - before
        seconds *= 4
    if seen["errors"] > 0 or origin.count() or seen["requests"] * case.size > seen["bytes"]:
        raise Trouble(f"{server.name} failed under load", f"{seen}, origin heard {origin.count()}")
    if seen["requests"] == 0:
        raise Trouble(f"{server.name} ended no answer of {case.size} bytes", "take more --seconds")
    return {
        "per_s": seen["requests"] * 1e6 / seen["us"],
        "gbit_per_s": seen["bytes"] * 8e-3 / seen["us"],
        "cpu_us": cpu / 1000 / seen["requests"],
        "busy": cpu / 1000 / seen["us"],
        "p99_ms": seen["p99_us"] / 1000 if seen["p99_us"] is not None else None,
    }


class Results:
    """rounds of (case, server name), in order."""

    def __init__(self):
        self.rounds = {}

    def add(self, case, server, figures):
        self.rounds.setdefault((case.key, server), []).append(figures)

    def has(self, case, server):
        return (case.key, server) in self.rounds

    def median(self, case, server, figure):
        values = [r[figure] for r in self.rounds[case.key, server] if r[figure] is not None]
        return statistics.median(values) if values else None

    def ratio(self, case, peer, figure="cpu_us"):
        """byeori over peer; None where the peer was not measured."""
        if not self.has(case, peer):
            return None
        pairs = zip(self.rounds[case.key, "byeori"], self.rounds[case.key, peer])
        return statistics.median(ours[figure] / theirs[figure] for ours, theirs in pairs)

    def best_peer(self, case, servers):
        """The one beside which byeori looks worst."""
        peers = [s for s in servers if s not in ("byeori", "floor") and self.has(case, s)]
        return max(peers, key=lambda s: self.ratio(case, s), default=None)


def verdict(results, case, servers):
    peer, bound = case.bar
    if peer == "best":
        peer = results.best_peer(case, servers)
    ratio = results.ratio(case, peer) if peer else None
    if ratio is None:
        return "not measured"
    held = "holds" if ratio <= bound else f"missed by {ratio / bound - 1:.0%}"
    return f"{ratio:.2f} x {peer}, bar {bound:.2f}: {held}"


def show(value, width, digits):
    return f"{'-':>{width}}" if value is None else f"{value:{width}.{digits}f}"


def tables(results, cases, servers):
    print(f"\nload average {os.getloadavg()[0]:.1f}: above 2.5, others had the machine too, "
          "and requests/s count little")
    print(f"\n{'case':18} {'server':8} {'requests/s':>11} {'Gbit/s':>8} {'CPU us/request':>15} "
          f"{'core busy':>10} {'p99 ms':>8}")
    for c in cases:
        for s in servers:
            if results.has(c, s):
                row = [results.median(c, s, f)
                       for f in ("per_s", "gbit_per_s", "cpu_us", "busy", "p99_ms")]
                print(f"{c.name:18} {s:8} {row[0]:11.0f} {row[1]:8.2f} {row[2]:15.2f} "
                      f"{row[3]:10.0%} {show(row[4], 8, 2)}")
    peers = [s for s in servers if s != "byeori"]
    print("\nCPU per request, byeori over peer: below 1, byeori needs less\n")
    print("| | " + " | ".join(peers) + " | bar |\n|" + "---|" * (len(peers) + 2))
    for c in cases:
        ratios = [show(results.ratio(c, p), 0, 2) for p in peers]
        print(f"| {c.name} | " + " | ".join(ratios) + f" | {verdict(results, c, servers)} |")


def arguments():
    parser = argparse.ArgumentParser(prog="./byeori bench peers",
                                     description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=1, help="of each measurement")
    parser.add_argument("--peers", nargs="+", metavar="NAME",
                        help="installed where missing; all, or of: " + " ".join(list(SERVERS)[1:]) +
                        "; default: for each case whom its bar names")
    parser.add_argument("--cases", nargs="+", default=SHORT, metavar="CASE",
                        help="all, or of: " + " ".join(CASES))
    parser.add_argument("--json", help="write all rounds to this file")
    parser.add_argument("--plot", help="draw the medians into this file (.svg or .png)")
    return parser.parse_args()


def chosen(names, known, what):
    if names == ["all"]:
        return list(known)
    unknown = [n for n in names if n not in known]
    if unknown:
        raise Trouble(f"no {what} {unknown[0]!r}", f"all, or of: {' '.join(known)}")
    return names


def is_wanted(options, case, server):
    return options.peers is not None or server == "byeori" or case.bar[0] in (server, "best")


def measure_all(options, cases, servers, origin):
    results = Results()
    for turn in range(options.rounds):
        for c in cases:
            for s in servers:
                if c.protocol not in s.protocols or not is_wanted(options, c, s.name):
                    continue
                m = measure(s, origin, c, options)
                results.add(c, s.name, m)
                print(f"round {turn + 1} {c.name:18} {s.name:8} {m['per_s']:9.0f} requests/s "
                      f"{m['cpu_us']:9.2f} us", flush=True)
    return results


def run(options, classes, cases, folder):
    authority = Authority(folder)
    options.openssl_conf = folder / "openssl.cnf"
    options.openssl_conf.write_text(OPENSSL_CONF)
    origin = Origin()
    for c in cases:
        origin.page(c.path, Content(c.size), cache="max-age=86400", etag=f'"{c.size}"')
    setting = Setting(folder, origin.address, SERVER_CORE, authority.certificate("edge", [HOST]))
    servers = [c(setting) for c in classes]
    try:
        for s in servers:
            if s.has_files:
                s.start()
                check(s, origin, cases, authority.client_context())
        return measure_all(options, cases, servers, origin)
    finally:
        for s in servers:
            s.stop()
        origin.stop()


def take_turns():
    """At real-time priority "first in, first out" wrk's thread that ends a measurement would wait
    for its thread that reads, which a fast server never lets sleep: they share a core."""
    if os.sched_getscheduler(0) == os.SCHED_FIFO:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_getparam(0))


def main():
    options = arguments()
    take_turns()
    if (os.cpu_count() or 1) < 2:
        raise Trouble("one core only", "server and client need a core each")
    peers = chosen(options.peers or BAR_PEERS, [s for s in SERVERS if s != "byeori"], "peer")
    cases = [CASES[k] for k in chosen(options.cases, CASES, "case")]
    classes = [SERVERS["byeori"], *(SERVERS[p] for p in peers)]
    packages.install("peers")
    packages.install_names([c.package for c in classes if not c.is_installed()])
    with tempfile.TemporaryDirectory(dir=MEMORY_DISK if MEMORY_DISK.is_dir() else None) as folder:
        os.chmod(folder, 0o755)  # for servers that do not stay root
        results = run(options, classes, cases, Path(folder))
    tables(results, cases, ["byeori", *peers])
    if options.json:
        rows = [{"case": c, "server": s, "rounds": r} for (c, s), r in results.rounds.items()]
        Path(options.json).write_text(json.dumps(rows, indent=1))
    if options.plot:
        plot.draw(results, cases, ["byeori", *peers], options.plot)


if __name__ == "__main__":
    try:
        main()
    except Trouble as trouble:
        sys.exit(f"bench peers: {trouble}")
