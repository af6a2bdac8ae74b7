# SPDX-License-Identifier: MIT
"""DNS answers a second on one core, by GeoIP and client subnet, beside gdnsd with its geoip plugin.

Both know the same database, 100 places with 500 edges (gdnsd: 100 data centres) and 200 names. The
server has core 0 and one thread, dnsperf core 1. Rounds go in turn over the servers, each round
with another client subnet; figures are medians. Before anything is measured, both must send each
subnet to the same place. The floor (floor.c) sends back what it got: what the kernel alone
costs."""

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.harness import builds, packages
from tests.harness.dns import ask, dig, question, subnet
from tests.harness.ports import free_port
from tests.harness.programs import Control, Program, build_folder, wait_until
from tests.harness.trouble import Trouble

SERVER_CORE, CLIENT_CORE, PRIORITY = 0, 1, 5
PLACES, EDGES_EACH, NAMES, ZONE = 100, 5, 200, "cdn.example"
TOKEN = "operator-0123456789abcdef"


def place(i):
    """Points all over the earth, none near another."""
    return -60 + 120 * (i % 10) / 9, -175 + 350 * (i // 10) / 9


def database(path, networks):
    rows = []
    for i in range(networks):
        lat, lon = place(i % PLACES)
        rows.append(f"{1 + i // 65536 % 200}.{i // 256 % 256}.{i % 256}.0/24,,,,"
                    f"{lat:.4f},{lon:.4f},20")
    subprocess.run(["perl", builds.ROOT / "tests/unit/lib/geo/make_db.pl", path],
                   input="\n".join(rows), text=True, check=True,
                   env={**os.environ, "TYPE": "GeoLite2-City"})


class Byeori(Control):
    label = "byeori"

    def __init__(self, folder, db):
        self.dns_port = free_port()
        (folder / "token").write_text(TOKEN + "\n")

        def values(port):
            out = {"state": str(folder / "state.db"), "geoip": str(db), "workers": 1,
                   "operator_token_file": str(folder / "token"),
                   "node_token_file": str(folder / "token"),
                   ("api", "api"): {"address": f"127.0.0.1:{port}"},
                   ("dns", "dns"): {"address": f"127.0.0.1:{self.dns_port}", "zone": ZONE,
                                    "rate": 0}}
            for i in range(PLACES * EDGES_EACH):
                lat, lon = place(i % PLACES)
                out["node", f"e{i}"] = {"addresses": [f"192.0.{i // PLACES}.{i % PLACES}"],
                                        "http_url": "http://e", "lat": f"{lat:.4f}",
                                        "lon": f"{lon:.4f}"}
            for i in range(NAMES):
                out["site", f"s{i}"] = {"hosts": [f"n{i}.{ZONE}"]}
            return out

        super().__init__(folder, values)


class Gdnsd(Program):
    """Its geoip plugin as its manual shows it: data centres by coordinates, one UDP thread."""

    label = executable = "gdnsd"

    def __init__(self, folder, db):
        self.dns_port, self.db = free_port(), db
        super().__init__(folder, None, "gdnsd")

    def configure(self, values):
        dcs = " ".join(f"d{i}," for i in range(PLACES))
        coords = " ".join(f"d{i} => [{place(i)[0]:.4f}, {place(i)[1]:.4f}],"
                          for i in range(PLACES))
        targets = " ".join(f"d{i} => 192.0.0.{i}," for i in range(PLACES))
        (self.folder / "zones").mkdir(exist_ok=True)
        (self.folder / "config").write_text(f"""
options => {{
  listen => {{ 127.0.0.1:{self.dns_port} => {{ udp_threads = 1, tcp_threads = 1,
                                            udp_rcvbuf = 1048576 }} }},
  run_dir => {self.folder}/run, state_dir => {self.folder}/state, edns_client_subnet => true }}
plugins => {{ geoip => {{
  maps => {{ m => {{ geoip2_db => {self.db}, datacenters => [{dcs}], auto_dc_limit => 1,
                    auto_dc_coords => {{ {coords} }} }} }},
  resources => {{ r => {{ map => m, service_types => up, dcmap => {{ {targets} }} }} }} }} }}
""")
        names = "\n".join(f"n{i} 30 DYNA geoip!r" for i in range(NAMES))
        (self.folder / "zones" / ZONE).write_text(
            f"@ 300 SOA ns1 hostmaster 1 7200 30M 3D 900\n@ NS ns1\nns1 A 192.0.2.53\n{names}\n")
        for part in ("run", "state"):
            (self.folder / part).mkdir(exist_ok=True)

    def command(self):
        return ["gdnsd", "-c", str(self.folder), "start"]

    def probe(self):
        return dig(self.dns_port, f"n0.{ZONE}").status == "NOERROR"


class Floor(Program):
    label = "floor"
    executable = "bench/dns/floor"

    def __init__(self, folder):
        self.dns_port = free_port()
        super().__init__(folder, None)

    def configure(self, values):
        pass

    def command(self):
        return [str(build_folder() / self.executable), str(self.dns_port)]

    def probe(self):
        try:
            return ask(self.dns_port, question(f"n0.{ZONE}"), 1) is not None
        except ConnectionRefusedError:
            return False


def cpu_ns(pid):
    return sum(int(f.read_text().split()[0]) for f in Path(f"/proc/{pid}/task").glob("*/schedstat"))


def pin(pid, is_realtime):
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), {SERVER_CORE})
        if is_realtime:
            os.sched_setscheduler(int(task.name), os.SCHED_FIFO, os.sched_param(PRIORITY))


def check(servers, clients):
    for client in clients:
        seen = {s.label: dig(s.dns_port, f"n7.{ZONE}", "A", f"+subnet={client}/24").data
                for s in servers}
        if len({d[0].rsplit(".", 1)[1] if d else None for d in seen.values()}) != 1:
            raise Trouble(f"{client} is sent to different places", f"{seen}")


def measure(server, questions, client, options):
    option = subnet(client, 24)
    first = ["chrt", "-f", str(PRIORITY)] if options.realtime else []
    before = cpu_ns(server.process.pid)
    done = subprocess.run(
        [*first, "taskset", "-c", str(CLIENT_CORE), "dnsperf", "-s", "127.0.0.1", "-p",
         str(server.dns_port), "-d", questions, "-l", str(options.seconds), "-c", "16", "-T", "1",
         "-q", "400", "-E", f"8:{option[4:].hex()}"], capture_output=True, text=True)
    cpu = cpu_ns(server.process.pid) - before
    rows = dict(line.split(":", 1) for line in done.stdout.splitlines() if ":" in line)
    rows = {k.strip(): v.split()[0] for k, v in rows.items() if v.split()}
    answers, lost = int(rows["Queries completed"]), int(rows["Queries lost"])
    if done.returncode or answers == 0 or lost > answers // 100:
        raise Trouble(f"dnsperf failed on {server.label}", done.stderr or done.stdout)
    return {"per_s": float(rows["Queries per second"]), "cpu_us": cpu / 1000 / answers,
            "busy": cpu / 1e9 / float(rows["Run time (s)"])}


def compare(servers, questions, clients, options):
    for server in servers:
        pin(server.process.pid, options.realtime)
    check([s for s in servers if s.label != "floor"], clients)
    seen = {s.label: [] for s in servers}
    for i in range(options.rounds):
        for server in servers:
            seen[server.label].append(measure(server, questions, clients[i], options))
    print(f"\nload average {os.getloadavg()[0]:.1f}: above 2.5, others had the machine too\n\n"
          f"{'server':8} {'answers/s':>10} {'CPU us/answer':>14} {'of the floor':>13} "
          f"{'core busy':>10} {'answers/s a whole core':>23}")
    medians = {name: {k: statistics.median(r[k] for r in rounds) for k in rounds[0]}
               for name, rounds in seen.items()}
    floor_us = medians["floor"]["cpu_us"]
    for name, m in medians.items():
        print(f"{name:8} {m['per_s']:10.0f} {m['cpu_us']:14.2f} {m['cpu_us'] / floor_us:11.2f} x "
              f"{m['busy']:10.0%} {1e6 / m['cpu_us']:23.0f}")
    beside = statistics.median(ours["cpu_us"] / theirs["cpu_us"] for ours, theirs in
                               zip(seen["byeori"], seen["gdnsd"], strict=True))
    print(f"\nbyeori beside gdnsd, median of the rounds: {beside:.2f} x (bar: 1.00); answers/s a "
          f"whole core: bar 200000")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--networks", type=int, default=50_000)
    parser.add_argument("--realtime", action="store_true", help="before all other processes (root)")
    options = parser.parse_args()
    packages.install("dns", "test")
    draw = random.Random(7)
    clients = [f"1.{n // 256}.{n % 256}.0" for n in
               (draw.randrange(options.networks) for _ in range(options.rounds))]
    with tempfile.TemporaryDirectory(prefix="byeori-bench-dns-") as text:
        folder = Path(text)
        database(folder / "places.mmdb", options.networks)
        (folder / "questions").write_text("".join(f"n{i}.{ZONE} A\n" for i in range(NAMES)))
        servers = []
        try:
            for kind in (Byeori, Gdnsd):
                servers.append(kind(folder, folder / "places.mmdb"))
                servers[-1].start()
            wait_until(lambda: dig(servers[0].dns_port, f"n0.{ZONE}", "A",
                                   f"+subnet={clients[0]}/24").scope < 32, "an atlas", 30)
            servers.append(Floor(folder).start())
            compare(servers, folder / "questions", clients, options)
        finally:
            for server in servers:
                server.kill()
    return 0


if __name__ == "__main__":
    sys.exit(main())
