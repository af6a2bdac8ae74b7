# SPDX-License-Identifier: MIT
"""memcached as a tier: what one edge fetched another finds there; when it fails nobody notices;
what lies there wrong is not believed."""

import time

import pytest

from tests.e2e.edge_shield_test import out_bytes, wait_bytes
from tests.harness.content import Content
from tests.harness.memcached import Memcached
from tests.harness.programs import Edge, wait_until

MIB = 1 << 20


@pytest.fixture
def memcached():
    m = Memcached()
    yield m
    m.kill()


@pytest.fixture
def edges(run, origin, memcached, tmp_path, request):
    """They wait for memcached as long as they may, but where its failing is what is tested."""
    timeout = getattr(request, "param", "10s")
    over = {"memcached": {"servers": [memcached.address], "timeout": timeout}}
    return [run(Edge(tmp_path, [origin.url], name=f"edge-{i}", site={"block": "64KiB"}, over=over))
            for i in range(2)]


def wait_keys(memcached, count):
    """Their keys; the list that memcached gives may lack some for a moment."""
    def found():
        keys = memcached.keys()
        return keys if len(keys) == count else None
    return wait_until(found, f"{count} values in memcached")


def test_a_small_object_comes_with_its_head(edges, memcached, origin):
    one, two = edges
    origin.page("/a", b"hello", cache="max-age=60", etag='"1"', headers={"X-Own": "kept"})
    assert one.get("/a").body == b"hello"
    wait_keys(memcached, 1)
    got = two.get("/a")
    assert got.body == b"hello" and got.header("X-Own") == "kept" and got.header("ETag") == '"1"'
    assert origin.count("/a") == 1
    wait_bytes(two, "memcached", 5)
    assert two.get("/a").body == b"hello"        # and it is in its own cache
    wait_bytes(two, "memory", 5)


def test_age_goes_on_in_memcached(edges, memcached, origin):
    one, two = edges
    origin.page("/old", b"x", cache="max-age=1000", etag='"1"', headers={"Age": "900"})
    assert int(one.get("/old").header("Age")) >= 900
    wait_keys(memcached, 1)
    assert int(two.get("/old").header("Age")) >= 900 and origin.count("/old") == 1


def test_a_large_object_comes_block_by_block(edges, memcached, origin):
    one, two = edges
    body = Content(MIB + 1000)
    origin.page("/big", body, cache="max-age=60", etag='"1"')
    assert one.get("/big").body == body.read(0, body.size)
    wait_keys(memcached, 17)
    assert two.get("/big", Range="bytes=700000-800000").body == body.read(700000, 100001)
    assert two.get("/big").body == body.read(0, body.size)
    assert origin.count("/big") == 1


def test_what_memcached_has_lost_comes_from_the_origin(edges, memcached, origin):
    one, two = edges
    body = Content(MIB)
    origin.page("/gap", body, cache="max-age=60", etag='"1"')
    assert one.get("/gap").status == 200
    for key in list(wait_keys(memcached, 16))[::3]:
        memcached.put(key, b"gone")
    assert two.get("/gap").body == body.read(0, MIB)
    assert out_bytes(two, "memory") < MIB


def test_values_that_were_tampered_with_are_not_believed(edges, memcached, origin):
    one, two = edges
    for path in ("/t", "/u"):
        origin.page(path, b"right" * 100, cache="max-age=60", etag='"1"')
        assert one.get(path).status == 200
    (a, _), (b, of_b) = wait_keys(memcached, 2).items()
    memcached.put(a, of_b)                                   # another's
    memcached.put(b, of_b[:-5] + b"wrong")
    for path in ("/t", "/u"):
        assert two.get(path).body == b"right" * 100
    assert origin.count("/t") == origin.count("/u") == 2


def test_what_was_purged_does_not_come_back(edges, memcached, origin):
    one, two = edges
    origin.page("/p", b"old", cache="max-age=60", etag='"same"')
    assert one.get("/p").body == two.get("/p").body == b"old"
    wait_keys(memcached, 1)
    origin.page("/p", b"new", cache="max-age=60", etag='"same"')
    assert two.admin("POST", "/v1/purge", {"url": "http://test.example/p"})[0] == 200
    assert two.get("/p").body == b"new"


def test_what_varies_or_is_private_is_not_shared(edges, memcached, origin):
    one, two = edges
    origin.page("/v", b"x", cache="max-age=60", headers={"Vary": "Accept-Language"})
    origin.page("/n", b"x", cache="private")
    for path in ("/v", "/n"):
        assert one.get(path).status == 200
        assert two.get(path).status == 200
        assert origin.count(path) == 2
    assert memcached.keys() == {}


@pytest.mark.parametrize("edges", ["1s"], indirect=True)
@pytest.mark.parametrize("how", ["kill", "hang"])
def test_a_memcached_that_fails_costs_nothing_but_misses(edges, memcached, origin, how):
    one, two = edges
    for i in range(60):
        origin.page(f"/{i}", b"x" * 500, cache="max-age=60", etag='"1"')
        assert one.get(f"/{i}").status == 200
    wait_until(lambda: len(memcached.keys()) >= 50, "most are in memcached")
    assert two.get("/0").status == 200
    getattr(memcached, how)()
    took = []
    for i in range(1, 50):
        began = time.monotonic()
        assert two.get(f"/{i}").status == 200
        took.append(time.monotonic() - began)
    assert sorted(took)[len(took) // 2] < 0.5     # one waits for a deadline, the others do not
    memcached.go_on() if how == "hang" else memcached.start()
    def is_back():
        path = f"/back-{time.monotonic_ns()}"
        origin.page(path, b"y", cache="max-age=60", etag='"1"')
        return one.get(path).status == 200 and two.get(path).status == 200 and \
            origin.count(path) == 1
    wait_until(is_back, "memcached is used again")


def test_a_reload_that_names_other_servers_is_refused_by_name(edges, memcached, origin):
    one, _ = edges
    one.values["memcached"]["servers"] = ["127.0.0.1:1"]
    one.configure(one.values)
    one.reload()
    wait_until(lambda: "memcached: cannot change without a restart" in one.stderr(), "it says so")
    origin.page("/a", b"hello", cache="max-age=60", etag='"1"')
    assert one.get("/a").body == b"hello"
