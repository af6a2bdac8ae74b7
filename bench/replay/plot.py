# SPDX-License-Identifier: MIT
"""The picture of a comparison: what is demanded and what the origin sends with each system over the
week, who serves the bytes, and what a month costs. Drawn by gnuplot."""

import subprocess

from tests.harness import packages

COLOURS = ["#d95f02", "#2c7fb8", "#5b8e55", "#8d6cab"]

SCRIPT = """
set datafile separator ","
set terminal {terminal}
set output "{out}"
set multiplot title "{kind}: one trace through each system, cache {cache} \\
(demand scaled to 60 Gb/s)" font ",15"
set grid ytics lc rgb "#dddddd"
set style fill solid 0.85 noborder
set size 1,0.52
set origin 0,0.44
set xlabel "day of the week's trace"
set ylabel "Gb/s, means of an hour"
set yrange [0:*]
set xrange [{first}:{last}]
set key outside right top samplen 2
plot "{hours}" using ($1/86400):2 with filledcurves x1 lc rgb "#d9d9d9" title "demand", {lines}
set size 0.5,0.44
set origin 0,0
set xrange [-0.6:{last_bar}]
set xlabel ""
set ylabel "% of the bytes that users took"
set yrange [0:122]
set ytics 0,20,100
set key inside top center horizontal samplen 2 font ",11"
set style data histogram
set style histogram rowstacked
set boxwidth 0.6
set xtics nomirror
plot "{bars}" using 3:xtic(1) lc rgb "#d95f02" title "from the origin", \\
     "" using 2 lc rgb "#9ecae1" title "served from the edge", \\
     "" using 0:3:(sprintf("%.1f %%", $3)) with labels offset 0,0.7 notitle
set origin 0.5,0
set ytics autofreq
set ylabel "million won a month at the origin's line"
set yrange [0:{most_won}]
unset key
set style histogram clustered gap 1
plot "{bars}" using 4:xtic(1) lc rgb "#d95f02" notitle, \\
     "" using 0:4:(sprintf("%.0f", $4)) with labels offset 0,0.7 notitle
unset multiplot
"""


def hours_of(rows):
    """Means over an hour of rows of (seconds, Gb/s ...)."""
    groups = {}
    for t, *values in rows:
        groups.setdefault(t // 3600, []).append(values)
    for hour, group in sorted(groups.items()):
        yield [hour * 3600 + 1800, *(sum(v) / len(group) for v in zip(*group))]


def write_csv(path, rows):
    path.write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
    return path


def plot(kind, rows, names, cost, cache, folder):
    """KIND.png and KIND.svg. rows: (seconds, demand and then each system's origin in Gb/s)."""
    packages.install("plot")
    folder.mkdir(parents=True, exist_ok=True)
    hours = write_csv(folder / f"{kind}-gbps.csv", hours_of(rows))
    sums = [sum(column) for column in list(zip(*rows))[1:]]
    missed = [100 * s / sums[0] for s in sums]
    bars = write_csv(folder / f"{kind}-bars.csv", [
        (name, max(100 - m, 0), m, cost[column] / 1e6) for name, column, m in
        zip(["no cache", *names], ["demand", *names], missed)])
    lines = ", ".join(f'"" using ($1/86400):{n + 3} with lines lw 1.8 lc rgb "{COLOURS[n]}" '
                      f'title "origin, {name}"' for n, name in enumerate(names))
    for ending, terminal in (("png", "pngcairo size 1200,900"), ("svg", "svg size 1200,900")):
        out = folder / f"{kind}.{ending}"
        script = SCRIPT.format(terminal=terminal, out=out, kind=kind, cache=cache, hours=hours,
                               bars=bars, lines=lines, first=rows[0][0] / 86400,
                               last=rows[-1][0] / 86400, last_bar=len(names) + 0.6,
                               most_won=1.15 * max(cost.values()) / 1e6)
        subprocess.run(["gnuplot"], input=script, text=True, check=True)
        print(f"  plot: {out}")
