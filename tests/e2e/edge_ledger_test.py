# SPDX-License-Identifier: MIT
"""The ledger: each byte of a body has one source, told by edge/observe/README.md."""

import time

import pytest

from tests.harness.content import Content

MIB = 1 << 20
pytestmark = pytest.mark.threads


def out(cdn, total):
    """Bytes by source, once `total` are on the account: a client may know before."""
    cdn.edge.wait_metric("byeori_edge_site_out_bytes_total", total)
    rows = {k.split('source="')[1].rstrip('"}'): int(v) for k, v in cdn.edge.metrics().items()
            if k.startswith("byeori_edge_site_out_bytes_total")}
    return {k: v for k, v in rows.items() if v}


def test_a_miss_is_all_of_the_origin_however_slow_its_reader(cdn):
    content = Content(6 * MIB)
    cdn.origin.page("/a", content, cache="max-age=60", etag='"a"')
    with cdn.client() as c:
        c.send_request("GET", "/a")
        c.head()
        time.sleep(0.5)              # the fill runs ahead
        c.reader.exactly(content.size)
    assert out(cdn, content.size) == {"origin": content.size}
    assert len(cdn.get("/a").body) == content.size
    assert out(cdn, 2 * content.size) == {"origin": content.size, "memory": content.size}


def test_all_who_wait_for_one_flight_count_as_origin(cdn):
    content = Content(3 * MIB)
    with cdn.origin.holding("/a") as held:
        waiting = [cdn.begin("/a") for _ in range(10)]
        cdn.edge.wait_metric("byeori_edge_misses_total", 10)
        held.answer(content, cache="max-age=60", etag='"a"')
        assert {len(p.wait().body) for p in waiting} == {content.size}
    assert out(cdn, 10 * content.size) == {"origin": 10 * content.size}
    assert content.size <= cdn.edge.metric("byeori_edge_site_upstream_bytes_total") \
        < content.size + 1000


def test_a_block_that_is_here_is_memory_and_what_is_brought_for_it_is_origin(cdn):
    cdn.origin.page("/a", Content(8 * MIB), cache="max-age=60", etag='"a"')
    assert cdn.get("/a", Range=f"bytes=0-{MIB - 1}").status == 206
    assert out(cdn, MIB) == {"origin": MIB}
    assert cdn.get("/a", Range=f"bytes=0-{3 * MIB - 1}").status == 206
    assert out(cdn, 4 * MIB) == {"origin": 3 * MIB, "memory": MIB}


def test_bytes_of_our_own_keep_the_sum(cdn):
    cdn.origin.page("/a", Content(4 * MIB), cache="max-age=60", etag='"a"')
    sent = len(cdn.get("/a", Range="bytes=0-9,2000000-2000009").body)
    cdn.get("/a", Host="nobody.example")     # of no site: on no account
    cdn.origin.stop()
    sent += len(cdn.get("/nothing").body)
    assert sum(out(cdn, sent).values()) == sent
