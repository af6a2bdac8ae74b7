# SPDX-License-Identifier: MIT
"""Stored content sent with Content-Encoding: zstd: to whom, when, once, and always the right bytes.
What comes is decoded by the zstd of the command line and by curl, not by us."""

import os
import subprocess

import pytest

from tests.harness.content import Content
from tests.harness.programs import Edge, wait_until

pytestmark = pytest.mark.threads
WORDS = b"".join(b"%d bottles of beer on the wall, take %d down\n" % (n, n % 7)
                 for n in range(60_000))
TEXT = {"Content-Type": "text/plain; charset=utf-8"}
ZSTD = {"Accept_Encoding": "gzip, zstd"}


def decoded(body):
    """Within a window of 8 MiB, as RFC 9659 wants it."""
    done = subprocess.run(["zstd", "-dc", "--memory=8MB"], input=body, capture_output=True,
                          timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def edge(run, origin, tmp_path):
    return run(Edge(tmp_path, [origin.url], site={"encode": "zstd"}, over={"workers": 2}))


@pytest.fixture
def page(origin):
    def put(path="/a", body=WORDS, cache="max-age=600", **options):
        origin.page(path, body, **{"etag": '"v1"', "cache": cache, "headers": TEXT, **options})
        return path
    return put


def is_coded(r):
    return r.header("Content-Encoding") == "zstd"


def is_kept(edge, path="/a"):
    """The copy is made: its length is known."""
    r = edge.get(path, **ZSTD)
    return is_coded(r) and r.header("Content-Length") is not None


def test_it_is_coded_once_and_kept(edge, origin, page):
    page()
    first = edge.get("/a", **ZSTD)
    assert is_coded(first) and decoded(first.body) == WORDS
    assert len(first.body) < len(WORDS) / 4
    wait_until(lambda: is_kept(edge), "it is kept")
    for r in (edge.get("/a", **ZSTD), edge.get("/a", **ZSTD)):
        assert is_coded(r) and r.body == first.body
        assert int(r.header("Content-Length")) == len(first.body)
    assert edge.metric("byeori_edge_encodings_total") == 1 and origin.count("/a") == 1


def test_both_representations_say_what_they_are(edge, page):
    page(headers={**TEXT, "Content-Digest": "sha-256=:AA==:", "Repr-Digest": "sha-256=:AA==:",
                  "Vary": "Foo"})
    for r in (edge.get("/a", **ZSTD), edge.get("/a", **ZSTD)):
        assert r.header("ETag") == 'W/"v1-zstd"' and "Accept-Encoding" in r.headers("Vary")
        assert not r.header("Accept-Ranges") and not r.header("Content-Digest")
        assert not r.header("Repr-Digest")
    plain = edge.get("/a")
    assert plain.body == WORDS and not plain.header("Content-Encoding")
    assert plain.header("ETag") == '"v1"' and "Accept-Encoding" in plain.headers("Vary")
    assert plain.header("Content-Digest") and plain.header("Accept-Ranges") == "bytes"


@pytest.mark.parametrize("accepted, coded", [
    ("zstd", True), ("ZSTD", True), ("zstd;q=0.1, gzip", True), ("gzip, deflate, br, zstd", True),
    ("*", False), ("*;q=0.5, identity;q=0.1", False), ("zstd;q=0", False),
    ("zstd;q=0.5, identity", False), ("zstd, identity", True), ("gzip", False), ("", False),
    ("identity;q=0, zstd;q=0.001", True), ("zstd;q=x", False), (None, False)])
def test_who_gets_it(edge, page, accepted, coded):
    page()
    fields = {"Accept_Encoding": accepted} if accepted is not None else {}
    for _ in range(2):
        r = edge.get("/a", **fields)
        assert is_coded(r) == coded
        assert (decoded(r.body) if coded else r.body) == WORDS


def test_ranges_are_of_the_content_as_it_is(edge, page):
    page()
    edge.get("/a", **ZSTD)
    r = edge.get("/a", Range="bytes=1000-1999", **ZSTD)
    assert (r.status, r.body) == (206, WORDS[1000:2000]) and not is_coded(r)
    r = edge.get("/a", Range="bytes=0-9", If_Range='W/"v1-zstd"', **ZSTD)
    assert (r.status, r.body) == (200, WORDS)


@pytest.mark.parametrize("tags, fields, status, etag", [
    ('W/"v1-zstd"', ZSTD, 304, 'W/"v1-zstd"'), ('"x", W/"v1-zstd"', ZSTD, 304, 'W/"v1-zstd"'),
    ('"v1"', ZSTD, 304, '"v1"'), ('"v1"', {}, 304, '"v1"'), ('W/"v1-zstd"', {}, 200, '"v1"'),
    ('"v2"', ZSTD, 200, 'W/"v1-zstd"')])
def test_conditions_know_both_validators(edge, page, tags, fields, status, etag):
    page()
    edge.get("/a", **ZSTD)
    wait_until(lambda: is_kept(edge), "it is kept")
    r = edge.get("/a", If_None_Match=tags, **fields)
    assert (r.status, r.header("ETag")) == (status, etag)
    assert "Accept-Encoding" in r.headers("Vary")


def test_head_says_what_get_would(edge, page):
    page()
    edge.get("/a", **ZSTD)
    wait_until(lambda: is_kept(edge), "it is kept")
    r, head = edge.get("/a", **ZSTD), edge.get("/a", method="HEAD", **ZSTD)
    for name in ("Content-Encoding", "Content-Length", "ETag", "Vary", "Content-Type"):
        assert head.header(name) == r.header(name)


@pytest.mark.parametrize("what", [
    {"headers": {"Content-Type": "image/png"}}, {"headers": {}}, {"body": b"short"},
    {"headers": {**TEXT, "Content-Encoding": "gzip"}}, {"status": 404},
    {"cache": "max-age=600, no-transform"}, {"body": WORDS * 8}])
def test_what_is_sent_as_it_is(edge, page, what):
    body = {"body": WORDS, **what}["body"]
    page(**what)
    for _ in range(2):
        r = edge.get("/a", **ZSTD)
        assert not is_coded(r) and r.body == body
        assert "Accept-Encoding" not in r.headers("Vary")


def test_a_client_that_forbids_transforming_gets_it_as_it_is(edge, page):
    page()
    assert not is_coded(edge.get("/a", Cache_Control="no-transform", **ZSTD))


def test_another_cache_gets_it_as_it_is(edge, page):
    page()
    edge.get("/a", **ZSTD)
    r = edge.get("/a", CDN_Loop="another", **ZSTD)
    assert r.body == WORDS and r.header("ETag") == '"v1"' and not r.headers("Vary")


def test_what_is_compressed_already_shows_in_its_first_bytes(edge, page):
    noise = os.urandom(300_000)
    page(body=noise)
    assert edge.get("/a").body == noise
    for _ in range(3):
        r = edge.get("/a", **ZSTD)
        assert not is_coded(r) and r.body == noise
    assert edge.metric("byeori_edge_encodings_total") == 0


def test_what_turned_out_worthless_is_not_coded_again(edge, page):
    body = WORDS[:20_000] + os.urandom(2_000_000)
    page(body=body)
    first = edge.get("/a", **ZSTD)
    assert (decoded(first.body) if is_coded(first) else first.body) == body
    wait_until(lambda: not is_coded(edge.get("/a", **ZSTD)), "it is known to be worthless")
    assert edge.get("/a", **ZSTD).body == body
    assert edge.metric("byeori_edge_encodings_total") == 1


@pytest.mark.parametrize("options", [{"is_chunked": True}, {"bytes_per_s": 4_000_000}])
def test_it_is_coded_while_it_comes(edge, page, options):
    page(**options)
    r = edge.get("/a", **ZSTD)
    assert is_coded(r) and decoded(r.body) == WORDS
    wait_until(lambda: is_kept(edge), "it is kept")


def test_a_crowd_has_it_coded_once(edge, origin, page):
    page()
    pending = [edge.begin("/a", **ZSTD) for _ in range(60)]
    for p in pending:
        p.wait()
        assert (decoded(p.body) if is_coded(p) else p.body) == WORDS
    assert edge.metric("byeori_edge_encodings_total") == 1 and origin.count("/a") == 1


def test_a_new_version_is_coded_anew(edge, page):
    page()
    edge.get("/a", **ZSTD)
    wait_until(lambda: is_kept(edge), "it is kept")
    page(body=WORDS[::-1], etag='"v2"')
    assert edge.admin("POST", "/v1/purge", {"url": "http://test.example/a"})[0] == 200
    r = edge.get("/a", **ZSTD)
    assert decoded(r.body) == WORDS[::-1] and r.header("ETag") == 'W/"v2-zstd"'


def test_a_refresh_keeps_the_copy(edge, origin, page):
    page(cache="max-age=60", headers={**TEXT, "Age": "100"})
    edge.get("/a", **ZSTD)
    wait_until(lambda: is_kept(edge), "it is kept")
    assert decoded(edge.get("/a", **ZSTD).body) == WORDS
    assert edge.metric("byeori_edge_encodings_total") == 1
    assert origin.requests("/a")[-1].header("If-None-Match") == '"v1"'


def test_who_came_first_may_leave(edge, page):
    page(body=WORDS * 5)
    with edge.client() as c:
        c.send_request("GET", "/a", **ZSTD)
        assert c.head().header("Content-Encoding") == "zstd"
        c.reset()
    wait_until(lambda: is_kept(edge), "another has it coded")
    assert decoded(edge.get("/a", **ZSTD).body) == WORDS * 5


def test_a_body_that_breaks_breaks_the_coded_one(edge, page):
    page(cut=1_000_000, etag=None)
    with edge.client() as c:
        c.send_request("GET", "/a", **ZSTD)
        r = c.head()
        with pytest.raises(Exception):
            c.body_of(r)
    page(etag=None)
    wait_until(lambda: decoded(edge.get("/a", **ZSTD).body) == WORDS, "the next is whole")


def test_copies_leave_where_memory_is_small(run, origin, tmp_path):
    edge = run(Edge(tmp_path, [origin.url], site={"encode": "zstd", "block": "64KiB"},
                    over={"memory": "8MiB"}))
    bodies = [b"%d " % n + WORDS[:400_000] for n in range(60)]
    for n, body in enumerate(bodies):
        origin.page(f"/{n}", body, cache="max-age=600", headers=TEXT, etag=f'"{n}"')
    coded = set()

    def some_were_coded_again():
        for n, body in enumerate(bodies):
            r = edge.get(f"/{n}", **ZSTD)
            assert (decoded(r.body) if is_coded(r) else r.body) == body
            coded.update({n} if is_coded(r) else ())
        return edge.metric("byeori_edge_encodings_total") > len(coded)

    wait_until(some_were_coded_again, "copies had left")


@pytest.mark.parametrize("version", ["--http1.1", "--http2-prior-knowledge"])
def test_curl_decodes_it(edge, page, version):
    page()
    for _ in range(2):
        done = subprocess.run(["curl", "-s", version, "--compressed", "-H", "Host: test.example",
                               "-w", "%{stderr}%{size_download}",
                               f"http://127.0.0.1:{edge.port}/a"], capture_output=True, timeout=60)
        assert done.stdout == WORDS and int(done.stderr) < len(WORDS) / 4


def test_large_content_is_coded_within_the_window(run, origin, tmp_path):
    edge = run(Edge(tmp_path, [origin.url],
                    site={"encode": "zstd", "encode_max": "64MiB", "encode_level": 9}))
    body = Content(5_000_000, seed=3).read(0, 5_000_000).hex().encode()
    origin.page("/a", body, cache="max-age=600", headers=TEXT)
    assert decoded(edge.get("/a", **ZSTD).body) == body
