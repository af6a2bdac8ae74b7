# SPDX-License-Identifier: MIT
"""Origins in groups and behind rules: who is asked, how many at once, where they may send us, what
tells their versions apart, and what they are shown over TLS."""

import ssl
import threading
import time

import pytest

from tests.harness.content import Content
from tests.harness.origin import Origin, page_of
from tests.harness.programs import Edge, run_tool, wait_until

MIB = 1 << 20
pytestmark = pytest.mark.threads


@pytest.fixture
def second():
    origin = Origin()
    yield origin
    origin.stop()


def redirect(to, status=302, **headers):
    return page_of(b"moved", status=status, headers={"Location": to, **headers})


# redirects

@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("to", ["/new?x=1", "new?x=1", "http://test.example/new?x=1",
                                "//test.example/new?x=1"])
def test_a_redirect_within_the_origin_is_followed(run, origin, tmp_path, status, to):
    edge = run(Edge(tmp_path, [origin.url], site={"follow_redirects": 3}))
    origin.on("/old", redirect(to, status))
    origin.page("/new", b"here", cache="max-age=60")
    for _ in range(2):
        assert edge.get("/old").body == b"here"
    assert (origin.count("/old"), origin.count("/new")) == (1, 1)
    assert origin.requests("/new")[0].target == "/new?x=1"
    assert origin.requests("/new")[0].header("Host") == "test.example"


def test_a_redirect_to_the_origins_own_address_is_followed(run, origin, tmp_path):
    edge = run(Edge(tmp_path, [origin.url], site={"follow_redirects": 1}))
    origin.on("/old", redirect(origin.url + "/new"))
    origin.page("/new", b"here", cache="max-age=60")
    assert edge.get("/old", Authorization="secret").body == b"here"
    assert origin.requests("/new")[0].header("Authorization") == "secret"


def test_without_the_rule_clients_get_the_redirect(cdn):
    cdn.origin.on("/old", redirect("/new"))
    r = cdn.get("/old")
    assert (r.status, r.header("Location")) == (302, "/new")
    assert cdn.origin.count("/new") == 0


@pytest.mark.parametrize("to", ["http://other.example/new", "http://127.0.0.1:1/new",
                                "http://test.example:81/new", "https://test.example/new",
                                "ftp://test.example/new", "http://u@test.example/new", "http://[/"])
def test_a_redirect_to_elsewhere_is_the_clients(run, origin, tmp_path, to):
    edge = run(Edge(tmp_path, [origin.url], site={"follow_redirects": 3,
                                                  "redirect_hosts": ["listed.example"]}))
    origin.on("/old", redirect(to))
    r = edge.get("/old")
    assert (r.status, r.header("Location"), r.body) == (302, to, b"moved")


def test_a_listed_host_is_followed_and_told_no_secrets(run, origin, second, tmp_path):
    host = "%s:%d" % second.address
    edge = run(Edge(tmp_path, [origin.url], site={"follow_redirects": 3, "redirect_hosts": [host]}))
    content = Content(3 * MIB + 9)
    origin.on("/old", redirect(second.url + "/new?signed"))
    second.page("/new", content, cache="public, max-age=60", etag='"a"')
    r = edge.get("/old", Authorization="secret", Cookie="secret", Range=f"bytes={MIB}-{MIB + 9}")
    assert r.body == content.read(MIB, 10)
    assert edge.get("/old").body == content.read(0, content.size)
    for asked in second.requests("/new"):
        assert asked.header("Host") == host
        assert asked.header("Authorization") is None and asked.header("Cookie") is None
    assert origin.requests("/old")[0].header("Authorization") == "secret"
    assert second.body_bytes("/new") == content.size       # each range by a redirect of its own


def test_a_ring_of_redirects_is_an_error(run, origin, tmp_path):
    edge = run(Edge(tmp_path, [origin.url], site={"follow_redirects": 3}))
    origin.on("/a", redirect("/b"))
    origin.on("/b", redirect("/a"))
    r = edge.get("/a")
    assert r.status == 502 and "http_protocol_error" in r.header("Proxy-Status")
    assert origin.count("/a") + origin.count("/b") == 4


def test_a_redirect_to_nobody_takes_another_origin(run, origin, second, tmp_path):
    edge = run(Edge(tmp_path, [origin.url, second.url], site={
        "follow_redirects": 3, "redirect_hosts": ["127.0.0.1:1"]}))
    origin.on("/a", redirect("http://127.0.0.1:1/gone"))
    second.page("/a", b"here", cache="max-age=60")
    assert edge.get("/a").body == b"here"
    assert edge.admin("GET", "/v1/status")[1]["sites"][0]["origins"][0]["state"] == "well"


# what tells versions apart

def versioned(content, etag, modified="Mon, 02 Nov 2026 10:00:00 GMT", **options):
    """If-Range by its date, as nginx has it."""
    page = page_of(content, cache="max-age=60", headers={"Last-Modified": modified}, **options)

    def script(request, wire):
        condition = request.header("If-Range")
        page.etag = etag(request) if callable(etag) else etag
        page.has_ranges = condition in (None, modified)
        request.fields = [(n, v) for n, v in request.fields if n.lower() != "if-range"]
        page(request, wire)
    return script


@pytest.mark.parametrize("etag", ['W/"a"', None, lambda r: '"%f"' % time.monotonic()],
                         ids=["weak", "none", "changing"])
def test_by_date_parts_are_joined_whatever_the_tags(run, origin, tmp_path, etag):
    edge = run(Edge(tmp_path, [origin.url], site={"version_by": "date"}))
    content = Content(6 * MIB + 3)
    origin.on("/a", versioned(content, etag))
    assert edge.get("/a", Range=f"bytes={4 * MIB}-{4 * MIB + 9}").body == content.read(4 * MIB, 10)
    assert edge.get("/a").body == content.read(0, content.size)
    assert origin.body_bytes("/a") == content.size


def test_by_date_a_broken_body_goes_on(run, origin, tmp_path):
    edge = run(Edge(tmp_path, [origin.url], site={"version_by": "date"}))
    content, cuts = Content(6 * MIB + 3), [2 * MIB + 5]
    plain = versioned(content, 'W/"a"')

    def script(request, wire):
        (versioned(content, 'W/"a"', cut=cuts.pop()) if cuts else plain)(request, wire)
    origin.on("/a", script)
    assert edge.get("/a").body == content.read(0, content.size)
    assert origin.body_bytes("/a") == content.size


@pytest.mark.parametrize("hour, size", [(11, 6 * MIB + 3), (10, 6 * MIB + 4)],
                         ids=["date", "length"])
def test_by_date_another_version_is_never_mixed_in(run, origin, tmp_path, hour, size):
    edge = run(Edge(tmp_path, [origin.url], site={"version_by": "date"}))
    old, new = Content(6 * MIB + 3, seed=1), Content(size, seed=2)
    origin.on("/a", versioned(old, 'W/"a"'))
    assert edge.get("/a", Range="bytes=0-9").body == old.read(0, 10)
    origin.on("/a", versioned(new, 'W/"a"', f"Mon, 02 Nov 2026 {hour}:00:00 GMT"))
    pending = edge.begin("/a").wait()
    got = getattr(pending.error, "got", b"") if pending.error else pending.body
    assert got in (old.read(0, len(got)), new.read(0, new.size))
    assert pending.error or len(got) == new.size
    assert edge.get("/a").body == new.read(0, new.size)


# groups

def test_origins_of_one_order_share_the_load_by_weight(run, origin, second, tmp_path):
    third = Origin()
    edge = run(Edge(tmp_path, [f"{origin.url} order=1", f"{second.url} order=1 weight=3",
                               f"{third.url} order=2"]))
    for o in (origin, second, third):
        for n in range(200):
            o.page(f"/{n}", b"x", cache="max-age=60")
    with edge.client() as c:
        for n in range(200):
            assert c.get(f"/{n}").body == b"x"
    assert origin.count() + second.count() == 200 and 25 <= origin.count() <= 80
    origin.stop()
    second.stop()
    assert edge.get("/0?2").body == b"x" and third.count() == 1
    third.stop()


def state_of(edge, n):
    return edge.admin("GET", "/v1/status")[1]["sites"][0]["origins"][n]["state"]


def test_an_origin_that_says_it_is_ill_is_left_out_until_it_is_well(run, origin, second, tmp_path):
    edge = run(Edge(tmp_path, [origin.url, second.url], site={
        "health_path": "/up", "health_interval": "100ms"}))
    for o, name in ((origin, b"first"), (second, b"second")):
        o.page("/up", b"ok")
        for n in range(9):
            o.page(f"/{n}", name, cache="max-age=60")
    assert edge.get("/1").body == b"first"
    wait_until(lambda: second.count("/up") >= 2, "both are asked")
    assert origin.requests("/up")[0].header("Host") == "test.example"
    origin.page("/up", b"ill", status=500)
    wait_until(lambda: state_of(edge, 0) == "unfit", "it is left out")
    assert edge.get("/2").body == b"second" and origin.count("/2") == 0
    second.page("/up", b"ill", status=500)
    wait_until(lambda: state_of(edge, 1) == "unfit", "so is the other")
    assert edge.get("/3").body == b"first"          # nobody else is left
    origin.page("/up", b"ok")
    wait_until(lambda: state_of(edge, 0) == "well", "it is back")
    second.stop()
    wait_until(lambda: state_of(edge, 1) == "unfit", "one that is gone is unfit, too")
    edge.reload()
    wait_until(lambda: state_of(edge, 1) == "unfit", "after a reload, too")


class Crowded:
    """Tells how many were inside at once."""

    def __init__(self, page, pause_s):
        self.page, self.pause_s = page, pause_s
        self.lock, self.inside, self.most = threading.Lock(), 0, 0

    def __call__(self, request, wire):
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        time.sleep(self.pause_s)
        with self.lock:
            self.inside -= 1
        self.page(request, wire)


def test_an_origin_gets_no_more_at_once_than_it_may(run, origin, tmp_path):
    edge = run(Edge(tmp_path, [f"{origin.url} connections=3"],
                    site={"queue_timeout": "60s"}))
    crowded = Crowded(page_of(b"x", cache="max-age=60"), 0.05)
    for n in range(40):
        origin.on(f"/{n}", crowded)
    answers = [p.wait() for p in [edge.begin(f"/{n}") for n in range(40)]]
    assert all(a.body == b"x" for a in answers)
    assert crowded.most == 3
    assert edge.metric("byeori_edge_upstream_queued_total") >= 30


def test_the_queue_is_fair_between_resources(run, origin, tmp_path):
    """A hundred ranges of one object are asked for first; another object waits for one turn."""
    edge = run(Edge(tmp_path, [f"{origin.url} connections=1"],
                    site={"block": "64KiB", "queue_timeout": "60s"}))
    content = Content(200 * 65536)
    page = page_of(content, cache="max-age=60", etag='"a"')
    origin.on("/big", page)
    origin.page("/small", b"x", cache="max-age=60")
    edge.get("/big", Range="bytes=0-0")
    origin.on("/big", Crowded(page, 0.05))
    crowd = [edge.begin("/big", Range=f"bytes={n * 131072}-{n * 131072 + 9}") for n in range(1, 60)]
    edge.wait_metric("byeori_edge_upstream_queued_total", 55)
    before = origin.count("/big")
    assert edge.get("/small").body == b"x"
    assert origin.count("/big") - before < 20
    for n, p in enumerate(crowd, 1):
        assert p.wait().body == content.read(n * 131072, 10)


def test_slow_readers_do_not_keep_others_from_an_origin(run, origin, tmp_path):
    edge = run(Edge(tmp_path, [f"{origin.url} connections=2"],
                    site={"read_ahead": "1MiB", "queue_timeout": "60s"}))
    content = Content(16 * MIB)
    origin.page("/small", b"x", cache="max-age=60")
    slow = []
    for n in range(2):
        origin.page(f"/{n}", content, cache="max-age=60", etag='"a"')
        slow.append(edge.client(receive_buffer=4096))
        slow[n].send_request("GET", f"/{n}")
        assert slow[n].head().status == 200
    edge.wait_metric("byeori_edge_upstream_fill_pauses_total", 2)
    assert edge.get("/small").body == b"x"
    assert edge.metric("byeori_edge_upstream_fill_yields_total") >= 1
    for client in slow:                             # and they miss nothing
        assert client.reader.exactly(content.size) == content.read(0, content.size)
        client.close()


def test_who_waits_too_long_in_the_queue_is_told(run, origin, tmp_path):
    edge = run(Edge(tmp_path, [f"{origin.url} connections=1"], site={"queue_timeout": "300ms"}))
    origin.page("/b", b"x", cache="max-age=60")
    with origin.holding("/a") as held:
        a = edge.begin("/a")
        held.wait_for(1)
        assert edge.get("/b").status == 503
        held.answer(b"a", cache="max-age=60")
    assert a.wait().body == b"a" and edge.get("/b").body == b"x"


def test_a_full_origin_leaves_requests_to_its_equal(run, origin, second, tmp_path):
    edge = run(Edge(tmp_path, [f"{origin.url} order=1 connections=1 weight=1000",
                               f"{second.url} order=1"]))
    for n in range(20):
        second.page(f"/{n}", b"x", cache="max-age=60")
    with origin.holding("/held") as held:
        waiting = edge.begin("/held")
        held.wait_for(1)
        assert all(edge.get(f"/{n}").body == b"x" for n in range(20))
        held.answer(b"held", cache="max-age=60")
    assert waiting.wait().body == b"held"


# TLS

@pytest.fixture
def shown(authority, tmp_path):
    """An https origin that wants a certificate, and what it was shown."""
    context = authority.server_context("origin", ["origin.example"])
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.file)
    origin = Origin(tls=context)
    yield origin
    origin.stop()


def test_a_certificate_is_shown_and_theirs_is_held_to_a_name(run, authority, shown, tmp_path):
    chain, key = authority.certificate("edge", ["edge.example"])
    site = {"ca_file": str(authority.file), "tls_name": "origin.example"}
    shown.page("/a", b"x", cache="max-age=60")
    own = {**site, "client_chain": str(chain), "client_key": str(key)}
    assert run(Edge(tmp_path, [shown.url], site=own, name="a")).get("/a").body == b"x"
    assert run(Edge(tmp_path, [shown.url], site=site, name="b")).get("/a").status == 502
    other = {**own, "tls_name": "other.example"}
    edge = run(Edge(tmp_path, [shown.url], site=other, name="c"))
    assert edge.get("/a").status == 502
    unverified = {**other, "verify": False}
    assert run(Edge(tmp_path, [shown.url], site=unverified, name="d")).get("/a").body == b"x"


def test_half_a_client_certificate_is_refused(authority, tmp_path):
    chain, _ = authority.certificate("edge", ["edge.example"])
    edge = Edge(tmp_path, ["https://127.0.0.1:1"], site={"client_chain": str(chain)})
    r = run_tool("edge/byeori-edge", "-c", edge.file)
    assert r.returncode != 0 and "both its chain and its key" in r.stderr
