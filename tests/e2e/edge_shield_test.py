# SPDX-License-Identifier: MIT
"""Edges behind a shield: one origin fetch for all, and a shield that fails costs nobody an answer.
"""

import signal
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.control_plane import HOST, NODES, Plane
from tests.harness.content import Content
from tests.harness.programs import Edge, wait_until

MIB = 1 << 20


def out_bytes(edge, source):
    name = f'byeori_edge_site_out_bytes_total{{site="test",source="{source}"}}'
    return edge.metrics().get(name, 0)


def wait_bytes(edge, source, wanted):
    """An answer is on the account a moment after its last byte."""
    wait_until(lambda: out_bytes(edge, source) == wanted, f"{wanted} bytes from {source}")


@contextmanager
def hung(program):
    program.signal(signal.SIGSTOP)
    status = Path(f"/proc/{program.process.pid}/status")
    wait_until(lambda: "State:\tT" in status.read_text(), "it has stopped")
    try:
        yield
    finally:
        program.signal(signal.SIGCONT)


def wait_position(*edges):
    for e in edges:
        wait_until(lambda e=e: "purges-missed" in e.stderr(), "it knows the log of purges")


def peer_is_well(edge):
    return edge.metric("byeori_edge_peer_well") == 1


KNOWN = {"trusted_proxies": ["127.0.0.1"]}     # edges, by their address


@pytest.fixture
def shield(run, origin, tmp_path):
    return run(Edge(tmp_path, [origin.url], name="shield-1", site=KNOWN))


@pytest.fixture
def behind(run, origin, shield, tmp_path):
    """behind(n): n edges behind the shield."""
    def start(count=1, site=None, **over):
        site = {"shield": [f"http://127.0.0.1:{shield.port}"], "block": "64KiB", **(site or {})}
        return [run(Edge(tmp_path, [origin.url], name=f"edge-{i}", site=site, over=over))
                for i in range(count)]
    return start


def test_many_edges_fetch_once(behind, shield, origin):
    body = Content(3 * MIB)
    edges = behind(3)
    with origin.holding("/big") as held:
        clients = [edge.begin("/big") for edge in edges for _ in range(10)]
        held.answer(body, cache="max-age=60", etag='"1"')
    for c in clients:
        assert c.body == body.read(0, body.size)
    assert origin.count("/big") == 1 and origin.body_bytes("/big") == body.size
    wait_until(lambda: sum(e.metric("byeori_edge_site_out_bytes_total") for e in edges) ==
               30 * body.size, "all is on the account")
    got = {s: sum(out_bytes(e, s) for e in edges) for s in ("shield", "origin", "memory")}
    assert got["shield"] >= 3 * body.size and got["origin"] == 0


def test_both_tell_what_they_did(behind, shield, origin):
    (edge,) = behind()
    origin.page("/a", b"hello", cache="max-age=60", etag='"1"')
    of_shield, of_edge = edge.get("/a").headers("Cache-Status")
    assert of_shield.startswith("shield-1; fwd=uri-miss") and "stored" in of_shield
    assert of_edge.startswith("edge-0; fwd=uri-miss") and "stored" in of_edge
    assert edge.get("/a").headers("Cache-Status")[1].startswith("edge-0; hit")
    request = origin.requests("/a")[0]
    assert request.header("CDN-Loop") == "edge-0, shield-1"
    assert request.header("Byeori-Hop") is None


def test_explain_and_status_tell_who_is_asked_and_who_brought_it(behind, shield, origin):
    (edge,) = behind()
    origin.page("/e", b"x" * (3 * 65536), cache="max-age=60", etag='"1"')
    tiers = [("shield", "well"), ("origin", "well")]
    said = edge.admin("GET", "/v1/explain?url=http://test.example/e")[1]
    assert [(t["tier"], t["state"]) for t in said["tiers"]] == tiers
    assert said["tiers"][0]["name"] == f"127.0.0.1:{shield.port}"
    assert edge.get("/e").status == 200
    said = edge.admin("GET", "/v1/explain?url=http://test.example/e")[1]["object"]["generation"]
    assert (said["blocks_in_memory"], said["blocks_on_disk"]) == (3, 0)
    assert said["brought_by"] == {"origin": 0, "shield": 3, "sibling": 0, "memcached": 0}
    of_shield = shield.admin("GET", "/v1/explain?url=http://test.example/e")[1]
    assert of_shield["object"]["generation"]["brought_by"]["origin"] == 1
    site = edge.admin("GET", "/v1/status")[1]["sites"][0]
    assert [(t["tier"], t["state"]) for t in site["tiers"]] == tiers
    shield.kill()
    assert edge.get("/other").status == 404
    said = edge.admin("GET", "/v1/explain?url=http://test.example/other")[1]
    assert said["tiers"][0]["state"] == "broken"


def test_a_range_asks_the_shield_for_its_blocks(behind, shield, origin):
    body = Content(MIB)
    (edge,) = behind()
    origin.page("/r", body, cache="max-age=60", etag='"1"')
    got = edge.get("/r", Range="bytes=200000-200009")
    assert got.status == 206 and got.body == body.read(200000, 10)
    assert origin.body_bytes("/r") <= MIB
    shield.wait_metric("byeori_edge_site_tier_out_bytes_total", 65536)
    assert shield.metric("byeori_edge_site_out_bytes_total") == 0      # an edge is no client


def test_a_dead_shield_is_passed_by_and_comes_back(behind, shield, origin):
    (edge,) = behind()
    for i in range(4):
        origin.page(f"/{i}", b"x" * 1000, cache="max-age=60", etag='"1"')
    assert edge.get("/0").status == 200
    shield.kill()
    assert edge.get("/1").status == 200 and edge.get("/2").status == 200
    wait_bytes(edge, "origin", 2000)
    assert not peer_is_well(edge)
    shield.start()
    wait_until(lambda: peer_is_well(edge), "the probe finds the shield")
    assert edge.get("/3").status == 200
    wait_bytes(edge, "shield", 2000)


def test_a_hung_shield_is_passed_by_within_a_deadline(behind, shield, origin):
    (edge,) = behind()
    for i in range(34):
        origin.page(f"/{i}", b"x" * 1000, cache="max-age=60", etag='"1"')
    assert edge.get("/0").status == 200
    with hung(shield):
        began = time.monotonic()
        assert edge.get("/1").status == 200
        assert time.monotonic() - began < 60
        took = []
        for i in range(2, 32):
            began = time.monotonic()
            assert edge.get(f"/{i}").status == 200
            took.append(time.monotonic() - began)
        assert sorted(took)[len(took) // 2] < 0.5     # most do not wait for it any more
    wait_until(lambda: peer_is_well(edge), "the probe finds the shield")
    assert edge.get("/33").status == 200
    wait_bytes(edge, "shield", 2000)


def test_a_slow_origin_does_not_condemn_the_shield(behind, shield, origin):
    (edge,) = behind(site={"peer_timeout": "50ms"})
    with origin.holding("/slow") as held:
        client = edge.begin("/slow")
        held.wait_for(1)
        time.sleep(1)    # many times the time-out
        held.answer(b"slow", cache="max-age=60")
    assert client.body == b"slow" and origin.count("/slow") == 1
    wait_bytes(edge, "shield", 4)
    assert peer_is_well(edge)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_shield_that_goes_in_the_middle_of_a_body_costs_no_byte(behind, shield, origin, how):
    body = Content(4 * MIB)
    (edge,) = behind()
    origin.page("/m", body, cache="max-age=60", etag='"1"', bytes_per_s=4 * MIB)
    client = edge.begin("/m")
    shield.wait_metric("byeori_edge_upstream_received_bytes_total", MIB)
    shield.signal(how)
    try:
        assert client.body == body.read(0, body.size)
    finally:
        shield.signal(signal.SIGCONT)


def test_a_node_that_is_its_own_shield_finds_out_once(run, origin, tmp_path):
    edge = Edge(tmp_path, [origin.url])
    edge.values["site", "test"]["shield"] = [f"http://127.0.0.1:{edge.port}"]
    edge.configure(edge.values)
    run(edge)
    for i in range(3):
        origin.page(f"/{i}", b"x", cache="max-age=60")
        assert edge.get(f"/{i}").status == 200
    assert edge.metric("byeori_edge_refused_total") == 1


def test_a_client_that_forges_a_loop_harms_nobody(behind, shield, origin):
    (edge,) = behind()
    origin.page("/a", b"a", cache="max-age=60")
    origin.page("/b", b"b", cache="max-age=60")
    assert edge.get("/a", **{"CDN-Loop": "shield-1"}).status == 200
    assert edge.get("/b").status == 200
    wait_bytes(edge, "shield", 1)
    long = ", ".join(f"n{i}" for i in range(9))
    assert edge.get("/c", **{"CDN-Loop": long}).status == 508


def test_an_edge_that_knows_of_a_purge_gets_nothing_older_from_the_shield(behind, shield, origin):
    """The shield has no control plane: it can never have applied what the edge knows of."""
    origin.page("/p", b"old", cache="max-age=600", etag='"1"')
    assert shield.get("/p").body == b"old"
    origin.page("/p", b"new", cache="max-age=600", etag='"2"')
    hop = {"Byeori-Hop": 'log="aa", seq=1'}
    assert shield.get("/p").body == b"old"
    assert shield.get("/p", **{"Byeori-Hop": "seq=0"}).body == b"old"
    assert shield.get("/p", **hop).body == b"new"
    assert shield.metric("byeori_edge_behind_total") == 1
    assert shield.get("/p", **{"Byeori-Hop": "((("}).status == 200


def games(edge):
    """With its site under the name that the control plane knows."""
    edge.values["site", "games"] = edge.values.pop(("site", "test"))
    edge.configure(edge.values)
    return edge


def test_a_purge_by_the_control_plane_needs_no_order(run, origin, tmp_path):
    """The edge has applied it; the shield, which has lost the control plane, never will."""
    nodes = ("seoul", "frankfurt")
    plane = run(Plane(tmp_path, nodes={n: NODES[n] for n in nodes}))
    control = {"url": plane.url, "token_file": str(tmp_path / "node")}
    lost = {**control, "url": "http://127.0.0.1:1"}
    shield = run(games(Edge(tmp_path, [origin.url], name="frankfurt", host=HOST,
                            over={"control": lost})))
    edge = run(games(Edge(tmp_path, [origin.url], name="seoul", host=HOST,
                          site={"shield": [f"http://127.0.0.1:{shield.port}"]},
                          over={"control": control})))
    wait_position(edge)
    for version in (b"one", b"two"):
        origin.page("/p", version, cache="max-age=600", etag='"same"')
        if version == b"two":
            assert plane.tool("purge", f"http://{HOST}/p").returncode == 0
            edge.wait_metric("byeori_edge_store_purged_total", 1)
        assert edge.get("/p").body == version
    assert shield.metric("byeori_edge_behind_total") == 1


def test_what_tiers_send_each_other_is_on_nobodys_bill(run, origin, tmp_path):
    nodes = ("seoul", "frankfurt")
    plane = run(Plane(tmp_path, nodes={n: NODES[n] for n in nodes}))
    control = {"url": plane.url, "token_file": str(tmp_path / "node")}
    shield = run(games(Edge(tmp_path, [origin.url], name="frankfurt", host=HOST, site=KNOWN,
                            over={"control": control})))
    edge = run(games(Edge(tmp_path, [origin.url], name="seoul", host=HOST,
                          site={"shield": [f"http://127.0.0.1:{shield.port}"]},
                          over={"control": control})))
    wait_position(edge, shield)    # what was fetched before is asked for anew
    body = Content(3 * MIB)
    origin.page("/big", body, cache="max-age=600", etag='"1"')
    assert [len(edge.get("/big").body) for _ in range(2)] == [body.size] * 2
    cost = wait_until(lambda: told_all(plane, 2 * body.size, body.size), "all is on the bill")
    assert (cost["requests"], cost["out_bytes"]) == (2, 2 * body.size)
    assert body.size <= cost["upstream_bytes"] < body.size + 2000
    assert body.size <= cost["tier_in_bytes"] < body.size + 2000
    assert cost["offload"] == pytest.approx(0.5, abs=1e-3)


def told_all(plane, out, tier):
    cost = plane.ask("GET", "/v1/cost")[1]
    return cost if cost["out_bytes"] >= out and cost["tier_out_bytes"] >= tier and \
        cost["upstream_bytes"] >= tier else None


def test_who_only_says_that_it_is_an_edge_is_billed_as_a_client(run, origin, tmp_path):
    edge = run(Edge(tmp_path, [origin.url]))
    origin.page("/a", b"x" * 1000, cache="max-age=60")
    assert edge.get("/a", **{"Byeori-Hop": "seq=0"}).status == 200
    wait_bytes(edge, "origin", 1000)
    assert edge.metric("byeori_edge_site_tier_out_bytes_total") == 0


def test_a_reload_reaches_the_origin(behind, shield, origin):
    (edge,) = behind()
    origin.page("/n", b"one", cache="max-age=600", etag='"1"')
    assert edge.get("/n").body == b"one"
    origin.page("/n", b"two", cache="max-age=600", etag='"2"')
    assert edge.get("/n", **{"Cache-Control": "no-cache"}).body == b"two"


def test_what_the_shield_has_otherwise_is_asked_of_the_origin(behind, shield, origin):
    """The edge got a newer version than the shield has: its missing blocks come from the origin."""
    old, new = Content(MIB, seed=1), Content(MIB, seed=2)
    (edge,) = behind()
    origin.page("/v", old, cache="max-age=600", etag='"1"')
    assert shield.get("/v").status == 200
    with hung(shield):
        origin.page("/v", new, cache="max-age=600", etag='"2"')
        assert edge.get("/v", Range="bytes=0-9").body == new.read(0, 10)
    wait_until(lambda: peer_is_well(edge), "the probe finds the shield")
    assert edge.get("/v", Range="bytes=900000-900009").body == new.read(900000, 10)
    assert edge.get("/v").body == new.read(0, MIB)
