# SPDX-License-Identifier: MIT
"""What the cases share: an origin whose objects follow from their number, a client that pipelines
and compares every byte, and figures beside their bars."""

import multiprocessing
import random
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.harness.programs import Edge
from tests.harness.trouble import Trouble

HOST, POOL = "dl.example", random.Random(7).randbytes(1 << 20)
PIPELINED, ASKERS, FILLED = 32, 8, 4096
MIB, GIB = 1 << 20, 1 << 30
STORED = "byeori_edge_store_"


def body_of(number, size):
    """Bytes that no other number has."""
    mark = b"%016d" % number
    at = number * 4099 % (len(POOL) - size)
    return mark + POOL[at:at + size - len(mark)]


class NumberOrigin:
    """GET /N is body_of(N): as fast as Python can, and so simple that nothing else is. It is a
    process of its own: what it does for one client holds up no other client's clock."""

    def __init__(self, size):
        self.size, self.socket = size, socket.create_server(("127.0.0.1", 0), backlog=512)
        self.url = "http://127.0.0.1:%d" % self.socket.getsockname()[1]
        fork = multiprocessing.get_context("fork")
        self.counted = fork.Value("q", 0)
        self.process = fork.Process(target=self._accept, daemon=True)
        self.process.start()
        self.socket.close()

    @property
    def count(self):
        return self.counted.value

    def _accept(self):
        while True:
            peer, _ = self.socket.accept()
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        kept = b""
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            try:
                got = peer.recv(1 << 16)
                if not got:
                    break
                heads = (kept + got).split(b"\r\n\r\n")
                kept = heads.pop()
                with self.counted:
                    self.counted.value += len(heads)
                peer.sendall(b"".join(self._answer(head) for head in heads))
            except OSError:
                break
        peer.close()

    def _answer(self, head):
        number = int(head.split(b" ", 2)[1][1:])
        asked = re.search(rb"\r\nrange: *bytes=(\d+)-(\d*)", head, re.I)
        first = int(asked[1]) if asked else 0
        last = min(int(asked[2]), self.size - 1) if asked and asked[2] else self.size - 1
        status, part = b"200 OK", b""
        if asked:
            status = b"206 Partial Content"
            part = b"Content-Range: bytes %d-%d/%d\r\n" % (first, last, self.size)
        return (b"HTTP/1.1 %s\r\nContent-Length: %d\r\n%sETag: \"%d\"\r\n"
                b"Cache-Control: max-age=864000\r\n\r\n" % (status, last - first + 1, part, number)
                + body_of(number, self.size)[first:last + 1])

    def stop(self):
        self.process.terminate()
        self.process.join()


def disk_edge(folder, origin, disks, **over):
    """disks: {folder: its options}."""
    values = {("disk", str(path)): how for path, how in disks.items()}
    site = {"block": over.pop("block", "64KiB")}
    return Edge(folder, [origin], host=HOST, site=site, over={
        "workers": 2, "memory": "64MiB", "disk_admission": "all", "disk_scrub": 0, **values,
        **over})


class Asking:
    """One kept connection to an edge. ask(numbers, size): (number, is it a hit, is it right)."""

    def __init__(self, edge):
        self.socket = socket.create_connection(("127.0.0.1", edge.port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.kept = bytearray()

    def close(self):
        self.socket.close()

    def _head(self):
        while (end := self.kept.find(b"\r\n\r\n")) < 0:
            self._more()
        head = bytes(self.kept[:end])
        del self.kept[:end + 4]
        return head

    def _more(self):
        got = self.socket.recv(1 << 20)
        if not got:
            raise Trouble("the edge closed a connection", "read its log")
        self.kept += got

    def _body(self, length):
        while len(self.kept) < length:
            self._more()
        body = bytes(self.kept[:length])
        del self.kept[:length]
        return body

    def ask(self, numbers, size):
        numbers = list(numbers)
        for at in range(0, len(numbers), PIPELINED):
            some = numbers[at:at + PIPELINED]
            self.socket.sendall(b"".join(b"GET /%d HTTP/1.1\r\nHost: %s\r\n\r\n"
                                         % (n, HOST.encode()) for n in some))
            for n in some:
                head = self._head()
                length = int(re.search(rb"\r\nContent-Length: (\d+)", head)[1])
                body = self._body(length)
                is_right = head.startswith(b"HTTP/1.1 200") and body == body_of(n, size)
                yield n, b"; hit" in head, is_right


def asked(edge, numbers, size):
    """Asks for each once, on ASKERS connections; how many were hits, how many wrong."""
    def run(some):
        asking, hits, wrong = Asking(edge), 0, 0
        for _, is_hit, is_right in asking.ask(some, size):
            hits += is_hit
            wrong += not is_right
        asking.close()
        return hits, wrong

    with ThreadPoolExecutor(ASKERS) as pool:
        rows = list(pool.map(run, [numbers[i::ASKERS] for i in range(ASKERS)]))
    return tuple(sum(column) for column in zip(*rows))


def fill(edge, numbers, size, queue_bytes):
    """Asks for each once, no faster than the disk writes."""
    for at in range(0, len(numbers), FILLED):
        _, wrong = asked(edge, numbers[at:at + FILLED], size)
        if wrong > 0:
            raise Trouble("a wrong answer while the disk was filled", "this is a fault of the edge")
        while edge.metric("byeori_edge_disk_queued_bytes") > queue_bytes:
            time.sleep(0.005)


def wait_written(edge):
    while edge.metric("byeori_edge_disk_queued_bytes") > 0:
        time.sleep(0.02)


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))] if values else float("nan")


def cpu_s(pid):
    """Processor time so far, user and kernel, of a process and all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def verdict(what, figure, bar, holds):
    print(f"  {what:58} {figure:>16}   bar {bar:<12} {'held' if holds else 'MISSED'}", flush=True)
    return holds
