# SPDX-License-Identifier: MIT
"""Odd origins, as a table: each row is what the origin sends, byte for byte, and what the client
gets. Nothing truncated, mixed or mislabelled is ever served: a body is the whole one, the part that
its head names, or visibly broken. Each row is asked as a whole, as a range on a cold object, and
again after the origin is mended."""

import gzip
import time
from dataclasses import dataclass

import pytest

from tests.harness.content import Content
from tests.harness.http1 import Closed
from tests.harness.origin import page_of
from tests.harness.programs import Edge

pytestmark = pytest.mark.threads
SIZE = 300_000
BODY = Content(SIZE).read(0, SIZE)
ZIPPED = gzip.compress(BODY)
BAD, BROKEN, WHOLE = (502,), "broken", 200
MORE = ("Cache-Control: max-age=60", 'ETag: "o"')


def head(status, *fields, version="HTTP/1.1"):
    return "\r\n".join([f"{version} {status} Odd", *fields, "", ""]).encode("latin-1")


def ok(*fields, more=MORE):
    return head(200, *more, *fields)


def length(n):
    return f"Content-Length: {n}"


def part(first, last, size=SIZE):
    return f"Content-Range: bytes {first}-{last}/{size}"


def chunked(body, step=7000, end=b"0\r\n\r\n"):
    pieces = [body[at:at + step] for at in range(0, len(body), step)]
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + end


CHUNKED = "Transfer-Encoding: chunked"
FULL = ok(length(SIZE)) + BODY


@dataclass
class Odd:
    """sends: the bytes, after which the connection closes, or a function of the wire. gets: WHOLE,
    BROKEN, or the statuses of an error that may be answered instead."""
    sends: object
    gets: object = WHOLE
    body: bytes = BODY
    patience: str = "60s"       # of the edge, with an origin that says nothing


def slowly(*pieces, pause_s=0.3):
    def send(wire):
        for piece in pieces:
            wire.send(piece)
            time.sleep(pause_s)
    return send


def cut(data, at):
    return Odd(data[:at], BROKEN if at >= data.index(b"\r\n\r\n") + 4 else BAD)


CASES = {
    # framing that is allowed, if unusual
    "a length": Odd(FULL),
    "no length, until the end": Odd(ok("Connection: close") + BODY),
    "no length and no Connection": Odd(ok() + BODY),
    "HTTP/1.0 with a length": Odd(head(200, *MORE, length(SIZE), version="HTTP/1.0") + BODY),
    "HTTP/1.0 without a length": Odd(head(200, *MORE, version="HTTP/1.0") + BODY),
    "chunked": Odd(ok(CHUNKED) + chunked(BODY)),
    "chunked in one piece": Odd(ok(CHUNKED) + chunked(BODY, SIZE)),
    "chunked in small pieces": Odd(ok(CHUNKED) + chunked(BODY, 97)),
    "chunk extensions": Odd(ok(CHUNKED) + b"%x;a=b\r\n" % SIZE + BODY + b"\r\n0;c\r\n\r\n"),
    "trailers": Odd(ok(CHUNKED) + chunked(BODY, end=b"0\r\nX-Sum: 1\r\n\r\n")),
    "upper-case chunk sizes": Odd(ok(CHUNKED) + b"%X\r\n" % SIZE + BODY + b"\r\n0\r\n\r\n"),
    "leading zeros in a chunk size": Odd(ok(CHUNKED) + b"000%x\r\n" % SIZE + BODY
                                         + b"\r\n0\r\n\r\n"),
    "the same length twice": Odd(ok(length(SIZE), length(SIZE)) + BODY, (200, 502)),
    "an empty body": Odd(ok(length(0)), body=b""),
    "an empty chunked body": Odd(ok(CHUNKED) + b"0\r\n\r\n", body=b""),
    "an empty reason": Odd(b"HTTP/1.1 200 \r\n" + FULL.split(b"\r\n", 1)[1]),
    "lower-case names": Odd(head(200, "cache-control: max-age=60", 'etag: "o"',
                                 f"content-length: {SIZE}") + BODY),
    "spaces around values": Odd(head(200, "Cache-Control:  max-age=60  ",
                                     f"Content-Length: {SIZE} ") + BODY),
    # interim answers
    "a 103": Odd(head(103, "Link: </x>") + FULL),
    "a hundred interim answers": Odd(head(103, "Link: </x>") * 100 + FULL, (200, 502)),
    "a 100 that nobody asked for": Odd(head(100) + FULL),
    "a 102": Odd(head(102) + FULL),
    "a 101 that nobody asked for": Odd(head(101, "Upgrade: x") + FULL, BAD),
    # validators
    "a weak tag": Odd(ok(length(SIZE), more=("Cache-Control: max-age=60", 'ETag: W/"o"')) + BODY),
    "no validator": Odd(ok(length(SIZE), more=("Cache-Control: max-age=60",)) + BODY),
    "a tag without quotes": Odd(ok(length(SIZE), more=("Cache-Control: max-age=60", "ETag: o"))
                                + BODY),
    "two tags": Odd(ok(length(SIZE), 'ETag: "p"') + BODY),
    "a Last-Modified in the future": Odd(ok(
        length(SIZE), more=("Cache-Control: max-age=60",
                            "Last-Modified: Fri, 01 Jan 2090 00:00:00 GMT")) + BODY),
    "a Last-Modified that is no date": Odd(ok(
        length(SIZE), more=("Cache-Control: max-age=60", "Last-Modified: yesterday")) + BODY),
    # lengths that lie
    "more than its length": Odd(ok(length(1000)) + BODY, body=BODY[:1000]),
    "garbage after the body": Odd(FULL + b"garbage" * 100),
    "garbage after the last chunk": Odd(ok(CHUNKED) + chunked(BODY) + b"garbage"),
    "another answer after the body": Odd(FULL + FULL),
    "less than its length": Odd(ok(length(SIZE + 1)) + BODY, BROKEN),
    "a negative length": Odd(ok("Content-Length: -1") + BODY, BAD),
    "a length with a sign": Odd(ok(f"Content-Length: +{SIZE}") + BODY, BAD),
    "a length in hex": Odd(ok(f"Content-Length: 0x{SIZE:x}") + BODY, BAD),
    "a length beyond 64 bits": Odd(ok("Content-Length: " + "9" * 30) + BODY, BAD),
    "two lengths in one field": Odd(ok(f"Content-Length: {SIZE}, {SIZE + 1}") + BODY, BAD),
    "two lengths in two fields": Odd(ok(length(SIZE), length(SIZE - 1)) + BODY, BAD),
    "length and chunked": Odd(ok(length(SIZE), CHUNKED) + chunked(BODY), BAD),
    "chunked twice": Odd(ok("Transfer-Encoding: chunked, chunked") + chunked(BODY), BAD),
    "a coding after chunked": Odd(ok("Transfer-Encoding: chunked, gzip") + chunked(BODY), BAD),
    "chunked over HTTP/1.0": Odd(head(200, *MORE, CHUNKED, version="HTTP/1.0") + chunked(BODY),
                                 (200, 502)),
    "a chunk size that is no number": Odd(ok(CHUNKED) + b"xyz\r\n" + BODY, BROKEN),
    "a chunk size beyond 64 bits": Odd(ok(CHUNKED) + b"f" * 30 + b"\r\n" + BODY, BROKEN),
    "a chunk longer than its size": Odd(ok(CHUNKED) + b"5\r\nabcdefgh\r\n0\r\n\r\n", BROKEN),
    "a bare lf after a chunk": Odd(ok(CHUNKED) + b"5\r\nabcde\n0\r\n\r\n", BROKEN, b"abcde"),
    # parts that nobody asked for, or other ones
    "206 to a plain GET": Odd(head(206, *MORE, length(100), part(0, 99)) + BODY[:100], BAD),
    "206 to a plain GET with the whole": Odd(
        head(206, *MORE, length(SIZE), part(0, SIZE - 1)) + BODY, (200, 502)),
    "206 without Content-Range": Odd(head(206, *MORE, length(100)) + BODY[:100], BAD),
    "206 of another range": Odd(head(206, *MORE, length(100), part(5, 104)) + BODY[5:105], BAD),
    "206 whose range is longer than its size": Odd(
        head(206, *MORE, length(SIZE), part(0, SIZE - 1, 100)) + BODY, BAD),
    "206 of several ranges": Odd(
        head(206, *MORE, "Content-Type: multipart/byteranges; boundary=b", length(6)) + b"--b--\n",
        BAD),
    "416 to a plain GET": Odd(head(416, length(0), f"Content-Range: bytes */{SIZE}"), (416, 502)),
    "304 without a condition": Odd(head(304, *MORE), BAD),
    "204 with a length": Odd(head(204, length(5)) + b"hello", (204, 502)),
    # codings
    "gzip that nobody asked for": Odd(ok("Content-Encoding: gzip", length(len(ZIPPED))) + ZIPPED,
                                      body=ZIPPED),
    "gzip with Vary": Odd(ok("Content-Encoding: gzip", "Vary: Accept-Encoding",
                             length(len(ZIPPED))) + ZIPPED, body=ZIPPED),
    "gzip that is none": Odd(ok("Content-Encoding: gzip", length(SIZE)) + BODY),
    "an unknown content coding": Odd(ok("Content-Encoding: zz", length(SIZE)) + BODY),
    # heads
    "a bare cr in a value": Odd(ok("X: a\rb", length(SIZE)) + BODY, BAD),
    "a zero byte in a value": Odd(ok("X: a\0b", length(SIZE)) + BODY, BAD),
    "a folded value": Odd(ok("X: a\r\n b", length(SIZE)) + BODY, (200, 502)),
    "a name with a space": Odd(ok("X Y: a", length(SIZE)) + BODY, BAD),
    "an empty name": Odd(ok(": a", length(SIZE)) + BODY, BAD),
    "a status of four digits": Odd(b"HTTP/1.1 2000 OK\r\n\r\n", BAD),
    "HTTP/2.0 in a status line": Odd(head(200, length(SIZE), version="HTTP/2.0") + BODY, BAD),
    # time
    "a slow head": Odd(slowly(FULL[:20], FULL[20:60], FULL[60:])),
    "a slow body": Odd(slowly(FULL[:1000], FULL[1000:100_000], FULL[100_000:])),
    "a head that never ends": Odd(slowly(FULL[:30], pause_s=3), (502, 504), patience="1500ms"),
    "silence": Odd(slowly(b"", pause_s=3), (502, 504), patience="1500ms"),
    "a body that stops": Odd(slowly(FULL[:100_000], pause_s=4), BROKEN, patience="1500ms"),
    # cuts
    "cut before the first byte": cut(FULL, 0),
    "cut in the status line": cut(FULL, 9),
    "cut in a field": cut(FULL, 40),
    "cut before the empty line": cut(FULL, FULL.index(b"\r\n\r\n") + 2),
    "cut before the body": cut(FULL, FULL.index(b"\r\n\r\n") + 4),
    "cut after a byte of the body": cut(FULL, FULL.index(b"\r\n\r\n") + 5),
    "cut in the middle of the body": cut(FULL, len(FULL) // 2),
    "cut before the last byte": cut(FULL, len(FULL) - 1),
    "cut in a chunk": Odd((ok(CHUNKED) + chunked(BODY))[:100_000], BROKEN),
    "cut in a chunk size": Odd(ok(CHUNKED) + chunked(BODY, end=b"")[:-2] + b"\r\n1", BROKEN),
    "cut before the last chunk": Odd(ok(CHUNKED) + chunked(BODY, end=b""), BROKEN),
    "cut in the trailers": Odd(ok(CHUNKED) + chunked(BODY, end=b"0\r\nX: a"), BROKEN),
}


def script(odd):
    def send(request, wire):
        if callable(odd.sends):
            odd.sends(wire)
        else:
            wire.send(odd.sends)
        wire.close()
    return send


@pytest.fixture
def odd_cdn(run, origin, tmp_path, odd):
    edge = run(Edge(tmp_path, [origin.url], site={
        "first_byte_timeout": odd.patience, "stall_timeout": odd.patience,
        "resume_timeout": "500ms"}))
    return origin, edge


def ask(edge, **fields):
    """(status, head, body, whether it came whole)"""
    with edge.client() as c:
        c.send_request("GET", "/odd", **fields)
        r = c.head()
        try:
            return r.status, r, c.body_of(r), True
        except TimeoutError:
            raise    # who answers odd things is given up, not waited for
        except (Closed, OSError) as error:
            return r.status, r, getattr(error, "got", b""), False


def check_whole(odd, status, body, is_whole):
    if odd.gets == BROKEN:
        refused = status in (502, 504)
        assert refused or not is_whole
        assert refused or odd.body.startswith(body) or len(body) < 100
    elif status == 200:
        assert odd.gets == WHOLE or 200 in odd.gets
        assert is_whole and body == odd.body
    else:
        assert odd.gets != WHOLE and status in odd.gets


@pytest.mark.parametrize("odd", CASES.values(), ids=CASES.keys())
def test_the_whole_is_whole_or_an_error(odd_cdn, odd):
    origin, edge = odd_cdn
    origin.on("/odd", script(odd))
    status, _, body, is_whole = ask(edge)
    check_whole(odd, status, body, is_whole)
    if odd.gets in (BAD, BROKEN):
        origin.on("/odd", page_of(b"mended", cache="max-age=60"))
        until = time.monotonic() + 60
        while ask(edge)[2] != b"mended":
            assert time.monotonic() < until
            time.sleep(0.1)


@pytest.mark.parametrize("odd", CASES.values(), ids=CASES.keys())
def test_a_range_is_that_range_or_an_error(odd_cdn, odd):
    """The same origins, which all disregard that a range is asked."""
    origin, edge = odd_cdn
    origin.on("/odd", script(odd))
    status, r, body, is_whole = ask(edge, Range="bytes=10-19")
    if status == 206 and is_whole:
        assert r.header("Content-Range").startswith("bytes 10-19/")
        assert body == odd.body[10:20]
        assert odd.gets != BAD or odd.sends.startswith(b"HTTP/1.1 206")    # of a part that has it
    elif status == 200 and is_whole:
        assert body == odd.body and odd.gets not in (BAD, BROKEN)
    else:
        assert not is_whole or status in (502, 504, 416, 204)


def test_an_origin_that_gives_less_of_each_range_is_asked_for_the_rest(run, origin, tmp_path):
    """RFC 9110 s.15.3.7: it may. The object ends before the block that the edge asks for."""
    most = 70_000

    def send(request, wire):
        first, last = request.header("Range").removeprefix("bytes=").split("-")
        first, last = int(first), min(int(last), int(first) + most - 1, SIZE - 1)
        wire.send(head(206, *MORE, length(last + 1 - first), part(first, last))
                  + BODY[first:last + 1])
        wire.close()
    origin.on("/odd", send)
    edge = run(Edge(tmp_path, [origin.url]))
    status, _, body, is_whole = ask(edge, Range="bytes=10-250000")
    assert (status, is_whole) == (206, True) and body == BODY[10:250_001]
    assert origin.count("/odd") > 250_000 // most
