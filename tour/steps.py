# SPDX-License-Identifier: MIT
"""The tour's steps. Each tells what to look at and the command to look with, and `check` plays it
and adds what it claims, and what was measured, to the results."""

import hashlib
import time

from tests.harness.programs import wait_until
from tour.downloads import crowd, follow, get
from tour.fleet import BLOCK, SITE_HOST

CROWD = 100
STEADY_S = 20


class Step:
    title = ""

    def __init__(self, fleet, results):
        self.fleet, self.results, self.content = fleet, results, fleet.content

    def commands(self):
        """What a person types to see it."""
        return []

    def check(self):
        raise NotImplementedError

    def settle(self):
        """The origin's counters stand still: what was under way has come to its end."""
        seen = [-1]

        def still():
            before, seen[0] = seen[0], self.fleet.origin_bytes()
            time.sleep(0.2)
            return before == seen[0]

        wait_until(still, "the origin is at rest")
        return seen[0]


class Places(Step):
    title = "Users in three places are sent to three different edges"

    def commands(self):
        return [f"{self.fleet.curl_router(self.content.data, e.users_at)} | grep -i location"
                f"    # {e.city}" for e in self.fleet.edges]

    def check(self):
        path = self.content.data
        sent = {}
        for e in self.fleet.edges:
            got = self.fleet.ask_router(path, e.users_at)
            to = self.fleet.edge_of(got.field("Location"))
            sent[e.city] = to.name if to else f"status {got.status}"
        right = all(sent[e.city] == e.name for e in self.fleet.edges)
        self.results.add("three places, three edges",
                         ", ".join(f"{city} -> {name}" for city, name in sent.items()), right)
        explained = self.fleet.route("127.7.0.1", path, explain=True)
        nodes = [n["id"] for n in explained["edges"]]
        self.results.add("Busan goes to Seoul, with two more ranked behind it", ", ".join(nodes),
                         nodes[0] == "seoul-1" and len(nodes) == 3)


class Crowd(Step):
    title = f"{CROWD} clients ask one cold file of 150 MB at once, from one edge"

    def commands(self):
        url = f"{self.fleet.edges[0].url}/{SITE_HOST}{self.content.music}"
        return [f"seq {CROWD} | xargs -P {CROWD} -I@ sh -c 'curl -s {url} | sha256sum' | sort | "
                "uniq -c", f"curl -sI {url} | grep -i cache-status"]

    def check(self):
        wanted, size = self.content.sha256(self.content.music), self.content.bytes(
            self.content.music)
        url = f"{self.fleet.edges[0].url}/{SITE_HOST}{self.content.music}"
        for name, bound in (("first", 1.01), ("second", 0)):
            before, begun = self.settle(), time.monotonic()
            answers = crowd(url, CROWD)
            took = time.monotonic() - begun
            moved = self.settle() - before
            right = sum(a.status == 200 and a.sha256 == wanted and not a.error for a in answers)
            self.results.add(f"{name} round: every SHA-256 right",
                             f"{right} of {CROWD}, {CROWD * size * 8 / took / 1e9:.1f} Gb/s",
                             right == CROWD)
            self.results.add(f"{name} round: origin bytes <= {bound} x the file",
                             f"{moved / size:.4f} x", moved <= bound * size)


class ColdRange(Step):
    title = "A cold range of 1 MiB at 10 GiB of a file of 20 GiB"
    first, count = (10 << 30) + 12345, 1 << 20

    def commands(self):
        url = f"{self.fleet.edges[1].url}/{SITE_HOST}{self.content.sparse}"
        return [f"curl -s -r {self.first}-{self.first + self.count - 1} {url} | sha256sum",
                f"curl -s http://127.0.0.1:{self.fleet.edges[1].admin_port}/metrics | grep upstream"]

    def check(self):
        url = f"{self.fleet.edges[1].url}/{SITE_HOST}{self.content.sparse}"
        before = self.settle()
        got = get(url, Range=f"bytes={self.first}-{self.first + self.count - 1}")
        moved = self.settle() - before
        with open(self.content.file(self.content.sparse), "rb") as f:
            f.seek(self.first)
            right = got.status == 206 and got.sha256 == hashlib.sha256(
                f.read(self.count)).hexdigest()
        self.results.add("the range's bytes are right", f"status {got.status}, {got.bytes} bytes",
                         right)
        self.results.add("origin bytes <= 1 MiB + 2 blocks", f"{moved / BLOCK:.2f} MiB",
                         moved <= self.count + 2 * BLOCK)


class EdgeLost(Step):
    title = "The nearest edge dies"

    def commands(self):
        return [f"kill -9 {self.fleet.edges[0].process.pid}    # Seoul",
                self.fleet.curl_router(self.content.data, self.fleet.edges[0].users_at)
                + " | grep -i location"]

    def check(self):
        lost = self.fleet.edges[0]
        lost.kill()
        begun = time.monotonic()

        def avoided():
            got = self.fleet.ask_router(self.content.data, lost.users_at)
            to = self.fleet.edge_of(got.field("Location"))
            return to is not None and to is not lost

        try:
            wait_until(avoided, "routes avoid the dead edge", 10)
            took = time.monotonic() - begun
        except TimeoutError:
            took = float("inf")
        self.results.add("new routes avoid a killed edge within 5 s", f"{took:.1f} s", took <= 5)
        got = follow(self.fleet.router + self.content.small, lost.users_at, Host=SITE_HOST)
        self.results.add("its users download from another one", f"status {got.status} by {got.url}",
                         got.status == 200 and not got.error)
        lost.start()
        begun = time.monotonic()
        wait_until(lambda: not avoided(), "the edge is used again", STEADY_S)
        self.results.add("it is used again once it was steady for 10 s",
                         f"{time.monotonic() - begun:.1f} s", True)


class ControlLost(Step):
    title = "The control plane dies"

    def commands(self):
        e = self.fleet.edges[2]
        return [f"kill -9 {self.fleet.control.process.pid}    # control",
                f"curl -s {e.url}/{SITE_HOST}{self.content.data} | sha256sum"]

    def check(self):
        edge, path = self.fleet.edges[2], self.content.data
        url = f"{edge.url}/{SITE_HOST}{path}"
        wanted = self.content.sha256(path)
        self.fleet.control.kill()
        got = get(url)
        self.results.add("downloads go on without the control plane", f"status {got.status}",
                         got.sha256 == wanted)
        edge.kill()
        edge.start()
        got = get(url)
        self.results.add("an edge restarts and serves without the control plane",
                         f"status {got.status}", got.sha256 == wanted)
        self.fleet.control.start()


class OriginLost(Step):
    title = "The origin dies"

    def commands(self):
        e = self.fleet.edges[2]
        return [f"kill -9 {self.fleet.origin.process.pid}    # origin",
                f"curl -sI {e.url}/{SITE_HOST}{self.content.data}",
                f"curl -si {e.url}/{SITE_HOST}/never-asked-before | grep -i -e ^http -e proxy-status"]

    def check(self):
        edge, path = self.fleet.edges[2], self.content.data
        self.fleet.origin.kill()
        got = get(f"{edge.url}/{SITE_HOST}{path}")
        self.results.add("what is fresh is still served",
                         f"status {got.status}, {got.field('Cache-Status')}",
                         got.sha256 == self.content.sha256(path))
        got = get(f"{edge.url}/{SITE_HOST}/never-asked-before")
        self.results.add("what is not there says why: 502 with Proxy-Status",
                         f"status {got.status}, {got.field('Proxy-Status')}",
                         got.status in (502, 504) and got.field("Proxy-Status") != "")
        self.fleet.origin.start()


class Purge(Step):
    title = "A purge reaches every edge, and says so"

    def commands(self):
        return [f"build/control/byeorictl purge http://{SITE_HOST}{self.content.data} --wait "
                f"--control http://127.0.0.1:{self.fleet.ports['api']} "
                f"--token-file {self.fleet.operator_token}"]

    def check(self):
        path = self.content.small
        urls = [f"{e.url}/{SITE_HOST}{path}" for e in self.fleet.edges]
        for url in urls:
            get(url)
        hits = sum("hit" in get(url).field("Cache-Status") for url in urls)
        done = self.fleet.ctl("purge", f"http://{SITE_HOST}{path}", "--wait")
        misses = sum("fwd=" in get(url).field("Cache-Status") for url in urls)
        self.results.add("a purge is acknowledged by every edge, and none serves the old",
                         f"exit {done.returncode}; {hits} hits before, {misses} misses after",
                         done.returncode == 0 and hits == misses == len(urls))


STEPS = (Places, Crowd, ColdRange, Purge, EdgeLost, ControlLost, OriginLost)
