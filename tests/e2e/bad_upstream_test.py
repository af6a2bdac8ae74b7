# SPDX-License-Identifier: MIT
"""An origin that is wrong, slow to break or gone: the client gets an honest status or a broken
connection, never wrong bytes, and nothing of it is kept."""

import pytest

from tests.harness.http1 import Closed

OK = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n"

MALFORMED = {
    "no status line": b"hello\r\n\r\n",
    "a status that is no number": b"HTTP/1.1 2x0 OK\r\n\r\n",
    "a status of two digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "another protocol": b"ICY 200 OK\r\n\r\n",
    "two lengths": OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "length and chunked": OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nhello\r\n0\r\n\r\n",
    "a length that is no number": OK + b"Content-Length: five\r\n\r\nhello",
    "a bare cr": OK + b"X: a\rb\r\nContent-Length: 5\r\n\r\nhello",
    "a space before the colon": OK + b"X : a\r\nContent-Length: 5\r\n\r\nhello",
    "an unknown transfer coding": OK + b"Transfer-Encoding: xchunked\r\n\r\nhello",
    "a head without an end": OK + b"X: a",
    "nothing at all": b"",
    "a head that is too large": OK + b"X: " + b"x" * 1_000_000 + b"\r\n\r\n",
}

CUT = {
    "by length": OK + b"Content-Length: 100\r\n\r\n" + b"x" * 50,
    "by chunk": OK + b"Transfer-Encoding: chunked\r\n\r\n64\r\n" + b"x" * 50,
    "before the last chunk": OK + b"Transfer-Encoding: chunked\r\n\r\n32\r\n" + b"x" * 50 + b"\r\n",
    "by a broken chunk": OK + b"Transfer-Encoding: chunked\r\n\r\n32\r\n" + b"x" * 50
    + b"\r\nxyz\r\n",
}


@pytest.mark.parametrize("answer", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_answer_is_a_bad_gateway(cdn, answer):
    cdn.origin.raw("/a", answer)
    r = cdn.get("/a")
    assert r.status == 502 and r.header("Proxy-Status")
    cdn.origin.page("/a", b"mended", cache="max-age=60")
    assert cdn.get("/a").body == b"mended"


@pytest.mark.parametrize("answer", CUT.values(), ids=CUT.keys())
def test_a_cut_answer_is_never_taken_for_whole(cdn, answer):
    cdn.origin.raw("/a", answer)
    try:
        assert cdn.get("/a").status in (502, 504)
    except (Closed, ConnectionError):
        pass
    cdn.origin.page("/a", b"mended", cache="max-age=60")
    assert cdn.get("/a").body == b"mended"


def test_an_origin_that_is_gone_is_a_bad_gateway(cdn):
    cdn.origin.stop()
    r = cdn.get("/a")
    assert r.status in (502, 504) and r.header("Proxy-Status")


def test_what_is_fresh_outlives_its_origin(cdn):
    cdn.origin.page("/a", b"hello", cache="max-age=60")
    assert cdn.get("/a").body == b"hello"
    cdn.origin.stop()
    r = cdn.get("/a")
    assert r.body == b"hello" and "hit" in r.header("Cache-Status")


def test_an_interim_answer_is_passed_over(cdn):
    cdn.origin.raw("/a", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OK
                   + b"Content-Length: 5\r\n\r\nhello")
    assert cdn.get("/a").body == b"hello"
