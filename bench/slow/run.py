# SPDX-License-Identifier: MIT
"""Memory of the edge under 1,000 slow clients, each on another file of 1 GiB.

Every client takes 100 KB/s of its own cold file and compares each byte. The edge's resident memory,
which includes its cache, is read from /proc four times a second; the highest value counts. It must
stay below the configured cache and 64 MB."""

import argparse
import resource
import sys
import tempfile
import time

from tests.harness.client import Client
from tests.harness.content import Content
from tests.harness.origin import Origin
from tests.harness.programs import Edge

MIB = 1 << 20
FILE_BYTES = 1 << 30
CACHE_BYTES, ALLOWED_OVER = 256 * MIB, 64_000_000
TICK_S, SAMPLE_S = 0.05, 0.25
RECEIVE_BUFFER = 32 << 10


class Shifted(Content):
    """The bytes of another content, from a place of its own."""

    def __init__(self, content, shift):
        self.size, self._content, self._shift = FILE_BYTES, content, shift

    def read(self, start, count):
        count = max(0, min(count, self.size - start))
        return self._content.read(self._shift + start, count)


class Taker:
    """One client: takes what its rate allows, compares, never more."""

    def __init__(self, edge, number, content, bytes_per_s):
        self.content, self.rate, self.taken = content, bytes_per_s, 0
        self.client = Client(("127.0.0.1", edge.port), host=edge.host,
                             receive_buffer=RECEIVE_BUFFER)
        self.client.send_request("GET", f"/file-{number}")

    def begin(self):
        head = self.client.head()
        if head.status != 200 or int(head.header("Content-Length")) != FILE_BYTES:
            raise RuntimeError(f"answer {head.status} {head.fields}")
        self.started = time.monotonic()
        self._compare(self.client.reader.kept)
        self.client.sock.setblocking(False)

    def take(self, now):
        due = int((now - self.started) * self.rate) - self.taken
        if due > 0:
            try:
                self._compare(self.client.sock.recv(due))
            except BlockingIOError:
                pass

    def _compare(self, piece):
        if piece != self.content.read(self.taken, len(piece)):
            raise RuntimeError(f"wrong bytes at {self.taken}")
        self.taken += len(piece)


def drain(takers, edge, seconds):
    """The highest resident memory while all takers take."""
    end = time.monotonic() + seconds
    highest, sample_at = 0, 0
    while (now := time.monotonic()) < end:
        for t in takers:
            t.take(now)
        if now >= sample_at:
            highest, sample_at = max(highest, edge.resident_bytes()), now + SAMPLE_S
        time.sleep(max(0, now + TICK_S - time.monotonic()))
    return highest


def run(options, folder):
    origin, base = Origin(), Content(FILE_BYTES * 2)
    contents = [Shifted(base, i * 7919) for i in range(options.clients)]
    for i, c in enumerate(contents):
        origin.page(f"/file-{i}", c, cache="max-age=3600", etag=f'"{i}"')
    edge = Edge(folder, [origin.url], over={"memory": f"{CACHE_BYTES // MIB}MiB"}).start()
    try:
        before = edge.resident_bytes()
        takers = [Taker(edge, i, c, options.rate * 1000) for i, c in enumerate(contents)]
        for t in takers:
            t.begin()
        highest = drain(takers, edge, options.seconds)
        taken = sum(t.taken for t in takers)
        for t in takers:
            t.client.close()
    except (OSError, RuntimeError):
        print(edge.stderr()[-3000:])
        raise
    finally:
        edge.stop()
        origin.stop()
    return report(options, before, highest, taken)


def report(options, before, highest, taken):
    allowed = CACHE_BYTES + ALLOWED_OVER
    wanted = options.clients * options.rate * 1000 * options.seconds
    print(f"clients                {options.clients} at {options.rate} KB/s, {options.seconds} s")
    print(f"bytes taken            {taken / 1e6:.0f} MB of {wanted / 1e6:.0f} MB, all right")
    print(f"cache configured       {CACHE_BYTES / 1e6:.0f} MB")
    print(f"resident before        {before / 1e6:.1f} MB")
    print(f"resident, highest      {highest / 1e6:.1f} MB")
    is_kept, is_fast = highest <= allowed, taken >= wanted * 0.9
    print(f"allowed                {allowed / 1e6:.1f} MB: {'kept' if is_kept else 'EXCEEDED'}")
    if not is_fast:
        print("the clients got less than nine tenths of their rate: the figure does not count")
    return 0 if is_kept and is_fast else 1


def main():
    parser = argparse.ArgumentParser(prog="./byeori bench slow",
                                     description=__doc__.split("\n")[0])
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--rate", type=int, default=100, help="KB/s of each client")
    parser.add_argument("--seconds", type=int, default=30)
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory() as folder:
        return run(options, folder)


if __name__ == "__main__":
    sys.exit(main())
