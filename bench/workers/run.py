# SPDX-License-Identifier: MIT
"""What two workers on two cores do over one, on hits of 1 KB, by processor time of their threads.

The machine may have no third core for clients, its cores may share what makes them fast, and others
may use it. So two edges of one worker each, which share nothing, run beside an edge of two workers,
in turn: each worker is pinned to a core and has a client of its own there (wrk). What a request
costs more in the second case is what the workers of one edge do to each other."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.peers.cases import HERE
from tests.harness import packages
from tests.harness.origin import Origin
from tests.harness.programs import Edge
from tests.harness.trouble import Trouble

HOST, PATH, FILE_BYTES = "test.example", "/file", 1000
BAR, CORES = 1.8, 2


class Case:
    """So many edges of so many workers; each worker on the next core."""

    def __init__(self, folder, origin, edges, workers):
        self.edges, self.workers = [], workers
        for n in range(edges):
            name = f"edge-{workers}-{n}"
            self.edges.append(Edge(folder, [origin.url], host=HOST, name=name,
                                   over={"workers": workers, "access_log": f"{folder}/{name}.log"}))
        for edge in self.edges:
            assert edge.start().get(PATH).status == 200
        for core, task in enumerate(self.tasks()):
            os.sched_setaffinity(int(task.name), {core})

    def stop(self):
        for edge in self.edges:
            edge.stop()

    def tasks(self):
        """The workers' threads, in order."""
        found = []
        for edge in self.edges:
            tasks = Path(f"/proc/{edge.process.pid}/task").iterdir()
            named = {(t / "comm").read_text().strip(): t for t in tasks}
            found += [named[f"worker-{i}"] for i in range(self.workers)]
        return found

    def cpu_us(self):
        return sum(int((t / "schedstat").read_text().split()[0]) for t in self.tasks()) / 1000

    def round(self, seconds, connections):
        """Processor time of the workers for a request, in us."""
        before = self.cpu_us()
        clients = [subprocess.Popen(
            ["taskset", "-c", str(core), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s",
             "-H", f"Host: {HOST}", "-s", str(HERE / "report.lua"),
             f"http://127.0.0.1:{self.edges[core % len(self.edges)].port}{PATH}"],
            stdout=subprocess.PIPE, text=True) for core in range(CORES)]
        seen = [json.loads(c.communicate()[0].splitlines()[-1]) for c in clients]
        if any(s["errors"] for s in seen):
            raise Trouble("hits failed", str(seen))
        return (self.cpu_us() - before) / sum(s["requests"] for s in seen)


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--rounds", type=int, default=7)
    p.add_argument("--seconds", type=int, default=2, help="of each measurement")
    p.add_argument("--connections", type=int, default=256, help="of each client")
    a = p.parse_args()
    if (os.cpu_count() or 1) < CORES:
        raise Trouble("one core only", "two workers need two")
    packages.install("peers")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        origin = Origin()
        origin.page(PATH, os.urandom(FILE_BYTES), cache="max-age=86400")
        cases = []
        try:
            for edges, workers in ((CORES, 1), (1, CORES)):
                cases.append(Case(folder, origin, edges, workers))
            rounds = [[c.round(a.seconds, a.connections) for c in cases] for _ in range(a.rounds)]
        finally:
            for c in cases:
                c.stop()
            origin.stop()
    for i, what in enumerate(("two edges of one worker", "one edge of two workers")):
        print(f"{what:24} {statistics.median(r[i] for r in rounds):6.2f} us for a request")
    times = statistics.median(CORES * alone / together for alone, together in rounds)
    held = "holds" if times >= BAR else "missed"
    print(f"two workers over one: {times:.2f} x; bar {BAR}: {held}")
    return 0 if times >= BAR else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Trouble as trouble:
        sys.exit(f"bench workers: {trouble}")
