# SPDX-License-Identifier: MIT
"""Users are sent to the right edge: by place, override, and what is able; as JSON and redirect."""

import json
import subprocess
import time

import pytest

from control_plane import HOST, NODE, OPERATOR, PLACES, Beats, Plane, make_places
from tests.harness.client import Client

CLIENTS = {"127.1.0.1": "seoul", "127.2.0.1": "frankfurt", "127.3.0.1": "virginia"}


@pytest.fixture
def plane(run, tmp_path):
    return run(Plane(tmp_path, over={("override", "127.1.99.0/24"): {"edges": ["virginia"]},
                                     ("override", "127.1.0.0/17"): {"edges": ["seoul"]}}))


@pytest.fixture
def edges(plane):
    beats = {n: Beats(plane, n) for n in ("seoul", "frankfurt", "virginia")}
    plane.wait_health(**{n: "up" for n in beats})
    yield beats
    for b in beats.values():
        b.stop()


def test_users_in_three_places_are_sent_to_three_edges(plane, edges):
    for client, edge in CLIENTS.items():
        r = plane.user("/a/b%20c.bin?v=1&w=%2F", source=client)
        assert (r.status, r.body) == (302, b"")
        assert r.header("Location") == f"http://{edge}.test:8080/{HOST}/a/b%20c.bin?v=1&w=%2F"
        assert r.header("Cache-Control") == "private, max-age=30"
        assert plane.edges(client)[0] == edge


def test_other_methods_keep_themselves(plane, edges):
    assert plane.user("/a", "HEAD").status == 302
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        r = plane.user("/a", method, source="127.2.0.1")
        assert (r.status, r.header("Location")) == (307, f"http://frankfurt.test:8080/{HOST}/a")


def test_only_hosts_of_sites_are_redirected(plane, edges):
    assert plane.user(host="x.games.example").status == 302
    assert plane.user(host="DL.Example.COM:8000").status == 302
    for host in ("games.example", "evil.example", "127.0.0.1"):
        r = plane.user(host=host)
        assert (r.status, r.header("Location")) == (421, None)
        assert r.header("Content-Type") == "application/problem+json"
        assert json.loads(r.body)["status"] == 421


def questions(plane, count):
    """Requests of all kinds that a router address takes, and what each is answered."""
    kinds = (("/f/{i}", HOST, 302, f"/{HOST}/f/{{i}}\r\n"),
             ("/v1/route?client=127.2.0.1&host=" + HOST + "&path=/{i}", "router", 200,
              '"id":"frankfurt"'),
             ("/f/{i}", "evil.example", 421, "evil.example"),
             ("/v1/route?host=" + HOST + "&client={i}", "router", 400, "no IP address"))
    for i in range(count):
        target, host, status, part = kinds[i % len(kinds)]
        yield target.format(i=i), host, status, part.format(i=i)


def test_questions_that_come_together_are_each_answered_in_order(plane, edges):
    asked = list(questions(plane, 40))
    text = "".join(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n" for target, host, _, _ in asked)
    with Client(("127.0.0.1", plane.router_port)) as one, \
            Client(("127.0.0.1", plane.router_port)) as leaver:
        leaver.send(text.encode())
        leaver.reset()                    # in the middle of others' answers, or of its own
        one.send(text.encode())
        for target, _, status, part in asked:
            r = one.response()
            assert r.status == status, target
            location = r.header("Location") or ""
            assert part.strip() in location + r.body.decode(), target


def test_streams_of_one_connection_are_each_answered(plane, edges, tmp_path):
    kinds = [f"/v1/route?client={c}&host={HOST}&path=/a" for c in CLIENTS] + ["/v1/route?host=x"]
    (tmp_path / "urls").write_text("".join(f"{kind}\n" for kind in kinds))
    done = subprocess.run(["h2load", "-n", "400", "-c", "4", "-m", "25", "-i", tmp_path / "urls",
                           "-B", f"http://127.0.0.1:{plane.router_port}"],
                          capture_output=True, text=True, timeout=120)
    assert "status codes: 300 2xx, 0 3xx, 100 4xx, 0 5xx" in done.stdout, done.stdout


def test_the_rule_that_decided_is_told(plane, edges):
    assert plane.route("127.2.0.1")["rule"] == "city"
    assert plane.route("127.4.0.1")["rule"] == "country"        # a country, and no point
    assert plane.edges("127.4.0.1")[0] == "frankfurt"
    assert plane.route("192.0.2.1")["rule"] == "default"
    longest = plane.route("127.1.99.7")
    assert (longest["rule"], longest["network"]) == ("override", "127.1.99.0/24")
    assert [e["id"] for e in longest["edges"]] == ["virginia", "seoul", "frankfurt"]
    assert plane.route("127.1.1.1")["network"] == "127.1.0.0/17"


def test_an_override_whose_edge_cannot_serve_gives_way_to_the_next(plane, edges):
    assert plane.ask("POST", "/v1/nodes/virginia/down")[0] == 200
    answer = plane.route("127.1.99.7")
    assert (answer["network"], answer["edges"][0]["id"]) == ("127.1.0.0/17", "seoul")
    assert "virginia" not in [e["id"] for e in answer["edges"]]


def test_routes_are_ranked_and_explained(plane, edges):
    answer = plane.route("127.2.0.1", more="&explain=1&n=2")
    assert [e["id"] for e in answer["edges"]] == ["frankfurt", "virginia"]
    assert answer["place"]["city"] == "Frankfurt" and answer["place"]["prefix_bits"] == 16
    assert answer["edges"][0]["km"] == 0 and 6400 < answer["edges"][1]["km"] < 6700
    assert {n["id"]: n["why"] for n in answer["nodes"]}["seoul"] == "others rank before"


@pytest.mark.parametrize("query, status", [
    (f"client=nonsense&host={HOST}&path=/", 400), (f"client=1.2.3&host={HOST}", 400),
    (f"host={HOST}&n=0", 400), (f"host={HOST}&n=17", 400), (f"host={HOST}&scheme=ftp", 400),
    (f"host={HOST}%GG", 400), ("path=/", 400), ("host=other.example", 404),
    (f"client=2001:db8::1&host={HOST}", 200), (f"client=%3A%3A1&host={HOST}", 200),
])
def test_bad_questions_are_refused(plane, query, status):
    with plane.client() as c:
        assert c.get(f"/v1/route?{query}", Authorization=f"Bearer {OPERATOR}").status == status


def test_a_drained_edge_gets_no_users_until_it_is_activated(plane, edges):
    assert plane.ask("POST", "/v1/nodes/seoul/drain")[1]["mode"] == "drain"
    assert plane.edges("127.1.200.1")[0] != "seoul"
    assert plane.edges("127.1.200.1")[-1] == "seoul"      # better than none
    assert plane.ask("POST", "/v1/nodes/seoul/activate")[1]["mode"] == "auto"
    assert plane.edges("127.1.200.1")[0] == "seoul"


def test_without_an_able_edge_the_least_bad_is_told(plane):
    r = plane.user(source="127.2.0.1")
    assert (r.status, r.header("Cache-Control")) == (302, "private, no-store")
    for node in ("seoul", "frankfurt", "virginia"):
        plane.ask("POST", f"/v1/nodes/{node}/down")
    assert plane.user().status == 503


def test_the_same_content_goes_to_the_same_edge_of_a_place(run, tmp_path):
    place = {"country": "KR", "lat": "37.5665", "lon": "126.978"}
    plane = run(Plane(tmp_path, {f"seoul-{i}": place for i in range(4)}))
    beats = [Beats(plane, f"seoul-{i}") for i in range(4)]
    plane.wait_health(**{b.node: "up" for b in beats})
    paths = [f"/file-{i}" for i in range(60)]
    first = {p: plane.edges("127.1.0.1", p) for p in paths}
    assert first == {p: plane.edges("127.1.0.1", p) for p in paths}
    assert {e[0] for e in first.values()} == {b.node for b in beats}
    plane.ask("POST", "/v1/nodes/seoul-2/down")
    for p in paths:        # only what the missing edge had moves, and to the next in its order
        left = [e for e in first[p] if e != "seoul-2"]
        assert plane.edges("127.1.0.1", p)[:len(left)] == left
    for b in beats:
        b.stop()


def test_forwarded_addresses_are_believed_of_trusted_proxies_only(run, tmp_path):
    plane = run(Plane(tmp_path, over={"trusted_proxies": ["127.200.0.0/16", "10.0.0.0/8"]}))

    def sent(source, *hops):
        r = plane.user(source=source, X_Forwarded_For=", ".join(hops))
        return r.header("Location").split("/")[2].split(".")[0]

    assert sent("127.1.0.1", "127.2.0.1") == "seoul"
    assert sent("127.200.0.1", "127.2.0.1") == "frankfurt"
    assert sent("127.200.0.1", "127.3.0.1", "127.2.0.1", "10.1.1.1") == "frankfurt"
    assert sent("127.200.0.1", "127.3.0.1", "nonsense, 10.1.1.1") in ("seoul", "frankfurt",
                                                                      "virginia")


@pytest.mark.parametrize("content", [b"", b"hello", b"\xab\xcd\xefMaxMind.com", None])
def test_a_broken_database_leaves_the_other_rules(run, tmp_path, content):
    plane = Plane(tmp_path)
    plane.places.unlink()
    if content is not None:
        plane.places.write_bytes(content)
    run(plane)
    wait_for(lambda: plane.stderr().count("geoip-not-loaded") == 1)
    assert not plane.status()["geoip"]["loaded"] and plane.status()["geoip"]["fault"]
    assert plane.route("127.1.0.1")["rule"] == "default"
    make_places(plane.places)
    plane.reload()
    wait_for(lambda: plane.route("127.1.0.1")["rule"] == "city")


def test_a_database_that_is_destroyed_while_in_use_stays_in_use(plane):
    good = plane.places.read_bytes()
    for bad in (good[:1000], b"", good[:-300] + b"\xff" * 300):
        plane.places.write_bytes(bad)
        assert plane.route("127.1.200.1")["place"]["city"] == "Seoul"
        before = plane.stderr().count("geoip-not-loaded")
        plane.reload()
        wait_for(lambda: plane.stderr().count("geoip-not-loaded") > before)
        assert plane.route("127.1.200.1")["place"]["city"] == "Seoul"
    plane.places.unlink()
    assert plane.route("127.2.0.1")["place"]["city"] == "Frankfurt"
    assert plane.status()["geoip"]["loaded"]


def wait_for(question, bound_s=60):
    end = time.monotonic() + bound_s
    while not question():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_token_opens_what_it_is_for_and_nothing_else(plane):
    calls = [("GET", "/v1/nodes", OPERATOR), ("GET", "/v1/status", OPERATOR),
             ("GET", "/v1/cost", OPERATOR), ("POST", "/v1/purge", OPERATOR),
             ("PUT", "/v1/sites/x", OPERATOR), ("POST", "/v1/nodes/seoul/drain", OPERATOR),
             ("POST", "/v1/nodes/seoul/heartbeat", NODE)]
    for method, path, right in calls:
        for token in (None, "", "wrong", right[:-1], right + "x", NODE if right == OPERATOR
                      else OPERATOR):
            status, body = plane.ask(method, path, token=token)
            expected = 403 if token in (NODE, OPERATOR) else 401     # known, or not
            assert status in (expected, 429) and body["status"] == status    # who guesses, waits
    wait_for(lambda: plane.ask("GET", "/v1/nodes")[0] == 200)
    assert plane.health() == dict.fromkeys(CLIENTS.values(), "unseen")
    for path in ("/healthz", "/readyz", "/metrics"):
        assert plane.ask("GET", path, token=None)[0] == 200
    assert OPERATOR not in plane.stderr() and NODE not in plane.stderr()


def test_a_database_is_followed_on_disk_and_the_old_one_kept_on_doubt(run, tmp_path):
    plane = run(Plane(tmp_path, over={"geoip_sentinels": ["127.3.0.1 US"]}))
    version = plane.status()["geoip"]["version"]
    moved = PLACES.replace("127.1.0.0/16,Seoul,KR,AS,37.5665,126.978",
                           "127.1.0.0/16,Busan,KR,AS,35.1796,129.0756")
    make_places(plane.places, moved)
    wait_for(lambda: plane.route("127.1.0.1")["place"]["city"] == "Busan")
    doubts = {"addresses": "127.1.0.0/16,Seoul,KR,AS,37.5665,126.978,20\n127.3.0.0/16,,US,NA,,,\n",
              "127.3.0.1": moved.replace("Ashburn,US", "Ashburn,CA")}
    for reason, csv in doubts.items():
        make_places(plane.places, csv)
        wait_for(lambda r=reason: r in plane.status()["geoip"].get("fault", ""))
    plane.places.write_bytes(plane.places.read_bytes()[:1000])
    wait_for(lambda: "127.3.0.1" not in plane.status()["geoip"]["fault"])
    plane.places.unlink()
    wait_for(lambda: "not found" in plane.status()["geoip"]["fault"].lower())
    assert plane.route("127.1.0.1")["place"]["city"] == "Busan"
    make_places(plane.places)
    wait_for(lambda: plane.route("127.1.0.1")["place"]["city"] == "Seoul")
    told = plane.status()["geoip"]
    assert "fault" not in told and told["version"] > version and told["age_s"] < 3600
    assert plane.metric("byeori_control_geoip_swaps") == 3
    assert not told["stale"]


def test_operators_and_countries_have_databases_of_their_own(run, tmp_path):
    make_places(tmp_path / "country.mmdb", "198.51.100.0/24,,DE,EU,,,\n", "Test-Country")
    make_places(tmp_path / "asn.mmdb", "127.1.7.0/24,64500,Example Net\n", "Test-ASN")
    plane = run(Plane(tmp_path, over={
        "geoip_country": str(tmp_path / "country.mmdb"), "geoip_asn": str(tmp_path / "asn.mmdb"),
        ("asn", "64500"): {"edges": ["virginia"]}}))
    told = plane.route("127.1.7.9")
    assert (told["rule"], told["place"]["asn"]) == ("asn", 64500)
    assert told["edges"][0]["id"] == "virginia"
    assert plane.route("127.1.8.9")["rule"] == "city"
    assert plane.route("198.51.100.7")["rule"] == "country"
    assert plane.status()["geoip"]["asn"]["loaded"] and plane.status()["geoip"]["country"]["loaded"]


def test_a_boundary_is_never_crossed_and_the_price_is_minded(run, tmp_path):
    nodes = {
        "seoul": {"country": "KR", "lat": "37.5665", "lon": "126.978", "price_class": 3},
        "busan": {"country": "KR", "lat": "35.1796", "lon": "129.0756"},
        "frankfurt": {"country": "DE", "lat": "50.1109", "lon": "8.6821", "region": "eu"},
    }
    plane = run(Plane(tmp_path, nodes, {("region", "eu"): {"continent": "EU"},
                                        ("site", "thrifty"): {"hosts": ["cheap.example"],
                                                              "price_class": 2}}))
    for node in nodes:
        plane.ask("POST", f"/v1/nodes/{node}/force")
    assert plane.edges("127.1.0.1") == ["seoul", "busan"]           # no guests in Frankfurt
    assert plane.edges("127.2.0.1") == ["frankfurt"]                # and nobody leaves
    assert "busan.test" in plane.user(source="127.1.0.1", host="cheap.example").header("Location")
    plane.ask("POST", "/v1/nodes/frankfurt/down")
    assert plane.user(source="127.2.0.1").status == 503
    plane.ask("POST", "/v1/nodes/busan/activate")       # of which nobody heard
    told = plane.route("127.1.0.1", more="&explain=1")
    assert [(s["rule"], s["class"], s["gave"]) for s in told["steps"]] == [
        ("city", "able", ["seoul"]), ("city", "doubtful", ["busan"])]
    why = {n["id"]: n["why"] for n in told["nodes"]}
    assert why["frankfurt"] == "beyond the boundary of a region"
