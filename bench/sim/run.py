# SPDX-License-Identifier: MIT
"""Bytes missed by the edge's own store and policies, beside other caches of the same bytes."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.harness import builds

KINDS = {"game": 1, "vod": 1, "web": 1, "week": 10}  # and their places
EDGES = ("byeori s3-fifo", "byeori learned", "byeori lru", "byeori clock")
OTHERS = ("LRU", "FIFO", "S3-FIFO 10%", "SIEVE", "W-TinyLFU", "GDSF", "Belady")
# Upper bounds, but of the last two: blocks decided a second and core, requests a second in all.
BARS = {"ratio": 0.825, "cell": 1.01, "written": 0.05, "block": 128, "decisions": 1e6,
        "requests": 2e6}


def program(path):
    return str(builds.ROOT / "build/bench" / path)


def make(folder, kind, seed, load):
    path = folder / f"{kind}-{seed}"
    subprocess.run([program("traces/trace_make"), kind, path, "--seed", str(seed),
                    "--load", str(load), "--places", str(KINDS[kind])], check=True)
    return path


def simulate(a, traces, caches):
    """Plays every cell of these caches: {(trace, share): {cache: row}}, and what all of it took."""
    # What it asks for at random is spread over much memory: large pages, where there are some.
    huge = {**os.environ, "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
    # The longest first: no core is left with a long one at the end.
    ordered = sorted(traces, key=lambda t: t.stat().st_size, reverse=True)
    said = subprocess.run([program("sim/byeori_sim"), *ordered,
                           "--share", ",".join(map(str, a.shares)), "--memory", str(a.memory),
                           "--jobs", str(a.jobs), "--only", ",".join(caches)],
                          check=True, capture_output=True, text=True, env=huge).stdout
    *rows, whole = map(json.loads, said.splitlines())
    found = {(r["trace"], r["share"], r["cache"]): r for r in rows}
    return {(t.name, s): {c: found[str(t), s, c] for c in caches}
            for t in traces for s in a.shares}, whole


def show_cells(cells):
    names = list(next(iter(cells.values())))
    print(f"{'bytes missed':12} {'cache':>6} " + " ".join(f"{n[-13:]:>13}" for n in names))
    for (trace, share), cell in cells.items():
        print(f"{trace:12} {share:6.0%} " + " ".join(f"{cell[n]['byte_miss']:13.4f}"
                                              for n in names))
    return names


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def of_lru(cells, name):
    return mean(c[name]["byte_miss"] / c["LRU"]["byte_miss"] for c in cells.values())


def worst_of_s3(cells, name):
    return max(c[name]["byte_miss"] / c["S3-FIFO 10%"]["byte_miss"] for c in cells.values())


HEADS = (("of LRU", "missed"), ("worst of", "S3-FIFO"), ("objects", "missed"),
         ("written", "/ asked"), ("read", "/ asked"), ("bytes a", "block"), ("bytes an", "object"),
         ("million", "blocks/s"), ("million", "requests/s"))


def show_means(cells, names):
    print()
    for line in zip(*HEADS):
        print(" " * 16 + " ".join(f"{text:>10}" for text in line))
    for n in names:
        rows = [c[n] for c in cells.values()]
        figures = (f"{of_lru(cells, n):.3f}", f"{worst_of_s3(cells, n):.3f}",
                   f"{mean(r['object_miss'] for r in rows):.3f}",
                   f"{mean(r['disk_written'] for r in rows):.3f}",
                   f"{mean(r.get('disk_read', 0) for r in rows):.3f}",
                   f"{max(r['block_bytes'] for r in rows):.0f}",
                   f"{max(r.get('object_bytes', 0) for r in rows):.0f}",
                   f"{decisions(rows) / 1e6:.2f}",
                   f"{mean(r['requests_s'] for r in rows) / 1e6:.2f}")
        print(f"{n:16}" + " ".join(f"{f:>10}" for f in figures))


def decisions(rows):
    """Blocks decided in a second of a core's time, over all rows."""
    return 1e9 / mean(r["ns"] for r in rows)


def show_bars(cells, whole):
    name = EDGES[0]
    rows = [c[name] for c in cells.values()]
    found = {"ratio": of_lru(cells, name), "cell": worst_of_s3(cells, name),
             "written": mean(r["disk_written"] for r in rows),
             "block": max(r["block_bytes"] for r in rows),
             "decisions": decisions(rows), "requests": whole["requests_s"]}
    print(f"\n{name}: {whole['cells']} cells in {whole['seconds']:.1f} s, "
          f"{whole['jobs']} at a time")
    for bar, bound in BARS.items():
        is_rate = bar in ("decisions", "requests")
        is_held = found[bar] >= bound if is_rate else found[bar] <= bound
        print(f"  {bar:9} {found[bar]:12.3f}  bar {bound:g}: {'held' if is_held else 'missed'}")


def show_network(a, folder):
    """The whole network: real routing, the real store at each edge and at one shield."""
    trace = folder / "network"
    subprocess.run([program("traces/trace_make"), "week", trace, "--seed", str(a.seeds[0]),
                    "--load", str(a.load), "--places", str(a.places)], check=True)
    said = subprocess.run([program("sim/byeori_network"), trace, "--places", str(a.places),
                           "--edges", str(a.edges), "--edge-share", str(a.edge_share),
                           "--shield-share", str(a.shield_share)],
                          check=True, capture_output=True, text=True).stdout
    r = json.loads(said)
    print(f"{r['places']} places, {r['edges']} edges of {r['edge_share']:.1%} of the trace's bytes "
          f"each, one shield of {r['shield_share']:.0%}\n"
          f"  from edges {r['from_edge']:.1%}, from the shield {r['from_shield']:.1%}, "
          f"from the origin {r['from_origin']:.1%}\n"
          f"  sent from another place than the user's: {r['other_place']:.2%}\n"
          f"  busiest edge of a place over its mean, by hours: {r['skew_mean']:.2f} on average, "
          f"{r['skew_worst']:.2f} at worst\n"
          f"  95th percentile: {r['asked_gbps_95']:.2f} Gb/s asked for, {r['origin_gbps_95']:.2f} "
          f"from the origin: {r['won_without']:,.0f} won a month without, "
          f"{r['won_with']:,.0f} with\n"
          f"  {r['requests_s']:,.0f} requests/s simulated on one core")


def show_caches(a, folder):
    traces = a.trace or [make(folder, k, s, a.load) for k in a.kinds for s in a.seeds]
    ours, whole = simulate(a, traces, EDGES[:1])  # alone: its requests a second are the machine's
    others, _ = simulate(a, traces, OTHERS + EDGES[1:])
    cells = {key: {**others[key], **ours[key]} for key in ours}
    show_means(cells, show_cells(cells))
    show_bars(cells, whole)
    if a.json:
        a.json.write_text(json.dumps([r for c in cells.values() for r in c.values()], indent=1))


def main():
    parser = argparse.ArgumentParser(prog="./byeori bench sim", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[11])
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--shares", type=float, nargs="+", default=[0.01, 0.02, 0.05, 0.07, 0.10])
    parser.add_argument("--memory", type=float, default=0.1,
                        help="memory's part of the cache; 1: no disk")
    parser.add_argument("--load", type=float, default=0.1,
                        help="arrivals; 1: as bench/traces says")
    parser.add_argument("--trace", type=Path, nargs="+", default=[],
                        help="traces instead of generated ones")
    parser.add_argument("--places", type=int, help="simulate a network over so many places instead")
    parser.add_argument("--edges", type=int, default=1000)
    parser.add_argument("--edge-share", type=float, default=0.01)
    parser.add_argument("--shield-share", type=float, default=0.2)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path)
    a = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="byeori-sim-") as folder:
        show = show_network if a.places else show_caches
        show(a, Path(folder))


if __name__ == "__main__":
    sys.exit(main())
