# SPDX-License-Identifier: MIT
"""byeori's edges, and a shield where wanted, as real processes in front of the scripted origin of
byeori_replay; and one run of it."""

import csv
import json
import os
import resource
import subprocess
from pathlib import Path

from tests.harness.ports import free_port
from tests.harness.programs import Edge, build_folder

HOST = "replay.example"

# Blocks are smaller as bytes are fewer. A fill claims all that it asks for, and brings it also when
# its reader has left: so each byte that the origin sends is one that an edge reads.
SITE = {"hosts": [HOST], "block": "64KiB", "read_ahead": "64MiB", "parallel": 2}
REST = {"clients": {"idle": "10m"}}   # clients of a compressed night rest for long


def edge_in(folder, name, memory, origins, *, workers=1, site=None):
    return Edge(folder, origins, name=name, host=HOST, site={**SITE, **(site or {})},
                over={"workers": workers, "memory": str(memory), **REST})


class Network:
    """`edges` edges of edge_bytes each; with shield_bytes one shield between them and the origin.
    site: options of the site beside SITE."""

    def __init__(self, folder, edges, edge_bytes, shield_bytes=0, *, workers=1, site=None):
        self.origin_port = free_port()
        origins = [f"http://127.0.0.1:{self.origin_port}"]
        known = {"trusted_proxies": ["127.0.0.1"], **(site or {})}
        self.shields = [edge_in(folder, "shield", shield_bytes, origins, workers=workers,
                                site=known)] if shield_bytes else []
        behind = {"shield": [f"http://127.0.0.1:{s.port}" for s in self.shields],
                  "peer_timeout": "1m"}    # all share two cores: silent is not dead
        site = {**(site or {}), **(behind if self.shields else {})}
        self.edges = [edge_in(folder, f"edge-{n}", edge_bytes, origins, workers=workers,
                              site=site) for n in range(edges)]

    def __enter__(self):
        try:
            for program in self.shields + self.edges:
                program.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for program in self.edges + self.shields:
            program.stop()

    def cpu_s(self):
        """Processor time of all edges and shields so far, user and kernel."""
        ticks = 0
        for program in self.edges + self.shields:
            stat = Path(f"/proc/{program.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += int(stat[11]) + int(stat[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def play(self, trace, samples, **options):
        """As replay(), and what the servers' processor time was."""
        before = self.cpu_s()
        said, rows, code = replay(trace, samples, self.origin_port, self.arguments(), **options)
        said["servers_cpu_s"] = self.cpu_s() - before
        return said, rows, code

    def arguments(self):
        of = {"--edges": self.edges, "--shields": self.shields}
        return ["--servers", at(p.port for p in self.edges)] + [
            word for option, programs in of.items() if programs
            for word in (option, at(p.admin_port for p in programs))]


def at(ports):
    return ",".join(f"127.0.0.1:{p}" for p in ports)


def replay(trace, samples, origin_port, servers, **options):
    """Plays the trace at `servers` (arguments of byeori_replay): what it printed, its samples, its
    exit code. options: in_place=True for --in-place, byte_factor=16 for --byte-factor 16."""
    command = [str(build_folder() / "bench/replay/byeori_replay"), str(trace), *servers,
               "--origin-port", str(origin_port), "--samples", str(samples)]
    for name, value in options.items():
        if value is not None and value is not False:
            command += ["--" + name.replace("_", "-")] + ([] if value is True else [str(value)])
    before = children_cpu_s()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if not done.stdout:
        raise RuntimeError(f"byeori_replay ended with {done.returncode}")
    said = json.loads(done.stdout) | {"client_cpu_s": children_cpu_s() - before}
    return said, read_samples(samples), done.returncode


def children_cpu_s():
    """Of children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def read_samples(path):
    with open(path) as file:
        return [{k: int(v) for k, v in row.items()} for row in csv.DictReader(file)]


def trace_make(*words, **options):
    """words: a verb or a kind, and files; the last one is made, and returned."""
    given = [w for k, v in options.items() for w in (f"--{k}", str(v))]
    subprocess.run([str(build_folder() / "bench/traces/trace_make"), *map(str, words), *given],
                   check=True)
    return Path(words[-1])
