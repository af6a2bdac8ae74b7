# SPDX-License-Identifier: MIT
"""1,000 clients on one stale object with stale-while-revalidate, beside 1,000 on a fresh one.

One worker of byeori-edge on core 0, wrk with 1,000 keep-alive connections on core 1. Rounds go in
turn: a fresh object, then a stale one whose refresh the origin holds back until the round is over,
so that every request of the round is answered stale and at once. In that round the origin must see
one request; the figures are medians of the rounds."""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.harness import packages
from tests.harness.origin import Origin, page_of
from tests.harness.programs import Edge
from tests.harness.trouble import Trouble

HERE = Path(__file__).resolve().parent
REPORT = HERE.parent / "peers/report.lua"
BODY = bytes(1024)
SERVER_CORE, CLIENT_CORE = 0, 1
BAR = 1.10


def wrk(url, clients, seconds):
    done = subprocess.run(
        ["taskset", "-c", str(CLIENT_CORE), "wrk", "-t1", f"-c{clients}", f"-d{seconds}s",
         "--timeout", "10s", "-s", str(REPORT), "-H", "Host: test.example", url],
        capture_output=True, text=True)
    if done.returncode != 0:
        raise Trouble("wrk failed", done.stderr.strip() or done.stdout.strip())
    said = json.loads(done.stdout.strip().splitlines()[-1])
    if said["errors"]:
        raise Trouble(f"wrk counted {said['errors']} errors")
    return said


def status_of(edge, path):
    return edge.get(path).header("Cache-Status")


def fresh_round(edge, origin, path, args):
    origin.page(path, BODY, cache="max-age=3600")
    edge.get(path)
    result = wrk(f"http://127.0.0.1:{edge.port}{path}", args.clients, args.seconds)
    if origin.count(path) != 1:
        raise Trouble(f"the origin saw {origin.count(path)} requests for what is fresh")
    return result


def stale_round(edge, origin, path, args):
    """Gives what wrk saw, and how many requests the origin saw meanwhile."""
    origin.page(path, BODY, cache="max-age=1, stale-while-revalidate=3600", etag='"1"')
    edge.get(path)
    time.sleep(1.2)
    with origin.holding(path) as held:
        result = wrk(f"http://127.0.0.1:{edge.port}{path}", args.clients, args.seconds)
        asked = held.arrived
        if "; hit" not in (said := status_of(edge, path)) or "refreshing" not in said:
            raise Trouble(f"not answered stale while it was refreshed: {said}")
        held.answer_with(page_of(BODY, cache="max-age=3600", etag='"1"'))
    return result, asked


def median(rounds, key):
    return statistics.median(r[key] for r in rounds)


def row(name, rounds, asked):
    print(f"{name:8} {sum(r['requests'] for r in rounds):>10} "
          f"{median(rounds, 'requests') / median(rounds, 'us') * 1e6:>11.0f} "
          f"{median(rounds, 'p50_us') / 1000:>8.2f} {median(rounds, 'p99_us') / 1000:>8.2f} "
          f"{asked:>9}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    packages.install("peers")
    fresh, stale, asked = [], [], []
    origin = Origin()
    with tempfile.TemporaryDirectory(prefix="byeori-") as folder:
        edge = Edge(folder, [origin.url], over={"workers": 1})
        try:
            edge.start()
            subprocess.run(["taskset", "-a", "-p", "-c", str(SERVER_CORE), str(edge.process.pid)],
                           check=True, capture_output=True)
            for i in range(args.rounds):
                fresh.append(fresh_round(edge, origin, f"/fresh-{i}", args))
                result, count = stale_round(edge, origin, f"/stale-{i}", args)
                stale.append(result)
                asked.append(count)
        except Trouble as e:
            print(f"bench stale: {e}", file=sys.stderr)
            return 1
        finally:
            edge.stop()
            origin.stop()
    print(f"{'object':8} {'requests':>10} {'requests/s':>11} {'p50 ms':>8} {'p99 ms':>8} "
          f"{'upstream':>9}")
    row("fresh", fresh, "0 a round")
    row("stale", stale, f"{max(asked)} a round")
    ratio = median(stale, "p99_us") / median(fresh, "p99_us")
    print(f"p99 stale / fresh: {ratio:.3f} (bar: {BAR:.2f}); upstream requests in a stale round: "
          f"{max(asked)} (bar: 1)")
    return 0 if ratio <= BAR and max(asked) == 1 else 1


if __name__ == "__main__":
    sys.exit(main())
