# SPDX-License-Identifier: MIT
"""Nodes come and go: health from heartbeats, the frozen picture, purges with acknowledgements, the
ledger, and what outlives a crash."""

import socket
import time

import pytest

from control_plane import NODE, Beats, Plane, NODES
from tests.harness.programs import wait_until


@pytest.fixture
def plane(run, tmp_path):
    return run(Plane(tmp_path))


@pytest.fixture
def beating(plane):
    started = []

    def start(*nodes, **options):
        new = [Beats(plane, n, **options) for n in nodes]
        started.extend(new)
        plane.wait_health(**{n: "up" for n in nodes})
        return new if len(new) > 1 else new[0]

    yield start
    for b in started:
        b.stop()


def test_a_silent_edge_is_avoided_and_comes_back_when_steady(plane, beating):
    seoul, *_ = beating("seoul", "frankfurt", "virginia")
    assert plane.edges("127.1.0.1")[0] == "seoul"
    seoul.stop()
    wait_until(lambda: plane.edges("127.1.0.1")[0] != "seoul", "another edge")
    assert plane.health()["seoul"] == "down"
    back = time.monotonic()
    again = Beats(plane, "seoul", boot="boot-2")
    plane.wait_health(seoul="recovering")
    wait_until(lambda: plane.edges("127.1.0.1")[0] == "seoul", "seoul again")
    assert 9 <= time.monotonic() - back
    again.stop()


def test_when_most_vanish_at_once_the_picture_freezes(plane, beating):
    edges = beating("seoul", "frankfurt", "virginia")
    for e in edges[:2]:
        e._stop.set()
    for e in edges[:2]:
        e.stop()
    wait_until(lambda: plane.status()["nodes"]["frozen"], "frozen")
    time.sleep(3)
    assert plane.health() == dict.fromkeys(NODES, "up")
    assert plane.edges("127.1.0.1")[0] == "seoul"
    assert "picture-frozen" in plane.stderr()
    back = Beats(plane, "seoul", boot="boot-2")      # one of three is missing now: it is down
    plane.wait_health(frankfurt="down", seoul="up")
    assert not plane.status()["nodes"]["frozen"]
    back.stop()


def test_an_unknown_node_is_told_so_until_it_is_put(plane):
    stranger = Beats(plane, "busan")
    wait_until(lambda: stranger.faults, "a refusal")
    assert stranger.faults[0]["status"] == 404
    put = {"http_url": "http://busan.test", "lat": 35.18, "lon": 129.08, "country": "KR"}
    assert plane.ask("PUT", "/v1/nodes/busan", put)[0] == 200
    plane.wait_health(busan="up")
    assert plane.edges("127.1.0.1")[0] == "busan"
    stranger.stop()


@pytest.mark.parametrize("node, body, status", [
    ("busan", {"http_url": "ftp://x"}, 400), ("busan", {"http_url": "http://x/"}, 400),
    ("busan", {"lat": 91, "lon": 0}, 400), ("busan", {"lat": 1}, 400),
    ("busan", {"country": "kr"}, 400), ("busan", {"weight": 0}, 400),
    ("busan", {"id": "other"}, 400), ("busan", [], 400), ("busan", "no json", 400),
    ("seoul", {}, 409), ("bu%20san", {}, 400), ("busan", {"city": "x" * 40000}, 413),
])
def test_a_wrong_node_is_refused_with_a_reason(plane, node, body, status):
    got, problem = plane.ask("PUT", f"/v1/nodes/{node}", body)
    assert (got, problem["status"]) == (status, status) and problem["detail"]
    assert set(plane.health()) == set(NODES)


@pytest.mark.parametrize("body", ["", "{", {"node": "seoul"}, {"node": "virginia", "boot": "b"},
                                  {"node": "seoul", "boot": "b", "purge_seq": "1"},
                                  {"node": "seoul", "boot": "b", "http_url": "javascript:x"}])
def test_a_wrong_heartbeat_is_refused(plane, body):
    assert plane.ask("POST", "/v1/nodes/seoul/heartbeat", body, NODE)[0] == 400
    assert plane.health()["seoul"] == "unseen"


def test_an_answer_is_held_until_there_is_news_or_a_second_has_passed(plane):
    edge = Beats(plane, "seoul").stop()
    began = time.monotonic()
    assert edge.send(wait_ms=1000)[1]["purges"] == []
    held = time.monotonic() - began
    assert 0.9 < held < 60
    began = time.monotonic()
    for _ in range(20):
        edge.send(wait_ms=0)
    assert time.monotonic() - began < 20 * 0.9


def test_a_purge_reaches_every_edge_and_each_says_so(plane, beating):
    edges = beating("seoul", "frankfurt")
    began = time.monotonic()
    status, order = plane.ask("POST", "/v1/purge", {"url": "http://dl.example.com/a?b=1"})
    assert (status, order["seq"], order["site"]) == (202, 1, "games")
    wait_until(lambda: plane.ask("GET", "/v1/purges/1")[1]["complete"], "complete")
    assert time.monotonic() - began < 60     # each edge beats within a second
    result = plane.ask("GET", "/v1/purges/1")[1]
    assert {n["id"]: n["state"] for n in result["nodes"]} == {
        "seoul": "applied", "frankfurt": "applied", "virginia": "away"}
    for e in edges:
        assert e.purges == [{"seq": 1, "kind": "url", "site": "games",
                             "value": "http://dl.example.com/a?b=1"}]


@pytest.mark.parametrize("arguments, order", [
    (["http://dl.example.com/a"],
     {"kind": "url", "site": "games", "value": "http://dl.example.com/a"}),
    (["--prefix", "https://dl.example.com/a/", "--soft"],
     {"kind": "prefix", "site": "games", "value": "https://dl.example.com/a/", "soft": True}),
    (["--host", "dl.example.com"], {"kind": "host", "site": "games", "value": "dl.example.com"}),
    (["--tag", "season 7"], {"kind": "tag", "value": "season 7"}),
    (["--tag", "a", "--site", "games"], {"kind": "tag", "site": "games", "value": "a"}),
    (["--site", "games"], {"kind": "site", "site": "games"}),
    (["--all"], {"kind": "site"}),
])
def test_every_kind_of_purge_goes_from_the_operator_to_the_edges(plane, beating, arguments, order):
    edge = beating("seoul")
    done = plane.tool("purge", *arguments, "--wait")
    assert done.returncode == 0, done.stderr
    assert edge.purges == [{"seq": 1, **order}]


@pytest.mark.parametrize("arguments", [
    [], ["--all", "http://dl.example.com/a"], ["--tag", "a", "--host", "b"], ["http://a/", "x"]])
def test_a_purge_of_nothing_or_of_two_things_is_not_ordered(plane, arguments):
    assert plane.tool("purge", *arguments).returncode == 2


@pytest.mark.parametrize("body", [
    {}, {"all": False}, {"all": True, "site": "games"}, {"url": "/a"}, {"prefix": "a"},
    {"tag": "a", "host": "b"}, {"tag": ["a"]}])
def test_a_purge_that_makes_no_sense_is_refused(plane, body):
    status, problem = plane.ask("POST", "/v1/purge", body)
    assert status == 400 and problem["detail"]


def test_an_edge_that_does_not_say_so_is_waited_for(plane, beating):
    beating("seoul")
    beating("frankfurt", holds_purges=True)
    seq = plane.ask("POST", "/v1/purge", {"site": "games", "soft": True})[1]["seq"]
    wait_until(lambda: plane.ask("GET", f"/v1/purges/{seq}")[1]["applied"] == 1, "one of two")
    time.sleep(0.3)
    result = plane.ask("GET", f"/v1/purges/{seq}")[1]
    assert (result["complete"], result["waiting"], result["soft"]) == (False, 1, True)
    assert plane.tool("purge", "http://dl.example.com/b").returncode == 0


def test_an_edge_that_was_away_gets_what_it_missed_in_order(plane, beating):
    edge = beating("seoul").stop()
    for i in range(300):
        assert plane.ask("POST", "/v1/purge", {"url": f"http://dl.example.com/{i}"})[0] == 202
    back = beating("seoul", boot="boot-2", after=edge)
    wait_until(lambda: len(back.purges) >= 300, "300 purges")
    assert [p["seq"] for p in back.purges] == list(range(1, 301))


def test_a_position_that_the_log_does_not_reach_gets_no_purges(run, tmp_path):
    plane = run(Plane(tmp_path, over={"purge_keep": 5}))
    for i in range(12):
        plane.ask("POST", "/v1/purge", {"url": f"http://dl.example.com/{i}"})
    edge = Beats(plane, "seoul").stop()
    log = plane.status()["purges"]["log"]
    for position, seqs in ((2, []), (6, []), (7, [8, 9, 10, 11, 12]), (11, [12]), (13, [])):
        edge.beat |= {"purge_log": log, "purge_seq": position}
        answer = edge.send()[1]
        assert (answer["purge_floor"], answer["purge_head"]) == (8, 12)
        assert [p["seq"] for p in answer["purges"]] == seqs
    assert plane.ask("GET", "/v1/purges/7")[0] == 404
    assert plane.ask("GET", "/v1/purges/8")[0] == 200


@pytest.mark.parametrize("body", ["", {}, {"url": "dl.example.com/a"}, {"url": "ftp://x/"},
                                  {"url": "http://x/", "host": "x"}, {"site": 7},
                                  {"url": "http://x/", "soft": "yes"}])
def test_a_wrong_purge_is_refused(plane, body):
    assert plane.ask("POST", "/v1/purge", body)[0] == 400
    assert plane.status()["purges"]["head"] == 0


def test_a_site_reaches_every_edge_and_is_sent_once(plane, beating):
    edge = beating("seoul")
    site = {"hosts": ["New.Example"], "origins": ["http://127.0.0.1:9000"],
            "options": {"block": "1MiB"}}
    assert plane.ask("PUT", "/v1/sites/new", site)[0] == 200
    kept = {"name": "new", **site}
    wait_until(lambda: edge.config == {"sites": [kept]}, "the document")
    assert plane.ask("GET", "/v1/sites/new")[1] == kept
    assert plane.user(host="new.example").status == 302
    edge.stop()
    assert "config" not in edge.send()[1]
    edge.beat |= {"config_version": 0, "config_refused": 1, "config_fault": "no such option"}
    assert "config" not in edge.send()[1]
    wait_until(lambda: [n for n in plane.ask("GET", "/v1/nodes")[1]["nodes"]
                        if n.get("config_fault") == "no such option"], "the fault")


@pytest.mark.parametrize("name, body, status", [
    ("games", {"hosts": ["other.example"]}, 409), ("new", {"hosts": ["dl.example.com"]}, 409),
    ("new", {"hosts": []}, 400), ("new", {}, 400), ("new", {"hosts": ["a"], "name": "b"}, 400),
    ("new", {"hosts": ["a"], "options": {"x": "${HOME}"}}, 400),
    ("new", {"hosts": ["a"], "origins": ["http://o"], "options": {"blok": "1MiB"}}, 400),
    ("new", {"hosts": ["a"], "origins": ["http://o"], "options": {"block": "3MiB"}}, 400),
    ("new", {"hosts": ["a"], "origins": ["http://o/path"]}, 400),
])
def test_a_wrong_site_is_refused(plane, name, body, status):
    told = plane.ask("PUT", f"/v1/sites/{name}", body)
    assert told[0] == status, told
    assert "document:" not in told[1]["detail"], told
    assert plane.status()["config_version"] == 0


def test_a_node_that_its_neighbours_do_not_reach_gets_no_users(run, tmp_path):
    plane = run(Plane(tmp_path))
    edges = {name: Beats(plane, name) for name in ("seoul", "frankfurt", "virginia")}
    plane.wait_health(seoul="up", frankfurt="up", virginia="up")
    edges["frankfurt"].beat["peers"] = [{"id": "seoul", "reached": False}]
    wait_until(lambda: edges["frankfurt"].answers > 4, "a single voice")
    assert plane.edges("127.1.0.1")[0] == "seoul"
    edges["virginia"].beat["peers"] = [{"id": "seoul", "reached": False}]
    wait_until(lambda: plane.edges("127.1.0.1")[0] != "seoul", "two of them")
    wait_until(lambda: plane.stderr().count("node-not-reached") == 2, "both families")
    assert plane.health()["seoul"] == "up"
    for e in edges.values():
        e.stop()


def ledger(requests, memory, origin, upstream):
    return [{"site": "games", "requests": requests, "hits": requests - 1,
             "out_bytes": {"memory": memory, "origin": origin}, "upstream_bytes": upstream}]


def cost(plane):
    body = plane.ask("GET", "/v1/cost")[1]
    return body["out_bytes_by_source"]["memory"], body["upstream_bytes"], body["offload"]


def test_counters_are_counted_once_whatever_is_repeated_or_restarted(run, tmp_path):
    price = {"price": {"out_per_gb": "0.02", "upstream_per_gb": "0.1", "currency": "EUR"}}
    plane = run(Plane(tmp_path, over=price))
    edge = Beats(plane, "seoul").stop()
    edge.beat["ledger"] = ledger(10, 9_000_000_000, 0, 1_000_000_000)
    for _ in range(3):
        edge.send()
    assert cost(plane) == (9_000_000_000, 1_000_000_000, pytest.approx(8 / 9, abs=1e-5))
    edge.beat |= {"boot": "boot-2", "ledger": ledger(1, 1_000_000_000, 0, 0)}
    edge.send()
    assert cost(plane)[:2] == (10_000_000_000, 1_000_000_000)
    assert plane.ask("GET", "/v1/cost")[1]["cost"] == {
        "currency": "EUR", "edges": 0.2, "upstream": 0.1, "total": 0.3,
        "upstream_without_cache": 1.0, "total_without_cache": 1.2, "saved": 0.9}
    wait_until(lambda: plane.kill() or plane.start(), "a restart")     # perhaps before it was saved
    edge.send()
    edge.beat |= {"boot": "boot-1", "ledger": ledger(10, 9_000_000_000, 0, 1_000_000_000)}
    edge.send()
    assert cost(plane)[:2] == (10_000_000_000, 1_000_000_000)


TARIFFS = """price { currency = "EUR"  upstream_per_gb = "0.1"  out_per_gb = "0.02" }
tariff "transit" { nodes = {"seoul"}  per_gb = {"4GB 0.05", "0.01"}  flat = "900"
  commit_mbps = "1000"  per_mbps = "0.5"  currency = "USD"  rate = "0.5" }
"""


def test_tariffs_of_a_price_file_bill_nodes_and_sites_share_them(run, tmp_path):
    file = tmp_path / "prices.conf"
    file.write_text(TARIFFS)
    plane = run(Plane(tmp_path, over={"price_file": str(file)}))
    for node in ("seoul", "frankfurt"):
        edge = Beats(plane, node).stop()
        edge.beat["ledger"] = [{"site": s, "out_bytes": {"memory": b}, "upstream_bytes": b // 10}
                               for s, b in (("games", 6_000_000_000), ("video", 2_000_000_000))]
        edge.send()
    told = plane.ask("GET", "/v1/cost")[1]
    transit, rest = told["tariffs"]
    assert (transit["bytes"], transit["bandwidth"], transit["flat"]) == (0.12, 250, 450)
    assert (rest["name"], rest["cost"]) == ("other nodes", 0.16)
    assert told["cost"]["total"] == pytest.approx(700.28 + 0.16)
    for parts in (told["sites"], told["nodes"]):
        assert sum(p["out_bytes"] for p in parts) == told["out_bytes"] == 16_000_000_000
        assert sum(p["cost"] for p in parts) == pytest.approx(told["cost"]["total"], abs=1e-3)
    assert told["sites"][0]["edges"] == pytest.approx(0.75 * 700.28, abs=1e-3)
    shown = plane.tool("cost", "--nodes").stdout
    assert all(word in shown for word in ("transit", "games", "frankfurt", "saved", "without"))
    file.write_text(TARIFFS.replace("900", "100"))
    plane.reload()
    wait_until(lambda: plane.ask("GET", "/v1/cost")[1]["tariffs"][0]["flat"] == 50, "the new file")


def test_what_was_acknowledged_outlives_a_kill(plane):
    assert plane.ask("PUT", "/v1/nodes/busan", {"http_url": "http://busan.test"})[0] == 200
    assert plane.ask("POST", "/v1/nodes/seoul/drain")[0] == 200
    assert plane.ask("PUT", "/v1/sites/new", {"hosts": ["new.example"]})[0] == 200
    for i in range(1, 31):
        seq = plane.ask("POST", "/v1/purge", {"url": f"http://dl.example.com/{i}"})[1]["seq"]
        assert seq == i
        if i % 10 == 0:
            plane.kill()
            plane.start()
    nodes = {n["id"]: n for n in plane.ask("GET", "/v1/nodes")[1]["nodes"]}
    assert nodes["seoul"]["mode"] == "drain" and nodes["busan"]["http_url"] == "http://busan.test"
    assert plane.status()["purges"]["head"] == 30 and plane.status()["config_version"] == 1
    assert plane.user(host="new.example").status == 302


def test_after_a_restart_nodes_are_as_last_seen_until_they_had_their_time(plane, beating):
    beating("frankfurt", "virginia")
    for _ in range(5):
        seoul = beating("seoul")
        time.sleep(1)
        seoul.stop()
        plane.kill()
        began = time.monotonic()
        plane.start()
        health, first = plane.health(), plane.edges("127.1.0.1")[0]
        if time.monotonic() - began < 4:
            break    # else the machine stood still, and seoul's five seconds may be over
    assert health == dict.fromkeys(NODES, "up")
    assert first == "seoul"
    plane.wait_health(seoul="down", frankfurt="up", virginia="up")


def test_operators_have_a_command_line(plane, beating):
    beating("seoul", "frankfurt", "virginia")
    status = plane.tool("status")
    assert status.returncode == 0 and "3 able" in status.stdout
    assert "seoul" in plane.tool("nodes").stdout
    route = plane.tool("route", "127.1.0.1", "dl.example.com", "/a", "--explain")
    assert route.returncode == 0 and "city" in route.stdout and "first choice" in route.stdout
    purge = plane.tool("purge", "http://dl.example.com/a", "--wait")
    assert purge.returncode == 0 and "applied by 3" in purge.stdout
    assert '"seq":1' in plane.tool("purge", "http://dl.example.com/a", "--json").stdout.replace(
        '"seq":2', '"seq":1')
    assert plane.tool("nodes", "drain", "seoul").returncode == 0
    assert plane.tool("nodes", "drain", "nowhere").returncode == 1
    assert plane.tool("site", "get", "games").returncode == 0
    assert plane.tool("cost").returncode == 0
    assert plane.tool("frobnicate").returncode == 2
    assert plane.tool("route", "127.1.0.1").returncode == 2
    assert plane.tool("route", "nonsense", "dl.example.com", "/").returncode == 1
    plane.kill()
    lost = plane.tool("status")
    assert lost.returncode == 3 and "cannot reach" in lost.stderr


def test_an_edge_that_beats_but_is_not_reached_gets_no_users(run, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as reached, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nodes = {"seoul": {"http_url": f"http://127.0.0.1:{closed.getsockname()[1]}",
                           "country": "KR", "lat": "37.5665", "lon": "126.978"},
                 "busan": {"http_url": f"http://127.0.0.1:{reached.getsockname()[1]}",
                           "country": "KR", "lat": "35.1796", "lon": "129.0756"}}
        plane = run(Plane(tmp_path, nodes, {"probe_every": "200ms", "probe_timeout": "500ms"}))
        beats = [Beats(plane, n) for n in nodes]
        plane.wait_health(seoul="up", busan="up")
        wait_until(lambda: plane.edges("127.1.0.1") == ["busan", "seoul"], "probes to tell")
        told = plane.route("127.1.0.1", more="&explain=1")
        seoul = next(n for n in told["nodes"] if n["id"] == "seoul")
        assert (seoul["health"], seoul["class"]) == ("up", "doubtful")
        plane.configure({**plane.values, "probe_every": "0s"})
        plane.reload()
        wait_until(lambda: plane.edges("127.1.0.1") == ["seoul", "busan"], "no probe to count")
        for b in beats:
            b.stop()
