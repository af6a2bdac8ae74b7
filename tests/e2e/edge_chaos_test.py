# SPDX-License-Identifier: MIT
"""Everything at once: many clients, ranges, short memory, an origin that cuts, files replaced,
purges. Whatever a client gets is a piece of one version, and the edge stays well."""

import random
import threading
import time

import pytest

from tests.harness.content import Content
from tests.harness.origin import page_of
from tests.harness.programs import Edge

MIB = 1 << 20
FILES, VERSIONS, CLIENTS, LENGTH_S = 8, 3, 12, 6


class Moody:
    """A file that changes its version now and then, and cuts one answer in four."""

    def __init__(self, number, seed):
        self.random = random.Random(seed)
        size = self.random.choice([1000, MIB, 3 * MIB + 17, 7 * MIB])
        self.contents = [Content(size, seed=number * 10 + v) for v in range(VERSIONS)]
        self.version = 0

    def __call__(self, request, wire):
        content = self.contents[self.version]
        page = page_of(content, cache="max-age=1", etag=f'"{self.version}"',
                       is_chunked=self.random.random() < 0.2)
        if self.random.random() < 0.25:
            page.cut = self.random.randrange(content.size)
        page(request, wire)

    def replace(self):
        self.version = self.random.randrange(VERSIONS)


def is_piece(body, start, contents):
    return any(body == c.read(start, len(body)) for c in contents)


class Crowd(threading.Thread):
    def __init__(self, edge, files, seed, ended):
        super().__init__(daemon=True)
        self.edge, self.files, self.ended, self.wrong = edge, files, ended, []
        self.random, self.whole, self.cut = random.Random(seed), 0, 0
        self.start()

    def run(self):
        while not self.ended.is_set():
            try:
                self.one()
            except Exception as wrong:      # whatever it is, the test shows it
                self.wrong.append(repr(wrong))

    def one(self):
        number = self.random.randrange(FILES)
        file = self.files[number]
        size, start, fields = file.contents[0].size, 0, {}
        if self.random.random() < 0.5:
            start = self.random.randrange(size)
            fields["Range"] = f"bytes={start}-{start + self.random.randrange(2 * MIB)}"
        with self.edge.client() as c:
            c.send_request("GET", f"/{number}", **fields)
            r = c.head()
            if r.status >= 400:
                return
            start = start if r.status == 206 else 0
            if self.random.random() < 0.1:
                return                      # goes away in the middle
            body, is_whole = self.body(c, r)
            self.whole += is_whole
            self.cut += not is_whole
            if not is_piece(body, start, file.contents):
                self.wrong.append(f"/{number} {fields}: {len(body)} bytes that were never one file")

    @staticmethod
    def body(c, r):
        if r.header("Content-Length") is None:
            try:
                return c.body_of(r), True
            except Exception as cut:
                return getattr(cut, "got", b""), False
        got, want = bytearray(), int(r.header("Content-Length"))
        try:
            while len(got) < want and (piece := c.reader.some(want - len(got))):
                got += piece
        except OSError:
            pass
        return bytes(got), len(got) == want


@pytest.mark.threads
def test_in_chaos_each_client_gets_a_piece_of_one_version(run, origin, tmp_path):
    edge = run(Edge(tmp_path, [origin.url], over={"workers": 3, "memory": "16MiB"},
                    site={"grace": "200ms", "read_ahead": "1MiB", "stale_while_revalidate": "5s"}))
    files = [Moody(i, seed=i) for i in range(FILES)]
    for i, file in enumerate(files):
        origin.on(f"/{i}", file)
    end, ended = time.monotonic() + LENGTH_S, threading.Event()
    crowd = [Crowd(edge, files, seed, ended) for seed in range(CLIENTS)]
    dice = random.Random(7)
    while time.monotonic() < end or sum(client.whole for client in crowd) <= 50:
        time.sleep(0.05)
        number = dice.randrange(FILES)
        if dice.random() < 0.3:
            files[number].replace()
        edge.admin("POST", "/v1/purge", {"url": f"http://test.example/{number}",
                                         "soft": dice.random() < 0.5})
    ended.set()
    for client in crowd:
        client.join(60)
    assert [w for client in crowd for w in client.wrong] == []
    assert edge.metrics()["byeori_edge_store_memory_bytes"] <= 16 * MIB
    for file in files:
        file.random.random = lambda: 1.0     # well-behaved from here
    for i, file in enumerate(files):
        edge.admin("POST", "/v1/purge", {"url": f"http://test.example/{i}"})
        content = file.contents[file.version]
        assert edge.get(f"/{i}").body == content.read(0, content.size)
