# SPDX-License-Identifier: MIT
"""What a month costs without a cache and with byeori: for a game publisher, for a distributor."""

import argparse
import csv
import json
import struct
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench.replay.network import Network, trace_make
from tests.harness import builds, packages
from tests.harness.trouble import Trouble

DEMAND_GBPS = 60
SAMPLE_S, HEAD_BYTES, PLACES, SEED = 300, 64, 10, 8
REAL_BYTES, REAL_BLOCK, REAL_TIME = 4, 256 << 10, 30000     # the simulation's block, made fewer
ROW = struct.Struct("<8xQQ40x")     # object, size
TAKEN = struct.Struct("<40xQ16x")


@dataclass(frozen=True)
class Preset:
    """bench/README.md has these in words; they stay as they are."""

    kind: str
    edge_share: float
    shield_share: float
    bar: float          # share of the demand that may come from the origin
    by: str             # "bytes" or "95th percentile"


PRESETS = {"game": Preset("game", 0.10, 0.50, 4 / 96, "bytes"),
           "distributor": Preset("week", 0.05, 0.20, 25 / 60, "95th percentile")}


def program(path):
    return str(builds.ROOT / "build/bench" / path)


def lines_of(*command):
    done = subprocess.run([str(word) for word in command], check=True, capture_output=True,
                          text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def catalogue_bytes(trace):
    """Of the newest version of every file that is asked for."""
    data = memoryview(trace.read_bytes())[HEAD_BYTES:]
    return sum(dict(ROW.iter_unpack(data)).values())


def taken_bytes(trace):
    data = memoryview(trace.read_bytes())[HEAD_BYTES:]
    return sum(taken for taken, in TAKEN.iter_unpack(data))


def simulate(preset, folder, load):
    """(what byeori_network says, and how often the catalogue's bytes are asked for; its samples'
    file)"""
    trace, samples = folder / preset.kind, folder / f"{preset.kind}.csv"
    subprocess.run([program("traces/trace_make"), preset.kind, trace, "--seed", str(SEED),
                    "--load", str(load), "--places", str(PLACES)], check=True)
    whole = catalogue_bytes(trace)
    said, = lines_of(program("sim/byeori_network"), trace, "--places", PLACES, "--edges", PLACES,
                     "--edge-bytes", preset.edge_share * whole,
                     "--shield-bytes", preset.shield_share * whole, "--samples", samples,
                     "--explain", "yes")
    said["times_asked"] = taken_bytes(trace) / whole
    trace.unlink()
    return said, samples


def sweep(name, loads, folder):
    """What is left for the origin as more is asked for of the same catalogue, behind the same
    caches: an edge or a shield cannot have what nobody asked for before."""
    preset = PRESETS[name]
    print(f"\n{name}: each edge {preset.edge_share:.0%} of the catalogue, shield "
          f"{preset.shield_share:.0%}; shares of all bytes that users took\n"
          f"{'':6} {'catalogue':>10} {'origin :':>12} {'never asked':>12} {'given up by':>12} "
          f"{'Belady at':>10}\n"
          f"{'load':6} {'asked for':>10} {'users':>12} {'for before':>12} {'the shield':>12} "
          f"{'all caches':>10}")
    for load in loads:
        said, _ = simulate(preset, folder, load)
        origin = said["from_origin"]
        ratio = f"{origin * 100:.1f} : {100 - origin * 100:.1f}"
        print(f"{load:<6g} {said['times_asked']:8.1f} x {ratio:>12} {said['origin_first']:12.1%} "
              f"{said['origin_again']:12.1%} {said['belady_both']:10.1%}", flush=True)


def play_real(preset, folder, part):
    """The same network of real processes, a part of the trace's files, and caches smaller alike:
    prints what came from where, beside a simulation of that."""
    whole, trace = folder / "whole", folder / "part"
    trace_make(preset.kind, whole, seed=SEED, load=1, places=PLACES)
    trace_make("sample", whole, trace, part=part)
    whole.unlink()
    catalogue = catalogue_bytes(trace)
    simulated, = lines_of(program("sim/byeori_network"), trace, "--places", PLACES, "--edges",
                          PLACES, "--edge-bytes", preset.edge_share * catalogue, "--shield-bytes",
                          preset.shield_share * catalogue)
    with Network(folder, PLACES, int(preset.edge_share * catalogue / REAL_BYTES),
                 int(preset.shield_share * catalogue / REAL_BYTES),
                 site={"block": str(REAL_BLOCK)}) as n:
        said, samples, code = n.play(trace, folder / "samples", byte_factor=REAL_BYTES,
                                     time_factor=REAL_TIME, waiting=64)
    rows = [s for s in samples if s["time_s"] >= said["warm_s"]]
    total = {k: sum(r[k] for r in rows) for k in ("client_bytes", "origin_bytes", "shield_bytes")}
    origin = total["origin_bytes"] / total["client_bytes"]
    print(f"  through real processes, {part:.1%} of the files, bytes 1 : {REAL_BYTES}: ratio "
          f"{origin * 100:.1f} : {100 - origin * 100:.1f} (simulated: "
          f"{simulated['from_origin'] * 100:.1f}); bytes through the shield "
          f"{total['shield_bytes'] / total['client_bytes']:.1%}; {said['requests']:,} requests, "
          f"wrong {said['wrong']}, failed {said['failed']}, ledgers apart "
          f"{said['client_apart'] + said['origin_apart']} bytes", flush=True)
    return code == 0


def p95(values):
    """As control/billing/percentile.h, for the factor alone; the bill is made by bill.c."""
    kept = sorted(values)
    return kept[len(kept) - 1 - len(kept) // 20]


def read_samples(path):
    with open(path) as file:
        return [{k: int(v) for k, v in row.items()} for row in csv.DictReader(file)]


def money(won, rate):
    return f"{won / 1e6:,.1f} M won ({won / rate / 1e3:,.1f} k USD)"


def show_reasons(said):
    """What the misses are made of, in shares of all bytes that users took."""
    share = {k: f"{v:.1%}" for k, v in said.items() if isinstance(v, float)}
    missed = said["edge_first"] + said["edge_again"]
    print(f"  missed by edges {missed:.1%}: {share['edge_first']} never asked of that edge before, "
          f"{share['edge_again']} given up by it\n"
          f"  from the origin {share['from_origin']}: {share['origin_first']} never asked for "
          f"before by anybody, {share['origin_again']} given up by the shield\n"
          f"  who knew the future (Belady) at the shield: {share['belady_shield']}, at the edges "
          f"too: {share['belady_both']} from the origin")


def show(name, preset, said, rows, bills, rate):
    total = {k: sum(r[k] for r in rows) for k in ("demand", "above", "origin")}
    cost = {(b["column"], b["tariff"]): b for b in bills}
    first = bills[0]["tariff"]
    gbps = {c: cost[c, first]["p95_bytes_per_s"] * 8 / 1e9 for c in total}
    saved = cost["demand", first]["cost"] - cost["origin", first]["cost"]
    ratio = total["origin"] / total["demand"]
    found = ratio / (1 - ratio) if preset.by == "bytes" else gbps["origin"] / gbps["demand"]
    print(f"\n{name}: {gbps['demand']:.1f} Gb/s demanded -> {gbps['origin']:.1f} Gb/s from origin, "
          f"{saved:,.0f} won saved a month, ratio {ratio * 100:.1f} : {100 - ratio * 100:.1f}")
    print(f"  by simulation; each edge {preset.edge_share:.0%} of the catalogue, shield "
          f"{preset.shield_share:.0%}; bytes from edges {1 - total['above'] / total['demand']:.1%},"
          f" shield {(total['above'] - total['origin']) / total['demand']:.1%}, origin {ratio:.1%}")
    print(f"  bar: {preset.bar:.3f} by {preset.by}; found {found:.3f}: "
          f"{'reached' if found <= preset.bar else 'missed'}; {said['requests_s']:,.0f} requests/s "
          "simulated")
    show_reasons(said)
    print(f"  {'a month at the origin':22} {'without a cache':>36} {'with byeori':>36}")
    for tariff in dict.fromkeys(b["tariff"] for b in bills):
        both = [money(cost[c, tariff]["cost"], rate) for c in ("demand", "origin")]
        print(f"  {tariff:22} {both[0]:>36} {both[1]:>36}", flush=True)
    return found <= preset.bar


PLOT = """
set datafile separator ","
set terminal {terminal}
set output "{out}"
set multiplot layout 2,1 title "{title}" font ",15"
set xlabel "day of the week's trace"
set ylabel "Gb/s, five-minute samples"
set yrange [0:*]
set grid ytics lc rgb "#dddddd"
set key outside right top
set style fill solid 0.85 noborder
plot "{rows}" using ($1/86400):2 with filledcurves x1 lc rgb "#d9d9d9" title "demand", \\
     "" using ($1/86400):($2-$3) with lines lw 1.5 lc rgb "#2c7fb8" title "served from edges", \\
     "" using ($1/86400):4 with lines lw 1.5 lc rgb "#d95f02" title "from the origin", \\
     "" using ($1/86400):{p95_demand} with lines dt 2 lc rgb "#777777" title "95th pct., demand", \\
     "" using ($1/86400):{p95_origin} with lines dt 2 lc rgb "#d95f02" title "95th pct., origin"
set xlabel "tariff at the origin's line"
set ylabel "million won a month"
set yrange [0:{most_won}]
set style data histogram
set style histogram clustered gap 1
set xtics nomirror
plot "{bills}" using 2:xtic(1) lc rgb "#d9d9d9" title "without a cache", \\
     "" using 3 lc rgb "#d95f02" title "with byeori", \\
     "" using ($0-0.17):2:(sprintf("%.0f", $2)) with labels offset 0,0.6 notitle, \\
     "" using ($0+0.17):3:(sprintf("%.0f", $3)) with labels offset 0,0.6 notitle
unset multiplot
"""


def plot(name, rows, bills, factor, folder):
    """NAME.png and NAME.svg."""
    packages.install("plot")
    gbps = factor * 8 / SAMPLE_S / 1e9
    data, costs = folder / f"{name}-gbps.csv", folder / f"{name}-won.csv"
    data.write_text("".join(
        f"{r['time_s']},{r['demand'] * gbps},{r['above'] * gbps},{r['origin'] * gbps}\n"
        for r in rows))
    cost = {(b["column"], b["tariff"]): b["cost"] / 1e6 for b in bills}
    tariffs = dict.fromkeys(b["tariff"] for b in bills)
    costs.write_text("".join(f'"{t.replace(",", "")}",{cost["demand", t]},{cost["origin", t]}\n'
                             for t in tariffs))
    p95s = {b["column"]: b["p95_bytes_per_s"] * 8 / 1e9 for b in bills}
    for ending, terminal in (("png", "pngcairo size 1200,900"), ("svg", "svg size 1200,900")):
        script = PLOT.format(terminal=terminal, out=folder / f"{name}.{ending}", rows=data,
                             bills=costs, p95_demand=f"({p95s['demand']})",
                             p95_origin=f"({p95s['origin']})",
                             most_won=1.15 * max(cost.values()),
                             title=f"byeori, preset {name}: demand and what the origin sends "
                                   "(simulation)")
        subprocess.run(["gnuplot"], input=script, text=True, check=True)
        print(f"  plot: {folder / f'{name}.{ending}'}")


def play(name, a, folder):
    preset = PRESETS[name]
    said, samples = simulate(preset, folder, a.load)
    rows = read_samples(samples)
    factor = DEMAND_GBPS * 1e9 / 8 * SAMPLE_S / p95(r["demand"] for r in rows)
    bills = lines_of(program("cost/bill"), a.prices, samples, factor)
    is_held = show(name, preset, said, rows, bills, a.won_per_usd)
    a.plot.mkdir(parents=True, exist_ok=True)
    plot(name, rows, bills, factor, a.plot)
    is_right = a.real == 0 or play_real(preset, folder, a.real)
    return is_held and is_right


def main():
    parser = argparse.ArgumentParser(prog="./byeori bench cost", description=__doc__)
    parser.add_argument("--preset", nargs="+", default=list(PRESETS), choices=list(PRESETS))
    parser.add_argument("--prices", type=Path, default=Path(__file__).parent / "prices.conf")
    parser.add_argument("--won-per-usd", type=float, default=1400)
    parser.add_argument("--load", type=float, default=1, help="less for a quick look; presets: 1")
    parser.add_argument("--loads", type=float, nargs="+", metavar="LOAD",
                        help="instead: what is left for the origin at each of these loads")
    parser.add_argument("--plot", type=Path, default=builds.ROOT / ".cache/cost")
    parser.add_argument("--real", type=float, default=0, metavar="PART",
                        help="play this part of the files through real processes, too")
    a = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="byeori-cost-", dir="/dev/shm") as folder:
        if a.loads:
            for name in a.preset:
                sweep(name, a.loads, Path(folder))
            return 0
        held = [play(name, a, Path(folder)) for name in a.preset]
    return 0 if all(held) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Trouble as trouble:
        sys.exit(f"bench: {trouble}")
