# SPDX-License-Identifier: MIT
"""Origins that are down, overloaded or back: a crowd costs one question, what is stale answers
at once, another origin is asked before a client hears of a fault."""

import time

import pytest

from tests.harness.origin import Origin, page_of
from tests.harness.ports import free_port
from tests.harness.programs import Edge, wait_until

pytestmark = pytest.mark.threads
STALE = "max-age=1, stale-if-error=600"


def crowd(cdn, path, count, held, script):
    """All ask while the first question is held; then the origin answers."""
    before = cdn.edge.metric("byeori_edge_misses_total")
    waiting = [cdn.begin(path) for _ in range(count)]
    held.wait_for(1)
    cdn.edge.wait_metric("byeori_edge_misses_total", before + count)
    held.answer_with(script)
    return [p.wait() for p in waiting]


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429])
def test_a_crowd_before_a_fault_gets_one_answer_for_all(cdn, status):
    with cdn.origin.holding("/a") as held:
        answers = crowd(cdn, "/a", 20, held, page_of(b"sorry", status=status))
    assert {a.status for a in answers} == {status}
    assert cdn.origin.count("/a") == 1
    assert sum(f"received-status={status}" in (a.header("Proxy-Status") or "")
               for a in answers) == 19


def test_a_crowd_before_a_cut_connection_gets_one_answer_for_all(cdn):
    with cdn.origin.holding("/a") as held:
        answers = crowd(cdn, "/a", 20, held, lambda request, wire: wire.close())
    assert {a.status for a in answers} == {502}
    assert cdn.origin.count("/a") <= 2      # a kept connection may be asked once more


def test_a_failed_revalidation_before_a_crowd_gives_what_is_stale(cdn):
    cdn.origin.page("/a", b"old", cache=STALE, etag='"a"')
    assert cdn.get("/a").body == b"old"
    time.sleep(1.2)
    cdn.origin.forget()
    with cdn.origin.holding("/a") as held:
        answers = crowd(cdn, "/a", 20, held, page_of(b"", status=503))
    assert {(a.status, a.body) for a in answers} == {(200, b"old")}
    assert cdn.origin.count("/a") == 1


def test_another_origin_is_asked_before_a_client_hears_of_a_fault(run, origin, tmp_path):
    second = Origin()
    edge = run(Edge(tmp_path, [origin.url, second.url]))
    for status in (500, 502, 503, 504, 429):
        origin.page(f"/{status}", b"sorry", status=status)
        second.page(f"/{status}", b"here", cache="max-age=60")
        assert edge.get(f"/{status}").body == b"here"
    second.stop()


def test_what_is_stale_answers_at_once_while_the_origin_is_known_to_be_down(run, tmp_path):
    port = free_port()
    origin = Origin(port=port)
    edge = run(Edge(tmp_path, [origin.url]))
    for n in range(50):
        origin.page(f"/{n}", b"old", cache=STALE, etag='"a"')
        assert edge.get(f"/{n}").body == b"old"
    time.sleep(1.2)
    origin.stop()
    for n in range(10):
        assert edge.get("/gone").status in (502, 503)
    began = time.monotonic()
    answers = [edge.get(f"/{n}") for n in range(50)]
    assert {a.body for a in answers} == {b"old"}
    took_s = time.monotonic() - began      # in each second one may ask
    assert sum("upstream-down" not in a.header("Cache-Status") for a in answers) <= 1 + took_s
    refused = edge.get("/gone")
    if refused.status == 503:
        assert "destination_unavailable" in refused.header("Proxy-Status")
        assert refused.header("Retry-After") == "1"
    back = Origin(port=port)
    back.page("/0", b"new", cache="max-age=60", etag='"b"')
    wait_until(lambda: edge.get("/0").body == b"new", "the origin is asked again")
    wait_until(lambda: "upstream-back" in edge.stderr(), "it is said")
    assert "upstream-broken" in edge.stderr()
    back.stop()


def test_a_broken_origin_is_probed_by_one_request_a_second(run, origin, tmp_path):
    edge = run(Edge(tmp_path, [origin.url]))
    origin.on("/a", lambda request, wire: wire.close())
    wait_until(lambda: edge.get("/a").status == 503, "it is known to be broken")
    origin.forget()
    began = time.monotonic()
    while time.monotonic() < began + 3 or origin.count("/a") == 0:
        assert edge.get("/a").status in (502, 503)
    took_s = time.monotonic() - began
    assert origin.count("/a") <= 2 * (took_s + 1)     # a probe on a connection of its own, or two


def test_retry_after_is_honoured(run, origin, tmp_path):
    edge = run(Edge(tmp_path, [origin.url], site={"retry_after_max": "60s"}))
    origin.page("/old", b"old", cache="max-age=60, stale-if-error=60", headers={"Age": "60"})
    assert edge.get("/old").body == b"old"
    origin.page("/a", b"sorry", status=503, headers={"Retry-After": "600"})
    assert edge.get("/a").body == b"sorry"
    origin.page("/b", b"hello", cache="max-age=60")
    assert edge.get("/b").body == b"hello"      # nothing else could serve it
    assert "upstream-down" in edge.get("/old").header("Cache-Status")
    assert origin.count("/old") == 1            # what is stale leaves the origin alone
