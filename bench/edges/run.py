# SPDX-License-Identifier: MIT
"""Milliseconds until 1,000 simulated edges know of a purge, and of a new configuration.

A real byeori-control, and one program (edges.c) that is 1,000 edges: each has its connection, sends
a heartbeat a second with a load and a ledger, and is told of news while its answer is held. The
clock runs from before the request is sent to the control plane until each edge has the answer that
holds the purge or the document; and for purges also until the control plane says that all have
acknowledged. Orders go one after the other, at random moments of the edges' second."""

import argparse
import http.client
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.harness import builds
from tests.harness.programs import Control, wait_until
from tests.harness.trouble import Trouble

TOKEN = "bench-token-0123456789"
BAR_PURGE_P50, BAR_PURGE_P99, BAR_CONFIG = 150, 1000, 2000


class Fleet:
    """edges.c at work, and what its edges were told: {("purge", seq): {edge: ns}}."""

    def __init__(self, plane, count, token_file):
        program = builds.ROOT / "build/bench/edges/edges"
        self.count, self.told, self.is_ready = count, {}, False
        self.process = subprocess.Popen([program, str(plane.port), str(count), str(token_file)],
                                        stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        for line in self.process.stdout:
            kind, number, *rest = line.split()
            if kind == "ready":
                self.is_ready = True
            else:
                self.told.setdefault((kind, int(number)), {})[int(rest[0])] = int(rest[1])

    def stop(self):
        self.process.kill()
        self.process.wait()

    def wait(self, event, bound_s=30):
        """When the last edge was told: nanoseconds of each."""
        wait_until(lambda: len(self.told.get(event, {})) == self.count, f"{event}", bound_s)
        return list(self.told[event].values())


def start(folder, count):
    token = Path(folder) / "token"
    token.write_text(TOKEN + "\n")
    values = {("node", f"edge-{i}"): {"http_url": f"http://edge-{i}.test"} for i in range(count)}
    plane = Control(folder, lambda port: {
        "state": str(Path(folder) / "state.db"), "workers": 2, "operator_token_file": str(token),
        "node_token_file": str(token), "operator_rate": 0, "log_level": "error",
        ("api", "api"): {"address": f"127.0.0.1:{port}"}, **values})
    return plane.start(), token


class Operator:
    """One connection that is kept open."""

    def __init__(self, plane):
        self.connection = http.client.HTTPConnection("127.0.0.1", plane.port, timeout=60)

    def ask(self, method, path, body=None):
        self.connection.request(method, path, json.dumps(body) if body else None,
                                {"Authorization": f"Bearer {TOKEN}"})
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise Trouble(f"{method} {path}: {answer.status}", text.decode())
        return json.loads(text)


def one_purge(operator, fleet, number):
    began = time.monotonic_ns()
    seq = operator.ask("POST", "/v1/purge", {"url": f"http://media.test/{number}"})["seq"]
    durable = time.monotonic_ns()
    while not operator.ask("GET", f"/v1/purges/{seq}")["complete"]:
        time.sleep(0.01)
    acknowledged = time.monotonic_ns()
    told = fleet.wait(("purge", seq))
    return [(t - began) / 1e6 for t in told], (durable - began) / 1e6, (acknowledged - began) / 1e6


def one_config(operator, fleet, number):
    began = time.monotonic_ns()
    operator.ask("PUT", "/v1/sites/media", {
        "hosts": ["media.test"], "origins": [f"http://127.0.0.1:{1000 + number}"]})
    version = operator.ask("GET", "/v1/config")["version"]
    return [(t - began) / 1e6 for t in fleet.wait(("config", version))]


def percentile(values, share):
    v = sorted(values)
    return v[min(len(v) - 1, int(len(v) * share))]


def show(name, values):
    print(f"{name:34}" + "".join(f"{percentile(values, s):9.1f}" for s in (0.5, 0.9, 0.99)) +
          f"{max(values):9.1f}")


def cpu_s(plane):
    fields = Path(f"/proc/{plane.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(options):
    with tempfile.TemporaryDirectory() as folder:
        plane, token = start(folder, options.edges)
        fleet = Fleet(plane, options.edges, token)
        try:
            wait_until(lambda: fleet.is_ready, "all edges", 60)
            operator = Operator(plane)
            time.sleep(2)
            before, began = cpu_s(plane), time.monotonic()
            time.sleep(3)
            idle = (cpu_s(plane) - before) / (time.monotonic() - began)
            purges, configs = [], []
            for i in range(options.purges):
                time.sleep(random.random())
                purges.append(one_purge(operator, fleet, i))
            for i in range(options.configs):
                time.sleep(random.random())
                configs.append(one_config(operator, fleet, i))
            return purges, configs, idle, plane.resident_bytes()
        finally:
            fleet.stop()
            plane.stop()


def main():
    parser = argparse.ArgumentParser(prog="./byeori bench edges",
                                     description=__doc__.split("\n")[0])
    parser.add_argument("--edges", type=int, default=1000)
    parser.add_argument("--purges", type=int, default=20)
    parser.add_argument("--configs", type=int, default=10)
    options = parser.parse_args()
    purges, configs, idle, resident = measure(options)
    print(f"{options.edges} edges, {options.purges} purges, {options.configs} configurations; "
          f"control plane: {idle:.2f} of a core for heartbeats, {resident >> 20} MiB\n")
    print(f"{'milliseconds':34}{'p50':>9}{'p90':>9}{'p99':>9}{'max':>9}")
    told = [t for edges, _, _ in purges for t in edges]
    config = [t for edges in configs for t in edges]
    show("a purge is durable and answered", [d for _, d, _ in purges])
    show("an edge has a purge", told)
    show("all edges acknowledged a purge", [a for _, _, a in purges])
    show("an edge has a configuration", config)
    bars = [(f"purge p50 <= {BAR_PURGE_P50} ms", percentile(told, 0.5) <= BAR_PURGE_P50),
            (f"purge p99 <= {BAR_PURGE_P99} ms", percentile(told, 0.99) <= BAR_PURGE_P99),
            (f"configuration <= {BAR_CONFIG} ms", max(config) <= BAR_CONFIG)]
    print()
    for text, holds in bars:
        print(f"{'holds ' if holds else 'MISSED'} {text}")
    return 0 if all(holds for _, holds in bars) else 1


if __name__ == "__main__":
    sys.exit(main())
