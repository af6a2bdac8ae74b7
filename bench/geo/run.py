# SPDX-License-Identifier: MIT
"""10,000 look-ups a second while the GeoIP database under them is spoilt in every way, 200 times.

The real control plane, asked over HTTP by bench/route/ask.c, which compares each answer with what
the databases say. Two good databases agree on all that is asked. MMDB_BAD (or --bad) names a folder
of further broken files."""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.harness import builds, packages
from tests.harness.ports import free_port
from tests.harness.programs import Control, wait_until
from tests.harness.trouble import Trouble

TOKEN, HOST, RATE, NETWORKS = "operator-0123456789abcdef", "dl.example.com", 10_000, 5000
PLACES = (("Seoul", "KR", "AS", 37.5665, 126.978), ("Frankfurt", "DE", "EU", 50.1109, 8.6821),
          ("Ashburn", "US", "NA", 39.0438, -77.4874))


def place(i):
    return PLACES[i * 7 % 3]


def make(path, networks, extra=""):
    rows = [f"{20 + i // 65536}.{i // 256 % 256}.{i % 256}.0/24,{c},{k},{n},{lat},{lon},20"
            for i in range(networks) for c, k, n, lat, lon in [place(i)]]
    subprocess.run(["perl", builds.ROOT / "tests/unit/lib/geo/make_db.pl", path],
                   input="\n".join(rows) + "\n" + extra, text=True, check=True,
                   env={**os.environ, "TYPE": "GeoLite2-City"})
    return path.read_bytes()


class Plane(Control):
    def __init__(self, folder):
        self.router_port, self.db = free_port(), folder / "places.mmdb"
        (folder / "token").write_text(TOKEN + "\n")

        def values(port):
            out = {"state": str(folder / "state.db"), "geoip": str(self.db), "workers": 1,
                   "operator_token_file": str(folder / "token"),
                   "node_token_file": str(folder / "token"),
                   "geoip_sentinels": ["20.0.0.1 KR"],
                   ("router", "router"): {"address": f"127.0.0.1:{self.router_port}"},
                   ("api", "api"): {"address": f"127.0.0.1:{port}"},
                   ("site", "games"): {"hosts": [HOST]}}
            for city, country, _, lat, lon in PLACES:
                out["node", city.lower()] = {"http_url": "http://e.example", "country": country,
                                             "lat": str(lat), "lon": str(lon)}
            return out

        super().__init__(folder, values)

    def seen(self):
        """How often it has looked into the file, and what came of it."""
        m = self.metrics()
        return m["byeori_control_geoip_swaps"], m["byeori_control_geoip_refusals"]


def write_questions(path):
    draw, rows = random.Random(7), []
    for _ in range(20_000):
        i = draw.randrange(NETWORKS)
        ip = f"20.{i // 256}.{i % 256}.{draw.randrange(256)}"
        city = place(i)[0]
        rows.append(f"GET /v1/route?client={ip}&host={HOST}&path=/a&n=1 HTTP/1.1\r\n"
                    f'Host: router\r\n\r\n\x01"city":"{city}"'.encode())
    path.write_bytes(b"\0".join(rows) + b"\0")


class Spoiler:
    """What is done to a database file; `ways` are functions of (path, a good one's bytes)."""

    def __init__(self, good, small, folder):
        self.good, self.small, self.draw = good, small, random.Random(3)
        self.ways = [self.overwrite, self.rename, self.truncate, self.empty, self.cut, self.flip,
                     self.wrong_count, self.ring, self.garbage, self.fewer, self.delete]
        self.ways += [lambda path, data=f.read_bytes(): self.put(path, data)
                      for f in (sorted(Path(folder).glob("*.mmdb")) if folder else ())]

    @staticmethod
    def put(path, data):
        new = path.with_suffix(".new")
        new.write_bytes(data)
        os.rename(new, path)

    def rename(self, path):
        self.put(path, self.draw.choice(self.good))

    def overwrite(self, path):
        """A copy over the file, in pieces, as cp does it."""
        data = self.draw.choice(self.good)
        with path.open("wb") as f:
            for at in range(0, len(data), 64 << 10):
                f.write(data[at:at + (64 << 10)])
                f.flush()

    def truncate(self, path):
        if path.exists():
            os.truncate(path, self.draw.randrange(path.stat().st_size + 1))

    def empty(self, path):
        path.write_bytes(b"")

    def cut(self, path):
        data = self.draw.choice(self.good)
        self.put(path, data[:self.draw.randrange(len(data))])

    def flip(self, path):
        """In the metadata. (A flipped bit elsewhere may leave a database that is right in itself
        and says something else, which nobody can tell from a newer one.)"""
        data = bytearray(self.draw.choice(self.good))
        data[-1 - self.draw.randrange(200)] ^= 1 << self.draw.randrange(8)
        self.put(path, bytes(data))

    def wrong_count(self, path):
        data = bytearray(self.draw.choice(self.good))
        at = data.rindex(b"node_count") + len(b"node_count") + 1
        data[at + 1] ^= 1 + self.draw.randrange(255)
        self.put(path, bytes(data))

    def ring(self, path):
        """A node low in the tree leads back to the root (records of 28 bits)."""
        data = bytearray(self.draw.choice(self.good))
        at = 7 * self.draw.randrange(200, 2000)
        data[at:at + 3] = b"\0\0\0"
        data[at + 3] &= 0x0f
        self.put(path, bytes(data))

    def garbage(self, path):
        self.put(path, self.draw.randbytes(100_000))

    def fewer(self, path):
        self.put(path, self.small)

    def delete(self, path):
        path.unlink(missing_ok=True)


def spoil(plane, spoiler, times):
    counts = {}
    for i in range(times):
        before, way = plane.seen(), spoiler.ways[i % len(spoiler.ways)]
        existed = plane.db.exists()
        way(plane.db)
        name = way.__name__.replace("<lambda>", "file of the folder")
        counts[name] = counts.get(name, 0) + 1
        if existed or plane.db.exists():
            wait_until(lambda: plane.seen() != before or not plane.is_running(),
                       f"{name} to be noticed", 20)
        if not plane.is_running():
            raise Trouble("the control plane is gone", plane.stderr())
    return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--bad", default=os.environ.get("MMDB_BAD"))
    options = parser.parse_args()
    packages.install("test")
    with tempfile.TemporaryDirectory(prefix="byeori-bench-geo-") as text:
        folder = Path(text)
        good = [make(folder / "a", NETWORKS),
                make(folder / "b", NETWORKS, "30.0.0.0/8,,FR,EU,,,\n")]
        spoiler = Spoiler(good, make(folder / "c", NETWORKS // 2), options.bad)
        write_questions(folder / "questions")
        plane = Plane(folder)
        plane.db.write_bytes(good[0])
        try:
            plane.start()
            asking = subprocess.Popen(
                [builds.ROOT / "build/bench/route/ask", str(plane.router_port),
                 folder / "questions", "64", "100000", str(RATE)], stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, text=True)
            began = time.monotonic()
            counts = spoil(plane, spoiler, options.times)
            seconds = time.monotonic() - began
            is_asking = asking.poll() is None
            asking.terminate()
            out, faults = asking.communicate()
            swaps, refusals = plane.seen()
        finally:
            plane.kill()
    print(", ".join(f"{v} x {k}" for k, v in counts.items()))
    print(f"{options.times} times in {seconds:.0f} s: {swaps:.0f} databases taken, {refusals:.0f} "
          f"refused; {out.strip()}")
    if not is_asking:
        print(f"an answer was wrong or missing: {faults}")
    return 0 if is_asking else 1


if __name__ == "__main__":
    sys.exit(main())
