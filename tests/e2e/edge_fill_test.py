# SPDX-License-Identifier: MIT
"""Fills: bytes that belong to no client, of one version only, through faults of the origin."""

import time

import pytest

from tests.harness.content import Content
from tests.harness.origin import Origin, page_of
from tests.harness.programs import Edge

MIB = 1 << 20
pytestmark = pytest.mark.threads


def got_of(pending):
    """What a client has, whether or not its answer was whole."""
    error = pending.wait().error
    return getattr(error, "got", b"") if error else pending.body


def cut_body(client, target):
    """Asks, and reads the body until it is cut, which it must be."""
    client.send_request("GET", target)
    head = client.head()
    got = bytearray()
    try:
        while piece := client.reader.some():
            got += piece
    except OSError:
        pass
    assert len(got) < int(head.header("Content-Length"))
    return bytes(got)


def read_some(client, target, count):
    """Asks, and reads the first bytes of the body; the client and what it read."""
    client.send_request("GET", target)
    head = client.head()
    assert head.status == 200
    return client.reader.exactly(count)


def test_a_slow_reader_holds_nobody_up_and_costs_no_memory(cdn):
    content = Content(40 * MIB)
    cdn.origin.page("/f", content, cache="max-age=60", etag='"f"')
    slow = cdn.client(receive_buffer=4096)
    read_some(slow, "/f", 10)
    assert cdn.get("/f").body == content.read(0, content.size)
    assert slow.reader.exactly(content.size - 10) == content.read(10, content.size - 10)
    assert cdn.origin.body_bytes("/f") <= content.size


def test_a_fill_does_not_run_far_ahead_of_its_readers(run, origin, tmp_path):
    edge = run(Edge(tmp_path, [origin.url], site={"read_ahead": "2MiB"}))
    content = Content(200 * MIB)
    origin.page("/f", content, cache="max-age=60", etag='"f"')
    slow = edge.client(receive_buffer=4096)
    read_some(slow, "/f", 10)
    time.sleep(1)
    assert origin.body_bytes("/f") < 30 * MIB       # read-ahead, and what sockets hold
    slow.close()


def test_a_fill_without_readers_ends_after_its_grace(run, origin, tmp_path):
    edge = run(Edge(tmp_path, [origin.url], site={"read_ahead": "2MiB", "grace": "500ms"}))
    content = Content(40 * MIB)
    origin.page("/f", content, cache="max-age=60", etag='"f"')
    client = edge.client(receive_buffer=4096)
    read_some(client, "/f", 10)
    client.reset()
    edge.wait_metric("byeori_edge_upstream_fill_graces_total", 1)
    before = origin.body_bytes("/f")
    assert edge.get("/f").body == content.read(0, content.size)
    assert origin.body_bytes("/f") - before < content.size       # the finished blocks stayed
    assert origin.count("/f") == 2


def test_replacing_the_file_never_mixes_two_versions(cdn):
    old, new = Content(30 * MIB, seed=1), Content(30 * MIB, seed=2)
    cdn.origin.page("/f", old, cache="max-age=60", etag='"old"', bytes_per_s=20 * MIB)
    pending = [cdn.begin("/f") for _ in range(10)]
    ranged = [cdn.begin("/f", Range=f"bytes={20 * MIB + i}-{25 * MIB}") for i in range(5)]
    time.sleep(0.3)
    cdn.origin.page("/f", new, cache="max-age=60", etag='"new"')
    late = [cdn.begin("/f", Range=f"bytes={28 * MIB}-") for i in range(5)]
    for p in pending:
        got = got_of(p)
        assert got in (old.read(0, len(got)), new.read(0, len(got)))
        assert p.error or len(got) == old.size
    for i, p in enumerate(ranged + late):
        start = 20 * MIB + i if p in ranged else 28 * MIB
        got = got_of(p)
        assert got in (old.read(start, len(got)), new.read(start, len(got)))
    assert cdn.get("/f").body == new.read(0, new.size)


def test_a_reader_of_a_version_that_is_gone_is_cut(run, origin, tmp_path):
    edge = run(Edge(tmp_path, [origin.url], site={"read_ahead": "1MiB", "grace": "100ms"}))
    old, new = Content(50 * MIB, seed=1), Content(50 * MIB, seed=2)
    origin.page("/f", old, cache="max-age=60", etag='"old"')
    assert edge.get("/f", Range="bytes=0-99").body == old.read(0, 100)
    origin.page("/f", new, cache="max-age=60", etag='"new"')
    with edge.client() as c:
        got = cut_body(c, "/f")
    assert got == old.read(0, len(got))
    assert edge.get("/f").body == new.read(0, new.size)


class Mortal:
    """Closes after so many body bytes, the first `times` times; then behaves."""

    def __init__(self, page, after, times=1):
        self.page, self.after, self.left = page, after, times

    def __call__(self, request, wire):
        if self.left == 0:
            return self.page(request, wire)
        self.left -= 1
        self.page.cut = self.after
        try:
            return self.page(request, wire)
        finally:
            self.page.cut = None


@pytest.mark.parametrize("after", [1, 1000, MIB, MIB + 1, 5 * MIB - 1])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_an_origin_that_dies_mid_body_is_resumed_from_the_exact_byte(cdn, after, is_chunked):
    content = Content(8 * MIB + 5)
    page = page_of(content, cache="max-age=60", etag='"f"', is_chunked=is_chunked)
    cdn.origin.on("/f", Mortal(page, after))
    assert cdn.get("/f").body == content.read(0, content.size)
    assert cdn.origin.body_bytes("/f") == content.size
    asked = cdn.origin.requests("/f")
    assert len(asked) == 2
    assert asked[1].header("Range").startswith(f"bytes={after}-")
    assert asked[1].header("If-Range") == '"f"'


def test_the_next_origin_takes_over(run, origin, tmp_path):
    second = Origin()
    content = Content(8 * MIB)
    edge = run(Edge(tmp_path, [origin.url, second.url]))
    origin.page("/f", content, cache="max-age=60", etag='"f"', cut=3 * MIB)
    second.page("/f", content, cache="max-age=60", etag='"f"')
    assert edge.get("/f").body == content.read(0, content.size)
    assert (origin.count("/f"), second.count("/f")) == (1, 1)
    assert origin.body_bytes("/f") + second.body_bytes("/f") == content.size
    second.stop()


def test_without_a_validator_a_broken_body_is_cut_and_not_kept(cdn):
    content = Content(8 * MIB)
    cdn.origin.on("/f", Mortal(page_of(content, cache="max-age=60"), 3 * MIB))
    with cdn.client() as c:
        got = cut_body(c, "/f")
    assert got == content.read(0, len(got))
    assert cdn.get("/f").body == content.read(0, content.size)


def test_a_changed_validator_in_the_resume_cuts(cdn):
    old, new = Content(8 * MIB, seed=1), Content(8 * MIB, seed=2)
    after = page_of(new, cache="max-age=60", etag='"new"')

    def script(request, wire):
        cdn.origin.on("/f", after)
        page_of(old, cache="max-age=60", etag='"old"', cut=3 * MIB)(request, wire)
    cdn.origin.on("/f", script)
    with cdn.client() as c:
        got = cut_body(c, "/f")
    assert got == old.read(0, len(got))
    assert cdn.get("/f").body == new.read(0, new.size)


def test_more_than_the_store_holds_still_reaches_every_client(run, origin, tmp_path):
    edge = run(Edge(tmp_path, [origin.url], over={"memory": "8MiB"}))
    contents = [Content(6 * MIB, seed=i) for i in range(12)]
    for i, content in enumerate(contents):
        origin.page(f"/{i}", content, cache="max-age=60", etag=f'"{i}"')
    pending = [edge.begin(f"/{i}") for i in range(12)]
    for p, content in zip(pending, contents):
        assert p.wait().body == content.read(0, content.size)


@pytest.mark.parametrize("workers", [1, 2])
def test_an_edge_stops_cleanly_in_the_middle_of_a_fill(run, origin, tmp_path, workers):
    edge = run(Edge(tmp_path, [origin.url], over={"workers": workers, "drain": "1s"}))
    origin.page("/f", Content(64 * MIB), cache="max-age=60", etag='"f"')
    with edge.client(receive_buffer=4096) as slow:
        read_some(slow, "/f", 10)
        time.sleep(0.3)
        assert edge.stop() == 0
