# SPDX-License-Identifier: MIT
"""Bytes missed by the edge's own store and policies, beside other caches of the same bytes."""

import argparse
import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.harness import builds

KINDS = {"game": 1, "vod": 1, "web": 1, "week": 10}  # and their places
EDGES = ("byeori s3-fifo", "byeori lru", "byeori clock")
BARS = {"ratio": 0.825, "cell": 1.01, "written": 0.05, "block": 128, "requests": 2e6}


def program(path):
    return str(builds.ROOT / "build/bench" / path)


def make(folder, kind, seed, load):
    path = folder / f"{kind}-{seed}"
    subprocess.run([program("traces/trace_make"), kind, path, "--seed", str(seed),
                    "--load", str(load), "--places", str(KINDS[kind])], check=True)
    return path


def simulate(path, share, memory):
    said = subprocess.run([program("sim/byeori_sim"), path, "--share", str(share),
                           "--memory", str(memory)],
                          check=True, capture_output=True, text=True).stdout
    return {r["cache"]: r for r in map(json.loads, said.splitlines())}


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
         ("written", "/ asked"), ("bytes a", "block"), ("ns a", "block"), ("million", "requests/s"))


def show_means(cells, names):
    print()
    for line in zip(*HEADS):
        print(" " * 16 + " ".join(f"{text:>10}" for text in line))
    for n in names:
        rows = [c[n] for c in cells.values()]
        figures = (f"{of_lru(cells, n):.3f}", f"{worst_of_s3(cells, n):.3f}",
                   f"{mean(r['object_miss'] for r in rows):.3f}",
                   f"{mean(r['disk_written'] for r in rows):.3f}",
                   f"{max(r['block_bytes'] for r in rows):.0f}",
                   f"{mean(r['ns'] for r in rows):.0f}",
                   f"{mean(r['requests_s'] for r in rows) / 1e6:.2f}")
        print(f"{n:16}" + " ".join(f"{f:>10}" for f in figures))


def show_bars(cells):
    name = EDGES[0]
    rows = [c[name] for c in cells.values()]
    found = {"ratio": of_lru(cells, name), "cell": worst_of_s3(cells, name),
             "written": mean(r["disk_written"] for r in rows),
             "block": max(r["block_bytes"] for r in rows),
             "requests": mean(r["requests_s"] for r in rows)}
    print(f"\n{name}:")
    for bar, bound in BARS.items():
        is_held = found[bar] >= bound if bar == "requests" else found[bar] <= bound
        print(f"  {bar:9} {found[bar]:12.3f}  bar {bound:g}: {'held' if is_held else 'missed'}")


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
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", type=Path)
    a = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="byeori-sim-") as folder:
        traces = a.trace or [make(Path(folder), k, s, a.load) for k in a.kinds for s in a.seeds]
        wanted = [(t, s) for t in traces for s in a.shares]
        with ThreadPoolExecutor(a.jobs) as pool:
            found = pool.map(lambda w: simulate(*w, a.memory), wanted)
            cells = {(t.name, s): f for (t, s), f in zip(wanted, found)}
    show_means(cells, show_cells(cells))
    show_bars(cells)
    if a.json:
        a.json.write_text(json.dumps([r for c in cells.values() for r in c.values()], indent=1))


if __name__ == "__main__":
    sys.exit(main())
