# SPDX-License-Identifier: MIT
"""What is stored, how long, and what happens when it is stale."""

import pytest

from tests.harness.programs import Edge, wait_until


def test_fresh_is_served_and_ages(cdn):
    cdn.origin.page("/a", b"x", cache="max-age=60", headers={"Age": "10"})
    cdn.get("/a")
    r = cdn.get("/a")
    assert 10 <= int(r.header("Age")) < 60
    assert "; hit; ttl=" in r.header("Cache-Status")
    assert cdn.origin.count("/a") == 1


@pytest.mark.parametrize("cache", ["no-store", "private", "max-age=60, private"])
def test_what_may_not_be_stored_is_asked_for_each_time(cdn, cache):
    cdn.origin.page("/a", b"x", cache=cache)
    for n in (1, 2):
        assert cdn.get("/a").body == b"x" and cdn.origin.count("/a") == n


def test_a_304_refreshes_one_record_and_keeps_the_bytes(cdn):
    cdn.origin.page("/a", b"body", cache="max-age=0", etag='"1"', headers={"X-Round": "one"})
    cdn.get("/a")
    cdn.origin.page("/a", b"body", cache="max-age=60", etag='"1"', headers={"X-Round": "two"})
    r = cdn.get("/a")
    assert (r.body, r.header("X-Round")) == (b"body", "two")
    assert "fwd=stale; fwd-status=304" in r.header("Cache-Status")
    assert cdn.get("/a").header("X-Round") == "two"
    assert cdn.origin.count("/a") == 2
    assert cdn.origin.requests("/a")[1].header("If-None-Match") == '"1"'
    assert cdn.origin.body_bytes("/a") == 4


def test_a_new_version_replaces_the_stale_one(cdn):
    cdn.origin.page("/a", b"old", cache="max-age=0", etag='"1"')
    cdn.get("/a")
    cdn.origin.page("/a", b"new!", cache="max-age=60", etag='"2"')
    assert cdn.get("/a").body == b"new!" and cdn.get("/a").body == b"new!"
    assert cdn.origin.count("/a") == 2


def test_stale_while_revalidate_answers_at_once_and_asks_once(cdn):
    cdn.origin.page("/a", b"old", cache="max-age=0, stale-while-revalidate=60", etag='"1"')
    cdn.get("/a")
    with cdn.origin.holding("/a") as held:
        answers = [cdn.get("/a") for _ in range(5)]
        assert {a.body for a in answers} == {b"old"}
        held.wait_for(1)
        held.answer(b"new", cache="max-age=60", etag='"2"')
    wait_until(lambda: cdn.get("/a").body == b"new", "the new one is there")
    assert cdn.origin.count("/a") == 2


def test_stale_if_error_covers_a_dead_origin_and_an_error(cdn):
    cdn.origin.page("/a", b"old", cache="max-age=0, stale-if-error=60", etag='"1"')
    cdn.get("/a")
    cdn.origin.page("/a", b"broken", status=500)
    r = cdn.get("/a")
    assert (r.status, r.body) == (200, b"old")
    cdn.origin.stop()
    r = cdn.get("/a")
    assert (r.status, r.body) == (200, b"old") and "fwd=stale" in r.header("Cache-Status")


def test_must_revalidate_is_not_covered(cdn):
    cdn.origin.page("/a", b"old", cache="max-age=0, must-revalidate", etag='"1"')
    cdn.get("/a")
    cdn.origin.stop()
    assert cdn.get("/a").status in (502, 504)


def test_only_if_cached_never_asks(cdn):
    assert cdn.get("/a", Cache_Control="only-if-cached").status == 504
    assert cdn.origin.count("/a") == 0


def test_authorization_is_not_shared(cdn):
    cdn.origin.page("/a", b"secret", cache="max-age=60")
    cdn.get("/a", Authorization="Basic eDp5")
    cdn.get("/a", Authorization="Basic eDp5")
    assert cdn.origin.count("/a") == 2


def test_unsafe_methods_pass_and_invalidate(cdn):
    cdn.origin.page("/a", b"one", cache="max-age=60")
    assert cdn.get("/a").body == b"one"
    cdn.origin.page("/a", b"done", status=200)
    r = cdn.get("/a", method="POST", body=b"question" * 10000)
    assert r.body == b"done" and "fwd=method" in r.header("Cache-Status")
    assert cdn.origin.requests("/a")[-1].body == b"question" * 10000
    cdn.origin.page("/a", b"two", cache="max-age=60")
    assert cdn.get("/a").body == b"two"


def test_a_failed_unsafe_request_invalidates_nothing(cdn):
    cdn.origin.page("/a", b"one", cache="max-age=60")
    cdn.get("/a")
    cdn.origin.page("/a", b"no", status=500)
    assert cdn.get("/a", method="DELETE").status == 500
    assert cdn.get("/a").body == b"one"


def test_upstream_is_asked_anew_from_parsed_parts(cdn):
    cdn.origin.page("/a", b"x" * 100, cache="max-age=60", etag='"1"')
    cdn.get("/a?q=1", Range="bytes=0-9", If_None_Match='"0"', Connection="X-Hop", X_Hop="1",
            X_Keep="2", Cache_Control="no-cache", X_Forwarded_For="6.6.6.6", TE="trailers")
    asked = cdn.origin.requests("/a?q=1")[0]
    assert asked.header("Host") == "test.example"
    assert asked.header("X-Keep") == "2" and asked.header("Via") == "1.1 edge-1"
    assert asked.header("CDN-Loop") == "edge-1"
    for name in ("If-None-Match", "X-Hop", "Cache-Control", "TE"):
        assert asked.header(name) is None, name
    assert asked.header("X-Forwarded-For") in (None, "127.0.0.1")


def test_the_first_path_segment_names_the_site_on_the_nodes_own_name(run, origin, tmp_path):
    edge = run(Edge(tmp_path, [origin.url], over={"names": ["node.example"]}))
    origin.page("/a/b", b"x", cache="max-age=60")
    assert edge.get("/a/b").status == 200
    for host in ("node.example", "edge-1", "127.0.0.1", f"127.0.0.1:{edge.port}", "[::1]"):
        r = edge.get("/test.example/a/b", Host=host)
        assert r.body == b"x" and "; hit" in r.header("Cache-Status"), host
    assert origin.requests("/a/b")[0].header("Host") == "test.example"
    assert edge.get("/other.example/a", Host="node.example").status == 421
