# SPDX-License-Identifier: MIT
"""A trace through real edges and a scripted origin: wrong bytes, ledger differences, requests/s."""

import argparse
import sys
import tempfile
from pathlib import Path

from bench.replay.network import Network, trace_make
from bench.replay.peers import PEERS, compare
from tests.harness.builds import ROOT
from tests.harness.trouble import Trouble

KINDS = {"game": 1, "vod": 1, "web": 1, "week": 3}      # and their places


def cpu_us(said, whose):
    return said[f"{whose}_cpu_s"] * 1e6 / said["requests"]


def show(what, said):
    rate = said["requests"] / said["seconds"]
    ratio = said["origin_body_bytes"] / said["client_bytes"]
    print(f"{what}: {said['requests']:,} requests in {said['seconds']:.1f} s ({rate:,.0f}/s; "
          f"{said['settled_s']:.1f} s between samples), bytes 1 : {said['byte_factor']}, time "
          f"{said['time_factor']:g} : 1\n"
          f"  {said['client_bytes'] / 1e6:,.0f} MB to clients, {ratio:.1%} of it from the origin; "
          f"{said['left']:,} clients left in the middle, at most {said['most_connections']:,} "
          f"connections\n"
          f"  wrong {said['wrong']}, old {said['old']}, failed {said['failed']}; ledger and own "
          f"count apart over {said['samples']:,} samples: clients {said['client_apart']} bytes, "
          f"origin {said['origin_apart']} bytes; latest request {said['latest_s']:.2f} s after it "
          f"was due\n"
          f"  processor time of a request: clients and origin {cpu_us(said, 'client'):.0f} us, "
          f"servers {cpu_us(said, 'servers'):.0f} us", flush=True)


def play_kind(a, folder, kind):
    """Through as many edges as places and one shield."""
    trace = trace_make(kind, folder / kind, seed=a.seed, load=a.load, days=a.days,
                       places=KINDS[kind])
    with Network(folder, KINDS[kind], a.edge, a.shield) as n:
        said, _, code = n.play(trace, folder / "samples", byte_factor=a.byte_factor,
                               time_factor=a.time_factor, in_place=a.in_place)
    show(kind, said)
    return code


def play_fast(a, folder):
    """Small objects from one edge as fast as they go: the clock is far ahead of what can be."""
    trace = trace_make("web", folder / "fast", seed=a.seed, load=a.fast, days=1, places=1)
    with Network(folder, 1, "512MiB") as n:
        said, _, code = n.play(trace, folder / "samples", byte_factor=64, time_factor=1e6,
                               sample=86400, waiting=256)
    show("as fast as it goes", said)
    return code


def main():
    parser = argparse.ArgumentParser(prog="./byeori bench replay", description=__doc__)
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--seed", type=int, default=8)
    parser.add_argument("--load", type=float, default=0.02)
    parser.add_argument("--days", type=float, default=1)
    parser.add_argument("--edge", default="32MiB")
    parser.add_argument("--shield", default="128MiB")
    parser.add_argument("--byte-factor", type=int, default=16)
    parser.add_argument("--time-factor", type=float, default=14400)
    parser.add_argument("--in-place", action="store_true",
                        help="patches replace files under their names; the origin is always asked")
    parser.add_argument("--fast", type=float, default=1,
                        help="load of the web trace that is played as fast as it goes; 0: none")
    parser.add_argument("--peers", nargs="*", choices=list(PEERS), metavar="NAME",
                        help="instead: byeori and these side by side (none named: all), a week of "
                        "each kind, with plots: " + ", ".join(PEERS))
    parser.add_argument("--part", type=float, default=1,
                        help="of the files of a comparison: less for a quick look")
    parser.add_argument("--plot", type=Path, default=ROOT / ".cache/replay")
    a = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="byeori-", dir="/dev/shm") as folder:
        if a.peers is not None:
            is_held = compare(a.kinds, a.peers or list(PEERS), a.part, Path(folder), a.plot)
            return 0 if is_held else 1
        codes = [play_kind(a, Path(folder), kind) for kind in a.kinds]
        if a.fast > 0:
            codes.append(play_fast(a, Path(folder)))
    return max(codes)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Trouble as trouble:
        sys.exit(f"bench: {trouble}")
