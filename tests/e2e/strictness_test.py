# SPDX-License-Identifier: MIT
"""One strict reading of HTTP/1.1 (RFC 9112) at the edge: what is ambiguous is refused with 400 and
the connection closed, and never reaches the origin. What the RFC wants tolerated is tolerated."""

import pytest

HOST = b"Host: test.example\r\n"
GET = b"GET /a HTTP/1.1\r\n"
POST = b"POST /a HTTP/1.1\r\n" + HOST

REFUSED = {
    "no host": GET + b"\r\n",
    "two hosts": GET + HOST + HOST + b"\r\n",
    "a space in the host": GET + b"Host: test example\r\n\r\n",
    "a path in the host": GET + b"Host: test.example/a\r\n\r\n",
    "a bare cr in a value": GET + HOST + b"X: a\rb\r\n\r\n",
    "a nul in a value": GET + HOST + b"X: a\0b\r\n\r\n",
    "a space before the colon": GET + HOST + b"X : a\r\n\r\n",
    "a space before the first field": GET + b" X: a\r\n" + HOST + b"\r\n",
    "a folded line": GET + HOST + b"X: a\r\n b\r\n\r\n",
    "a field without a colon": GET + HOST + b"X\r\n\r\n",
    "a field without a name": GET + HOST + b": x\r\n\r\n",
    "a name that is no token": GET + HOST + b"X(: a\r\n\r\n",
    "two spaces in the request line": b"GET  /a HTTP/1.1\r\n" + HOST + b"\r\n",
    "a space in the target": b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n",
    "no version": b"GET /a\r\n" + HOST + b"\r\n",
    "a small http": b"GET /a http/1.1\r\n" + HOST + b"\r\n",
    "a version with two digits": b"GET /a HTTP/1.10\r\n" + HOST + b"\r\n",
    "a method that is no token": b"G(T /a HTTP/1.1\r\n" + HOST + b"\r\n",
    "a control character in the target": b"GET /a\x01 HTTP/1.1\r\n" + HOST + b"\r\n",
    "a target that is no path": b"GET a HTTP/1.1\r\n" + HOST + b"\r\n",
    "a fragment in the target": b"GET /a#b HTTP/1.1\r\n" + HOST + b"\r\n",
    "length and chunked": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "a list of lengths": POST + b"Content-Length: 5, 6\r\n\r\nhello!",
    "a length with a plus": POST + b"Content-Length: +5\r\n\r\nhello",
    "a negative length": POST + b"Content-Length: -5\r\n\r\nhello",
    "an empty length": POST + b"Content-Length: \r\n\r\n",
    "a length in hexadecimal": POST + b"Content-Length: 0x5\r\n\r\nhello",
    "a length beyond 64 bits": POST + b"Content-Length: 18446744073709551621\r\n\r\nhello",
    "chunked that is not last": POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "chunked twice": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "almost chunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked in http 1.0": b"POST /a HTTP/1.0\r\n" + HOST
    + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
}

TOLERATED = {
    "an empty line before the request": b"\r\n" + GET + HOST + b"\r\n",
    "no space after the colon": GET + b"Host:test.example\r\n\r\n",
    "spaces around a value": GET + b"Host:  \t test.example \t\r\n\r\n",
    "the absolute form": b"GET http://test.example/a HTTP/1.1\r\n" + HOST + b"\r\n",
    "capitals and a port in the host": GET + b"Host: TEST.example:80\r\n\r\n",
    "a later minor version": b"GET /a HTTP/1.2\r\n" + HOST + b"\r\n",
    "an unknown field": GET + HOST + b"X-Unknown: \xe9\r\n\r\n",
}

BAD_CHUNKS = {
    "no size": b"\r\nhello\r\n0\r\n\r\n",
    "a size that is no number": b"5x\r\nhello\r\n0\r\n\r\n",
    "a negative size": b"-5\r\nhello\r\n0\r\n\r\n",
    "a size beyond 64 bits": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "data longer than its size": b"4\r\nhello\r\n0\r\n\r\n",
    "a bare lf after the size": b"5\nhello\r\n0\r\n\r\n",
}


@pytest.fixture
def asked(cdn):
    cdn.origin.page("/a", b"hello", cache="no-store")
    with cdn.client() as c:
        yield c


@pytest.mark.parametrize("request_bytes", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_ambiguous_is_refused(cdn, asked, request_bytes):
    asked.send(request_bytes)
    r = asked.response()
    assert r.status in (400, 501) and asked.is_closed()
    assert cdn.origin.count() == 0


@pytest.mark.parametrize("request_bytes", TOLERATED.values(), ids=TOLERATED.keys())
def test_what_is_plain_is_served(cdn, asked, request_bytes):
    asked.send(request_bytes)
    r = asked.response()
    assert (r.status, r.body) == (200, b"hello")


@pytest.mark.parametrize("body", BAD_CHUNKS.values(), ids=BAD_CHUNKS.keys())
def test_a_broken_chunk_ends_the_connection(asked, body):
    asked.send(POST + b"Transfer-Encoding: chunked\r\n\r\n" + body)
    assert asked.response().status in (400, 502)
    assert asked.is_closed()


def test_nothing_after_a_refused_request_is_served(cdn, asked):
    asked.send(REFUSED["length and chunked"] + GET + HOST + b"\r\n")
    assert asked.response().status == 400
    assert asked.is_closed() and cdn.origin.count() == 0


def test_a_head_that_is_too_large_is_refused(asked):
    asked.send(GET + HOST + b"X: " + b"x" * 300_000 + b"\r\n\r\n")
    assert asked.response().status == 431


def test_a_host_of_no_site_is_misdirected(asked):
    assert asked.get("/a", Host="other.example").status == 421


def test_a_later_major_version_is_not_supported(asked):
    asked.send(b"GET /a HTTP/3.0\r\n" + HOST + b"\r\n")
    assert asked.response().status in (400, 505) and asked.is_closed()


def test_http_1_0_closes_unless_asked_to_stay(asked):
    asked.send(b"GET /a HTTP/1.0\r\n" + HOST + b"\r\n")
    assert asked.response().body == b"hello"
    assert asked.is_closed()


def test_pipelined_requests_are_answered_in_order(cdn, asked):
    cdn.origin.page("/b", b"other", cache="no-store")
    asked.send(GET + HOST + b"\r\n" + b"GET /b HTTP/1.1\r\n" + HOST + b"\r\n")
    assert [asked.response().body, asked.response().body] == [b"hello", b"other"]


def test_a_request_byte_by_byte_is_the_same_request(asked):
    for byte in GET + HOST + b"\r\n":
        asked.send(bytes([byte]))
    assert asked.response().body == b"hello"
