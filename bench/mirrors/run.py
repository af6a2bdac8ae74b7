# SPDX-License-Identifier: MIT
"""aria2c with the list of mirrors that a router gives: from two edges, from two of which one sends
wrong bytes, and from one alone; times, bytes fetched, and what it says of the bad one."""

import argparse
import re
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests/e2e"))
from control_plane import Plane  # noqa: E402  (needs the path above)
from tests.harness import packages  # noqa: E402
from tests.harness.content import Content  # noqa: E402
from tests.harness.programs import Edge, OriginGateway, run_tool  # noqa: E402

NAME, FILE = "game/1.4.0", "data.pak"
PLACE = {"city": "Seoul", "country": "KR", "lat": "37.5665", "lon": "126.978"}


class Passage:
    """Before an edge: counts the bytes of the file, and spoils them if it shall."""

    def __init__(self, edge, host, rate):
        self.bytes, self.spoils = 0, False
        passage = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                fields = {k: v for k, v in self.headers.items() if k in ("Range", "Accept")}
                with edge.client(host="127.0.0.1") as c:
                    r = c.request("GET", self.path, **fields)
                body, is_file = bytearray(r.body), self.path.endswith(FILE)
                if is_file and passage.spoils:
                    body[::1000] = b"X" * len(body[::1000])
                self.send_response(r.status)
                for name in ("Content-Type", "Content-Range", "ETag"):
                    if r.header(name):
                        self.send_header(name, r.header(name))
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                for at in range(0, len(body), 1 << 17):
                    try:
                        self.wfile.write(body[at:at + (1 << 17)])
                    except OSError:     # it has seen enough
                        self.close_connection = True
                        return
                    if is_file:
                        passage.bytes += min(1 << 17, len(body) - at)
                        time.sleep((1 << 17) / rate)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer((host, 0), Handler)
        self.url = f"http://{host}:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def fetch(at, url, name, content):
    """Seconds, whether it came right, and complaints by mirror."""
    log = at / f"{name}.log"
    began = time.monotonic()
    done = subprocess.run(["aria2c", "--no-conf", "--quiet", "--file-allocation=none", "-x1", "-s2",
                           "-k1M", "--async-dns=false", "--disable-ipv6=true", "--log", log,
                           "--log-level=info", "-d", at / name, url], timeout=600)
    took = time.monotonic() - began
    right = done.returncode == 0 and (at / name / FILE).read_bytes() == content.read(
        0, content.size)
    bad = re.findall(r"Restarting the download\. URI=(\S+)\nException.*\n.*Invalid checksum",
                     log.read_text())
    return took, right, bad


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mb", type=int, default=64)
    parser.add_argument("--rate", type=int, default=16, help="MB/s of each edge")
    options = parser.parse_args()
    packages.install_names(["aria2", "libmaxmind-db-writer-perl"])
    content = Content(options.mb << 20, seed=4)
    running = []
    with tempfile.TemporaryDirectory(prefix="byeori-mirrors-") as folder:
        at = Path(folder)
        (at / "release").mkdir()
        (at / "store").mkdir()
        content.write_to(at / "release" / FILE)
        try:
            run_tool("origin/byeori-origin", "publish", at / "release", "--to", at / "store",
                     "--as", NAME, bound_s=600)
            gateway = OriginGateway(at, lambda port: {
                "folder": str(at / "store"), ("listen", "http"): {"address": f"127.0.0.1:{port}"},
                "mirrors": {"urls": [f"http://127.0.0.1:{port}"]},
                ("rule", "/*"): {"cache_control": "public, max-age=86400"}}).start()
            running.append(gateway)
            edges = [Edge(at, [gateway.url], name=n, host="localhost",
                          over={"names": ["127.0.0.1"], "memory": "1GiB"}) for n in ("a", "b")]
            passages = [Passage(e, f"127.0.0.{1 + i}", options.rate * 1e6)
                        for i, e in enumerate(edges)]
            plane = Plane(at, nodes={e.name: {**PLACE, "http_url": p.url}
                                     for e, p in zip(edges, passages)},
                          over={("site", "games"): {"hosts": ["localhost"]}})
            running.append(plane.start())
            for e in edges:
                e.configure({**e.values, "control": {"url": plane.url,
                                                     "token_file": str(at / "node")}})
                running.append(e.start())
            plane.wait_health(a="up", b="up")
            url = f"http://localhost:{plane.router_port}/{NAME}/{FILE}.meta4"
            ok = True
            print("| mirrors | seconds | right | MB from the first, the second | complaints |")
            print("|---|---|---|---|---|")
            for name, spoils in (("two edges", False), ("the second one spoils", True)):
                passages[1].spoils = spoils
                for p in passages:
                    p.bytes = 0
                took, right, bad = fetch(at, url, name.replace(" ", "-"), content)
                told = {u.split("/")[2] for u in bad}
                print(f"| {name} | {took:.1f} | {'yes' if right else 'NO'} | "
                      f"{passages[0].bytes / 1e6:.1f}, {passages[1].bytes / 1e6:.1f} | "
                      f"{len(bad)}, all of the second: "
                      f"{'yes' if told <= {passages[1].url.split('/')[2]} else 'NO'} |")
                ok = ok and right and bool(bad) == spoils
        finally:
            for program in reversed(running):
                program.stop()
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
