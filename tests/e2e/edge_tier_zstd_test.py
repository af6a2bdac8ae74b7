# SPDX-License-Identifier: MIT
"""What is text travels compressed between edges, and nobody else can tell: the same bytes, ranges
and validators, whatever a shield does. What is on the wire is decoded by the zstd of the command
line, and made by it, not by us."""

import subprocess

import pytest

from tests.harness.content import Content
from tests.harness.http1 import Closed
from tests.harness.origin import Origin
from tests.harness.programs import Edge, wait_until

KIB = 1024
BLOCK = 64 * KIB
WORDS = b"".join(b"%d bottles of beer on the wall, take %d down\n" % (n, n % 7)
                 for n in range(60_000))
TEXT = {"Content-Type": "text/plain; charset=utf-8"}
ASKS = {"Byeori-Hop": "seq=0", "TE": "zstd", "Connection": "TE"}
CODING = "zstd;length=%d, chunked"


def zstd(body, *options):
    done = subprocess.run(["zstd", "-c", *options], input=body, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def shield(run, origin, tmp_path):
    return run(Edge(tmp_path, [origin.url], name="shield-1",
                    site={"trusted_proxies": ["127.0.0.1"]}))


@pytest.fixture
def behind(run, origin, tmp_path):
    def start(shield_url, name="edge-0", **site):
        site = {"shield": [shield_url], "block": "64KiB", **site}
        return run(Edge(tmp_path, [origin.url], name=name, site=site))
    return start


@pytest.fixture
def edge(behind, shield):
    return behind(f"http://127.0.0.1:{shield.port}")


@pytest.fixture
def page(origin):
    def put(path="/a", body=WORDS, **options):
        origin.page(path, body, **{"etag": '"v1"', "cache": "max-age=600", "headers": TEXT,
                                   **options})
        return path
    return put


def came(edge):
    return edge.metric("byeori_edge_upstream_unpacked_total")


def test_text_takes_less_on_the_way_and_is_the_same(edge, shield, page):
    page()
    r = edge.get("/a")
    assert r.body == WORDS and int(r.header("Content-Length")) == len(WORDS)
    assert r.header("ETag") == '"v1"' and not r.header("Content-Encoding")
    assert not r.header("Transfer-Encoding")
    edge.wait_metric("byeori_edge_upstream_unpacked_total", 1)
    assert edge.metric("byeori_edge_upstream_unpacked_bytes_total") == len(WORDS)
    wire = edge.metric("byeori_edge_upstream_unpacked_wire_bytes_total")
    assert wire < len(WORDS) / 3
    assert edge.metric("byeori_edge_site_tier_in_bytes_total") == wire
    wait_until(lambda: edge.metric("byeori_edge_site_out_bytes_total") == len(WORDS), "on account")
    shield.wait_metric("byeori_edge_site_tier_out_bytes_total", wire - 4096)
    assert shield.metric("byeori_edge_site_tier_out_bytes_total") <= wire
    assert edge.get("/a").body == WORDS and shield.metric("byeori_edge_packed_total") == 1


def test_ranges_come_as_they_were_asked_and_in_any_order(edge, shield, page):
    page()
    for first, last in ((900_000, 900_009), (100, 70_000), (1_500_000, 1_700_001),
                        (70_001, 900_000)):
        r = edge.get("/a", Range=f"bytes={first}-{last}")
        assert r.status == 206 and r.body == WORDS[first:last + 1]
        assert r.header("Content-Range") == f"bytes {first}-{last}/{len(WORDS)}"
    wait_until(lambda: came(edge) == 4, "each came compressed")
    assert edge.get("/a").body == WORDS
    asked = edge.metric("byeori_edge_upstream_unpacked_bytes_total")
    assert asked <= len(WORDS) + 4 * BLOCK


def test_a_body_without_a_length_ends_where_it_ends(edge, page):
    page(is_chunked=True)
    assert edge.get("/a").body == WORDS and edge.get("/a").body == WORDS
    wait_until(lambda: came(edge) == 1, "it came compressed")


def test_what_has_come_is_not_held_back(edge, origin):
    """The shield has part of a body from a slow origin: that part goes on."""
    with origin.holding("/rest") as held:
        def slow(request, wire):
            wire.send(head(200, "Content-Length: 2000") + b"a" * 1000)
            held(request, wire)
            wire.close()
        origin.on("/a", slow)
        with edge.client() as c:
            c.send_request("GET", "/a")
            assert c.head().status == 200
            assert c.reader.exactly(1000) == b"a" * 1000
            held.answer_with(lambda request, wire: wire.send(b"b" * 1000))
            assert c.reader.exactly(1000) == b"b" * 1000
    wait_until(lambda: came(edge) == 1, "it came compressed")


@pytest.mark.parametrize("page_options, site", [
    ({"headers": {"Content-Type": "image/png"}}, {}),
    ({"headers": {**TEXT, "Content-Encoding": "gzip"}}, {}),
    ({"body": b"short"}, {}),
    ({"body": Content(300_000)}, {}),              # noise, though it is called text
    ({}, {"tier_encode": "off"}),
])
def test_what_would_not_shrink_or_is_not_wanted_goes_as_it_is(behind, shield, page, page_options,
                                                              site):
    page(**page_options)
    assert shield.get("/a").status == 200          # so that it knows its first bytes
    edge = behind(f"http://127.0.0.1:{shield.port}", **site)
    assert edge.get("/a").status == 200
    wait_until(lambda: edge.metric("byeori_edge_site_tier_in_bytes_total") > 0, "by the shield")
    assert came(edge) == 0 and shield.metric("byeori_edge_packed_total") == 0


@pytest.mark.parametrize("fields", [
    {}, {"TE": "zstd", "Connection": "TE"}, {**ASKS, "Connection": "keep-alive"},
    {**ASKS, "TE": "trailers"}, {**ASKS, "TE": "zstd;q=0"},
    {"Byeori-Hop": "seq=0", "Accept-Encoding": "zstd"}])
def test_who_does_not_ask_as_an_edge_gets_it_as_it_is(shield, page, fields):
    page()
    for _ in range(2):
        r = shield.get("/a", **fields)
        assert r.body == WORDS and not r.header("Transfer-Encoding")


def test_the_wire_is_plain_zstd(shield, page):
    page()
    for fields, first, last in (({}, 0, len(WORDS) - 1), ({"Range": "bytes=100-9999"}, 100, 9999),
                                ({}, 0, len(WORDS) - 1)):
        r = shield.get("/a", **ASKS, **fields)
        assert r.header("Transfer-Encoding") == CODING % (last - first + 1)
        assert zstd(r.body, "-d", "--memory=8MB") == WORDS[first:last + 1]
        assert r.header("ETag") == '"v1"' and not r.header("Content-Encoding")
    assert shield.get("/a", "HEAD", **ASKS).header("Content-Length") == str(len(WORDS))


def head(status, *fields):
    return "\r\n".join([f"HTTP/1.1 {status} Odd", "Cache-Control: max-age=60", 'ETag: "v1"',
                        *(f"{k}: {v}" for k, v in TEXT.items()), *fields, "", ""]).encode()


def chunks(*bodies):
    return b"".join(b"%x\r\n%s\r\n" % (len(b), b) for b in bodies) + b"0\r\n\r\n"


def te(length):
    return "Transfer-Encoding: " + (CODING % length if length is not None else "zstd, chunked")


FRAME = zstd(WORDS)
HALF = len(WORDS) // 2
WRONG = {
    "cut": (te(len(WORDS)), chunks(FRAME[:len(FRAME) // 2])),
    "cut on the wire": (te(len(WORDS)), b"%x\r\n" % len(FRAME) + FRAME[:1000]),
    "no frame": (te(len(WORDS)), chunks(WORDS)),
    "two frames": (te(len(WORDS)), chunks(zstd(WORDS[:HALF]), zstd(WORDS[HALF:]))),
    "something behind it": (te(len(WORDS)), chunks(FRAME, b"x")),
    "spoilt": (te(len(WORDS)), chunks(FRAME[:-2000] + bytes(2000))),
    "too large a window": (te(len(WORDS)), chunks(zstd(WORDS, "--long=27", "--no-content-size"))),
    "another coding": ("Transfer-Encoding: gzip, chunked", chunks(FRAME)),
    "not chunked": ("Transfer-Encoding: zstd", FRAME),
    "length beside it": (te(len(WORDS)) + f"\r\nContent-Length: {len(FRAME)}", chunks(FRAME)),
}


@pytest.fixture
def behind_odd(behind, page):
    """An edge behind a shield that gives this answer to all."""
    fakes = []

    def start(field, body):
        page()
        fake = Origin()
        fakes.append(fake)
        fake.on("/a", lambda request, wire: (wire.send(head(200, field) + body), wire.close()))
        return behind(fake.url)
    yield start
    for fake in fakes:
        fake.stop()


@pytest.mark.parametrize("name", WRONG)
def test_a_shield_that_codes_wrongly_is_passed_by(behind_odd, name):
    """The origin gives the rest, or all."""
    edge = behind_odd(*WRONG[name])
    for _ in range(2):
        assert edge.get("/a").body == WORDS


def test_less_than_was_said_is_never_taken_for_the_whole(behind_odd):
    edge = behind_odd(te(len(WORDS) + 1), chunks(FRAME))
    with pytest.raises((Closed, ConnectionResetError)):
        edge.get("/a")


def test_a_coding_that_nobody_asked_for_is_refused(run, origin, tmp_path):
    """An origin has no business with it."""
    edge = run(Edge(tmp_path, [origin.url]))
    origin.raw("/a", head(200, te(len(WORDS))) + chunks(FRAME))
    assert edge.get("/a").status == 502
    assert origin.requests("/a")[0].header("TE") is None


def test_one_coding_for_many_edges(behind, shield, page, origin):
    page()
    url = f"http://127.0.0.1:{shield.port}"
    assert shield.get("/a", **ASKS).status == 200
    for i in range(3):
        assert behind(url, name=f"edge-{i}").get("/a").body == WORDS
    wait_until(lambda: shield.metric("byeori_edge_packed_total") == 4, "all were coded")
    assert origin.count("/a") == 1
    assert shield.metric("byeori_edge_encodings_total") == 1
