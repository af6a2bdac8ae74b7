# SPDX-License-Identifier: MIT
"""A file replaced at the origin in the middle of 50 downloads: all old bytes or a broken one.

Real byeori-origin and byeori-edge. The edge's memory is a fraction of the file, so that blocks
leave and must be fetched again after the replacement: that is where a cache that joins slices of
two versions gives itself away. Clients start at different moments and read at different rates,
some of them ranges. Three ways: the file replaced by rename; cut and written anew (as cp does);
written over in place without being cut, for which the origin has sendfile = false."""

import argparse
import os
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.harness.client import Client
from tests.harness.content import Content
from tests.harness.http1 import Closed
from tests.harness.programs import Edge, OriginGateway
from tests.harness.trouble import Trouble

HOST, PATH = "dl.example", "/release.bin"


class Download(threading.Thread):
    """One client. verdict: "old", "new", "broken" (a true prefix of one), or "MIXED"."""

    def __init__(self, edge, old, new, start, pause_s):
        super().__init__(daemon=True)
        self.edge, self.old, self.new = edge, old, new
        self.first, self.pause_s = start, pause_s
        self.verdict, self.got = None, 0

    def run(self):
        candidates = {"old": self.old, "new": self.new}
        whole = False
        try:
            with Client(("127.0.0.1", self.edge.port), host=HOST, receive_buffer=65536) as c:
                fields = {"Range": f"bytes={self.first}-"} if self.first else {}
                c.send_request("GET", PATH, **fields)
                head = c.head()
                if head.status not in (200, 206):
                    self.verdict = "broken"
                    return
                whole = self.read(c, int(head.header("Content-Length")), candidates)
        except (Closed, OSError):
            pass
        if not candidates:
            self.verdict = "MIXED"
        else:
            self.verdict = next(iter(candidates)) if whole else "broken"

    def read(self, client, length, candidates):
        while self.got < length:
            piece = client.reader.some()
            if not piece:
                return False
            at = self.first + self.got
            for name in [n for n, c in candidates.items() if c.read(at, len(piece)) != piece]:
                del candidates[name]
            self.got += len(piece)
            if not candidates:
                return False
            time.sleep(self.pause_s)
        return True


def replace_by_rename(path, new):
    new.write_to(f"{path}.new")
    os.replace(f"{path}.new", path)


def cut_and_write(path, new):
    new.write_to(path)


def write_over(path, new):
    with open(path, "r+b") as f:
        f.writelines(new.pieces())


def play(how, sendfile, clients, size, seed):
    source = random.Random(seed)
    old, new = Content(size, seed=1), Content(size, seed=2)
    with tempfile.TemporaryDirectory(prefix="byeori-") as folder:
        root = Path(folder) / "root"
        root.mkdir()
        old.write_to(root / PATH[1:])
        origin = OriginGateway(folder, lambda port: {
            "workers": 1, "folder": str(root), "sendfile": sendfile,
            ("listen", "http"): {"address": f"127.0.0.1:{port}"},
            ("rule", "*"): {"cache_control": "no-cache"}})
        edge = None
        try:
            origin.start()
            edge = Edge(folder, [origin.url], host=HOST, over={"memory": f"{size // 8 >> 20}MiB"})
            edge.start()
            downloads = []
            for _ in range(clients):
                start = source.choice([0, 0, source.randrange(size // 2)])
                downloads.append(Download(edge, old, new, start, source.uniform(0.0005, 0.003)))
            for i, d in enumerate(downloads):
                d.start()
                if i == clients // 2:
                    time.sleep(0.5)
            middle = sum(d.is_alive() and d.got > 0 for d in downloads)
            how(root / PATH[1:], new)
            for d in downloads:
                d.join(120)
            with edge.client() as c:
                after = c.get(PATH).body == new.read(0, size)
        finally:
            for program in (edge, origin):
                if program:
                    program.stop()
    verdicts = [d.verdict or "HUNG" for d in downloads]
    return {v: verdicts.count(v) for v in sorted(set(verdicts))}, middle, after


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--megabytes", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    a = parser.parse_args()
    bad = 0
    for n in range(a.rounds):
        for name, how, sendfile in (("replaced by rename", replace_by_rename, True),
                                    ("cut and written anew", cut_and_write, True),
                                    ("written over in place", write_over, False)):
            verdicts, middle, after = play(how, sendfile, a.clients, a.megabytes << 20, a.seed + n)
            mixed = verdicts.get("MIXED", 0) + verdicts.get("HUNG", 0)
            bad += mixed + (not after)
            counts = ", ".join(f"{count} {v}" for v, count in verdicts.items())
            print(f"{name} with {middle} of {a.clients} downloads under way: {counts}; "
                  f"mixtures: {mixed}; the next request gets the new file: "
                  f"{'yes' if after else 'NO'}", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Trouble as trouble:
        sys.exit(f"bench: {trouble}")
