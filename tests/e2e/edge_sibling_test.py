# SPDX-License-Identifier: MIT
"""Edges of one place: what one of them has need not come from far; what fails costs no answer."""

import time

import pytest

from tests.e2e.control_plane import NODES, Plane
from tests.e2e.edge_shield_test import hung, out_bytes, peer_is_well, wait_bytes
from tests.harness.content import Content
from tests.harness.programs import Edge, wait_until

MIB = 1 << 20


@pytest.fixture
def place(run, origin, tmp_path):
    """place(n): n edges that know of each other."""
    def start(count=2, site=None, **cluster):
        site = {"block": "64KiB", "trusted_proxies": ["127.0.0.1"], "peer_timeout": "60s",
                **(site or {})}
        edges = [Edge(tmp_path, [origin.url], name=f"edge-{i}", site=site) for i in range(count)]
        urls = [f"http://127.0.0.1:{e.port}" for e in edges]
        for edge, url in zip(edges, urls):
            edge.values["cluster"] = {"url": url, "siblings": urls, **cluster}
            edge.configure(edge.values)
            run(edge)
        return edges
    return start


def asked_of(asker, owner, origin, size=1000, body=None):
    """The path of an object that `owner` owns and has, and `asker` has not: found by trying."""
    for i in range(100):
        path = f"/{asker.name}-{i}"
        origin.page(path, body or b"x" * size, cache="max-age=60", etag=f'"{i}"')
        assert owner.get(path).status == 200
        before = out_bytes(asker, "sibling")
        assert asker.get(path, Range="bytes=0-0").status == 206
        wait_until(lambda: asker.metric("byeori_edge_site_out_bytes_total") > 0, "on the account")
        if out_bytes(asker, "sibling") > before:
            return path
    raise AssertionError("no key of a hundred is the sibling's")


def test_what_the_owner_has_is_not_fetched_again(place, origin):
    one, two = place()
    paths = [f"/{i}" for i in range(40)]
    for path in paths:
        origin.page(path, b"x" * 1000, cache="max-age=60", etag='"1"')
        for edge in (one, two):
            assert edge.get(path).body == b"x" * 1000
    wait_until(lambda: out_bytes(two, "sibling") + out_bytes(two, "origin") == 40000, "settled")
    from_two = out_bytes(two, "sibling")
    assert 5000 <= from_two <= 35000             # what edge one owns
    assert out_bytes(one, "sibling") == 0        # two had nothing yet
    one.wait_metric("byeori_edge_site_tier_out_bytes_total", from_two)
    assert one.metric("byeori_edge_site_out_bytes_total") == 40000       # of its own clients
    assert sum(origin.count(p) for p in paths) == 80 - from_two / 1000


def test_siblings_are_asked_by_https_too(run, origin, tmp_path, authority):
    """Each shows its certificate, and asks for the other's."""
    tls, ca = authority.certificate("edge", ["localhost", "test.example"]), authority.file
    edges = [Edge(tmp_path, [origin.url], name=f"edge-{i}", tls=tls, site={"peer_timeout": "60s"})
             for i in range(2)]
    urls = [f"https://localhost:{e.tls_port}" for e in edges]
    for edge, url in zip(edges, urls):
        edge.values["listen", "https"]["client_ca"] = str(ca)
        edge.values["cluster"] = {"url": url, "siblings": urls, "ca": str(ca),
                                  "certificate": tls[0], "key": tls[1]}
        edge.configure(edge.values)
        run(edge)
    path = asked_of(edges[1], edges[0], origin)
    edges[0].wait_metric("byeori_edge_site_tier_out_bytes_total", 1000)    # known by certificate
    assert origin.count(path) == 1 and edges[1].get(path).body == b"x" * 1000
    edges[1].reload()
    wait_until(lambda: "reloaded" in edges[1].stderr(), "it has read its file again")
    asked_of(edges[1], edges[0], origin)


def test_an_owner_asks_nobody_and_is_never_made_to_fetch(place, origin):
    one, two = place()
    for i in range(20):
        origin.page(f"/{i}", b"x", cache="max-age=60")
        assert one.get(f"/{i}").status == 200
    asked = one.metric("byeori_edge_upstream_sibling_asks_total")
    assert 0 < asked < 20
    assert one.metric("byeori_edge_upstream_sibling_misses_total") == asked
    assert two.metric("byeori_edge_upstream_fetches_total") == 0


def test_a_part_that_the_owner_has_comes_from_it_and_the_rest_from_the_origin(place, origin):
    one, two = place()
    body = Content(MIB)
    path = asked_of(two, one, origin, body=body)
    got = two.get(path)
    assert got.body == body.read(0, MIB)
    assert origin.count(path) == 1


def test_purges_hold_between_siblings(place, origin):
    one, two = place()
    path = asked_of(two, one, origin)
    assert one.get(path, **{"Byeori-Hop": 'log="aa", seq=1',
                            "Cache-Control": "only-if-cached"}).status == 504
    assert one.get(path, **{"Byeori-Hop": "seq=0", "Cache-Control": "only-if-cached"}).status == 200


def test_a_dead_sibling_is_passed_by_and_its_keys_come_from_the_origin(place, origin):
    one, two = place()
    asked_of(two, one, origin)
    one.kill()
    for i in range(30):
        origin.page(f"/after-{i}", b"y" * 1000, cache="max-age=60")
        assert two.get(f"/after-{i}").status == 200
    assert not peer_is_well(two)
    assert two.metric("byeori_edge_upstream_peer_passes_total") == 1
    one.start()
    wait_until(lambda: peer_is_well(two), "the probe finds it")
    asked_of(two, one, origin)


def test_a_hung_sibling_costs_one_deadline(place, origin):
    one, two = place(site={"peer_timeout": "1s"})
    asked_of(two, one, origin)
    slow = 0
    with hung(one):
        for i in range(40):
            origin.page(f"/hung-{i}", b"y" * 1000, cache="max-age=60")
            began = time.monotonic()
            assert two.get(f"/hung-{i}").status == 200
            took = time.monotonic() - began
            slow += took > 0.9
        wait_until(lambda: not peer_is_well(two), "its probe is not answered")
        asks = two.metric("byeori_edge_upstream_sibling_asks_total")
        for i in range(30):
            origin.page(f"/later-{i}", b"y" * 1000, cache="max-age=60")
            assert two.get(f"/later-{i}").status == 200
        assert two.metric("byeori_edge_upstream_sibling_asks_total") == asks
    assert slow <= 8


def test_a_key_in_demand_has_several_owners(place, origin):
    """Asked for often enough, every node is an owner: nobody is asked any more."""
    one, two = place(site={"peer_timeout": "1s"}, hot_rate=1)
    path = asked_of(two, one, origin, body=Content(4 * MIB))
    before = two.metric("byeori_edge_upstream_sibling_asks_total")
    for i in range(30):
        assert two.get(path, Range=f"bytes={i * 131072}-{i * 131072}").status == 206
    assert two.metric("byeori_edge_upstream_sibling_asks_total") - before < 25


def test_the_control_plane_tells_who_stands_at_the_same_point(run, origin, tmp_path):
    edges = [Edge(tmp_path, [origin.url], name=name) for name in ("seoul", "seoul-2")]
    nodes = {e.name: {**NODES["seoul"], "http_url": f"http://127.0.0.1:{e.port}"} for e in edges}
    plane = run(Plane(tmp_path, nodes={**nodes, "virginia": NODES["virginia"]}))
    for edge in edges:
        edge.values["control"] = {"url": plane.url, "token_file": str(tmp_path / "node")}
        edge.values["cluster"] = {"join": True}
        edge.configure(edge.values)
        run(edge)
    for edge in edges:
        edge.wait_metric("byeori_edge_peer_well", 1)
    asked_of(edges[1], edges[0], origin)
