# SPDX-License-Identifier: MIT
"""The control plane killed (kill -9) again and again under 500 writes a second: what is lost.

A real control plane, two real edges with an origin, users who ask the edges all the time, and
writers who order purges and put nodes and sites. The control plane is killed at a random moment and
started again; then every write that it had acknowledged since the last start must be there: each
purge with its value, each node and each site as last put (or as a later write that was on its way).
Users' answers must all be whole and 200, through all of it. In the last quarter of the rounds a
second control plane, started from the first one's snapshot with routes_only, must answer routing
questions while the first one is dead."""

import argparse
import http.client
import json
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.harness.origin import Origin
from tests.harness.ports import free_port
from tests.harness.programs import Control, Edge, wait_until

TOKEN = "bench-token-0123456789"
HOST = "media.test"
EDGES = ("seoul", "frankfurt")
WRITERS = 8


class Acknowledged:
    """What writers were told is kept, and what was still on its way."""

    def __init__(self):
        self.lock = threading.Lock()
        self.purges = {}                  # seq: value
        self.on_their_way = {}            # path: bodies sent since the last acknowledged one
        self.puts = {}                    # path: the last acknowledged one
        self.count = 0

    def sent(self, path, body):
        with self.lock:
            self.on_their_way.setdefault(path, []).append(body)

    def purge(self, seq, value):
        with self.lock:
            self.purges[seq] = value
            self.count += 1

    def put(self, path, body):
        with self.lock:
            self.puts[path] = body
            self.on_their_way[path] = []      # a path is one writer's, who waits for each answer
            self.count += 1


class Caller:
    """One connection to the control plane's API."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)

    def ask(self, method, path, body=None):
        self.connection.request(method, path, json.dumps(body) if body else None,
                                {"Authorization": f"Bearer {TOKEN}"})
        answer = self.connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text)


def write(caller, acknowledged, writer, number):
    kind = random.random()
    if kind < 0.8:
        value = f"http://{HOST}/{writer}/{number}"
        status, answer = caller.ask("POST", "/v1/purge", {"url": value})
        if status == 202:
            acknowledged.purge(answer["seq"], value)
    elif kind < 0.95:
        path, body = f"/v1/nodes/w{writer}", {"http_url": f"http://w{writer}.test:{number % 60000}"}
        acknowledged.sent(path, body)
        if caller.ask("PUT", path, body)[0] == 200:
            acknowledged.put(path, body)
    else:
        path = f"/v1/sites/w{writer}"
        body = {"hosts": [f"w{writer}.test"], "options": {"block": f"{number % 1000 + 64}KiB"}}
        acknowledged.sent(path, body)
        if caller.ask("PUT", path, body)[0] == 200:
            acknowledged.put(path, body)


def keep_writing(port, acknowledged, writer, rate, until):
    """At most `rate` a second, until the control plane is gone."""
    number, caller = 0, Caller(port)
    began = time.monotonic()
    while not until.is_set():
        late = began + number / rate - time.monotonic()
        if late > 0:
            time.sleep(late)
        number += 1
        try:
            write(caller, acknowledged, writer, random.randrange(1 << 30))
        except (OSError, http.client.HTTPException, json.JSONDecodeError):
            return


def is_as(found, body):
    return all(found.get(k) == v for k, v in body.items())


def lost(plane, acknowledged):
    """The writes that were acknowledged and are not there."""
    caller, gone = Caller(plane.port), []
    for seq, value in acknowledged.purges.items():
        status, answer = caller.ask("GET", f"/v1/purges/{seq}")
        if status != 200 or answer["url"] != value:
            gone.append(f"purge {seq}")
    for path, body in acknowledged.puts.items():
        status, answer = caller.ask("GET", path)
        may_be = [body, *acknowledged.on_their_way[path]]
        if status != 200 or not any(is_as(answer, b) for b in may_be):
            gone.append(path)
    return gone


class Users:
    """Ask each edge for the same page without end."""

    def __init__(self, edges):
        self.until, self.good, self.bad, self.longest = threading.Event(), 0, [], 0.0
        self.threads = [threading.Thread(target=self._run, args=(e,), daemon=True) for e in edges]
        for t in self.threads:
            t.start()

    def _run(self, edge):
        while not self.until.is_set():
            began = time.monotonic()
            try:
                answer = edge.get("/page")
                if answer.status == 200 and len(answer.body) == 1000:
                    self.good += 1
                else:
                    self.bad.append(answer.status)
            except (OSError, http.client.HTTPException) as wrong:
                self.bad.append(repr(wrong))
            self.longest = max(self.longest, time.monotonic() - began)
            time.sleep(0.01)

    def stop(self):
        self.until.set()
        for t in self.threads:
            t.join()


def routes(port):
    """Whether a router answers a question with an edge."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", f"/v1/route?host={HOST}&path=/page&client=127.0.0.1")
    answer = connection.getresponse()
    body = json.loads(answer.read())
    return answer.status == 200 and body["edges"][0]["id"] in EDGES


def plane_values(folder, token, state, **more):
    router = free_port()
    values = {"state": str(state), "workers": 2, "operator_token_file": str(token),
              "node_token_file": str(token), "operator_rate": 0, "log_level": "error",
              "purge_keep": 1000000, ("router", "r"): {"address": f"127.0.0.1:{router}"},
              ("site", "media"): {"hosts": [HOST]}, **more}
    values |= {("node", e): {"http_url": f"http://{e}.test"} for e in EDGES}
    (folder / state.stem).mkdir(exist_ok=True)
    plane = Control(folder / state.stem, lambda port: {
        **values, ("api", "api"): {"address": f"127.0.0.1:{port}"}})
    plane.router_port = router
    return plane


def start_all(folder, origin):
    token = folder / "token"
    token.write_text(TOKEN + "\n")
    first = plane_values(folder, token, folder / "first.db", snapshot=str(folder / "second.db"))
    first.start()
    edges = []
    for name in EDGES:
        (folder / name).mkdir()
        edges.append(Edge(folder / name, [origin.url], name=name, host=HOST, over={
            "log_level": "error",
            "control": {"url": first.url, "token_file": str(token),
                        "state_file": str(folder / name / "state")}}).start())
    wait_until(lambda: first.metric("byeori_control_nodes_up") == len(EDGES), "edges up")
    return first, edges, token


def one_round(first, rate):
    """Writes under load, a kill, a start; (acknowledged, lost, seconds of writing, of opening)."""
    acknowledged, until = Acknowledged(), threading.Event()
    threads = [threading.Thread(target=keep_writing, daemon=True,
                                args=(first.port, acknowledged, i, rate / WRITERS, until))
               for i in range(WRITERS)]
    began = time.monotonic()
    for t in threads:
        t.start()
    time.sleep(random.uniform(0.2, 1.0))
    first.kill()
    wrote = time.monotonic() - began
    until.set()
    for t in threads:
        t.join()
    return acknowledged, wrote


def measure(options, folder, origin):
    first, edges, token = start_all(folder, origin)
    second, users = None, Users(edges)
    rounds = {"kills": 0, "writes": 0, "seconds": 0.0, "lost": [], "opened": [], "routed": 0,
              "not_routed": 0}
    try:
        for i in range(options.kills):
            acknowledged, wrote = one_round(first, options.rate)
            if i >= options.kills * 3 // 4:
                if second is None:
                    second = plane_values(folder, token, folder / "second.db", routes_only=True)
                    second.start()
                rounds["routed" if routes(second.router_port) else "not_routed"] += 1
            began = time.monotonic()
            first.start()
            rounds["opened"].append(time.monotonic() - began)
            rounds["kills"] += 1
            rounds["writes"] += acknowledged.count
            rounds["seconds"] += wrote
            rounds["lost"] += lost(first, acknowledged)
        users.stop()
        return rounds, users, [e for e in edges if not e.is_running()]
    finally:
        users.stop()
        for program in [first, second, *edges]:
            if program is not None:
                program.stop()


def main():
    parser = argparse.ArgumentParser(prog="./byeori bench survive",
                                     description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--rate", type=int, default=500, help="writes a second")
    options = parser.parse_args()
    origin = Origin()
    origin.page("/page", b"x" * 1000, cache="max-age=3600")
    with tempfile.TemporaryDirectory() as folder:
        rounds, users, dead = measure(options, Path(folder), origin)
    origin.stop()
    opened = sorted(rounds["opened"])
    print(f"{rounds['kills']} kills under {rounds['writes'] / rounds['seconds']:.0f} acknowledged "
          f"writes a second")
    print(f"{rounds['writes']:>8} writes acknowledged, {len(rounds['lost'])} of them lost "
          f"{rounds['lost'][:5] or ''}")
    print(f"{users.good:>8} answers of the edges meanwhile, {len(users.bad)} bad "
          f"{users.bad[:5] or ''}, the longest took {users.longest * 1000:.0f} ms")
    print(f"{len(dead):>8} edges stopped")
    print(f"{rounds['routed']:>8} times a second instance routed while the first was dead, "
          f"{rounds['not_routed']} times not")
    print(f"{opened[len(opened) // 2] * 1000:>8.0f} ms until it served again (median), "
          f"{opened[-1] * 1000:.0f} at most")
    return 1 if rounds["lost"] or users.bad or dead or rounds["not_routed"] else 0


if __name__ == "__main__":
    sys.exit(main())
