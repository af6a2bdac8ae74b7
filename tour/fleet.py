# SPDX-License-Identifier: MIT
"""The tour's network: origin, control plane and three edges as real processes on loopback, in a folder
of its own that goes when the tour ends."""

import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.harness.ports import free_port
from tests.harness.programs import Daemon, Edge, accepts, call, run_tool
from tests.harness.trouble import Trouble
from tour.downloads import get

HERE = Path(__file__).resolve().parent
SITE_HOST = "dl.example.com"
MEMORY = "512MiB"
BLOCK = 1 << 20

# name, city, country, latitude, longitude, where its users come from
EDGES = (
    ("seoul-1", "Seoul", "KR", 37.5665, 126.9780, "127.1.0.1"),
    ("frankfurt-1", "Frankfurt am Main", "DE", 50.1109, 8.6821, "127.2.0.1"),
    ("virginia-1", "Ashburn", "US", 39.0438, -77.4874, "127.3.0.1"),
)
PORTS = {"router": 7080, "api": 7000, "origin": 9000, "origin-admin": 9001,
         "seoul-1": 8080, "frankfurt-1": 8081, "virginia-1": 8082, "seoul-1-admin": 8180,
         "frankfurt-1-admin": 8181, "virginia-1-admin": 8182}


class TourOrigin(Daemon):
    executable = "origin/byeori-origin"

    def __init__(self, folder, port, admin_port, content):
        self.port, self.admin_port = port, admin_port
        super().__init__(folder, {
            "folder": str(content.folder), "workers": 1,
            ("listen", "http"): {"address": f"127.0.0.1:{port}"},
            "admin": {"address": f"127.0.0.1:{admin_port}"},
            ("rule", "/wesnoth/v*"): {"cache_control": "public, max-age=31536000, immutable",
                                      "tags": ["wesnoth"]},
            ("rule", "*"): {"cache_control": "public, max-age=300"}}, "origin")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"


class TourControl(Daemon):
    """Its API listener answers /readyz and /metrics as well."""

    executable = "control/byeori-control"

    def __init__(self, folder, port, values):
        self.port = self.admin_port = port
        super().__init__(folder, values, "control")


class TourEdge(Edge):
    def __init__(self, folder, place, ports, fleet):
        name, self.city, self.country, self.lat, self.lon, self.users_at = place
        self.port, self.admin_port, self.tls_port = ports[name], ports[f"{name}-admin"], None
        self.host = SITE_HOST
        Daemon.__init__(self, folder, {
            "node": name, "workers": 1, "memory": MEMORY,
            ("listen", "http"): {"address": f"127.0.0.1:{self.port}"},
            "admin": {"address": f"127.0.0.1:{self.admin_port}"},
            "access_log": "access.log",
            "control": {"url": f"http://127.0.0.1:{ports['api']}",
                        "token_file": str(fleet.node_token), "state_file": "control.state"},
            ("site", "game"): {"hosts": [SITE_HOST],
                               "origins": [f"http://127.0.0.1:{ports['origin']}"],
                               "block": "1MiB"}}, name)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"


class Fleet:
    def __init__(self, content, fixed_ports):
        self.content = content
        self.folder = Path(tempfile.mkdtemp(prefix="byeori-up-"))
        self.ports = {name: self._port(port, fixed_ports) for name, port in PORTS.items()}
        self.node_token = self._token("node.token")
        self.operator_token = self._token("operator.token")
        self.geoip = self.folder / "places.mmdb"
        self.origin = TourOrigin(self.folder, self.ports["origin"], self.ports["origin-admin"],
                                 content)
        self.control = TourControl(self.folder, self.ports["api"], self._control_values())
        self.edges = [TourEdge(self.folder, place, self.ports, self) for place in EDGES]
        self.router = f"http://127.0.0.1:{self.ports['router']}"

    @staticmethod
    def _port(port, fixed):
        return port if fixed and not accepts(port) else free_port()

    def _token(self, name):
        path = self.folder / name
        path.write_text(secrets.token_urlsafe(32) + "\n")
        path.chmod(0o600)
        return path

    def _control_values(self):
        values = {
            "state": "control.db", "geoip": str(self.geoip),
            "node_token_file": str(self.node_token),
            "operator_token_file": str(self.operator_token),
            ("router", "http"): {"address": f"127.0.0.1:{self.ports['router']}"},
            ("api", "api"): {"address": f"127.0.0.1:{self.ports['api']}"},
            ("site", "game"): {"hosts": [SITE_HOST]},
        }
        for name, city, country, lat, lon, _ in EDGES:
            values["node", name] = {"http_url": f"http://127.0.0.1:{self.ports[name]}",
                                    "admin_url": f"http://127.0.0.1:{self.ports[name + '-admin']}",
                                    "city": city, "country": country, "lat": str(lat),
                                    "lon": str(lon)}
        return values

    def start(self):
        made = subprocess.run(["perl", HERE / "geo.pl", HERE / "places.csv", self.geoip],
                              capture_output=True, text=True)
        if made.returncode != 0:
            raise Trouble("the GeoIP database could not be made", made.stderr.strip())
        for program in self.programs():
            try:
                program.start()
            except (RuntimeError, TimeoutError, OSError) as wrong:
                raise Trouble(f"{program.name} did not start", str(wrong).strip()) from None

    def programs(self):
        """In the order in which they start."""
        return (self.origin, self.control, *self.edges)

    def stop(self):
        for program in reversed(self.programs()):
            try:
                program.stop()
            except TimeoutError:
                program.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def edge(self, name):
        return next(e for e in self.edges if e.name == name)

    def edge_of(self, url):
        """Which edge a redirect points to, by its port; None: none of ours."""
        return next((e for e in self.edges if f":{e.port}/" in url), None)

    def ask_router(self, path, source, method="HEAD"):
        """What the router answers to a user of the site at this address."""
        return get(self.router + path, source, method=method, Host=SITE_HOST)

    def curl_router(self, path, source, options="-sI"):
        port = self.ports["router"]
        return (f"curl {options} --interface {source} --resolve {SITE_HOST}:{port}:127.0.0.1 "
                f"http://{SITE_HOST}:{port}{path}")

    def origin_bytes(self):
        return int(self.origin.metric("byeori_origin_body_bytes_total"))

    def route(self, client, path, explain=False):
        status, answer = call(self.ports["router"], "GET", f"/v1/route?client={client}"
                              f"&host={SITE_HOST}&path={path}" + ("&explain=1" if explain else ""))
        if status != 200:
            raise Trouble("the control plane does not route", f"{status}: {answer}")
        return answer

    def ctl(self, *arguments):
        return run_tool("control/byeorictl", *arguments, "--control",
                        f"http://127.0.0.1:{self.ports['api']}", "--token-file",
                        self.operator_token)
