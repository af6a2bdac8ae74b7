# SPDX-License-Identifier: MIT
"""One fetch for everybody who asks: over connections, workers and outcomes."""

import threading
import time

import pytest

from tests.harness.content import Content
from tests.harness.programs import Edge, wait_until

pytestmark = pytest.mark.threads


@pytest.fixture
def cdn4(run, origin, tmp_path):
    edge = run(Edge(tmp_path, [origin.url], over={"workers": 4}))
    edge.origin = origin
    return edge


def test_a_hundred_clients_make_one_fetch(cdn4, origin):
    content = Content(20_000_000)
    origin.page("/big", content, cache="max-age=60", etag='"1"')
    pending = [cdn4.begin("/big") for _ in range(100)]
    digests = {p.wait().body == content.read(0, content.size) for p in pending}
    assert digests == {True}
    assert origin.count("/big") == 1
    assert origin.body_bytes("/big") == content.size


def test_a_crowd_waits_for_one_head_and_is_told_so(cdn4, origin):
    with origin.holding("/a") as held:
        pending = [cdn4.begin("/a") for _ in range(40)]
        held.wait_for(1)
        wait_until(lambda: cdn4.metric("byeori_edge_misses_total") >= 40, "all wait")
        held.answer(b"body", cache="max-age=60")
        assert {p.wait().body for p in pending} == {b"body"}
    assert origin.count("/a") == 1
    said = [p.header("Cache-Status") for p in pending]
    assert sum("collapsed" in s for s in said) == 39
    assert sum("stored" in s for s in said) == 1


def test_adjacent_ranges_of_a_crowd_become_few_and_overlap_nowhere(run, origin, tmp_path):
    """A block for each client, over four workers. How few depends on when each worker wakes."""
    block, count = 64 * 1024, 64
    content = Content(count * block)
    edge = run(Edge(tmp_path, [origin.url], site={"block": "64KiB"}, over={"workers": 4}))
    with origin.holding("/a") as held:
        pending = [edge.begin("/a", Range=f"bytes={i * block}-{(i + 1) * block - 1}")
                   for i in range(count)]
        held.wait_for(1)
        wait_until(lambda: edge.metric("byeori_edge_misses_total") >= count, "all wait")
        held.answer(content, cache="max-age=60", etag='"1"')
        for i, p in enumerate(pending):
            assert p.wait().body == content.read(i * block, block)
    assert origin.body_bytes("/a") == content.size
    assert origin.count("/a") < count


def test_an_uncacheable_answer_frees_all_waiters_at_once(cdn4, origin):
    with origin.holding("/a") as held:
        pending = [cdn4.begin("/a") for _ in range(20)]
        held.wait_for(1)
        wait_until(lambda: cdn4.metric("byeori_edge_misses_total") >= 20, "all wait")
        held.answer(b"mine", cache="no-store")
        assert {p.wait().body for p in pending} == {b"mine"}
    assert origin.count("/a") == 20


def test_who_waits_for_an_authorized_client_shares_the_next_fetch(cdn4, origin):
    with origin.holding("/a") as held:
        first = cdn4.begin("/a", Authorization="Basic eDp5")
        held.wait_for(1)
        pending = [cdn4.begin("/a") for _ in range(20)]
        wait_until(lambda: cdn4.metric("byeori_edge_misses_total") >= 21, "all wait")
        held.answer(b"for all", cache="max-age=60")
        assert {p.wait().body for p in [first, *pending]} == {b"for all"}
    assert origin.count("/a") == 2


def test_what_was_uncacheable_does_not_queue_up_again(cdn4, origin):
    origin.page("/a", b"x", cache="private")
    assert cdn4.get("/a").status == 200
    with origin.holding("/a") as held:
        pending = [cdn4.begin("/a") for _ in range(5)]
        held.wait_for(5)          # all at once: none waits for another
        held.answer(b"y", cache="private")
        assert {p.wait().body for p in pending} == {b"y"}


def test_an_answer_to_a_dead_origin_reaches_all_waiters(cdn4, origin):
    with origin.holding("/a") as held:
        pending = [cdn4.begin("/a") for _ in range(10)]
        held.wait_for(1)
        wait_until(lambda: cdn4.metric("byeori_edge_misses_total") >= 10, "all wait")
        held.answer_with(lambda request, wire: wire.close())
        answers = [p.wait() for p in pending]
    assert {a.status for a in answers} == {502}
    assert all("error=connection_terminated" in a.header("Proxy-Status") for a in answers)
    assert origin.count("/a") <= 2          # GET is repeated once on a kept connection at most


def test_the_fetch_goes_on_when_the_client_that_led_it_leaves(cdn4, origin):
    with origin.holding("/a") as held:
        leader = cdn4.client()
        leader.send_request("GET", "/a")
        held.wait_for(1)
        follower = cdn4.begin("/a")
        wait_until(lambda: cdn4.metric("byeori_edge_misses_total") >= 2, "both wait")
        leader.reset()
        time.sleep(0.1)
        held.answer(b"body", cache="max-age=60")
        assert follower.wait().body == b"body"
    assert origin.count("/a") == 1


def test_a_waiter_that_leaves_harms_nobody(cdn4, origin):
    with origin.holding("/a") as held:
        leader = cdn4.begin("/a")
        held.wait_for(1)
        waiters = [cdn4.client() for _ in range(20)]
        for w in waiters:
            w.send_request("GET", "/a")
        wait_until(lambda: cdn4.metric("byeori_edge_misses_total") >= 21, "all wait")
        closer = threading.Thread(target=lambda: [w.reset() for w in waiters])
        closer.start()
        held.answer(b"body", cache="max-age=60")
        closer.join()
        assert leader.wait().body == b"body"
    assert cdn4.get("/a").body == b"body" and origin.count("/a") == 1


def test_variants_are_fetched_apart_and_kept_side_by_side(cdn4, origin):
    def script(request, wire):
        body = (request.header("Accept-Language") or "none").encode()
        wire.send(b"HTTP/1.1 200 OK\r\nVary: Accept-Language\r\nCache-Control: max-age=60\r\n"
                  b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    origin.on("/a", script)
    for _ in range(2):
        for language in ("de", "ko", "en"):
            assert cdn4.get("/a", Accept_Language=language).body == language.encode()
    assert origin.count("/a") == 3
    assert "fwd=vary-miss" in cdn4.get("/a", Accept_Language="fr").header("Cache-Status")


def test_who_waits_for_a_fill_that_stands_still_goes_past_it(run, origin, tmp_path):
    """An origin that stops within a block, and that nothing else cuts off for a minute. It is named
    twice, so that a pause of the machine that looks like a late first byte ends nothing."""
    content = Content(300_000)
    edge = run(Edge(tmp_path, [origin.url, origin.url.replace("127.0.0.1", "localhost")], site={
        "connect_timeout": "500ms", "first_byte_timeout": "2s", "resume_timeout": "0ms",
        "stall_timeout": "60s", "min_rate": "0B"}))
    stands = threading.Event()

    def half(request, wire):
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\nCache-Control: max-age=60\r\n"
                  b'ETag: "1"\r\n\r\n')
        wire.send_body(content.read(0, 100_000))
        stands.wait(60)
        wire.close()

    origin.on("/a", half)
    first = edge.begin("/a")
    wait_until(lambda: origin.body_bytes("/a") == 100_000, "it stands still")
    origin.page("/a", content, cache="max-age=60", etag='"1"')
    second = edge.begin("/a")
    assert first.wait().body == second.wait().body == content.read(0, content.size)
    stands.set()
    assert {r.header("Range") for r in origin.requests("/a")[1:]} == {"bytes=100000-299999"}
