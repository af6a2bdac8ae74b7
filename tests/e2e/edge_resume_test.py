# SPDX-License-Identifier: MIT
"""Fills that meet an origin at its worst: one that ignores ranges, stops, drips or is restarted."""

import time

import pytest

from tests.harness.content import Content
from tests.harness.origin import Origin
from tests.harness.ports import free_port
from tests.harness.programs import Edge

MIB = 1 << 20
pytestmark = pytest.mark.threads


def test_an_origin_that_ignores_ranges_is_streamed_into_all_blocks_once(run, origin, tmp_path):
    """Blocks here and there are in the store when the origin stops to give ranges."""
    content = Content(16 * MIB)
    edge = run(Edge(tmp_path, [origin.url], over={"workers": 1}))
    origin.page("/a", content, cache="max-age=60", etag='"a"')
    for block in (3, 7, 8):
        assert edge.get("/a", Range=f"bytes={block * MIB}-{(block + 1) * MIB - 1}").status == 206
    origin.page("/a", content, cache="max-age=60", etag='"a"', has_ranges=False)
    origin.forget()
    got = edge.get("/a", Range=f"bytes={10 * MIB}-{11 * MIB - 1}").body
    assert got == content.read(10 * MIB, MIB)
    clients = [edge.begin("/a") for _ in range(10)]
    assert all(c.wait().body == content.read(0, content.size) for c in clients)
    assert origin.count("/a") <= 2 and origin.body_bytes("/a") <= content.size * 1.7
    origin.forget()
    assert edge.get("/a").body == content.read(0, content.size) and origin.count("/a") == 0


def test_that_ranges_are_ignored_is_remembered(run, origin, tmp_path):
    content = Content(16 * MIB)
    edge = run(Edge(tmp_path, [origin.url], over={"workers": 1}))
    for path in ("/a", "/b"):
        origin.page(path, content, cache="max-age=60", etag='"a"')
        assert edge.get(path, Range=f"bytes={3 * MIB}-{4 * MIB - 1}").status == 206
        origin.page(path, content, cache="max-age=60", etag='"a"', has_ranges=False,
                    bytes_per_s=64 * MIB)
    assert len(edge.get("/a").body) == content.size
    origin.forget()
    asked = edge.metric("byeori_http_server_requests_total")
    with origin.holding("/b") as held:
        clients = [edge.begin("/b", Range=f"bytes={n * MIB}-{(n + 1) * MIB - 1}")
                   for n in range(5, 15)]
        edge.wait_metric("byeori_http_server_requests_total", asked + len(clients))
        held.answer(content, cache="max-age=60", etag='"a"', has_ranges=False)
    for n, c in enumerate(clients, 5):
        assert c.wait().body == content.read(n * MIB, MIB)
    assert origin.count("/b") == 1


def test_an_origin_that_is_restarted_costs_its_clients_only_time(run, tmp_path):
    port, content = free_port(), Content(32 * MIB)
    page = {"cache": "max-age=60", "etag": '"a"'}
    origin = Origin(port=port)
    origin.page("/a", content, bytes_per_s=16 * MIB, **page)
    edge = run(Edge(tmp_path, [origin.url], site={"resume_timeout": "60s"}))
    pending = edge.begin("/a")
    time.sleep(0.7)
    origin.stop()
    time.sleep(2)
    back = Origin(port=port)
    back.page("/a", content, **page)
    assert pending.wait().body == content.read(0, content.size)
    assert back.body_bytes("/a") < content.size
    back.stop()


def test_a_body_that_drips_is_taken_from_another_origin(run, origin, tmp_path):
    content, second = Content(8 * MIB), Origin()

    def drip(request, wire):
        wire.send(b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nETag: \"a\"\r\n"
                  b"Content-Length: %d\r\n\r\n" % content.size)
        wire.send_body(content.read(0, 3_000_000))
        for at in range(3_000_000, content.size):
            wire.send_body(content.read(at, 1))
            time.sleep(0.05)

    origin.on("/a", drip)
    second.page("/a", content, cache="max-age=60", etag='"a"')
    edge = run(Edge(tmp_path, [origin.url, second.url], site={"stall_timeout": "500ms"}))
    began = time.monotonic()
    assert edge.get("/a").body == content.read(0, content.size)
    assert time.monotonic() - began < 100     # it would take days
    assert second.body_bytes("/a") <= content.size - 3_000_000
    second.stop()


def test_a_restart_with_other_bytes_cuts_and_mixes_nothing(run, tmp_path):
    port = free_port()
    old, new = Content(32 * MIB, seed=1), Content(32 * MIB, seed=2)
    origin = Origin(port=port)
    origin.page("/a", old, bytes_per_s=16 * MIB, cache="max-age=60", etag='"old"')
    edge = run(Edge(tmp_path, [origin.url]))
    pending = edge.begin("/a")
    time.sleep(0.7)
    origin.stop()
    back = Origin(port=port)
    back.page("/a", new, cache="max-age=60", etag='"new"')
    pending.wait()
    got = getattr(pending.error, "got", b"") if pending.error else pending.body
    assert len(got) < old.size and got == old.read(0, len(got))
    assert edge.get("/a").body == new.read(0, new.size)
    back.stop()
