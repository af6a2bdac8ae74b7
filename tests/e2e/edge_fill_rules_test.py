# SPDX-License-Identifier: MIT
"""What a fill brings beyond what was asked, and how: reading ahead of who reads on, joining what
adjoins, the whole by rule, several ranges at once, and bounds without readers."""

import re
import threading
import time

import pytest

from tests.harness.content import Content
from tests.harness.origin import page_of
from tests.harness.programs import Edge, wait_until

KIB, MIB = 1 << 10, 1 << 20
BLOCK = 64 * KIB
pytestmark = pytest.mark.threads


def edge_of(run, origin, tmp_path, **site):
    return run(Edge(tmp_path, [origin.url], site={"block": "64KiB", **site}, over={"workers": 1}))


def blocks_asked(origin, path):
    """[(first block, count)] of the ranges that reached the origin."""
    found = []
    for request in origin.requests(path):
        m = re.fullmatch(r"bytes=(\d+)-(\d+)", request.header("Range") or "")
        if m:
            first, last = int(m.group(1)), int(m.group(2))
            found.append((first // BLOCK, last // BLOCK - first // BLOCK + 1))
    return found


def take(client, n, content):
    first = n * BLOCK
    last = min(first + BLOCK, content.size) - 1
    assert client.get("/a", Range=f"bytes={first}-{last}").body == content.read(first, BLOCK)


@pytest.fixture
def content(origin):
    content = Content(64 * BLOCK + 99)
    origin.page("/a", content, cache="max-age=60", etag='"a"')
    return content


def test_who_reads_on_by_ranges_is_read_ahead_of(run, origin, tmp_path, content):
    edge = edge_of(run, origin, tmp_path, read_ahead="1MiB")
    with edge.client() as c:
        for n in range(65):
            take(c, n, content)
    asked = blocks_asked(origin, "/a")
    assert [count for _, count in asked] == [1, 2, 3, 5, 9, 17, 17, 11]
    assert origin.body_bytes("/a") == content.size


def test_who_jumps_about_costs_what_he_asks(run, origin, tmp_path, content):
    edge = edge_of(run, origin, tmp_path)
    with edge.client() as c:
        for n in (40, 3, 21, 60, 11, 33, 50):
            take(c, n, content)
    assert blocks_asked(origin, "/a") == [(n, 1) for n in (40, 3, 21, 60, 11, 33, 50)]


def test_wants_that_adjoin_become_one_range(run, origin, tmp_path, content):
    edge = edge_of(run, origin, tmp_path)
    page = page_of(content, cache="max-age=60", etag='"a"')
    wanted = (0, 10, 14, 11, 13, 15, 12, 40)
    waiting = []
    with origin.holding("/a") as held:          # all wait for the first, and want at once then
        for n in wanted:
            waiting.append(edge.begin("/a", Range=f"bytes={n * BLOCK}-{(n + 1) * BLOCK - 1}"))
            edge.wait_metric("byeori_edge_misses_total", len(waiting))
        held.answer_with(page)
    for n, p in zip(wanted, waiting):
        assert p.wait().body == content.read(n * BLOCK, BLOCK)
    asked = blocks_asked(origin, "/a")
    assert len(asked) < 8 and origin.body_bytes("/a") <= 9 * BLOCK
    assert max(count for _, count in asked) >= 3


def test_by_rule_a_range_brings_the_whole(run, origin, tmp_path, content):
    edge = edge_of(run, origin, tmp_path, fill="whole", grace="100ms")
    with edge.client() as c:
        take(c, 30, content)
    wait_until(lambda: origin.body_bytes("/a") == content.size, "the rest has come")
    count = origin.count("/a")
    assert count <= 3
    assert edge.get("/a").body == content.read(0, content.size) and origin.count("/a") == count


def test_by_rule_the_third_range_brings_the_whole(run, origin, tmp_path, content):
    edge = edge_of(run, origin, tmp_path, fill="whole-after 3", grace="100ms")
    with edge.client() as c:
        take(c, 30, content)
        take(c, 50, content)
        assert origin.body_bytes("/a") == 2 * BLOCK
        take(c, 10, content)
    wait_until(lambda: origin.body_bytes("/a") == content.size, "the rest has come")
    count = origin.count("/a")
    assert edge.get("/a").body == content.read(0, content.size) and origin.count("/a") == count


def test_what_half_the_memory_does_not_hold_is_not_brought_whole(run, origin, tmp_path):
    content = Content(40 * MIB)
    origin.page("/a", content, cache="max-age=60", etag='"a"')
    edge = run(Edge(tmp_path, [origin.url], site={"fill": "whole", "grace": "100ms"}))
    assert edge.get("/a", Range="bytes=0-9").body == content.read(0, 10)
    edge.wait_metric("byeori_edge_upstream_fills_total", 1)
    time.sleep(0.3)
    assert origin.body_bytes("/a") == MIB


def test_a_bad_fill_rule_is_refused(tmp_path):
    for text in ("whole-after", "whole-after 0", "whole-after x", "part", ""):
        edge = Edge(tmp_path, ["http://127.0.0.1:1"], site={"fill": text})
        with pytest.raises(RuntimeError, match="fill"):
            edge.start()


class Counted:
    """A page that tells how many of its answers were on the way at once."""

    def __init__(self, page):
        self.page, self.lock, self.inside, self.most = page, threading.Lock(), 0, 0

    def __call__(self, request, wire):
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        try:
            self.page(request, wire)
        finally:
            with self.lock:
                self.inside -= 1


def test_several_ranges_are_asked_for_at_once(run, origin, tmp_path):
    content = Content(12 * MIB + 5)
    page = Counted(page_of(content, cache="max-age=60", etag='"a"', bytes_per_s=8 * MIB))
    origin.on("/a", page)
    edge = run(Edge(tmp_path, [origin.url], site={"parallel": 4, "read_ahead": "4MiB"}))
    assert edge.get("/a").body == content.read(0, content.size)
    assert 3 <= page.most <= 4
    assert origin.body_bytes("/a") == content.size
    first = edge.get("/a", Range="bytes=-7")
    assert first.body == content.read(content.size - 7, 7)


@pytest.mark.parametrize("page", [
    {"has_ranges": False}, {"is_chunked": True, "has_ranges": False}, {"etag": None},
    {"etag": 'W/"a"'}, {"cache": "no-store"}, {}])
@pytest.mark.parametrize("size", [0, 1, MIB, 5 * MIB + 1])
def test_where_several_ranges_are_not_to_be_had_one_body_does(run, origin, tmp_path, page, size):
    content = Content(size)
    origin.page("/a", content, **{"cache": "max-age=60", "etag": '"a"', **page})
    edge = run(Edge(tmp_path, [origin.url], site={"parallel": 2, "read_ahead": "2MiB"}))
    for _ in range(2):
        assert edge.get("/a").body == content.read(0, size)


def test_several_ranges_stay_near_their_reader(run, origin, tmp_path):
    content = Content(200 * MIB)
    origin.page("/a", content, cache="max-age=60", etag='"a"')
    edge = run(Edge(tmp_path, [origin.url], site={"parallel": 4, "read_ahead": "4MiB"}))
    slow = edge.client(receive_buffer=4096)
    slow.send_request("GET", "/a")
    assert slow.reader.some()
    time.sleep(1)
    assert origin.body_bytes("/a") < 40 * MIB   # four read-aheads, and what sockets hold
    slow.close()


def test_without_readers_a_fill_ends_after_its_bytes(run, origin, tmp_path):
    content = Content(64 * MIB)
    origin.page("/a", content, cache="max-age=60", etag='"a"')
    edge = run(Edge(tmp_path, [origin.url], site={"grace": "60s", "grace_bytes": "3MiB"}))
    client = edge.client(receive_buffer=4096)
    client.send_request("GET", "/a")
    assert client.reader.some()
    client.reset()
    edge.wait_metric("byeori_edge_upstream_fill_graces_total", 1)
    assert origin.body_bytes("/a") < 30 * MIB
