# SPDX-License-Identifier: MIT
"""The picture of a run: for each case, CPU per request of every server over byeori's, on a
logarithmic scale, drawn by gnuplot."""

import subprocess
from pathlib import Path

from tests.harness import packages
from tests.harness.trouble import Trouble

COLOURS = ["#c8553d", "#9aa0a6", "#3d7ea6", "#5b8e55", "#8d6cab", "#c9a227", "#4d4d4d"]

SCRIPT = """
set terminal {terminal} size 1500,640 font ",12"
set output "{out}"
set title "CPU time of the server for one hit, over byeori's (below 1: less than byeori); \\
floor: a program that only sends what it has ready"
set style data histograms
set style histogram clustered gap 1
set style fill solid 0.9 noborder
set boxwidth 0.9
set logscale y 2
set yrange [{low}:{high}]
set ytics (0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 8, 12)
set grid ytics lc rgb "#dddddd"
set xtics rotate by -30 scale 0
set key outside right top
set datafile missing "-"
plot {columns}
"""


def draw(results, cases, servers, out):
    kinds = {".svg": "svg background rgb 'white'", ".png": "pngcairo"}
    terminal = kinds.get(Path(out).suffix)
    if terminal is None:
        raise Trouble(f"{out}: neither .svg nor .png", "name it so")
    packages.install("plot")
    values, lines = [], ["case " + " ".join(servers)]
    for c in cases:
        cells = []
        for s in servers:
            ratio = 1 / results.ratio(c, s) if results.has(c, s) else None
            values += [ratio] if ratio else []
            cells.append(f"{ratio:.3f}" if ratio else "-")
        lines.append(f'"{c.name}" ' + " ".join(cells))
    columns = [f"'-' using {i + 2}:xtic(1) title '{s}' lc rgb '{COLOURS[i % len(COLOURS)]}'"
               for i, s in enumerate(servers)]
    data = "\n".join(lines[1:]) + "\ne\n"
    script = SCRIPT.format(terminal=terminal, out=out, columns=", ".join(columns),
                           low=min(values) / 1.2, high=max(values) * 1.2)
    done = subprocess.run(["gnuplot"], input=script + data * len(servers), text=True,
                          capture_output=True)
    if done.returncode != 0:
        raise Trouble("gnuplot failed", done.stderr.strip())
    print(f"\ndrawn into {out}")
