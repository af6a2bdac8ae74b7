# SPDX-License-Identifier: MIT
"""Purges of many objects at once: by prefix, host, tag, group, site; soft and hard."""

import threading
import time

import pytest

from tests.harness.programs import Edge, wait_until

A, B = "test.example", "two.example"


@pytest.fixture
def edge(run, origin, tmp_path):
    return run(Edge(tmp_path, [origin.url], site={"hosts": [A, B]}))


def purge(edge, **what):
    status, said = edge.admin("POST", "/v1/purge", what)
    assert status == 200, said
    return said


def is_hit(edge, target, host=A):
    return "; hit" in edge.get(target, Host=host).header("Cache-Status")


def fill(edge, origin, pages):
    """{target: headers} on both hosts."""
    for target, headers in pages.items():
        origin.page(target, target.encode(), cache="max-age=600", etag='"1"', headers=headers)
        for host in (A, B):
            edge.get(target, Host=host)
            assert is_hit(edge, target, host)


def hits(edge, pages):
    return {(host, target) for host in (A, B) for target in pages if is_hit(edge, target, host)}


PAGES = {"/a/1": {"Cache-Tag": "red, big"}, "/a/12": {"Cache-Tag": "Red"}, "/a": {},
         "/b?v=1": {"Cache-Tag": "red"}, "/b?v=2": {"Cache-Groups": '"red", "x y"'}}
ALL = {(host, target) for host in (A, B) for target in PAGES}


@pytest.mark.parametrize("what, gone", [
    ({"url": f"http://{A}/a/1"}, {(A, "/a/1")}),
    ({"url": f"https://{A}/a/%31"}, {(A, "/a/1")}),
    ({"prefix": f"http://{A}/a/"}, {(A, "/a/1"), (A, "/a/12")}),
    ({"prefix": f"http://{B}/b?v="}, {(B, "/b?v=1"), (B, "/b?v=2")}),
    ({"prefix": f"http://{A}/A"}, set()),
    ({"host": B}, {(B, t) for t in PAGES}),
    ({"host": "TWO.example"}, {(B, t) for t in PAGES}),
    ({"tag": "red"}, {(h, t) for h in (A, B) for t in ("/a/1", "/b?v=1", "/b?v=2")}),
    ({"tag": "Red"}, {(h, "/a/12") for h in (A, B)}),
    ({"tag": "re"}, set()),
    ({"tag": "x y", "site": "test"}, {(h, "/b?v=2") for h in (A, B)}),
    ({"tag": "red", "site": "other"}, set()),
    ({"site": "test"}, ALL),
    ({"site": "tes"}, set()),
    ({"all": True}, ALL),
])
def test_exactly_what_was_named_is_gone(edge, origin, what, gone):
    fill(edge, origin, PAGES)
    said = purge(edge, **what)
    assert said["soft"] is False
    assert hits(edge, PAGES) == ALL - gone
    assert hits(edge, PAGES) == ALL            # and all of it comes back


@pytest.mark.parametrize("what", [
    {"prefix": f"http://{A}/a"}, {"host": A}, {"tag": "red"}, {"site": "test"}, {"all": True}])
def test_a_soft_purge_validates_and_moves_no_bytes(edge, origin, what):
    fill(edge, origin, {"/a/1": PAGES["/a/1"]})
    sent = origin.body_bytes("/a/1")
    assert purge(edge, **what, soft=True)["soft"] is True
    assert "fwd-status=304" in edge.get("/a/1").header("Cache-Status")
    assert is_hit(edge, "/a/1")
    assert origin.body_bytes("/a/1") == sent


@pytest.mark.parametrize("body", [
    {"all": True, "site": "test"}, {"tag": "a", "host": A}, {"all": False}, {"prefix": "/a"},
    {"host": ""}, {"tag": 1}, {"url": f"http://{A}/", "all": True}])
def test_what_makes_no_sense_purges_nothing(edge, origin, body):
    fill(edge, origin, {"/a": {}})
    assert edge.admin("POST", "/v1/purge", body)[0] == 400
    assert is_hit(edge, "/a")


def test_a_purge_by_tag_covers_what_is_on_its_way_and_those_who_come_later(edge, origin):
    with origin.holding("/a") as held:
        early = edge.begin("/a")
        held.wait_for(1)
        purge(edge, all=True)
        late = edge.begin("/a")
        edge.wait_metric("byeori_edge_requests_total", 2)
        origin.page("/a", b"new", cache="max-age=60")
        held.answer(b"old", cache="max-age=60")
        assert early.wait().body == b"old"
        assert late.wait().body == b"new"       # it does not take what the early one got
    assert edge.get("/a").body == b"new"


def test_a_304_does_not_bring_back_what_was_purged_hard_meanwhile(edge, origin):
    origin.page("/a", b"old", cache="max-age=0, stale-if-error=60", etag='"1"')
    edge.get("/a")
    with origin.holding("/a") as held:
        one = edge.begin("/a")
        held.wait_for(1)
        purge(edge, host=A)
        origin.page("/a", b"new", cache="max-age=60", headers={"ETag": '"1"'})
        held.answer_with(lambda request, wire: wire.send(
            b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\nCache-Control: max-age=60\r\n\r\n'))
        assert one.wait().body == b"new"
        assert origin.requests("/a")[-1].header("If-None-Match") is None
    assert edge.get("/a").body == b"new"


def test_no_read_that_begins_after_the_answer_sees_old_bytes(edge, origin):
    """Readers all the while; each purge raises the number that may be read."""
    least, stop, wrong = [0], threading.Event(), []
    origin.page("/n", b"0", cache="max-age=600", headers={"Cache-Tag": "n"})

    def read():
        with edge.client() as c:
            while not stop.is_set():
                floor = least[0]
                got = int(c.request("GET", "/n").body)
                if got < floor:
                    wrong.append((floor, got))

    readers = [threading.Thread(target=read) for _ in range(6)]
    for r in readers:
        r.start()
    ways = [{"tag": "n"}, {"host": A}, {"prefix": f"http://{A}/n"}, {"all": True},
            {"url": f"http://{A}/n"}]
    for n in range(1, 121):
        origin.page("/n", str(n).encode(), cache="max-age=600", headers={"Cache-Tag": "n"})
        purge(edge, **ways[n % len(ways)])
        least[0] = n
    stop.set()
    for r in readers:
        r.join()
    assert wrong == []


def test_memory_is_given_back_after_a_purge_that_walked_nothing(edge, origin):
    for i in range(200):
        origin.page(f"/{i}", b"x" * 50_000, cache="max-age=60", headers={"Cache-Tag": "t"})
        edge.get(f"/{i}")
    full = edge.metric("byeori_edge_store_memory_bytes")
    purge(edge, tag="t")
    wait_until(lambda: edge.metric("byeori_edge_store_objects") == 0, "the sweep")
    wait_until(lambda: edge.metric("byeori_edge_store_blocks") == 0, "all blocks given back")
    assert edge.metric("byeori_edge_store_memory_bytes") < full - 200 * 50_000
    assert edge.metric("byeori_edge_store_purged_total") == 200


def test_thousands_of_purges_by_tag_stay_exact_while_the_sweep_keeps_up(edge, origin):
    fill(edge, origin, {"/a": {"Cache-Tag": "kept"}})
    for n in range(300):
        purge(edge, tag=f"t{n}")
    assert is_hit(edge, "/a") and is_hit(edge, "/a", B)


def post(edge, target, host=A):
    return edge.get(target, method="POST", body=b"x", Host=host)


def test_groups_are_invalidated_by_unsafe_methods_of_the_same_origin(edge, origin):
    pages = {"/1": {"Cache-Groups": '"g", "h"'}, "/2": {"Cache-Groups": '"h"'},
             "/3": {"Cache-Groups": '"G"'}, "/4": {"Cache-Tag": "g"}}
    fill(edge, origin, pages)
    origin.page("/do", b"done", headers={"Cache-Group-Invalidation": '"g", "none"'})
    assert edge.get("/do").body == b"done"      # of a safe method it says nothing
    assert is_hit(edge, "/1")
    assert post(edge, "/do").body == b"done"
    everything = {(h, t) for h in (A, B) for t in pages}
    assert hits(edge, pages) == everything - {(A, "/1")}


def test_an_invalidation_that_is_no_list_of_strings_says_nothing(edge, origin):
    fill(edge, origin, {"/1": {"Cache-Groups": '"g"'}})
    origin.page("/do", b"done", headers={"Cache-Group-Invalidation": "g"})
    post(edge, "/do")
    assert is_hit(edge, "/1")


def test_the_tag_field_is_the_sites(run, origin, tmp_path):
    edge = run(Edge(tmp_path, [origin.url], site={"tag_field": "Surrogate-Key"}))
    origin.page("/a", b"x", cache="max-age=60", headers={"Surrogate-Key": "one two",
                                                         "Cache-Tag": "three"})
    edge.get("/a")
    purge(edge, tag="three")
    assert is_hit(edge, "/a")
    purge(edge, tag="two")
    assert not is_hit(edge, "/a")


def test_a_reader_of_what_is_purged_reads_on(edge, origin):
    origin.page("/big", bytes(3 << 20), cache="max-age=60", bytes_per_s=6 << 20)
    reader = edge.begin("/big")
    edge.wait_metric("byeori_edge_store_blocks", 1)
    purge(edge, all=True)
    time.sleep(0.05)
    assert reader.wait().body == bytes(3 << 20)
