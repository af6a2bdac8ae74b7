# SPDX-License-Identifier: MIT
"""./byeori up: a whole CDN on loopback, in the foreground, with a guided tour and a line a second of
what it does. ./byeori up --once: the tour plays itself, checks every claim and ends."""

import argparse
import signal
import sys
import time

from tests.harness import builds, packages
from tour import content
from tour.fleet import Fleet
from tour.steps import STEPS
from tour.table import Results

BACK_AFTER_S = 20


def introduce(fleet):
    print("\nA whole CDN is running on this machine:\n")
    rows = [("router: users ask here first", f"{fleet.router}"),
            ("control API", f"http://127.0.0.1:{fleet.ports['api']}")]
    for e in fleet.edges:
        rows.append((f"edge {e.name} ({e.city}), users at {e.users_at}", e.url))
        rows.append((f"edge {e.name}, admin", f"http://127.0.0.1:{e.admin_port}/metrics"))
    rows.append(("origin", fleet.origin.url))
    rows.append(("origin, admin", f"http://127.0.0.1:{fleet.origin.admin_port}/metrics"))
    wide = max(len(what) for what, _ in rows)
    for what, where in rows:
        print(f"   {what:{wide}}  {where}")
    print(f"   {'configurations, logs, tokens':{wide}}  {fleet.folder}")
    print(f"   {'live page':{wide}}  http://127.0.0.1:{fleet.ports['api']}/  (token: "
          f"{fleet.operator_token})")
    print("\nLoopback addresses stand for cities (tour/places.csv): 127.1.x.x is Seoul, 127.2.x.x "
          "Frankfurt,\n127.3.x.x Virginia, 127.7.x.x Busan. In another terminal:\n")
    for n, step in enumerate(STEPS, 1):
        step = step(fleet, None)
        print(f"{n}. {step.title}")
        for command in step.commands():
            print(f"     {command}")
    print("\nCtrl-C stops everything and leaves nothing behind.\n")


class Totals:
    """What all edges have counted so far."""

    def __init__(self, fleet):
        self.at = time.monotonic()
        self.requests = self.out = self.upstream = 0
        for e in fleet.edges:
            try:
                self.requests += e.metric("byeori_edge_site_requests_total")
                self.out += e.metric("byeori_edge_site_out_bytes_total")
                self.upstream += e.metric("byeori_edge_site_upstream_bytes_total")
            except OSError:
                pass    # killed by the tourist


def live_line(before, now, whole):
    took = max(now.at - before.at, 1e-3)
    out, upstream = max(0, now.out - before.out), max(0, now.upstream - before.upstream)
    served, fetched = now.out - whole.out, now.upstream - whole.upstream
    share = max(0.0, 1 - fetched / served) if served > 0 else None
    offload = "    -  " if share is None else f"{share * 100:5.1f} %"
    return (f"{max(0, now.requests - before.requests) / took:8.0f} requests/s   "
            f"{out * 8 / took / 1e9:7.3f} Gb/s to clients   "
            f"{upstream * 8 / took / 1e9:7.3f} Gb/s from origin   offload so far {offload}")


class Killed:
    """Programs that the tourist has killed, started again after a while so that the tour goes on."""

    def __init__(self, fleet):
        self.fleet, self.since = fleet, {}

    def look(self):
        for program in self.fleet.programs():
            if program.is_running():
                self.since.pop(program, None)
                continue
            if program not in self.since:
                self.since[program] = time.monotonic()
                print(f"\n{program.name} is gone; it is started again in {BACK_AFTER_S} s")
            elif time.monotonic() - self.since[program] > BACK_AFTER_S:
                print(f"\n{program.name} is started again")
                program.start()


def run_forever(fleet):
    whole = before = Totals(fleet)
    killed = Killed(fleet)
    while True:
        time.sleep(1)
        killed.look()
        now = Totals(fleet)
        end = "\r" if sys.stdout.isatty() else "\n"
        print(live_line(before, now, whole), end=end, flush=True)
        before = now


def play(fleet):
    results = Results()
    for n, step in enumerate(STEPS, 1):
        print(f"\n{n}. {step.title}", flush=True)
        step = step(fleet, results)
        for command in step.commands():
            print(f"     {command}")
        try:
            step.check()
        except (TimeoutError, OSError, KeyError) as wrong:
            results.add(step.title, f"{type(wrong).__name__}: {wrong}".splitlines()[0], False)
    results.print()
    return 0 if results.hold() else 1


def stop_on_term(*_):
    raise KeyboardInterrupt


def run(arguments):
    parser = argparse.ArgumentParser(prog="./byeori up", description=" ".join(__doc__.split()))
    parser.add_argument("--once", action="store_true",
                        help="play the tour, check every claim, print the results and end")
    a = parser.parse_args(arguments)
    packages.install("build", "up")
    builds.build()
    signal.signal(signal.SIGTERM, stop_on_term)
    fleet = Fleet(content.prepare(), fixed_ports=not a.once)
    try:
        fleet.start()
        if a.once:
            return play(fleet)
        introduce(fleet)
        run_forever(fleet)
    except KeyboardInterrupt:
        print("\nstopping")
        return 1 if a.once else 0
    finally:
        fleet.stop()


