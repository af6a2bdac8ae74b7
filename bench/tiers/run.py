# SPDX-License-Identifier: MIT
"""Ten edges behind a shield: origin fetches; a tier killed, hung, restarted: p99 of the others.

First, edges with 100 cold clients each ask for one object behind a shield: the origin must see one
request. Then, for memcached, a sibling and a shield in turn: some clients ask for what an edge has
(hits) and one asks for what it has not, all the time, while the tier is killed, started again, hung
(SIGSTOP) and goes on. No request may fail, and the p99 of the hits may be at most 20 ms above what
it was before. Clients are threads of this program, so latencies include its own turns."""

import argparse
import hashlib
import random
import signal
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.harness import packages
from tests.harness.content import Content
from tests.harness.memcached import Memcached
from tests.harness.origin import Origin, page_of
from tests.harness.programs import Edge

HOT, BODY = 50, b"x" * 1000
BAR_MS = 20
READERS, PAUSE_S = 4, 0.002


def crowd(folder, args):
    """Edges x clients on one cold object; the origin's requests and bytes over the object's."""
    origin = Origin()
    content = Content(args.mib << 20)
    shield = Edge(folder, [origin.url], name="crowd-shield", over={"memory": "256MiB"}).start()
    site = {"shield": [f"http://127.0.0.1:{shield.port}"]}
    edges = [Edge(folder, [origin.url], name=f"crowd-{i}", site=site, over={"workers": 1}).start()
             for i in range(args.edges)]
    try:
        with origin.holding("/crowd") as held:
            clients = [edge.begin("/crowd") for _ in range(args.clients) for edge in edges]
            held.wait_for(1)
            held.answer_with(page_of(content, cache="max-age=600", etag='"1"'))
        wanted = content.sha256()
        whole = sum(hashlib.sha256(c.body).hexdigest() == wanted for c in clients)
        return len(clients), whole, origin.count("/crowd"), \
            origin.body_bytes("/crowd") / content.size
    finally:
        for program in (*edges, shield):
            program.stop()
        origin.stop()


class Load:
    """Clients of one edge, until the end; what each request took, by phase."""

    def __init__(self, edge, origin):
        self.edge, self.origin = edge, origin
        self.phase, self.took, self.failed, self.is_over = "warm", {}, 0, False
        self.threads = [threading.Thread(target=self.hits) for _ in range(READERS)]
        self.threads.append(threading.Thread(target=self.misses))
        for t in self.threads:
            t.start()

    def one(self, client, path, kind):
        began, phase = time.monotonic(), self.phase
        try:
            answer = client.request("GET", path)
            is_well = answer.status == 200 and answer.body == BODY
        except OSError:
            is_well = False
        self.failed += not is_well
        self.took.setdefault((phase, kind), []).append((time.monotonic() - began) * 1000)
        time.sleep(PAUSE_S)

    def hits(self):
        with self.edge.client() as client:
            while not self.is_over:
                self.one(client, f"/hot-{random.randrange(HOT)}", "hit")

    def misses(self):
        with self.edge.client() as client:
            n = 0
            while not self.is_over:
                n += 1
                path = f"/cold-{n}"
                self.origin.page(path, BODY, cache="max-age=600", etag='"1"')
                self.one(client, path, "miss")

    def during(self, phase, seconds):
        self.phase = phase
        time.sleep(seconds)

    def end(self):
        self.is_over = True
        for t in self.threads:
            t.join()


class EdgeTier:
    """A sibling or a shield as something to be killed and hung."""

    def __init__(self, edge):
        self.edge, self.start, self.kill = edge, edge.start, edge.kill

    def hang(self):
        self.edge.signal(signal.SIGSTOP)

    def go_on(self):
        self.edge.signal(signal.SIGCONT)


def with_memcached(folder, origin):
    memcached = Memcached()
    edge = Edge(folder, [origin.url], name="by-memcached",
                over={"memcached": {"servers": [memcached.address]}})
    return edge.start(), memcached, "byeori_edge_memcached_gets_total"


def with_shield(folder, origin):
    shield = Edge(folder, [origin.url], name="shield").start()
    edge = Edge(folder, [origin.url], name="by-shield",
                site={"shield": [f"http://127.0.0.1:{shield.port}"]})
    return edge.start(), EdgeTier(shield), "byeori_edge_upstream_fetches_total"


def with_sibling(folder, origin):
    edges = [Edge(folder, [origin.url], name=f"by-sibling-{i}") for i in range(2)]
    urls = [f"http://127.0.0.1:{e.port}" for e in edges]
    for edge, url in zip(edges, urls):
        edge.values["cluster"] = {"url": url, "siblings": urls}
        edge.configure(edge.values)
        edge.start()
    return edges[0], EdgeTier(edges[1]), "byeori_edge_upstream_sibling_asks_total"


def p99(values):
    return statistics.quantiles(values, n=100)[98] if len(values) > 1 else 0.0


def play(name, make, folder, seconds):
    """One tier through all its misfortunes. Whether the bar holds."""
    origin = Origin()
    edge, tier, counter = make(folder, origin)
    for i in range(HOT):
        origin.page(f"/hot-{i}", BODY, cache="max-age=600", etag='"1"')
        edge.get(f"/hot-{i}")
    load = Load(edge, origin)
    try:
        load.during("warm", 0.5)
        load.during("before", seconds)
        tier.kill()
        load.during("killed", seconds)
        tier.start()
        load.during("started again", seconds)
        tier.hang()
        load.during("hung", seconds)
        tier.go_on()
        load.during("goes on", seconds)
    finally:
        load.end()
    used = edge.metric(counter)
    before = p99(load.took["before", "hit"])
    worst = 0
    for phase in ("before", "killed", "started again", "hung", "goes on"):
        hits, misses = load.took[phase, "hit"], load.took.get((phase, "miss"), [0.0])
        worst = max(worst, p99(hits) - before)
        print(f"{name:10} {phase:14} {len(hits):>8} {p99(hits):>9.1f} {len(misses):>8} "
              f"{p99(misses):>9.1f} {max(misses):>9.1f}")
    is_good = load.failed == 0 and worst <= BAR_MS and used > 0
    print(f"{name:10} failed {load.failed}, p99 of hits at most {worst:+.1f} ms "
          f"(bar: {BAR_MS}), asks of the tier {used:.0f}")
    for program in (edge, tier.edge if isinstance(tier, EdgeTier) else None):
        if program is not None:
            program.stop()
    if not isinstance(tier, EdgeTier):
        tier.kill()
    origin.stop()
    return is_good


def main():
    parser = argparse.ArgumentParser(prog="./byeori bench tiers",
                                     description=__doc__.split("\n")[0])
    parser.add_argument("--edges", type=int, default=10)
    parser.add_argument("--clients", type=int, default=100, help="at each edge")
    parser.add_argument("--mib", type=int, default=1, help="size of the object")
    parser.add_argument("--seconds", type=float, default=2, help="for each phase")
    args = parser.parse_args()
    packages.install("test")
    with tempfile.TemporaryDirectory() as folder:
        clients, whole, requests, share = crowd(Path(folder), args)
        print(f"{args.edges} edges x {args.clients} clients, {args.mib} MiB: {whole} of {clients} "
              f"whole, origin requests {requests} (bar: 1), origin bytes {share:.3f} x\n")
        is_good = whole == clients and requests == 1
        print(f"{'tier':10} {'':14} {'hits':>8} {'p99 ms':>9} {'misses':>8} {'p99 ms':>9} "
              f"{'max ms':>9}")
        for name, make in (("memcached", with_memcached), ("sibling", with_sibling),
                           ("shield", with_shield)):
            is_good &= play(name, make, Path(folder), args.seconds)
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
