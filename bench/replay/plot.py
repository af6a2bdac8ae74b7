# SPDX-License-Identifier: MIT
"""The picture of a comparison: what is demanded and what the origin sends with each system over the
week, how that adds up beside byeori's, who serves the bytes, and what a month costs. Drawn by
gnuplot."""

import subprocess

from tests.harness import packages

COLOURS = ["#d95f02", "#2c7fb8", "#5b8e55", "#8d6cab"]
NAMES = {"ats": "Traffic Server", "varnish": "Varnish"}

SCRIPT = """
set datafile separator ","
set terminal {terminal}
set output "{out}"
set multiplot title "{kind}: one trace through each system, a cache of {cache} \
(demand scaled to 60 Gb/s)\\nless from the origin is better everywhere" font ",14"
set grid ytics lc rgb "#dddddd"
set style fill solid 0.85 noborder
set lmargin 10
set rmargin 26
set size 1,0.33
set origin 0,0.61
set ylabel "Gb/s, means of an hour"
set yrange [0:*]
set xrange [{first}:{last}]
set format x ""
set key outside right top samplen 2
plot "{hours}" using ($1/86400):2 with filledcurves x1 lc rgb "#d9d9d9" title "demand", {lines}
set size 1,0.25
set origin 0,0.37
set format x "%g"
set xlabel "day of the week's trace (the time before only warms up)" offset 0,0.5
set ylabel "% of the demand"
set yrange [*:*]
set key title "the origin sent so far,\\nbeyond what it sent byeori"
plot {sums}
set key notitle
set lmargin -1
set rmargin -1
set size 0.5,0.37
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
plot "{bars}" using 3:xtic(1) lc rgb "#d95f02" title "from the origin", \
     "" using 2 lc rgb "#9ecae1" title "served from the edge", \
     "" using 0:3:(sprintf("%.1f %%", $3)) with labels offset 0,0.7 notitle
set origin 0.5,0
set ytics autofreq
set ylabel "million won a month at the origin\\n(95th percentile of 5 min)"
set yrange [0:{most_won}]
unset key
set style histogram clustered gap 1
plot "{bars}" using 4:xtic(1) lc rgb "#d95f02" notitle, \
     "" using 0:4:(sprintf("%.0f", $4)) with labels offset 0,0.7 notitle
unset multiplot
"""


def hours_of(rows):
    """Means over an hour of rows of (seconds, Gb/s ...), and what the systems' add up to until then
    beyond the first one's, in % of the demand until then."""
    groups = {}
    for t, *values in rows:
        groups.setdefault(t // 3600, []).append(values)
    sums = [0] * (len(rows[0]) - 1)
    for hour, group in sorted(groups.items()):
        columns = [sum(v) for v in zip(*group)]
        sums = [s + c for s, c in zip(sums, columns)]
        demand, first, *_ = sums
        yield [hour * 3600 + 1800, *(c / len(group) for c in columns),
               *(100 * (s - first) / demand for s in sums[1:])]


def line(column, number, title):
    return (f'($1/86400):{column} with lines lw {2.4 if number == 0 else 1.6} '
            f'lc rgb "{COLOURS[number]}" title "{title}"')


def write_csv(path, rows):
    path.write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
    return path


def plot(kind, rows, names, cost, cache, folder):
    """KIND.png and KIND.svg. rows: (seconds, demand and then each system's origin in Gb/s)."""
    packages.install("plot")
    folder.mkdir(parents=True, exist_ok=True)
    won = [cost[column] / 1e6 for column in ["demand", *names]]
    names = [NAMES.get(name, name) for name in names]
    hours = write_csv(folder / f"{kind}-gbps.csv", hours_of(rows))
    whole = [sum(column) for column in list(zip(*rows))[1:]]
    missed = [100 * w / whole[0] for w in whole]
    bars = write_csv(folder / f"{kind}-bars.csv", [
        (name, max(100 - m, 0), m, w) for name, m, w in
        zip(["no cache", *names], missed, won)])
    order = range(len(names) - 1, -1, -1)     # byeori's is drawn over the others
    lines = ", ".join(f'"" using {line(n + 3, n, "origin, " + names[n])}' for n in order)
    sums = ", ".join(f'"{hours}" using {line(n + 3 + len(names), n, names[n])}' for n in order)
    for ending, terminal in (("png", "pngcairo size 1200,900"), ("svg", "svg size 1200,900")):
        out = folder / f"{kind}.{ending}"
        script = SCRIPT.format(terminal=terminal, out=out, kind=kind, cache=cache, hours=hours,
                               bars=bars, lines=lines, sums=sums, first=rows[0][0] / 86400,
                               last=rows[-1][0] / 86400, last_bar=len(names) + 0.6,
                               most_won=1.15 * max(won))
        subprocess.run(["gnuplot"], input=script, text=True, check=True)
        print(f"  plot: {out}")
