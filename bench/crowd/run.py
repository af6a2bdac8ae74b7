# SPDX-License-Identifier: MIT
"""100 cold clients at once on 1 GiB: origin bytes, first bytes; a slow first client that leaves.

The first part is what a release is: everybody asks at once for what no edge has. The second is the
client that no other should notice: it comes first, reads 10 KB/s and goes; who comes second is
held against a client that has the edge to itself, and when the last one has left in the middle,
the fill must end by itself."""

import argparse
import multiprocessing
import selectors
import socket
import sys
import tempfile
import time
from pathlib import Path

from tests.harness.client import Client
from tests.harness.content import PERIOD, Content
from tests.harness.programs import Edge, OriginGateway, wait_until
from tests.harness.trouble import Trouble

MIB = 1 << 20
RECEIVED = "byeori_edge_upstream_received_bytes_total"
BOUND_RATIO, BOUND_SPREAD_MS = 1.01, 50
COMPARES_EACH = 10              # one client in so many compares every byte, the others count
GRACE_S, READ_AHEAD = 2, 8 * MIB
SLOW_BYTES, SLOW_TICK_S = 1000, 0.1
LEFT_BYTES = 128 * MIB          # of the files of the second part


class Taker:
    """One client, and when its first byte of the body came. The others' bytes are counted by the
    kernel (MSG_TRUNC), which leaves the processor to the edge."""

    def __init__(self, port, host, path, content, compares):
        self.client = Client(("127.0.0.1", port), host=host, bound_s=600)
        self.path, self.content, self.compares = path, content, compares
        self.taken, self.first_at, self.is_wrong, self.has_begun = 0, None, False, False
        self.buffer = bytearray(MIB) if compares else None

    def ask(self):
        self.client.send_request("GET", self.path)

    def begin(self):
        """The head has come, and perhaps more."""
        head = self.client.head()
        if head.status != 200 or int(head.header("Content-Length")) != self.content.size:
            raise RuntimeError(f"answer {head.status} {head.fields}")
        self.has_begun = True
        kept = bytes(self.client.reader.kept)
        if kept:
            self.first_at = time.monotonic()
        self._count(kept, len(kept))

    def take(self):
        """False: no more will come."""
        sock = self.client.sock
        if not self.has_begun:
            self.begin()
            return True
        n = sock.recv_into(self.buffer) if self.compares else \
            sock.recv_into(SINK, len(SINK), socket.MSG_TRUNC)
        if self.first_at is None:
            self.first_at = time.monotonic()
        self._count(memoryview(self.buffer)[:n] if self.compares else None, n)
        return n > 0 and self.taken < self.content.size

    def _count(self, piece, n):
        if self.compares and piece != self.content.read(self.taken, n):
            self.is_wrong = True
        self.taken += n


SINK = bytearray(4 * MIB)


def read_while(takers, is_due):
    """Reads from those that are due until none is, or none gets any more."""
    chooser = selectors.DefaultSelector()
    due = [t for t in takers if is_due(t)]
    for t in due:
        chooser.register(t.client.sock, selectors.EVENT_READ, t)
    left = len(due)
    while left > 0 and (ready := chooser.select(60)):
        for key, _ in ready:
            if not key.data.take() or not is_due(key.data):
                chooser.unregister(key.fileobj)
                left -= 1


def crowd_process(options, numbers, start, results):
    """Some of the clients, in a process of their own."""
    content = Content(options["bytes"])
    takers = [Taker(options["port"], options["host"], options["path"], content,
                    n % COMPARES_EACH == 0) for n in numbers]
    start.wait()
    for t in takers:
        t.ask()
    read_while(takers, lambda t: t.first_at is None)    # what is timed, undisturbed by the rest
    read_while(takers, lambda t: t.taken < content.size)
    results.put([(t.first_at, t.taken, t.is_wrong) for t in takers])


def crowd(edge, content, clients, processes):
    """[(first byte at, bytes, whether wrong)] of all clients."""
    start, results = multiprocessing.Event(), multiprocessing.Queue()
    options = {"port": edge.port, "host": edge.host, "path": "/crowd.bin", "bytes": content.size}
    workers = [multiprocessing.Process(target=crowd_process, args=(
        options, range(n, clients, processes), start, results)) for n in range(processes)]
    for w in workers:
        w.start()
    time.sleep(1)                           # all have connected
    start.set()
    answers = [answer for _ in workers for answer in results.get()]
    for w in workers:
        w.join()
    return answers


def seconds_for(edge, path, content):
    """How long one client takes for the whole of a cold file."""
    began = time.monotonic()
    t = Taker(edge.port, edge.host, path, content, compares=True)
    t.ask()
    while t.take():
        pass
    if t.is_wrong or t.taken != content.size:
        raise RuntimeError(f"{path}: {t.taken} bytes, wrong: {t.is_wrong}")
    return time.monotonic() - began


def slow_one(edge, path, content, until):
    """10 KB/s until told, then gone without a word."""
    t = Client(("127.0.0.1", edge.port), host=edge.host, receive_buffer=4096)
    t.send_request("GET", path)
    t.head()
    while not until():
        t.reader.exactly(SLOW_BYTES)
        time.sleep(SLOW_TICK_S)
    t.reset()


def play_slow(edge, content):
    """Seconds alone, and behind the slow one; upstream bytes and seconds after all left."""
    alone = seconds_for(edge, "/alone.bin", content)
    ends = time.monotonic() + 1
    slow_one(edge, "/second.bin", content, lambda: time.monotonic() > ends)
    behind = seconds_for(edge, "/second.bin", content)
    graces = edge.metric("byeori_edge_upstream_fill_graces_total")
    ends = time.monotonic() + 1
    slow_one(edge, "/left.bin", content, lambda: time.monotonic() > ends)
    left_at, before = time.monotonic(), edge.metric(RECEIVED)
    wait_until(lambda: edge.metric("byeori_edge_upstream_fill_graces_total") > graces,
               "the fill without readers ends")
    return alone, behind, edge.metric(RECEIVED) - before, time.monotonic() - left_at


def report(answers, content, ratio, slow):
    whole = sum(taken == content.size and not wrong for _, taken, wrong in answers)
    first = [at for at, _, _ in answers if at is not None]
    spread_ms = (max(first) - min(first)) * 1000
    alone, behind, after, ended = slow
    print(f"{whole} of {len(answers)} clients have all of {content.size // MIB} MiB; origin bytes "
          f"{ratio:.4f} x the content (bound {BOUND_RATIO}); the last one's first byte "
          f"{spread_ms:.1f} ms after the first one's (bound {BOUND_SPREAD_MS})")
    print(f"behind a first client of 10 KB/s: {LEFT_BYTES / behind / 1e6:.0f} MB/s, alone "
          f"{LEFT_BYTES / alone / 1e6:.0f} MB/s; without readers the fill brought "
          f"{after / MIB:.1f} MiB more and ended after {ended:.1f} s (grace {GRACE_S} s)")
    # what sockets hold beside the read-ahead: both ends of one connection
    left_in_time = ended < GRACE_S + 1 and after < READ_AHEAD + 16 * MIB
    return (whole == len(answers) and ratio <= BOUND_RATIO and spread_ms <= BOUND_SPREAD_MS
            and behind < alone * 1.5 and left_in_time)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--megabytes", type=int, default=1024)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--processes", type=int, default=2)
    a = parser.parse_args()
    content, left = Content(max(a.megabytes << 20, PERIOD)), Content(LEFT_BYTES)
    with tempfile.TemporaryDirectory(prefix="byeori-", dir="/dev/shm") as folder:
        root = Path(folder) / "root"
        root.mkdir()
        content.write_to(root / "crowd.bin")
        left.write_to(root / "left.bin")
        for name in ("alone", "second"):
            (root / f"{name}.bin").hardlink_to(root / "left.bin")
        origin = OriginGateway(folder, lambda port: {
            "workers": 1, "folder": str(root), ("listen", "http"): {"address": f"127.0.0.1:{port}"},
            ("rule", "*"): {"cache_control": "max-age=3600"}})
        edge = Edge(folder, [origin.url], over={"workers": a.workers, "memory": "1536MiB"},
                    site={"grace": f"{GRACE_S}s", "read_ahead": f"{READ_AHEAD // MIB}MiB"})
        try:
            origin.start()
            edge.start()
            answers = crowd(edge, content, a.clients, a.processes)
            ratio = edge.metric(RECEIVED) / content.size
            is_good = report(answers, content, ratio, play_slow(edge, left))
        finally:
            edge.stop()
            origin.stop()
    return 0 if is_good else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Trouble as trouble:
        sys.exit(f"bench: {trouble}")
