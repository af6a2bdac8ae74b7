# SPDX-License-Identifier: MIT
"""What the tests of the control plane share: a control plane with three or more nodes, and edges
that are nothing but heartbeats."""

import functools
import http.client
import json
import os
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from tests.harness.builds import ROOT
from tests.harness.client import Client
from tests.harness.conf import merged
from tests.harness.ports import free_port
from tests.harness.programs import Control, call, run_tool, wait_until

OPERATOR, NODE = "operator-0123456789abcdef", "node-0123456789abcdef"
HOST = "dl.example.com"
PLACES = """127.1.0.0/16,Seoul,KR,AS,37.5665,126.978,20
127.2.0.0/16,Frankfurt,DE,EU,50.1109,8.6821,100
127.3.0.0/16,Ashburn,US,NA,39.0438,-77.4874,100
127.4.0.0/16,,DE,EU,,,
"""
NODES = {
    "seoul": {"city": "Seoul", "country": "KR", "lat": "37.5665", "lon": "126.978"},
    "frankfurt": {"city": "Frankfurt", "country": "DE", "lat": "50.1109", "lon": "8.6821"},
    "virginia": {"city": "Ashburn", "country": "US", "lat": "39.0438", "lon": "-77.4874"},
}


@functools.cache
def places_database(csv, kind):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "places.mmdb"
        subprocess.run(["perl", ROOT / "tests/unit/lib/geo/make_db.pl", file], input=csv, text=True,
                       check=True, env={**os.environ, "TYPE": kind})
        return file.read_bytes()


def make_places(path, csv=PLACES, kind="Test-City"):
    new = path.with_suffix(".new")
    new.write_bytes(places_database(csv, kind))
    os.rename(new, path)


class Plane(Control):
    """byeori-control with a router address beside the API; names of nodes, and what is laid over
    the configuration."""

    def __init__(self, folder, nodes=NODES, over=None):
        self.router_port = free_port()
        self.places = folder / "places.mmdb"
        make_places(self.places)
        for name, token in (("operator", OPERATOR), ("node", NODE)):
            (folder / name).write_text(token + "\n")
        self.operator_file = folder / "operator"

        def values(port):
            base = {
                "state": str(folder / "state.db"), "geoip": str(self.places), "workers": 2,
                "operator_token_file": str(folder / "operator"),
                "node_token_file": str(folder / "node"),
                ("router", "public"): {"address": f"127.0.0.1:{self.router_port}"},
                ("api", "api"): {"address": f"127.0.0.1:{port}"},
                ("site", "games"): {"hosts": [HOST, "*.games.example"]},
            }
            base |= {("node", n): {"http_url": f"http://{n}.test:8080", **v}
                     for n, v in nodes.items()}
            return merged(base, over or {})

        super().__init__(folder, values)

    def ask(self, method, path, body=None, token=OPERATOR, source=None):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self.api(method, path, body, headers, source)

    def status(self):
        return self.ask("GET", "/v1/status")[1]

    def route(self, client, path="/a", more=""):
        status, body = call(self.router_port, "GET",
                            f"/v1/route?client={client}&host={HOST}&path={path}{more}")
        assert status == 200, body
        return body

    def edges(self, client, path="/a", more=""):
        return [e["id"] for e in self.route(client, path, more)["edges"]]

    def user(self, target="/a", method="GET", source=None, host=HOST, **fields):
        """A user's request to the router; source: the address it comes from."""
        with Client(("127.0.0.1", self.router_port), host=host, source=source) as c:
            return c.request(method, target, **fields)

    def health(self):
        return {n["id"]: n["health"] for n in self.ask("GET", "/v1/nodes")[1]["nodes"]}

    def wait_health(self, bound_s=60, **wanted):
        wait_until(lambda: wanted.items() <= self.health().items(), f"{wanted}", bound_s)

    def tool(self, *arguments):
        return run_tool("control/byeorictl", "--control", self.url, "--token-file",
                        self.operator_file, *arguments)


class Beats:
    """An edge as the control plane sees it: heartbeats on a thread, purges applied as they come.
    With holds_purges it reads them and does not say so; after: its purge position is that one's."""

    def __init__(self, plane, node, boot="boot-1", holds_purges=False, after=None):
        self.plane, self.node, self.holds_purges = plane, node, holds_purges
        self.beat = {"node": node, "boot": boot, "wait_ms": 0, "purge_seq": 0}
        if after:
            self.beat |= {k: after.beat[k] for k in ("purge_log", "purge_seq")}
        self.purges, self.config, self.answers, self.faults = [], None, 0, []
        self.taken = {}    # when each version of the configuration first came
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self):
        """As a kill: no further heartbeat."""
        self._stop.set()
        self._thread.join(10)
        return self

    def send(self, wait_ms=0):
        beat = {**self.beat, "wait_ms": wait_ms}
        return self.plane.ask("POST", f"/v1/nodes/{self.node}/heartbeat", beat, NODE)

    def _take(self, answer):
        self.answers += 1
        self.purges += answer["purges"]
        if "config" in answer:
            self.config = answer["config"]
            self.beat["config_version"] = answer["config_version"]
            self.taken.setdefault(answer["config_version"], time.monotonic())
        if not self.holds_purges:
            self.beat["purge_log"] = answer["purge_log"]
            gap = not answer["purges"] and self.beat["purge_seq"] != answer["purge_head"]
            self.beat["purge_seq"] = (answer["purge_head"] if gap else
                                      self.beat["purge_seq"] + len(answer["purges"]))
        elif "purge_log" not in self.beat:
            self.beat |= {"purge_log": answer["purge_log"], "purge_seq": answer["purge_head"]}
        return answer["purges"] and not self.holds_purges

    def _run(self):
        wait_ms = 0
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                status, answer = self.send(wait_ms)
                if status != 200:
                    self.faults.append(answer)
                elif self._take(answer):
                    continue
                wait_ms = 1000
            except (OSError, http.client.HTTPException, json.JSONDecodeError):
                wait_ms = 0
            self._stop.wait(max(0.0, 1 - (time.monotonic() - began)))
